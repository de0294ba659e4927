// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/contract/job.h"

static void fill(struct job *job)
{
	job_init(job);
	job->account = strdup("anna");
	job->source.host = strdup("old.example.org");
	job->source.user = strdup("anna");
	secret_set(&job->source.password, "s3cret \"x\"", 10);
	job->target.host = strdup("::1");
	job->target.user = strdup("postmaster");
	secret_set(&job->target.password, "pw", 2);
}

static void set_everything(struct job *job)
{
	struct job_options *o = &job->options;

	job->source.port = 1143;
	job->source.tls = JOB_TLS_STARTTLS;
	job->source.tls_verify = false;
	job->source.ca_file = strdup("/etc/ca.pem");
	job->source.pin = strdup(
	    "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef");
	job->source.auth = JOB_AUTH_PLAIN;
	job->source.as = strdup("erik");
	o->list = calloc(2, sizeof(char *));
	o->list[o->lists++] = strdup("INBOX/*");
	o->list[o->lists++] = strdup("Archive");
	o->mode = JOB_MODE_DST;
	o->dry_run = o->force = o->mailbox_class = true;
	o->max_delete = 7;
	o->max_delete_percent = 5;
	o->acl = o->special_use = o->metadata = o->new_uid = false;
	o->force_index = JOB_SWITCH_OFF;
	o->new_uid_template = strdup("UID %u");
	o->errors_max = 3;
	job->target.auth = JOB_AUTH_OAUTH;
	job->target.token_file = strdup("/run/token");
	job->target.proxy_auth = strdup("erik");
	job->target.cli_port = 1106;
	o->source_prefix = strdup("a/");
	o->target_prefix = strdup("~x/");
	o->skip_mailbox = calloc(2, sizeof(char *));
	o->skip_mailbox[o->skip_mailboxes++] = strdup("Junk");
	o->skip_mailbox[o->skip_mailboxes++] = strdup("J\xc3\xb6rg*");
	o->rename_mailbox = calloc(1, sizeof(*o->rename_mailbox));
	o->rename_mailbox[0] =
	    (struct job_rename){strdup("Sent Items"), strdup("Sent")};
	o->rename_mailboxes = 1;
	o->subscription = false;
	o->long_lines = JOB_LONG_LINES_SKIP;
	o->fetch_max = 1;
	o->fetch_size_max = 2;
	o->store_max = 3;
	o->store_size_max = 4;
	o->queue_max = 5;
	o->queue_size_max = 6;
	o->timeout_ms = 3600000;
	o->threads = false;
	o->literal_plus = false;
	o->confine = false;
	o->compress = JOB_SWITCH_OFF;
	o->verbose = true;
}

Test(job, defaults_are_those_of_the_guide)
{
	struct job job;

	job_init(&job);
	cr_assert_eq(job.options.lists, 0);
	cr_assert_eq(job.options.mode, JOB_MODE_SRC_ALL);
	cr_assert_eq(job.options.max_delete, JOB_NO_LIMIT);
	cr_assert(job.options.subscription && job.options.threads);
	cr_assert_eq(job.options.long_lines, JOB_LONG_LINES_TRUNCATE);
	cr_assert_eq(job.options.fetch_max, 50);
	cr_assert_eq(job.options.fetch_size_max, 10);
	cr_assert_eq(job.options.store_max, 50);
	cr_assert_eq(job.options.store_size_max, 10);
	cr_assert_eq(job.options.queue_max, 150);
	cr_assert_eq(job.options.queue_size_max, 30);
	cr_assert_eq(job.options.timeout_ms, 60000);
	cr_assert(job.source.tls_verify && job.target.tls_verify);
	job_release(&job);
}

/* Encoding what was decoded gives the same line: nothing got lost. */
Test(job, survives_its_line)
{
	struct job job, back;
	struct error err = {0};
	size_t len = 0, again_len = 0;

	fill(&job);
	set_everything(&job);
	cr_assert_eq(job_check(&job, &err), 0, "%s", err.text);
	char *line = job_encode(&job, &len);
	cr_assert_not_null(line);
	cr_assert_eq(line[len - 1], '\n');
	cr_assert_null(memchr(line, '\n', len - 1));
	job_init(&back);
	cr_assert_eq(job_decode(line, len, &back, &err), 0, "%s", err.text);
	char *again = job_encode(&back, &again_len);
	cr_assert_str_eq(line, again);
	cr_assert_eq(back.source.port, 1143);
	cr_assert_eq(back.source.tls, JOB_TLS_STARTTLS);
	cr_assert_str_eq(back.source.password.bytes, "s3cret \"x\"");
	cr_assert_str_eq(back.options.skip_mailbox[1], "J\xc3\xb6rg*");
	cr_assert_str_eq(back.options.rename_mailbox[0].to, "Sent");
	cr_assert_eq(back.options.queue_size_max, 6);
	job_wipe_line(line, len);
	job_wipe_line(again, again_len);
	job_release(&job);
	job_release(&back);
}

