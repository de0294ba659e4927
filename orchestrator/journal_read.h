// SPDX-License-Identifier: MIT
/*
 * Reads a journal and its compressed parts: line by line, or as the state of a
 * run.  Exactly one torn last line is tolerated; anything else that is wrong
 * refuses the file.  May be read while a supervisor writes it.
 */
#ifndef ORCHESTRATOR_JOURNAL_READ_H
#define ORCHESTRATOR_JOURNAL_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/clock.h"
#include "engine/contract/tally.h"
#include "orchestrator/grade.h"

struct error;
struct json_t;

/* Returns -1 to end the walk with the error it has set. */
typedef int journal_line_fn(
    const struct json_t *line, void *context, struct error *err);

struct journal_extent {
	uint64_t good_bytes; /* of the journal itself, without its parts: what
				stands behind is a torn line. 0 when all its
				lines are in the parts already */
	uint64_t seq;        /* of the last good line */
};

int journal_walk(const char *path, journal_line_fn *fn, void *context,
    struct journal_extent *extent_out, struct error *err)
    __attribute__((warn_unused_result));

enum journal_account_state {
	JOURNAL_PLANNED,
	JOURNAL_RUNNING, /* or its supervisor died */
	JOURNAL_ENDED
};

struct journal_account {
	char *id, *slug;
	/* as planned; NULL: not known */
	char *source_user, *target_user, *source, *target; /* servers */
	char *groups;    /* names, blanks between them */
	char **extras;   /* one for each of the run's extra_names, or NULL */
	char digest[17]; /* of the last attempt, or as planned */
	enum journal_account_state state;
	bool is_final; /* no retry was to follow */
	bool has_next; /* another attempt was to follow in that run */
	bool is_dropped;
	unsigned attempt; /* the last one; 0: none */
	/* of the last attempt that ended */
	char *outcome, *reason, *text;
	int exit, batch;
	enum grade grade; /* of a final result */
	/* somebody has seen that result and takes it; else NULL */
	char *ack_by, *ack_reason;
	char ack_time[CLOCK_TEXT_BYTES];
	/* of the last attempt, ended or not */
	char *log;
	struct tally tally;
	/* sums over all attempts of the run */
	uint64_t copied_total, bytes_total, duration_ms;
	/* since deletions were approved last */
	uint64_t deleted_total, mailboxes_deleted_total;
	char started[CLOCK_TEXT_BYTES], ended[CLOCK_TEXT_BYTES];
	/* private: mailboxes of an attempt that has not ended */
	struct tally so_far;
};

struct journal_run {
	char *run_id, *plan, *plan_path;
	char *pass, *version; /* of the supervisor that came last */
	char *timezone;       /* of the plan; "": it has none */
	char **extra_names;   /* x_ columns of the accounts file, without x_ */
	size_t extra_count;
	unsigned bad_percent; /* so many refused are grade bad */
	bool no_message_ids;  /* they are left out of reports */
	char plan_digest[17];
	struct journal_account *accounts; /* in plan order, later ones behind */
	size_t count;
	bool has_ended;   /* no run.resume after it */
	bool is_dry;      /* nothing was changed */
	bool is_complete; /* every account has its result */
	int exit;
	char started[CLOCK_TEXT_BYTES], ended[CLOCK_TEXT_BYTES];
	struct journal_extent extent;
	/* private */
	size_t cap, *index, index_size;
};

/* Heap, or NULL. */
struct journal_run *journal_read(const char *path, struct error *err);

/* The same; `fn` gets every line too, after it was taken into *run_out. */
struct journal_run *journal_read_with(const char *path, journal_line_fn *fn,
    void *context, struct journal_run **run_out, struct error *err);
void journal_run_free(struct journal_run *run);

struct journal_account *journal_find(
    const struct journal_run *run, const char *id);

/* Is it a run of this pass (NULL: of none)? */
bool journal_is_of_pass(const struct journal_run *run, const char *pass);

/* "pending", "interrupted" for one that neither ended nor runs, or as it
 * ended. */
const char *journal_outcome(const struct journal_account *account);

/* The exit code a finished run has: what was acknowledged counts no more. */
int journal_exit(const struct journal_run *run);

#endif
