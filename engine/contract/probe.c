// SPDX-License-Identifier: MIT
#include "engine/contract/probe.h"

#include <jansson.h>

#include "engine/base/mem.h"

static const char *const names[] = {"mailboxes", "messages", "bytes", "unsized",
    "uncounted", "storage_used", "storage_limit", "count_used", "count_limit",
    "append_limit", "copy_messages", "copy_bytes", "create", "refused",
    "left_out", "too_big", "delete_messages", "delete_mailboxes"};
_Static_assert(ARRAY_LEN(names) == PROBE_NUMBERS, "a name for each");

void probe_init(struct probe *p)
{
	for (size_t i = 0; i < PROBE_NUMBERS; i++)
		p->n[i] = PROBE_UNKNOWN;
}

const char *probe_name(enum probe_number n)
{
	return names[n];
}

uint64_t probe_free(uint64_t used, uint64_t limit)
{
	if (limit == PROBE_UNKNOWN || used == PROBE_UNKNOWN)
		return PROBE_UNKNOWN;
	return used < limit ? limit - used : 0;
}

struct json_t *probe_json_new(const struct probe *p)
{
	json_t *o = json_object();
	int bad = o == NULL;

	for (size_t i = 0; !bad && i < PROBE_NUMBERS; i++) {
		uint64_t n = p->n[i];
		if (n == PROBE_UNKNOWN)
			continue;
		bad |= json_object_set_new(o, names[i],
		    json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
	}
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

int probe_json_read(const struct json_t *object, struct probe *out)
{
	struct probe p;

	if (!json_is_object(object))
		return -1;
	probe_init(&p);
	for (size_t i = 0; i < PROBE_NUMBERS; i++) {
		const json_t *value = json_object_get(object, names[i]);
		if (!value)
			continue;
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return -1;
		p.n[i] = (uint64_t)json_integer_value(value);
	}
	*out = p;
	return 0;
}
