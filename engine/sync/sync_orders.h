// SPDX-License-Identifier: MIT
/*
 * What a mirror has to change in one mailbox of the target, from the listings
 * of both sides and the pairs between them.  Pure.
 */
#ifndef ENGINE_SYNC_SYNC_ORDERS_H
#define ENGINE_SYNC_SYNC_ORDERS_H

#include <stddef.h>
#include <stdint.h>

struct sync_index;
struct sync_pairs;

struct sync_order {
	uint32_t uid; /* on the target */
	uint32_t set; /* in `sets` */
};

struct sync_orders {
	/* flags to be set, by set and then by UID */
	struct sync_order *flags;
	size_t flag_count, flag_cap;
	char **sets; /* "\Seen $x", may be "" */
	size_t set_count, set_cap;
	/* messages the source does not have: ascending those that are not
	 * \Deleted yet, behind them ascending the others */
	uint32_t *gone;
	size_t gone_count, gone_cap, unmarked_count;
};

/* Of listings that were compared (sync_diff) and carry flags. NULL when there
 * is nothing to change. */
struct sync_orders *sync_orders_new(const struct sync_index *source,
    const struct sync_index *target, const struct sync_pairs *pairs);
void sync_orders_free(struct sync_orders *orders);

#endif
