// SPDX-License-Identifier: MIT
#include "engine/sync/sync_message.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

enum {
	TEXT_BYTES = 60,
	MAX = SYNC_MESSAGE_LINE_MAX
};

/* A message is head, `fill` letters and tail; so is what comes of it. */
struct row {
	char head[TEXT_BYTES];
	size_t fill;
	char tail[TEXT_BYTES];
	size_t kept;
	char end[TEXT_BYTES];
	unsigned long_lines;
	bool line_end_added;
};

static char *text_of(const char *head, size_t fill, const char *tail)
{
	char *letters = mem_calloc(fill + 1, 1);

	memset(letters, 'a', fill);
	char *text = mem_printf("%s%s%s", head, letters, tail);
	free(letters);
	return text;
}

static struct sync_message *begin(
    uint64_t expected, bool spool, enum job_long_lines rule)
{
	struct error err;
	struct sync_message *m = sync_message_new(expected, spool, rule, &err);

	cr_assert(m);
	return m;
}

static void take(struct sync_message *m, const char *bytes, size_t len)
{
	struct error err;

	cr_assert_eq(sync_message_add(m, bytes, len, &err), 0);
}

static char *bytes_of(const struct sync_message *m)
{
	char *bytes = mem_calloc(m->bytes + 1, 1);

	if (m->spool_fd < 0)
		memcpy(bytes, m->body, m->bytes);
	else
		cr_assert_eq(pread(m->spool_fd, bytes, m->bytes + 1, 0),
		    (ssize_t)m->bytes);
	return bytes;
}

static void finish(struct sync_message *m, const char *expected,
    unsigned long_lines, bool line_end_added)
{
	struct error err;

	cr_assert_eq(sync_message_finish(m, &err), 0);
	cr_assert_eq(m->bytes, strlen(expected));
	char *bytes = bytes_of(m);
	cr_assert_eq(memcmp(bytes, expected, m->bytes), 0);
	free(bytes);
	cr_assert_eq(m->long_lines, long_lines);
	cr_assert_eq(m->line_end_added, line_end_added);
	sync_message_free(m);
}

static struct row rows[] = {
    /* ends as it should */
    {"a\r\n", 0, "b\r\n", 0, "b\r\n", 0, false},
    {"", 0, "\r\n", 0, "\r\n", 0, false},
    {"\n\r\n", 0, "\n", 0, "\n", 0, false},
    /* no final line end */
    {"a\r\nb", 0, "", 0, "\r\n", 0, true},
    {"a\nb", 0, "", 0, "\r\n", 0, true},
    /* nothing at all */
    {"", 0, "", 0, "\r\n", 0, true},
    /* at the limit, below, above */
    {"x\r\n", MAX - 1, "\r\n", MAX - 1, "\r\n", 0, false},
    {"x\r\n", MAX, "\r\n", MAX, "\r\n", 0, false},
    {"x\r\n", MAX + 1, "\r\n", MAX, "\r\n", 1, false},
    {"x\r\n", MAX + 2, "\r\n", MAX, "\r\n", 1, false},
    {"x\r\n", 2 * MAX, "\r\n", MAX, "\r\n", 1, false},
    /* LF alone stays LF */
    {"x\n", MAX, "\n", MAX, "\n", 0, false},
    {"x\n", MAX + 1, "\n", MAX, "\n", 1, false},
    /* without a line end */
    {"", MAX, "", MAX, "\r\n", 0, true},
    {"", MAX + 1, "", MAX, "\r\n", 1, true},
    {"", MAX - 1, "", MAX - 1, "\r\n", 0, true},
    /* what follows is as it was */
    {"a\r\n", MAX + 1, "\r\nb\r\n\r\nc\n", MAX, "\r\nb\r\n\r\nc\n", 1, false},
    {"a\r\n", MAX + 1, "\r\nb", MAX, "\r\nb\r\n", 1, true},
    {"ab", MAX - 1, "\r\n.\r\n", MAX - 2, "\r\n.\r\n", 1, false},
    /* CRs at the cut: inside of the line they are bytes of it */
    {"", MAX - 1, "\r\r\n", MAX - 1, "\r\r\n", 0, false},
    {"", MAX, "\r\r\n", MAX, "\r\n", 1, false},
    {"", MAX - 1, "\rb\r\n", MAX - 1, "\r\r\n", 1, false},
    {"", MAX, "\rb\r\n", MAX, "\r\n", 1, false},
    {"", MAX - 1, "\rb\n", MAX - 1, "\r\n", 1, false},
    {"", MAX - 2, "\r\r\r\n", MAX - 2, "\r\r\r\n", 0, false},
    {"", MAX, "\r\nb\r\n", MAX, "\r\nb\r\n", 0, false},
    {"a\rb", 3, "\r\r\n", 3, "\r\r\n", 0, false},
    /* a CR at the very end is no line end */
    {"a", 3, "\r", 3, "\r\r\n", 0, true},
    {"", MAX - 1, "\r", MAX - 1, "\r\r\n", 0, true},
    {"", MAX, "\r", MAX, "\r\n", 1, true},
    {"", MAX + 1, "\r", MAX, "\r\n", 1, true},
};

