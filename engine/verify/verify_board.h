// SPDX-License-Identifier: MIT
/*
 * What both sides of a comparison share: the mailboxes, in pairs, and how far
 * each side is with them. Whoever brings the second half of a pair judges it.
 * Between hand-overs a half belongs to the thread of its side.
 */
#ifndef ENGINE_VERIFY_VERIFY_BOARD_H
#define ENGINE_VERIFY_VERIFY_BOARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/contract/verify_tally.h"
#include "engine/sync/sync_inventory.h"
#include "engine/verify/verify_canon.h"
#include "engine/verify/verify_list.h"

struct job;
struct log;
struct verify_report;

enum verify_side_name {
	VERIFY_SOURCE,
	VERIFY_TARGET,
	VERIFY_SIDES
};

/* Of a pair of messages: its bodies decide. */
struct verify_again {
	uint32_t entry[VERIFY_SIDES];
	bool got[VERIFY_SIDES];
	struct verify_digest digest[VERIFY_SIDES];
};

enum verify_half_state {
	VERIFY_HALF_WAITING,
	VERIFY_HALF_SENT,
	VERIFY_HALF_DONE /* given to the board */
};

struct verify_half {
	char *name; /* on the wire; NULL: not there */
	enum verify_half_state state;
	struct verify_list list;
	uint32_t expected; /* by STATUS */
	uint32_t uidvalidity;
	char *failure; /* why it cannot be read, or NULL */
	unsigned tries, troubles;
	uint64_t progress_seen; /* of the side, when a session was lost */
	unsigned round;         /* of asking for messages that did not come */
	size_t pending;         /* commands of the present stage */
	bool has_gaps;          /* not all has come at once */
	size_t known;     /* of the list, before what is missing is added */
	bool has_refusal; /* one of them was refused */
	bool wants_again; /* of the board: bodies are to be read */
	bool is_reading;  /* them, now */
	uint32_t *order;  /* numbers of them by UID */
};

struct verify_box {
	struct verify_half half[VERIFY_SIDES];
	char *refusal;  /* why the copy cannot have it, or NULL */
	bool is_listed; /* false: nothing is read, for one side has none */
	bool is_bare;   /* only one side has it: no content is read */
	bool is_finished;
	struct verify_again *again;
	size_t again_count, again_next;
	struct verify_tally tally;
};

struct verify_board {
	const struct job *job;
	struct log *log;
	struct verify_report *report;
	atomic_bool interrupted, stopped;
	atomic_uint_fast64_t bytes, messages; /* read, of both sides */
	int wake_fd[VERIFY_SIDES];
	/* under the mutex */
	pthread_mutex_t mutex;
	struct sync_inventory inventory[VERIFY_SIDES];
	bool has_inventory[VERIFY_SIDES];
	bool has_plan;
	struct verify_box *boxes;
	size_t count, first_open, finished;
	size_t again_wanted[VERIFY_SIDES];
	uint64_t held[VERIFY_SIDES]; /* messages of boxes that are not done */
	struct verify_tally tally;
};

int verify_board_init(struct verify_board *b, const struct job *job,
    struct log *log, struct verify_report *report, struct error *err)
    __attribute__((warn_unused_result));
void verify_board_release(struct verify_board *b);

/* The inventory of a side is complete; the second one makes the plan. */
void verify_board_has_inventory(
    struct verify_board *b, enum verify_side_name side);
bool verify_board_has_plan(struct verify_board *b);
bool verify_board_is_complete(struct verify_board *b);

/* The next mailbox for this side to list, from *cursor on; NULL: none, or too
 * much is held already. */
struct verify_box *verify_board_next(
    struct verify_board *b, enum verify_side_name side, size_t *cursor);

/* This half is complete, or has failed. */
void verify_board_listed(
    struct verify_board *b, struct verify_box *box, enum verify_side_name side);

/* A mailbox of which bodies are to be read, or NULL. */
struct verify_box *verify_board_take_again(
    struct verify_board *b, enum verify_side_name side);
void verify_board_read_again(
    struct verify_board *b, struct verify_box *box, enum verify_side_name side);

/* Ends the work of both sides. */
void verify_board_stop(struct verify_board *b);

#endif
