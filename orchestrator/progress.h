// SPDX-License-Identifier: MIT
/*
 * What a running batch says on standard error: a line when an account ends, a
 * summary each minute; on a terminal a status line that is rewritten.  Never
 * blocks: what a slow reader does not take is dropped and counted.
 */
#ifndef ORCHESTRATOR_PROGRESS_H
#define ORCHESTRATOR_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct tally;
struct verdict;

enum {
	PROGRESS_CLASSES = 16,
	PROGRESS_INTERVAL_MS = 60 * 1000
};

struct progress {
	int fd;
	bool is_terminal, has_status;
	size_t total, done; /* accounts of this supervisor */

	struct {
		const char *name; /* outcome */
		size_t count;
	} classes[PROGRESS_CLASSES];

	int64_t started_ms, next_summary_ms, next_status_ms;
	uint64_t copied, bytes; /* of ended attempts */
	uint64_t ends;          /* attempts that ended */
	int64_t success_ms;     /* wall; of the last that ended well; 0 */
	uint64_t lost;          /* lines nobody took */
};

void progress_init(struct progress *p, int fd, size_t total, int64_t now_ms);

/* level: "INFO", "WARNING", "ERROR". */
void progress_note(struct progress *p, const char *level, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

struct progress_end {
	const char *account;
	const struct verdict *verdict;
	const struct tally *tally;
	unsigned attempt;
	uint64_t duration_ms;
	int64_t retry_ms; /* -1: none */
};

void progress_account_end(struct progress *p, const struct progress_end *e);

struct progress_now {
	size_t running, waiting;
	uint64_t bytes; /* of the attempts that run */
	const struct snapshot *snapshot;
};

/* A summary line at once. */
void progress_summary(struct progress *p, const struct snapshot *now);

/* Writes summary and status line when they are due. */
void progress_tick(
    struct progress *p, const struct progress_now *now, int64_t now_ms);

/* When progress_tick should be called next. */
int64_t progress_deadline(const struct progress *p);

/* Takes the status line away. */
void progress_clear(struct progress *p);

#endif
