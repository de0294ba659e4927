// SPDX-License-Identifier: MIT
/*
 * One message on its way: its metadata in a form that may be sent, its body in
 * memory or, when large, in an unlinked spool file.  The body is changed only
 * as the guide says: a missing final line end is added, long lines are cut.
 */
#ifndef ENGINE_SYNC_SYNC_MESSAGE_H
#define ENGINE_SYNC_SYNC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/contract/job.h"
#include "engine/imap/imap_date.h"
#include "engine/imap/imap_syntax.h"
#include "engine/sync/sync_identity.h"

struct error;
struct sync_mailbox;

enum {
	SYNC_MESSAGE_LINE_MAX = 9000
};

struct sync_message {
	struct sync_message *next; /* for queues and lists */
	struct sync_mailbox *mailbox;
	uint32_t uid, uidvalidity; /* on the source; the latter 0: not told */
	char *flags; /* "\Seen $Forwarded": valid atoms only; may be "" */
	char date[IMAP_DATE_BYTES]; /* quoted; "" when there is no valid one */
	unsigned flags_dropped;
	/* body */
	char *body; /* NULL when spooled */
	int spool_fd;
	uint64_t bytes;      /* as it will be sent */
	uint64_t reserved;   /* what the queue counts for it */
	unsigned long_lines; /* over 9000 bytes, cut unless kept */
	bool line_end_added;
	/* the target's memory of it */
	unsigned
	    deaths; /* sessions that ended while it was the first under way */
	unsigned batch_max; /* 0: no limit; halved after a refused batch */
	bool synchronize;   /* never again by "{n+}" */
	bool has_new_uid;   /* its APPEND suggested its UID */
	bool without_new_uid;
	unsigned rungs, rungs_tried; /* of sync_ladder, a bit each */
	char *first_words;           /* of its first refusal; NULL */
	bool flags_counted;          /* those the target does not keep */
	unsigned flags_not_kept;     /* how many these are */
	unsigned keywords_sent;      /* with the last APPEND that had any */
	unsigned generation;         /* of the mailbox when it was sent */
	bool was_sought;             /* among what somebody else appended */
	bool is_sought; /* it may be there: a connection gave it up in doubt */
	uint32_t floor; /* of its UID, if it was stored; 0: the mark's */
	unsigned tries;
	/* private: line state while the body comes in */
	enum job_long_lines rule;
	uint64_t expected;
	size_t line_len;
	bool line_over, cr_pending;
	char last;
};

/* `expected` bytes will come; with `spool` they go to a file. NULL only when
 * the file cannot be made. */
struct sync_message *sync_message_new(
    uint64_t expected, bool spool, enum job_long_lines rule, struct error *err);
void sync_message_free(struct sync_message *m);

/* Takes the next bytes. */
int sync_message_add(struct sync_message *m, const char *bytes, size_t len,
    struct error *err) __attribute__((warn_unused_result));

/* All bytes have come: adds the final line end if it is missing. */
int sync_message_finish(struct sync_message *m, struct error *err)
    __attribute__((warn_unused_result));

/* Takes over what may be sent of a flag list; counts the rest. False when
 * \Deleted is among them. */
bool sync_message_set_flags(struct sync_message *m, struct imap_str flags);

/* Takes over a valid date. */
bool sync_message_set_date(struct sync_message *m, struct imap_str date);

/* Key of the body as it is sent. */
int sync_message_key(const struct sync_message *m, struct sync_key *out,
    struct error *err) __attribute__((warn_unused_result));

/* Its Message-ID without blanks; "" when it has none or it cannot be
 * read. Cut at `max`. */
void sync_message_id(const struct sync_message *m, char *out, size_t max);

enum sync_message_repair {
	SYNC_MESSAGE_REPAIR_NONE,  /* nothing to repair: as it was */
	SYNC_MESSAGE_REPAIR_DONE,  /* the body is another one now */
	SYNC_MESSAGE_REPAIR_OTHER, /* it would have another key and be copied
				      again by the next run: as it was */
	SYNC_MESSAGE_REPAIR_FAILED /* err */
};

/* Replaces the body by its repaired form; `what` of sync_repair. A spooled one
 * goes through a second file. */
enum sync_message_repair sync_message_repair(
    struct sync_message *m, unsigned what, struct error *err);

#endif
