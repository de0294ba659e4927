// SPDX-License-Identifier: MIT
#include "engine/contract/tally_json.h"

#include <jansson.h>

#include "engine/base/mem.h"
#include "engine/contract/tally.h"

struct counter {
	const char *key;
	size_t offset;
	bool always;
};

static const struct counter counters[] = {
    {"source", offsetof(struct tally, source), true},
    {"copied", offsetof(struct tally, copied), true},
    {"present", offsetof(struct tally, present), true},
    {"vanished", offsetof(struct tally, vanished), true},
    {"unreached", offsetof(struct tally, unreached), true},
    {"bytes", offsetof(struct tally, bytes_copied), true},
    {"long_lines", offsetof(struct tally, long_lines), false},
    {"line_ends_added", offsetof(struct tally, line_ends_added), false},
    {"flags_dropped", offsetof(struct tally, flags_dropped), false},
    {"mailboxes", offsetof(struct tally, mailboxes), false},
    {"mailboxes_created", offsetof(struct tally, mailboxes_created), false},
    {"mailboxes_failed", offsetof(struct tally, mailboxes_failed), false},
    {"subscribed", offsetof(struct tally, subscribed), false},
};

static const char *skip_key(int i)
{
	return tally_skip_name((enum tally_skip)i);
}

static const char *refusal_key(int i)
{
	return tally_refusal_name((enum tally_refusal)i);
}

/* JSON integers are signed here; no real counter comes near. */
static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *group_new(
    const uint64_t *values, int count, const char *(*key)(int))
{
	json_t *group = json_object();

	for (int i = 0; group && i < count; i++) {
		if (values[i] == 0)
			continue;
		if (json_object_set_new(group, key(i), number(values[i])) < 0) {
			json_decref(group);
			return NULL;
		}
	}
	return group;
}

struct json_t *tally_json_new(const struct tally *t)
{
	json_t *object = json_object();
	int bad = object == NULL;

	for (size_t i = 0; !bad && i < ARRAY_LEN(counters); i++) {
		uint64_t value =
		    *(const uint64_t *)((const char *)t + counters[i].offset);
		if (value || counters[i].always)
			bad |= json_object_set_new(
			    object, counters[i].key, number(value));
	}
	if (!bad) {
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
		return 0;
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
	if (read_group(json_object_get(object, "skipped"), t.skipped,
		TALLY_SKIPS, skip_key) < 0 ||
	    read_group(json_object_get(object, "refused"), t.refused,
		TALLY_REFUSALS, refusal_key) < 0)
		return -1;
	*out = t;
	return 0;
}
