// SPDX-License-Identifier: MIT
#include "config/plan_json_schema.h"

#include <string.h>

#include "config/json_out.h"
#include "config/plan_account.h"
#include "config/plan_build.h"
#include "config/plan_options.h"
#include "config/plan_schema.h"
#include "config/plan_secret.h"
#include "engine/base/mem.h"

/* What stands in several places is written once. */
static const struct {
	const struct plan_schema *schema;
	const char *name, *reference;
} shared[] = {
    {&plan_options_schema, "options", "#/$defs/options"},
    {&plan_side_schema, "side", "#/$defs/side"},
    {&plan_secret_schema, "secret", "#/$defs/secret"},
};

static void put_object(struct json_out *o, const struct plan_schema *schema);

static void put_types(struct json_out *o, const char *one, const char *two)
{
	json_out_open(o, "type", '[');
	json_out_text(o, NULL, one);
	if (two)
		json_out_text(o, NULL, two);
	json_out_text(o, NULL, "null");
	json_out_close(o);
}

static void put_pattern(struct json_out *o, const char *pattern)
{
	put_types(o, "string", NULL);
	json_out_text(o, "pattern", pattern);
}

static void put_range(struct json_out *o, const struct plan_schema_key *key)
{
	json_out_number(o, "minimum", key->min);
	json_out_number(o, "maximum", key->max);
}

static void put_words(struct json_out *o, const struct plan_schema_key *key)
{
	json_out_open(o, "enum", '[');
	for (size_t i = 0; key->words[i]; i++)
		json_out_text(o, NULL, key->words[i]);
	json_out_null(o, NULL);
	json_out_close(o);
}

static void put_switch(struct json_out *o)
{
	json_out_open(o, "enum", '[');
	json_out_text(o, NULL, "auto");
	json_out_bool(o, NULL, true);
	json_out_bool(o, NULL, false);
	json_out_null(o, NULL);
	json_out_close(o);
}

#define SIZE "^[0-9]+(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)"
#define DAY "(mon|tue|wed|thu|fri|sat|sun)"
#define DAYS DAY "(-" DAY ")?"

/* A single value; text may look like a number. */
static void put_value(struct json_out *o, const struct plan_schema_key *key)
{
	switch (key->type) {
	case PLAN_SCHEMA_NODE:
	case PLAN_SCHEMA_ANY:
	case PLAN_SCHEMA_TEXT:
	case PLAN_SCHEMA_STRING:
		put_types(o, "string", "number");
		return;
	case PLAN_SCHEMA_BOOL:
		put_types(o, "boolean", NULL);
		return;
	case PLAN_SCHEMA_SWITCH:
		put_switch(o);
		return;
	case PLAN_SCHEMA_UINT:
		put_types(o, "integer", NULL);
		put_range(o, key);
		return;
	case PLAN_SCHEMA_FACTOR:
		put_types(o, "number", NULL);
		put_range(o, key);
		return;
	case PLAN_SCHEMA_WORD:
		put_words(o, key);
		return;
	case PLAN_SCHEMA_DURATION:
		put_pattern(o,
		    "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$");
		return;
	case PLAN_SCHEMA_MIB:
	case PLAN_SCHEMA_SIZE:
		put_pattern(o, SIZE "$");
		return;
	case PLAN_SCHEMA_RATE:
		put_pattern(o, SIZE "/s$");
		return;
	case PLAN_SCHEMA_DAYS:
		put_pattern(o, "^" DAYS "(," DAYS ")*$");
		return;
	case PLAN_SCHEMA_CLOCK:
		put_pattern(o, "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$");
		return;
	case PLAN_SCHEMA_PERCENT:
		put_pattern(o, "^(100|[0-9]{1,2})%$");
		return;
	case PLAN_SCHEMA_MAP:
	case PLAN_SCHEMA_PLANNED:
		return;
	}
}

/* Another schema, by its name or as it is. */
static void put_sub(struct json_out *o, const struct plan_schema *sub)
{
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (shared[i].schema == sub) {
			json_out_text(o, "$ref", shared[i].reference);
			return;
		}
	put_object(o, sub);
}

static void put_texts(struct json_out *o)
{
	put_types(o, "array", NULL);
	json_out_open(o, "items", '{');
	json_out_open(o, "type", '[');
	json_out_text(o, NULL, "string");
	json_out_text(o, NULL, "number");
	json_out_text(o, NULL, "boolean");
	json_out_close(o);
	json_out_close(o);
}

