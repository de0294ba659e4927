// SPDX-License-Identifier: MIT
/*
 * What is tried next for a message that the target refused: a ladder whose
 * order depends on what the server's words mean.  Steps add up.  Pure.
 */
#ifndef ENGINE_SYNC_SYNC_LADDER_H
#define ENGINE_SYNC_SYNC_LADDER_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/imap/imap_refusal.h"

enum sync_rung {
	SYNC_RUNG_KEYWORDS,  /* sent without keywords */
	SYNC_RUNG_DATE,      /* without its date */
	SYNC_RUNG_BYTES,     /* NUL, bare CR, bare LF replaced */
	SYNC_RUNG_FROM_LINE, /* without a first line "From " */
	SYNC_RUNG_WRAP,      /* long lines broken */
	SYNC_RUNGS
};

/* May another form of the message help at all? */
bool sync_ladder_applies(enum imap_refusal refusal);

/* The next rung that is not in `tried` (a bit each); SYNC_RUNGS: none left. */
enum sync_rung sync_ladder_next(
    enum imap_refusal refusal, unsigned tried, bool may_wrap);

/* "without its keywords, with NUL and line ends repaired". Returns `out`. */
const char *sync_ladder_text(unsigned rungs, char *out, size_t max);

#endif
