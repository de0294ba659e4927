// SPDX-License-Identifier: MIT
/* A side from inside: for verify_side.c and verify_fetch.c. */
#ifndef ENGINE_VERIFY_VERIFY_SIDE_PRIVATE_H
#define ENGINE_VERIFY_VERIFY_SIDE_PRIVATE_H

#include "engine/imap/imap_conn.h"
#include "engine/verify/verify_side.h"

enum verify_op {
	VERIFY_OP_INVENTORY = 0, /* and those behind it */
	VERIFY_OP_EXAMINE = SYNC_INVENTORY_OPS,
	VERIFY_OP_LIST, /* all of a mailbox */
	VERIFY_OP_UIDS, /* what there is, for not all came */
	VERIFY_OP_REST, /* those that did not come */
	VERIFY_OP_AGAIN /* bodies that decide */
};

enum verify_phase {
	VERIFY_PHASE_OPENING,
	VERIFY_PHASE_INVENTORY,
	VERIFY_PHASE_PLAN, /* the other side's inventory is still to come */
	VERIFY_PHASE_COMPARE,
	VERIFY_PHASE_PAUSED,
	VERIFY_PHASE_ENDED
};

enum {
	VERIFY_SIDE_FLIGHT_MAX = 32 /* mailboxes under way */
};

struct verify_side {
	enum verify_side_name name;
	const char *word; /* "source" */
	struct verify_board *board;
	struct imap_conn_settings settings;
	struct imap_conn *conn;
	enum verify_phase phase;
	struct error error;
	bool has_error;
	bool has_inventory;
	/* of lost sessions */
	bool was_ready, is_ready;
	unsigned failures;
	uint64_t progress, progress_seen;
	uint32_t asked_ms; /* what the server asks us to wait */
	int64_t again_at_ms;
	/* of the present session */
	struct verify_box *flight[VERIFY_SIDE_FLIGHT_MAX]; /* oldest first */
	size_t flight_count;
	struct verify_box *selected; /* by the last command sent */
	size_t cursor;
	/* of the present message */
	struct verify_canon *canon;
	struct verify_digest digest;
	bool has_digest;
};

/* Asks for a mailbox, or for what is still missing of it. */
void verify_fetch_start(struct verify_side *side, struct verify_box *box);

/* An event of one of the commands. 0, or -1: the session is of no use any
 * more. */
int verify_fetch_on_event(
    struct verify_side *side, const struct imap_event *event);

/* The mailbox cannot be read; it is done with. */
void verify_fetch_fail(
    struct verify_side *side, struct verify_box *box, const char *words);

#endif
