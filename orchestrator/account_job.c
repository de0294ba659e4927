// SPDX-License-Identifier: MIT
#include "orchestrator/account_job.h"

#include <stdlib.h>

#include "config/plan.h"
#include "config/secret_source.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"

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

static enum job_auth auth_of(enum plan_auth auth)
{
	switch (auth) {
	case PLAN_AUTH_AUTO:
		return JOB_AUTH_AUTO;
	case PLAN_AUTH_LOGIN:
		return JOB_AUTH_LOGIN;
	case PLAN_AUTH_PLAIN:
		return JOB_AUTH_PLAIN;
	}
	return JOB_AUTH_AUTO;
}

static enum job_long_lines long_lines_of(enum plan_long_lines l)
{
	switch (l) {
	case PLAN_LONG_LINES_KEEP:
		return JOB_LONG_LINES_KEEP;
	case PLAN_LONG_LINES_TRUNCATE:
		return JOB_LONG_LINES_TRUNCATE;
	case PLAN_LONG_LINES_SKIP:
		return JOB_LONG_LINES_SKIP;
	}
	return JOB_LONG_LINES_KEEP;
}

static int set_endpoint(
    struct job_endpoint *out, const struct plan_endpoint *from)
{
	const struct plan_server *server = from->server;

	out->port = server->port;
	out->tls = tls_of(server->tls);
	out->tls_verify = server->tls_verify;
	out->auth = auth_of(from->auth);
	if (copy_text(&out->host, server->host) < 0 ||
	    copy_text(&out->ca_file, server->ca_file) < 0 ||
	    copy_text(&out->pin, server->pin) < 0 ||
	    copy_text(&out->user, from->login) < 0 ||
	    copy_text(&out->as, from->as) < 0)
		return -1;
	return 0;
}

static int set_names(struct job_options *out, const struct plan_options *from)
{
	out->skip_mailbox =
	    mem_try_calloc(from->skip_mailboxes, sizeof(char *));
	out->rename_mailbox = mem_try_calloc(
	    from->rename_mailboxes, sizeof(*out->rename_mailbox));
	if (!out->skip_mailbox || !out->rename_mailbox)
		return -1;
	for (size_t i = 0; i < from->skip_mailboxes; i++)
		if (copy_text(&out->skip_mailbox[out->skip_mailboxes++],
			from->skip_mailbox[i]) < 0)
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

static int set_options(
    struct job_options *out, const struct plan_account *account)
{
	const struct plan_options *from = &account->options;

	out->subscription = from->subscription;
	out->long_lines = long_lines_of(from->long_lines);
	out->fetch_max = from->fetch_max;
	out->fetch_size_max = from->fetch_size_max;
	out->store_max = from->store_max;
	out->store_size_max = from->store_size_max;
	out->queue_max = from->queue_max;
	out->queue_size_max = from->queue_size_max;
	out->timeout_ms = from->timeout_ms > UINT32_MAX
			      ? UINT32_MAX
			      : (uint32_t)from->timeout_ms;
	out->threads = from->overlap;
	out->list = mem_try_calloc(1, sizeof(char *));
	if (!out->list ||
	    (from->list &&
		copy_text(&out->list[out->lists++], from->list) < 0) ||
	    copy_text(&out->source_prefix, account->source.prefix) < 0 ||
	    copy_text(&out->target_prefix, account->target.prefix) < 0)
		return -1;
	return set_names(out, from);
}

static int read_secrets(
    struct job *job, const struct plan_account *account, struct error *err)
{
	if (secret_source_read(
		&account->source.password, &job->source.password, err) < 0)
		return error_prefix(err, "source password");
	if (secret_source_read(
		&account->target.password, &job->target.password, err) < 0)
		return error_prefix(err, "target password");
	return 0;
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
    const char *last_outcome, size_t *len_out, struct error *err)
{
	struct job job;
	char *line = NULL;

	job_init(&job);
	job.options.settle_ms = settle_ms(last_outcome, job.options.settle_ms);
	if (copy_text(&job.account, account->id) < 0 ||
	    set_endpoint(&job.source, &account->source) < 0 ||
	    set_endpoint(&job.target, &account->target) < 0 ||
	    set_options(&job.options, account) < 0) {
		(void)error_set(err, ERROR_OS, "local.memory", "out of memory");
	} else if (read_secrets(&job, account, err) == 0 &&
		   job_check(&job, err) == 0) {
		line = job_encode(&job, len_out);
		if (!line)
			(void)error_set(err, ERROR_CONFIG, "config.job",
			    "the job does not fit a line of %d bytes of UTF-8",
			    JOB_LINE_MAX);
	}
	job_release(&job);
	return line;
}
