// SPDX-License-Identifier: MIT
#include "config/plan_keys.h"

#include <stdio.h>
#include <string.h>

#include "config/plan.h"
#include "config/plan_build.h"
#include "config/plan_options.h"
#include "config/plan_schema.h"
#include "config/plan_secret.h"
#include "config/plan_side.h"
#include "engine/base/mem.h"

/* What stands in several places has a section of its own. */
static const struct {
	const struct plan_schema *schema;
	const char *name;
} shared[] = {
    {&plan_options_schema, "options"},
    {&plan_side_schema, "side"},
    {&plan_secret_schema, "secret"},
};

struct walk {
	void (*visit)(const struct plan_keys_item *item);
	char range[PLAN_KEYS_TEXT_BYTES], value[PLAN_KEYS_TEXT_BYTES];
	char kind[PLAN_KEYS_TEXT_BYTES];
};

static const char *shared_name(const struct plan_schema *schema)
{
	for (size_t i = 0; schema && i < ARRAY_LEN(shared); i++)
		if (shared[i].schema == schema)
			return shared[i].name;
	return NULL;
}

/* "1h30m" */
static void put_duration(char out[PLAN_KEYS_TEXT_BYTES], uint64_t ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000},
	    {"ms", 1}};

	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ms / units[i].ms > 0)
			used += (size_t)snprintf(out + used,
			    PLAN_KEYS_TEXT_BYTES - used, "%llu%s",
			    (unsigned long long)(ms / units[i].ms),
			    units[i].name);
		ms %= units[i].ms;
	}
	if (used == 0)
		(void)snprintf(out, PLAN_KEYS_TEXT_BYTES, "0s");
}

static void put_words(struct walk *w, const struct plan_schema_key *key)
{
	size_t used = 0;

	w->kind[0] = '\0';
	for (size_t i = 0; key->words[i] && used < sizeof(w->kind); i++)
		used += (size_t)snprintf(w->kind + used, sizeof(w->kind) - used,
		    "%s%s", i ? " | " : "", key->words[i]);
}

static const char *kind_of_type(
    struct walk *w, const struct plan_schema_key *key)
{
	switch (key->type) {
	case PLAN_SCHEMA_BOOL:
		return "true | false";
	case PLAN_SCHEMA_SWITCH:
		return "auto | true | false";
	case PLAN_SCHEMA_UINT:
	case PLAN_SCHEMA_FACTOR:
		return "number";
	case PLAN_SCHEMA_DURATION:
		return "duration";
	case PLAN_SCHEMA_MIB:
	case PLAN_SCHEMA_SIZE:
		return "size";
	case PLAN_SCHEMA_RATE:
		return "rate";
	case PLAN_SCHEMA_DAYS:
		return "days";
	case PLAN_SCHEMA_CLOCK:
		return "time of day";
	case PLAN_SCHEMA_PERCENT:
		return "percentage";
	case PLAN_SCHEMA_WORD:
		put_words(w, key);
		return w->kind;
	case PLAN_SCHEMA_NODE:
	case PLAN_SCHEMA_ANY:
	case PLAN_SCHEMA_TEXT:
	case PLAN_SCHEMA_STRING:
	case PLAN_SCHEMA_MAP:
	case PLAN_SCHEMA_PLANNED:
		break;
	}
	return "text";
}

static const char *kind_of(struct walk *w, const struct plan_schema_key *key)
{
	const char *name = shared_name(key->sub);

	switch (key->shape) {
	case PLAN_SCHEMA_SHAPE_VALUE:
		return kind_of_type(w, key);
	case PLAN_SCHEMA_SHAPE_MAP:
		return name ? name : "mapping";
	case PLAN_SCHEMA_SHAPE_NAMED:
		return "mapping by name";
	case PLAN_SCHEMA_SHAPE_LIST:
		return "list";
	case PLAN_SCHEMA_SHAPE_TEXTS:
		return "list of texts";
	case PLAN_SCHEMA_SHAPE_ONE_OR_MORE:
		return "text or list of texts";
	case PLAN_SCHEMA_SHAPE_SECRET:
		return "text or secret";
	case PLAN_SCHEMA_SHAPE_HOOK:
		return "list of texts, or mapping";
	case PLAN_SCHEMA_SHAPE_RATES:
		return "rate or list";
	case PLAN_SCHEMA_SHAPE_VERSION:
		return "1";
	}
	return "text";
}

