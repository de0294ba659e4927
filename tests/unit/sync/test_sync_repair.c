// SPDX-License-Identifier: MIT
#include "engine/sync/sync_repair.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/sync/sync_identity.h"
#include "engine/sync/sync_message.h"

enum {
	TEXT_BYTES = 120,
	OUT_MAX = 1024 * 1024,
	LONG = SYNC_REPAIR_LINE_MAX,
	PIECE = SYNC_REPAIR_PIECE_MAX
};

#define BYTES(s) s, sizeof(s) - 1
#define HEADER "Message-ID: <1@a>\r\n\r\n"

static int put_buf(
    void *context, const char *bytes, size_t len, struct error *err)
{
	(void)err;
	return buf_append(context, bytes, len);
}

/* Repairs in pieces of `step` bytes. */
static bool repair(
    const char *bytes, size_t len, unsigned what, size_t step, struct buf *out)
{
	struct sync_repair *r = mem_alloc(sizeof(*r));
	struct error err;

	buf_init(out, OUT_MAX);
	sync_repair_init(r, what, put_buf, out);
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;
		cr_assert_eq(sync_repair_feed(r, bytes + at, n, &err), 0);
	}
	cr_assert_eq(sync_repair_finish(r, &err), 0);
	bool has_changed = r->has_changed;
	free(r);
	return has_changed;
}

static bool same_key(const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct sync_key x, y;

	sync_identity_of_message(a, a_len, &x);
	sync_identity_of_message(b, b_len, &y);
	return memcmp(&x, &y, sizeof(x)) == 0;
}

struct row {
	unsigned what;
	char in[TEXT_BYTES];
	size_t in_len;
	char out[TEXT_BYTES];
	size_t out_len;
};

