// SPDX-License-Identifier: MIT
#include "engine/sync/sync_recall.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_date.h"
#include "engine/sync/sync_diff.h"
#include "engine/sync/sync_index.h"

enum {
	WHOLE_MESSAGES = 64,    /* keys of so few cost less than another wait */
	LAST_WITNESSES = 4,     /* by source UID; behind them the highest two */
	HIGH_WITNESSES = 2,     /* by target UID, and some in between */
	REWRITTEN_BYTES = 2048, /* a rewritten message is longer by so much */
	REWRITTEN_PAIRS = 2     /* so many must say so, if there are */
};

/* ---------------------------------------------------------------- plan */

static void add_witness(
    struct sync_recall_plan *plan, const struct sync_state_pair *pair)
{
	if (pair->target_uid == 0 ||
	    plan->witness_count == SYNC_RECALL_WITNESSES)
		return;
	for (size_t i = 0; i < plan->witness_count; i++)
		if (plan->witnesses[i].source_uid == pair->source_uid)
			return;
	plan->witnesses[plan->witness_count++] = *pair;
}

static void choose_witnesses(struct sync_recall_plan *plan,
    const struct sync_state_pair *pairs, size_t count)
{
	uint32_t below = UINT32_MAX;

	for (size_t i = 0; i < count && i < LAST_WITNESSES; i++)
		add_witness(plan, &pairs[count - 1 - i]);
	for (size_t n = 0; n < HIGH_WITNESSES; n++) {
		const struct sync_state_pair *highest = &pairs[0];
		for (size_t i = 0; i < count; i++)
			if (pairs[i].target_uid < below &&
			    (highest->target_uid >= below ||
				pairs[i].target_uid > highest->target_uid))
				highest = &pairs[i];
		add_witness(plan, highest);
		below = highest->target_uid;
	}
	for (size_t i = 1; i <= SYNC_RECALL_WITNESSES; i++)
		add_witness(
		    plan, &pairs[count * i / (SYNC_RECALL_WITNESSES + 1)]);
}

static uint32_t highest_target(
    const struct sync_state_pair *pairs, size_t count)
{
	uint32_t highest = 0;

	for (size_t i = 0; i < count; i++)
		if (pairs[i].target_uid > highest)
			highest = pairs[i].target_uid;
	return highest;
}

static bool is_same_mailbox(
    const struct sync_state_side *then, const struct sync_state_side *now)
{
	return now->uidvalidity && then->uidvalidity == now->uidvalidity &&
	       now->uidnext && now->uidnext >= then->uidnext;
}

struct sync_recall_plan *sync_recall_plan_new(const struct sync_state_box *box,
    const struct sync_state_pair *pairs, size_t count,
    const struct sync_state_side *source, const struct sync_state_side *target)
{
	uint32_t highest = highest_target(pairs, count);

	if (highest == 0 || highest == UINT32_MAX || !box->source.uidnext ||
	    !is_same_mailbox(&box->source, source) ||
	    !is_same_mailbox(&box->target, target) ||
	    source->uidnext <= pairs[count - 1].source_uid ||
	    target->uidnext <= highest)
		return NULL;
	struct sync_recall_plan *plan = mem_calloc(1, sizeof(*plan));
	bool target_told = box->complete && box->target.uidnext > 0;
	*plan = (struct sync_recall_plan){
	    .source_uidvalidity = box->source.uidvalidity,
	    .target_uidvalidity = box->target.uidvalidity,
	    .source_from = box->source.uidnext,
	    .target_from = target_told ? box->target.uidnext : highest + 1,
	    .source_known = box->source.messages,
	    .target_known =
		target_told ? box->target.messages : SYNC_RECALL_NO_LIMIT,
	    .unpaired_known = box->complete && box->deleted < UINT32_MAX
				  ? (uint32_t)box->deleted
				  : SYNC_RECALL_NO_LIMIT,
	    .is_whole = source->messages <= WHOLE_MESSAGES &&
			target->messages <= WHOLE_MESSAGES,
	};
	choose_witnesses(plan, pairs, count);
	return plan;
}

/* ---------------------------------------------------------------- evidence */

static int by_source(const void *a, const void *b)
{
	const struct sync_state_pair *x = a, *y = b;

	return (x->source_uid > y->source_uid) -
	       (x->source_uid < y->source_uid);
}

