// SPDX-License-Identifier: MIT
#include "engine/verify/verify_board.h"

#include <stdlib.h>

#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/verify/verify_judge.h"
#include "engine/verify/verify_plan.h"
#include "engine/verify/verify_report.h"

enum {
	HELD_MAX = 50000 /* messages of one side, listed ahead; one mailbox
			    always goes */
};

int verify_board_init(struct verify_board *b, const struct job *job,
    struct log *log, struct verify_report *report, struct error *err)
{
	*b = (struct verify_board){
	    .job = job, .log = log, .report = report, .wake_fd = {-1, -1}};
	(void)pthread_mutex_init(&b->mutex, NULL);
	for (int s = 0; s < VERIFY_SIDES; s++)
		sync_inventory_init(&b->inventory[s]);
	for (int s = 0; s < VERIFY_SIDES; s++) {
		b->wake_fd[s] = fd_event();
		if (b->wake_fd[s] < 0)
			return error_set_errno(err, ERROR_OS,
			    "local.descriptor",
			    "cannot make an event descriptor");
	}
	return 0;
}

static void release_box(struct verify_box *box)
{
	for (int s = 0; s < VERIFY_SIDES; s++) {
		verify_list_release(&box->half[s].list);
		free(box->half[s].name);
		free(box->half[s].failure);
		free(box->half[s].order);
	}
	free(box->refusal);
	free(box->again);
}

void verify_board_release(struct verify_board *b)
{
	for (size_t i = 0; i < b->count; i++)
		release_box(&b->boxes[i]);
	free(b->boxes);
	for (int s = 0; s < VERIFY_SIDES; s++) {
		sync_inventory_release(&b->inventory[s]);
		fd_close(&b->wake_fd[s]);
	}
	(void)pthread_mutex_destroy(&b->mutex);
}

static void lock(struct verify_board *b)
{
	(void)pthread_mutex_lock(&b->mutex);
}

static void unlock(struct verify_board *b)
{
	(void)pthread_mutex_unlock(&b->mutex);
}

static void wake(struct verify_board *b)
{
	for (int s = 0; s < VERIFY_SIDES; s++)
		fd_event_signal(b->wake_fd[s]);
}

void verify_board_stop(struct verify_board *b)
{
	atomic_store(&b->stopped, true);
	wake(b);
}

/* ------------------------------------------------------------ the plan */

/* Told, and out of the way. Under the mutex. */
static void finish(struct verify_board *b, struct verify_box *box)
{
	verify_report_box(b->report, box);
	verify_tally_add(&b->tally, &box->tally);
	for (int s = 0; s < VERIFY_SIDES; s++) {
		if (box->is_listed)
			b->held[s] -= box->half[s].expected;
		verify_list_release(&box->half[s].list);
	}
	free(box->again);
	box->again = NULL;
	box->is_finished = true;
	b->finished++;
	while (b->first_open < b->count && b->boxes[b->first_open].is_finished)
		b->first_open++;
	wake(b);
}

void verify_board_has_inventory(
    struct verify_board *b, enum verify_side_name side)
{
	lock(b);
	b->has_inventory[side] = true;
	if (b->has_inventory[VERIFY_SOURCE] &&
	    b->has_inventory[VERIFY_TARGET] && !b->has_plan) {
		verify_plan_make(b);
		for (int s = 0; s < VERIFY_SIDES; s++)
			sync_inventory_release(&b->inventory[s]);
		for (size_t i = 0; i < b->count; i++)
			if (!b->boxes[i].is_listed)
				finish(b, &b->boxes[i]);
		b->has_plan = true;
		wake(b);
	}
	unlock(b);
}

bool verify_board_has_plan(struct verify_board *b)
{
	lock(b);
	bool has_plan = b->has_plan;
	unlock(b);
	return has_plan;
}

bool verify_board_is_complete(struct verify_board *b)
{
	lock(b);
	bool is_complete = b->has_plan && b->finished == b->count;
	unlock(b);
	return is_complete;
}

/* ------------------------------------------------------------ mailboxes */

struct verify_box *verify_board_next(
    struct verify_board *b, enum verify_side_name side, size_t *cursor)
{
	struct verify_box *found = NULL;

	lock(b);
	for (; *cursor < b->count; (*cursor)++) {
		struct verify_box *box = &b->boxes[*cursor];
		struct verify_half *half = &box->half[side];
		if (!box->is_listed || half->state != VERIFY_HALF_WAITING)
			continue;
		if (b->held[side] > 0 && *cursor != b->first_open &&
		    b->held[side] + half->expected > HELD_MAX)
			break;
		b->held[side] += half->expected;
		half->state = VERIFY_HALF_SENT;
		found = box;
		(*cursor)++;
		break;
	}
	unlock(b);
	return found;
}

/* Both halves are there: what is to be read again, or the end of it. */
static void go_on(struct verify_board *b, struct verify_box *box)
{
	bool again = verify_judge_next(box, b->job);

	if (!again)
		verify_judge_end(box, b->job, b->report);
	lock(b);
	if (!again) {
		finish(b, box);
	} else {
		for (int s = 0; s < VERIFY_SIDES; s++) {
			box->half[s].wants_again = true;
			box->half[s].state = VERIFY_HALF_SENT;
			b->again_wanted[s]++;
		}
		wake(b);
	}
	unlock(b);
}

static void half_done(
    struct verify_board *b, struct verify_box *box, enum verify_side_name side)
{
	lock(b);
	box->half[side].state = VERIFY_HALF_DONE;
	bool both = box->half[VERIFY_SOURCE].state == VERIFY_HALF_DONE &&
		    box->half[VERIFY_TARGET].state == VERIFY_HALF_DONE;
	unlock(b);
	if (both)
		go_on(b, box);
}

void verify_board_listed(
    struct verify_board *b, struct verify_box *box, enum verify_side_name side)
{
	verify_list_finish(&box->half[side].list);
	half_done(b, box, side);
}

struct verify_box *verify_board_take_again(
    struct verify_board *b, enum verify_side_name side)
{
	struct verify_box *found = NULL;

	lock(b);
	for (size_t i = b->first_open;
	     b->again_wanted[side] > 0 && i < b->count && !found; i++)
		if (b->boxes[i].half[side].wants_again) {
			found = &b->boxes[i];
			found->half[side].wants_again = false;
			b->again_wanted[side]--;
		}
	unlock(b);
	return found;
}

void verify_board_read_again(
    struct verify_board *b, struct verify_box *box, enum verify_side_name side)
{
	half_done(b, box, side);
}
