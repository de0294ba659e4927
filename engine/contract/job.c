// SPDX-License-Identifier: MIT
#include "engine/contract/job.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/job_private.h"

enum {
	CLI_PORT = 106,
	ERRORS_MAX = 100
};

/* --------------------------------------------------------------- words */

static const char *const tls_names[] = {"auto", "implicit", "starttls", "none"};
static const char *const auth_names[] = {"auto", "login", "plain", "cram-md5",
    "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "oauth",
    "external"};
static const char *const long_lines_names[] = {
    "truncate", "keep", "skip", "wrap"};
static const char *const mode_names[] = {"syncSrcAll", "syncSrcNew", "syncDst"};
static const char *const verify_names[] = {"off", "count", "digest", "body"};
static const char *const switch_names[] = {"auto", "on", "off"};

#define WORDS(names) \
	{ \
		names, ARRAY_LEN(names) \
	}

static const struct job_words tls_words = WORDS(tls_names);
static const struct job_words auth_words = WORDS(auth_names);
static const struct job_words long_lines_words = WORDS(long_lines_names);
static const struct job_words mode_words = WORDS(mode_names);
static const struct job_words verify_words = WORDS(verify_names);
static const struct job_words switch_words = WORDS(switch_names);

int job_word_parse(const struct job_words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (strcmp(word, words->names[i]) == 0)
			return (int)i;
	return -1;
}

const char *job_word_name(const struct job_words *words, unsigned value)
{
	return value < words->count ? words->names[value] : NULL;
}

const char *job_tls_name(enum job_tls tls)
{
	return job_word_name(&tls_words, (unsigned)tls);
}

int job_tls_parse(const char *word)
{
	return job_word_parse(&tls_words, word);
}

const char *job_auth_name(enum job_auth auth)
{
	return job_word_name(&auth_words, (unsigned)auth);
}

int job_auth_parse(const char *word)
{
	return job_word_parse(&auth_words, word);
}

const char *job_long_lines_name(enum job_long_lines l)
{
	return job_word_name(&long_lines_words, (unsigned)l);
}

int job_long_lines_parse(const char *word)
{
	return job_word_parse(&long_lines_words, word);
}

const char *job_mode_name(enum job_mode mode)
{
	return job_word_name(&mode_words, (unsigned)mode);
}

int job_mode_parse(const char *word)
{
	return job_word_parse(&mode_words, word);
}

const char *job_verify_name(enum job_verify level)
{
	return job_word_name(&verify_words, (unsigned)level);
}

int job_verify_parse(const char *word)
{
	return job_word_parse(&verify_words, word);
}

const char *job_switch_name(enum job_switch s)
{
	return job_word_name(&switch_words, (unsigned)s);
}

int job_switch_parse(const char *word)
{
	return job_word_parse(&switch_words, word);
}

/* -------------------------------------------------------------- fields */

#define ENDPOINT(key, kind) \
	{ \
#		key, kind, offsetof(struct job_endpoint, key), 0, NULL \
	}
#define ENDPOINT_WORD(key, words) \
	{ \
#		key, JOB_FIELD_WORD, offsetof(struct job_endpoint, key), 0, \
		    &(words) \
	}
#define OPTION(key, kind) \
	{ \
#		key, kind, offsetof(struct job_options, key), 0, NULL \
	}
#define OPTION_WORD(key, words) \
	{ \
#		key, JOB_FIELD_WORD, offsetof(struct job_options, key), 0, \
		    &(words) \
	}
#define OPTION_TEXTS(key, count) \
	{ \
#		key, JOB_FIELD_TEXTS, offsetof(struct job_options, key), \
		    offsetof(struct job_options, count), NULL \
	}

static const struct job_field endpoint_fields[] = {
    ENDPOINT(host, JOB_FIELD_TEXT),
    ENDPOINT(port, JOB_FIELD_U16),
    ENDPOINT_WORD(tls, tls_words),
    ENDPOINT(tls_verify, JOB_FIELD_BOOL),
    ENDPOINT(ca_file, JOB_FIELD_TEXT),
    ENDPOINT(pin, JOB_FIELD_TEXT),
    ENDPOINT_WORD(auth, auth_words),
    ENDPOINT(user, JOB_FIELD_TEXT),
    ENDPOINT(as, JOB_FIELD_TEXT),
    ENDPOINT(proxy_auth, JOB_FIELD_TEXT),
    ENDPOINT(token_file, JOB_FIELD_TEXT),
    ENDPOINT(cli_port, JOB_FIELD_U16),
    ENDPOINT(bucket, JOB_FIELD_U32),
};