Test(job, passwords_of_any_bytes_survive)
{
	static const char odd[] = {'a', '\0', '\xff', '\n', '\x01'};
	struct job job, back;
	struct error err = {0};
	size_t len = 0;

	fill(&job);
	secret_set(&job.source.password, odd, sizeof(odd));
	char *line = job_encode(&job, &len);
	cr_assert_not_null(line);
	job_init(&back);
	cr_assert_eq(job_decode(line, len, &back, &err), 0, "%s", err.text);
	cr_assert_eq(back.source.password.len, sizeof(odd));
	cr_assert_eq(memcmp(back.source.password.bytes, odd, sizeof(odd)), 0);
	job_wipe_line(line, len);
	job_release(&job);
	job_release(&back);
}

Test(job, what_is_left_out_stays)
{
	static const char line[] =
	    "{\"v\":1,\"account\":\"a\",\"source\":{\"host\":\"h\"},\"target\":{},\"new\":1}";
	struct job job;
	struct error err = {0};

	job_init(&job);
	cr_assert_eq(
	    job_decode(line, strlen(line), &job, &err), 0, "%s", err.text);
	cr_assert_eq(job.options.lists, 0);
	cr_assert_eq(job.options.mode, JOB_MODE_SRC_ALL);
	cr_assert_eq(job.options.max_delete, JOB_NO_LIMIT);
	cr_assert_eq(job.options.fetch_max, 50);
	cr_assert(job.source.tls_verify);
	cr_assert_eq(job_check(&job, &err), -1);
	cr_assert_str_eq(err.text, "source.user: is missing");
	job_release(&job);
}

Test(job, a_line_that_is_too_long_is_not_made)
{
	struct job job;
	size_t len = 0;
	char *huge = malloc(JOB_LINE_MAX);

	fill(&job);
	memset(huge, 'x', JOB_LINE_MAX - 1);
	huge[JOB_LINE_MAX - 1] = '\0';
	job.options.source_prefix = huge;
	cr_assert_null(job_encode(&job, &len));
	job_release(&job);
}

struct bad_row {
	char line[160];
	char text[80];
};

