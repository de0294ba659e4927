// SPDX-License-Identifier: MIT
/*
 * The accounting of one mailbox, account or batch, and the identity it obeys:
 * source = copied + present + skipped + refused + vanished + unreached.
 * Plain values, added up, never global.
 */
#ifndef ENGINE_CONTRACT_TALLY_H
#define ENGINE_CONTRACT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rules by which a message is left out on purpose. */
enum tally_skip {
	TALLY_SKIP_DELETED,   /* flagged \Deleted on the source */
	TALLY_SKIP_OLDER,     /* syncSrcNew: older than the target's newest */
	TALLY_SKIP_LONG_LINE, /* --longLines skip */
	TALLY_SKIPS
};

/* Classes of what could not be copied. */
enum tally_refusal {
	TALLY_REFUSED_TOO_BIG, /* above the target's limit */
	TALLY_REFUSED_APPEND,  /* the target refused the message */
	TALLY_REFUSED_CONTENT, /* for what stands in it; repaired in vain */
	TALLY_REFUSED_VIRUS,
	TALLY_REFUSED_PERMISSION, /* not allowed to store there */
	TALLY_REFUSED_SOURCE,     /* the source could not give the message */
	TALLY_REFUSED_MAILBOX,    /* its mailbox could not be made or read */
	TALLY_REFUSALS
};

/* What else was done. */
enum tally_extra {
	TALLY_LONG_LINES, /* over 9000 bytes: cut, wrapped or kept */
	TALLY_LINE_ENDS_ADDED,
	TALLY_REPAIRED, /* messages the target took only in another form */
	TALLY_FLAGS_DROPPED,
	TALLY_FLAGS_CHANGED, /* messages whose flags were made the source's */
	TALLY_DELETED,       /* messages deleted on the target */
	TALLY_MAILBOXES,     /* selected on the source */
	TALLY_MAILBOXES_CREATED,
	TALLY_MAILBOXES_FAILED,
	TALLY_MAILBOXES_DELETED,
	TALLY_SUBSCRIBED,
	TALLY_UNSUBSCRIBED,
	TALLY_ACLS,           /* entries set */
	TALLY_SPECIAL_USES,   /* attributes set */
	TALLY_ANNOTATIONS,    /* set */
	TALLY_CLASSES,        /* mailbox classes set */
	TALLY_REFUSED_EXTRAS, /* any of these the target did not take */
	TALLY_EXTRAS
};

struct tally {
	uint64_t source; /* messages seen on the source */
	uint64_t copied;
	uint64_t present; /* were on the target already */
	uint64_t skipped[TALLY_SKIPS];
	uint64_t refused[TALLY_REFUSALS];
	uint64_t vanished;            /* went away on the source meanwhile */
	uint64_t unreached;           /* the run ended before their turn */
	uint64_t bytes_copied;        /* as sent to the target */
	uint64_t extra[TALLY_EXTRAS]; /* not part of the identity */
};

const char *tally_skip_name(enum tally_skip rule);    /* "deleted" */
const char *tally_refusal_name(enum tally_refusal c); /* "append.too_big" */
const char *tally_extra_name(enum tally_extra e);     /* "flags_dropped" */

uint64_t tally_skipped(const struct tally *t);
uint64_t tally_refused(const struct tally *t);

void tally_add(struct tally *to, const struct tally *from);

/* Does the identity hold? */
bool tally_balances(const struct tally *t);

/* "source 10 = copied 8 + present 1 + skipped 1 (deleted 1) + ..." */
void tally_format(const struct tally *t, char *out, size_t max);

/* "mailboxes 8, flags dropped 2": those that are not 0. */
void tally_format_extras(const struct tally *t, char *out, size_t max);

#endif
