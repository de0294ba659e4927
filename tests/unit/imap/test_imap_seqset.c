// SPDX-License-Identifier: MIT
#include "engine/imap/imap_seqset.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"

enum {
	TEXT_BYTES = 64,
	NUMBERS = 8
};

struct written {
	uint32_t numbers[NUMBERS];
	size_t count;
	size_t max;
	size_t taken;
	char text[TEXT_BYTES];
};

struct item {
	int result;
	uint32_t low, high;
};

struct parsed {
	char text[TEXT_BYTES];
	size_t len;
	struct item items[NUMBERS];
};

#define MOST UINT32_MAX
#define BYTES(s) s, sizeof(s) - 1

ParameterizedTestParameters(imap_seqset, writes)
{
	static struct written rows[] = {
	    {{0}, 0, 100, 0, ""},
	    {{1}, 1, 100, 1, "1"},
	    {{4294967295}, 1, 100, 1, "4294967295"},
	    {{1, 3}, 2, 100, 2, "1,3"},
	    {{1, 2}, 2, 100, 2, "1:2"},
	    {{1, 2, 3, 5, 7, 8}, 6, 100, 6, "1:3,5,7:8"},
	    {{9, 10, 11}, 3, 100, 3, "9:11"},
	    {{4294967294, 4294967295}, 2, 100, 2, "4294967294:4294967295"},
	    {{1, 4294967295}, 2, 100, 2, "1,4294967295"},
	    /* a number twice is no gap */
	    {{5, 5, 6, 6, 7}, 5, 100, 5, "5:7"},
	    {{5, 5}, 2, 100, 2, "5"},
	    /* a step down begins anew, also over the end of 32 bits */
	    {{5, 4, 3}, 3, 100, 3, "5,4,3"},
	    {{4294967295, 1, 2}, 3, 100, 3, "4294967295,1:2"},
	    /* room to the byte */
	    {{1, 3, 5}, 3, 5, 3, "1,3,5"},
	    {{1, 3, 5}, 3, 4, 2, "1,3"},
	    {{1, 3, 5}, 3, 3, 2, "1,3"},
	    {{1, 3, 5}, 3, 2, 1, "1"},
	    {{1, 3, 5}, 3, 0, 0, ""},
	    {{10, 30}, 2, 1, 0, ""},
	    /* of a run that does not fit its head may */
	    {{1, 2, 3}, 3, 3, 3, "1:3"},
	    {{1, 2, 3}, 3, 2, 1, "1"},
	    {{1, 3, 4, 5}, 4, 4, 2, "1,3"},
	    {{1, 30, 31}, 3, 3, 1, "1"},
	};

	return cr_make_param_array(struct written, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct written *row, imap_seqset, writes)
{
	struct buf out;

	buf_init(&out, 1000);
	cr_assert_eq(
	    imap_seqset_format(&out, row->numbers, row->count, row->max),
	    row->taken, "%s", row->text);
	cr_assert_str_eq(out.data, row->text);
	buf_release(&out);
}

Test(imap_seqset, appends_to_what_is_there)
{
	static const uint32_t numbers[] = {1, 2, 3};
	struct buf out;

	buf_init(&out, 100);
	cr_assert_eq(buf_puts(&out, "UID FETCH "), 0);
	/* The limit counts the set alone. */
	cr_assert_eq(imap_seqset_format(&out, numbers, 3, 3), 3);
	cr_assert_str_eq(out.data, "UID FETCH 1:3");
	buf_release(&out);
}

Test(imap_seqset, stops_at_the_ceiling_of_the_buffer)
{
	static const uint32_t numbers[] = {1, 3, 5};
	struct buf out;

	buf_init(&out, 4);
	cr_assert_eq(imap_seqset_format(&out, numbers, 3, 100), 2);
	cr_assert_str_eq(out.data, "1,3");
	buf_release(&out);
}

Test(imap_seqset, never_writes_zero, .signal = SIGABRT)
{
	static const uint32_t numbers[] = {0};
	struct buf out;

	buf_init(&out, 100);
	(void)imap_seqset_format(&out, numbers, 1, 100);
}

/* F094 */
ParameterizedTestParameters(imap_seqset, reads)
{
	static struct parsed rows[] = {
	    {BYTES("1"), {{1, 1, 1}, {0, 0, 0}}},
	    {BYTES("4294967295"), {{1, MOST, MOST}, {0, 0, 0}}},
	    {BYTES("3:5"), {{1, 3, 5}, {0, 0, 0}}},
	    {BYTES("5:3"), {{1, 3, 5}, {0, 0, 0}}}, /* turned */
	    {BYTES("4:4"), {{1, 4, 4}, {0, 0, 0}}},
	    {BYTES("1:4294967295"), {{1, 1, MOST}, {0, 0, 0}}},
	    /* in the order of the server, overlapping as it likes */
	    {BYTES("9,3:5,4,1"),
		{{1, 9, 9}, {1, 3, 5}, {1, 4, 4}, {1, 1, 1}, {0, 0, 0}}},
	    {BYTES(""), {{-1, 0, 0}}}, {BYTES(","), {{-1, 0, 0}}},
	    {BYTES(",1"), {{-1, 0, 0}}}, {BYTES("1,"), {{1, 1, 1}, {-1, 0, 0}}},
	    {BYTES("1,,2"), {{1, 1, 1}, {-1, 0, 0}}},
	    {BYTES("0"), {{-1, 0, 0}}}, {BYTES("0:5"), {{-1, 0, 0}}},
	    {BYTES("5:0"), {{-1, 0, 0}}},
	    {BYTES("007"), {{-1, 0, 0}}}, /* no leading zeros */
	    {BYTES("1:05"), {{-1, 0, 0}}}, {BYTES("*"), {{-1, 0, 0}}},
	    {BYTES("1:*"), {{-1, 0, 0}}}, {BYTES("*:1"), {{-1, 0, 0}}},
	    {BYTES("4294967296"), {{-1, 0, 0}}},
	    {BYTES("1:4294967296"), {{-1, 0, 0}}},
	    /* would be 1 in 64 bits, and in 128 */
	    {BYTES("18446744073709551617"), {{-1, 0, 0}}},
	    {BYTES("340282366920938463463374607431768211457"), {{-1, 0, 0}}},
	    {BYTES(":"), {{-1, 0, 0}}}, {BYTES("1:"), {{-1, 0, 0}}},
	    {BYTES(":1"), {{-1, 0, 0}}}, {BYTES("1:2:3"), {{-1, 0, 0}}},
	    {BYTES("1::2"), {{-1, 0, 0}}}, {BYTES(" 1"), {{-1, 0, 0}}},
	    {BYTES("1 "), {{-1, 0, 0}}},
	    {BYTES("1, 2"), {{1, 1, 1}, {-1, 0, 0}}},
	    {BYTES("+1"), {{-1, 0, 0}}}, {BYTES("-1"), {{-1, 0, 0}}},
	    {BYTES("1-2"), {{-1, 0, 0}}}, {BYTES("0x1"), {{-1, 0, 0}}},
	    {BYTES("NIL"), {{-1, 0, 0}}}, {BYTES("1\0"), {{-1, 0, 0}}},
	    {BYTES("1\0,2"), {{-1, 0, 0}}},
	    {BYTES("\xb9"), {{-1, 0, 0}}}, /* superscript one */
	};

	return cr_make_param_array(struct parsed, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct parsed *row, imap_seqset, reads)
{
	struct imap_seqset_reader r;
	uint32_t low, high;
	size_t i = 0;

	imap_seqset_reader_init(&r, row->text, row->len);
	for (; row->items[i].result == 1; i++) {
		cr_assert_eq(imap_seqset_next(&r, &low, &high), 1, "%s at %zu",
		    row->text, i);
		cr_assert_eq(low, row->items[i].low, "%s", row->text);
		cr_assert_eq(high, row->items[i].high, "%s", row->text);
	}
	/* The end stays the end, the malformed stays malformed. */
	for (int again = 0; again < 3; again++)
		cr_assert_eq(imap_seqset_next(&r, &low, &high),
		    row->items[i].result, "%s at %zu", row->text, i);
}

Test(imap_seqset, reads_no_further_than_told)
{
	struct imap_seqset_reader r;
	uint32_t low, high;

	imap_seqset_reader_init(&r, "12:345", 5);
	cr_assert_eq(imap_seqset_next(&r, &low, &high), 1);
	cr_assert_eq(high, 34);
	cr_assert_eq(imap_seqset_next(&r, &low, &high), 0);
	imap_seqset_reader_init(&r, "12:345", 3);
	cr_assert_eq(imap_seqset_next(&r, &low, &high), -1);
}

Test(imap_seqset, refuses_no_text_at_all)
{
	struct imap_seqset_reader r;
	uint32_t low, high;

	imap_seqset_reader_init(&r, NULL, 0);
	cr_assert_eq(imap_seqset_next(&r, &low, &high), -1);
}

/* Reads `set` back; each of its numbers must be the next one. */
static size_t read_back(
    const struct buf *set, const uint32_t *numbers, size_t count)
{
	struct imap_seqset_reader r;
	uint32_t low, high;
	size_t i = 0;
	int result;

	imap_seqset_reader_init(&r, set->data, set->len);
	while ((result = imap_seqset_next(&r, &low, &high)) == 1) {
		for (uint64_t n = low; n <= high; n++, i++) {
			cr_assert_lt(i, count);
			cr_assert_eq(numbers[i], n);
		}
	}
	cr_assert_eq(result, 0);
	return i;
}

Test(imap_seqset, returns_all_numbers_in_pieces)
{
	enum {
		COUNT = 5000
	};

	static uint32_t numbers[COUNT];
	uint32_t random = 1, number = 4294900000;
	struct buf set;

	for (size_t i = 0; i < COUNT; i++) {
		random = random * 1103515245 + 12345;
		number += random >> 16 & 3 ? 1 : 1 + (random >> 24 & 31);
		numbers[i] = number;
	}
	buf_init(&set, 10000);
	for (size_t max = 10; max < 10000; max += max / 3) {
		for (size_t done = 0; done < COUNT;) {
			buf_reset(&set);
			size_t taken = imap_seqset_format(
			    &set, numbers + done, COUNT - done, max);
			cr_assert_gt(taken, 0);
			cr_assert_leq(set.len, max);
			cr_assert_eq(
			    read_back(&set, numbers + done, taken), taken);
			done += taken;
		}
	}
	buf_release(&set);
}

struct ascends_row {
	char set[24];
	bool ascends;
};

ParameterizedTestParameters(imap_seqset, ascends_as_written)
{
	static struct ascends_row rows[] = {
	    {"1", true},
	    {"1:3,5,9:10", true},
	    {"3:1", false},
	    {"5,4", false},
	    {"1:3,3", false},
	    {"7,7", false},
	    {"", false},
	    {"1,", false},
	    {"0", false},
	    {"1:*", false},
	};

	return cr_make_param_array(
	    struct ascends_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(
    const struct ascends_row *row, imap_seqset, ascends_as_written)
{
	cr_assert_eq(
	    imap_seqset_ascends(row->set), row->ascends, "'%s'", row->set);
}
