// SPDX-License-Identifier: MIT
#include "engine/contract/record.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/tally_json.h"
#include "engine/contract/verify_tally_json.h"

static const char *const event_names[] = {"start", "mailbox", "progress",
    "refused", "warning", "probe", "would_delete", "verify", "difference",
    "end"};
_Static_assert(ARRAY_LEN(event_names) == RECORD_EVENTS, "a name for each");

/* `max` bounds the escaped text; together they fit RECORD_LINE_MAX unless much
 * of it needs a JSON escape, then all are cut to a half and a quarter. */
struct text_field {
	const char *key;
	size_t offset, max;
};

enum {
	FIELD_MAX = 1024
};

static const struct text_field texts[] = {
    {"account", offsetof(struct record, account), 160},
    {"version", offsetof(struct record, version), 48},
    {"mailbox", offsetof(struct record, mailbox), 640},
    {"target", offsetof(struct record, target), 640},
    {"side", offsetof(struct record, side), 16},
    {"step", offsetof(struct record, step), 64},
    {"reason", offsetof(struct record, reason), 64},
    {"text", offsetof(struct record, text), FIELD_MAX},
    {"date", offsetof(struct record, date), 48},
    {"message_id", offsetof(struct record, message_id), 201},
    {"capabilities", offsetof(struct record, capabilities), 640},
    {"prefix", offsetof(struct record, prefix), 160},
    {"separator", offsetof(struct record, separator), 8},
};

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
    {"uid", offsetof(struct record, uid)},
    {"target_uid", offsetof(struct record, target_uid)},
    {"uidvalidity", offsetof(struct record, uidvalidity)},
    {"size", offsetof(struct record, size)},
    {"expected", offsetof(struct record, expected)},
    {"expected_bytes", offsetof(struct record, expected_bytes)},
    {"duration_ms", offsetof(struct record, duration_ms)},
    {"retry_after_ms", offsetof(struct record, retry_after_ms)},
};

const char *record_event_name(enum record_event event)
{
	return event_names[event];
}

static char **text_at(const struct record *r, size_t i)
{
	return (char **)((const char *)r + texts[i].offset);
}

static uint64_t *number_at(const struct record *r, size_t i)
{
	return (uint64_t *)((const char *)r + numbers[i].offset);
}

static bool has_tally(enum record_event event)
{
	return event == RECORD_MAILBOX || event == RECORD_PROGRESS ||
	       event == RECORD_END;
}

static json_t *to_json(const struct record *r, size_t divisor)
{
	char escaped[FIELD_MAX];
	json_t *o = json_object();
	int bad = o == NULL;

	if (bad)
		return NULL;
	bad |= json_object_set_new(o, "v", json_integer(RECORD_VERSION));
	bad |= json_object_set_new(o, "ev", json_string(event_names[r->event]));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *s = *text_at(r, i);
		if (!s)
			continue;
		(void)text_escape(
		    s, strlen(s), escaped, texts[i].max / divisor);
		bad |=
		    json_object_set_new(o, texts[i].key, json_string(escaped));
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uint64_t n = *number_at(r, i);
		if (n)
			bad |= json_object_set_new(o, numbers[i].key,
			    json_integer(
				n > INT64_MAX ? INT64_MAX : (json_int_t)n));
	}
	if (r->event == RECORD_END)
		bad |= json_object_set_new(o, "exit", json_integer(r->exit));
	if (has_tally(r->event))
		bad |=
		    json_object_set_new(o, "tally", tally_json_new(&r->tally));
	if (r->event == RECORD_PROBE)
		bad |=
		    json_object_set_new(o, "probe", probe_json_new(&r->probe));
	if (r->has_verify || r->event == RECORD_VERIFY)
		bad |= json_object_set_new(
		    o, "verify", verify_tally_json_new(&r->verify));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

