// SPDX-License-Identifier: MIT
#include "engine/sync/sync_diff.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_date.h"
#include "engine/sync/sync_index.h"

enum {
	ENTRIES_MAX = 6,
	UIDS_MAX = 40
};

/* UIDs are given by place: 1, 2, 3... */
struct item {
	char key;       /* NUL ends a list */
	uint32_t size;  /* 0: as good as any */
	int64_t second; /* NO_DATE: none */
	bool is_deleted;
};

#define NO_DATE INT64_MIN

struct row {
	struct item source[ENTRIES_MAX], target[ENTRIES_MAX];
	char missing[UIDS_MAX]; /* UIDs to be copied, in order */
};

static void add(struct sync_index *index, const struct item *item, uint32_t uid)
{
	struct sync_entry e = {
	    .uid = uid, .size = item->size & SYNC_INDEX_SIZE_MAX};
	const struct imap_date date = {
	    .seconds = item->second == NO_DATE ? 0 : item->second};

	e.key.bytes[0] = (uint8_t)item->key;
	e.date = item->second == NO_DATE ? SYNC_INDEX_NO_DATE
					 : imap_date_pack(&date);
	e.is_deleted = item->is_deleted;
	index->entries =
	    mem_grow(index->entries, &index->cap, index->count, sizeof(e));
	index->entries[index->count++] = e;
}

static void fill(struct sync_index *index, const struct item *items)
{
	for (uint32_t i = 0; i < ENTRIES_MAX && items[i].key; i++)
		add(index, &items[i], i + 1);
}

