// SPDX-License-Identifier: MIT
#include "cmd/engine_options.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"

enum id {
	OPT_HELP,
	OPT_VERSION,
	OPT_VERBOSE,
	OPT_LOGFILE,
	OPT_LIST,
	OPT_SKIP_MAILBOX,
	OPT_FETCH_MAX,
	OPT_FETCH_SIZE_MAX,
	OPT_STORE_MAX,
	OPT_STORE_SIZE_MAX,
	OPT_QUEUE_MAX,
	OPT_QUEUE_SIZE_MAX,
	OPT_NOTIMEOUT,
	OPT_TIMEOUT,
	OPT_SETTLE,
	OPT_NO_THREADS,
	OPT_NO_SUBSCRIPTION,
	OPT_LONG_LINES,
	OPT_NO_LITERAL_PLUS,
	OPT_ACCOUNT,
	OPT_JOB_FD,
	OPT_RECORD_FD,
	/* of one side: source, then target */
	OPT_TLS,
	OPT_TLS_VERIFY,
	OPT_CA_FILE,
	OPT_PIN,
	OPT_AUTH,
	OPT_PASSWORD_FILE,
	OPT_PASSWORD_FD,
	OPT_NOT_YET
};

enum side {
	SIDE_NONE,
	SIDE_SOURCE,
	SIDE_TARGET
};

struct option {
	const char *name;
	enum id id;
	int arity;
	const char *argument;
	const char *help;
	enum side side;
};

#define SIDE_OPTION(word, id_, argument_, help_) \
	{"src" word, id_, 1, argument_, help_, SIDE_SOURCE}, \
	{ \
		"dst" word, id_, 1, argument_, NULL, SIDE_TARGET \
	}
#define NOT_YET(name_, arity_) \
	{ \
		name_, OPT_NOT_YET, arity_, NULL, NULL, SIDE_NONE \
	}

