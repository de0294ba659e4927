// SPDX-License-Identifier: MIT
#include "orchestrator/sched_order.h"

#include <stdlib.h>

/* Positive: `b` first. */
static int by_number(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int compare(const void *left, const void *right)
{
	const struct sched_order_item *a = left, *b = right;
	int by = by_number(a->priority, b->priority);

	// what an order does not look at is the same in all (prepare)
	if (by == 0)
		by = by_number(!a->is_size_known, !b->is_size_known);
	if (by == 0)
		by = by_number(a->size, b->size);
	if (by == 0)
		by = by_number(a->has_failed, b->has_failed);
	if (by == 0)
		by = by_number(a->random, b->random);
	return by ? by : by_number(b->account, a->account);
}

/* splitmix64: a good spread from any seed, guards nothing. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static void prepare(
    struct sched_order_item *item, enum sched_order order, uint64_t *state)
{
	if (order != SCHED_ORDER_LARGEST || !item->is_size_known)
		item->size = 0;
	if (order != SCHED_ORDER_LARGEST)
		item->is_size_known = true;
	if (order != SCHED_ORDER_FAILED_FIRST)
		item->has_failed = false;
	item->random = order == SCHED_ORDER_SHUFFLE ? next_random(state) : 0;
}

void sched_order_sort(struct sched_order_item *items, size_t count,
    enum sched_order order, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		prepare(&items[i], order, &seed);
	qsort(items, count, sizeof(*items), compare);
}

uint64_t sched_order_seed(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325; // FNV-1a

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return hash;
}
