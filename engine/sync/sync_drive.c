// SPDX-License-Identifier: MIT
#include "engine/sync/sync_drive.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/contract/job.h"
#include "engine/contract/record.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_pool.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_run.h"
#include "engine/sync/sync_source.h"
#include "engine/sync/sync_target.h"

enum {
	PROGRESS_MS = 250, /* records: at most 4 a second */
	WATCH_MS = 50, /* how often a busy loop looks for the word to stop */
	STOP_GRACE_MS = 10000, /* for answers under way when stopped */
	STACK_BYTES = 512 * 1024,
	LOOP_FDS = 4 * JOB_CONNECTIONS_MAX + SYNC_RUN_STOPS_MAX
};

/* What one loop drives of a lane. */
struct seat {
	struct sync_lane *lane;
	bool has_source, has_target; /* else another thread's */
	bool source_ended, target_ended, is_finished;
};

struct loop {
	struct sync_lane *lanes; /* of the run */
	unsigned count, seat_count;
	struct seat seats[JOB_CONNECTIONS_MAX + 1];
	const struct sync_run_io *io; /* NULL: another loop watches */
	int64_t next_watch_ms, next_progress_ms, stopped_ms;
	uint64_t told;
};

static void add_seat(
    struct loop *loop, unsigned number, bool has_source, bool has_target)
{
	loop->seats[loop->seat_count++] = (struct seat){
	    .lane = &loop->lanes[number],
	    .has_source = has_source,
	    .has_target = has_target,
	    .source_ended = !has_source,
	    .target_ended = !has_target,
	};
}

static void tell_progress(struct loop *loop)
{
	struct record record = {.event = RECORD_PROGRESS,
	    // of several lanes the leader's says enough
	    .mailbox = atomic_load(&loop->lanes[0].shared.at_mailbox)};

	for (unsigned i = 0; i < loop->count; i++) {
		struct sync_shared *s = &loop->lanes[i].shared;
		record.tally.source += atomic_load(&s->seen);
		record.tally.copied += atomic_load(&s->copied);
		record.tally.present += atomic_load(&s->present);
		record.tally.bytes_copied += atomic_load(&s->bytes_copied);
		record.expected += atomic_load(&s->expected);
		record.expected_bytes += atomic_load(&s->expected_bytes);
	}
	uint64_t sum = record.tally.source + record.tally.copied;
	if (sum != loop->told)
		sync_reporter_send(loop->lanes[0].shared.reporter, &record);
	loop->told = sum;
}

static void stop_lanes(struct loop *loop, unsigned from)
{
	for (unsigned i = from; i < loop->count; i++)
		sync_exchange_stop(loop->lanes[i].shared.exchange);
}