static const struct option options[] = {
    {"list", OPT_LIST, 1, "PATTERN",
	"mailboxes to copy, as the source's LIST understands it (\"*\")",
	SIDE_NONE},
    {"skipMailbox", OPT_SKIP_MAILBOX, 1, "NAME",
	"leave a mailbox out; * and ? match; may be repeated", SIDE_NONE},
    {"noSubscription", OPT_NO_SUBSCRIPTION, 0, NULL,
	"do not copy subscriptions", SIDE_NONE},
    {"longLines", OPT_LONG_LINES, 1, "truncate|keep|skip",
	"what to do with lines over 9000 bytes (truncate)", SIDE_NONE},
    {"fetchMax", OPT_FETCH_MAX, 1, "N", "messages in one query (50)",
	SIDE_NONE},
    {"fetchSizeMax", OPT_FETCH_SIZE_MAX, 1, "MB", "megabytes in one query (10)",
	SIDE_NONE},
    {"storeMax", OPT_STORE_MAX, 1, "N", "messages in one APPEND (50)",
	SIDE_NONE},
    {"storeSizeMax", OPT_STORE_SIZE_MAX, 1, "MB",
	"megabytes in one APPEND (10)", SIDE_NONE},
    {"queueMax", OPT_QUEUE_MAX, 1, "N", "messages in the queue (150)",
	SIDE_NONE},
    {"queueSizeMax", OPT_QUEUE_SIZE_MAX, 1, "MB", "megabytes in the queue (30)",
	SIDE_NONE},
    {"timeout", OPT_TIMEOUT, 1, "SECONDS", "longest wait for any progress (60)",
	SIDE_NONE},
    {"notimeout", OPT_NOTIMEOUT, 0, NULL, "the same as --timeout 3600",
	SIDE_NONE},
    {"settle", OPT_SETTLE, 1, "MS",
	"stillness before the first APPEND after a killed run (1000)",
	SIDE_NONE},
    {"noThreads", OPT_NO_THREADS, 0, NULL, "both sides in one thread",
	SIDE_NONE},
    {"noLiteralPlus", OPT_NO_LITERAL_PLUS, 0, NULL,
	"wait for the server before every message, even with LITERAL+",
	SIDE_NONE},
    SIDE_OPTION("TLS", OPT_TLS, "auto|implicit|starttls|none",
	"encryption (auto: 993 implicit, else STARTTLS if offered)"),
    SIDE_OPTION("TLSVerify", OPT_TLS_VERIFY, "yes|no",
	"check the server's certificate (yes)"),
    SIDE_OPTION("CAFile", OPT_CA_FILE, "FILE",
	"certificate authorities to trust (the system's)"),
    SIDE_OPTION("Pin", OPT_PIN, "HEX",
	"SHA-256 of the public key the server must have"),
    SIDE_OPTION("Auth", OPT_AUTH, "auto|login|plain", "how to log in (auto)"),
    SIDE_OPTION("PasswordFile", OPT_PASSWORD_FILE, "FILE",
	"password from a file's first line; give - in its place"),
    SIDE_OPTION("PasswordFd", OPT_PASSWORD_FD, "N",
	"password from an open descriptor; give - in its place"),
    {"logfile", OPT_LOGFILE, 1, "FILE", "log there, not to standard error",
	SIDE_NONE},
    {"verbose", OPT_VERBOSE, 0, NULL, "log every command and answer",
	SIDE_NONE},
    {"account", OPT_ACCOUNT, 1, "ID", "name of the account in the log",
	SIDE_NONE},
    {"jobFd", OPT_JOB_FD, 1, "N",
	"read the job (one line of JSON) from a descriptor; its end means stop",
	SIDE_NONE},
    {"recordFd", OPT_RECORD_FD, 1, "N",
	"write records (lines of JSON) to a descriptor", SIDE_NONE},
    {"help", OPT_HELP, 0, NULL, "this text", SIDE_NONE},
    {"version", OPT_VERSION, 0, NULL, "print the version", SIDE_NONE},
    NOT_YET("source", 1),
    NOT_YET("target", 1),
    NOT_YET("renameMailbox", 2),
    NOT_YET("mode", 1),
    NOT_YET("noACL", 0),
    NOT_YET("noSpecialUse", 0),
    NOT_YET("noForceIndex", 0),
    NOT_YET("noNewUID", 0),
    NOT_YET("copyMailboxClass", 0),
    NOT_YET("proxyAuth", 1),
    NOT_YET("srcAuthPlain", 1),
    NOT_YET("dstAuthPlain", 1),
    NOT_YET("srcOAuth2", 0),
};

void engine_options_help(FILE *out)
{
	size_t count = 0;
	const struct exit_code_info *codes = exit_code_table(&count);

	(void)fprintf(out,
	    "syncIMAPMail copies the mail of one account between two IMAP servers,\n"
	    "incrementally and without duplicates. The source is never changed.\n\n"
	    "  syncIMAPMail imap.old.example.org anna - imap.new.example.org anna -\n"
	    "        asks for both passwords\n"
	    "  syncIMAPMail --srcPasswordFile old.pw --dstPasswordFile new.pw \\\n"
	    "               old.example.org anna - imaps://new.example.org anna -\n"
	    "  syncIMAPMail --list INBOX --logfile anna.log old anna pw new anna pw\n"
	    "        the inbox only; a password given like this is overwritten at once\n\n"
	    "usage: syncIMAPMail [options] SOURCE USER PASSWORD TARGET USER PASSWORD\n"
	    "       SOURCE, TARGET: host[:port], [v6]:port, imap://host, imaps://host\n\n"
	    "options (dst... the same for the target):\n");
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		char left[64];
		if (!options[i].help)
			continue;
		(void)snprintf(left, sizeof(left), "--%s %s", options[i].name,
		    options[i].argument ? options[i].argument : "");
		(void)fprintf(out, "  %-36s %s\n", left, options[i].help);
	}
	(void)fprintf(out, "\nexit codes:\n");
	for (size_t i = 0; i < count; i++)
		if (codes[i].engine_text)
			(void)fprintf(out, "  %3d  %s\n", (int)codes[i].code,
			    codes[i].engine_text);
}

