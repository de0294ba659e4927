// SPDX-License-Identifier: MIT
/*
 * Several lanes: the leader gives what is to be fetched to the pool, and each
 * lane, the leader too, takes parts of it into a fixed number of slots. A slot
 * is a box like any other, but its listing is not compared with the target.
 */
#include "engine/sync/sync_source_private.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_ledger.h"

bool sync_slots_may_give(
    const struct sync_source *src, const struct source_box *box)
{
	const struct job_options *o = &src->shared->job->options;

	if (!src->shared->pool || src->shared->lane > 0 || box->is_slot)
		return false;
	// a mirror must have seen every listing before it deletes: what is not
	// listed yet stays with the leader
	return box->todo || o->mode != JOB_MODE_DST;
}

void sync_slots_give(struct sync_source *src, struct source_box *box)
{
	struct sync_part *part = sync_part_new(box->m->number);

	part->uidvalidity =
	    box->uidvalidity ? box->uidvalidity : box->m->uidvalidity;
	part->todo = box->todo;
	part->count = box->todo_count;
	box->todo = NULL;
	box->todo_count = box->todo_open = 0;
	sync_pool_put(src->shared->pool, part, box->m->messages, box->m->bytes);
	sync_source_box_done(src, box);
}

/* ------------------------------------------------------------ taking */

/* Names are borrowed, tallies are the lane's own. */
static struct sync_mailbox *own_mailbox(
    struct sync_source *src, const struct sync_mailbox *from)
{
	if (!src->own) {
		src->own = mem_calloc(1, sizeof(*src->own));
		src->own->count = sync_pool_plan(src->shared->pool)->count;
		src->own->mailboxes =
		    mem_calloc(src->own->count, sizeof(*src->own->mailboxes));
	}
	struct sync_mailbox *m = &src->own->mailboxes[from->number];
	if (!m->source)
		sync_mailbox_copy(m, from);
	return m;
}

static struct sync_mailbox *mailbox_of(
    struct sync_source *src, const struct sync_part *part)
{
	struct sync_mailbox *m =
	    &sync_pool_plan(src->shared->pool)->mailboxes[part->mailbox];

	return src->shared->lane == 0 ? m : own_mailbox(src, m);
}

/* One that was given up may have commands under way that refer to it. */
static bool is_free(const struct sync_source *src, const struct source_box *box)
{
	if (!box->m)
		return true;
	return box->state == SOURCE_BOX_DONE && box->batches == 0 &&
	       (!box->is_failed || imap_conn_commands(src->conn) == 0);
}

static struct source_box *free_slot(struct sync_source *src)
{
	if (!src->slots)
		src->slots = mem_calloc(SYNC_SLOTS, sizeof(*src->slots));
	for (size_t i = 0; i < SYNC_SLOTS; i++)
		if (is_free(src, &src->slots[i]))
			return &src->slots[i];
	return NULL;
}

static void release_slot(struct source_box *box)
{
	sync_index_release(&box->index);
	sync_index_release(&box->target_index);
	sync_recall_source_release(box);
	free(box->todo);
	free(box->taken);
	*box = (struct source_box){0};
}

/* Moves the part into the slot. */
static void fill(
    struct sync_source *src, struct source_box *box, struct sync_part *part)
{
	struct sync_mailbox *m = mailbox_of(src, part);

	if (src->selected == box && box->m != m)
		src->selected = NULL;
	release_slot(box);
	box->m = m;
	box->is_slot = true;
	box->uidvalidity = part->uidvalidity;
	box->is_sought = part->is_sought;
	box->floor = part->floor;
	box->todo = part->todo;
	box->todo_count = box->todo_open = part->count;
	box->no_direct = part->was_begun;
	box->taken = part->taken;
	box->taken_count = box->taken_cap = part->taken_count;
	part->todo = NULL;
	part->taken = NULL;
	sync_part_free(part);
	src->slots_open++;
	box->state = box->todo ? SOURCE_BOX_READY : SOURCE_BOX_WAITING;
}

/* A part that is not listed, and is not under way. */
static void begin_whole(struct sync_source *src, struct source_box *box)
{
	if (sync_fetch_may_go_direct(src, box))
		sync_fetch_direct(src, box);
	else
		sync_source_scan(src, box);
}

bool sync_slots_take(struct sync_source *src)
{
	for (size_t i = 0; src->slots && i < SYNC_SLOTS; i++) {
		struct source_box *box = &src->slots[i];
		if (!box->m || box->state != SOURCE_BOX_WAITING)
			continue;
		begin_whole(src, box);
		return true;
	}
	struct source_box *box = free_slot(src);
	struct sync_part *part = box ? sync_pool_take(src->shared->pool,
					   src->shared->lane, clock_ms())
				     : NULL;
	if (!part)
		return false;
	fill(src, box, part);
	if (sync_ledger_state(src->shared->ledger, box->m->number) ==
	    SYNC_LEDGER_REFUSED)
		sync_source_fail(src, box, SOURCE_FAILURE_TARGET, "target", "");
	else if (box->state == SOURCE_BOX_WAITING)
		begin_whole(src, box);
	return true;
}

