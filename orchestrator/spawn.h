// SPDX-License-Identifier: MIT
/*
 * Starts one engine: descriptors 0 to 6 and nothing else, own process group,
 * small environment, default signals.  Knows nothing of plans and records.
 */
#ifndef ORCHESTRATOR_SPAWN_H
#define ORCHESTRATOR_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct error;

/* Numbers in the child. */
enum {
	SPAWN_JOB_FD = 3,
	SPAWN_RECORD_FD = 4,
	SPAWN_LOCK_FD = 5,
	SPAWN_PACE_FD = 6
};

struct spawn_request {
	const char *engine; /* absolute path */
	const char *account;
	const char *log_path;
	int log_fd;  /* becomes 1 and 2 */
	int lock_fd; /* stays open in the child, so the lock lives as it does */
	int pace_fd; /* of the bandwidth that all engines share */
};

struct spawned {
	pid_t pid;
	int job_fd;    /* write end, non-blocking */
	int record_fd; /* read end, non-blocking */
};

/*
 * The request's descriptors stay the caller's. On failure err->retry tells
 * whether the system is only short of something (ERROR_RETRY_LATER) or the
 * engine cannot be run at all. Blocks until the exec has happened.
 */
int spawn_engine(const struct spawn_request *request, struct spawned *out,
    struct error *err) __attribute__((warn_unused_result));

/* Path of the engine: $MAILCONVOY_ENGINE or beside this program. Heap string,
 * or NULL. */
char *spawn_engine_path(struct error *err);

#endif
