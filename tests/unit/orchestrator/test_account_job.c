// SPDX-License-Identifier: MIT
#include "orchestrator/account_job.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"

#define SERVERS \
	"version: 1\n" \
	"servers:\n" \
	"  old: {host: old.example.org, port: 1143, tls: starttls, cli_port: 1106}\n" \
	"  new: {host: new.example.org, tls: implicit, tls_verify: false}\n"

/* The job of a plan's first account, as the engine decodes it. */
static void job_of(const char *text, bool dry_run, struct job *job)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item = {0};
	struct plan *plan = plan_load_bytes("p.yaml", text, strlen(text), d);
	const struct account_job_attempt attempt = {
	    .state_file = "/run/state.db", .dry_run = dry_run};
	struct error err = {0};
	size_t len = 0;

	if (!plan)
		(void)plan_diag_get(d, 0, &item);
	cr_assert_not_null(plan, "%s", item.message);
	char *line = account_job_line(&plan->accounts[0], &attempt, &len, &err);
	cr_assert_not_null(line, "%s", err.text);
	job_init(job);
	cr_assert_eq(job_decode(line, len, job, &err), 0, "%s", err.text);
	cr_assert_eq(job_check(job, &err), 0, "%s", err.text);
	cr_assert_str_eq(job->options.state_file, "/run/state.db");
	job_wipe_line(line, len);
	plan_free(plan);
	plan_diag_free(d);
}

Test(account_job, says_all_that_the_plan_says)
{
	struct job job;

	job_of(SERVERS
	    "deletes: {max_per_account: 10, max_percent: 5}\n"
	    "accounts:\n"
	    "  - id: anna\n"
	    "    user: a\n"
	    "    source: {server: old, login: admin, proxy_auth: \"{user}\", auth: cram-md5, password: sp, prefix: \"~{user}/\"}\n"
	    "    target: {server: new, login: admin, as: \"{user}\", auth: scram-sha-256, password: tp, prefix: Old/}\n"
	    "    options:\n"
	    "      mode: syncDst\n"
	    "      list: [INBOX, \"W*\"]\n"
	    "      skip_mailbox: [Junk]\n"
	    "      rename_mailbox: [{from: a, to: b}]\n"
	    "      subscription: false\n"
	    "      acl: false\n"
	    "      special_use: false\n"
	    "      metadata: false\n"
	    "      mailbox_class: true\n"
	    "      force_index: false\n"
	    "      new_uid: false\n"
	    "      new_uid_template: \"UID %u\"\n"
	    "      long_lines: wrap\n"
	    "      errors_max: 7\n"
	    "      fetch: {max_messages: 1, max_size: 2MiB}\n"
	    "      store: {max_messages: 3, max_size: 4MiB}\n"
	    "      queue: {max_messages: 5, max_size: 6MiB}\n"
	    "      timeout: 9s\n"
	    "      overlap: false\n"
	    "      literal_plus: false\n",
	    false, &job);
	const struct job_options *o = &job.options;
	const struct job_endpoint *s = &job.source, *t = &job.target;

	cr_assert_str_eq(job.account, "anna");
	cr_assert_str_eq(s->user, "admin");
	cr_assert_str_eq(s->proxy_auth, "a");
	cr_assert_null(s->as);
	cr_assert_eq(s->auth, JOB_AUTH_CRAM_MD5);
	cr_assert_eq(s->port, 1143);
	cr_assert_eq(s->cli_port, 1106);
	cr_assert_eq(t->cli_port, 106);
	cr_assert_eq(s->tls, JOB_TLS_STARTTLS);
	cr_assert_not(t->tls_verify);
	cr_assert_str_eq(t->as, "a");
	cr_assert_eq(t->auth, JOB_AUTH_SCRAM_SHA_256);
	cr_assert_str_eq(t->password.bytes, "tp");
	cr_assert_str_eq(o->source_prefix, "~a/");
	cr_assert_str_eq(o->target_prefix, "Old/");
	cr_assert_eq(o->mode, JOB_MODE_DST);
	cr_assert(o->max_delete == 10 && o->max_delete_percent == 5);
	cr_assert_eq(o->lists, 2);
	cr_assert_str_eq(o->list[1], "W*");
	cr_assert_eq(o->skip_mailboxes, 1);
	cr_assert_eq(o->rename_mailboxes, 1);
	cr_assert_str_eq(o->rename_mailbox[0].to, "b");
	cr_assert_not(
	    o->subscription || o->acl || o->special_use || o->metadata);
	cr_assert(o->mailbox_class);
	cr_assert_eq(o->force_index, JOB_SWITCH_OFF);
	cr_assert_not(o->new_uid);
	cr_assert_str_eq(o->new_uid_template, "UID %u");
	cr_assert_eq(o->long_lines, JOB_LONG_LINES_WRAP);
	cr_assert_eq(o->errors_max, 7);
	cr_assert(o->fetch_max == 1 && o->fetch_size_max == 2);
	cr_assert(o->store_max == 3 && o->store_size_max == 4);
	cr_assert(o->queue_max == 5 && o->queue_size_max == 6);
	cr_assert_eq(o->timeout_ms, 9000);
	cr_assert_not(o->threads || o->literal_plus || o->dry_run);
	job_release(&job);
}

