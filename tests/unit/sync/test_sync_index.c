// SPDX-License-Identifier: MIT
#include "engine/sync/sync_index.h"

#include <criterion/criterion.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_date.h"

static char subject[] = "Subject: a\r\n\r\n", nothing[] = "\r\n";
static char text[] = "just text";

static struct imap_str str(char *s)
{
	return (struct imap_str){s, s ? strlen(s) : 0};
}

static struct imap_fetch fetch(uint32_t uid, char *header)
{
	return (struct imap_fetch){.has_uid = true,
	    .uid = uid,
	    .has_size = true,
	    .size = 100,
	    .has_header = true,
	    .header = str(header)};
}

Test(sync_index, takes_what_a_listing_tells)
{
	static char date[] = " 1-Jan-2024 10:00:00 +0100";
	static char flags[] = "\\Seen $x \\deleted";
	struct sync_index index = {0};
	struct imap_fetch f = fetch(7, subject);
	struct sync_key key;
	struct imap_date d;

	f.has_date = f.has_flags = true;
	f.date = str(date);
	f.flags = str(flags);
	sync_index_add(&index, &f, true);
	cr_assert_eq(index.count, 1);
	const struct sync_entry *e = &index.entries[0];
	cr_assert_eq(e->uid, 7);
	cr_assert_eq(e->size, 100);
	cr_assert(e->is_deleted);
	cr_assert_not(e->is_keyless);
	cr_assert(imap_date_parse(date, strlen(date), &d));
	cr_assert_eq(e->date, imap_date_pack(&d));
	cr_assert(
	    sync_identity_of_header(NULL, subject, strlen(subject), &key));
	cr_assert_eq(memcmp(&key, &e->key, sizeof(key)), 0);
	sync_index_release(&index);
}

Test(sync_index, leaves_out_what_is_no_listing)
{
	struct sync_index index = {0};
	struct imap_fetch no_uid = fetch(0, subject);
	struct imap_fetch only_flags = {
	    .has_uid = true, .uid = 1, .has_flags = true};

	no_uid.has_uid = false;
	only_flags.flags = str(text);
	sync_index_add(&index, &no_uid, true);
	sync_index_add(&index, &only_flags, true);
	cr_assert_eq(index.count, 0);
	sync_index_release(&index);
}

Test(sync_index, caps_sizes_and_drops_dates_that_cannot_be)
{
	static char date[] = "30-Feb-2024 10:00:00 +0100";
	struct sync_index index = {0};
	struct imap_fetch f = fetch(1, NULL);

	f.has_date = true;
	f.date = str(date);
	f.size = UINT64_MAX;
	sync_index_add(&index, &f, false);
	f.uid = 2;
	f.size = (uint64_t)SYNC_INDEX_SIZE_MAX + 1;
	sync_index_add(&index, &f, false);
	f.uid = 3;
	f.size = SYNC_INDEX_SIZE_MAX;
	sync_index_add(&index, &f, false);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(index.entries[i].size, SYNC_INDEX_SIZE_MAX);
		cr_assert_eq(index.entries[i].date, SYNC_INDEX_NO_DATE);
		cr_assert_not(index.entries[i].is_keyless);
	}
	sync_index_release(&index);
}

/* In any order, told twice: the order is by UID, each of them once. */
Test(sync_index, finishes_by_uid)
{
	static const uint32_t uids[] = {5, 1, 9, 5, 2, 1, 4294967295};
	struct sync_index index = {0};

	for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
		struct imap_fetch f = fetch(uids[i], nothing);
		sync_index_add(&index, &f, true);
	}
	cr_assert_eq(index.keyless, 7);
	sync_index_finish(&index);
	cr_assert_eq(index.count, 5);
	cr_assert_eq(index.keyless, 5);
	static const uint32_t sorted[] = {1, 2, 5, 9, 4294967295};
	for (size_t i = 0; i < index.count; i++)
		cr_assert_eq(index.entries[i].uid, sorted[i]);
	sync_index_reset(&index);
	cr_assert_eq(index.count, 0);
	cr_assert_eq(index.keyless, 0);
	sync_index_finish(&index);
	sync_index_release(&index);
}

static void fill(struct sync_index *index, size_t count, size_t keys)
{
	uint32_t random = 1;

	index->entries = mem_calloc(count + 1, sizeof(*index->entries));
	index->count = count;
	for (size_t i = 0; i < count; i++) {
		struct sync_entry *e = &index->entries[i];
		random = random * 1664525 + 1013904223;
		e->uid = (uint32_t)i + 1;
		e->key.bytes[0] = (uint8_t)((random >> 16) % keys);
		e->size = random >> 8 & 3;
	}
}

Test(sync_index, sorts_any_number)
{
	static const size_t counts[] = {0, 1, 2, 3, 4, 5, 100, 4097};

	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		for (size_t keys = 1; keys <= 256; keys *= 16) {
			struct sync_index index = {0};
			size_t count = counts[i];
			fill(&index, count, keys);
			sync_index_sort_by_key(&index);
			sync_index_sort_by_key(&index); // in order already
			for (size_t n = 1; n < count; n++) {
				const struct sync_entry *e = index.entries;
				const struct sync_entry *a = &e[n - 1];
				const struct sync_entry *b = &e[n];
				int order =
				    memcmp(&a->key, &b->key, sizeof(a->key));
				cr_assert_leq(order, 0);
				if (order == 0)
					cr_assert_leq(a->size, b->size);
				if (order == 0 && a->size == b->size)
					cr_assert_lt(a->uid, b->uid);
			}
			sync_index_sort_by_uid(&index);
			for (size_t n = 0; n < count; n++)
				cr_assert_eq(index.entries[n].uid, n + 1);
			sync_index_release(&index);
		}
}