static const struct sync_state_pair *pair_of(
    const struct sync_recall *r, uint32_t source_uid)
{
	const struct sync_state_pair wanted = {.source_uid = source_uid};

	return r->count == 0 ? NULL
			     : bsearch(&wanted, r->pairs, r->count,
				   sizeof(wanted), by_source);
}

/* A message that the target changed as it stored it keeps its date, and nearly
 * its size (F117). */
static bool may_be_rewritten(
    const struct sync_entry *s, const struct sync_entry *t)
{
	int64_t more = (int64_t)t->size - (int64_t)s->size;

	return s->date != SYNC_INDEX_NO_DATE && t->date != SYNC_INDEX_NO_DATE &&
	       imap_date_packed_seconds(s->date) ==
		   imap_date_packed_seconds(t->date) &&
	       more <= REWRITTEN_BYTES && more >= -REWRITTEN_BYTES;
}

struct evidence {
	size_t equal, rewritten;
	uint32_t source_top, target_top; /* of what agreed */
	bool is_against;
};

static void weigh(
    struct evidence *e, const struct sync_entry *s, const struct sync_entry *t)
{
	if (s->is_keyless || t->is_keyless)
		return;
	if (memcmp(&s->key, &t->key, sizeof(s->key)) == 0)
		e->equal++;
	else if (may_be_rewritten(s, t))
		e->rewritten++;
	else
		e->is_against = true;
	if (s->uid > e->source_top)
		e->source_top = s->uid;
	if (t->uid > e->target_top)
		e->target_top = t->uid;
}

/* All pairs of which both keys are known. */
static struct evidence gather(const struct sync_recall *r)
{
	struct evidence e = {0};

	for (size_t i = 0; i < r->source->count; i++) {
		const struct sync_entry *s = &r->source->entries[i];
		const struct sync_state_pair *pair = pair_of(r, s->uid);
		const struct sync_entry *t =
		    pair ? sync_index_find(r->target, pair->target_uid) : NULL;
		if (t)
			weigh(&e, s, t);
	}
	return e;
}

static size_t count_below(const struct sync_index *index, uint32_t from)
{
	size_t count = index->old.count;

	for (size_t i = 0; i < index->count; i++)
		count += index->entries[i].uid < from;
	return count;
}

/* How many messages of the source that were known then have no pair. */
static size_t count_unpaired(const struct sync_recall *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->source->old.count; i++)
		count += !pair_of(r, r->source->old.list[i]);
	for (size_t i = 0; i < r->source->count; i++)
		count += r->source->entries[i].uid < r->plan->source_from &&
			 !pair_of(r, r->source->entries[i].uid);
	return count;
}

static const char *doubt(const struct sync_recall *r, const struct evidence *e)
{
	const struct sync_recall_plan *plan = r->plan;
	size_t needed = r->count < REWRITTEN_PAIRS ? r->count : REWRITTEN_PAIRS;

	if (count_below(r->source, plan->source_from) > plan->source_known)
		return "the source holds UIDs that it did not have";
	if (count_below(r->target, plan->target_from) > plan->target_known)
		return "the target holds UIDs that it did not have";
	if (count_unpaired(r) > plan->unpaired_known)
		return "the source holds UIDs that nobody knows";
	if (e->is_against)
		return "a message is not the one that had its UID";
	if (e->equal == 0 && e->rewritten < needed)
		return "nothing is left to prove them by";
	return NULL;
}

/* ---------------------------------------------------------------- pairs */

/* One message of a side: in the index, or in the list of old ones. */
struct place {
	struct sync_entry *entry; /* or */
	size_t old;
	bool is_there;
};

static struct place find(const struct sync_index *index, uint32_t uid)
{
	struct place p = {.entry = sync_index_find(index, uid)};

	p.old = p.entry ? 0 : sync_uids_find(&index->old, uid);
	p.is_there = p.entry || p.old < index->old.count;
	return p;
}

static bool is_taken(const struct place *p, const uint8_t *taken)
{
	return p->entry ? p->entry->is_present : taken[p->old];
}

static void take(const struct place *p, uint8_t *taken)
{
	if (p->entry)
		p->entry->is_present = 1;
	else
		taken[p->old] = 1;
}