static const struct job_field option_fields[] = {
    OPTION_TEXTS(list, lists),
    OPTION(source_prefix, JOB_FIELD_TEXT),
    OPTION(target_prefix, JOB_FIELD_TEXT),
    OPTION_TEXTS(skip_mailbox, skip_mailboxes),
    OPTION_WORD(mode, mode_words),
    OPTION(dry_run, JOB_FIELD_BOOL),
    OPTION(probe, JOB_FIELD_BOOL),
    OPTION(force, JOB_FIELD_BOOL),
    OPTION(max_delete, JOB_FIELD_U32),
    OPTION(max_delete_percent, JOB_FIELD_U32),
    OPTION(max_delete_mailboxes, JOB_FIELD_U32),
    OPTION(subscription, JOB_FIELD_BOOL),
    OPTION(acl, JOB_FIELD_BOOL),
    OPTION(special_use, JOB_FIELD_BOOL),
    OPTION(metadata, JOB_FIELD_BOOL),
    OPTION(mailbox_class, JOB_FIELD_BOOL),
    OPTION_WORD(force_index, switch_words),
    OPTION(new_uid, JOB_FIELD_BOOL),
    OPTION(new_uid_template, JOB_FIELD_TEXT),
    OPTION_WORD(long_lines, long_lines_words),
    OPTION(state_file, JOB_FIELD_TEXT),
    OPTION(errors_max, JOB_FIELD_U32),
    OPTION(fetch_max, JOB_FIELD_U32),
    OPTION(fetch_size_max, JOB_FIELD_U32),
    OPTION(store_max, JOB_FIELD_U32),
    OPTION(store_size_max, JOB_FIELD_U32),
    OPTION(queue_max, JOB_FIELD_U32),
    OPTION(queue_size_max, JOB_FIELD_U32),
    OPTION(timeout_ms, JOB_FIELD_U32),
    OPTION(bandwidth, JOB_FIELD_U32),
    OPTION(pace_fd, JOB_FIELD_U32),
    OPTION(settle_ms, JOB_FIELD_U32),
    OPTION(connections, JOB_FIELD_U32),
    OPTION(threads, JOB_FIELD_BOOL),
    OPTION(literal_plus, JOB_FIELD_BOOL),
    OPTION(confine, JOB_FIELD_BOOL),
    OPTION_WORD(compress, switch_words),
    OPTION(verbose, JOB_FIELD_BOOL),
    OPTION_WORD(verify, verify_words),
    OPTION(verify_sample, JOB_FIELD_U32),
    OPTION(verify_diff, JOB_FIELD_BOOL),
};

_Static_assert(sizeof(enum job_tls) == sizeof(unsigned) &&
		   sizeof(enum job_auth) == sizeof(unsigned) &&
		   sizeof(enum job_mode) == sizeof(unsigned) &&
		   sizeof(enum job_switch) == sizeof(unsigned) &&
		   sizeof(enum job_verify) == sizeof(unsigned) &&
		   sizeof(enum job_long_lines) == sizeof(unsigned),
    "enums are read and written as unsigned");

const struct job_field *job_endpoint_fields(size_t *count_out)
{
	*count_out = ARRAY_LEN(endpoint_fields);
	return endpoint_fields;
}

const struct job_field *job_option_fields(size_t *count_out)
{
	*count_out = ARRAY_LEN(option_fields);
	return option_fields;
}

/* ---------------------------------------------------------- life cycle */

static void endpoint_init(struct job_endpoint *e)
{
	*e = (struct job_endpoint){
	    .tls = JOB_TLS_AUTO, .tls_verify = true, .cli_port = CLI_PORT};
}

void job_init(struct job *job)
{
	*job = (struct job){0};
	endpoint_init(&job->source);
	endpoint_init(&job->target);
	job->options = (struct job_options){
	    .max_delete = JOB_NO_LIMIT,
	    .max_delete_percent = JOB_NO_LIMIT,
	    .max_delete_mailboxes = JOB_NO_LIMIT,
	    .subscription = true,
	    .acl = true,
	    .special_use = true,
	    .metadata = true,
	    .new_uid = true,
	    .long_lines = JOB_LONG_LINES_TRUNCATE,
	    .errors_max = ERRORS_MAX,
	    .fetch_max = 50,
	    .fetch_size_max = 10,
	    .store_max = 50,
	    .store_size_max = 10,
	    .queue_max = 150,
	    .queue_size_max = 30,
	    .timeout_ms = 60 * 1000,
	    .settle_ms = JOB_SETTLE_AUTO,
	    .connections = 1,
	    .threads = true,
	    .literal_plus = true,
	    .confine = true,
	    .verify_sample = 100,
	};
}