static void put_list(struct json_out *o, const struct plan_schema *sub)
{
	put_types(o, "array", NULL);
	json_out_open(o, "items", '{');
	put_sub(o, sub);
	json_out_close(o);
}

/* Text, or the sub-schema. */
static void put_secret(struct json_out *o, const struct plan_schema_key *key)
{
	json_out_open(o, "anyOf", '[');
	json_out_open(o, NULL, '{');
	put_types(o, "string", "number");
	json_out_close(o);
	json_out_open(o, NULL, '{');
	put_sub(o, key->sub);
	json_out_close(o);
	json_out_close(o);
}

/* One value or a list of such, a command or a mapping with one, a rate or a
 * timetable. */
static void put_either(struct json_out *o, const struct plan_schema_key *key)
{
	json_out_open(o, "anyOf", '[');
	json_out_open(o, NULL, '{');
	if (key->shape == PLAN_SCHEMA_SHAPE_ONE_OR_MORE)
		put_types(o, "string", "number");
	else if (key->shape == PLAN_SCHEMA_SHAPE_RATES)
		put_pattern(o, SIZE "/s$");
	else
		put_sub(o, key->sub);
	json_out_close(o);
	json_out_open(o, NULL, '{');
	if (key->shape == PLAN_SCHEMA_SHAPE_RATES)
		put_list(o, key->sub);
	else
		put_texts(o);
	json_out_close(o);
	json_out_close(o);
}

static void put_named(struct json_out *o, const struct plan_schema *sub)
{
	put_types(o, "object", NULL);
	json_out_open(o, "additionalProperties", '{');
	put_sub(o, sub);
	json_out_close(o);
}

static void put_key(struct json_out *o, const struct plan_schema_key *key)
{
	json_out_open(o, key->name, '{');
	json_out_text(o, "description", key->doc);
	switch (key->shape) {
	case PLAN_SCHEMA_SHAPE_VALUE:
		put_value(o, key);
		break;
	case PLAN_SCHEMA_SHAPE_MAP:
		put_sub(o, key->sub);
		break;
	case PLAN_SCHEMA_SHAPE_NAMED:
		put_named(o, key->sub);
		break;
	case PLAN_SCHEMA_SHAPE_LIST:
		put_list(o, key->sub);
		break;
	case PLAN_SCHEMA_SHAPE_TEXTS:
		put_texts(o);
		break;
	case PLAN_SCHEMA_SHAPE_SECRET:
		put_secret(o, key);
		break;
	case PLAN_SCHEMA_SHAPE_ONE_OR_MORE:
	case PLAN_SCHEMA_SHAPE_HOOK:
	case PLAN_SCHEMA_SHAPE_RATES:
		put_either(o, key);
		break;
	case PLAN_SCHEMA_SHAPE_VERSION:
		json_out_number(o, "const", 1);
		break;
	}
	json_out_close(o);
}

static void put_object(struct json_out *o, const struct plan_schema *schema)
{
	bool any = false;

	put_types(o, "object", NULL);
	json_out_bool(o, "additionalProperties", false);
	json_out_open(o, "properties", '{');
	for (size_t i = 0; i < schema->count; i++)
		if (schema->keys[i].type != PLAN_SCHEMA_PLANNED)
			put_key(o, &schema->keys[i]);
	json_out_close(o);
	for (size_t i = 0; i < schema->count; i++) {
		if (!schema->keys[i].is_required)
			continue;
		if (!any)
			json_out_open(o, "required", '[');
		any = true;
		json_out_text(o, NULL, schema->keys[i].name);
	}
	if (any)
		json_out_close(o);
}

void plan_json_schema_write(FILE *out)
{
	struct json_out o;

	json_out_init(&o, out);
	json_out_open(&o, NULL, '{');
	json_out_text(
	    &o, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_out_text(&o, "title", "A plan of mailconvoy");
	put_object(&o, &plan_top_schema);
	json_out_open(&o, "$defs", '{');
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		json_out_open(&o, shared[i].name, '{');
		put_object(&o, shared[i].schema);
		json_out_close(&o);
	}
	json_out_close(&o);
	json_out_close(&o);
}
