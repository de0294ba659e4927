// SPDX-License-Identifier: MIT
#include "engine/sync/sync_class_run.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_class.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_run.h"
#include "engine/sync/sync_shared.h"

/* "~berta/" as prefix of all names means the account berta. */
static char *account_of(const struct job_endpoint *e, const char *prefix)
{
	size_t len = prefix ? strlen(prefix) : 0;

	if (len > 2 && prefix[0] == '~' && prefix[len - 1] == '/')
		return mem_strndup(prefix + 1, len - 2);
	if (e->proxy_auth || e->as)
		return mem_strdup(e->proxy_auth ? e->proxy_auth : e->as);
	return NULL;
}

static struct sync_class_endpoint endpoint_of(
    const struct job_endpoint *e, const char *prefix, const char *account)
{
	return (struct sync_class_endpoint){
	    .host = e->host,
	    .port = e->cli_port,
	    .user = e->user,
	    .password = &e->password,
	    .account = account,
	    .prefix = prefix,
	    .allow_clear_text = e->tls == JOB_TLS_NONE,
	};
}

/* The names of both accounts are needed as long as the step lives. */
struct sync_class_run {
	struct sync_class *c;
	char *source, *target;
};

static void warn(struct sync_shared *shared, const struct error *err)
{
	atomic_store(&shared->needs_look, true);
	sync_reporter_warn(shared->reporter, "engine", "folder.class",
	    "classes of mailboxes are not copied: %s", err->text);
}

struct sync_class_run *sync_class_run_begin(
    struct sync_shared *shared, const struct sync_run_io *io)
{
	const struct job *job = shared->job;
	const struct job_options *o = &job->options;
	struct error err = {.kind = ERROR_NONE};

	if (!o->mailbox_class)
		return NULL;
	struct sync_class_run *run = mem_calloc(1, sizeof(*run));
	run->source = account_of(&job->source, o->source_prefix);
	run->target = account_of(&job->target, o->target_prefix);
	const struct sync_class_settings set = {
	    .source = endpoint_of(&job->source, o->source_prefix, run->source),
	    .target = endpoint_of(&job->target, o->target_prefix, run->target),
	    .timeout_ms = o->timeout_ms,
	    .stop_fds = io->stop_fds,
	    .stops = SYNC_RUN_STOPS_MAX,
	    .log = shared->log,
	    .reporter = shared->reporter,
	};
	run->c = sync_class_new(&set);
	if (sync_class_read(run->c, &err) == 0)
		return run;
	warn(shared, &err);
	sync_class_run_free(run);
	return NULL;
}

void sync_class_run_free(struct sync_class_run *run)
{
	if (!run)
		return;
	sync_class_free(run->c);
	free(run->source);
	free(run->target);
	free(run);
}

void sync_class_run_end(struct sync_class_run *run, struct sync_shared *shared,
    struct sync_plan *plan)
{
	const struct job_options *o = &shared->job->options;
	struct error err = {.kind = ERROR_NONE};
	struct sync_class_counts counts = {0};

	if (!run || !plan || o->dry_run)
		return;
	struct sync_class_pair *pairs = mem_calloc(plan->count, sizeof(*pairs));
	const char **listed = mem_calloc(plan->count, sizeof(*listed));
	struct sync_class_copied copied = {
	    .pairs = pairs, .listed = listed, .listed_count = plan->count};
	for (size_t i = 0; i < plan->count; i++) {
		const struct sync_mailbox *m = &plan->mailboxes[i];
		listed[i] = m->source;
		if (m->target && !m->refusal)
			pairs[copied.count++] =
			    (struct sync_class_pair){m->source, m->target};
	}
	// of what was left out on purpose nothing is said
	if (o->lists > 0 || o->skip_mailboxes > 0)
		copied.listed = NULL;
	if (sync_class_apply(run->c, &copied, &counts, &err) < 0)
		warn(shared, &err);
	plan->beside.extra[TALLY_CLASSES] += counts.set;
	plan->beside.extra[TALLY_REFUSED_EXTRAS] += counts.refused;
	free(pairs);
	free(listed);
}
