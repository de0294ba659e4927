// SPDX-License-Identifier: MIT
#include "engine/sync/sync_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/contract/record.h"
#include "engine/sync/sync_accounting.h"
#include "engine/sync/sync_class_run.h"
#include "engine/sync/sync_drive.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_known.h"
#include "engine/sync/sync_ledger.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_marker.h"
#include "engine/sync/sync_pairing.h"
#include "engine/sync/sync_pool.h"
#include "engine/sync/sync_probe.h"
#include "engine/sync/sync_queue.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_source.h"
#include "engine/sync/sync_state.h"
#include "engine/sync/sync_target.h"

#define MEBIBYTE (UINT64_C(1) << 20)

static struct imap_conn_settings settings_of(const struct job *job,
    const struct job_endpoint *e, const char *side, struct log *log)
{
	static const enum imap_tls tls[] = {
	    IMAP_TLS_AUTO, IMAP_TLS_IMPLICIT, IMAP_TLS_STARTTLS, IMAP_TLS_NONE};

	static const enum imap_auth auth[] = {IMAP_AUTH_AUTO, IMAP_AUTH_LOGIN,
	    IMAP_AUTH_PLAIN, IMAP_AUTH_CRAM_MD5, IMAP_AUTH_SCRAM_SHA_1,
	    IMAP_AUTH_SCRAM_SHA_256, IMAP_AUTH_XOAUTH2, IMAP_AUTH_OAUTHBEARER,
	    IMAP_AUTH_OAUTH, IMAP_AUTH_EXTERNAL};

	static const enum imap_compress compress[] = {
	    IMAP_COMPRESS_AUTO, IMAP_COMPRESS_ON, IMAP_COMPRESS_OFF};

	return (struct imap_conn_settings){
	    .side = side,
	    .host = e->host,
	    .port = e->port,
	    .tls = tls[e->tls],
	    .tls_verify = e->tls_verify,
	    .ca_file = e->ca_file,
	    .pin = e->pin,
	    .auth = auth[e->auth],
	    .user = e->user,
	    .as = e->as,
	    .password = &e->password,
	    .proxy_auth = e->proxy_auth,
	    .token_file = e->token_file,
	    .literal_plus = job->options.literal_plus,
	    .compress = compress[job->options.compress],
	    .timeout_ms = job->options.timeout_ms,
	    .pace = e->pace,
	    .log = log,
	};
}

/* A dry run sends no message. */
static unsigned lanes_of(const struct job *job)
{
	return job->options.dry_run ? 1 : job->options.connections;
}

static uint64_t share_of(uint64_t budget, unsigned lanes)
{
	return budget >= lanes ? budget / lanes : 1;
}

/* What a lane has of its own; the queues of all make one budget. */
static int make_lane(struct sync_shared *shared, struct error *err)
{
	const struct job_options *o = &shared->job->options;
	unsigned lanes = lanes_of(shared->job);

	if (sync_wake_init(&shared->source_wake, err) < 0 ||
	    sync_wake_init(&shared->target_wake, err) < 0)
		return -1;
	shared->queue = sync_queue_new((uint32_t)share_of(o->queue_max, lanes),
	    share_of(o->queue_size_max * MEBIBYTE, lanes), &shared->source_wake,
	    &shared->target_wake);
	shared->exchange =
	    sync_exchange_new(&shared->source_wake, &shared->target_wake);
	sync_ledger_set_wake(
	    shared->ledger, shared->lane, &shared->target_wake);
	if (shared->pool)
		sync_pool_set_wake(
		    shared->pool, shared->lane, &shared->source_wake);
	return 0;
}

static void release_lane(struct sync_shared *shared)
{
	sync_queue_free(shared->queue);
	sync_exchange_free(shared->exchange);
	sync_wake_release(&shared->source_wake);
	sync_wake_release(&shared->target_wake);
}

/* What all lanes have in common, and the rest of the leader's. */
static int make_shared(struct sync_shared *shared, const struct job *job,
    const struct sync_run_io *io, struct error *err)
{
	unsigned lanes = lanes_of(job);

	memset(shared, 0, sizeof(*shared));
	shared->source_wake.fd = shared->target_wake.fd = -1;
	shared->job = job;
	shared->log = io->log;
	shared->reporter = sync_reporter_new(io->log, io->record_fd);
	shared->ledger = sync_ledger_new(lanes);
	if (lanes > 1)
		shared->pool = sync_pool_new(lanes);
	return make_lane(shared, err);
}

static void copy_common(struct sync_shared *to, const struct sync_shared *from)
{
	to->job = from->job;
	to->log = from->log;
	to->reporter = from->reporter;
	to->ledger = from->ledger;
	to->pool = from->pool;
	to->state = from->state;
	to->state_is_old = from->state_is_old;
	to->pairing = from->pairing;
	to->source_wake.fd = to->target_wake.fd = -1;
}

static void name_sides(struct sync_lane *lane)
{
	unsigned n = lane->shared.lane;

	(void)snprintf(lane->source_name, sizeof(lane->source_name),
	    n ? "source#%u" : "source", n + 1);
	(void)snprintf(lane->target_name, sizeof(lane->target_name),
	    n ? "target#%u" : "target", n + 1);
}

