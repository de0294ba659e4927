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

#include <stddef.h>

struct sync_index;

/*
 * Sets is_present in the entries of `source`; deleted ones take no part.
 * Returns how many are present. `source` comes back by UID, `target` by key.
 */
size_t sync_diff(struct sync_index *source, struct sync_index *target);

#endif
