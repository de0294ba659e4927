// SPDX-License-Identifier: MIT
/*
 * What of the source is on the target already, as multisets. Pure.
 *
 * Equal keys are matched with multiplicity: k on the source and j on the
 * target leave max(0, k - j) to copy.  Inside a group of equal keys pairs are
 * made by size and date, then size, then size with the line end we add, then
 * order, so that what is left over is what is most likely not there.
 */
#ifndef ENGINE_SYNC_SYNC_DIFF_H
#define ENGINE_SYNC_SYNC_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sync_index;

/* Two UIDs of one message. */
struct sync_pair {
	uint32_t source, target;
};

struct sync_pairs {
	struct sync_pair *list;
	size_t count, cap;
	bool
	    without_deleted; /* those of the source take no part all the same */
};

/*
 * Sets is_present in the entries of both that have a counterpart. Without
 * `pairs` messages that are \Deleted on the source take no part. With `pairs`
 * (appended to) they do, after all others: the copy of such a message is not
 * one that the source does not have. Returns how many are present. `source`
 * comes back by UID, `target` by key. Entries that are present already, by
 * pairs of former runs, take no part.
 */
size_t sync_diff(struct sync_index *source, struct sync_index *target,
    struct sync_pairs *pairs);

#endif
