// SPDX-License-Identifier: MIT
/*
 * The end of a run: every message of the source accounted for, printed and
 * recorded, and the exit code that agrees with it.
 */
#ifndef ENGINE_SYNC_SYNC_ACCOUNTING_H
#define ENGINE_SYNC_SYNC_ACCOUNTING_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/tally.h"

struct log;
struct sync_plan;
struct sync_reporter;

struct sync_result {
	enum exit_code exit;
	struct error error; /* kind ERROR_NONE when there is none */
	const char *side;   /* the one whose error it is, or NULL */
	struct tally tally;
	uint64_t duration_ms;
};

/* How the sides ended. */
struct sync_ending {
	const struct error *error; /* the one that ended the run, or NULL */
	const char *side;          /* of that error; NULL: of neither */
	bool interrupted, changed, needs_look;
};

/* Adds up both sides of every mailbox (plan NULL: none was reached), logs and
 * records each, and fills in all of `result` but the duration. */
void sync_accounting_close(struct sync_plan *plan,
    const struct sync_ending *ending, struct log *log,
    struct sync_reporter *reporter, struct sync_result *result);

/* The last lines of the log and the `end` record. */
void sync_accounting_report(const struct sync_result *result, struct log *log,
    struct sync_reporter *reporter);

#endif
