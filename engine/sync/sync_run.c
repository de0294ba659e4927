// SPDX-License-Identifier: MIT
#include "engine/sync/sync_run.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/contract/record.h"
#include "engine/sync/sync_accounting.h"
#include "engine/sync/sync_class_run.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_known.h"
#include "engine/sync/sync_marker.h"
#include "engine/sync/sync_probe.h"
#include "engine/sync/sync_queue.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_source.h"
#include "engine/sync/sync_state.h"
#include "engine/sync/sync_target.h"

enum {
	PROGRESS_MS = 250, /* records: at most 4 a second */
	WATCH_MS = 50, /* how often a busy loop looks for the word to stop */
	STOP_GRACE_MS = 10000, /* for answers under way when stopped */
	STACK_BYTES = 512 * 1024,
	LOOP_FDS = 4 + SYNC_RUN_STOPS_MAX
};

#define MEBIBYTE (UINT64_C(1) << 20)

/* The parts that one loop drives; NULL: another thread's. */
struct loop {
	struct sync_shared *shared;
	struct sync_source *source;
	struct sync_target *target;
	const struct sync_run_io *io; /* NULL: another loop watches */
	bool source_ended, target_ended;
	int64_t next_watch_ms, next_progress_ms, stopped_ms;
	uint64_t told;
};

static void tell_progress(struct loop *loop)
{
	struct sync_shared *s = loop->shared;
	struct record record = {.event = RECORD_PROGRESS};

	record.tally.source = atomic_load(&s->seen);
	record.tally.copied = atomic_load(&s->copied);
	record.tally.present = atomic_load(&s->present);
	record.tally.bytes_copied = atomic_load(&s->bytes_copied);
	record.expected = atomic_load(&s->expected);
	record.expected_bytes = atomic_load(&s->expected_bytes);
	uint64_t sum = record.tally.source + record.tally.copied;
	if (sum != loop->told)
		sync_reporter_send(s->reporter, &record);
	loop->told = sum;
}

static void interrupt(struct loop *loop)
{
	struct sync_shared *s = loop->shared;

	if (atomic_exchange(&s->interrupted, true))
		return;
	loop->stopped_ms = clock_ms();
	log_write(s->log, LOG_LEVEL_WARNING, "engine",
	    "told to stop: finishing what is under way");
	sync_exchange_stop(s->exchange);
}

/* Looks for the word to stop and tells how far we are. */
static void watch(struct loop *loop)
{
	struct pollfd fds[SYNC_RUN_STOPS_MAX];
	int64_t now = clock_ms();

	if (!loop->io || now < loop->next_watch_ms)
		return;
	loop->next_watch_ms = now + WATCH_MS;
	for (int i = 0; i < SYNC_RUN_STOPS_MAX; i++)
		fds[i] = (struct pollfd){
		    .fd = loop->io->stop_fds[i], .events = POLLIN};
	if (poll(fds, SYNC_RUN_STOPS_MAX, 0) > 0)
		interrupt(loop);
	if (now >= loop->next_progress_ms) {
		loop->next_progress_ms = now + PROGRESS_MS;
		tell_progress(loop);
	}
}

static bool step(struct loop *loop)
{
	bool worked = false;

	if (loop->source && !loop->source_ended) {
		enum sync_step s = sync_source_step(loop->source);
		loop->source_ended = s == SYNC_STEP_ENDED;
		worked |= s != SYNC_STEP_IDLE;
	}
	if (loop->target && !loop->target_ended) {
		enum sync_step s = sync_target_step(loop->target);
		loop->target_ended = s == SYNC_STEP_ENDED;
		worked |= s != SYNC_STEP_IDLE;
	}
	return worked;
}

static void earlier(int64_t *deadline, int64_t other)
{
	if (other < *deadline)
		*deadline = other;
}

