// SPDX-License-Identifier: MIT
/*
 * One account, from the job to the result: both sides, in two threads or in
 * one loop, and a watch for the word to stop.
 */
#ifndef ENGINE_SYNC_SYNC_RUN_H
#define ENGINE_SYNC_SYNC_RUN_H

#include <stddef.h>

struct job;
struct log;
struct sync_result;

enum {
	SYNC_RUN_STOPS_MAX = 2
};

struct sync_run_io {
	struct log *log;
	int record_fd; /* -1: none */
	/* descriptors that mean "stop cleanly" as soon as they can be read or
	 * are closed at the other end: signals, the parent's job pipe; -1: none */
	int stop_fds[SYNC_RUN_STOPS_MAX];
};

/* Blocks until the account is done, stopped or failed; `result` says which. */
void sync_run(const struct job *job, const struct sync_run_io *io,
    struct sync_result *result);

#endif
