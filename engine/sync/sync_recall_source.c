// SPDX-License-Identifier: MIT
/*
 * The source side of sync_recall: a mailbox that has pairs is listed by UID
 * only as far as it was known, and what neither side can do without is asked for
 * when both listings are there.  Anything odd about a short listing, and all is
 * listed; anything odd about the pairs, and all goes by key.
 */
#include "engine/sync/sync_source_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_pairing.h"
#include "engine/sync/sync_recall.h"
#include "engine/sync/sync_scan.h"
#include "engine/sync/sync_state.h"

void sync_recall_source_release(struct source_box *box)
{
	sync_uids_release(&box->recall.deleted);
	sync_uids_release(&box->recall.asked);
	free(box->recall.used.list);
	box->recall.used = (struct sync_pairs){0};
}

/* ------------------------------------------------------------ listing */

bool sync_recall_source_start(struct sync_source *src, struct source_box *box)
{
	struct source_recall *r = &box->recall;
	const struct sync_recall_plan *plan = box->m->recall;
	struct sync_uids also = {0};

	sync_uids_reset(&r->deleted);
	sync_uids_reset(&r->asked);
	r->is_failed = r->is_told = false;
	r->searches = r->vanished = 0;
	r->is_short = box->with_keys && plan && !plan->is_whole &&
		      !r->is_void && !r->no_short;
	if (!r->is_short)
		return false;
	r->searches = sync_scan_uids(src->conn, SOURCE_OP_SCAN_OLD, box,
	    plan->source_from, box->m->messages, true);
	for (size_t i = 0; i < plan->witness_count; i++)
		if (plan->witnesses[i].source_uid < plan->source_from)
			sync_uids_add(&also, plan->witnesses[i].source_uid);
	sync_uids_finish(&also);
	sync_scan_new(src->conn, SOURCE_OP_SCAN, box, &also, plan->source_from);
	sync_uids_release(&also);
	return true;
}

bool sync_recall_source_on_fetch(
    struct source_box *box, const struct imap_fetch *f)
{
	return box->recall.is_short &&
	       sync_index_add_old(&box->index, f, box->m->recall->source_from,
		   &box->recall.deleted);
}

void sync_recall_source_on_data(
    struct source_box *box, const struct imap_response *response)
{
	if (box->recall.is_short)
		sync_uids_take(&box->index.old, &box->recall.deleted, response,
		    box->m->recall->source_from, box->exists);
}

bool sync_recall_source_has_all(
    struct source_box *box, const struct imap_cmd *cmd)
{
	struct source_recall *r = &box->recall;

	if (imap_cmd_op(cmd) == SOURCE_OP_SCAN) {
		r->is_told = true;
	} else if (r->searches > 0) {
		r->is_failed |= imap_cmd_condition(cmd) != IMAP_CONDITION_OK;
		r->searches--;
	}
	return r->is_told && r->searches == 0;
}

/* In its turn. */
static void list_again(struct sync_source *src, struct source_box *box)
{
	src->scan_entries -= sync_source_expected(box);
	box->state = SOURCE_BOX_WAITING;
}

bool sync_recall_source_on_listed(
    struct sync_source *src, struct source_box *box)
{
	struct source_recall *r = &box->recall;
	struct sync_uids *old = &box->index.old;

	if (!r->is_short)
		return true;
	sync_uids_finish(old);
	sync_uids_finish(&r->deleted);
	sync_index_settle_old(&box->index);
	if (!r->is_failed && !old->is_bad && !r->deleted.is_bad &&
	    box->exists_told && old->count + box->index.count >= box->exists)
		return true;
	r->no_short = true;
	list_again(src, box);
	return false;
}

void sync_recall_source_on_more(struct sync_source *src, struct source_box *box)
{
	struct source_recall *r = &box->recall;
	uint32_t missing = 0;

	sync_index_finish(&box->index);
	for (size_t i = 0; i < r->asked.count; i++)
		missing += !sync_index_find(&box->index, r->asked.list[i]);
	sync_uids_finish(&box->index.old);
	sync_uids_subtract(&box->index.old, &r->asked);
	sync_uids_reset(&r->asked);
	r->vanished += missing;
	if (missing > 0)
		atomic_store(&src->shared->changed, true);
}

/* ------------------------------------------------------------ the target's */

void sync_recall_source_take_index(
    struct source_box *box, struct sync_index *index)
{
	struct sync_index *to = &box->target_index;

