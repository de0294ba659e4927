// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "orchestrator/sched_order.h"

enum {
	ITEMS = 6
};

/* account, priority, size, known, failed */
static const struct sched_order_item items[ITEMS] = {
    {0, 0, 10, true, false, 0},
    {1, 0, 500, true, true, 0},
    {2, 10, 1, true, false, 0},
    {3, 0, 0, false, false, 0},
    {4, 10, 70, true, true, 0},
    {5, 0, 10, true, true, 0},
};

struct row {
	enum sched_order order;
	size_t accounts[ITEMS];
};

ParameterizedTestParameters(sched_order, table)
{
	static struct row rows[] = {
	    {SCHED_ORDER_PLAN, {2, 4, 0, 1, 3, 5}},
	    // what may be the largest of all comes before those that are known
	    {SCHED_ORDER_LARGEST, {4, 2, 3, 1, 0, 5}},
	    {SCHED_ORDER_FAILED_FIRST, {4, 2, 1, 5, 0, 3}},
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, sched_order, table)
{
	struct sched_order_item sorted[ITEMS];

	memcpy(sorted, items, sizeof(items));
	sched_order_sort(sorted, ITEMS, row->order, 1);
	for (size_t i = 0; i < ITEMS; i++)
		cr_assert_eq(sorted[i].account, row->accounts[i],
		    "order %d, place %zu", (int)row->order, i);
}

static void shuffled(size_t *out, size_t count, const char *run)
{
	struct sched_order_item list[100] = {{0}};

	for (size_t i = 0; i < count; i++)
		list[i].account = i;
	sched_order_sort(
	    list, count, SCHED_ORDER_SHUFFLE, sched_order_seed(run));
	for (size_t i = 0; i < count; i++)
		out[i] = list[i].account;
}

Test(sched_order, shuffle_is_the_same_for_a_run)
{
	size_t a[100], b[100], c[100], seen = 0;

	shuffled(a, 100, "20260301T200000Z-7f3a");
	shuffled(b, 100, "20260301T200000Z-7f3a");
	shuffled(c, 100, "20260301T200000Z-7f3b");
	cr_assert_eq(memcmp(a, b, sizeof(a)), 0);
	cr_assert_neq(memcmp(a, c, sizeof(a)), 0);
	for (size_t i = 0; i < 100; i++)
		seen += a[i];
	cr_assert_eq(seen, 4950, "each once");
}
