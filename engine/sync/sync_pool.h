// SPDX-License-Identifier: MIT
/*
 * What is still to be copied when a run has several pairs of connections
 * ("lanes", 0 is the leader): mailboxes and parts of them, put in by the leader
 * and taken by whoever has little left.  A large mailbox is handed out in
 * slices of its messages, in order, that become smaller towards the end, so
 * that all lanes end together.  What a lane could not do comes back.
 *
 * Safe for several threads; nothing waits here, lanes are woken.
 */
#ifndef ENGINE_SYNC_SYNC_POOL_H
#define ENGINE_SYNC_SYNC_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sync_plan;
struct sync_pool;
struct sync_wake;

enum {
	/* What a message costs beside its bytes, and what the smallest slice of
	 * a mailbox costs: one that costs less is never divided. */
	SYNC_POOL_MESSAGE_COST = 4096,
	SYNC_POOL_SLICE_COST = 4 * 1024 * 1024,
	SYNC_POOL_WHY_BYTES = 200
};

enum todo_state {
	TODO_OPEN,
	TODO_ASKED,
	TODO_DONE
};

/* A message to be fetched. */
struct todo {
	uint32_t uid;
	uint32_t size : 29;
	uint32_t state : 2;
};

/* Work for one lane, in one mailbox. Owned by the pool or by who took it. */
struct sync_part {
	struct sync_part *next;
	size_t mailbox;
	uint32_t uidvalidity; /* of the source, when listed; 0: not told */
	/* the messages; NULL: all of the mailbox, which is not listed yet and
	 * empty on the target */
	struct todo *todo;
	size_t count;
	/* of one that is not listed: it was begun, and these have come */
	bool was_begun;
	uint32_t *taken;
	size_t taken_count;
	/* of one that came back: its messages may be on the target, at or above
	 * `floor` (0: where the mailbox's own begin) */
	bool is_sought;
	uint32_t floor;
	bool is_leaders;       /* nobody else can do it */
	int64_t not_before_ms; /* 0: at once */
	uint64_t cost;         /* set by the pool */
	/* private */
	size_t first;  /* of `todo` that was not handed out */
	unsigned last; /* lane that has taken a slice, + 1; 0: none */
};

struct sync_pool *sync_pool_new(unsigned lanes);
void sync_pool_free(struct sync_pool *pool);

/* Whom to wake; to be told before a second thread begins. */
void sync_pool_set_wake(
    struct sync_pool *pool, unsigned lane, struct sync_wake *wake);

/* The leader's plan, which it goes on to own. Before the first part. */
void sync_pool_set_plan(struct sync_pool *pool, struct sync_plan *plan);
struct sync_plan *sync_pool_plan(struct sync_pool *pool);

/* Mailboxes are not divided from now on. */
void sync_pool_keep_whole(struct sync_pool *pool);

struct sync_part *sync_part_new(size_t mailbox);
void sync_part_free(struct sync_part *part);

/* Gives a part away. `messages` and `bytes` are for one that is not listed. */
void sync_pool_put(struct sync_pool *pool, struct sync_part *part,
    uint64_t messages, uint64_t bytes);

/* The next part for this lane at `now_ms`, or NULL. */
struct sync_part *sync_pool_take(
    struct sync_pool *pool, unsigned lane, int64_t now_ms);

/* Is there so much that a further lane is worth its login? */
bool sync_pool_wants(struct sync_pool *pool, unsigned lane);

/* Is there enough for all lanes for now? */
bool sync_pool_is_stuffed(struct sync_pool *pool);

/* When a part that waits can be taken; CLOCK_NEVER: none waits. */
int64_t sync_pool_deadline_ms(struct sync_pool *pool);

/* Leader: nothing more will come but what comes back. */
void sync_pool_close(struct sync_pool *pool);

/* A further lane has ended, and given back what it has to. */
void sync_pool_lane_ended(struct sync_pool *pool);

/* Will this lane never find anything here again? For the leader that is so only
 * when all others have ended. */
bool sync_pool_is_over(struct sync_pool *pool, unsigned lane);

/* Why a mirror deletes nothing: the first reason that any lane found, or "". */
void sync_pool_object(
    struct sync_pool *pool, const char why[SYNC_POOL_WHY_BYTES]);
void sync_pool_objection(struct sync_pool *pool, char out[SYNC_POOL_WHY_BYTES]);

/* After the end: is a message left that is in doubt? */
bool sync_pool_has_sought(struct sync_pool *pool);

#endif