Test(account_job, leaves_to_the_engine_what_is_not_written)
{
	struct job job, initial;

	job_of(SERVERS
	    "accounts: [{user: a, password: p, source: {server: old}, target: {server: new}}]\n",
	    true, &job);
	job_init(&initial);
	const struct job_options *o = &job.options, *i = &initial.options;

	cr_assert(o->dry_run);
	cr_assert_eq(o->mode, i->mode);
	cr_assert_eq(o->lists, 0);
	cr_assert_null(o->source_prefix);
	cr_assert_eq(o->max_delete, JOB_NO_LIMIT);
	cr_assert_eq(o->max_delete_percent, JOB_NO_LIMIT);
	cr_assert_eq(o->force_index, i->force_index);
	cr_assert_eq(o->new_uid, i->new_uid);
	cr_assert_eq(o->errors_max, i->errors_max);
	cr_assert_eq(o->long_lines, JOB_LONG_LINES_KEEP, "a plan's own");
	cr_assert(o->acl && o->special_use && o->metadata && o->threads);
	job_release(&job);
	job_release(&initial);
}

/* F048: the file is read again at every login, by the engine. */
Test(account_job, hands_on_the_name_of_a_token_file)
{
	char path[] = "/tmp/test_account_job.XXXXXX";
	int fd = mkstemp(path);
	struct job job;

	cr_assert_eq(write(fd, "token\n", 6), 6);
	(void)close(fd);
	char *text = mem_printf(SERVERS
	    "accounts: [{user: a, source: {server: old, token: {file: %s}}, target: {server: new, auth: xoauth2, token: now}}]\n",
	    path);
	job_of(text, false, &job);
	cr_assert_str_eq(job.source.token_file, path);
	cr_assert_eq(job.source.password.len, 0);
	cr_assert_eq(job.source.auth, JOB_AUTH_OAUTH);
	cr_assert_null(job.target.token_file);
	cr_assert_str_eq(job.target.password.bytes, "now");
	cr_assert_eq(job.target.auth, JOB_AUTH_XOAUTH2);
	job_release(&job);
	free(text);
	(void)unlink(path);
}

Test(account_job, of_external_has_no_password)
{
	struct job job;

	job_of(SERVERS
	    "accounts: [{user: a, source: {server: old, auth: external}, target: {server: new, password: x}}]\n",
	    false, &job);
	cr_assert_eq(job.source.auth, JOB_AUTH_EXTERNAL);
	cr_assert_eq(job.source.password.len, 0);
	job_release(&job);
}
