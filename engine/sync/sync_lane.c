// SPDX-License-Identifier: MIT
/*
 * The target side of one lane among several: what it takes from the others, and
 * what it leaves to them.  The leader makes mailboxes, finds the account quiet
 * and lets the others begin; they only append, and look for what is in doubt.
 */
#include "engine/sync/sync_target_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_caps.h"
#include "engine/sync/sync_pool.h"
#include "engine/sync/sync_queue.h"

enum {
	/* of what is given away in doubt: see sync_doubt */
	AFTER_LOSS_MS = 2000,
	BATCHES_OF_QUEUE = 3
};

#define MEBIBYTE (UINT64_C(1) << 20)

void sync_lane_begin(struct sync_target *dst)
{
	if (dst->boxes)
		return;
	dst->plan = sync_pool_plan(dst->shared->pool);
	dst->box_count = dst->plan->count;
	dst->boxes = mem_calloc(dst->box_count, sizeof(*dst->boxes));
	dst->next_setup = dst->next_scan = dst->box_count;
	dst->quiet = TARGET_QUIET_SURE; // see sync_lane_may_append
}

struct target_box *sync_lane_box(
    struct sync_target *dst, const struct sync_message *m)
{
	struct target_box *box = &dst->boxes[m->mailbox->number];

	if (!box->m) {
		box->m = m->mailbox;
		box->flags.list = sync_ledger_flags(dst->shared->ledger,
		    box->m->number, &box->flags.any_keyword);
		box->flags.is_known = box->flags.list != NULL;
	}
	return box;
}

bool sync_lane_learn(struct sync_target *dst, struct target_box *box)
{
	enum sync_ledger_state state = SYNC_LEDGER_NEW;

	if (!dst->shared->pool || box->state == TARGET_BOX_REFUSED ||
	    !box->m->target)
		return false;
	state = sync_ledger_state(dst->shared->ledger, box->m->number);
	if (state == SYNC_LEDGER_REFUSED)
		box->state = TARGET_BOX_REFUSED;
	else if (dst->shared->lane > 0)
		box->state = state == SYNC_LEDGER_READY ? TARGET_BOX_READY
							: TARGET_BOX_NEW;
	return state != SYNC_LEDGER_NEW;
}

bool sync_lane_may_append(struct sync_target *dst)
{
	struct sync_ledger *ledger = dst->shared->ledger;

	if (dst->shared->lane == 0 || sync_ledger_is_going(ledger))
		return true;
	sync_ledger_want_go(ledger);
	return false;
}

bool sync_lane_work(struct sync_target *dst)
{
	sync_append_take(dst);
	return !sync_doubt_work(dst) && sync_append_work(dst);
}

bool sync_lane_is_complete(const struct sync_target *dst)
{
	return (dst->phase == TARGET_PHASE_COPY ||
		   !atomic_load(&dst->shared->is_open)) &&
	       sync_queue_is_finished(dst->shared->queue) &&
	       sync_append_is_idle(dst) && imap_conn_commands(dst->conn) == 0;
}

/* ------------------------------------------------------------ the leader */

bool sync_lane_is_waited_for(const struct sync_target *dst)
{
	return dst->pending.count > 0 ||
	       (dst->shared->pool &&
		   sync_ledger_is_wanted(dst->shared->ledger));
}

void sync_lane_let_go(struct sync_target *dst)
{
	if (!dst->shared->pool || dst->has_let_go ||
	    dst->quiet != TARGET_QUIET_SURE ||
	    (dst->flags_asked && !dst->flags_answered))
		return;
	while (dst->made < dst->box_count &&
	       (dst->boxes[dst->made].state == TARGET_BOX_READY ||
		   dst->boxes[dst->made].state == TARGET_BOX_REFUSED))
		dst->made++;
	if (dst->made < dst->box_count)
		return;
	dst->has_let_go = true;
	sync_ledger_go(dst->shared->ledger);
}

/* ----------------------------------------------------------- giving away */

/* It is fetched once more: what was counted for it does not count. */
static void uncount(const struct sync_message *m)
{
	uint64_t *extra = m->mailbox->by_source.extra;

	extra[TALLY_FLAGS_DROPPED] -= m->flags_dropped;
	extra[TALLY_LINE_ENDS_ADDED] -= m->line_end_added;
	extra[TALLY_LONG_LINES] -= m->long_lines;
	m->mailbox->by_target.extra[TALLY_FLAGS_DROPPED] -= m->flags_not_kept;
}

static struct sync_part *part_of(const struct sync_message *m)
{
	struct sync_part *part = sync_part_new(m->mailbox->number);
	uint64_t size = m->bytes < (1U << 29) ? m->bytes : (1U << 29) - 1;

	part->uidvalidity = m->uidvalidity;
	part->todo = mem_calloc(1, sizeof(*part->todo));
	part->todo[0] = (struct todo){
	    .uid = m->uid, .size = (uint32_t)size & ((1U << 29) - 1)};
	part->count = 1;
	part->floor = m->floor;
	part->is_sought = m->is_sought || m->floor > 0;
	return part;
}

void sync_lane_give(
    struct sync_target *dst, struct sync_message *m, bool is_leaders)
{
	struct sync_part *part = part_of(m);

	part->is_leaders = is_leaders;
	uncount(m);
	sync_pool_put(dst->shared->pool, part, 1, m->bytes);
	sync_queue_release(dst->shared->queue, m);
}

static size_t give_list(
    struct sync_target *dst, struct message_list *list, bool is_doubt)
{
	struct sync_message *m = NULL;
	size_t given = 0;

	while ((m = message_list_take(list))) {
		struct sync_part *part = part_of(m);
		part->is_sought |= is_doubt;
		if (part->is_sought)
			part->not_before_ms = clock_ms() + AFTER_LOSS_MS;
		uncount(m);
		sync_pool_put(dst->shared->pool, part, 1, m->bytes);
		sync_queue_release(dst->shared->queue, m);
		given++;
	}
	return given;
}

size_t sync_target_give_back(struct sync_target *dst)
{
	sync_append_take(dst);
	return give_list(dst, &dst->doubts, true) +
	       give_list(dst, &dst->pending, false);
}

/* ---------------------------------------------------------------- shares */

static uint32_t lanes_of(const struct sync_target *dst)
{
	return dst->shared->pool ? dst->shared->job->options.connections : 1;
}

/* What a share of the queue holds makes several batches. */
size_t sync_lane_store_max(const struct sync_target *dst)
{
	const struct job_options *o = &dst->shared->job->options;
	uint32_t share = o->queue_max / lanes_of(dst) / BATCHES_OF_QUEUE;

	if (lanes_of(dst) == 1 || share >= o->store_max)
		return o->store_max;
	return share > 0 ? share : 1;
}

uint64_t sync_lane_store_bytes(const struct sync_target *dst)
{
	const struct job_options *o = &dst->shared->job->options;
	uint64_t max = o->store_size_max * MEBIBYTE;
	uint64_t share =
	    o->queue_size_max * MEBIBYTE / lanes_of(dst) / BATCHES_OF_QUEUE;

	return lanes_of(dst) == 1 || share >= max ? max : share;
}