static void sleep_until_event(struct loop *loop)
{
	struct pollfd fds[LOOP_FDS];
	nfds_t n = 0;
	int64_t deadline = CLOCK_NEVER, own = CLOCK_NEVER;

	if (loop->source && !loop->source_ended) {
		sync_source_poll(loop->source, &fds[n++], &own);
		earlier(&deadline, own);
		fds[n++] = (struct pollfd){
		    .fd = loop->shared->source_wake.fd, .events = POLLIN};
	}
	if (loop->target && !loop->target_ended) {
		sync_target_poll(loop->target, &fds[n++], &own);
		earlier(&deadline, own);
		fds[n++] = (struct pollfd){
		    .fd = loop->shared->target_wake.fd, .events = POLLIN};
	}
	// once told to stop, the descriptor stays readable: no need to look
	if (loop->io && !atomic_load(&loop->shared->interrupted)) {
		for (int i = 0; i < SYNC_RUN_STOPS_MAX; i++)
			fds[n++] = (struct pollfd){
			    .fd = loop->io->stop_fds[i], .events = POLLIN};
	}
	if (loop->io)
		earlier(&deadline, clock_ms() + PROGRESS_MS);
	(void)poll(fds, n, clock_poll_ms(deadline)); // EINTR: look again
}

static void arm(struct loop *loop)
{
	if (loop->source)
		sync_wake_arm(&loop->shared->source_wake);
	if (loop->target)
		sync_wake_arm(&loop->shared->target_wake);
}

static void disarm(struct loop *loop)
{
	if (loop->source)
		sync_wake_disarm(&loop->shared->source_wake);
	if (loop->target)
		sync_wake_disarm(&loop->shared->target_wake);
}

/* Answers that do not come must not hold a stop for ever. */
static bool is_overdue(const struct loop *loop)
{
	return loop->stopped_ms > 0 &&
	       clock_ms() - loop->stopped_ms > STOP_GRACE_MS;
}

static void run_loop(struct loop *loop)
{
	loop->source_ended = !loop->source;
	loop->target_ended = !loop->target;
	while (!loop->source_ended || !loop->target_ended) {
		watch(loop);
		if (is_overdue(loop))
			return;
		if (step(loop))
			continue;
		arm(loop);
		if (!step(loop))
			sleep_until_event(loop);
		disarm(loop);
	}
}

static void *source_thread(void *argument)
{
	run_loop(argument);
	return NULL;
}

/* Both sides until their end; 0 or -1. */
static int drive(struct sync_shared *shared, struct sync_source *source,
    struct sync_target *target, const struct sync_run_io *io, struct error *err)
{
	struct loop main_loop = {.shared = shared, .target = target, .io = io};
	struct loop side_loop = {.shared = shared, .source = source};
	pthread_attr_t attributes;
	pthread_t thread;

	if (!shared->job->options.threads) {
		main_loop.source = source;
		run_loop(&main_loop);
		return 0;
	}
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	errno = pthread_create(&thread, &attributes, source_thread, &side_loop);
	(void)pthread_attr_destroy(&attributes);
	if (errno != 0)
		return error_set_errno(err, ERROR_OS, "local.thread",
		    "cannot start a thread (--noThreads does without)");
	run_loop(&main_loop);
	(void)pthread_join(thread, NULL);
	tell_progress(&main_loop);
	return 0;
}

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
	    .log = log,
	};
}