/* Which accounts the state file is about. */
static char *pair_key(const struct job *job)
{
	const struct job_endpoint *s = &job->source, *t = &job->target;
	const struct job_options *o = &job->options;

	return mem_printf("%s:%u %s %s %s > %s:%u %s %s %s", s->host,
	    (unsigned)s->port, s->user,
	    s->proxy_auth ? s->proxy_auth
	    : s->as       ? s->as
			  : "",
	    o->source_prefix ? o->source_prefix : "", t->host,
	    (unsigned)t->port, t->user,
	    t->proxy_auth ? t->proxy_auth
	    : t->as       ? t->as
			  : "",
	    o->target_prefix ? o->target_prefix : "");
}

/* 0 also without one: a file that is not ours costs time, nothing else. */
static int open_state(
    struct sync_shared *shared, const char *key, struct error *err)
{
	const struct job_options *o = &shared->job->options;
	enum sync_state_verdict verdict = SYNC_STATE_NEW;

	if (!o->state_file)
		return 0;
	shared->state =
	    sync_state_open(o->state_file, key, shared->log, &verdict, err);
	shared->state_is_old = verdict == SYNC_STATE_OLD;
	shared->pairing = sync_pairing_new(shared->state);
	if (shared->state)
		return 0;
	if (verdict == SYNC_STATE_LOCKED || verdict == SYNC_STATE_FAILED)
		return -1;
	sync_reporter_warn(shared->reporter, "engine", "local.state",
	    "working without the state file: %s", err->text);
	err->kind = ERROR_NONE;
	return 0;
}

/* What former runs left; from here on no other engine copies these accounts. */
static int begin_copy(struct sync_shared *shared, struct error *err)
{
	if (shared->job->options.dry_run)
		return 0;
	char *key = pair_key(shared->job);
	int rc = open_state(shared, key, err);
	if (rc == 0) {
		shared->marker = sync_marker_take(key, shared->log, err);
		rc = shared->marker ? 0 : -1;
	}
	free(key);
	return rc;
}

/* Has everything been answered for that any lane has appended? */
static bool are_answered(const struct sync_lane *lanes, unsigned count)
{
	const struct sync_shared *shared = &lanes[0].shared;
	bool all = !shared->pool || !sync_pool_has_sought(shared->pool);

	for (unsigned i = 0; i < count; i++)
		all &= sync_target_is_answered(lanes[i].target);
	return all;
}

/* And what a former run had sent as well? */
static bool are_settled(const struct sync_lane *lanes, unsigned count)
{
	const struct sync_shared *shared = &lanes[0].shared;
	bool all = !shared->pool || !sync_pool_has_sought(shared->pool);

	for (unsigned i = 0; i < count; i++)
		all &= sync_target_is_settled(lanes[i].target);
	return all;
}

/* The next run must wait when something is under way, of this run or still of
 * the one before. */
static void release_marker(struct sync_lane *lanes, unsigned count)
{
	struct sync_marker *marker = lanes[0].shared.marker;

	if (!marker)
		return;
	bool was_left = sync_marker_verdict(marker) == SYNC_MARKER_LEFT;
	sync_marker_release(marker, was_left ? !are_settled(lanes, count)
					     : !are_answered(lanes, count));
	for (unsigned i = 0; i < count; i++)
		lanes[i].shared.marker = NULL;
}

/* All lanes have ended: what is known now is kept. */
static int close_state(
    struct sync_lane *lanes, unsigned count, struct error *err)
{
	struct sync_shared *shared = &lanes[0].shared;
	const struct sync_plan *plan = sync_source_plan(lanes[0].source);
	int rc = 0;

	if (!shared->state)
		return 0;
	sync_pairing_flush(shared->pairing);
	if (plan)
		rc = sync_known_store(
		    plan, shared->state, &shared->job->options, err);
	if (rc == 0 && are_settled(lanes, count))
		rc = sync_state_settled(shared->state, "", "", err);
	if (rc == 0)
		rc = sync_state_flush(shared->state, err);
	sync_state_close(shared->state);
	for (unsigned i = 0; i < count; i++)
		lanes[i].shared.state = NULL;
	return rc;
}

/* Adds up what all lanes have done. */
static void merge(struct sync_lane *lanes, unsigned count)
{
	struct sync_plan *plan = sync_source_plan(lanes[0].source);

	if (!plan)
		return;
	for (unsigned i = 1; i < count; i++)
		sync_source_merge(lanes[i].source, plan);
	for (size_t i = 0; i < plan->count; i++)
		plan->mailboxes[i].end_uidnext =
		    sync_ledger_end(lanes[0].shared.ledger, i,
			&plan->mailboxes[i].end_uidvalidity);
}

/* Which error it is that counts, `own` or one of a side. */
static void find_error(struct sync_ending *ending, const struct error *own,
    const struct sync_lane *lanes, unsigned count)
{
	ending->error = own;
	if (!own && sync_target_error(lanes[0].target)) {
		ending->error = sync_target_error(lanes[0].target);
		ending->side = "target";
	} else if (!own && sync_source_error(lanes[0].source)) {
		ending->error = sync_source_error(lanes[0].source);
		ending->side = "source";
	}
	for (unsigned i = 1; i < count && !ending->error; i++)
		if (lanes[i].fatal.kind != ERROR_NONE)
			ending->error = &lanes[i].fatal;
}

