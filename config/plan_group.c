// SPDX-License-Identifier: MIT
#include "config/plan_group.h"

#include <stdio.h>
#include <string.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_options.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "config/value.h"
#include "engine/base/mem.h"

enum {
	NAME_MAX_BYTES = 64,
	WHERE_BYTES = NAME_MAX_BYTES + 16,
	HINT_BYTES = 256
};

struct raw {
	const struct plan_yaml_node *source, *target, *options;
	uint32_t priority, verify;
};

#define AT(field) offsetof(struct raw, field)
#define PART(key, schema, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_NODE, .offset = AT(key), \
		.shape = PLAN_SCHEMA_SHAPE_MAP, .sub = schema, .doc = what \
	}

static const struct raw builtin = {.priority = PLAN_NO_LIMIT};
static const struct plan_schema_key group_keys[] = {
    {.name = "priority",
	.type = PLAN_SCHEMA_UINT,
	.offset = AT(priority),
	.max = PLAN_ACCOUNT_PRIORITY_MAX,
	.doc = "of its accounts; greater ones come first"},
    PART(source, &plan_side_schema, "where its accounts come from"),
    PART(target, &plan_side_schema, "where they go"),
    PART(options, &plan_options_schema, "how they are copied"),
};
const struct plan_schema plan_group_schema = {
    group_keys, ARRAY_LEN(group_keys), &builtin};

/* In the order of enum plan_verify. */
static const char *const levels[] = {"none", "count", "digest", "body", NULL};
static const struct plan_schema_key pass_keys[] = {
    PART(options, &plan_options_schema, "how accounts are copied in this pass"),
    {.name = "verify",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(verify),
	.words = levels,
	.doc = "how the copy is compared afterwards"},
};
const struct plan_schema plan_group_pass_schema = {
    pass_keys, ARRAY_LEN(pass_keys), &builtin};

/* It stands on command lines and in file names. */
static void check_name(
    struct plan_build *b, const struct plan_yaml_node *key, const char *what)
{
	static const char known[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (key->len > NAME_MAX_BYTES || key->text[0] == '-' ||
	    key->text[0] == '.' || key->text[strspn(key->text, known)])
		plan_diag_add(b->diag, "E0220", key->place, key->width,
		    "1 to 64 letters, digits and . _ -, neither . nor - in front",
		    "this cannot be the name of a %s", what);
}

static void read_group(
    struct plan_build *b, const struct plan_yaml_pair *pair, size_t index)
{
	struct plan_group *group = &b->plan->groups[index];
	struct raw raw = builtin;
	char where[WHERE_BYTES];

	check_name(b, pair->key, "group");
	(void)snprintf(where, sizeof(where), "groups.%s", pair->key->text);
	plan_schema_read(&plan_group_schema, pair->value, where, b->diag, &raw);
	*group = (struct plan_group){.name = pair->key->text,
	    .has_priority = raw.priority != PLAN_NO_LIMIT,
	    .priority = raw.priority,
	    .place = pair->key->place,
	    .map = pair->value};
	if (!group->has_priority)
		group->priority = 0;
	plan_account_read_layer(b,
	    &(const struct plan_account_layer_nodes){
		raw.source, raw.target, raw.options},
	    where, &b->groups[index]);
}

void plan_group_read(struct plan_build *b, const struct plan_yaml_node *map)
{
	struct plan *plan = b->plan;

	if (!map || !plan_schema_is_map(map, "groups", "", b->diag))
		return;
	plan->groups = arena_array(b->arena, map->count, sizeof(*plan->groups));
	b->groups = arena_array(b->arena, map->count, sizeof(*b->groups));
	for (size_t i = 0; i < map->count; i++)
		read_group(b, &map->pairs[i], i);
	// a group may not see those that are not read yet
	plan->group_count = map->count;
}

static void read_pass(struct plan_build *b, const struct plan_yaml_pair *pair,
    struct plan_pass *pass, const char *chosen)
{
	struct raw raw = builtin;
	struct plan_options checked;
	char where[WHERE_BYTES], path[WHERE_BYTES + 16];

	check_name(b, pair->key, "pass");
	(void)snprintf(where, sizeof(where), "passes.%s", pair->key->text);
	plan_schema_read(
	    &plan_group_pass_schema, pair->value, where, b->diag, &raw);
	(void)snprintf(path, sizeof(path), "%s.options", where);
	plan_options_init(&checked);
	plan_options_read(b, raw.options, path, &checked);
	*pass = (struct plan_pass){.name = pair->key->text,
	    .verify = (enum plan_verify)raw.verify,
	    .place = pair->key->place,
	    .map = pair->value};
	if (!chosen || strcmp(pass->name, chosen) != 0)
		return;
	b->plan->pass = pass;
	b->pass_options = raw.options;
	b->pass_options_name = arena_strdup(b->arena, path);
}

static void no_such_pass(struct plan_build *b, const char *chosen)
{
	const struct plan *plan = b->plan;
	char hint[HINT_BYTES] = "the plan has no passes";
	size_t used = 0;

	for (size_t i = 0; i < plan->pass_count; i++) {
		int n = snprintf(hint + used, sizeof(hint) - used, "%s%s",
		    i ? ", " : "passes of the plan: ", plan->passes[i].name);
		if (n < 0 || (size_t)n >= sizeof(hint) - used)
			break;
		used += (size_t)n;
	}
	plan_diag_add(b->diag, "E0222", (struct plan_place){plan->path, 0, 0},
	    1, hint, "there is no pass \"%s\"", chosen);
}

void plan_group_read_passes(
    struct plan_build *b, const struct plan_yaml_node *map, const char *chosen)
{
	struct plan *plan = b->plan;

	if (map && plan_schema_is_map(map, "passes", "", b->diag)) {
		plan->passes =
		    arena_array(b->arena, map->count, sizeof(*plan->passes));
		for (size_t i = 0; i < map->count; i++)
			read_pass(b, &map->pairs[i],
			    &plan->passes[plan->pass_count++], chosen);
	}
	if (chosen && !plan->pass)
		no_such_pass(b, chosen);
}