static int make_shared(struct sync_shared *shared, const struct job *job,
    const struct sync_run_io *io, struct error *err)
{
	const struct job_options *o = &job->options;

	memset(shared, 0, sizeof(*shared));
	shared->source_wake.fd = shared->target_wake.fd = -1;
	shared->job = job;
	shared->log = io->log;
	shared->reporter = sync_reporter_new(io->log, io->record_fd);
	if (sync_wake_init(&shared->source_wake, err) < 0 ||
	    sync_wake_init(&shared->target_wake, err) < 0)
		return -1;
	shared->queue =
	    sync_queue_new(o->queue_max, o->queue_size_max * MEBIBYTE,
		&shared->source_wake, &shared->target_wake);
	shared->exchange =
	    sync_exchange_new(&shared->source_wake, &shared->target_wake);
	return 0;
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

/* The next run must wait when something is under way, of this run or still of
 * the one before. */
static void release_marker(
    struct sync_shared *shared, const struct sync_target *target)
{
	if (!shared->marker)
		return;
	bool was_left = sync_marker_verdict(shared->marker) == SYNC_MARKER_LEFT;
	sync_marker_release(
	    shared->marker, was_left ? !sync_target_is_settled(target)
				     : !sync_target_is_answered(target));
	shared->marker = NULL;
}

/* Both sides have ended: what is known now is kept. */
static int close_state(struct sync_shared *shared, struct sync_source *source,
    struct sync_target *target, struct error *err)
{
	struct sync_plan *plan = sync_source_plan(source);
	int rc = 0;

	if (!shared->state)
		return 0;
	if (plan)
		rc = sync_known_store(
		    plan, shared->state, &shared->job->options, err);
	if (rc == 0 && sync_target_is_settled(target))
		rc = sync_state_settled(shared->state, "", "", err);
	if (rc == 0)
		rc = sync_state_flush(shared->state, err);
	sync_state_close(shared->state);
	shared->state = NULL;
	return rc;
}

static void release_shared(struct sync_shared *shared)
{
	sync_state_close(shared->state);
	sync_queue_free(shared->queue);
	sync_exchange_free(shared->exchange);
	sync_wake_release(&shared->source_wake);
	sync_wake_release(&shared->target_wake);
	sync_reporter_free(shared->reporter);
}

static void begin(const struct sync_shared *shared)
{
	const struct job *job = shared->job;
	const struct record record = {
	    .event = RECORD_START,
	    .account = job->account,
	    .version = (char *)(uintptr_t)MAILCONVOY_VERSION,
	};

	log_write(shared->log, LOG_LEVEL_INFO, "engine",
	    "syncIMAPMail %s, account '%s': %s -> %s", MAILCONVOY_VERSION,
	    job->account, job->source.host, job->target.host);
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
	struct sync_shared shared;
	struct error err = {.kind = ERROR_NONE};
	struct sync_ending ending = {0};
	int64_t start_ms = clock_ms();
	int rc = make_shared(&shared, job, io, &err);

	begin(&shared);
	const struct imap_conn_settings from =
	    settings_of(job, &job->source, "source", io->log);
	const struct imap_conn_settings to =
	    settings_of(job, &job->target, "target", io->log);
	struct sync_source *source = sync_source_new(&shared, &from);
	struct sync_target *target = sync_target_new(&shared, &to);
	if (rc == 0)
		rc = begin_copy(&shared, &err);
	struct sync_class_run *classes =
	    rc == 0 ? sync_class_run_begin(&shared, io) : NULL;
	if (rc == 0)
		rc = drive(&shared, source, target, io, &err);
	ending.error = rc < 0                      ? &err
		       : sync_target_error(target) ? sync_target_error(target)
						   : sync_source_error(source);
	ending.interrupted = atomic_load(&shared.interrupted);
	if (!ending.error && !ending.interrupted)
		sync_class_run_end(classes, &shared, sync_source_plan(source));
	sync_class_run_free(classes);
	if (rc == 0 && close_state(&shared, source, target, &err) < 0 &&
	    !ending.error)
		ending.error = &err;
	release_marker(&shared, target);
	ending.changed = atomic_load(&shared.changed);
	ending.needs_look = atomic_load(&shared.needs_look);
	sync_accounting_close(sync_source_plan(source), &ending, io->log,
	    shared.reporter, result);
	result->duration_ms = (uint64_t)(clock_ms() - start_ms);
	sync_accounting_report(result, io->log, shared.reporter);
	sync_target_free(target);
	sync_source_free(source);
	release_shared(&shared);
}