	box->has_target_index = true;
	if (!index->is_part) {
		sync_index_release(to);
		*to = *index;
		return;
	}
	for (size_t i = 0; i < index->count; i++) {
		to->entries = mem_grow(
		    to->entries, &to->cap, to->count, sizeof(*to->entries));
		to->entries[to->count++] = index->entries[i];
	}
	// made anew meanwhile?
	if (to->uidvalidity != index->uidvalidity)
		to->uidvalidity = 0;
	sync_index_release(index);
	sync_index_finish(to);
}

/* ------------------------------------------------------------ decision */

/* The pairs, to be freed; or why there are none. */
static const char *load(struct sync_source *src, struct source_box *box,
    struct sync_state_pair **pairs_out, struct sync_recall *out)
{
	const struct sync_recall_plan *plan = box->m->recall;
	uint32_t told =
	    box->uidvalidity ? box->uidvalidity : box->m->uidvalidity;

	*pairs_out = NULL;
	*out = (struct sync_recall){.plan = plan,
	    .source = &box->index,
	    .target = &box->target_index,
	    .deleted = &box->recall.deleted};
	if (box->recall.is_unsteady)
		return "the server keeps no UIDs";
	if (told != plan->source_uidvalidity ||
	    box->target_index.uidvalidity != plan->target_uidvalidity)
		return "UIDVALIDITY changed";
	// what this run has learnt meanwhile belongs to others
	out->count = sync_state_load_pairs(
	    src->shared->state, box->m->source, box->m->target, pairs_out);
	out->pairs = *pairs_out;
	return out->count > 0 ? NULL : "they are gone";
}

/* All goes by key; true when all keys are there. */
static bool distrust(
    struct sync_source *src, struct source_box *box, const char *why)
{
	bool is_ready = true;
	char shown[200];

	log_write(src->shared->log, LOG_LEVEL_INFO, "source",
	    "mailbox '%s': the pairs of former runs are not used: %s",
	    text_escape(
		box->m->source, strlen(box->m->source), shown, sizeof(shown)),
	    why);
	sync_pairing_forget(src->shared->pairing, box->m);
	box->recall.is_void = true;
	if (box->target_index.old.count > 0) {
		sync_index_release(&box->target_index);
		box->has_target_index = is_ready = false;
		sync_exchange_want_keys(
		    src->shared->exchange, box->m->number, NULL);
	}
	if (box->index.old.count > 0) {
		list_again(src, box);
		is_ready = false;
	}
	return is_ready;
}

/* Asks for the keys without which nothing can be said; false: none. */
static bool ask(struct sync_source *src, struct source_box *box,
    struct sync_recall_result *result)
{
	bool any = false;

	if (result->target_wanted.count > 0) {
		any = true;
		box->has_target_index = false;
		sync_exchange_want_keys(src->shared->exchange, box->m->number,
		    &result->target_wanted);
	}
	if (result->source_wanted.count > 0) {
		any = true;
		box->state = SOURCE_BOX_SCANNING;
		sync_source_examine(src, box);
		box->recall.asked = result->source_wanted;
		result->source_wanted = (struct sync_uids){0};
		box->prefix_pending = sync_scan_some(
		    src->conn, SOURCE_OP_SCAN_MORE, box, &box->recall.asked);
	}
	return any;
}

bool sync_recall_source_ready(struct sync_source *src, struct source_box *box)
{
	struct source_recall *r = &box->recall;
	struct sync_recall_result result = {0};
	struct sync_state_pair *pairs;
	struct sync_recall recall;
	bool is_ready = true;

	if (!box->m->recall || r->is_void)
		return true;
	// flags may have been told of meanwhile
	sync_uids_finish(&box->index.old);
	sync_uids_finish(&r->deleted);
	const char *why = load(src, box, &pairs, &recall);
	r->used.count = 0;
	if (!why) {
		sync_recall_apply(&recall,
		    sync_compare_is_mirror(src) ? &r->used : NULL, &result);
		why = result.doubt;
	}
	if (why) {
		is_ready = distrust(src, box, why);
	} else if (ask(src, box, &result)) {
		is_ready = false;
	} else {
		r->present = result.present;
		r->marked = result.deleted;
		if (result.lost > 0)
			sync_pairing_keep(
			    src->shared->pairing, box->m, &result.kept);
	}
	sync_recall_result_release(&result);
	free(pairs);
	return is_ready;
}

void sync_recall_source_keep_deleted(
    struct sync_source *src, struct source_box *box, struct sync_pairs *pairs)
{
	struct sync_state_pair *known;
	struct sync_recall recall;

	if (!box->m->recall || box->recall.is_void)
		return;
	if (!load(src, box, &known, &recall))
		sync_recall_keep_deleted(&recall, pairs);
	free(known);
}
