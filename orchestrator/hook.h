// SPDX-License-Identifier: MIT
/*
 * A program beside the loop whose result is only its exit: its output goes to
 * a log that does not grow for ever, it is killed with its group when it is
 * late.  Nothing here blocks; knows nothing of plans.
 */
#ifndef ORCHESTRATOR_HOOK_H
#define ORCHESTRATOR_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum {
	HOOK_LOG_MAX_BYTES = 1024 * 1024,
	HOOK_TEXT_BYTES = 64
};

/* What they all write to. */
struct hook_log {
	int fd;      /* -1: what they say is dropped */
	size_t left; /* bytes it may still grow */
};

struct hook {
	pid_t pid;  /* leads its group; 0: none runs */
	int out_fd; /* to be polled for reading; -1: none */
	int64_t deadline_ms;
	bool is_late, is_stopped;
	int status; /* as waitpid gives it, when none runs */
};

/* `in_fd` is its standard input, -1: empty; it stays the caller's. */
int hook_start(struct hook *h, char *const *argv, char *const *env, int in_fd,
    uint64_t timeout_ms, struct error *err) __attribute__((warn_unused_result));

/* Takes what is there. */
void hook_feed(struct hook *h, struct hook_log *log);

/* Kills the group; `is_late`: because the deadline is past. */
void hook_stop(struct hook *h, bool is_late);

/* Reaped, after its group was killed. */
void hook_reaped(struct hook *h, struct hook_log *log, int status);

/* Ended with 0; else `out` says how. */
bool hook_is_good(const struct hook *h, char out[HOOK_TEXT_BYTES]);

#endif
