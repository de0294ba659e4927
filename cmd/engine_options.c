// SPDX-License-Identifier: MIT
#include "cmd/engine_options.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/engine_option_table.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"

/* Of a long list of words the first ones say enough. */
static const char *shown_argument(const struct engine_option *o)
{
	if (!o->argument)
		return "";
	return strlen(o->argument) > 32 ? "HOW" : o->argument;
}

static void print_group(FILE *out, enum engine_option_group group)
{
	size_t count = 0;
	const struct engine_option *table = engine_option_table(&count);

	(void)fprintf(out, "\n%s:\n", engine_option_group_title(group));
	for (size_t i = 0; i < count; i++) {
		char left[64];
		if (table[i].group != group || !table[i].help)
			continue;
		(void)snprintf(left, sizeof(left), "--%s %s", table[i].name,
		    shown_argument(&table[i]));
		(void)fprintf(out, "  %-36s %s\n", left, table[i].help);
	}
}

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
	    "        the inbox only; a password given like this is overwritten at once\n"
	    "  syncIMAPMail --mode syncDst --maxDelete 5%% --dryRun old anna - new anna -\n"
	    "        what a mirror would change, without changing it\n"
	    "  syncIMAPMail --source '~anna/' --target '~anna/' old postmaster - new postmaster -\n"
	    "        somebody else's account, by administrators of two CommuniGate servers\n\n"
	    "usage: syncIMAPMail [options] SOURCE USER PASSWORD TARGET USER PASSWORD\n"
	    "       SOURCE, TARGET: host[:port], [v6]:port, imap://host, imaps://host\n");
	for (int g = 0; g < OPTION_GROUPS; g++)
		print_group(out, (enum engine_option_group)g);
	(void)fprintf(out, "\nexit codes:\n");
	for (size_t i = 0; i < count; i++)
		if (codes[i].engine_text)
			(void)fprintf(out, "  %3d  %s\n", (int)codes[i].code,
			    codes[i].engine_text);
}

static int bad_value(
    const struct engine_option *o, const char *value, struct error *err)
{
	char shown[80];

	return error_set(err, ERROR_USAGE, "usage",
	    "--%s: '%s' is not %s; see --help", o->name,
	    text_escape(value, strlen(value), shown, sizeof(shown)),
	    o->argument);
}