struct source_box *sync_slots_fetchable(const struct sync_source *src)
{
	struct source_box *first = NULL;

	for (size_t i = 0; src->slots && i < SYNC_SLOTS; i++) {
		struct source_box *box = &src->slots[i];
		if (!box->m || box->state != SOURCE_BOX_READY ||
		    box->todo_next >= box->todo_count)
			continue;
		// the selected one costs no EXAMINE
		if (box == src->selected)
			return box;
		if (!first)
			first = box;
	}
	return first;
}

bool sync_slots_are_over(const struct sync_source *src)
{
	return src->slots_open == 0 &&
	       sync_pool_is_over(src->shared->pool, src->shared->lane);
}

/* ----------------------------------------------------------- giving back */

/* What of a slot is not fetched: NULL when there is nothing. The slot keeps its
 * list, to which batches under way may refer. */
static struct sync_part *rest_of(struct source_box *box)
{
	struct sync_part *part = sync_part_new(box->m->number);

	part->uidvalidity = box->uidvalidity;
	part->is_sought = box->is_sought;
	part->floor = box->floor;
	if (box->state != SOURCE_BOX_READY) {
		part->was_begun = true;
		part->taken = box->taken;
		part->taken_count = box->taken_count;
		box->taken = NULL;
		return part;
	}
	part->todo = mem_calloc(box->todo_count, sizeof(*part->todo));
	for (size_t i = 0; i < box->todo_count; i++) {
		if (box->todo[i].state == TODO_DONE)
			continue;
		part->todo[part->count] = box->todo[i];
		part->todo[part->count++].state = TODO_OPEN;
	}
	if (part->count > 0)
		return part;
	sync_part_free(part);
	return NULL;
}

size_t sync_source_give_back(struct sync_source *src)
{
	size_t parts = 0;

	for (size_t i = 0; src->slots && i < SYNC_SLOTS; i++) {
		struct source_box *box = &src->slots[i];
		if (!box->m || box->state == SOURCE_BOX_DONE)
			continue;
		struct sync_part *part = rest_of(box);
		if (part) {
			sync_pool_put(src->shared->pool, part, box->m->messages,
			    box->m->bytes);
			parts++;
		}
	}
	return parts;
}

void sync_slots_leave(
    struct sync_source *src, struct source_box *box, const char *words)
{
	struct sync_part *part = rest_of(box);
	char shown[SYNC_MAILBOX_SHOWN];

	log_write(src->shared->log, LOG_LEVEL_WARNING, "engine",
	    "connection %u leaves mailbox %s to the first one: %s",
	    src->shared->lane + 1, sync_mailbox_shown(box->m, shown), words);
	if (!part)
		return;
	part->is_leaders = true;
	sync_pool_put(src->shared->pool, part, box->m->messages, box->m->bytes);
}

void sync_slots_leave_one(struct sync_source *src, const struct source_box *box,
    const struct todo *todo)
{
	struct sync_part *part = sync_part_new(box->m->number);

	part->uidvalidity = box->uidvalidity;
	part->is_sought = box->is_sought;
	part->floor = box->floor;
	part->is_leaders = true;
	part->todo = mem_calloc(1, sizeof(*part->todo));
	part->todo[0] = (struct todo){.uid = todo->uid, .size = todo->size};
	part->count = 1;
	sync_pool_put(src->shared->pool, part, 1, todo->size);
}

void sync_slots_fail(struct sync_source *src, struct source_box *box,
    enum source_failure failure, const char *words)
{
	const struct sync_mailbox *m = box->m;

	if (src->selected && src->selected->m == m)
		src->selected = NULL;
	sync_source_fail(src, box, failure, "EXAMINE", words);
	for (size_t i = 0; src->slots && i < SYNC_SLOTS; i++)
		if (src->slots[i].m == m &&
		    src->slots[i].state == SOURCE_BOX_READY)
			sync_source_fail(
			    src, &src->slots[i], failure, "EXAMINE", words);
}

void sync_slots_release(struct sync_source *src)
{
	for (size_t i = 0; src->slots && i < SYNC_SLOTS; i++)
		release_slot(&src->slots[i]);
	free(src->slots);
	if (src->own)
		free(src->own->mailboxes);
	free(src->own);
}

void sync_source_merge(const struct sync_source *from, struct sync_plan *plan)
{
	for (size_t i = 0; from->own && i < from->own->count; i++)
		if (from->own->mailboxes[i].source)
			sync_mailbox_merge(
			    &plan->mailboxes[i], &from->own->mailboxes[i]);
}