ParameterizedTestParameters(sync_message, cuts_long_lines)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

/* In two pieces, cut anywhere, and in pieces of one size. */
ParameterizedTest(struct row *row, sync_message, cuts_long_lines)
{
	char *text = text_of(row->head, row->fill, row->tail);
	char *expected = text_of(row->head, row->kept, row->end);
	const size_t len = strlen(text);

	for (size_t at = 0; at <= len; at++) {
		struct sync_message *m =
		    begin(len, false, JOB_LONG_LINES_TRUNCATE);
		take(m, text, at);
		take(m, text + at, len - at);
		finish(m, expected, row->long_lines, row->line_end_added);
	}
	for (size_t step = 1; step <= len; step = step * 3 + 1) {
		struct sync_message *m =
		    begin(len, false, JOB_LONG_LINES_TRUNCATE);
		for (size_t at = 0; at < len; at += step)
			take(m, text + at, step < len - at ? step : len - at);
		finish(m, expected, row->long_lines, row->line_end_added);
	}
	free(text);
	free(expected);
}

ParameterizedTestParameters(sync_message, is_spooled_as_it_is_kept)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_message, is_spooled_as_it_is_kept)
{
	char *text = text_of(row->head, row->fill, row->tail);
	char *expected = text_of(row->head, row->kept, row->end);
	const size_t len = strlen(text);

	for (size_t step = 1; step <= len + 1; step = step * 3 + 1) {
		struct sync_message *m =
		    begin(len, true, JOB_LONG_LINES_TRUNCATE);
		for (size_t at = 0; at < len; at += step)
			take(m, text + at, step < len - at ? step : len - at);
		cr_assert_null(m->body);
		finish(m, expected, row->long_lines, row->line_end_added);
	}
	free(text);
	free(expected);
}

ParameterizedTestParameters(sync_message, keeps_long_lines_when_told)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

/* Lines are counted alike, to be told or to leave the message out. */
ParameterizedTest(struct row *row, sync_message, keeps_long_lines_when_told)
{
	static const enum job_long_lines rules[] = {
	    JOB_LONG_LINES_KEEP, JOB_LONG_LINES_SKIP};

	char *text = text_of(row->head, row->fill, row->tail);
	char *expected =
	    mem_printf("%s%s", text, row->line_end_added ? "\r\n" : "");
	const size_t len = strlen(text);

	for (size_t at = 0; at <= len; at++) {
		struct sync_message *m = begin(len, false, rules[at % 2]);
		take(m, text, at);
		take(m, text + at, len - at);
		finish(m, expected, row->long_lines, row->line_end_added);
	}
	struct sync_message *m = begin(len, false, JOB_LONG_LINES_KEEP);
	for (size_t at = 0; at < len; at++)
		take(m, text + at, 1);
	finish(m, expected, row->long_lines, row->line_end_added);
	free(text);
	free(expected);
}

/* Any bytes at all: every line is at most that long, and pieces of any size
 * make no difference. */
