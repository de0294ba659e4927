// SPDX-License-Identifier: MIT
#include "engine/sync/sync_ledger.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "engine/base/mem.h"
#include "engine/sync/sync_index.h"

static struct sync_ledger *open_ledger(unsigned lanes)
{
	struct sync_ledger *l = sync_ledger_new(lanes);

	sync_ledger_open(l, 2);
	sync_ledger_set_mark(l, 1, 10, true);
	return l;
}

struct row {
	char before[40]; /* of another lane; "": nothing */
	size_t before_count;
	char args[60];
	size_t count;
	uint32_t last, end;
};

ParameterizedTestParameters(sync_ledger, which_uids_are_believed)
{
	static struct row rows[] = {
	    {"", 0, "5 10", 1, 10, 11},
	    {"", 0, "5 10:12", 3, 12, 13},
	    {"", 0, "5 10,12:13", 3, 13, 14},
	    {"5 10:11", 2, "5 12:13", 2, 13, 14},
	    {"5 12:13", 2, "5 10:11", 2, 11, 14},
	    {"5 10,12", 2, "5 11", 1, 11, 13},
	    // F102
	    {"", 0, "5 10:12", 2, 0, 0},
	    {"", 0, "5 11,10", 2, 0, 0},
	    {"", 0, "0 10", 1, 0, 0},
	    {"", 0, "5", 1, 0, 0},
	    {"", 0, "x 10", 1, 0, 0},
	    {"", 0, "5 4294967295", 1, 0, 0},
	    {"5 10:12", 3, "5 12", 1, 0, 13},
	    {"5 10:12", 3, "5 9:13", 5, 0, 13},
	    {"5 10:12", 3, "6 13", 1, 0, 13},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_ledger, which_uids_are_believed)
{
	struct sync_ledger *l = open_ledger(2);
	uint32_t uidvalidity = 0;

	if (row->before_count > 0)
		cr_assert_neq(
		    sync_ledger_add_uids(l, 1, row->before, row->before_count),
		    0);
	cr_expect_eq(
	    sync_ledger_add_uids(l, 1, row->args, row->count), row->last);
	cr_expect_eq(sync_ledger_end(l, 1, &uidvalidity), row->end);
	cr_expect_eq(uidvalidity, row->end ? 5 : 0);
	sync_ledger_free(l);
}

static void add(struct sync_index *index, uint32_t uid, uint8_t key)
{
	struct sync_entry e = {.uid = uid};

	e.key.bytes[0] = key;
	index->entries =
	    mem_grow(index->entries, &index->cap, index->count, sizeof(e));
	index->entries[index->count++] = e;
}

Test(sync_ledger, what_is_ours_is_told_from_what_is_in_doubt)
{
	struct sync_ledger *l = open_ledger(2);
	struct sync_index found = {0};
	const struct sync_key key = {.bytes = {7}};

	cr_assert_eq(sync_ledger_add_uids(l, 1, "5 11:12", 2), 12);
	sync_ledger_add_key(l, 1, &key);
	sync_ledger_claim(l, 1, 16);
	for (uint32_t uid = 10; uid <= 16; uid++)
		add(&found, uid, 7);
	sync_ledger_sift(l, 1, &found);
	// 10 by its key, for the UIDs of 11, 12 and 16 are known
	const bool ours[] = {true, true, true, false, false, false, true};
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		cr_expect_eq(found.entries[i].is_present, ours[i], "uid %u",
		    found.entries[i].uid);
	sync_index_release(&found);
	sync_ledger_free(l);
}

Test(sync_ledger, who_searches_is_alone)
{
	struct sync_ledger *l = open_ledger(3);
	uint32_t floor = 0;

	cr_assert(sync_ledger_begin_append(l, 1, 1, &floor));
	cr_expect_eq(floor, 10);
	cr_expect(!sync_ledger_begin_search(l, 1, 0)); // 1 is under way
	cr_expect(!sync_ledger_begin_append(l, 1, 1, &floor));
	cr_expect(!sync_ledger_begin_append(l, 1, 2, &floor));
	cr_expect(sync_ledger_begin_append(l, 0, 2, &floor)); // elsewhere
	cr_expect(!sync_ledger_begin_search(l, 1, 2));
	cr_assert_eq(sync_ledger_add_uids(l, 1, "5 10:14", 5), 14);
	sync_ledger_end_append(l, 1, 1);
	cr_expect(sync_ledger_begin_search(l, 1, 0));
	cr_expect(!sync_ledger_begin_search(l, 1, 2)); // one at a time
	sync_ledger_end_search(l, 1, 2);               // not its own
	cr_expect(!sync_ledger_begin_append(l, 1, 1, &floor));
	sync_ledger_end_search(l, 1, 0);
	cr_expect(sync_ledger_begin_append(l, 1, 1, &floor));
	cr_expect_eq(floor, 15);
	sync_ledger_free(l);
}

Test(sync_ledger, refusals_in_a_row_are_those_of_all_lanes)
{
	struct sync_ledger *l = open_ledger(2);

	cr_expect_eq(sync_ledger_refused(l, 1, 5), 1);
	cr_expect_eq(sync_ledger_refused(l, 1, 90), 2);
	sync_ledger_copied(l, 1, 50);
	cr_expect_eq(sync_ledger_refused(l, 1, 6), 0); // one behind it is there
	cr_expect_eq(sync_ledger_refused(l, 1, 91), 1);
	sync_ledger_free(l);
}

Test(sync_ledger, flags_of_one_mailbox_or_of_all)
{
	struct sync_ledger *l = open_ledger(2);
	bool any = false;

	cr_expect_null(sync_ledger_flags(l, 1, &any));
	sync_ledger_set_flags(l, SIZE_MAX, " \\Seen ", true);
	char *list = sync_ledger_flags(l, 1, &any);
	cr_assert(list);
	cr_expect_str_eq(list, " \\Seen ");
	cr_expect(any);
	free(list);
	sync_ledger_set_flags(l, 1, " x ", false);
	list = sync_ledger_flags(l, 1, &any);
	cr_assert(list);
	cr_expect_str_eq(list, " x ");
	cr_expect(!any);
	free(list);
	sync_ledger_free(l);
}