void job_release_texts(char ***list, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*count = 0;
}

static void release_fields(
    void *object, const struct job_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *at = (char *)object + fields[i].offset;
		if (fields[i].kind == JOB_FIELD_TEXT)
			free(*(char **)at);
		else if (fields[i].kind == JOB_FIELD_TEXTS)
			job_release_texts(
			    (char ***)at, (size_t *)((char *)object +
						     fields[i].count_offset));
	}
}

void job_release_renames(struct job_options *o)
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
		release_fields(
		    ends[i], endpoint_fields, ARRAY_LEN(endpoint_fields));
		secret_release(&ends[i]->password);
	}
	release_fields(&job->options, option_fields, ARRAY_LEN(option_fields));
	job_release_renames(&job->options);
	free(job->account);
	*job = (struct job){0};
}

/* --------------------------------------------------------------- check */

int job_complain(
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

static bool is_oauth(enum job_auth auth)
{
	return auth == JOB_AUTH_XOAUTH2 || auth == JOB_AUTH_OAUTHBEARER ||
	       auth == JOB_AUTH_OAUTH;
}

static bool needs_password(const struct job_endpoint *e)
{
	return e->auth != JOB_AUTH_EXTERNAL &&
	       !(is_oauth(e->auth) && e->token_file);
}

/* A line end would make a command of its own of what follows (F045). */
static int check_line(
    const char *where, const char *key, const char *s, struct error *err)
{
	if (s && strpbrk(s, "\r\n"))
		return job_complain(err, where, key, "holds a line end");
	return 0;
}

static int check_login(
    const struct job_endpoint *e, const char *where, struct error *err)
{
	if (!is_filled(e->user))
		return job_complain(err, where, "user", "is missing");
	if (check_line(where, "user", e->user, err) < 0 ||
	    check_line(where, "as", e->as, err) < 0 ||
	    check_line(where, "proxy_auth", e->proxy_auth, err) < 0)
		return -1;
	if (e->as &&
	    (e->auth == JOB_AUTH_LOGIN || e->auth == JOB_AUTH_CRAM_MD5))
		return job_complain(err, where, "as",
		    "does not work with auth login or cram-md5, only with plain");
	if (e->token_file && !is_oauth(e->auth))
		return job_complain(err, where, "token_file",
		    "works with auth oauth, oauthbearer or xoauth2 only");
	if (!needs_password(e))
		return 0;
	if (!e->password.bytes || e->password.len == 0)
		return job_complain(err, where, "password", "is missing");
	for (size_t i = 0; i < e->password.len; i++)
		if (strchr("\r\n", e->password.bytes[i])) // and NUL
			return job_complain(err, where, "password",
			    "holds a line end or NUL, which no login can carry");
	return 0;
}

static int check_endpoint(
    const struct job_endpoint *e, const char *where, struct error *err)
{
	if (!is_filled(e->host))
		return job_complain(err, where, "host", "is missing");
	if (!is_host(e->host))
		return job_complain(
		    err, where, "host", "is no host name or address");
	if (!job_tls_name(e->tls))
		return job_complain(err, where, "tls", "is unknown");
	if (!job_auth_name(e->auth))
		return job_complain(err, where, "auth", "is unknown");
	if (e->pin && !is_pin(e->pin))
		return job_complain(err, where, "pin",
		    "must be the SHA-256 of a public key, 64 hex digits");
	return check_login(e, where, err);
}

struct range {
	const char *key;
	uint32_t value, min, max;
};

static int check_limits(const struct job_options *o, struct error *err)
{
	enum {
		MESSAGES = 1000000,
		MIB = 1024 * 1024,
		DAY_MS = 24 * 3600 * 1000
	};
	const struct range ranges[] = {
	    {"fetch_max", o->fetch_max, 1, MESSAGES},
	    {"fetch_size_max", o->fetch_size_max, 1, MIB},
	    {"store_max", o->store_max, 1, MESSAGES},
	    {"store_size_max", o->store_size_max, 1, MIB},
	    {"queue_max", o->queue_max, 1, MESSAGES},
	    {"connections", o->connections, 1, JOB_CONNECTIONS_MAX},
	    {"queue_size_max", o->queue_size_max, 1, MIB},
	    {"timeout_ms", o->timeout_ms, 1, DAY_MS},
	    {"settle_ms", o->settle_ms == JOB_SETTLE_AUTO ? 0 : o->settle_ms, 0,
		DAY_MS},
	    {"errors_max", o->errors_max, 1, JOB_NO_LIMIT},
	    {"max_delete_percent",
		o->max_delete_percent == JOB_NO_LIMIT ? 0
						      : o->max_delete_percent,
		0, 100},
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		const struct range *r = &ranges[i];
		if (r->value < r->min || r->value > r->max)
			return error_set(err, ERROR_CONFIG, "config.job",
			    "options.%s: %u is not in the range from %u to %u",
			    r->key, r->value, r->min, r->max);
	}
	return 0;
}

static int check_texts(
    char *const *list, size_t count, const char *key, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (!is_filled(list[i]))
			return job_complain(
			    err, "options", key, "an empty name");
	return 0;
}

/* The template goes into a command: one %u, nothing that could end it. */
static int check_template(const char *t, struct error *err)
{
	unsigned marks = 0;
	bool is_plain = true;

	for (const char *p = t; p && *p; p++) {
		marks += *p == '%';
		is_plain &= *p >= ' ' && *p < 0x7f && !strchr("{\"\\", *p) &&
			    (*p != '%' || p[1] == 'u');
	}
	if (t && (!is_plain || marks != 1))
		return job_complain(err, "options", "new_uid_template",
		    "must be plain text with one %u for the number");
	return 0;
}

static const char *account_of(const struct job_endpoint *e)
{
	return is_filled(e->proxy_auth) ? e->proxy_auth
	       : is_filled(e->as)       ? e->as
					: e->user;
}

uint16_t job_endpoint_port(const struct job_endpoint *e)
{
	if (e->port)
		return e->port;
	return e->tls == JOB_TLS_IMPLICIT ? 993 : 143;
}

/* An account below itself would be copied into itself for ever (F072). */
static int check_apart(const struct job *job, struct error *err)
{
	const struct job_endpoint *a = &job->source, *b = &job->target;
	const char *from = job->options.source_prefix;
	const char *to = job->options.target_prefix;

	if (!from)
		from = "";
	if (!to)
		to = "";
	size_t n = strlen(from) < strlen(to) ? strlen(from) : strlen(to);
	if (strcasecmp(a->host, b->host) != 0 ||
	    job_endpoint_port(a) != job_endpoint_port(b) ||
	    strcmp(account_of(a), account_of(b)) != 0 ||
	    strncmp(from, to, n) != 0)
		return 0;
	return job_complain(err, "target", "user",
	    "source and target are the same account of the same server, and neither prefix keeps them apart: it would be copied into itself");
}

int job_check(const struct job *job, struct error *err)
{
	const struct job_options *o = &job->options;

	if (!is_filled(job->account))
		return job_complain(err, "", "account", "is missing");
	if (check_endpoint(&job->source, "source", err) < 0 ||
	    check_endpoint(&job->target, "target", err) < 0)
		return -1;
	if (check_line("options", "source_prefix", o->source_prefix, err) < 0 ||
	    check_line("options", "target_prefix", o->target_prefix, err) < 0 ||
	    check_apart(job, err) < 0)
		return -1;
	if (!job_long_lines_name(o->long_lines))
		return job_complain(err, "options", "long_lines", "is unknown");
	if (!job_verify_name(o->verify))
		return job_complain(err, "options", "verify", "is unknown");
	if (o->verify_sample < 1 || o->verify_sample > 100)
		return job_complain(err, "options", "verify_sample",
		    "is no number from 1 to 100");
	if (!job_mode_name(o->mode))
		return job_complain(err, "options", "mode", "is unknown");
	if (!job_switch_name(o->force_index))
		return job_complain(
		    err, "options", "force_index", "is unknown");
	if (check_texts(o->list, o->lists, "list", err) < 0 ||
	    check_texts(
		o->skip_mailbox, o->skip_mailboxes, "skip_mailbox", err) < 0)
		return -1;
	for (size_t i = 0; i < o->rename_mailboxes; i++)
		if (!is_filled(o->rename_mailbox[i].from) ||
		    !is_filled(o->rename_mailbox[i].to))
			return job_complain(
			    err, "options", "rename_mailbox", "an empty name");
	if (check_template(o->new_uid_template, err) < 0)
		return -1;
	return check_limits(o, err);
}
