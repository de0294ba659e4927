// SPDX-License-Identifier: MIT
#include "engine/sync/sync_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_wake.h"

enum {
	SLICES_A_LANE = 4, /* of what is left */
	LOOK_AT = 64,      /* parts, for the one that fits best */
	/* listed ahead, so that no lane has to wait for the leader */
	STUFFED_SLICES = 16,
	STUFFED_PARTS = 4096
};

struct sync_pool {
	pthread_mutex_t mutex;
	unsigned lanes, ended;
	struct sync_wake *wakes[JOB_CONNECTIONS_MAX];
	struct sync_part *head, **tail;
	struct sync_plan *plan;
	size_t parts, delayed;
	uint64_t cost;
	bool is_closed, keeps_whole;
	char objection[SYNC_POOL_WHY_BYTES];
};

struct sync_pool *sync_pool_new(unsigned lanes)
{
	struct sync_pool *pool = mem_calloc(1, sizeof(*pool));

	(void)pthread_mutex_init(&pool->mutex, NULL);
	pool->lanes = lanes;
	pool->tail = &pool->head;
	return pool;
}

void sync_pool_free(struct sync_pool *pool)
{
	if (!pool)
		return;
	while (pool->head) {
		struct sync_part *part = pool->head;
		pool->head = part->next;
		sync_part_free(part);
	}
	(void)pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

void sync_pool_set_wake(
    struct sync_pool *pool, unsigned lane, struct sync_wake *wake)
{
	pool->wakes[lane] = wake;
}

static void enter(struct sync_pool *pool)
{
	(void)pthread_mutex_lock(&pool->mutex);
}

static void leave(struct sync_pool *pool)
{
	(void)pthread_mutex_unlock(&pool->mutex);
}

static void wake_all(struct sync_pool *pool)
{
	for (unsigned i = 0; i < pool->lanes; i++)
		if (pool->wakes[i])
			sync_wake_signal(pool->wakes[i]);
}

void sync_pool_set_plan(struct sync_pool *pool, struct sync_plan *plan)
{
	enter(pool);
	pool->plan = plan;
	leave(pool);
}

struct sync_plan *sync_pool_plan(struct sync_pool *pool)
{
	enter(pool);
	struct sync_plan *plan = pool->plan;
	leave(pool);
	return plan;
}

void sync_pool_keep_whole(struct sync_pool *pool)
{
	enter(pool);
	pool->keeps_whole = true;
	leave(pool);
}

struct sync_part *sync_part_new(size_t mailbox)
{
	struct sync_part *part = mem_calloc(1, sizeof(*part));

	part->mailbox = mailbox;
	return part;
}

void sync_part_free(struct sync_part *part)
{
	if (!part)
		return;
	free(part->todo);
	free(part->taken);
	free(part);
}

static uint64_t cost_of(const struct todo *t)
{
	return (uint64_t)t->size + SYNC_POOL_MESSAGE_COST;
}

void sync_pool_put(struct sync_pool *pool, struct sync_part *part,
    uint64_t messages, uint64_t bytes)
{
	part->cost = bytes + messages * SYNC_POOL_MESSAGE_COST;
	if (part->todo) {
		part->cost = 0;
		for (size_t i = 0; i < part->count; i++)
			part->cost += cost_of(&part->todo[i]);
	}
	part->next = NULL;
	enter(pool);
	*pool->tail = part;
	pool->tail = &part->next;
	pool->parts++;
	pool->delayed += part->not_before_ms > 0;
	pool->cost += part->cost;
	leave(pool);
	wake_all(pool);
}

/* ------------------------------------------------------------ taking */

/* How well a part fits a lane; 0: not at all. The mailbox it is in already is
 * best, then one where nobody is. */
static int fit(const struct sync_part *part, unsigned lane, int64_t now_ms)
{
	if ((part->is_leaders && lane != 0) || part->not_before_ms > now_ms)
		return 0;
	if (part->last == lane + 1)
		return 3;
	return part->last == 0 ? 2 : 1;
}

static struct sync_part **choose(
    struct sync_pool *pool, unsigned lane, int64_t now_ms)
{
	struct sync_part **best = NULL;
	int best_fit = 0, seen = 0;

	for (struct sync_part **at = &pool->head; *at && seen < LOOK_AT;
	     at = &(*at)->next) {
		int f = fit(*at, lane, now_ms);
		seen += f > 0;
		if (f > best_fit) {
			best_fit = f;
			best = at;
		}
	}
	return best;
}

/* How many of its open messages are handed out now, and what they cost. */
static size_t slice_of(const struct sync_pool *pool,
    const struct sync_part *part, uint64_t *cost_out)
{
	uint64_t most = pool->cost / ((uint64_t)SLICES_A_LANE * pool->lanes);
	uint64_t cost = 0;
	size_t n = 0;

	if (most < SYNC_POOL_SLICE_COST)
		most = SYNC_POOL_SLICE_COST;
	*cost_out = part->cost;
	if (!part->todo || pool->keeps_whole || part->cost <= most)
		return part->count - part->first;
	while (part->first + n < part->count) {
		uint64_t more = cost_of(&part->todo[part->first + n]);
		if (n > 0 && cost + more > most)
			break;
		cost += more;
		n++;
	}
	*cost_out = cost;
	return n;
}

static struct sync_part *unlink_part(
    struct sync_pool *pool, struct sync_part **at)
{
	struct sync_part *part = *at;

	*at = part->next;
	if (!*at)
		pool->tail = at;
	part->next = NULL;
	pool->parts--;
	pool->delayed -= part->not_before_ms > 0;
	if (part->first > 0) {
		part->count -= part->first;
		memmove(part->todo, part->todo + part->first,
		    part->count * sizeof(*part->todo));
		part->first = 0;
	}
	return part;
}

static struct sync_part *cut_off(
    struct sync_part *from, size_t count, uint64_t cost)
{
	struct sync_part *part = sync_part_new(from->mailbox);

	part->uidvalidity = from->uidvalidity;
	part->is_sought = from->is_sought;
	part->floor = from->floor;
	part->is_leaders = from->is_leaders;
	part->todo = mem_calloc(count, sizeof(*part->todo));
	memcpy(
	    part->todo, from->todo + from->first, count * sizeof(*part->todo));
	part->count = count;
	part->cost = cost;
	from->first += count;
	from->cost -= cost;
	return part;
}

struct sync_part *sync_pool_take(
    struct sync_pool *pool, unsigned lane, int64_t now_ms)
{
	struct sync_part *part = NULL;
	uint64_t cost = 0;

	enter(pool);
	struct sync_part **at = choose(pool, lane, now_ms);
	if (at) {
		size_t count = slice_of(pool, *at, &cost);
		if (count == (*at)->count - (*at)->first) {
			part = unlink_part(pool, at);
		} else {
			part = cut_off(*at, count, cost);
			(*at)->last = lane + 1;
		}
		pool->cost -= part->cost;
	}
	bool is_last = pool->is_closed && !pool->head;
	leave(pool);
	if (part && is_last)
		wake_all(pool); // nobody finds anything any more
	return part;
}

/* ------------------------------------------------------------- state */

bool sync_pool_wants(struct sync_pool *pool, unsigned lane)
{
	enter(pool);
	bool wants = pool->cost > (uint64_t)lane * SYNC_POOL_SLICE_COST;
	leave(pool);
	return wants;
}

bool sync_pool_is_stuffed(struct sync_pool *pool)
{
	enter(pool);
	bool is_stuffed = pool->parts >= STUFFED_PARTS ||
			  pool->cost >= (uint64_t)pool->lanes * STUFFED_SLICES *
					    SYNC_POOL_SLICE_COST;
	leave(pool);
	return is_stuffed;
}

int64_t sync_pool_deadline_ms(struct sync_pool *pool)
{
	int64_t deadline = CLOCK_NEVER;

	enter(pool);
	for (const struct sync_part *p = pool->head; p && pool->delayed > 0;
	     p = p->next)
		if (p->not_before_ms > 0 && p->not_before_ms < deadline)
			deadline = p->not_before_ms;
	leave(pool);
	return deadline;
}

void sync_pool_close(struct sync_pool *pool)
{
	enter(pool);
	bool is_new = !pool->is_closed;
	pool->is_closed = true;
	leave(pool);
	if (is_new)
		wake_all(pool);
}

void sync_pool_lane_ended(struct sync_pool *pool)
{
	enter(pool);
	pool->ended++;
	leave(pool);
	wake_all(pool);
}

bool sync_pool_is_over(struct sync_pool *pool, unsigned lane)
{
	enter(pool);
	bool is_over =
	    pool->is_closed && (lane != 0 || pool->ended + 1 >= pool->lanes);
	for (const struct sync_part *p = pool->head; p && is_over; p = p->next)
		is_over = lane != 0 && p->is_leaders;
	leave(pool);
	return is_over;
}

void sync_pool_object(
    struct sync_pool *pool, const char why[SYNC_POOL_WHY_BYTES])
{
	enter(pool);
	if (!pool->objection[0])
		memcpy(pool->objection, why, SYNC_POOL_WHY_BYTES);
	leave(pool);
}

void sync_pool_objection(struct sync_pool *pool, char out[SYNC_POOL_WHY_BYTES])
{
	enter(pool);
	memcpy(out, pool->objection, SYNC_POOL_WHY_BYTES);
	leave(pool);
}

bool sync_pool_has_sought(struct sync_pool *pool)
{
	bool has = false;

	enter(pool);
	for (const struct sync_part *p = pool->head; p && !has; p = p->next)
		has = p->is_sought;
	leave(pool);
	return has;
}