static int make_lanes(
    struct sync_lane *lanes, unsigned count, struct error *err)
{
	const struct job *job = lanes[0].shared.job;
	int rc = 0;

	for (unsigned i = 0; i < count; i++) {
		struct sync_lane *lane = &lanes[i];
		lane->fatal.kind = ERROR_NONE;
		if (i > 0) {
			copy_common(&lane->shared, &lanes[0].shared);
			lane->shared.lane = i;
			rc |= make_lane(&lane->shared, err);
		}
		name_sides(lane);
		const struct imap_conn_settings from = settings_of(
		    job, &job->source, lane->source_name, lane->shared.log);
		const struct imap_conn_settings to = settings_of(
		    job, &job->target, lane->target_name, lane->shared.log);
		lane->source = sync_source_new(&lane->shared, &from);
		lane->target = sync_target_new(&lane->shared, &to);
	}
	return rc;
}

static void free_lanes(struct sync_lane *lanes, unsigned count)
{
	struct sync_shared *shared = &lanes[0].shared;

	sync_pairing_free(shared->pairing);
	sync_state_close(shared->state);
	for (unsigned i = count; i-- > 0;) {
		sync_target_free(lanes[i].target);
		sync_source_free(lanes[i].source);
		release_lane(&lanes[i].shared);
	}
	sync_ledger_free(shared->ledger);
	sync_pool_free(shared->pool);
	sync_reporter_free(shared->reporter);
	free(lanes);
}

static void begin(const struct sync_shared *shared)
{
	const struct job *job = shared->job;
	const struct record record = {
	    .event = RECORD_START,
	    .account = job->account,
	    .version = (char *)(uintptr_t)MAILCONVOY_VERSION,
	};

	char account[200];

	// the command line may have given any bytes
	log_write(shared->log, LOG_LEVEL_INFO, "engine",
	    "syncIMAPMail %s, account '%s': %s -> %s", MAILCONVOY_VERSION,
	    text_escape(
		job->account, strlen(job->account), account, sizeof(account)),
	    job->source.host, job->target.host);
	sync_reporter_send(shared->reporter, &record);
}

/* No copying, no state file, no threads. */
static void probe(const struct job *job, const struct sync_run_io *io,
    struct sync_result *result)
{
	struct sync_shared shared = {.job = job, .log = io->log};
	const struct imap_conn_settings from =
	    settings_of(job, &job->source, "source", io->log);
	const struct imap_conn_settings to =
	    settings_of(job, &job->target, "target", io->log);

	shared.reporter = sync_reporter_new(io->log, io->record_fd);
	begin(&shared);
	const struct sync_probe_io probe_io = {.log = io->log,
	    .reporter = shared.reporter,
	    .stop_fds = io->stop_fds,
	    .stop_count = SYNC_RUN_STOPS_MAX};
	sync_probe_run(&job->options, &from, &to, &probe_io, result);
	sync_reporter_free(shared.reporter);
}

void sync_run(const struct job *job, const struct sync_run_io *io,
    struct sync_result *result)
{
	if (job->options.probe) {
		probe(job, io, result);
		return;
	}
	unsigned count = lanes_of(job);
	struct sync_lane *lanes = mem_calloc(count, sizeof(*lanes));
	struct sync_shared *shared = &lanes[0].shared;
	struct error err = {.kind = ERROR_NONE};
	struct sync_ending ending = {0};
	int64_t start_ms = clock_ms();
	int rc = make_shared(shared, job, io, &err);

	begin(shared);
	if (rc == 0)
		rc = begin_copy(shared, &err);
	rc |= make_lanes(lanes, count, &err);
	struct sync_plan *plan = NULL;
	struct sync_class_run *classes =
	    rc == 0 ? sync_class_run_begin(shared, io) : NULL;
	if (rc == 0)
		sync_drive(lanes, count, io);
	plan = sync_source_plan(lanes[0].source);
	merge(lanes, count);
	find_error(&ending, rc < 0 ? &err : NULL, lanes, count);
	ending.interrupted = atomic_load(&shared->interrupted);
	if (!ending.error && !ending.interrupted)
		sync_class_run_end(classes, shared, plan);
	sync_class_run_free(classes);
	if (rc == 0 && close_state(lanes, count, &err) < 0 && !ending.error)
		ending.error = &err;
	release_marker(lanes, count);
	for (unsigned i = 0; i < count; i++) {
		ending.changed |= atomic_load(&lanes[i].shared.changed);
		ending.needs_look |= atomic_load(&lanes[i].shared.needs_look);
	}
	sync_accounting_close(plan, &ending, io->log, shared->reporter, result);
	result->duration_ms = (uint64_t)(clock_ms() - start_ms);
	sync_accounting_report(result, io->log, shared->reporter);
	free_lanes(lanes, count);
}
