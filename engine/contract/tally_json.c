// SPDX-License-Identifier: MIT
#include "engine/contract/tally_json.h"

#include <jansson.h>

#include "engine/base/mem.h"
#include "engine/contract/tally.h"

struct counter {
	const char *key;
	size_t offset;
};

static const struct counter counters[] = {
    {"source", offsetof(struct tally, source)},
    {"copied", offsetof(struct tally, copied)},
    {"present", offsetof(struct tally, present)},
    {"vanished", offsetof(struct tally, vanished)},
    {"unreached", offsetof(struct tally, unreached)},
    {"bytes", offsetof(struct tally, bytes_copied)},
};

static const char *skip_key(int i)
{
	return tally_skip_name((enum tally_skip)i);
}

static const char *refusal_key(int i)
{
	return tally_refusal_name((enum tally_refusal)i);
}

static const char *extra_key(int i)
{
	return tally_extra_name((enum tally_extra)i);
}

/* JSON integers are signed here; no real counter comes near. */
static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* Those that are not 0. */
static int set_group(
    json_t *object, const uint64_t *values, int count, const char *(*key)(int))
{
	for (int i = 0; object && i < count; i++)
		if (values[i] &&
		    json_object_set_new(object, key(i), number(values[i])) < 0)
			return -1;
	return object ? 0 : -1;
}

static json_t *group_new(
    const uint64_t *values, int count, const char *(*key)(int))
{
	json_t *group = json_object();

	if (set_group(group, values, count, key) == 0)
		return group;
	json_decref(group);
	return NULL;
}

struct json_t *tally_json_new(const struct tally *t)
{
	json_t *object = json_object();
	int bad = object == NULL;

	for (size_t i = 0; !bad && i < ARRAY_LEN(counters); i++) {
		uint64_t value =
		    *(const uint64_t *)((const char *)t + counters[i].offset);
		bad |=
		    json_object_set_new(object, counters[i].key, number(value));
	}
	if (!bad) {
		bad |= set_group(object, t->extra, TALLY_EXTRAS, extra_key);
		bad |= json_object_set_new(object, "skipped",
		    group_new(t->skipped, TALLY_SKIPS, skip_key));
		bad |= json_object_set_new(object, "refused",
		    group_new(t->refused, TALLY_REFUSALS, refusal_key));
	}
	if (!bad)
		return object;
	json_decref(object);
	return NULL;
}

static int read_number(const json_t *value, uint64_t *out)
{
	if (!value)
		return 0; // left out: stays 0
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return -1;
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_group(
    const json_t *group, uint64_t *values, int count, const char *(*key)(int))
{
	if (!group)
		return 0; // nothing in it
	if (!json_is_object(group))
		return -1;
	for (int i = 0; i < count; i++)
		if (read_number(json_object_get(group, key(i)), &values[i]) < 0)
			return -1;
	return 0;
}

int tally_json_read(const struct json_t *object, struct tally *out)
{
	struct tally t = {0};

	if (!json_is_object(object))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		if (read_number(json_object_get(object, counters[i].key),
			(uint64_t *)((char *)&t + counters[i].offset)) < 0)
			return -1;
	if (read_group(object, t.extra, TALLY_EXTRAS, extra_key) < 0 ||
	    read_group(json_object_get(object, "skipped"), t.skipped,
		TALLY_SKIPS, skip_key) < 0 ||
	    read_group(json_object_get(object, "refused"), t.refused,
		TALLY_REFUSALS, refusal_key) < 0)
		return -1;
	*out = t;
	return 0;
}