Test(sync_message, cuts_any_bytes_alike)
{
	enum {
		LEN = 100000,
		ROUNDS = 30
	};

	char *bytes = mem_alloc(LEN);
	uint32_t random = 7;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < LEN; i++) {
			random = random * 1664525 + 1013904223;
			const uint32_t r = random >> 16;
			bytes[i] = r % 7001 == 0  ? '\n'
				   : r % 1009 < 3 ? '\r'
						  : (char)(r % 240 + '\n' + 1);
		}
		struct sync_message *a =
		    begin(LEN, false, JOB_LONG_LINES_TRUNCATE);
		struct sync_message *b =
		    begin(LEN, false, JOB_LONG_LINES_TRUNCATE);
		struct sync_message *kept =
		    begin(LEN, false, JOB_LONG_LINES_KEEP);
		struct error err;
		take(a, bytes, LEN);
		for (size_t at = 0, n = 0; at < LEN; at += n) {
			random = random * 1664525 + 1013904223;
			n = random >> 19;
			n = n < LEN - at ? n : LEN - at;
			take(b, bytes + at, n);
			take(kept, bytes + at, n);
		}
		cr_assert_eq(sync_message_finish(a, &err), 0);
		cr_assert_eq(sync_message_finish(b, &err), 0);
		cr_assert_eq(sync_message_finish(kept, &err), 0);
		cr_assert_eq(a->bytes, b->bytes);
		cr_assert_eq(memcmp(a->body, b->body, a->bytes), 0);
		cr_assert_gt(a->long_lines, 0);
		cr_assert_eq(a->long_lines, b->long_lines);
		cr_assert_eq(a->long_lines, kept->long_lines);
		size_t line = 0;
		for (size_t i = 0; i < a->bytes; i++) {
			line = a->body[i] == '\n' ? 0 : line + 1;
			cr_assert_leq(line, MAX + 1, "with the CR of its end");
		}
		sync_message_free(a);
		sync_message_free(b);
		sync_message_free(kept);
	}
	free(bytes);
}

/* --------------------------------------------------------------- flags */

struct flags_row {
	char flags[TEXT_BYTES];
	char kept[TEXT_BYTES];
	unsigned dropped;
	bool alive;
};

ParameterizedTestParameters(sync_message, keeps_flags_that_may_be_sent)
{
	static struct flags_row flags_rows[] = {
	    {"", "", 0, true},
	    {"   ", "", 0, true},
	    {"\\Seen", "\\Seen", 0, true},
	    {"\\Seen \\Answered \\Flagged \\Draft",
		"\\Seen \\Answered \\Flagged \\Draft", 0, true},
	    {"  \\Seen   $Forwarded\tNonJunk ", "\\Seen $Forwarded NonJunk", 0,
		true},
	    {"\\seen", "\\seen", 0, true},
	    /* the server's own: nothing is lost with it */
	    {"\\Recent \\Seen", "\\Seen", 0, true},
	    {"\\RECENT", "", 0, true},
	    /* not to be copied */
	    {"\\Deleted", "", 0, false},
	    {"\\Seen \\deleted $x", "\\Seen $x", 0, false},
	    {"$Deleted Deleted", "$Deleted Deleted", 0, true},
	    /* system flags that nobody knows, and the one that is none */
	    {"\\X-Odd \\Seen \\*", "\\Seen", 2, true},
	    {"\\", "", 1, true},
	    /* keywords that are no atoms */
	    {"a%b a*b a]b a{b a\\b ok", "ok", 5, true},
	    {"caf\xc3\xa9 \x7f \x01", "", 3, true},
	    /* what is no flag at all hides none */
	    {"\"x\" (y \\Seen) \\Flagged \\Deleted", "\\Flagged", 2, false},
	    {"\\Seen \"x \\Flagged", "\\Seen", 1, true},
	    {"a.b a/b [x a+b", "a.b a/b [x a+b", 0, true},
	};

	return cr_make_param_array(
	    struct flags_row, flags_rows, ARRAY_LEN(flags_rows));
}

ParameterizedTest(
    struct flags_row *row, sync_message, keeps_flags_that_may_be_sent)
{
	struct sync_message *m = begin(0, false, JOB_LONG_LINES_TRUNCATE);
	const struct imap_str flags = {row->flags, strlen(row->flags)};

	cr_assert_eq(sync_message_set_flags(m, flags), row->alive);
	cr_assert_str_eq(m->flags, row->kept);
	cr_assert_eq(m->flags_dropped, row->dropped);
	sync_message_free(m);
}

