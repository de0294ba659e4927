// SPDX-License-Identifier: MIT
/* In which order accounts are started.  Pure. */
#ifndef ORCHESTRATOR_SCHED_ORDER_H
#define ORCHESTRATOR_SCHED_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sched_order {
	SCHED_ORDER_PLAN,
	SCHED_ORDER_LARGEST, /* those of unknown size first */
	SCHED_ORDER_SHUFFLE,
	SCHED_ORDER_FAILED_FIRST
};

struct sched_order_item {
	size_t account;    /* its place in the plan */
	uint32_t priority; /* the greatest first, whatever the order is */
	uint64_t size;     /* in any unit; only when it is known */
	bool is_size_known;
	bool has_failed; /* the last time */
	uint64_t random; /* private */
};

/* Sorts `items`, which are in plan order; equal ones stay so. The same `seed`
 * gives the same shuffle. */
void sched_order_sort(struct sched_order_item *items, size_t count,
    enum sched_order order, uint64_t seed);

/* A seed out of a run's id. */
uint64_t sched_order_seed(const char *text);

#endif
