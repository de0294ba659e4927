// SPDX-License-Identifier: MIT
#include "engine/contract/job.h"

#include <ctype.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

static const char *const tls_names[] = {"auto", "implicit", "starttls", "none"};
static const char *const auth_names[] = {"auto", "login", "plain"};
static const char *const long_lines_names[] = {"truncate", "keep", "skip"};

static int find_word(const char *word, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, names[i]) == 0)
			return (int)i;
	return -1;
}

static const char *word_of(
    unsigned value, const char *const *names, size_t count)
{
	return value < count ? names[value] : NULL;
}

const char *job_tls_name(enum job_tls tls)
{
	return word_of((unsigned)tls, tls_names, ARRAY_LEN(tls_names));
}

int job_tls_parse(const char *word)
{
	return find_word(word, tls_names, ARRAY_LEN(tls_names));
}

const char *job_auth_name(enum job_auth auth)
{
	return word_of((unsigned)auth, auth_names, ARRAY_LEN(auth_names));
}

int job_auth_parse(const char *word)
{
	return find_word(word, auth_names, ARRAY_LEN(auth_names));
}

const char *job_long_lines_name(enum job_long_lines l)
{
	return word_of(
	    (unsigned)l, long_lines_names, ARRAY_LEN(long_lines_names));
}

int job_long_lines_parse(const char *word)
{
	return find_word(word, long_lines_names, ARRAY_LEN(long_lines_names));
}

/* How a field stands in JSON and in the struct. */
enum kind {
	KIND_TEXT, /* char * */
	KIND_BOOL,
	KIND_U16,
	KIND_U32,
	KIND_TLS,
	KIND_AUTH,
	KIND_LONG_LINES
};

struct field {
	const char *key;
	enum kind kind;
	size_t offset;
};

#define ENDPOINT(key, kind) \
	{ \
#		key, kind, offsetof(struct job_endpoint, key) \
	}
#define OPTION(key, kind) \
	{ \
#		key, kind, offsetof(struct job_options, key) \
	}

static const struct field endpoint_fields[] = {
    ENDPOINT(host, KIND_TEXT),
    ENDPOINT(port, KIND_U16),
    ENDPOINT(tls, KIND_TLS),
    ENDPOINT(tls_verify, KIND_BOOL),
    ENDPOINT(ca_file, KIND_TEXT),
    ENDPOINT(pin, KIND_TEXT),
    ENDPOINT(auth, KIND_AUTH),
    ENDPOINT(user, KIND_TEXT),
    ENDPOINT(as, KIND_TEXT),
};

static const struct field option_fields[] = {
    OPTION(list, KIND_TEXT),
    OPTION(source_prefix, KIND_TEXT),
    OPTION(target_prefix, KIND_TEXT),
    OPTION(subscription, KIND_BOOL),
    OPTION(long_lines, KIND_LONG_LINES),
    OPTION(fetch_max, KIND_U32),
    OPTION(fetch_size_max, KIND_U32),
    OPTION(store_max, KIND_U32),
    OPTION(store_size_max, KIND_U32),
    OPTION(queue_max, KIND_U32),
    OPTION(queue_size_max, KIND_U32),
    OPTION(timeout_ms, KIND_U32),
    OPTION(settle_ms, KIND_U32),
    OPTION(threads, KIND_BOOL),
    OPTION(literal_plus, KIND_BOOL),
    OPTION(verbose, KIND_BOOL),
};

_Static_assert(sizeof(enum job_tls) == sizeof(unsigned) &&
		   sizeof(enum job_auth) == sizeof(unsigned) &&
		   sizeof(enum job_long_lines) == sizeof(unsigned),
    "enums are read and written as unsigned");

/* ---------------------------------------------------------- life cycle */

static void endpoint_init(struct job_endpoint *e)
{
	*e = (struct job_endpoint){.tls = JOB_TLS_AUTO, .tls_verify = true};
}