ParameterizedTestParameters(job, refused)
{
#define ENDS "\"source\":{},\"target\":{}"
	static struct bad_row rows[] = {
	    {"", "not one JSON object"},
	    {"[1]", "not one JSON object"},
	    {"{\"v\":1", "not one JSON object"},
	    {"{\"v\":1,\"v\":1}", "not one JSON object"},
	    {"{}", "another version"},
	    {"{\"v\":2}", "another version"},
	    {"{\"v\":1}", "account"},
	    {"{\"v\":1,\"account\":7}", "account"},
	    {"{\"v\":1,\"account\":\"a\"}", "source"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{}}", "target"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{\"port\":65536},\"target\":{}}",
		"source.port"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{\"port\":\"1\"},\"target\":{}}",
		"source.port"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{\"tls\":\"ssl\"},\"target\":{}}",
		"source.tls"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{},\"target\":{\"auth\":1}}",
		"target.auth"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{\"password\":1},\"target\":{}}",
		"source.password"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{\"password_hex\":\"0g\"},\"target\":{}}",
		"source.password"},
	    {"{\"v\":1,\"account\":\"a\",\"source\":{\"password_hex\":\"0\"},\"target\":{}}",
		"source.password"},
	    {"{\"v\":1,\"account\":\"a\"," ENDS ",\"options\":[]}", "options"},
	    {"{\"v\":1,\"account\":\"a\"," ENDS
	     ",\"options\":{\"fetch_max\":-1}}",
		"options.fetch_max"},
	    {"{\"v\":1,\"account\":\"a\"," ENDS
	     ",\"options\":{\"fetch_max\":4294967296}}",
		"options.fetch_max"},
	    {"{\"v\":1,\"account\":\"a\"," ENDS ",\"options\":{\"threads\":1}}",
		"options.threads"},
	    {"{\"v\":1,\"account\":\"a\"," ENDS
	     ",\"options\":{\"skip_mailbox\":1}}",
		"options.skip_mailbox"},
	    {"{\"v\":1,\"account\":\"a\"," ENDS
	     ",\"options\":{\"skip_mailbox\":[1]}}",
		"options.skip_mailbox"},
	    {"{\"v\":1,\"account\":\"a\"," ENDS
	     ",\"options\":{\"rename_mailbox\":[{\"from\":\"x\"}]}}",
		"options.rename_mailbox"},
	};
#undef ENDS

	return cr_make_param_array(
	    struct bad_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct bad_row *row, job, refused)
{
	struct job job;
	struct error err = {0};

	job_init(&job);
	cr_assert_eq(job_decode(row->line, strlen(row->line), &job, &err), -1,
	    "%s", row->line);
	cr_assert_eq(err.kind, ERROR_CONFIG);
	cr_assert_not_null(
	    strstr(err.text, row->text), "%s: %s", row->line, err.text);
	job_release(&job);
}

/* What is done to a good job, by number: rows cannot hold functions. */
enum {
	SPOIL_NONE,
	SPOIL_ACCOUNT,
	SPOIL_HOST,
	SPOIL_HOST_SPACE,
	SPOIL_PASSWORD,
	SPOIL_PIN,
	SPOIL_AS_LOGIN,
	SPOIL_LIST,
	SPOIL_TEMPLATE,
	SPOIL_PASSWORD_LINE,
	SPOIL_TOKEN,
	SPOIL_FETCH,
	SPOIL_QUEUE,
	SPOIL_TIMEOUT,
	SPOILS
};

static void spoil(struct job *job, int how)
{
	char **text = how == SPOIL_ACCOUNT ? &job->account
		      : how == SPOIL_HOST || how == SPOIL_HOST_SPACE
			  ? &job->source.host
		      : how == SPOIL_PIN      ? &job->target.pin
		      : how == SPOIL_AS_LOGIN ? &job->target.as
		      : how == SPOIL_TEMPLATE ? &job->options.new_uid_template
					      : NULL;

	if (text) {
		free(*text);
		*text = how == SPOIL_HOST_SPACE ? strdup("a b")
			: how == SPOIL_PIN || how == SPOIL_AS_LOGIN
			    ? strdup("xyz")
			: how == SPOIL_TEMPLATE ? strdup("UID %u %n")
						: NULL;
	}
	if (how == SPOIL_LIST) {
		job->options.list = calloc(1, sizeof(char *));
		job->options.list[job->options.lists++] = strdup("");
	}
	if (how == SPOIL_PASSWORD_LINE)
		secret_set(&job->source.password, "a\r\nx", 4);
	if (how == SPOIL_TOKEN)
		job->source.token_file = strdup("/run/token");
	if (how == SPOIL_PASSWORD)
		secret_release(&job->target.password);
	if (how == SPOIL_AS_LOGIN)
		job->target.auth = JOB_AUTH_LOGIN;
	if (how == SPOIL_FETCH)
		job->options.fetch_max = 0;
	if (how == SPOIL_QUEUE)
		job->options.queue_size_max = UINT32_MAX;
	if (how == SPOIL_TIMEOUT)
		job->options.timeout_ms = 0;
}

Test(job, check_names_the_field)
{
	static const char *const fields[SPOILS] = {[SPOIL_ACCOUNT] = "account:",
	    [SPOIL_HOST] = "source.host:",
	    [SPOIL_HOST_SPACE] = "source.host:",
	    [SPOIL_PASSWORD] = "target.password:",
	    [SPOIL_PIN] = "target.pin:",
	    [SPOIL_AS_LOGIN] = "target.as:",
	    [SPOIL_LIST] = "options.list:",
	    [SPOIL_TEMPLATE] = "options.new_uid_template:",
	    [SPOIL_PASSWORD_LINE] = "source.password:",
	    [SPOIL_TOKEN] = "source.token_file:",
	    [SPOIL_FETCH] = "options.fetch_max:",
	    [SPOIL_QUEUE] = "options.queue_size_max:",
	    [SPOIL_TIMEOUT] = "options.timeout_ms:"};

	for (int how = 0; how < SPOILS; how++) {
		struct job job;
		struct error err = {0};
		fill(&job);
		spoil(&job, how);
		cr_assert_eq(
		    job_check(&job, &err), fields[how] ? -1 : 0, "%d", how);
		if (fields[how])
			cr_assert_eq(
			    strncmp(err.text, fields[how], strlen(fields[how])),
			    0, "%s", err.text);
		job_release(&job);
	}
}

Test(job, words_are_known_both_ways)
{
	for (int i = 0; job_tls_name((enum job_tls)i); i++)
		cr_assert_eq(job_tls_parse(job_tls_name((enum job_tls)i)), i);
	for (int i = 0; job_auth_name((enum job_auth)i); i++)
		cr_assert_eq(
		    job_auth_parse(job_auth_name((enum job_auth)i)), i);
	for (int i = 0; job_long_lines_name((enum job_long_lines)i); i++)
		cr_assert_eq(job_long_lines_parse(
				 job_long_lines_name((enum job_long_lines)i)),
		    i);
	cr_assert_eq(job_tls_parse("ssl"), -1);
	cr_assert_eq(job_auth_parse(""), -1);
	cr_assert_eq(job_long_lines_parse("fold"), -1);
	cr_assert_eq(job_mode_parse("syncsrcall"), -1);
}

/* ------------------------------------------- an account into itself (F072) */

struct apart_row {
	char source_host[24], target_host[24];
	uint16_t source_port, target_port;
	enum job_tls target_tls;
	char target_as[8];
	char source_prefix[16], target_prefix[16];
	bool is_refused;
};

ParameterizedTestParameters(job, is_not_copied_into_itself)
{
	static struct apart_row rows[] = {
	    {"a.org", "b.org", 0, 0, JOB_TLS_AUTO, "", "", "", false},
	    {"a.org", "A.Org", 0, 0, JOB_TLS_AUTO, "", "", "", true},
	    {"a.org", "a.org", 0, 143, JOB_TLS_AUTO, "", "", "", true},
	    {"a.org", "a.org", 993, 0, JOB_TLS_IMPLICIT, "", "", "", true},
	    {"a.org", "a.org", 1143, 2143, JOB_TLS_AUTO, "", "", "", false},
	    {"a.org", "a.org", 0, 0, JOB_TLS_AUTO, "erik", "", "", false},
	    {"a.org", "a.org", 0, 0, JOB_TLS_AUTO, "anna", "", "", true},
	    {"a.org", "a.org", 0, 0, JOB_TLS_AUTO, "", "~a/", "~b/", false},
	    {"a.org", "a.org", 0, 0, JOB_TLS_AUTO, "", "~a/", "~a/", true},
	    {"a.org", "a.org", 0, 0, JOB_TLS_AUTO, "", "", "Old/", true},
	    {"a.org", "a.org", 0, 0, JOB_TLS_AUTO, "", "a/", "a/b/", true},
	    {"a.org", "a.org", 0, 0, JOB_TLS_AUTO, "", "a/b/", "a/", true},
	};

	return cr_make_param_array(
	    struct apart_row, rows, sizeof(rows) / sizeof(rows[0]));
}

static void replace(char **text, const char *with)
{
	free(*text);
	*text = with[0] ? strdup(with) : NULL;
}

ParameterizedTest(struct apart_row *row, job, is_not_copied_into_itself)
{
	struct job job;
	struct error err;

	fill(&job);
	replace(&job.target.user, "anna");
	replace(&job.source.host, row->source_host);
	replace(&job.target.host, row->target_host);
	replace(&job.target.as, row->target_as);
	replace(&job.options.source_prefix, row->source_prefix);
	replace(&job.options.target_prefix, row->target_prefix);
	job.source.port = row->source_port;
	job.target.port = row->target_port;
	job.target.tls = row->target_tls;
	int rc = job_check(&job, &err);
	cr_assert_eq(rc, row->is_refused ? -1 : 0);
	if (row->is_refused) {
		cr_assert_eq(err.kind, ERROR_CONFIG);
		cr_assert(strstr(err.text, "into itself"));
	}
	job_release(&job);
}

Test(job, refuses_a_line_end_in_a_prefix)
{
	struct job job;
	struct error err;

	fill(&job);
	job.options.target_prefix = strdup("a\r\nb");
	cr_assert_eq(job_check(&job, &err), -1);
	cr_assert(strstr(err.text, "target_prefix"));
	job_release(&job);
}