/* F109, F115, F116 */
ParameterizedTestParameters(sync_repair, repairs_bytes)
{
	static struct row rows[] = {
	    /* as it should be: as it was */
	    {0, BYTES("A: b\r\n\r\nc\r\n"), BYTES("A: b\r\n\r\nc\r\n")},
	    {0, BYTES("\r\n"), BYTES("\r\n")},
	    {0, BYTES(""), BYTES("")},
	    /* NUL */
	    {0, BYTES("A: b\0\r\n\r\n\0c\r\n"),
		BYTES("A: b\x80\r\n\r\n\x80"
		      "c\r\n")},
	    /* bare LF, mixed with line ends */
	    {0, BYTES("A: b\n\nc\r\nd\n"), BYTES("A: b\r\n\r\nc\r\nd\r\n")},
	    /* bare CR: a line end in the body, nothing in the header */
	    {0, BYTES("A: b\r\n\r\nc\rd\r\re\r\n"),
		BYTES("A: b\r\n\r\nc\r\nd\r\n\r\ne\r\n")},
	    {0, BYTES("A: b\rc\r\n\rD: e\r\n\r\n"),
		BYTES("A: bc\r\nD: e\r\n\r\n")},
	    /* several CRs before a LF are one line end, also the empty line */
	    {0, BYTES("A: b\r\r\n\r\r\nc\r\r\r\nd\r\n"),
		BYTES("A: b\r\n\r\nc\r\nd\r\n")},
	    /* the end */
	    {0, BYTES(HEADER "c\r"), BYTES(HEADER "c\r\n")},
	    {0, BYTES(HEADER "c"), BYTES(HEADER "c\r\n")},
	    {0, BYTES(HEADER "c\r\r\n"), BYTES(HEADER "c\r\n")},
	    /* an mbox's first line goes only when asked for, and only first */
	    {0, BYTES("From a@b Thu 10:00\r\n" HEADER),
		BYTES("From a@b Thu 10:00\r\n" HEADER)},
	    {SYNC_REPAIR_FROM_LINE, BYTES("From a@b Thu 10:00\n" HEADER),
		BYTES(HEADER)},
	    {SYNC_REPAIR_FROM_LINE, BYTES("From: a@b\r\n" HEADER),
		BYTES("From: a@b\r\n" HEADER)},
	    {SYNC_REPAIR_FROM_LINE, BYTES(HEADER "From me\r\n"),
		BYTES(HEADER "From me\r\n")},
	    {SYNC_REPAIR_FROM_LINE, BYTES("From a\r\nFrom b\r\n" HEADER),
		BYTES("From b\r\n" HEADER)},
	    {SYNC_REPAIR_FROM_LINE, BYTES("From"), BYTES("From\r\n")},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_repair, repairs_bytes)
{
	for (size_t step = 1; step <= row->in_len + 1; step++) {
		struct buf out;
		bool changed =
		    repair(row->in, row->in_len, row->what, step, &out);
		cr_assert_eq(
		    out.len, row->out_len, "'%s', by %zu", row->in, step);
		cr_assert(
		    out.len == 0 || memcmp(out.data, row->out, out.len) == 0);
		cr_assert_eq(
		    changed, row->in_len != row->out_len ||
				 memcmp(row->in, row->out, row->in_len) != 0);
		// what is repaired is the same message (P14)
		cr_assert(
		    same_key(row->in, row->in_len, row->out, row->out_len),
		    "'%s'", row->in);
		buf_release(&out);
	}
}

/* A text of `count` times `word` between two others. */
static char *text_of(
    const char *head, const char *word, size_t count, const char *tail)
{
	struct buf b;

	buf_init(&b, OUT_MAX);
	cr_assert_eq(buf_puts(&b, head), 0);
	while (count-- > 0)
		cr_assert_eq(buf_puts(&b, word), 0);
	cr_assert_eq(buf_puts(&b, tail), 0);
	char *text = buf_detach(&b);
	buf_release(&b);
	return text;
}

static size_t longest_line(const char *s)
{
	size_t longest = 0;

	for (; *s; s++) {
		size_t n = strcspn(s, "\n");
		if (n > 0 && s[n] && s[n - 1] == '\r' && n - 1 > longest)
			longest = n - 1;
		s += n;
		if (!*s)
			break;
	}
	return longest;
}

struct long_row {
	char head[TEXT_BYTES], word[8];
	size_t count;
	char tail[TEXT_BYTES];
	bool is_broken;
	bool same_key;
};

/* F112 */
ParameterizedTestParameters(sync_repair, breaks_long_lines)
{
	static struct long_row rows[] = {
	    {HEADER, "a", LONG, "\r\n", false, true},
	    {HEADER, "a", LONG + 1, "\r\n", true, true},
	    {HEADER, "a", LONG + 1, "", true, true},
	    {HEADER, "a", 100000, "\r\nend\r\n", true, true},
	    {HEADER, "word ", 4000, "\r\n", true, true},
	    {HEADER, "\xc3\xa4", 6000, "\r\n", true, true},
	    {HEADER, "\xe2\x82\xac", 4000, "\r\n", true, true},
	    {HEADER, "\xf0\x9f\x98\x80", 3000, "\r\n", true, true},
	    {HEADER, "\x80", 10000, "\r\n", true, true},
	    /* header: folded at blanks, and where there is none */
	    {"Message-ID: <1@a>\r\nTo: ", "a@b.c, ", 2000, "d@e\r\n\r\nx\r\n",
		true, true},
	    {"Message-ID: <1@a>\r\nX-Blob: ", "a", 20000, "\r\n\r\nx\r\n", true,
		true},
	    {"Date: x\r\nTo: ", "a@b.c, ", 2000, "d@e\r\n\r\nx\r\n", true,
		true},
	    /* nothing of it makes a key, or all */
	    {"", "just te", 3000, "xt\r\n", true, true},
	    {"X: ", "a", 20000, "\r\n\r\nx\r\n", true, true},
	    /* a blank inside of what the key is made of: another message; the
	     * caller does not use it */
	    {"Message-ID: <", "a", 10000, "@b>\r\n\r\nx\r\n", true, false},
	};

	return cr_make_param_array(struct long_row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct long_row *row, sync_repair, breaks_long_lines)
{
	static const size_t steps[] = {1, 7, 997, 998, 999, 8999, 9001, 200000};
	char *in = text_of(row->head, row->word, row->count, row->tail);
	size_t len = strlen(in);
	struct buf first;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct buf out;
		bool changed =
		    repair(in, len, SYNC_REPAIR_WRAP, steps[i], &out);
		cr_assert_eq(changed, row->is_broken);
		if (i == 0) {
			first = out;
			continue;
		}
		cr_assert_eq(out.len, first.len);
		cr_assert_eq(memcmp(out.data, first.data, out.len), 0);
		buf_release(&out);
	}
	if (row->is_broken)
		cr_assert_leq(longest_line(first.data), PIECE);
	cr_assert_eq(same_key(in, len, first.data, first.len), row->same_key);
	// without the line ends, and the blanks of a folded header, as it was
	for (size_t i = 0, j = 0; i < len || j < first.len; i++, j++) {
		while (i < len && strchr("\r\n ", in[i]))
			i++;
		while (j < first.len && strchr("\r\n ", first.data[j]))
			j++;
		cr_assert_eq(in[i], first.data[j]);
		// no line begins inside of a character
		cr_assert(j == 0 || first.data[j - 1] != '\n' ||
			      ((unsigned char)first.data[j] & 0xc0) != 0x80 ||
			      row->word[0] == '\x80',
		    "at %zu", j);
	}
	buf_release(&first);
	free(in);
}

/* The same in memory and in a file, with the memory and key that belong to
 * it. */
Test(sync_repair, repairs_a_message)
{
	static const char in[] = "Message-ID: <1@a>\nX: a\rb\n\nc\0d\re\n";
	static const char expected[] = "Message-ID: <1@a>\r\nX: ab\r\n\r\nc\x80"
				       "d\r\ne\r\n";
	struct error err;

	for (int spool = 0; spool < 2; spool++) {
		char bytes[sizeof(expected)] = "";
		struct sync_key before, after;
		struct sync_message *m = sync_message_new(
		    sizeof(in) - 1, spool == 1, JOB_LONG_LINES_KEEP, &err);
		cr_assert(m);
		cr_assert_eq(sync_message_add(m, BYTES(in), &err), 0);
		cr_assert_eq(sync_message_finish(m, &err), 0);
		cr_assert_eq(sync_message_key(m, &before, &err), 0);
		cr_assert_eq(
		    sync_message_repair(m, 0, &err), SYNC_MESSAGE_REPAIR_DONE);
		cr_assert_eq(sync_message_key(m, &after, &err), 0);
		cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
		cr_assert_eq(m->bytes, sizeof(expected) - 1);
		cr_assert_eq(m->spool_fd >= 0, spool == 1);
		if (spool)
			cr_assert_eq(
			    pread(m->spool_fd, bytes, sizeof(bytes), 0),
			    (ssize_t)m->bytes);
		else
			memcpy(bytes, m->body, m->bytes);
		cr_assert_eq(memcmp(bytes, expected, m->bytes), 0);
		// a second time there is nothing to do
		cr_assert_eq(
		    sync_message_repair(m, 0, &err), SYNC_MESSAGE_REPAIR_NONE);
		sync_message_free(m);
	}
}

/* What would look like another message stays as it was (P14). */
Test(sync_repair, leaves_what_would_be_another_message)
{
	char *in = text_of("Message-ID: <", "a", 10000, "@b>\r\n\r\nx\r\n");
	struct error err;

	for (int spool = 0; spool < 2; spool++) {
		struct sync_message *m = sync_message_new(
		    strlen(in), spool == 1, JOB_LONG_LINES_KEEP, &err);
		cr_assert_eq(sync_message_add(m, in, strlen(in), &err), 0);
		cr_assert_eq(sync_message_finish(m, &err), 0);
		cr_assert_eq(sync_message_repair(m, SYNC_REPAIR_WRAP, &err),
		    SYNC_MESSAGE_REPAIR_OTHER);
		cr_assert_eq(m->bytes, strlen(in));
		sync_message_free(m);
	}
	free(in);
}

Test(sync_repair, finds_the_message_id)
{
	static const struct {
		const char *text, *id;
	} rows[] = {
	    {"Subject: x\r\nMessage-ID:\r\n <1@a>\r\n\r\n", "<1@a>"},
	    {"message-id: <0123456789>\r\n\r\n", "<0123456"},
	    {"Subject: x\r\n\r\nMessage-ID: <no>\r\n", ""},
	    {"", ""},
	    {"Message-ID:", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char id[9];
		sync_identity_message_id(
		    rows[i].text, strlen(rows[i].text), id, sizeof(id));
		cr_assert_str_eq(id, rows[i].id);
	}
}
