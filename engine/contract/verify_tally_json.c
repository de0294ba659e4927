// SPDX-License-Identifier: MIT
#include "engine/contract/verify_tally_json.h"

#include <jansson.h>

#include "engine/contract/verify_tally.h"

struct json_t *verify_tally_json_new(const struct verify_tally *t)
{
	json_t *object = json_object();
	int bad = object == NULL;

	for (int i = 0; !bad && i < VERIFY_COUNTS; i++)
		if (t->n[i])
			bad |= json_object_set_new(object,
			    verify_tally_name((enum verify_count)i),
			    json_integer(t->n[i] > INT64_MAX
					     ? INT64_MAX
					     : (json_int_t)t->n[i]));
	if (!bad)
		return object;
	json_decref(object);
	return NULL;
}

int verify_tally_json_read(
    const struct json_t *object, struct verify_tally *out)
{
	struct verify_tally t = {0};

	if (!json_is_object(object))
		return -1;
	for (int i = 0; i < VERIFY_COUNTS; i++) {
		const json_t *value = json_object_get(
		    object, verify_tally_name((enum verify_count)i));
		if (!value)
			continue;
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return -1;
		t.n[i] = (uint64_t)json_integer_value(value);
	}
	*out = t;
	return 0;
}
