// SPDX-License-Identifier: MIT
/*
 * One source mailbox of a run and where it goes: plain values, made by
 * sync_mapping before anything is copied and constant from then on, but for
 * the two tallies, each of which belongs to one side.
 */
#ifndef ENGINE_SYNC_SYNC_MAILBOX_H
#define ENGINE_SYNC_SYNC_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/contract/tally.h"

struct sync_recall_plan;

struct sync_mailbox {
	size_t number;
	char *source, *target; /* names on the wire; target NULL: refused */
	char *refusal;         /* why it is not copied at all, or NULL */
	/* source, as STATUS told */
	bool has_status, has_size;
	uint32_t messages, uidnext, uidvalidity;
	uint64_t bytes;
	uint64_t modseq;   /* HIGHESTMODSEQ, asked for by a mirror; 0: none */
	bool is_unchanged; /* on both sides since a complete pass: no look */
	struct sync_recall_plan *recall; /* owned; NULL: no pairs to use */
	/* target */
	bool create, subscribe;
	bool has_case_twin; /* another one's target differs in case only */
	unsigned uses; /* to be given to it when it is made (enum imap_use) */
	bool is_cold;  /* the target holds nothing: no comparison */
	uint32_t target_messages;
	uint32_t target_uidnext, target_uidvalidity; /* 0: not told */
	uint64_t target_modseq;
	uint64_t append_limit; /* bytes of one message; UINT64_MAX: none told */
	/* results; read by others only when the sides have ended */
	uint32_t end_uidnext, end_uidvalidity; /* of the target, behind our last
						  APPEND; 0: not known */
	uint32_t highest_uid, target_highest_uid; /* that was seen; 0: none */
	uint64_t bytes_asked; /* of the messages to be copied, when listed */
	bool is_listed;
	bool is_mirrored; /* a mirror found nothing to change there */
	struct tally by_source, by_target;
};

/* For another lane: what is constant; the strings are borrowed, the results
 * its own. */
void sync_mailbox_copy(
    struct sync_mailbox *to, const struct sync_mailbox *from);

/* When all lanes have ended: adds up the results. */
void sync_mailbox_merge(
    struct sync_mailbox *to, const struct sync_mailbox *from);

enum {
	SYNC_MAILBOX_SHOWN = 200
};

/* Its name on the source in quotes, for people: escaped and cut. */
const char *sync_mailbox_shown(
    const struct sync_mailbox *m, char out[SYNC_MAILBOX_SHOWN]);

struct sync_left_out {
	char *name;
	const char *why;
};

/* All mailboxes of a run. */
struct sync_plan {
	struct sync_mailbox *mailboxes;
	size_t count;
	struct sync_left_out *left_out; /* by rule */
	size_t skipped;                 /* how many of these */
	/* of a mirror */
	struct sync_surplus *surplus;
	size_t surplus_count;
	uint64_t target_messages; /* in all of its mailboxes */
	struct tally beside;      /* what belongs to no mailbox of the plan */
	/* what else is copied, because both servers know it */
	bool with_acl, with_annotations;
	uint64_t target_rights; /* of RIGHTS=; 0: a server of RFC 2086 */
};

void sync_plan_free(struct sync_plan *plan);

#endif
