// SPDX-License-Identifier: MIT
#include "config/plan_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "engine/base/mem.h"
#include "engine/base/utf7.h"

enum {
	WHERE_BYTES = 192
};

struct raw_rename {
	const struct plan_yaml_node *from, *to;
};

static const struct raw_rename no_rename;
static const struct plan_schema_key rename_keys[] = {
    {.name = "from",
	.type = PLAN_SCHEMA_TEXT,
	.offset = offsetof(struct raw_rename, from),
	.is_required = true,
	.doc = "pattern of the names on the source"},
    {.name = "to",
	.type = PLAN_SCHEMA_TEXT,
	.offset = offsetof(struct raw_rename, to),
	.is_required = true,
	.doc = "name on the target; * is what the first * matched"},
};
const struct plan_schema plan_names_rename_schema = {
    rename_keys, ARRAY_LEN(rename_keys), &no_rename};

/* Can a name that LIST says match it? That is ASCII, and an `&` begins a run;
 * a wildcard may stand for a part of one. */
static bool is_as_listed(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p >= 0x80)
			return false;
	return strpbrk(text, "*?%") || utf7_is_valid(text, strlen(text));
}

static void check_letters(const struct plan_build *b,
    const struct plan_yaml_node *n, const char *where, const char *key)
{
	if (is_as_listed(n->text))
		return;
	char *name = utf7_encode(n->text, strlen(n->text));
	char *hint = arena_printf(b->arena,
	    "write it in modified UTF-7, as servers list it: \"%s\"",
	    name ? name : "&AMk-l&AOk-ments");
	free(name);
	plan_diag_add(b->diag, "W0219", n->place, n->width, hint,
	    "%s.%s has letters that do not stand in the names that servers list",
	    where, key);
}

void plan_names_add(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, const char *key, char ***list, size_t *count)
{
	const struct plan_yaml_node *const single[] = {n};
	const struct plan_yaml_node *const *items = single;
	size_t more = 1, used = *count;

	if (!n)
		return;
	if (n->kind == PLAN_YAML_LIST) {
		items = n->items;
		more = n->count;
	}
	char **all = arena_array(b->arena, used + more, sizeof(char *));
	for (size_t i = 0; i < used; i++)
		all[i] = (*list)[i];
	for (size_t i = 0; i < more; i++) {
		if (!plan_schema_is_text(items[i], where, key, b->diag))
			continue;
		check_letters(b, items[i], where, key);
		all[used++] = items[i]->text;
	}
	*list = all;
	*count = used;
}

static const char *rename_problem(
    const struct raw_rename *r, const char **hint_out)
{
	const char *star = strchr(r->to->text, '*');

	*hint_out =
	    "in the new name one * stands for what the first * of the old one matched";
	if (star && !strchr(r->from->text, '*'))
		return "the new name has a *, the old one has none";
	if (star && strchr(star + 1, '*'))
		return "the new name has more than one *";
	return NULL;
}

/* The first rule that matches counts: an equal one behind it never does. */
static void check_rename(const struct plan_build *b, const struct raw_rename *r,
    const struct raw_rename *before, size_t count)
{
	const char *hint = NULL;
	const char *problem = rename_problem(r, &hint);

	if (problem)
		plan_diag_add(b->diag, "E0217", r->to->place, r->to->width,
		    hint, "%s", problem);
	for (size_t i = 0; i < count; i++) {
		if (!before[i].from ||
		    strcmp(before[i].from->text, r->from->text) != 0)
			continue;
		plan_diag_add(b->diag, "E0217", r->from->place, r->from->width,
		    "the first rule that matches counts: remove one of them",
		    "\"%s\" is renamed twice", r->from->text);
		plan_diag_also(b->diag, before[i].from->place, "the other one");
		break;
	}
}

static void read_rename(struct plan_build *b, const struct plan_yaml_node *n,
    const char *path, struct raw_rename *all, size_t index)
{
	struct raw_rename *r = &all[index];
	size_t before = plan_diag_errors(b->diag);

	plan_schema_read(&plan_names_rename_schema, n, path, b->diag, r);
	if (r->from && r->to) {
		check_letters(b, r->from, path, "from");
		check_rename(b, r, all, index);
	} else if (plan_diag_errors(b->diag) == before) {
		plan_diag_add(b->diag, "E0102", n->place, n->width,
		    "{from: OLD, to: NEW}", "%s needs from and to", path);
	}
}

void plan_names_add_renames(struct plan_build *b,
    const struct plan_yaml_node *n, const char *where, const char *key,
    struct plan_options *o)
{
	char path[WHERE_BYTES];
	const struct plan_rename *old = o->rename_mailbox;
	size_t olds = o->rename_mailboxes, used = 0;

	if (!n || !plan_schema_is_list(n, where, key, b->diag))
		return;
	struct raw_rename *all = arena_array(b->arena, n->count, sizeof(*all));
	struct plan_rename *rules =
	    arena_array(b->arena, n->count + olds, sizeof(*rules));
	for (size_t i = 0; i < n->count; i++) {
		(void)snprintf(path, sizeof(path), "%s.%s[%zu]", where, key, i);
		read_rename(b, n->items[i], path, all, i);
		if (all[i].from && all[i].to)
			rules[used++] = (struct plan_rename){
			    all[i].from->text, all[i].to->text};
	}
	for (size_t i = 0; i < olds; i++)
		rules[used++] = old[i];
	o->rename_mailbox = rules;
	o->rename_mailboxes = used;
}

bool plan_names_check_prefix(const struct plan_build *b,
    const struct plan_yaml_node *n, const char *where, const char *prefix)
{
	check_letters(b, n, where, "prefix");
	if (!strpbrk(prefix, "*%"))
		return true;
	plan_diag_add(b->diag, "E0218", n->place, n->width,
	    "a prefix is text; options.list takes patterns",
	    "%s.prefix must not hold wildcards", where);
	return false;
}
