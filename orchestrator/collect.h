// SPDX-License-Identifier: MIT
/*
 * What a child said and how it ended: splits its pipe into records, and judges
 * whether exit code and final record agree.  Pure over bytes.
 */
#ifndef ORCHESTRATOR_COLLECT_H
#define ORCHESTRATOR_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/tally.h"

struct record;

enum {
	COLLECT_REASON_BYTES = 72,
	COLLECT_TEXT_BYTES = 1100,
	COLLECT_MAILBOX_BYTES = 256
};

enum collect_side {
	COLLECT_SIDE_SOURCE,
	COLLECT_SIDE_TARGET,
	COLLECT_SIDE_NONE
};

struct collect {
	struct buf pending; /* a line that is not complete */
	bool any;           /* a record came */
	bool ended;         /* the `end` record came */
	bool broken;        /* the stream is none of records */
	struct error problem;
	/* of the `end` record */
	int exit;
	enum collect_side side;  /* the server that it failed at */
	uint64_t retry_after_ms; /* that server's own wait; 0: none */
	char reason[COLLECT_REASON_BYTES];
	char text[COLLECT_TEXT_BYTES];
	struct tally finished; /* of the mailboxes that are done */
	struct tally tally; /* of `end`, before that of the last `progress` */
	/* of the last `progress`; 0: not known */
	uint64_t expected, expected_bytes;
	char mailbox[COLLECT_MAILBOX_BYTES]; /* as people know it */
	/* what was refused first, and why; "": nothing */
	char first_refusal[COLLECT_TEXT_BYTES];
};

typedef void collect_fn(const struct record *r, void *context);

void collect_init(struct collect *c);
void collect_release(struct collect *c);

/* Calls `fn` for every good record. -1 when the stream is broken, now or
 * before; then the rest is dropped. */
int collect_feed(struct collect *c, const char *bytes, size_t len,
    collect_fn *fn, void *context);

/* No more bytes come: what is left is a torn record. */
void collect_finish(struct collect *c);

/* Did we make it end? */
enum collect_cause {
	COLLECT_CAUSE_OWN,      /* no */
	COLLECT_CAUSE_OPERATOR, /* stop or kill by the operator */
	COLLECT_CAUSE_STALLED,  /* no sign of life */
	COLLECT_CAUSE_RULE /* a rule of the plan; judged as the operator's */
};

struct verdict {
	const char *outcome; /* of the exit code table, or "crash" */
	int exit;            /* 128 + n after signal n */
	int batch;           /* the code by which it counts for the batch */
	enum exit_retry retry;
	bool start_failure; /* ended before its first record */
	enum collect_side side;
	uint64_t retry_after_ms;
	char reason[COLLECT_REASON_BYTES];
	char text[COLLECT_TEXT_BYTES];
};

void collect_judge(const struct collect *c, int wait_status,
    enum collect_cause cause, struct verdict *out);

/* A verdict without a child: one code of the table. */
void collect_verdict(struct verdict *out, enum exit_code code,
    const char *reason, const char *text);

#endif