void job_init(struct job *job)
{
	*job = (struct job){0};
	endpoint_init(&job->source);
	endpoint_init(&job->target);
	job->options = (struct job_options){
	    .list = mem_try_strdup("*"), // job_check tells when it is NULL
	    .subscription = true,
	    .long_lines = JOB_LONG_LINES_TRUNCATE,
	    .fetch_max = 50,
	    .fetch_size_max = 10,
	    .store_max = 50,
	    .store_size_max = 10,
	    .queue_max = 150,
	    .queue_size_max = 30,
	    .timeout_ms = 60 * 1000,
	    .settle_ms = 1000,
	    .threads = true,
	    .literal_plus = true,
	};
}

static void release_texts(
    void *object, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].kind == KIND_TEXT)
			free(*(char **)((char *)object + fields[i].offset));
}

static void release_skips(struct job_options *o)
{
	for (size_t i = 0; i < o->skip_mailboxes; i++)
		free(o->skip_mailbox[i]);
	free(o->skip_mailbox);
	o->skip_mailbox = NULL;
	o->skip_mailboxes = 0;
}

static void release_renames(struct job_options *o)
{
	for (size_t i = 0; i < o->rename_mailboxes; i++) {
		free(o->rename_mailbox[i].from);
		free(o->rename_mailbox[i].to);
	}
	free(o->rename_mailbox);
	o->rename_mailbox = NULL;
	o->rename_mailboxes = 0;
}

void job_release(struct job *job)
{
	struct job_endpoint *ends[] = {&job->source, &job->target};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		release_texts(
		    ends[i], endpoint_fields, ARRAY_LEN(endpoint_fields));
		secret_release(&ends[i]->password);
	}
	release_texts(&job->options, option_fields, ARRAY_LEN(option_fields));
	release_skips(&job->options);
	release_renames(&job->options);
	free(job->account);
	*job = (struct job){0};
}

/* --------------------------------------------------------------- check */

static int complain(
    struct error *err, const char *where, const char *key, const char *what)
{
	return error_set(err, ERROR_CONFIG, "config.job", "%s%s%s: %s", where,
	    where[0] ? "." : "", key, what);
}

static bool is_filled(const char *s)
{
	return s && s[0];
}

