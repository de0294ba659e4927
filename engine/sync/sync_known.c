// SPDX-License-Identifier: MIT
#include "engine/sync/sync_known.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_recall.h"
#include "engine/sync/sync_state.h"

/* All three numbers: without one of them nothing is sure. */
static bool is_told(const struct sync_state_side *side)
{
	return side->uidvalidity && side->uidnext;
}

/* Nor has any flag changed, on a server that counts that (RFC 7162). Some say 1
 * as long as nobody has asked. */
static bool is_same_flags(
    const struct sync_state_side *then, const struct sync_state_side *now)
{
	return then->highestmodseq > 1 &&
	       then->highestmodseq == now->highestmodseq;
}

static bool is_same(
    const struct sync_state_side *then, const struct sync_state_side *now)
{
	return is_told(then) && then->uidvalidity == now->uidvalidity &&
	       then->uidnext == now->uidnext && then->messages == now->messages;
}

/* A server that tells a UIDNEXT below what is there does not tell when mail
 * comes: its number counts as not told. */
static uint32_t believed(uint32_t uidnext, uint32_t highest_uid)
{
	return uidnext > highest_uid ? uidnext : 0;
}

static struct sync_state_side source_of(const struct sync_mailbox *m)
{
	return (struct sync_state_side){.uidvalidity = m->uidvalidity,
	    .uidnext = m->uidnext,
	    .messages = m->messages,
	    .highestmodseq = m->modseq};
}

static struct sync_state_side target_of(const struct sync_mailbox *m)
{
	return (struct sync_state_side){.uidvalidity = m->target_uidvalidity,
	    .uidnext = m->target_uidnext,
	    .messages = m->target_messages,
	    .highestmodseq = m->target_modseq};
}

/* Modes that compare more than what is there need all of both listings. */
static bool needs_all(const struct job_options *options)
{
	return options->mode != JOB_MODE_SRC_ALL;
}

static void find_pairs(struct sync_mailbox *m, struct sync_state *state,
    const struct sync_state_box *box, const struct job_options *options)
{
	const struct sync_state_side source = source_of(m);
	const struct sync_state_side target = target_of(m);
	struct sync_state_pair *pairs = NULL;

	if (m->is_cold || m->messages == 0)
		return;
	size_t count =
	    sync_state_load_pairs(state, m->source, m->target, &pairs);
	if (count > 0)
		m->recall =
		    sync_recall_plan_new(box, pairs, count, &source, &target);
	if (m->recall)
		m->recall->is_whole |= needs_all(options);
	free(pairs);
}

void sync_known_find(struct sync_plan *plan, struct sync_state *state,
    const struct job_options *options)
{
	bool mirror = options->mode == JOB_MODE_DST;

	for (size_t i = 0; i < plan->count; i++) {
		struct sync_mailbox *m = &plan->mailboxes[i];
		const struct sync_state_side source = source_of(m);
		const struct sync_state_side target = target_of(m);
		struct sync_state_box box;
		if (m->refusal || !m->target || m->create || !m->has_status ||
		    !sync_state_find(state, m->source, m->target, &box))
			continue;
		// what is marked \Deleted may have lost its mark
		bool same_flags = mirror
				      ? is_same_flags(&box.source, &source) &&
					    is_same_flags(&box.target, &target)
				      : box.deleted == 0;
		m->is_unchanged = same_flags && box.complete &&
				  is_same(&box.source, &source) &&
				  is_same(&box.target, &target);
		if (!m->is_unchanged)
			find_pairs(m, state, &box, options);
	}
}

bool sync_known_is_as_left(
    const struct sync_mailbox *m, struct sync_state *state)
{
	const struct sync_state_side target = target_of(m);
	struct sync_state_box box;

	return !m->target || m->refusal || m->create ||
	       (sync_state_find(state, m->source, m->target, &box) &&
		   is_same(&box.target, &target));
}

/* Everything of the source is there, and nothing was left out that another run
 * might not leave out. */
static bool is_complete(const struct sync_mailbox *m, const struct tally *t)
{
	return m->has_status && !m->refusal && tally_balances(t) &&
	       t->source == m->messages &&
	       t->source ==
		   t->copied + t->present + t->skipped[TALLY_SKIP_DELETED] &&
	       t->extra[TALLY_MAILBOXES_FAILED] == 0;
}

/* As the target should stand now, if nobody else touched it: then the next run
 * will find other numbers. */
static struct sync_state_side left_behind(
    const struct sync_mailbox *m, const struct tally *t)
{
	struct sync_state_side side = target_of(m);

	side.messages +=
	    (uint32_t)t->copied - (uint32_t)t->extra[TALLY_DELETED];
	if (t->copied == 0) {
		side.uidnext = believed(side.uidnext, m->target_highest_uid);
		return side;
	}
	side.uidvalidity = m->end_uidvalidity;
	// what others added meanwhile could make up for what they took away
	side.uidnext = m->end_uidnext == m->target_uidnext + t->copied
			   ? m->end_uidnext
			   : 0;
	return side;
}

/* Of a pass that left something out the pairs are true all the same. The record
 * says no more than what they need: nothing is skipped by it. */
static int store_pairs(
    const struct sync_mailbox *m, struct sync_state *state, struct error *err)
{
	struct sync_state_side source = source_of(m);
	struct sync_state_box box;

	source.uidnext = believed(source.uidnext, m->highest_uid);
	if (!m->has_status ||
	    !sync_state_find(state, m->source, m->target, &box) ||
	    box.source.uidvalidity != source.uidvalidity ||
	    !box.target.uidvalidity)
		return sync_state_forget(state, m->source, m->target, err);
	const struct sync_state_box left = {
	    .source = source,
	    .target.uidvalidity = box.target.uidvalidity,
	};
	return sync_state_put(state, m->source, m->target, &left, err);
}

static int store(
    const struct sync_mailbox *m, struct sync_state *state, struct error *err)
{
	struct sync_state_side target;
	struct tally t = m->by_source;
	struct sync_state_box box;

	tally_add(&t, &m->by_target);
	if (!is_complete(m, &t))
		return store_pairs(m, state, err);
	struct sync_state_side source = source_of(m);
	source.uidnext = believed(source.uidnext, m->highest_uid);
	target = left_behind(m, &t);
	// what the target would tell after a change nobody has asked
	if (!m->is_mirrored || t.copied > 0)
		source.highestmodseq = target.highestmodseq = 0;
	// of the last messages none may have said it, the pairs know
	if (!target.uidvalidity &&
	    sync_state_find(state, m->source, m->target, &box)) {
		target.uidvalidity = box.target.uidvalidity;
		target.uidnext = 0;
	}
	box = (struct sync_state_box){
	    .source = source,
	    .target = target,
	    .present = t.copied + t.present,
	    .deleted = t.skipped[TALLY_SKIP_DELETED],
	    .complete = true,
	};
	return sync_state_put(state, m->source, m->target, &box, err);
}

int sync_known_store(const struct sync_plan *plan, struct sync_state *state,
    const struct job_options *options, struct error *err)
{
	// of syncSrcNew nothing can be said but that it was done
	if (options->mode == JOB_MODE_SRC_NEW)
		return 0;
	for (size_t i = 0; i < plan->count; i++) {
		const struct sync_mailbox *m = &plan->mailboxes[i];
		if (m->is_unchanged || !m->target)
			continue;
		if (store(m, state, err) < 0)
			return -1;
	}
	return 0;
}
