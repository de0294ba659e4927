// SPDX-License-Identifier: MIT
/* A job as a line of JSON, and back. */
#include "engine/contract/job.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job_private.h"

/* -------------------------------------------------------------- memory */

/* jansson copies strings while it parses and prints: what it frees is wiped
 * for as long as a job is in its hands. */
static void free_wiped(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

struct json_memory {
	json_malloc_t get;
	json_free_t put;
};

static struct json_memory guard_json_memory(void)
{
	struct json_memory before;

	json_get_alloc_funcs(&before.get, &before.put);
	json_set_alloc_funcs(malloc, free_wiped);
	return before;
}

static void restore_json_memory(struct json_memory before)
{
	json_set_alloc_funcs(before.get, before.put);
}

/* -------------------------------------------------------------- encode */

static json_t *texts_to_json(char *const *list, size_t count)
{
	json_t *out = json_array();

	for (size_t i = 0; out && i < count; i++)
		if (json_array_append_new(out, json_string(list[i])) < 0) {
			json_decref(out);
			return NULL;
		}
	return out;
}

static json_t *field_to_json(const void *object, const struct job_field *f)
{
	const void *at = (const char *)object + f->offset;
	size_t count = 0;
	unsigned word;

	switch (f->kind) {
	case JOB_FIELD_TEXT:
		return json_string(*(char *const *)at);
	case JOB_FIELD_TEXTS:
		memcpy(&count, (const char *)object + f->count_offset,
		    sizeof(count));
		return texts_to_json(*(char **const *)at, count);
	case JOB_FIELD_BOOL:
		return json_boolean(*(const bool *)at);
	case JOB_FIELD_U16:
		return json_integer(*(const uint16_t *)at);
	case JOB_FIELD_U32:
		return json_integer(*(const uint32_t *)at);
	case JOB_FIELD_WORD:
		memcpy(&word, at, sizeof(word));
		return json_string(job_word_name(f->words, word));
	}
	return NULL;
}

static int fields_to_json(const void *object, const struct job_field *fields,
    size_t count, json_t *out)
{
	for (size_t i = 0; i < count; i++) {
		const void *at = (const char *)object + fields[i].offset;
		if (fields[i].kind == JOB_FIELD_TEXT && !*(char *const *)at)
			continue;
		if (json_object_set_new(out, fields[i].key,
			field_to_json(object, &fields[i])) < 0)
			return -1;
	}
	return 0;
}

/* A password may be any bytes: what is not text for JSON goes as hex. */
static int password_to_json(const struct secret *s, json_t *out)
{
	static const char hex[] = "0123456789abcdef";

	if (!s->bytes)
		return 0;
	if (!memchr(s->bytes, '\0', s->len)) {
		json_t *text = json_stringn(s->bytes, s->len);
		if (text)
			return json_object_set_new(out, "password", text);
	}
	char *digits = mem_try_calloc(s->len * 2 + 1, 1);
	if (!digits)
		return -1;
	for (size_t i = 0; i < s->len; i++) {
		digits[2 * i] = hex[(unsigned char)s->bytes[i] >> 4];
		digits[2 * i + 1] = hex[s->bytes[i] & 15];
	}
	int rc = json_object_set_new(out, "password_hex", json_string(digits));
	free_wiped(digits);
	return rc;
}

static json_t *endpoint_to_json(const struct job_endpoint *e)
{
	size_t count = 0;
	const struct job_field *fields = job_endpoint_fields(&count);
	json_t *o = json_object();

	if (o && (fields_to_json(e, fields, count, o) < 0 ||
		     password_to_json(&e->password, o) < 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *renames_to_json(const struct job_options *o)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < o->rename_mailboxes; i++)
		if (json_array_append_new(
			list, json_pack("{s:s,s:s}", "from",
				  o->rename_mailbox[i].from, "to",
				  o->rename_mailbox[i].to)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *options_to_json(const struct job_options *o)
{
	size_t count = 0;
	const struct job_field *fields = job_option_fields(&count);
	json_t *out = json_object();

	if (!out)
		return NULL;
	if (fields_to_json(o, fields, count, out) < 0 ||
	    json_object_set_new(out, "rename_mailbox", renames_to_json(o)) <
		0) {
		json_decref(out);
		return NULL;
	}
	return out;
}

static int append_piece(const char *piece, size_t len, void *line)
{
	return buf_append(line, piece, len);
}

/* Not json_dumps: its growing buffer would leave copies behind. */
static char *dump(const json_t *o, size_t *len_out)
{
	struct buf line;
	char *copy = NULL;

	buf_try_init(&line, JOB_LINE_MAX - 1);
	if (json_dump_callback(o, append_piece, &line, JSON_COMPACT) == 0 &&
	    buf_append(&line, "\n", 1) == 0) {
		copy = mem_try_strndup(line.data, line.len);
		*len_out = line.len;
	}
	buf_wipe(&line);
	return copy;
}

char *job_encode(const struct job *job, size_t *len_out)
{
	struct json_memory before = guard_json_memory();
	json_t *o = json_object();
	char *line = NULL;

	if (o && json_object_set_new(o, "v", json_integer(JOB_VERSION)) == 0 &&
	    json_object_set_new(o, "account", json_string(job->account)) == 0 &&
	    json_object_set_new(o, "source", endpoint_to_json(&job->source)) ==
		0 &&
	    json_object_set_new(o, "target", endpoint_to_json(&job->target)) ==
		0 &&
	    json_object_set_new(o, "options", options_to_json(&job->options)) ==
		0)
		line = dump(o, len_out);
	json_decref(o);
	restore_json_memory(before);
	return line;
}

void job_wipe_line(char *line, size_t len)
{
	if (line)
		explicit_bzero(line, len);
	free(line);
}

/* -------------------------------------------------------------- decode */

static int word_from_json(
    const json_t *value, const struct job_words *words, void *at)
{
	const char *s = json_string_value(value);
	int word = s ? job_word_parse(words, s) : -1;

	if (word < 0)
		return -1;
	memcpy(at, &word, sizeof(word));
	return 0;
}

static int number_from_json(
    const json_t *value, json_int_t max, json_int_t *out)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > max)
		return -1;
	*out = json_integer_value(value);
	return 0;
}

static int text_from_json(const json_t *value, char **out)
{
	const char *s = json_string_value(value);

	if (!s)
		return -1;
	free(*out);
	*out = mem_strdup(s);
	return 0;
}

/* One text stands for a list of one. */
static int texts_from_json(const json_t *value, char ***list, size_t *count)
{
	size_t size = json_is_array(value) ? json_array_size(value) : 1;

	job_release_texts(list, count);
	*list = mem_calloc(size, sizeof(**list));
	for (size_t i = 0; i < size; i++) {
		const json_t *item =
		    json_is_array(value) ? json_array_get(value, i) : value;
		if (text_from_json(item, &(*list)[(*count)++]) < 0)
			return -1;
	}
	return 0;
}

static int field_from_json(
    const json_t *value, void *object, const struct job_field *f)
{
	void *at = (char *)object + f->offset;
	json_int_t n = 0;

	switch (f->kind) {
	case JOB_FIELD_TEXT:
		return text_from_json(value, at);
	case JOB_FIELD_TEXTS:
		return texts_from_json(value, at,
		    (size_t *)(void *)((char *)object + f->count_offset));
	case JOB_FIELD_BOOL:
		if (!json_is_boolean(value))
			return -1;
		*(bool *)at = json_is_true(value);
		return 0;
	case JOB_FIELD_U16:
		if (number_from_json(value, UINT16_MAX, &n) < 0)
			return -1;
		*(uint16_t *)at = (uint16_t)n;
		return 0;
	case JOB_FIELD_U32:
		if (number_from_json(value, UINT32_MAX, &n) < 0)
			return -1;
		*(uint32_t *)at = (uint32_t)n;
		return 0;
	case JOB_FIELD_WORD:
		return word_from_json(value, f->words, at);
	}
	return -1;
}

static int fields_from_json(const json_t *o, const char *where,
    const struct job_field *fields, size_t count, void *object,
    struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(o, fields[i].key);
		if (!value || json_is_null(value))
			continue;
		if (field_from_json(value, object, &fields[i]) < 0)
			return job_complain(err, where, fields[i].key,
			    "is not what a job line may say there");
	}
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

static int password_from_hex(const char *digits, struct secret *out)
{
	size_t len = strlen(digits) / 2;
	char *bytes = mem_calloc(len + 1, 1);
	int rc = strlen(digits) % 2 ? -1 : 0;

	for (size_t i = 0; rc == 0 && i < len; i++) {
		int high = hex_digit(digits[2 * i]);
		int low = hex_digit(digits[2 * i + 1]);
		if (high < 0 || low < 0)
			rc = -1;
		else
			bytes[i] = (char)(high << 4 | low);
	}
	if (rc == 0)
		secret_set(out, bytes, len);
	free_wiped(bytes);
	return rc;
}

static int password_from_json(const json_t *o, struct secret *out)
{
	const json_t *text = json_object_get(o, "password");
	const json_t *hex = json_object_get(o, "password_hex");

	if (hex)
		return json_is_string(hex) && !text
			   ? password_from_hex(json_string_value(hex), out)
			   : -1;
	if (!text)
		return 0;
	if (!json_is_string(text))
		return -1;
	secret_set(out, json_string_value(text), json_string_length(text));
	return 0;
}

static int endpoint_from_json(const json_t *o, const char *name,
    struct job_endpoint *out, struct error *err)
{
	size_t count = 0;
	const struct job_field *fields = job_endpoint_fields(&count);

	if (!json_is_object(o))
		return job_complain(err, "", name, "is missing or no object");
	if (fields_from_json(o, name, fields, count, out, err) < 0)
		return -1;
	if (password_from_json(o, &out->password) < 0)
		return job_complain(err, name, "password", "is no text");
	return 0;
}

static int renames_from_json(
    const json_t *list, struct job_options *out, struct error *err)
{
	if (!list || json_is_null(list))
		return 0;
	job_release_renames(out);
	size_t count = json_array_size(list);
	if (!json_is_array(list))
		return job_complain(
		    err, "options", "rename_mailbox", "is no list");
	out->rename_mailbox = mem_calloc(count, sizeof(*out->rename_mailbox));
	for (size_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(list, i);
		struct job_rename *r =
		    &out->rename_mailbox[out->rename_mailboxes++];
		if (text_from_json(json_object_get(pair, "from"), &r->from) <
			0 ||
		    text_from_json(json_object_get(pair, "to"), &r->to) < 0)
			return job_complain(err, "options", "rename_mailbox",
			    "needs from and to");
	}
	return 0;
}

static int options_from_json(
    const json_t *o, struct job_options *out, struct error *err)
{
	size_t count = 0;
	const struct job_field *fields = job_option_fields(&count);

	if (!o)
		return 0;
	if (!json_is_object(o))
		return job_complain(err, "", "options", "is no object");
	return fields_from_json(o, "options", fields, count, out, err) < 0 ||
		       renames_from_json(
			   json_object_get(o, "rename_mailbox"), out, err) < 0
		   ? -1
		   : 0;
}

static int job_from_json(const json_t *o, struct job *out, struct error *err)
{
	const json_t *v = json_object_get(o, "v");

	if (!json_is_object(o))
		return error_set(err, ERROR_CONFIG, "config.job",
		    "the job is not one JSON object in a line");
	if (!json_is_integer(v) || json_integer_value(v) != JOB_VERSION)
		return error_set(err, ERROR_CONFIG, "config.job",
		    "the job is of another version than %d", JOB_VERSION);
	if (text_from_json(json_object_get(o, "account"), &out->account) < 0)
		return job_complain(
		    err, "", "account", "is missing or no text");
	if (endpoint_from_json(json_object_get(o, "source"), "source",
		&out->source, err) < 0 ||
	    endpoint_from_json(
		json_object_get(o, "target"), "target", &out->target, err) < 0)
		return -1;
	return options_from_json(
	    json_object_get(o, "options"), &out->options, err);
}

int job_decode(const char *line, size_t len, struct job *out, struct error *err)
{
	json_error_t problem; // never shown: it may quote a secret

	if (len > JOB_LINE_MAX)
		return error_set(err, ERROR_CONFIG, "config.job",
		    "the job is longer than %d bytes", JOB_LINE_MAX);
	struct json_memory before = guard_json_memory();
	json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &problem);
	int rc = 0;
	if (!o && json_error_code(&problem) == json_error_out_of_memory)
		rc = error_set(err, ERROR_INTERNAL, "local.memory",
		    "out of memory: the job");
	else
		rc = job_from_json(o, out, err);
	json_decref(o);
	restore_json_memory(before);
	explicit_bzero(&problem, sizeof(problem));
	return rc;
}