char *record_encode(const struct record *r, size_t *len_out)
{
	for (size_t divisor = 1; divisor <= 4; divisor *= 2) {
		json_t *o = to_json(r, divisor);
		char *line = mem_try_calloc(RECORD_LINE_MAX, 1);
		size_t len = 0;

		if (o && line)
			len = json_dumpb(
			    o, line, RECORD_LINE_MAX - 2, JSON_COMPACT);
		json_decref(o);
		if (len > 0 && len <= RECORD_LINE_MAX - 2) {
			line[len++] = '\n';
			line[len] = '\0';
			*len_out = len;
			return line;
		}
		free(line);
		if (len == 0)
			return NULL;
	}
	return NULL;
}

static int read_text(const json_t *value, char **out)
{
	if (!value)
		return 0;
	const char *s = json_string_value(value);
	if (!s || !text_is_shown(s))
		return -1;
	*out = mem_try_strdup(s);
	return *out ? 0 : -1;
}

static int read_number(const json_t *value, uint64_t *out)
{
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return -1;
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_event(const json_t *o, struct record *r)
{
	const char *name = json_string_value(json_object_get(o, "ev"));

	for (int i = 0; name && i < RECORD_EVENTS; i++)
		if (strcmp(name, event_names[i]) == 0) {
			r->event = (enum record_event)i;
			return 0;
		}
	return -1;
}

static int read_result(const json_t *o, struct record *r)
{
	const json_t *code = json_object_get(o, "exit");
	const json_t *tally = json_object_get(o, "tally");
	const json_t *verify = json_object_get(o, "verify");

	if (r->event == RECORD_END) {
		if (!json_is_integer(code) || json_integer_value(code) < 0 ||
		    json_integer_value(code) > 255)
			return -1;
		r->exit = (int)json_integer_value(code);
	}
	if (r->event == RECORD_PROBE)
		return probe_json_read(json_object_get(o, "probe"), &r->probe);
	if (has_tally(r->event) && tally_json_read(tally, &r->tally) < 0)
		return -1;
	r->has_verify = verify != NULL;
	if (r->has_verify || r->event == RECORD_VERIFY)
		return verify_tally_json_read(verify, &r->verify);
	return 0;
}

static int read_fields(const json_t *o, struct record *r, struct error *err)
{
	if (read_event(o, r) < 0)
		return error_set(err, ERROR_PROTOCOL, "record.event",
		    "a record of an unknown event");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (read_text(json_object_get(o, texts[i].key), text_at(r, i)) <
		    0)
			return error_set(err, ERROR_PROTOCOL, "record.field",
			    "record '%s': '%s' is no printable text",
			    event_names[r->event], texts[i].key);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (read_number(json_object_get(o, numbers[i].key),
			number_at(r, i)) < 0)
			return error_set(err, ERROR_PROTOCOL, "record.field",
			    "record '%s': '%s' is no whole number",
			    event_names[r->event], numbers[i].key);
	if (read_result(o, r) < 0)
		return error_set(err, ERROR_PROTOCOL, "record.field",
		    "record '%s': exit, tally, probe or verify is missing or wrong",
		    event_names[r->event]);
	return 0;
}

int record_decode(
    const char *line, size_t len, struct record *out, struct error *err)
{
	struct record r = {0};
	json_error_t problem;

	*out = r;
	if (len >= RECORD_LINE_MAX)
		return error_set(err, ERROR_PROTOCOL, "record.too_long",
		    "a record of %zu bytes or more", len);
	json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &problem);
	if (!json_is_object(o)) {
		json_decref(o);
		return error_set(err, ERROR_PROTOCOL, "record.syntax",
		    "a record that is not one JSON object");
	}
	const json_t *v = json_object_get(o, "v");
	int rc = 0;
	if (!json_is_integer(v) || json_integer_value(v) != RECORD_VERSION)
		rc = error_set(err, ERROR_PROTOCOL, "record.version",
		    "a record of another version than %d", RECORD_VERSION);
	else
		rc = read_fields(o, &r, err);
	json_decref(o);
	if (rc < 0)
		record_release(&r);
	else
		*out = r;
	return rc;
}

void record_release(struct record *r)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*text_at(r, i));
	*r = (struct record){0};
}