/* Each row stands for one kind of difference; equal letters, equal keys. */
ParameterizedTestParameters(sync_diff, finds_what_is_missing)
{
	static struct row rows[] = {
	    {{{0}}, {{0}}, ""},
	    {{{'a', 1, 1, 0}}, {{0}}, "1 "},
	    {{{0}}, {{'a', 1, 1, 0}}, ""},
	    {{{'a', 1, 1, 0}}, {{'a', 1, 1, 0}}, ""},
	    {{{'b', 1, 1, 0}, {'a', 1, 1, 0}, {'c', 1, 1, 0}},
		{{'a', 1, 1, 0}, {'c', 1, 1, 0}}, "1 "},
	    /* three and two: one is left over */
	    {{{'a', 1, 1, 0}, {'a', 1, 1, 0}, {'a', 1, 1, 0}},
		{{'a', 1, 1, 0}, {'a', 1, 1, 0}}, "3 "},
	    {{{'a', 1, 1, 0}}, {{'a', 1, 1, 0}, {'a', 1, 1, 0}}, ""},
	    /* size and date say which of them it is */
	    {{{'a', 1, 1, 0}, {'a', 2, 2, 0}, {'a', 3, 3, 0}},
		{{'a', 3, 3, 0}, {'a', 1, 1, 0}}, "2 "},
	    {{{'a', 1, 1, 0}, {'a', 1, 2, 0}, {'a', 1, 3, 0}}, {{'a', 1, 2, 0}},
		"1 3 "},
	    /* the date differs, the size does not */
	    {{{'a', 1, 1, 0}, {'a', 2, 1, 0}}, {{'a', 2, 9, 0}}, "1 "},
	    /* size and date go before size alone */
	    {{{'a', 5, 1, 0}, {'a', 5, 2, 0}}, {{'a', 5, 2, 0}, {'a', 6, 1, 0}},
		""},
	    {{{'a', 5, 1, 0}, {'a', 5, 2, 0}}, {{'a', 5, 2, 0}}, "1 "},
	    /* a line end was added there: two bytes more */
	    {{{'a', 10, 1, 0}, {'a', 20, 1, 0}}, {{'a', 22, 1, 0}}, "1 "},
	    {{{'a', 10, 1, 0}, {'a', 20, 1, 0}},
		{{'a', 12, 1, 0}, {'a', 22, 1, 0}}, ""},
	    /* the same size is better than two bytes more */
	    {{{'a', 10, 1, 0}, {'a', 12, 1, 0}}, {{'a', 12, 1, 0}}, "1 "},
	    /* nothing fits: a pair is made all the same, by order */
	    {{{'a', 10, 1, 0}}, {{'a', 99, 7, 0}}, ""},
	    {{{'a', 10, 1, 0}, {'a', 11, 1, 0}}, {{'a', 99, 7, 0}}, "2 "},
	    /* no date on one side, or on both */
	    {{{'a', 1, NO_DATE, 0}}, {{'a', 1, 5, 0}}, ""},
	    {{{'a', 1, NO_DATE, 0}, {'a', 1, 5, 0}}, {{'a', 1, 5, 0}}, "1 "},
	    {{{'a', 1, NO_DATE, 0}, {'a', 1, 5, 0}}, {{'a', 1, NO_DATE, 0}},
		"2 "},
	    /* deleted ones of the source are neither missing nor there */
	    {{{'a', 1, 1, 1}}, {{'a', 1, 1, 0}}, ""},
	    {{{'a', 1, 1, 1}, {'a', 1, 1, 0}}, {{'a', 1, 1, 0}}, ""},
	    {{{'a', 1, 1, 1}, {'a', 1, 1, 0}, {'b', 1, 1, 1}}, {{'b', 1, 1, 0}},
		"2 "},
	    /* deleted ones of the target are still there */
	    {{{'a', 1, 1, 0}}, {{'a', 1, 1, 1}}, ""},
	    /* sizes at the ceiling are equal */
	    {{{'a', SYNC_INDEX_SIZE_MAX, 1, 0}},
		{{'a', SYNC_INDEX_SIZE_MAX, 1, 0}}, ""},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_diff, finds_what_is_missing)
{
	struct sync_index source = {0}, target = {0};
	char missing[UIDS_MAX + 20] = "";
	size_t used = 0, absent = 0;

	fill(&source, row->source);
	fill(&target, row->target);
	size_t present = sync_diff(&source, &target, NULL);
	for (size_t i = 0; i < source.count; i++) {
		const struct sync_entry *e = &source.entries[i];
		cr_assert_eq(e->uid, i + 1, "in the order of UIDs");
		cr_assert_not(e->is_deleted && e->is_present);
		if (!e->is_present)
			absent++;
		if (!e->is_present && !e->is_deleted)
			used += (size_t)snprintf(missing + used,
			    sizeof(missing) - used, "%u ", e->uid);
	}
	cr_assert_str_eq(missing, row->missing);
	cr_assert_eq(present + absent, source.count);
	sync_index_release(&source);
	sync_index_release(&target);
}

/* One instant in two zones is the same date. */
Test(sync_diff, compares_instants)
{
	struct sync_index source = {0}, target = {0};
	struct imap_date there = {.seconds = 1000, .zone_minutes = 120};

	for (uint32_t uid = 1; uid <= 3; uid++)
		add(&source, &(struct item){'a', 7, 998 + uid, false}, uid);
	add(&target, &(struct item){'a', 7, 0, false}, 1);
	target.entries[0].date = imap_date_pack(&there);
	cr_assert_eq(sync_diff(&source, &target, NULL), 1);
	cr_assert_not(source.entries[0].is_present);
	cr_assert(source.entries[1].is_present);
	cr_assert_not(source.entries[2].is_present);
	sync_index_release(&source);
	sync_index_release(&target);
}

/* k here and j there leave max(0, k - j), for any mixture. */
Test(sync_diff, keeps_multiplicity)
{
	enum {
		KEYS = 4,
		ROUNDS = 500
	};

	uint32_t random = 1;

	for (int round = 0; round < ROUNDS; round++) {
		struct sync_index source = {0}, target = {0};
		size_t here[KEYS] = {0}, there[KEYS] = {0}, expected = 0;
		for (uint32_t uid = 1; uid <= 30; uid++) {
			random = random * 1664525 + 1013904223;
			const unsigned key = random >> 30;
			const struct item item = {(char)('a' + key),
			    (random >> 27 & 7) + 1, random >> 25 & 3,
			    (random >> 20 & 7) == 0};
			bool is_source = random >> 18 & 1;
			add(is_source ? &source : &target, &item, uid);
			if (!is_source)
				there[key]++;
			else if (!item.is_deleted)
				here[key]++;
		}
		for (int i = 0; i < KEYS; i++)
			expected += here[i] < there[i] ? here[i] : there[i];
		cr_assert_eq(sync_diff(&source, &target, NULL), expected);
		size_t marked = 0;
		for (size_t i = 0; i < source.count; i++)
			marked += source.entries[i].is_present;
		cr_assert_eq(marked, expected);
		sync_index_release(&source);
		sync_index_release(&target);
	}
}

/* A mailbox full of one message: in no more than linear time by pair. */
Test(sync_diff, pairs_thousands_of_equal_keys_quickly)
{
	enum {
		COUNT = 5000,
		MANY = 40 * COUNT
	};

	struct sync_index source = {0}, target = {0};
	int64_t start = clock_ms();

	for (uint32_t i = 0; i < MANY; i++) {
		add(&source, &(struct item){'a', i % 97, i % 89, false},
		    MANY - i);
		if (i % 2)
			add(&target,
			    &(struct item){'a', i % 83 + 9, i % 79, false},
			    i + 1);
	}
	cr_assert_eq(sync_diff(&source, &target, NULL), MANY / 2);
	for (size_t i = 0; i < source.count; i++)
		cr_assert_eq(source.entries[i].uid, i + 1);
	cr_assert_lt(clock_ms() - start, 5000);
	sync_index_release(&source);
	sync_index_release(&target);
}