static void interrupt(struct loop *loop)
{
	struct sync_shared *leader = &loop->lanes[0].shared;

	if (atomic_exchange(&leader->interrupted, true))
		return;
	log_write(leader->log, LOG_LEVEL_WARNING, "engine",
	    "told to stop: finishing what is under way");
	for (unsigned i = 1; i < loop->count; i++)
		atomic_store(&loop->lanes[i].shared.interrupted, true);
	stop_lanes(loop, 0);
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

/* ------------------------------------------------------------ further lanes */

/* No other lane could do better. */
static bool is_fatal(const struct error *err)
{
	return err->kind == ERROR_QUOTA || err->kind == ERROR_OS ||
	       err->kind == ERROR_INTERNAL;
}

/* Both sides of a further lane have ended: what it has not done goes back. */
static void finish(struct loop *loop, struct seat *seat)
{
	struct sync_lane *lane = seat->lane;
	struct sync_shared *shared = &lane->shared;
	const struct error *err = sync_target_error(lane->target);

	seat->is_finished = true;
	if (!err)
		err = sync_source_error(lane->source);
	size_t parts = sync_source_give_back(lane->source);
	size_t messages = sync_target_give_back(lane->target);
	if (err && is_fatal(err)) {
		lane->fatal = *err;
		stop_lanes(loop, 0);
	} else if (err && !atomic_load(&shared->interrupted)) {
		sync_reporter_warn(shared->reporter, "engine", "net.connection",
		    "connection %u of %u is done without, the others do its work (%zu parts, %zu messages): %s",
		    shared->lane + 1, loop->count, parts, messages, err->text);
	}
	sync_pool_lane_ended(shared->pool);
}

/* ---------------------------------------------------------------- the loop */

static bool is_over(const struct seat *seat)
{
	return seat->source_ended && seat->target_ended;
}

static bool step_seat(struct loop *loop, struct seat *seat)
{
	bool worked = false;

	if (!seat->source_ended) {
		enum sync_step s = sync_source_step(seat->lane->source);
		seat->source_ended = s == SYNC_STEP_ENDED;
		worked |= s != SYNC_STEP_IDLE;
	}
	if (!seat->target_ended) {
		enum sync_step s = sync_target_step(seat->lane->target);
		seat->target_ended = s == SYNC_STEP_ENDED;
		worked |= s != SYNC_STEP_IDLE;
	}
	if (seat->is_finished || !is_over(seat))
		return worked;
	if (seat->lane->shared.lane > 0)
		finish(loop, seat);
	else if (seat->has_target)
		stop_lanes(loop, 1); // ended early, or they have ended too
	seat->is_finished = true;
	return true;
}

static bool step(struct loop *loop)
{
	bool worked = false;

	for (unsigned i = 0; i < loop->seat_count; i++)
		worked |= step_seat(loop, &loop->seats[i]);
	return worked;
}

static void earlier(int64_t *deadline, int64_t other)
{
	if (other < *deadline)
		*deadline = other;
}

static nfds_t poll_seat(
    const struct seat *seat, struct pollfd *fds, int64_t *deadline)
{
	struct sync_shared *shared = &seat->lane->shared;
	int64_t own = CLOCK_NEVER;
	nfds_t n = 0;

	if (!seat->source_ended) {
		sync_source_poll(seat->lane->source, &fds[n++], &own);
		earlier(deadline, own);
		fds[n++] = (struct pollfd){
		    .fd = shared->source_wake.fd, .events = POLLIN};
	}
	if (!seat->target_ended) {
		sync_target_poll(seat->lane->target, &fds[n++], &own);
		earlier(deadline, own);
		fds[n++] = (struct pollfd){
		    .fd = shared->target_wake.fd, .events = POLLIN};
	}
	return n;
}

static void sleep_until_event(struct loop *loop)
{
	struct pollfd fds[LOOP_FDS];
	nfds_t n = 0;
	int64_t deadline = CLOCK_NEVER;

	for (unsigned i = 0; i < loop->seat_count; i++)
		n += poll_seat(&loop->seats[i], fds + n, &deadline);
	// once told to stop, the descriptor stays readable: no need to look
	if (loop->io && !atomic_load(&loop->lanes[0].shared.interrupted)) {
		for (int i = 0; i < SYNC_RUN_STOPS_MAX; i++)
			fds[n++] = (struct pollfd){
			    .fd = loop->io->stop_fds[i], .events = POLLIN};
	}
	if (loop->io)
		earlier(&deadline, clock_ms() + PROGRESS_MS);
	if (loop->stopped_ms > 0)
		earlier(&deadline, loop->stopped_ms + STOP_GRACE_MS + 1);
	(void)poll(fds, n, clock_poll_ms(deadline)); // EINTR: look again
}

static void arm(struct loop *loop)
{
	for (unsigned i = 0; i < loop->seat_count; i++) {
		struct sync_shared *shared = &loop->seats[i].lane->shared;
		if (loop->seats[i].has_source)
			sync_wake_arm(&shared->source_wake);
		if (loop->seats[i].has_target)
			sync_wake_arm(&shared->target_wake);
	}
}

static void disarm(struct loop *loop)
{
	for (unsigned i = 0; i < loop->seat_count; i++) {
		struct sync_shared *shared = &loop->seats[i].lane->shared;
		if (loop->seats[i].has_source)
			sync_wake_disarm(&shared->source_wake);
		if (loop->seats[i].has_target)
			sync_wake_disarm(&shared->target_wake);
	}
}

/* Answers that do not come must not hold a stop for ever. */
static bool is_overdue(struct loop *loop)
{
	if (!atomic_load(&loop->lanes[0].shared.interrupted))
		return false;
	if (loop->stopped_ms == 0)
		loop->stopped_ms = clock_ms();
	return clock_ms() - loop->stopped_ms > STOP_GRACE_MS;
}

static bool has_ended(const struct loop *loop)
{
	for (unsigned i = 0; i < loop->seat_count; i++)
		if (!is_over(&loop->seats[i]))
			return false;
	return true;
}

static void *run_loop(void *argument)
{
	struct loop *loop = argument;

	while (!has_ended(loop)) {
		watch(loop);
		if (is_overdue(loop))
			return NULL;
		if (step(loop))
			continue;
		arm(loop);
		if (!step(loop))
			sleep_until_event(loop);
		disarm(loop);
	}
	return NULL;
}

/* ----------------------------------------------------------------- threads */

static bool start_thread(pthread_t *thread, struct loop *loop)
{
	pthread_attr_t attributes;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	errno = pthread_create(thread, &attributes, run_loop, loop);
	(void)pthread_attr_destroy(&attributes);
	return errno == 0;
}

/* There is no thread for it (F185): the main loop does it all. */
static void take_over(struct loop *main_loop, const struct loop *other)
{
	log_write(main_loop->lanes[0].shared.log, LOG_LEVEL_WARNING, "engine",
	    "cannot start a thread, going on with fewer: %s", strerror(errno));
	for (unsigned i = 0; i < other->seat_count; i++)
		main_loop->seats[main_loop->seat_count++] = other->seats[i];
}

void sync_drive(
    struct sync_lane *lanes, unsigned count, const struct sync_run_io *io)
{
	struct loop loops[JOB_CONNECTIONS_MAX + 1]; // a source's, then by lane
	pthread_t threads[JOB_CONNECTIONS_MAX + 1];
	struct loop *main_loop = &loops[1];
	bool threaded = lanes[0].shared.job->options.threads;
	unsigned started = 0;

	for (unsigned i = 0; i <= count; i++)
		loops[i] = (struct loop){.lanes = lanes, .count = count};
	main_loop->io = io;
	add_seat(threaded ? &loops[0] : main_loop, 0, true, !threaded);
	if (threaded)
		add_seat(main_loop, 0, false, true);
	for (unsigned i = 1; i < count; i++)
		add_seat(threaded ? &loops[i + 1] : main_loop, i, true, true);
	for (unsigned i = 0; threaded && i <= count; i++) {
		if (i == 1)
			continue; // the main loop is this thread's
		if (start_thread(&threads[started], &loops[i]))
			started++;
		else
			take_over(main_loop, &loops[i]);
	}
	(void)run_loop(main_loop);
	stop_lanes(main_loop, 1);
	for (unsigned i = 0; i < started; i++)
		// cppcheck-suppress uninitvar ; so many were started
		(void)pthread_join(threads[i], NULL);
	tell_progress(main_loop);
}