/* Numbers that fill 32 bits mean that there is no end. */
static void put_range(struct walk *w, const struct plan_schema_key *key)
{
	char min[PLAN_KEYS_TEXT_BYTES], max[PLAN_KEYS_TEXT_BYTES];

	w->range[0] = '\0';
	if (key->type == PLAN_SCHEMA_MIB) {
		(void)snprintf(w->range, sizeof(w->range), "at most %lluMiB",
		    (unsigned long long)key->max);
	} else if (key->type == PLAN_SCHEMA_DURATION) {
		put_duration(min, key->min);
		put_duration(max, key->max);
		(void)snprintf(
		    w->range, sizeof(w->range), "%.64s to %.64s", min, max);
	} else if (key->type == PLAN_SCHEMA_UINT ||
		   key->type == PLAN_SCHEMA_FACTOR) {
		if (key->max >= UINT32_MAX - 1)
			(void)snprintf(w->range, sizeof(w->range),
			    "%llu or more", (unsigned long long)key->min);
		else
			(void)snprintf(w->range, sizeof(w->range),
			    "%llu to %llu", (unsigned long long)key->min,
			    (unsigned long long)key->max);
	}
}

/* A number outside of the range means that there is none. */
static void put_small(
    struct walk *w, const struct plan_schema_key *key, uint32_t n)
{
	static const char *const switches[] = {"auto", "true", "false"};
	size_t words = 0;

	while (key->words && key->words[words])
		words++;
	if (key->type == PLAN_SCHEMA_WORD && n < words)
		(void)snprintf(w->value, sizeof(w->value), "%s", key->words[n]);
	else if (key->type == PLAN_SCHEMA_SWITCH && n < ARRAY_LEN(switches))
		(void)snprintf(w->value, sizeof(w->value), "%s", switches[n]);
	else if (key->type == PLAN_SCHEMA_MIB && n > 0)
		(void)snprintf(w->value, sizeof(w->value), "%uMiB", n);
	else if (key->type == PLAN_SCHEMA_PERCENT && n <= 100)
		(void)snprintf(w->value, sizeof(w->value), "%u%%", n);
	else if (key->type == PLAN_SCHEMA_UINT && n >= key->min &&
		 n <= key->max)
		(void)snprintf(w->value, sizeof(w->value), "%u", n);
}

static void put_value(struct walk *w, const struct plan_schema_key *key,
    const struct plan_schema *schema)
{
	const char *at;
	uint64_t large = 0;
	uint32_t small = 0;
	double factor = 0;
	bool flag = false;

	w->value[0] = '\0';
	if (!schema->builtin)
		return;
	at = (const char *)schema->builtin + key->offset;
	switch (key->type) {
	case PLAN_SCHEMA_BOOL:
		memcpy(&flag, at, sizeof(flag));
		(void)snprintf(
		    w->value, sizeof(w->value), "%s", flag ? "true" : "false");
		return;
	case PLAN_SCHEMA_SWITCH:
	case PLAN_SCHEMA_UINT:
	case PLAN_SCHEMA_MIB:
	case PLAN_SCHEMA_PERCENT:
	case PLAN_SCHEMA_WORD:
		memcpy(&small, at, sizeof(small));
		put_small(w, key, small);
		return;
	case PLAN_SCHEMA_DURATION:
		memcpy(&large, at, sizeof(large));
		if (large >= key->min && large <= key->max)
			put_duration(w->value, large);
		return;
	case PLAN_SCHEMA_FACTOR:
		memcpy(&factor, at, sizeof(factor));
		(void)snprintf(w->value, sizeof(w->value), "%g", factor);
		return;
	case PLAN_SCHEMA_SIZE: // none is built in
	case PLAN_SCHEMA_RATE:
	case PLAN_SCHEMA_DAYS:
	case PLAN_SCHEMA_CLOCK:
	case PLAN_SCHEMA_NODE:
	case PLAN_SCHEMA_ANY:
	case PLAN_SCHEMA_TEXT:
	case PLAN_SCHEMA_STRING:
	case PLAN_SCHEMA_MAP:
	case PLAN_SCHEMA_PLANNED:
		return;
	}
}

