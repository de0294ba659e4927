// SPDX-License-Identifier: MIT
#include "engine/verify/verify_run.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

#include "engine/base/clock.h"
#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/contract/job.h"
#include "engine/verify/verify_board.h"
#include "engine/verify/verify_report.h"
#include "engine/verify/verify_side.h"

enum {
	PROGRESS_MS = 250, /* records: at most 4 a second */
	WATCH_MS = 50, /* how often a busy loop looks for the word to stop */
	STACK_BYTES = 512 * 1024,
	LOOP_FDS = 2 * VERIFY_SIDES + VERIFY_RUN_STOPS_MAX
};

/* The sides that one loop drives; NULL: another thread's. */
struct loop {
	struct verify_board *board;
	struct verify_side *side[VERIFY_SIDES];
	const struct verify_run_io *io; /* NULL: another loop watches */
	int64_t next_watch_ms, next_progress_ms;
	uint64_t told;
};

static void watch(struct loop *loop)
{
	struct pollfd fds[VERIFY_RUN_STOPS_MAX];
	int64_t now = clock_ms();

	if (!loop->io || now < loop->next_watch_ms)
		return;
	loop->next_watch_ms = now + WATCH_MS;
	for (int i = 0; i < VERIFY_RUN_STOPS_MAX; i++)
		fds[i] = (struct pollfd){
		    .fd = loop->io->stop_fds[i], .events = POLLIN};
	if (poll(fds, VERIFY_RUN_STOPS_MAX, 0) > 0 &&
	    !atomic_exchange(&loop->board->interrupted, true)) {
		log_write(loop->board->log, LOG_LEVEL_WARNING, "engine",
		    "told to stop");
		verify_board_stop(loop->board);
	}
	uint64_t bytes = atomic_load(&loop->board->bytes);
	if (now < loop->next_progress_ms || bytes == loop->told)
		return;
	loop->next_progress_ms = now + PROGRESS_MS;
	loop->told = bytes;
	verify_report_progress(
	    loop->board->report, atomic_load(&loop->board->messages), bytes);
}

static void sleep_until_event(struct loop *loop)
{
	struct pollfd fds[LOOP_FDS];
	nfds_t n = 0;
	int64_t deadline = loop->io ? clock_ms() + PROGRESS_MS : CLOCK_NEVER;

	for (int s = 0; s < VERIFY_SIDES; s++) {
		int64_t own = CLOCK_NEVER;
		if (!loop->side[s])
			continue;
		verify_side_poll(loop->side[s], &fds[n++], &own);
		if (own < deadline)
			deadline = own;
		fds[n++] = (struct pollfd){
		    .fd = loop->board->wake_fd[s], .events = POLLIN};
	}
	for (int i = 0; loop->io && i < VERIFY_RUN_STOPS_MAX; i++)
		fds[n++] = (struct pollfd){
		    .fd = loop->io->stop_fds[i], .events = POLLIN};
	(void)poll(fds, n, clock_poll_ms(deadline)); // EINTR: look again
	for (int s = 0; s < VERIFY_SIDES; s++)
		if (loop->side[s])
			fd_event_drain(loop->board->wake_fd[s]);
}

static void run_loop(struct loop *loop)
{
	for (;;) {
		bool worked = false, open = false;
		watch(loop);
		for (int s = 0; s < VERIFY_SIDES; s++) {
			if (!loop->side[s])
				continue;
			enum verify_step step = verify_side_step(loop->side[s]);
			worked |= step == VERIFY_STEP_WORKED;
			open |= step != VERIFY_STEP_ENDED;
			if (step == VERIFY_STEP_ENDED)
				loop->side[s] = NULL;
		}
		if (!open)
			return;
		if (!worked)
			sleep_until_event(loop);
	}
}

static void *source_thread(void *argument)
{
	run_loop(argument);
	return NULL;
}

static int drive(struct verify_board *board,
    struct verify_side *side[VERIFY_SIDES], const struct verify_run_io *io,
    struct error *err)
{
	struct loop own = {.board = board, .io = io};
	struct loop other = {.board = board};
	pthread_attr_t attributes;
	pthread_t thread;

	own.side[VERIFY_TARGET] = side[VERIFY_TARGET];
	if (!board->job->options.threads) {
		own.side[VERIFY_SOURCE] = side[VERIFY_SOURCE];
		run_loop(&own);
		return 0;
	}
	other.side[VERIFY_SOURCE] = side[VERIFY_SOURCE];
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	errno = pthread_create(&thread, &attributes, source_thread, &other);
	(void)pthread_attr_destroy(&attributes);
	if (errno != 0)
		return error_set_errno(err, ERROR_OS, "local.thread",
		    "cannot start a thread (--noThreads does without)");
	run_loop(&own);
	(void)pthread_join(thread, NULL);
	return 0;
}

static void conclude(struct verify_board *board,
    struct verify_side *side[VERIFY_SIDES], struct verify_result *result)
{
	bool is_mirror = board->job->options.mode == JOB_MODE_DST;

	for (int s = 0; result->error.kind == ERROR_NONE && s < VERIFY_SIDES;
	     s++)
		if (side[s] && verify_side_error(side[s])) {
			result->error = *verify_side_error(side[s]);
			result->side = s == VERIFY_SOURCE ? "source" : "target";
		}
	if (result->error.kind == ERROR_NONE &&
	    atomic_load(&board->interrupted))
		(void)error_set(&result->error, ERROR_INTERRUPTED,
		    "operator.stop", "stopped before the end");
	result->tally = board->tally;
	result->bytes = atomic_load(&board->bytes);
	if (result->error.kind != ERROR_NONE)
		result->exit = exit_code_of_error(&result->error);
	else if (verify_tally_differences(&result->tally, is_mirror) > 0)
		result->exit = EXIT_CODE_PARTIAL;
}

void verify_run(const struct job *job, const struct verify_run_io *io,
    struct verify_result *result)
{
	struct verify_side *side[VERIFY_SIDES] = {NULL, NULL};
	struct verify_board board;
	int64_t start_ms = clock_ms();

	*result = (struct verify_result){.exit = EXIT_CODE_OK};
	struct verify_report *report =
	    verify_report_new(job, io->log, io->record_fd);
	verify_report_start(report);
	if (verify_board_init(&board, job, io->log, report, &result->error) ==
	    0) {
		for (int s = 0; s < VERIFY_SIDES; s++)
			side[s] =
			    verify_side_new(&board, (enum verify_side_name)s);
		(void)drive(&board, side, io, &result->error);
	}
	conclude(&board, side, result);
	result->duration_ms = (uint64_t)(clock_ms() - start_ms);
	verify_report_end(report, result);
	for (int s = 0; s < VERIFY_SIDES; s++)
		verify_side_free(side[s]);
	verify_board_release(&board);
	verify_report_free(report);
}
