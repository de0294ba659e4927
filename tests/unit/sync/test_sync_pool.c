// SPDX-License-Identifier: MIT
#include "engine/sync/sync_pool.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"

#define MEBIBYTE (1024 * 1024)

/* `count` messages of `size` bytes; their UIDs count from 1. */
static void put(
    struct sync_pool *pool, size_t mailbox, size_t count, uint32_t size)
{
	struct sync_part *part = sync_part_new(mailbox);

	part->todo = mem_calloc(count, sizeof(*part->todo));
	part->count = count;
	for (size_t i = 0; i < count; i++)
		part->todo[i] = (struct todo){
		    .uid = (uint32_t)i + 1, .size = size & ((1U << 29) - 1)};
	sync_pool_put(pool, part, 0, 0);
}

struct row {
	unsigned lanes;
	size_t count;
	uint32_t size;
	bool keep_whole;
	char parts
	    [160]; /* "0:1-2 1:3-4": by lane, in turn, first and last UID */
};

ParameterizedTestParameters(sync_pool, how_a_mailbox_is_divided)
{
	static struct row rows[] = {
	    // what costs little is not divided
	    {4, 1, 100, false, "0:1-1"},
	    {4, 500, 4000, false, "0:1-500"},
	    {4, 40, 20 * MEBIBYTE, true, "0:1-40"},
	    // slices become smaller towards the end, one message at least
	    {2, 8, 20 * MEBIBYTE, false,
		"0:1-1 1:2-2 0:3-3 1:4-4 0:5-5 1:6-6 0:7-7 1:8-8"},
	    {2, 40, 1 * MEBIBYTE, false,
		"0:1-5 1:6-9 0:10-12 1:13-15 0:16-18 1:19-21 0:22-24 1:25-27 0:28-30 1:31-33 0:34-36 1:37-39 0:40-40"},
	    {1, 32, 1 * MEBIBYTE, false,
		"0:1-8 0:9-14 0:15-18 0:19-21 0:22-24 0:25-27 0:28-30 0:31-32"},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_pool, how_a_mailbox_is_divided)
{
	struct sync_pool *pool = sync_pool_new(row->lanes);
	struct sync_part *part = NULL;
	char parts[400] = "";
	unsigned lane = 0;

	if (row->keep_whole)
		sync_pool_keep_whole(pool);
	put(pool, 3, row->count, row->size);
	while ((part = sync_pool_take(pool, lane, 0))) {
		size_t used = strlen(parts);
		cr_expect_eq(part->mailbox, 3);
		(void)snprintf(parts + used, sizeof(parts) - used, "%s%u:%u-%u",
		    used ? " " : "", lane, part->todo[0].uid,
		    part->todo[part->count - 1].uid);
		sync_part_free(part);
		lane = (lane + 1) % row->lanes;
	}
	cr_expect_str_eq(parts, row->parts, "%s", parts);
	sync_pool_free(pool);
}

Test(sync_pool, every_message_is_handed_out_once)
{
	static bool seen[3][3000];
	struct sync_pool *pool = sync_pool_new(5);
	struct sync_part *part = NULL;
	size_t total = 0;

	for (size_t box = 0; box < 3; box++)
		put(pool, box, 3000, (uint32_t)(box + 1) * 5000);
	for (unsigned n = 0; (part = sync_pool_take(pool, n % 5, 0)); n++) {
		for (size_t i = 0; i < part->count; i++) {
			bool *s = &seen[part->mailbox][part->todo[i].uid - 1];
			cr_assert(!*s);
			*s = true;
			total++;
		}
		sync_part_free(part);
	}
	cr_assert_eq(total, 9000);
	sync_pool_free(pool);
}

Test(sync_pool, a_lane_stays_in_its_mailbox)
{
	struct sync_pool *pool = sync_pool_new(2);
	struct sync_part *part = NULL;

	put(pool, 0, 40, MEBIBYTE);
	put(pool, 1, 40, MEBIBYTE);
	for (unsigned n = 0; n < 6; n++) {
		part = sync_pool_take(pool, n % 2, 0);
		cr_assert(part);
		cr_expect_eq(part->mailbox, n % 2);
		sync_part_free(part);
	}
	sync_pool_free(pool);
}

Test(sync_pool, what_waits_and_what_is_the_leaders)
{
	struct sync_pool *pool = sync_pool_new(3);
	struct sync_part *part = sync_part_new(7);

	cr_expect_eq(sync_pool_deadline_ms(pool), CLOCK_NEVER);
	part->not_before_ms = 100;
	part->is_sought = true;
	sync_pool_put(pool, part, 1, 10);
	part = sync_part_new(8);
	part->is_leaders = true;
	sync_pool_put(pool, part, 1, 10);
	sync_pool_close(pool);
	cr_expect_eq(sync_pool_deadline_ms(pool), 100);
	cr_expect(sync_pool_has_sought(pool));
	cr_expect_null(sync_pool_take(pool, 1, 99));
	cr_expect(!sync_pool_is_over(pool, 1));
	part = sync_pool_take(pool, 1, 100);
	cr_assert(part);
	cr_expect_eq(part->mailbox, 7);
	sync_part_free(part);
	cr_expect_eq(sync_pool_deadline_ms(pool), CLOCK_NEVER);
	cr_expect(sync_pool_is_over(pool, 1));
	cr_expect(!sync_pool_is_over(pool, 0));
	part = sync_pool_take(pool, 0, 100);
	cr_assert(part);
	cr_expect_eq(part->mailbox, 8);
	sync_part_free(part);
	// the leader waits for what the others may give back
	cr_expect(!sync_pool_is_over(pool, 0));
	sync_pool_lane_ended(pool);
	cr_expect(!sync_pool_is_over(pool, 0));
	sync_pool_lane_ended(pool);
	cr_expect(sync_pool_is_over(pool, 0));
	sync_pool_free(pool);
}

Test(sync_pool, how_many_are_wanted)
{
	struct sync_pool *pool = sync_pool_new(16);

	cr_expect(!sync_pool_wants(pool, 1));
	put(pool, 0, 9, MEBIBYTE);
	cr_expect(sync_pool_wants(pool, 1));
	cr_expect(sync_pool_wants(pool, 2));
	cr_expect(!sync_pool_wants(pool, 3));
	sync_pool_free(pool);
}