static void give(struct walk *w, const struct plan_schema *schema,
    const struct plan_schema_key *key, const char *path)
{
	put_range(w, key);
	put_value(w, key, schema);
	w->visit(&(struct plan_keys_item){
	    .key = key,
	    .path = path,
	    .kind = kind_of(w, key),
	    .is_words = key->shape == PLAN_SCHEMA_SHAPE_VERSION ||
			(key->shape == PLAN_SCHEMA_SHAPE_VALUE &&
			    (key->type == PLAN_SCHEMA_WORD ||
				key->type == PLAN_SCHEMA_BOOL ||
				key->type == PLAN_SCHEMA_SWITCH)),
	    .range = w->range,
	    .value = w->value,
	});
}

/* What stands between the name of a key and those inside of it; NULL: its
 * inside is not told here. */
static const char *inside(const struct plan_schema_key *key)
{
	if (!key->sub || shared_name(key->sub))
		return NULL;
	switch (key->shape) {
	case PLAN_SCHEMA_SHAPE_MAP:
	case PLAN_SCHEMA_SHAPE_HOOK:
		return ".";
	case PLAN_SCHEMA_SHAPE_LIST:
	case PLAN_SCHEMA_SHAPE_RATES:
		return "[].";
	case PLAN_SCHEMA_SHAPE_VALUE:
	case PLAN_SCHEMA_SHAPE_NAMED:
	case PLAN_SCHEMA_SHAPE_TEXTS:
	case PLAN_SCHEMA_SHAPE_ONE_OR_MORE:
	case PLAN_SCHEMA_SHAPE_SECRET:
	case PLAN_SCHEMA_SHAPE_VERSION:
		break;
	}
	return NULL;
}

/* A mapping says nothing that its keys do not say. */
static bool is_told(const struct plan_schema_key *key, bool is_flat)
{
	return is_flat || key->shape != PLAN_SCHEMA_SHAPE_MAP ||
	       shared_name(key->sub);
}

// tables of the program, four deep at most
// NOLINTNEXTLINE(misc-no-recursion)
static void walk_schema(struct walk *w, const struct plan_schema *schema,
    const char *prefix, bool is_flat)
{
	for (size_t i = 0; i < schema->count; i++) {
		const struct plan_schema_key *key = &schema->keys[i];
		char path[PLAN_KEYS_TEXT_BYTES];

		if (key->type == PLAN_SCHEMA_PLANNED)
			continue;
		(void)snprintf(path, sizeof(path), "%s%s", prefix, key->name);
		if (is_told(key, is_flat))
			give(w, schema, key, path);
		if (is_flat || !inside(key))
			continue;
		(void)snprintf(path, sizeof(path), "%s%s%s", prefix, key->name,
		    inside(key));
		walk_schema(w, key->sub, path, false);
	}
}

bool plan_keys_walk(
    const char *section, void (*visit)(const struct plan_keys_item *item))
{
	struct walk w = {.visit = visit};
	char prefix[PLAN_KEYS_TEXT_BYTES] = "";

	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (strcmp(shared[i].name, section) == 0) {
			walk_schema(&w, shared[i].schema, "", false);
			return true;
		}
	if (!section[0]) {
		walk_schema(&w, &plan_top_schema, "", true);
		return true;
	}
	const struct plan_schema_key *key =
	    plan_schema_find(&plan_top_schema, section);
	if (!key || !key->sub)
		return false;
	if (key->shape == PLAN_SCHEMA_SHAPE_MAP)
		(void)snprintf(prefix, sizeof(prefix), "%s.", section);
	walk_schema(&w, key->sub, prefix, false);
	return true;
}