/* The zone does not count, and what has no date comes first. */
Test(sync_index, sorts_by_instant)
{
	static char dates[][27] = {"02-Mar-2026 10:00:00 +0000",
	    "02-Mar-2026 10:30:00 +0100", "01-Mar-2026 23:00:00 +0000",
	    "02-Mar-2026 10:00:00 +0000"};
	static const uint32_t expected[] = {9, 3, 2, 1, 4};
	struct sync_index index = {0};

	for (uint32_t i = 0; i < 4; i++) {
		struct imap_fetch f = fetch(i + 1, subject);
		f.has_date = true;
		f.date = str(dates[i]);
		sync_index_add(&index, &f, true);
	}
	struct imap_fetch undated = fetch(9, subject);
	sync_index_add(&index, &undated, true);
	sync_index_finish(&index);
	sync_index_sort_by_date(&index);
	for (size_t i = 0; i < 5; i++)
		cr_expect_eq(index.entries[i].uid, expected[i], "%zu", i);
	sync_index_release(&index);
}

Test(sync_index, asks_for_the_start_of_keyless_ones)
{
	struct sync_index index = {0};
	struct buf set;
	size_t at = 0;

	buf_init(&set, 1000);
	cr_assert_not(sync_index_keyless_set(&index, &at, &set, 1000));
	for (uint32_t uid = 1; uid <= 6; uid++) {
		// NIL as a header is as good as an empty one
		struct imap_fetch f = fetch(uid, uid == 4   ? subject
						 : uid == 5 ? NULL
							    : nothing);
		sync_index_add(&index, &f, true);
	}
	sync_index_finish(&index);
	cr_assert_eq(index.keyless, 5);
	cr_assert(sync_index_keyless_set(&index, &at, &set, 1000));
	cr_assert_str_eq(set.data, "1:3,5:6");
	cr_assert_not(sync_index_keyless_set(&index, &at, &set, 1000));
	buf_release(&set);
	sync_index_release(&index);
}

/* Several sets name all of them, none of them twice. */
Test(sync_index, asks_for_many_in_several_sets)
{
	enum {
		COUNT = 1000
	};

	struct sync_index index = {0};
	struct buf set;
	size_t at = 0, named = 0;

	buf_init(&set, 8000);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct imap_fetch f =
		    fetch(4000000000 + 2 * i, i % 3 ? nothing : subject);
		sync_index_add(&index, &f, true);
	}
	sync_index_finish(&index);
	for (;;) {
		buf_reset(&set);
		if (!sync_index_keyless_set(&index, &at, &set, 1000))
			break;
		cr_assert_leq(set.len, 1000);
		named++;
		for (size_t i = 0; i < set.len; i++)
			named += set.data[i] == ',';
	}
	cr_assert_eq(named, index.keyless);
	buf_release(&set);
	sync_index_release(&index);
}

Test(sync_index, gives_keyless_ones_their_key)
{
	struct sync_index index = {0};
	struct imap_fetch f = fetch(3, nothing);
	struct sync_key key;

	sync_index_add_prefix(&index, &f); // nothing there yet
	sync_index_add(&index, &f, true);
	f = fetch(5, subject);
	sync_index_add(&index, &f, true);
	sync_index_finish(&index);
	const struct sync_key before = index.entries[1].key;
	// not asked for: unknown, not keyless, without a start
	f = fetch(4, text);
	sync_index_add_prefix(&index, &f);
	f = fetch(5, text);
	sync_index_add_prefix(&index, &f);
	f = fetch(3, text);
	f.has_header = false;
	sync_index_add_prefix(&index, &f);
	cr_assert_eq(index.keyless, 1);
	cr_assert_eq(memcmp(&before, &index.entries[1].key, sizeof(before)), 0);
	f.has_header = true;
	sync_index_add_prefix(&index, &f);
	cr_assert_eq(index.keyless, 0);
	cr_assert_not(index.entries[0].is_keyless);
	sync_identity_of_message(text, strlen(text), &key);
	cr_assert_eq(memcmp(&key, &index.entries[0].key, sizeof(key)), 0);
	sync_index_release(&index);
}

Test(sync_index, keys_a_start_that_is_nil_as_an_empty_message)
{
	struct sync_index index = {0};
	struct imap_fetch f = fetch(3, NULL);
	struct sync_key key;

	sync_index_add(&index, &f, true);
	sync_index_finish(&index);
	sync_index_add_prefix(&index, &f);
	cr_assert_eq(index.keyless, 0);
	sync_identity_of_message("\r\n", 2, &key);
	cr_assert_eq(memcmp(&key, &index.entries[0].key, sizeof(key)), 0);
	sync_index_release(&index);
}
