// SPDX-License-Identifier: MIT
#include "orchestrator/journal_line.h"

#include <jansson.h>

const char *journal_line_text(const struct json_t *line, const char *key)
{
	const char *s = json_string_value(json_object_get(line, key));

	return s ? s : "";
}

uint64_t journal_line_number(const struct json_t *line, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(line, key));

	return n > 0 ? (uint64_t)n : 0;
}
