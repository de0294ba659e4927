// SPDX-License-Identifier: MIT
/*
 * What a comparison of both sides found in one mailbox or account, and when
 * that counts as equal.  Plain values, added up, never global.
 */
#ifndef ENGINE_CONTRACT_VERIFY_TALLY_H
#define ENGINE_CONTRACT_VERIFY_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verify_count {
	VERIFY_COUNT_SOURCE, /* messages there */
	VERIFY_COUNT_TARGET,
	VERIFY_COUNT_EQUAL,   /* pairs without any difference */
	VERIFY_COUNT_BODIES,  /* pairs of which every byte was compared */
	VERIFY_COUNT_DELETED, /* \Deleted on the source: not to be copied */
	VERIFY_COUNT_OLDER, /* not on the target, and left out by syncSrcNew */
	/* differences */
	VERIFY_COUNT_MISSING,
	VERIFY_COUNT_DOUBLED, /* more often on the target */
	VERIFY_COUNT_CHANGED, /* another content */
	VERIFY_COUNT_FLAGS,   /* a pair may count for flags and date */
	VERIFY_COUNT_DATES,
	VERIFY_COUNT_UNREADABLE, /* messages that a server could not give */
	VERIFY_COUNT_FOLDERS_MISSING,
	VERIFY_COUNT_FOLDERS_UNREADABLE,
	/* differences when the target is to be a mirror */
	VERIFY_COUNT_EXTRA, /* only on the target */
	VERIFY_COUNT_FOLDERS_EXTRA,
	/* allowed changes, in so many messages (names: in mailboxes) */
	VERIFY_COUNT_LINE_END_ADDED,
	VERIFY_COUNT_LONG_LINES,
	VERIFY_COUNT_LINE_ENDS, /* CR or LF alone */
	VERIFY_COUNT_NUL,
	VERIFY_COUNT_EIGHT_BIT, /* in a header */
	VERIFY_COUNT_FROM_LINE, /* "From " before the header */
	VERIFY_COUNT_KEYWORDS,  /* flags the target cannot keep */
	VERIFY_COUNT_NAMES,
	VERIFY_COUNTS
};

struct verify_tally {
	uint64_t n[VERIFY_COUNTS];
};

const char *verify_tally_name(enum verify_count what); /* "missing" */

void verify_tally_add(struct verify_tally *to, const struct verify_tally *from);

/* Differences; what only the target has counts when it is to be a mirror. */
uint64_t verify_tally_differences(const struct verify_tally *t, bool is_mirror);

/* "source 10, target 10, equal 9, missing 1; allowed: line end added 2": the
 * first three always, the others when they are not 0. */
void verify_tally_format(const struct verify_tally *t, char *out, size_t max);

#endif
