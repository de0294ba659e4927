// SPDX-License-Identifier: MIT
/*
 * The target side of sync_recall: a mailbox that has pairs is listed by UID
 * only as far as it was known; the source says which keys it needs then.  What
 * is odd about a short listing is listed as a whole.
 */
#include "engine/sync/sync_target_private.h"

#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_recall.h"
#include "engine/sync/sync_scan.h"

static bool start_short(struct sync_target *dst, struct target_box *box)
{
	struct target_recall *r = &box->recall;
	const struct sync_recall_plan *plan = box->m->recall;
	struct sync_uids also = {0};

	r->is_short = plan && !plan->is_whole && !r->no_short;
	if (!r->is_short)
		return false;
	r->searches = sync_scan_uids(dst->conn, TARGET_OP_SCAN_OLD, box,
	    plan->target_from, box->m->target_messages, false);
	for (size_t i = 0; i < plan->witness_count; i++)
		if (plan->witnesses[i].target_uid < plan->target_from)
			sync_uids_add(&also, plan->witnesses[i].target_uid);
	sync_uids_finish(&also);
	sync_scan_new(dst->conn, TARGET_OP_SCAN, box, &also, plan->target_from);
	sync_uids_release(&also);
	return true;
}

bool sync_recall_target_start(struct sync_target *dst, struct target_box *box)
{
	struct target_recall *r = &box->recall;

	r->searches = 0;
	r->is_failed = r->is_short = r->is_told = false;
	if (r->wanted.count == 0)
		return start_short(dst, box);
	box->index.is_part = true;
	box->prefix_pending =
	    sync_scan_some(dst->conn, TARGET_OP_SCAN_MORE, box, &r->wanted);
	return true;
}

bool sync_recall_target_on_fetch(
    struct target_box *box, const struct imap_fetch *f)
{
	return box->recall.is_short && sync_index_add_old(&box->index, f,
					   box->m->recall->target_from, NULL);
}

void sync_recall_target_on_data(
    struct target_box *box, const struct imap_response *response)
{
	if (box->recall.is_short)
		sync_uids_take(&box->index.old, NULL, response,
		    box->m->recall->target_from, box->index.exists);
}

bool sync_recall_target_has_all(
    struct target_box *box, const struct imap_cmd *cmd)
{
	struct target_recall *r = &box->recall;

	if (imap_cmd_op(cmd) == TARGET_OP_SCAN) {
		r->is_told = true;
	} else if (r->searches > 0) {
		r->is_failed |= imap_cmd_condition(cmd) != IMAP_CONDITION_OK;
		r->searches--;
	}
	return r->is_told && r->searches == 0;
}

/* Is a short listing, or a part of one, what it should be? */
static bool is_sound(struct target_box *box)
{
	const struct target_recall *r = &box->recall;
	const struct sync_uids *old = &box->index.old;

	if (box->index.is_part)
		return box->index.count >= r->wanted.count;
	return !r->is_short ||
	       (!r->is_failed && !old->is_bad &&
		   box->index.uidvalidity ==
		       box->m->recall->target_uidvalidity &&
		   old->count + box->index.count >= box->index.exists);
}

bool sync_recall_target_on_listed(
    struct sync_target *dst, struct target_box *box)
{
	sync_uids_finish(&box->index.old);
	sync_index_settle_old(&box->index);
	bool ok = is_sound(box);
	sync_uids_reset(&box->recall.wanted);
	if (ok)
		return true;
	box->recall.no_short = true;
	box->scan = TARGET_SCAN_NONE;
	dst->scans--;
	dst->next_scan = 0;
	return false;
}

void sync_recall_target_take(struct sync_target *dst)
{
	struct sync_uids uids;
	size_t number = 0;
	bool all = false;

	while (sync_exchange_take_want(
	    dst->shared->exchange, &number, &all, &uids)) {
		struct target_box *box = &dst->boxes[number];
		sync_uids_release(&box->recall.wanted);
		box->recall.wanted = uids;
		box->recall.no_short |= all;
		box->scan = TARGET_SCAN_NONE;
		dst->next_scan = 0;
	}
}