/* `--name`; camelCase as in the guide, or the same with dashes. */
static const struct option *find(const char *name, size_t len)
{
	char plain[64];
	size_t used = 0;

	for (size_t i = 0; i < len && used < sizeof(plain) - 1; i++)
		if (name[i] != '-')
			plain[used++] = name[i];
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (text_equal_fold(
			plain, used, options[i].name, strlen(options[i].name)))
			return &options[i];
	return NULL;
}

static int bad_value(
    const struct option *o, const char *value, struct error *err)
{
	char shown[80];

	return error_set(err, ERROR_USAGE, "usage",
	    "--%s: '%s' is not %s; see --help", o->name,
	    text_escape(value, strlen(value), shown, sizeof(shown)),
	    o->argument);
}

static int number(const struct option *o, const char *value, uint64_t min,
    uint64_t max, uint64_t *out, struct error *err)
{
	if (!text_parse_u64(value, strlen(value), max, out) || *out < min)
		return error_set(err, ERROR_USAGE, "usage",
		    "--%s needs a number from %llu to %llu", o->name,
		    (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int set_count(const struct option *o, const char *value, uint64_t max,
    uint32_t *out, struct error *err)
{
	uint64_t n = 0;

	if (number(o, value, 1, max, &n, err) < 0)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int set_limit(struct job_options *job, const struct option *o,
    const char *value, struct error *err)
{
	enum {
		MAX_COUNT = 100000,
		MAX_MEGABYTES = 4096,
		MAX_SECONDS = 86400
	};

	uint32_t seconds = 0;

	switch ((int)o->id) {
	case OPT_FETCH_MAX:
		return set_count(o, value, MAX_COUNT, &job->fetch_max, err);
	case OPT_FETCH_SIZE_MAX:
		return set_count(
		    o, value, MAX_MEGABYTES, &job->fetch_size_max, err);
	case OPT_STORE_MAX:
		return set_count(o, value, MAX_COUNT, &job->store_max, err);
	case OPT_STORE_SIZE_MAX:
		return set_count(
		    o, value, MAX_MEGABYTES, &job->store_size_max, err);
	case OPT_QUEUE_MAX:
		return set_count(o, value, MAX_COUNT, &job->queue_max, err);
	case OPT_QUEUE_SIZE_MAX:
		return set_count(
		    o, value, MAX_MEGABYTES, &job->queue_size_max, err);
	default:
		if (set_count(o, value, MAX_SECONDS, &seconds, err) < 0)
			return -1;
		job->timeout_ms = seconds * 1000;
		return 0;
	}
}

static void set_string(char **to, const char *value)
{
	free(*to);
	*to = mem_strdup(value);
}

static int set_word(const struct option *o, const char *value, int parsed,
    int *out, struct error *err)
{
	if (parsed < 0)
		return bad_value(o, value, err);
	*out = parsed;
	return 0;
}

static int set_side(struct job_endpoint *e, const struct option *o, char *value,
    struct error *err)
{
	uint64_t fd = 0;
	int word = 0;

	switch ((int)o->id) {
	case OPT_TLS:
		if (set_word(o, value, job_tls_parse(value), &word, err) < 0)
			return -1;
		e->tls = (enum job_tls)word;
		return 0;
	case OPT_TLS_VERIFY:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return bad_value(o, value, err);
		e->tls_verify = strcmp(value, "yes") == 0;
		return 0;
	case OPT_CA_FILE:
		set_string(&e->ca_file, value);
		return 0;
	case OPT_PIN:
		set_string(&e->pin, value);
		return 0;
	case OPT_AUTH:
		if (set_word(o, value, job_auth_parse(value), &word, err) < 0)
			return -1;
		e->auth = (enum job_auth)word;
		return 0;
	case OPT_PASSWORD_FILE:
		return secret_from_file(&e->password, value, NULL, err);
	default:
		if (number(o, value, 0, 1 << 20, &fd, err) < 0)
			return -1;
		return secret_from_fd(&e->password, (int)fd, value, err);
	}
}

static int set_descriptor(
    const struct option *o, const char *value, int *out, struct error *err)
{
	uint64_t fd = 0;

	if (number(o, value, 0, 1 << 20, &fd, err) < 0)
		return -1;
	*out = (int)fd;
	return 0;
}

static int set_settle(
    const struct option *o, const char *value, uint32_t *out, struct error *err)
{
	uint64_t ms = 0;

	if (number(o, value, 0, UINT64_C(24) * 3600 * 1000, &ms, err) < 0)
		return -1;
	*out = (uint32_t)ms;
	return 0;
}

static void skip_mailbox(struct job_options *job, const char *name)
{
	job->skip_mailbox = mem_resize(
	    job->skip_mailbox, job->skip_mailboxes + 1, sizeof(char *));
	job->skip_mailbox[job->skip_mailboxes++] = mem_strdup(name);
}

static int set(struct engine_options *out, const struct option *o, char *value,
    struct error *err)
{
	struct job_options *job = &out->job.options;
	int word = 0;

	if (o->side != SIDE_NONE)
		return set_side(o->side == SIDE_SOURCE ? &out->job.source
						       : &out->job.target,
		    o, value, err);
	switch ((int)o->id) {
	case OPT_HELP:
		out->wants_help = true;
		return 0;
	case OPT_VERSION:
		out->wants_version = true;
		return 0;
	case OPT_VERBOSE:
		job->verbose = true;
		return 0;
	case OPT_LOGFILE:
		set_string(&out->log_path, value);
		return 0;
	case OPT_LIST:
		set_string(&job->list, value);
		return 0;
	case OPT_SKIP_MAILBOX:
		skip_mailbox(job, value);
		return 0;
	case OPT_NOTIMEOUT:
		job->timeout_ms = 3600 * 1000;
		return 0;
	case OPT_NO_THREADS:
		job->threads = false;
		return 0;
	case OPT_NO_SUBSCRIPTION:
		job->subscription = false;
		return 0;
	case OPT_NO_LITERAL_PLUS:
		job->literal_plus = false;
		return 0;
	case OPT_LONG_LINES:
		if (set_word(
			o, value, job_long_lines_parse(value), &word, err) < 0)
			return -1;
		job->long_lines = (enum job_long_lines)word;
		return 0;
	case OPT_SETTLE:
		return set_settle(o, value, &job->settle_ms, err);
	case OPT_ACCOUNT:
		set_string(&out->job.account, value);
		return 0;
	case OPT_JOB_FD:
		return set_descriptor(o, value, &out->job_fd, err);
	case OPT_RECORD_FD:
		return set_descriptor(o, value, &out->record_fd, err);
	case OPT_NOT_YET:
		return error_set(err, ERROR_USAGE, "usage.not_yet",
		    "--%s is not supported by this version yet", o->name);
	default:
		return set_limit(job, o, value, err);
	}
}

/* host, host:port, [v6]:port, v6, imap://..., imaps://... */
static int parse_server(
    struct job_endpoint *e, const char *text, struct error *err)
{
	char shown[120];
	const char *p = text, *port = NULL;
	uint64_t n = 0;

	if (strncmp(p, "imaps://", 8) == 0) {
		e->tls = JOB_TLS_IMPLICIT;
		p += 8;
	} else if (strncmp(p, "imap://", 7) == 0) {
		p += 7;
	}
	size_t len = strcspn(p, "/");
	const char *close = p[0] == '[' ? memchr(p, ']', len) : NULL;
	const char *colon = memchr(p, ':', len);
	const char *host = p;
	if (close) {
		host = p + 1;
		port = close[1] == ':' ? close + 2 : NULL;
	} else if (colon &&
		   !memchr(colon + 1, ':', len - (size_t)(colon - p) - 1)) {
		port = colon + 1;
	}
	size_t host_len = close  ? (size_t)(close - host)
			  : port ? (size_t)(colon - p)
				 : len;
	(void)text_escape(text, strlen(text), shown, sizeof(shown));
	if (host_len == 0 || host_len > 255 || host[0] == '-')
		return error_set(err, ERROR_USAGE, "usage",
		    "'%s' is no server: host[:port] is needed", shown);
	if (port &&
	    (!text_parse_u64(port, len - (size_t)(port - p), 65535, &n) ||
		n == 0))
		return error_set(err, ERROR_USAGE, "usage",
		    "'%s': the port is no number from 1 to 65535", shown);
	free(e->host);
	e->host = mem_strndup(host, host_len);
	e->port = (uint16_t)n;
	return 0;
}

static int parse_endpoint(
    struct job_endpoint *e, const char *which, char **argv, struct error *err)
{
	char question[200], shown[100];

	if (parse_server(e, argv[0], err) < 0)
		return -1;
	set_string(&e->user, argv[1]);
	if (strcmp(argv[2], "-") != 0) {
		secret_from_argv(&e->password, argv[2]);
		return 0;
	}
	if (e->password.bytes)
		return 0; // from a file or descriptor
	(void)snprintf(question, sizeof(question), "Password of %s at the %s",
	    text_escape(argv[1], strlen(argv[1]), shown, sizeof(shown)), which);
	return secret_from_prompt(&e->password, question, err);
}

/* Whatever else happens, no password stays in the process list. */
static void wipe_arguments(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if ((i == 2 || i == 5) && strcmp(argv[i], "-") != 0)
			explicit_bzero(argv[i], strlen(argv[i]));
}

static int parse_positional(
    struct engine_options *out, int argc, char **argv, struct error *err)
{
	if (argc != 6) {
		wipe_arguments(argc, argv);
		return error_set(err, ERROR_USAGE, "usage",
		    "SOURCE USER PASSWORD TARGET USER PASSWORD are needed, %d of 6 given; see --help",
		    argc);
	}
	int rc = parse_endpoint(&out->job.source, "source", argv, err);
	if (rc == 0)
		rc = parse_endpoint(&out->job.target, "target", argv + 3, err);
	wipe_arguments(argc, argv);
	if (rc == 0 && !out->job.account)
		set_string(&out->job.account, argv[4]);
	return rc;
}

/* One option with its value; *at moves behind it. */
static int parse_option(struct engine_options *out, int argc, char **argv,
    int *at, struct error *err)
{
	char shown[80], none[1] = "";
	char *name = argv[*at] + 2;
	size_t len = strcspn(name, "=");
	const struct option *o = find(name, len);
	char *value = name[len] == '=' ? name + len + 1 : NULL;

	if (!o)
		return error_set(err, ERROR_USAGE, "usage",
		    "there is no option '--%s'; see --help",
		    text_escape(name, len, shown, sizeof(shown)));
	if (value && o->arity != 1)
		return error_set(err, ERROR_USAGE, "usage",
		    "--%s takes no value with '='", o->name);
	int needed = value ? 0 : o->arity;
	if (*at + needed >= argc)
		return error_set(err, ERROR_USAGE, "usage", "--%s needs %s",
		    o->name, o->arity == 1 ? "a value" : "two values");
	if (!value)
		value = o->arity > 0 ? argv[*at + 1] : none;
	*at += 1 + needed;
	return set(out, o, value, err);
}

int engine_options_parse(
    struct engine_options *out, int argc, char **argv, struct error *err)
{
	int at = 1;

	*out = (struct engine_options){.job_fd = -1, .record_fd = -1};
	job_init(&out->job);
	while (at < argc && strncmp(argv[at], "-", 1) == 0 &&
	       strcmp(argv[at], "-") != 0) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (strcmp(argv[at], "-h") == 0 ||
		    strcmp(argv[at], "-V") == 0) {
			out->wants_help |= argv[at][1] == 'h';
			out->wants_version |= argv[at][1] == 'V';
			at++;
			continue;
		}
		if (strncmp(argv[at], "--", 2) != 0)
			return error_set(err, ERROR_USAGE, "usage",
			    "options begin with two dashes; see --help");
		if (parse_option(out, argc, argv, &at, err) < 0) {
			wipe_arguments(argc - 6 > at ? 6 : argc - at,
			    argv + (argc - 6 > at ? argc - 6 : at));
			return -1;
		}
	}
	if (out->wants_help || out->wants_version)
		return 0;
	if (out->job_fd >= 0 && at == argc)
		return 0;
	return parse_positional(out, argc - at, argv + at, err);
}

void engine_options_release(struct engine_options *o)
{
	job_release(&o->job);
	free(o->log_path);
}
