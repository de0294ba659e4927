// SPDX-License-Identifier: MIT
#include "engine/sync/sync_orders.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/sync/sync_diff.h"
#include "engine/sync/sync_flags.h"
#include "engine/sync/sync_index.h"

void sync_orders_free(struct sync_orders *orders)
{
	if (!orders)
		return;
	for (size_t i = 0; i < orders->set_count; i++)
		free(orders->sets[i]);
	free(orders->sets);
	free(orders->flags);
	free(orders->gone);
	free(orders);
}

/* Takes over `set`. Changes are alike: the latest sets are tried. */
static uint32_t number_of(struct sync_orders *o, char *set)
{
	enum {
		TRIED = 32
	};

	size_t oldest = o->set_count > TRIED ? o->set_count - TRIED : 0;

	for (size_t i = o->set_count; i > oldest; i--)
		if (text_equal_fold_z(o->sets[i - 1], set)) {
			free(set);
			return (uint32_t)i - 1;
		}
	o->sets =
	    mem_grow(o->sets, &o->set_cap, o->set_count, sizeof(*o->sets));
	o->sets[o->set_count++] = set;
	return (uint32_t)o->set_count - 1;
}

/* `known`: for each set of the source the number of what becomes of it, and 1,
 * so that no set is kept for every message that has it. */
static void compare_flags(struct sync_orders *o,
    const struct sync_flags *source, const struct sync_flags *target,
    const struct sync_pair *pair, uint32_t *known)
{
	uint32_t number = 0;
	const char *from = sync_flags_of(source, pair->source);
	const char *now = sync_flags_of(target, pair->target);

	if (!from || !now)
		return; // not told: left as they are
	char *wanted = sync_flags_wanted(target, from);
	if (text_equal_fold_z(wanted, now)) {
		free(wanted);
		return;
	}
	bug_if(!sync_flags_number_of(source, pair->source, &number));
	if (known[number])
		free(wanted);
	else
		known[number] = number_of(o, wanted) + 1;
	o->flags =
	    mem_grow(o->flags, &o->flag_cap, o->flag_count, sizeof(*o->flags));
	o->flags[o->flag_count++] =
	    (struct sync_order){.uid = pair->target, .set = known[number] - 1};
}

static int by_set(const void *a, const void *b)
{
	const struct sync_order *x = a, *y = b;
	int order = (x->set > y->set) - (x->set < y->set);

	return order ? order : (x->uid > y->uid) - (x->uid < y->uid);
}

static int by_uid(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void find_gone(
    struct sync_orders *o, const struct sync_index *target, bool is_marked)
{
	size_t first = o->gone_count;

	for (size_t i = 0; i < target->count; i++) {
		const struct sync_entry *e = &target->entries[i];
		if (e->is_present || e->is_deleted != is_marked)
			continue;
		o->gone = mem_grow(
		    o->gone, &o->gone_cap, o->gone_count, sizeof(*o->gone));
		o->gone[o->gone_count++] = e->uid;
	}
	if (o->gone_count - first > 1)
		qsort(o->gone + first, o->gone_count - first, sizeof(*o->gone),
		    by_uid);
}

struct sync_orders *sync_orders_new(const struct sync_index *source,
    const struct sync_index *target, const struct sync_pairs *pairs)
{
	struct sync_orders *o = mem_calloc(1, sizeof(*o));
	bool know_flags = source->flags && target->flags &&
			  !sync_flags_is_lost(source->flags) &&
			  !sync_flags_is_lost(target->flags);

	uint32_t *known = NULL;

	if (know_flags)
		known = mem_calloc(
		    sync_flags_set_count(source->flags), sizeof(*known));
	for (size_t i = 0; know_flags && i < pairs->count; i++)
		compare_flags(
		    o, source->flags, target->flags, &pairs->list[i], known);
	free(known);
	if (o->flag_count > 1)
		qsort(o->flags, o->flag_count, sizeof(*o->flags), by_set);
	find_gone(o, target, false);
	o->unmarked_count = o->gone_count;
	find_gone(o, target, true);
	if (o->flag_count > 0 || o->gone_count > 0)
		return o;
	sync_orders_free(o);
	return NULL;
}
