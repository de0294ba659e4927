// SPDX-License-Identifier: MIT
/*
 * One account compared, from the job to the result: both sides, in two threads
 * or in one loop. Nothing is changed on either side: EXAMINE and BODY.PEEK.
 */
#ifndef ENGINE_VERIFY_VERIFY_RUN_H
#define ENGINE_VERIFY_VERIFY_RUN_H

#include <stdint.h>

#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/verify_tally.h"

struct job;
struct log;

enum {
	VERIFY_RUN_STOPS_MAX = 2
};

struct verify_run_io {
	struct log *log;
	int record_fd; /* -1: none */
	/* descriptors that mean "stop" as soon as they can be read or are
	 * closed at the other end; -1: none */
	int stop_fds[VERIFY_RUN_STOPS_MAX];
};

/* `exit`: 0 equal, 1 not, or why it is not known. */
struct verify_result {
	enum exit_code exit;
	struct error error; /* kind ERROR_NONE when there is none */
	const char *side;   /* whose error it is, or NULL */
	struct verify_tally tally;
	uint64_t duration_ms, bytes;
};

/* Blocks until the account is compared, stopped or failed. */
void verify_run(const struct job *job, const struct verify_run_io *io,
    struct verify_result *result);

#endif