static int number(const struct engine_option *o, const char *value,
    uint64_t min, uint64_t max, uint64_t *out, struct error *err)
{
	if (!text_parse_u64(value, strlen(value), max, out) || *out < min)
		return error_set(err, ERROR_USAGE, "usage",
		    "--%s needs a number from %llu to %llu", o->name,
		    (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int set_count(const struct engine_option *o, const char *value,
    uint64_t max, uint32_t *out, struct error *err)
{
	uint64_t n = 0;

	if (number(o, value, 1, max, &n, err) < 0)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int set_limit(struct job_options *job, const struct engine_option *o,
    const char *value, struct error *err)
{
	enum {
		MAX_COUNT = 100000,
		MAX_MEGABYTES = 4096,
		MAX_SECONDS = 86400,
		MAX_MS = 24 * 3600 * 1000
	};

	uint64_t n = 0;

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
	case OPT_CONNECTIONS:
		return set_count(
		    o, value, JOB_CONNECTIONS_MAX, &job->connections, err);
	case OPT_ERRORS_MAX:
		return set_count(
		    o, value, JOB_NO_LIMIT - 1, &job->errors_max, err);
	case OPT_BWLIMIT:
		return set_count(o, value, UINT32_MAX, &job->bandwidth, err);
	case OPT_SETTLE:
		if (number(o, value, 0, MAX_MS, &n, err) < 0)
			return -1;
		job->settle_ms = (uint32_t)n;
		return 0;
	default:
		if (number(o, value, 1, MAX_SECONDS, &n, err) < 0)
			return -1;
		job->timeout_ms = (uint32_t)n * 1000;
		return 0;
	}
}

static void set_string(char **to, const char *value)
{
	free(*to);
	*to = mem_strdup(value);
}

static int set_word(const struct engine_option *o, const char *value,
    int parsed, int *out, struct error *err)
{
	if (parsed < 0)
		return bad_value(o, value, err);
	*out = parsed;
	return 0;
}

static int set_login(struct job_endpoint *e, const struct engine_option *o,
    char *value, struct engine_options *out, struct error *err)
{
	uint64_t n = 0;
	int word = 0;

	switch ((int)o->id) {
	case OPT_AUTH:
		if (set_word(o, value, job_auth_parse(value), &word, err) < 0)
			return -1;
		e->auth = (enum job_auth)word;
		return 0;
	case OPT_AUTH_PLAIN:
		e->auth = JOB_AUTH_PLAIN;
		set_string(&e->as, value);
		return 0;
	case OPT_ADMIN:
		e->auth = JOB_AUTH_PLAIN;
		set_string(o->side == OPTION_SIDE_SOURCE ? &out->source_admin
							 : &out->target_admin,
		    value);
		return 0;
	case OPT_OAUTH2:
		e->auth = JOB_AUTH_OAUTH;
		return 0;
	case OPT_PROXY_AUTH:
		set_string(&e->proxy_auth, value);
		return 0;
	case OPT_CLI_PORT:
		if (number(o, value, 1, UINT16_MAX, &n, err) < 0)
			return -1;
		e->cli_port = (uint16_t)n;
		return 0;
	case OPT_PASSWORD_FILE:
		return secret_from_file(&e->password, value, NULL, err);
	default:
		if (number(o, value, 0, 1 << 20, &n, err) < 0)
			return -1;
		return secret_from_fd(&e->password, (int)n, value, err);
	}
}

static int set_tls(struct job_endpoint *e, const struct engine_option *o,
    const char *value, struct error *err)
{
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
	default:
		set_string(&e->pin, value);
		return 0;
	}
}

static int set_descriptor(const struct engine_option *o, const char *value,
    int *out, struct error *err)
{
	uint64_t fd = 0;

	if (number(o, value, 0, 1 << 20, &fd, err) < 0)
		return -1;
	*out = (int)fd;
	return 0;
}

static void add_text(char ***list, size_t *count, const char *text)
{
	*list = mem_resize(*list, *count + 1, sizeof(char *));
	(*list)[(*count)++] = mem_strdup(text);
}

static void add_rename(
    struct job_options *job, const char *from, const char *to)
{
	job->rename_mailbox = mem_resize(job->rename_mailbox,
	    job->rename_mailboxes + 1, sizeof(*job->rename_mailbox));
	job->rename_mailbox[job->rename_mailboxes++] =
	    (struct job_rename){mem_strdup(from), mem_strdup(to)};
}

/* "100" messages or "5%" of them. */
static int set_max_delete(struct job_options *job,
    const struct engine_option *o, const char *value, struct error *err)
{
	size_t len = strlen(value);
	bool percent = len > 0 && value[len - 1] == '%';
	uint64_t n = 0;

	if (!text_parse_u64(
		value, len - percent, percent ? 100 : JOB_NO_LIMIT - 1, &n))
		return bad_value(o, value, err);
	*(percent ? &job->max_delete_percent : &job->max_delete) = (uint32_t)n;
	return 0;
}

/* "10%" or "10" of a hundred. */
static int set_sample(struct job_options *job, const struct engine_option *o,
    const char *value, struct error *err)
{
	size_t len = strlen(value);
	uint64_t n = 0;

	if (len > 0 && value[len - 1] == '%')
		len--;
	if (!text_parse_u64(value, len, 100, &n) || n == 0)
		return bad_value(o, value, err);
	job->verify_sample = (uint32_t)n;
	return 0;
}

static int set_what(struct job_options *job, const struct engine_option *o,
    char *const *values, struct error *err)
{
	const char *value = values[0];
	int word = 0;

	switch ((int)o->id) {
	case OPT_LIST:
		add_text(&job->list, &job->lists, value);
		return 0;
	case OPT_SOURCE:
		set_string(&job->source_prefix, value);
		return 0;
	case OPT_TARGET:
		set_string(&job->target_prefix, value);
		return 0;
	case OPT_SKIP_MAILBOX:
		add_text(&job->skip_mailbox, &job->skip_mailboxes, value);
		return 0;
	case OPT_RENAME_MAILBOX:
		add_rename(job, value, values[1]);
		return 0;
	case OPT_MODE:
		if (set_word(o, value, job_mode_parse(value), &word, err) < 0)
			return -1;
		job->mode = (enum job_mode)word;
		return 0;
	case OPT_MAX_DELETE:
		return set_max_delete(job, o, value, err);
	case OPT_LONG_LINES:
		if (set_word(
			o, value, job_long_lines_parse(value), &word, err) < 0)
			return -1;
		job->long_lines = (enum job_long_lines)word;
		return 0;
	case OPT_VERIFY:
		if (set_word(o, value, job_verify_parse(value), &word, err) < 0)
			return -1;
		job->verify = (enum job_verify)word;
		return 0;
	case OPT_VERIFY_SAMPLE:
		return set_sample(job, o, value, err);
	case OPT_STATE_FILE:
		set_string(&job->state_file, value);
		return 0;
	case OPT_COMPRESS:
		if (set_word(o, value, job_switch_parse(value), &word, err) < 0)
			return -1;
		job->compress = (enum job_switch)word;
		return 0;
	case OPT_NEW_UID_TEMPLATE:
		set_string(&job->new_uid_template, value);
		return 0;
	default:
		return set_limit(job, o, value, err);
	}
}

/* Those without a value; false when it is none of them. */
static bool set_flag(struct engine_options *out, enum engine_option_id id)
{
	struct job_options *job = &out->job.options;

	const struct {
		bool *flag;
		enum engine_option_id id;
		bool value;
	} flags[] = {
	    {&out->wants_help, OPT_HELP, true},
	    {&out->wants_version, OPT_VERSION, true},
	    {&job->verbose, OPT_VERBOSE, true},
	    {&job->dry_run, OPT_DRY_RUN, true},
	    {&job->probe, OPT_PROBE, true},
	    {&job->force, OPT_FORCE, true},
	    {&job->verify_diff, OPT_VERIFY_DIFF, true},
	    {&job->threads, OPT_NO_THREADS, false},
	    {&job->subscription, OPT_NO_SUBSCRIPTION, false},
	    {&job->acl, OPT_NO_ACL, false},
	    {&job->special_use, OPT_NO_SPECIAL_USE, false},
	    {&job->metadata, OPT_NO_METADATA, false},
	    {&job->new_uid, OPT_NO_NEW_UID, false},
	    {&job->mailbox_class, OPT_COPY_MAILBOX_CLASS, true},
	    {&job->literal_plus, OPT_NO_LITERAL_PLUS, false},
	    {&job->confine, OPT_NO_CONFINE, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].id == id) {
			*flags[i].flag = flags[i].value;
			return true;
		}
	if (id == OPT_FORCE_INDEX || id == OPT_NO_FORCE_INDEX)
		job->force_index =
		    id == OPT_FORCE_INDEX ? JOB_SWITCH_ON : JOB_SWITCH_OFF;
	else if (id == OPT_NOTIMEOUT)
		job->timeout_ms = 3600 * 1000;
	else
		return false;
	return true;
}

static int set(struct engine_options *out, const struct engine_option *o,
    char *const *values, struct error *err)
{
	struct job_endpoint *e =
	    o->side == OPTION_SIDE_SOURCE ? &out->job.source : &out->job.target;

	if (o->group == OPTION_GROUP_LOGIN)
		return set_login(e, o, values[0], out, err);
	if (o->group == OPTION_GROUP_TLS)
		return set_tls(e, o, values[0], err);
	if (set_flag(out, o->id))
		return 0;
	switch ((int)o->id) {
	case OPT_LOGFILE:
		set_string(&out->log_path, values[0]);
		return 0;
	case OPT_ACCOUNT:
		set_string(&out->job.account, values[0]);
		return 0;
	case OPT_JOB_FD:
		return set_descriptor(o, values[0], &out->job_fd, err);
	case OPT_RECORD_FD:
		return set_descriptor(o, values[0], &out->record_fd, err);
	default:
		return set_what(&out->job.options, o, values, err);
	}
}

/* It is repeated in many messages: nothing that a terminal would act on. */
static bool is_host(const char *host, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (host[i] <= ' ' || host[i] >= 0x7f)
			return false;
	return len > 0 && len <= 255;
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
	// "[" needs its "]", and only a port may follow
	bool is_odd = p[0] == '[' && (!close || (!port && close + 1 < p + len));
	if (is_odd || host[0] == '-' || !is_host(host, host_len))
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

static int parse_endpoint(struct job_endpoint *e, const char *which,
    const char *admin, char **argv, struct error *err)
{
	char question[200], shown[100];

	if (parse_server(e, argv[0], err) < 0)
		return -1;
	set_string(&e->user, argv[1]);
	if (admin) {
		set_string(&e->as, argv[1]);
		set_string(&e->user, admin);
	}
	if (e->auth == JOB_AUTH_OAUTH) {
		set_string(&e->token_file, argv[2]);
		return 0;
	}
	if (strcmp(argv[2], "-") != 0) {
		secret_from_argv(&e->password, argv[2]);
		return 0;
	}
	if (e->password.bytes || e->auth == JOB_AUTH_EXTERNAL)
		return 0; // from a file or descriptor, or none is needed
	(void)snprintf(question, sizeof(question), "Password of %s at the %s",
	    text_escape(e->user, strlen(e->user), shown, sizeof(shown)), which);
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
	int rc = parse_endpoint(
	    &out->job.source, "source", out->source_admin, argv, err);
	if (rc == 0)
		rc = parse_endpoint(&out->job.target, "target",
		    out->target_admin, argv + 3, err);
	wipe_arguments(argc, argv);
	if (rc == 0 && !out->job.account)
		set_string(&out->job.account, argv[4]);
	return rc;
}

/* One option with its value; *at moves behind it. */
static int parse_option(struct engine_options *out, int argc, char **argv,
    int *at, struct error *err)
{
	char shown[80];
	char *name = argv[*at] + 2;
	size_t len = strcspn(name, "=");
	const struct engine_option *o = engine_option_find(name, len);
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
	char *const *values = value ? &value : argv + *at + 1;
	*at += 1 + needed;
	return set(out, o, values, err);
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
	free(o->source_admin);
	free(o->target_admin);
}