static void drop_known(struct sync_index *index)
{
	sync_index_settle_old(index);
	for (size_t i = 0; i < index->count; i++)
		index->entries[i].is_present = 0;
}

static void note(struct sync_pairs *pairs, const struct sync_state_pair *pair)
{
	if (!pairs)
		return;
	pairs->list = mem_grow(
	    pairs->list, &pairs->cap, pairs->count, sizeof(*pairs->list));
	pairs->list[pairs->count++] =
	    (struct sync_pair){pair->source_uid, pair->target_uid};
}

/* Marks both messages of the pair, when it holds and is believed. */
static void use_pair(const struct sync_recall *r, const struct evidence *e,
    const struct sync_state_pair *pair, uint8_t *taken[2],
    struct sync_pairs *pairs, struct sync_recall_result *out)
{
	struct place s = find(r->source, pair->source_uid);
	struct place t = find(r->target, pair->target_uid);

	if (!s.is_there || (pair->target_uid && !t.is_there) ||
	    (pair->target_uid && is_taken(&t, taken[1]))) {
		out->lost++;
		return;
	}
	sync_uids_add(&out->kept, pair->source_uid);
	if (!pair->target_uid || pair->source_uid > e->source_top ||
	    pair->target_uid > e->target_top)
		return;
	if (s.entry ? s.entry->is_deleted
		    : sync_uids_has(r->deleted, pair->source_uid))
		return;
	take(&s, taken[0]);
	take(&t, taken[1]);
	note(pairs, pair);
}

static void want_source(const struct sync_recall *r, const uint8_t *taken,
    struct sync_recall_result *out)
{
	const struct sync_uids *old = &r->source->old;

	for (size_t i = 0; i < old->count; i++) {
		if (taken[i])
			out->present++;
		else if (sync_uids_has(r->deleted, old->list[i]))
			out->deleted++;
		else
			sync_uids_add(&out->source_wanted, old->list[i]);
	}
}

/* Only what is to be compared needs something to be compared with. */
static void want_target(const struct sync_recall *r, const uint8_t *taken,
    struct sync_recall_result *out)
{
	const struct sync_uids *old = &r->target->old;
	bool any = out->source_wanted.count > 0;

	for (size_t i = 0; !any && i < r->source->count; i++)
		any = !r->source->entries[i].is_present &&
		      !r->source->entries[i].is_deleted;
	for (size_t i = 0; any && i < old->count; i++)
		if (!taken[i])
			sync_uids_add(&out->target_wanted, old->list[i]);
}

void sync_recall_apply(const struct sync_recall *recall,
    struct sync_pairs *pairs, struct sync_recall_result *out)
{
	const struct sync_recall *r = recall;

	*out = (struct sync_recall_result){0};
	drop_known(r->source);
	drop_known(r->target);
	const struct evidence e = gather(r);
	out->doubt = doubt(r, &e);
	if (out->doubt)
		return;
	uint8_t *taken[2] = {mem_calloc(r->source->old.count + 1, 1),
	    mem_calloc(r->target->old.count + 1, 1)};
	for (size_t i = 0; i < r->count; i++)
		use_pair(r, &e, &r->pairs[i], taken, pairs, out);
	want_source(r, taken[0], out);
	want_target(r, taken[1], out);
	free(taken[0]);
	free(taken[1]);
}

void sync_recall_result_release(struct sync_recall_result *result)
{
	sync_uids_release(&result->source_wanted);
	sync_uids_release(&result->target_wanted);
	sync_uids_release(&result->kept);
}

void sync_recall_keep_deleted(
    const struct sync_recall *recall, struct sync_pairs *pairs)
{
	sync_index_sort_by_uid(recall->source);
	sync_index_sort_by_uid(recall->target);
	for (size_t i = 0; i < recall->count; i++) {
		const struct sync_state_pair *pair = &recall->pairs[i];
		struct sync_entry *s =
		    sync_index_find(recall->source, pair->source_uid);
		struct sync_entry *t =
		    sync_index_find(recall->target, pair->target_uid);
		if (!s || !t || !s->is_deleted || s->is_present ||
		    t->is_present)
			continue;
		s->is_present = t->is_present = 1;
		note(pairs, pair);
	}
}
