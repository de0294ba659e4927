// SPDX-License-Identifier: MIT
#include "engine/base/buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(buf, starts_empty_and_terminated)
{
	struct buf b;

	buf_init(&b, 100);
	cr_assert_eq(b.len, 0);
	cr_assert_str_eq(b.data, "");
	buf_reset(&b);
	buf_release(&b);
	buf_release(&b);
}

Test(buf, appends_and_terminates)
{
	struct buf b;

	buf_init(&b, 100);
	cr_assert_eq(buf_puts(&b, "one"), 0);
	cr_assert_eq(buf_append(&b, "\0x", 2), 0);
	cr_assert_eq(buf_printf(&b, "%d", 42), 0);
	cr_assert_eq(b.len, 7);
	cr_assert_arr_eq(b.data, "one\0x42", 8);
	buf_release(&b);
}

Test(buf, refuses_more_than_its_ceiling_and_keeps_the_content)
{
	struct buf b;

	buf_init(&b, 5);
	cr_assert_eq(buf_puts(&b, "12345"), 0);
	cr_assert_eq(buf_puts(&b, "6"), -1);
	cr_assert_eq(buf_printf(&b, "%s", "x"), -1);
	cr_assert_null(buf_reserve(&b, 1));
	cr_assert_str_eq(b.data, "12345");
	cr_assert_eq(buf_append(&b, "", 0), 0);
	buf_consume(&b, 2);
	cr_assert_eq(buf_puts(&b, "ab"), 0);
	cr_assert_str_eq(b.data, "345ab");
	buf_release(&b);
}

Test(buf, is_a_queue_of_any_length)
{
	struct buf b;
	unsigned char next = 0, expected = 0;

	buf_init(&b, 1000);
	for (int round = 0; round < 5000; round++) {
		for (int i = 0; i < 7; i++, next++)
			cr_assert_eq(buf_append(&b, &next, 1), 0);
		size_t take = round < 100 ? 2 : b.len < 7 ? b.len : 7;
		for (size_t i = 0; i < take; i++, expected++)
			cr_assert_eq((unsigned char)b.data[i], expected);
		buf_consume(&b, take);
	}
	cr_assert_leq(b.cap, 4096, "the front is used again");
	buf_release(&b);
}

Test(buf, reserves_room_for_a_reader)
{
	struct buf b;

	buf_init(&b, 100);
	char *to = buf_reserve(&b, 10);
	cr_assert_not_null(to);
	memcpy(to, "abc", 3);
	buf_added(&b, 3);
	buf_added(&b, 0);
	cr_assert_str_eq(b.data, "abc");
	buf_release(&b);
}

Test(buf, gives_its_content_away)
{
	struct buf b;

	buf_init(&b, 100);
	cr_assert_eq(buf_puts(&b, "mine"), 0);
	char *s = buf_detach(&b);
	cr_assert_str_eq(s, "mine");
	cr_assert_eq(b.len, 0);
	free(s);
	buf_wipe(&b);
	cr_assert_str_eq(b.data, "");
}
