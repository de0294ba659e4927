// SPDX-License-Identifier: MIT
#include "orchestrator/account_job.h"

#include <errno.h>
#include <stdlib.h>

#include "config/plan.h"
#include "config/secret_source.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "orchestrator/account_secrets.h"
#include "orchestrator/approval.h"

static int copy_text(char **out, const char *s)
{
	free(*out);
	*out = s ? mem_try_strdup(s) : NULL;
	return s && !*out ? -1 : 0;
}

static enum job_tls tls_of(enum plan_tls tls)
{
	switch (tls) {
	case PLAN_TLS_AUTO:
		return JOB_TLS_AUTO;
	case PLAN_TLS_IMPLICIT:
		return JOB_TLS_IMPLICIT;
	case PLAN_TLS_STARTTLS:
		return JOB_TLS_STARTTLS;
	case PLAN_TLS_NONE:
		return JOB_TLS_NONE;
	}
	return JOB_TLS_AUTO;
}

/* Indexed by the plan's words. */
static const enum job_auth auths[] = {
    [PLAN_AUTH_AUTO] = JOB_AUTH_AUTO,
    [PLAN_AUTH_LOGIN] = JOB_AUTH_LOGIN,
    [PLAN_AUTH_PLAIN] = JOB_AUTH_PLAIN,
    [PLAN_AUTH_CRAM_MD5] = JOB_AUTH_CRAM_MD5,
    [PLAN_AUTH_SCRAM_SHA_1] = JOB_AUTH_SCRAM_SHA_1,
    [PLAN_AUTH_SCRAM_SHA_256] = JOB_AUTH_SCRAM_SHA_256,
    [PLAN_AUTH_XOAUTH2] = JOB_AUTH_XOAUTH2,
    [PLAN_AUTH_OAUTHBEARER] = JOB_AUTH_OAUTHBEARER,
    [PLAN_AUTH_OAUTH] = JOB_AUTH_OAUTH,
    [PLAN_AUTH_EXTERNAL] = JOB_AUTH_EXTERNAL,
};

static const enum job_long_lines long_lines[] = {
    [PLAN_LONG_LINES_KEEP] = JOB_LONG_LINES_KEEP,
    [PLAN_LONG_LINES_TRUNCATE] = JOB_LONG_LINES_TRUNCATE,
    [PLAN_LONG_LINES_SKIP] = JOB_LONG_LINES_SKIP,
    [PLAN_LONG_LINES_WRAP] = JOB_LONG_LINES_WRAP,
};

static const enum job_mode modes[] = {
    [PLAN_MODE_SRC_ALL] = JOB_MODE_SRC_ALL,
    [PLAN_MODE_SRC_NEW] = JOB_MODE_SRC_NEW,
    [PLAN_MODE_DST] = JOB_MODE_DST,
};

static const enum job_switch switches[] = {
    [PLAN_SWITCH_AUTO] = JOB_SWITCH_AUTO,
    [PLAN_SWITCH_ON] = JOB_SWITCH_ON,
    [PLAN_SWITCH_OFF] = JOB_SWITCH_OFF,
};

_Static_assert(PLAN_NO_LIMIT == JOB_NO_LIMIT, "a ceiling is handed on");
_Static_assert((int)PLAN_CONNECTIONS_MAX == (int)JOB_CONNECTIONS_MAX,
    "an engine takes them all");

/* A token in a file is the engine's to read: it may be replaced while it runs.
 */
static bool has_token_file(const struct plan_endpoint *e)
{
	return e->is_token && e->password.kind == PLAN_SECRET_FILE;
}

static int set_endpoint(
    struct job_endpoint *out, const struct plan_endpoint *from)
{
	const struct plan_server *server = from->server;

	out->port = server->port;
	out->tls = tls_of(server->tls);
	out->tls_verify = server->tls_verify;
	out->auth = auths[from->auth];
	out->cli_port = server->cli_port;
	if (copy_text(&out->host, server->host) < 0 ||
	    copy_text(&out->ca_file, server->ca_file) < 0 ||
	    copy_text(&out->pin, server->pin) < 0 ||
	    copy_text(&out->user, from->login) < 0 ||
	    copy_text(&out->as, from->as) < 0 ||
	    copy_text(&out->proxy_auth, from->proxy_auth) < 0)
		return -1;
	if (has_token_file(from))
		return copy_text(&out->token_file, from->password.value);
	return 0;
}

static int copy_list(
    char ***out, size_t *count_out, char *const *from, size_t count)
{
	*out = mem_try_calloc(count, sizeof(char *));
	if (!*out)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (copy_text(&(*out)[(*count_out)++], from[i]) < 0)
			return -1;
	return 0;
}

static int set_names(
    struct job_options *out, const struct plan_account *account)
{
	const struct plan_options *from = &account->options;

	out->rename_mailbox = mem_try_calloc(
	    from->rename_mailboxes, sizeof(*out->rename_mailbox));
	if (!out->rename_mailbox ||
	    copy_list(&out->list, &out->lists, from->list, from->lists) < 0 ||
	    copy_list(&out->skip_mailbox, &out->skip_mailboxes,
		from->skip_mailbox, from->skip_mailboxes) < 0 ||
	    copy_text(&out->source_prefix, account->source.prefix) < 0 ||
	    copy_text(&out->target_prefix, account->target.prefix) < 0)
		return -1;
	for (size_t i = 0; i < from->rename_mailboxes; i++) {
		struct job_rename *r =
		    &out->rename_mailbox[out->rename_mailboxes++];
		if (copy_text(&r->from, from->rename_mailbox[i].from) < 0 ||
		    copy_text(&r->to, from->rename_mailbox[i].to) < 0)
			return -1;
	}
	return 0;
}