Test(sync_message, limits_flags_in_length_and_number)
{
	struct sync_message *m = begin(0, false, JOB_LONG_LINES_TRUNCATE);
	char keyword[257];
	struct buf list;

	memset(keyword, 'k', sizeof(keyword));
	cr_assert(sync_message_set_flags(m, (struct imap_str){keyword, 255}));
	cr_assert_eq(strlen(m->flags), 255);
	cr_assert_eq(m->flags_dropped, 0);
	cr_assert(sync_message_set_flags(m, (struct imap_str){keyword, 256}));
	cr_assert_str_eq(m->flags, "");
	cr_assert_eq(m->flags_dropped, 1);

	// ten thousand keywords: some are kept, none is lost silently
	buf_init(&list, 1 << 20);
	for (int i = 0; i < 10000; i++)
		cr_assert_eq(buf_printf(&list, " keyword%d", i), 0);
	m->flags_dropped = 0;
	cr_assert(
	    sync_message_set_flags(m, (struct imap_str){list.data, list.len}));
	size_t kept = 1;
	for (const char *p = m->flags; *p; p++)
		kept += *p == ' ';
	cr_assert_gt(kept, 1000);
	cr_assert_eq(kept + m->flags_dropped, 10000);
	cr_assert_leq(strlen(m->flags), 16 * 1024);
	buf_release(&list);
	sync_message_free(m);
}

/* --------------------------------------------------------------- dates */

Test(sync_message, keeps_a_date_that_may_be_sent)
{
	static char good[] = " 7-Feb-1994 21:52:25 -0800";
	static char bad[] = "30-Feb-1994 21:52:25 -0800";
	struct sync_message *m = begin(0, false, JOB_LONG_LINES_TRUNCATE);

	cr_assert_str_eq(m->date, "");
	cr_assert(
	    sync_message_set_date(m, (struct imap_str){good, strlen(good)}));
	cr_assert_str_eq(m->date, "\"07-Feb-1994 21:52:25 -0800\"");
	cr_assert_not(
	    sync_message_set_date(m, (struct imap_str){bad, strlen(bad)}));
	cr_assert_str_eq(m->date, "");
	cr_assert(
	    sync_message_set_date(m, (struct imap_str){good, strlen(good)}));
	cr_assert_not(sync_message_set_date(m, (struct imap_str){NULL, 0}));
	cr_assert_str_eq(m->date, "");
	sync_message_free(m);
}

/* ---------------------------------------------------------------- keys */

static void expect_key(const char *text, size_t len, bool spool)
{
	struct sync_message *m = begin(len, spool, JOB_LONG_LINES_TRUNCATE);
	struct sync_key key, expected;
	struct error err;

	take(m, text, len);
	cr_assert_eq(sync_message_finish(m, &err), 0);
	cr_assert_eq(sync_message_key(m, &key, &err), 0);
	sync_identity_of_message(text, len, &expected);
	cr_assert_eq(memcmp(&key, &expected, sizeof(key)), 0);
	sync_message_free(m);
}

/* The key is that of the source, whatever was cut or added. */
Test(sync_message, has_the_key_of_what_came)
{
	char *texts[] = {text_of("", 0, ""), text_of("just text", 0, ""),
	    text_of("Subject: a\r\n\r\nb", 0, ""),
	    text_of("Subject: ", 20000, " b\r\n\r\nb"),
	    text_of("", 20000, "\r\nSubject: b"),
	    text_of("X-A: b\r\n\r\n", 20000, ""),
	    text_of("Message-ID: <1@a>\r\n\r\n", 500000, "\r\nb")};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		expect_key(texts[i], strlen(texts[i]), false);
		expect_key(texts[i], strlen(texts[i]), true);
		free(texts[i]);
	}
}

Test(sync_message, is_not_made_without_a_place_to_spool_to)
{
	struct error err = {0};

	cr_assert_eq(setenv("TMPDIR", "/nonexistent/folder", 1), 0);
	cr_assert_null(
	    sync_message_new(1, true, JOB_LONG_LINES_TRUNCATE, &err));
	cr_assert_eq(err.kind, ERROR_OS);
	sync_message_free(NULL);
}