static bool is_host(const char *host)
{
	for (const char *p = host; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/')
			return false;
	return strlen(host) <= 255;
}

static bool is_pin(const char *pin)
{
	return strlen(pin) == 64 && strspn(pin, "0123456789abcdefABCDEF") == 64;
}

static int check_endpoint(
    const struct job_endpoint *e, const char *where, struct error *err)
{
	if (!is_filled(e->host))
		return complain(err, where, "host", "is missing");
	if (!is_host(e->host))
		return complain(
		    err, where, "host", "is no host name or address");
	if (!job_tls_name(e->tls))
		return complain(err, where, "tls", "is unknown");
	if (!job_auth_name(e->auth))
		return complain(err, where, "auth", "is unknown");
	if (e->pin && !is_pin(e->pin))
		return complain(err, where, "pin",
		    "must be the SHA-256 of a public key, 64 hex digits");
	if (!is_filled(e->user))
		return complain(err, where, "user", "is missing");
	if (e->as && e->auth == JOB_AUTH_LOGIN)
		return complain(err, where, "as",
		    "works with auth plain only, not with login");
	if (!e->password.bytes || e->password.len == 0)
		return complain(err, where, "password", "is missing");
	return 0;
}

static int check_range(const char *key, uint32_t value, uint32_t min,
    uint32_t max, struct error *err)
{
	if (value >= min && value <= max)
		return 0;
	return error_set(err, ERROR_CONFIG, "config.job",
	    "options.%s: %u is not in the range from %u to %u", key, value, min,
	    max);
}

static int check_limits(const struct job_options *o, struct error *err)
{
	enum {
		MESSAGES = 1000000,
		MIB = 1024 * 1024,
		DAY_MS = 24 * 3600 * 1000
	};

	return check_range("fetch_max", o->fetch_max, 1, MESSAGES, err) ||
		       check_range(
			   "fetch_size_max", o->fetch_size_max, 1, MIB, err) ||
		       check_range(
			   "store_max", o->store_max, 1, MESSAGES, err) ||
		       check_range(
			   "store_size_max", o->store_size_max, 1, MIB, err) ||
		       check_range(
			   "queue_max", o->queue_max, 1, MESSAGES, err) ||
		       check_range(
			   "queue_size_max", o->queue_size_max, 1, MIB, err) ||
		       check_range(
			   "timeout_ms", o->timeout_ms, 1, DAY_MS, err) ||
		       check_range("settle_ms", o->settle_ms, 0, DAY_MS, err)
		   ? -1
		   : 0;
}

int job_check(const struct job *job, struct error *err)
{
	const struct job_options *o = &job->options;

	if (!is_filled(job->account))
		return complain(err, "", "account", "is missing");
	if (check_endpoint(&job->source, "source", err) < 0 ||
	    check_endpoint(&job->target, "target", err) < 0)
		return -1;
	if (!is_filled(o->list))
		return complain(err, "options", "list", "is missing");
	if (!job_long_lines_name(o->long_lines))
		return complain(err, "options", "long_lines", "is unknown");
	for (size_t i = 0; i < o->skip_mailboxes; i++)
		if (!is_filled(o->skip_mailbox[i]))
			return complain(
			    err, "options", "skip_mailbox", "an empty name");
	for (size_t i = 0; i < o->rename_mailboxes; i++)
		if (!is_filled(o->rename_mailbox[i].from) ||
		    !is_filled(o->rename_mailbox[i].to))
			return complain(
			    err, "options", "rename_mailbox", "an empty name");
	return check_limits(o, err);
}

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

static json_t *field_to_json(const void *at, enum kind kind)
{
	unsigned word;

	switch (kind) {
	case KIND_TEXT:
		return json_string(*(char *const *)at);
	case KIND_BOOL:
		return json_boolean(*(const bool *)at);
	case KIND_U16:
		return json_integer(*(const uint16_t *)at);
	case KIND_U32:
		return json_integer(*(const uint32_t *)at);
	case KIND_TLS:
		memcpy(&word, at, sizeof(word));
		return json_string(job_tls_name((enum job_tls)word));
	case KIND_AUTH:
		memcpy(&word, at, sizeof(word));
		return json_string(job_auth_name((enum job_auth)word));
	case KIND_LONG_LINES:
		memcpy(&word, at, sizeof(word));
		return json_string(
		    job_long_lines_name((enum job_long_lines)word));
	}
	return NULL;
}

static int fields_to_json(
    const void *object, const struct field *fields, size_t count, json_t *out)
{
	for (size_t i = 0; i < count; i++) {
		const void *at = (const char *)object + fields[i].offset;
		if (fields[i].kind == KIND_TEXT && !*(char *const *)at)
			continue;
		if (json_object_set_new(out, fields[i].key,
			field_to_json(at, fields[i].kind)) < 0)
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
	json_t *o = json_object();

	if (o && (fields_to_json(
		      e, endpoint_fields, ARRAY_LEN(endpoint_fields), o) < 0 ||
		     password_to_json(&e->password, o) < 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *skips_to_json(const struct job_options *o)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < o->skip_mailboxes; i++)
		if (json_array_append_new(
			list, json_string(o->skip_mailbox[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
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
	json_t *out = json_object();

	if (!out)
		return NULL;
	if (fields_to_json(o, option_fields, ARRAY_LEN(option_fields), out) <
		0 ||
	    json_object_set_new(out, "skip_mailbox", skips_to_json(o)) < 0 ||
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

	buf_init(&line, JOB_LINE_MAX - 1);
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
    const json_t *value, int (*parse)(const char *), void *at)
{
	const char *s = json_string_value(value);
	int word = s ? parse(s) : -1;

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

static int field_from_json(const json_t *value, void *at, enum kind kind)
{
	json_int_t n = 0;

	switch (kind) {
	case KIND_TEXT:
		return text_from_json(value, at);
	case KIND_BOOL:
		if (!json_is_boolean(value))
			return -1;
		*(bool *)at = json_is_true(value);
		return 0;
	case KIND_U16:
		if (number_from_json(value, UINT16_MAX, &n) < 0)
			return -1;
		*(uint16_t *)at = (uint16_t)n;
		return 0;
	case KIND_U32:
		if (number_from_json(value, UINT32_MAX, &n) < 0)
			return -1;
		*(uint32_t *)at = (uint32_t)n;
		return 0;
	case KIND_TLS:
		return word_from_json(value, job_tls_parse, at);
	case KIND_AUTH:
		return word_from_json(value, job_auth_parse, at);
	case KIND_LONG_LINES:
		return word_from_json(value, job_long_lines_parse, at);
	}
	return -1;
}

struct section {
	const char *name;
	const struct field *fields;
	size_t count;
	void *object;
};

static int section_from_json(
    const json_t *o, const struct section *s, struct error *err)
{
	for (size_t i = 0; i < s->count; i++) {
		const json_t *value = json_object_get(o, s->fields[i].key);
		if (!value || json_is_null(value))
			continue;
		if (field_from_json(value,
			(char *)s->object + s->fields[i].offset,
			s->fields[i].kind) < 0)
			return complain(err, s->name, s->fields[i].key,
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
	const struct section s = {
	    name, endpoint_fields, ARRAY_LEN(endpoint_fields), out};

	if (!json_is_object(o))
		return complain(err, "", name, "is missing or no object");
	if (section_from_json(o, &s, err) < 0)
		return -1;
	if (password_from_json(o, &out->password) < 0)
		return complain(err, name, "password", "is no text");
	return 0;
}

static int skips_from_json(
    const json_t *list, struct job_options *out, struct error *err)
{
	if (!list || json_is_null(list))
		return 0;
	release_skips(out);
	size_t count = json_array_size(list); // 0 for what is no array
	if (!json_is_array(list))
		return complain(err, "options", "skip_mailbox", "is no list");
	out->skip_mailbox = mem_calloc(count, sizeof(*out->skip_mailbox));
	for (size_t i = 0; i < count; i++) {
		if (text_from_json(json_array_get(list, i),
			&out->skip_mailbox[out->skip_mailboxes++]) < 0)
			return complain(
			    err, "options", "skip_mailbox", "is no text");
	}
	return 0;
}

static int renames_from_json(
    const json_t *list, struct job_options *out, struct error *err)
{
	if (!list || json_is_null(list))
		return 0;
	release_renames(out);
	size_t count = json_array_size(list);
	if (!json_is_array(list))
		return complain(err, "options", "rename_mailbox", "is no list");
	out->rename_mailbox = mem_calloc(count, sizeof(*out->rename_mailbox));
	for (size_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(list, i);
		struct job_rename *r =
		    &out->rename_mailbox[out->rename_mailboxes++];
		if (text_from_json(json_object_get(pair, "from"), &r->from) <
			0 ||
		    text_from_json(json_object_get(pair, "to"), &r->to) < 0)
			return complain(err, "options", "rename_mailbox",
			    "needs from and to");
	}
	return 0;
}

static int options_from_json(
    const json_t *o, struct job_options *out, struct error *err)
{
	const struct section s = {
	    "options", option_fields, ARRAY_LEN(option_fields), out};

	if (!o)
		return 0;
	if (!json_is_object(o))
		return complain(err, "", "options", "is no object");
	return section_from_json(o, &s, err) < 0 ||
		       skips_from_json(
			   json_object_get(o, "skip_mailbox"), out, err) < 0 ||
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
		return complain(err, "", "account", "is missing or no text");
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
	int rc = job_from_json(o, out, err);
	json_decref(o);
	restore_json_memory(before);
	explicit_bzero(&problem, sizeof(problem));
	return rc;
}