static void set_limits(struct job_options *out, const struct plan_options *from)
{
	out->errors_max = from->errors_max;
	out->max_delete = from->max_delete;
	out->max_delete_percent = from->max_delete_percent;
	out->fetch_max = from->fetch_max;
	out->fetch_size_max = from->fetch_size_max;
	out->store_max = from->store_max;
	out->store_size_max = from->store_size_max;
	out->queue_max = from->queue_max;
	out->queue_size_max = from->queue_size_max;
	out->timeout_ms = from->timeout_ms > UINT32_MAX
			      ? UINT32_MAX
			      : (uint32_t)from->timeout_ms;
}

/* Never above the plan's own ceilings. */
static void set_approved(
    struct job_options *out, const struct approval_account *approved)
{
	if (!approved)
		return;
	if (approved->messages < out->max_delete)
		out->max_delete = approved->messages;
	out->max_delete_mailboxes = approved->mailboxes;
}

static int set_options(
    struct job_options *out, const struct plan_account *account)
{
	const struct plan_options *from = &account->options;

	out->mode = modes[from->mode];
	out->subscription = from->subscription;
	out->acl = from->acl;
	out->special_use = from->special_use;
	out->metadata = from->metadata;
	out->mailbox_class = from->mailbox_class;
	out->force_index = switches[from->force_index];
	out->new_uid = from->new_uid != PLAN_SWITCH_OFF;
	out->long_lines = long_lines[from->long_lines];
	out->threads = from->overlap;
	out->literal_plus = from->literal_plus;
	out->confine = from->confine;
	out->compress = switches[from->compress];
	set_limits(out, from);
	if (copy_text(&out->new_uid_template, from->new_uid_template) < 0)
		return -1;
	return set_names(out, account);
}

static int read_secret(const struct plan_endpoint *from, size_t side,
    struct account_secrets *secrets, struct job_endpoint *out,
    struct error *err)
{
	static const char *const names[] = {"source", "target"};

	if (has_token_file(from) || from->password.kind == PLAN_SECRET_NONE)
		return 0; // EXTERNAL has none
	int rc = from->password.kind == PLAN_SECRET_COMMAND
		     ? account_secrets_take(secrets, side, &out->password, err)
		     : secret_source_read(&from->password, &out->password, err);
	if (rc == 0)
		return 0;
	return error_prefix(
	    err, "%s %s", names[side], from->is_token ? "token" : "password");
}

static int read_secrets(const struct plan_account *account,
    struct account_secrets *secrets, struct job *job, struct error *err)
{
	if (read_secret(&account->source, 0, secrets, &job->source, err) < 0)
		return -1;
	return read_secret(&account->target, 1, secrets, &job->target, err);
}

/*
 * How long the target must stand still before the engine appends: a server may
 * still obey what an engine had sent that did not end well.
 */
static uint32_t settle_ms(const char *last_outcome, uint32_t otherwise)
{
	enum {
		AFTER_TROUBLE_MS = 5000
	};

	static const char *const good[] = {"ok", "partial", "changed"};

	if (!last_outcome)
		return otherwise;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (strcmp(last_outcome, good[i]) == 0)
			return 0;
	return AFTER_TROUBLE_MS;
}

char *account_job_line(const struct plan_account *account,
    const struct account_job_attempt *attempt, size_t *len_out,
    struct error *err)
{
	struct job job;
	char *line = NULL;

	job_init(&job);
	job.options.dry_run = attempt->dry_run;
	job.options.verbose = attempt->verbose;
	if (attempt->connections > 0)
		job.options.connections = attempt->connections;
	job.options.pace_fd = (uint32_t)attempt->pace_fd;
	job.source.bucket = attempt->source_bucket;
	job.target.bucket = attempt->target_bucket;
	job.options.probe = attempt->probe;
	if (attempt->verify) {
		job.options.verify = attempt->verify->level;
		job.options.verify_sample = attempt->verify->sample;
		job.options.verify_diff = attempt->verify->diff;
	}
	job.options.settle_ms =
	    settle_ms(attempt->last_outcome, job.options.settle_ms);
	if (copy_text(&job.account, account->id) < 0 ||
	    copy_text(&job.options.state_file, attempt->state_file) < 0 ||
	    set_endpoint(&job.source, &account->source) < 0 ||
	    set_endpoint(&job.target, &account->target) < 0 ||
	    set_options(&job.options, account) < 0) {
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	} else if (read_secrets(account, attempt->secrets, &job, err) == 0 &&
		   job_check(&job, err) == 0) {
		set_approved(&job.options, attempt->approved);
		errno = 0;
		line = job_encode(&job, len_out);
		if (!line && errno == ENOMEM)
			(void)error_set(err, ERROR_INTERNAL, "local.memory",
			    "out of memory");
		else if (!line)
			(void)error_set(err, ERROR_CONFIG, "config.job",
			    "the job does not fit a line of %d bytes of UTF-8",
			    JOB_LINE_MAX);
	}
	job_release(&job);
	return line;
}
