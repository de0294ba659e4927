// SPDX-License-Identifier: MIT
/*
 * What the pairs of former runs save: a message that has a pair and still is
 * on both sides need not be known by its key.  Pure.
 *
 * A wrong pair would be a message that is never copied, so pairs are believed
 * only as far as both listings prove that the UIDs mean what they meant:
 *
 * - no side holds more messages below its old UIDNEXT than it did;
 * - of some pairs (the witnesses) both keys are asked for all the same. They
 *   must be equal, or, on a target that rewrites messages, at least date and
 *   size must say so. One that contradicts makes all pairs void;
 * - only pairs at or below the highest witness that agreed are used.
 *
 * Everything else goes by key, as if there were no pairs.
 */
#ifndef ENGINE_SYNC_SYNC_RECALL_H
#define ENGINE_SYNC_SYNC_RECALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/sync/sync_state.h"
#include "engine/sync/sync_uids.h"

struct sync_index;
struct sync_pairs;

enum {
	SYNC_RECALL_WITNESSES = 8
};

#define SYNC_RECALL_NO_LIMIT UINT32_MAX /* no enumerator is as large */

/* Of one mailbox that has pairs: made with the plan of a run, constant. */
struct sync_recall_plan {
	uint32_t source_uidvalidity, target_uidvalidity;
	uint32_t source_from, target_from; /* what is below was known */
	/* messages below, and those without a pair on the source, at most; or
	 * SYNC_RECALL_NO_LIMIT */
	uint32_t source_known, target_known, unpaired_known;
	bool is_whole; /* both sides list everything with keys */
	struct sync_state_pair witnesses[SYNC_RECALL_WITNESSES];
	size_t witness_count;
};

/*
 * The plan for a mailbox whose record is `box`, with pairs by source UID.  NULL:
 * they are of no use. `source` and `target` are as STATUS tells them now.
 */
struct sync_recall_plan *sync_recall_plan_new(const struct sync_state_box *box,
    const struct sync_state_pair *pairs, size_t count,
    const struct sync_state_side *source, const struct sync_state_side *target);

/* Both listings and what is known of them. Indexes are by UID, and hold what was
 * listed with a key; their lists `old` what was listed without. */
struct sync_recall {
	const struct sync_recall_plan *plan;
	const struct sync_state_pair *pairs; /* by source UID */
	size_t count;
	struct sync_index *source, *target;
	struct sync_uids *deleted; /* of the source's old ones, marked so */
};

struct sync_recall_result {
	const char *doubt; /* why all goes by key; NULL: the pairs hold */
	/* UIDs without a key that need one now */
	struct sync_uids source_wanted, target_wanted;
	/* of the source's old ones, without those that need a key */
	size_t present, deleted;
	struct sync_uids kept; /* source UIDs of the pairs that still hold */
	size_t lost;           /* pairs that do not */
};

/*
 * Sets is_present in entries of both sides that have a pair, and appends them
 * to `pairs`, unless NULL; what is \Deleted on the source takes no part. Takes
 * from the lists `old` what has a key by now. To be called again when the
 * wanted keys have come; nothing is wanted then.
 */
void sync_recall_apply(const struct sync_recall *recall,
    struct sync_pairs *pairs, struct sync_recall_result *out);
void sync_recall_result_release(struct sync_recall_result *result);

/* For a mirror, behind sync_diff: the copy of what is \Deleted on the source is
 * not one that the source does not have. Both indexes in any order. */
void sync_recall_keep_deleted(
    const struct sync_recall *recall, struct sync_pairs *pairs);

#endif
