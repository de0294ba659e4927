// SPDX-License-Identifier: MIT
#include "engine/sync/sync_identity.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	TEXT_BYTES = 200,
	LINE_MAX_BYTES = 9000 /* longer lines are cut on their way */
};

struct row {
	char a[TEXT_BYTES];
	size_t a_len;
	char b[TEXT_BYTES];
	size_t b_len;
	bool same;
};

#define BYTES(s) s, sizeof(s) - 1

static bool same_key(const struct sync_key *a, const struct sync_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool same_header(const char *a, const char *b)
{
	struct sync_key x, y;

	cr_assert(sync_identity_of_header(NULL, a, strlen(a), &x));
	cr_assert(sync_identity_of_header(NULL, b, strlen(b), &y));
	return same_key(&x, &y);
}

static bool same_prefix(const char *a, size_t a_len, const char *b, size_t len)
{
	struct sync_key x, y;

	sync_identity_of_prefix(a, a_len, &x);
	sync_identity_of_prefix(b, len, &y);
	return same_key(&x, &y);
}

/* What a key is made of is fixed: keys of old and new runs meet. */
Test(sync_identity, hashes_message_id_and_date)
{
	static const char header[] = "Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n"
				     "Subject: not in it\r\n"
				     "Message-ID: <1@a.example>\r\n\r\n";
	static const char hashed[] =
	    "M<1@a.example>\nMon, 1 Jan 2024 10:00:00 +0000\n";
	struct sync_key key, expected;

	hash_key(BYTES(hashed), expected.bytes);
	cr_assert(sync_identity_of_header(NULL, BYTES(header), &key));
	cr_assert(same_key(&key, &expected));
}

Test(sync_identity, hashes_other_fields_without_a_message_id)
{
	static const char header[] =
	    "To: b@x\r\nFrom: a@x\r\nSubject: hello\r\nDate: today\r\n\r\n";
	static const char hashed[] = "Dtoday\na@x\nb@x\n\nhello\n";
	struct sync_key key, expected;

	hash_key(BYTES(hashed), expected.bytes);
	cr_assert(sync_identity_of_header(NULL, BYTES(header), &key));
	cr_assert(same_key(&key, &expected));
}

ParameterizedTestParameters(sync_identity, compares_headers)
{
	static struct row rows[] = {
	    /* Courier takes a bare CR out */
	    {BYTES("Subject: a bare\rCR\r\nDate: Mon\r\n\r\n"),
		BYTES("Subject: a bareCR\r\nDate: Mon\r\n\r\n"), true},
	    /* folded, squeezed, trimmed */
	    {BYTES("Message-ID: <1@a>\r\nDate: Mon, 1 Jan 2024\r\n\r\n"),
		BYTES("Message-ID:\r\n <1@a>\r\nDate:  Mon,\t1\r\n Jan  2024 "
		      "\r\n\r\n"),
		true},
	    {BYTES("Message-ID: <1@a>\r\n\r\n"), BYTES("Message-ID:<1@a>\r\n"),
		true},
	    /* line ends: LF, CR CR LF, none at the last line */
	    {BYTES("Message-ID: <1@a>\r\nDate: x\r\n\r\n"),
		BYTES("Message-ID: <1@a>\nDate: x\n\n"), true},
	    {BYTES("Message-ID: <1@a>\r\nDate: x\r\n\r\n"),
		BYTES("Message-ID: <1@a>\r\r\nDate: x\r\r\n"), true},
	    {BYTES("Message-ID: <1@a>\r\nDate: x\r\n\r\n"),
		BYTES("Message-ID: <1@a>\r\nDate: x"), true},
	    /* names in any case, fields in any order */
	    {BYTES("Message-ID: <1@a>\r\nDate: x\r\n\r\n"),
		BYTES("DATE: x\r\nmessage-id: <1@a>\r\n\r\n"), true},
	    /* others do not count beside a Message-ID */
	    {BYTES("Message-ID: <1@a>\r\nDate: x\r\nSubject: a\r\n\r\n"),
		BYTES("Message-ID: <1@a>\r\nDate: x\r\nTo: b\r\n\r\n"), true},
	    /* 8-bit octets, NUL and X are one */
	    {BYTES("Message-ID: <\xe4@a>\r\n\r\n"),
		BYTES("Message-ID: <X@a>\r\n\r\n"), true},
	    {BYTES("Subject: caf\xc3\xa9\r\n\r\n"),
		BYTES("Subject: cafXX\r\n\r\n"), true},
	    {BYTES("Subject: a\0b\r\n\r\n"),
		BYTES("Subject: a\x80"
		      "b\r\n\r\n"),
		true},
	    {BYTES("Subject: a\0b\r\n\r\n"), BYTES("Subject: aXb\r\n\r\n"),
		true},
	    /* but not x, and not none */
	    {BYTES("Subject: caf\xc3\xa9\r\n\r\n"),
		BYTES("Subject: cafxx\r\n\r\n"), false},
	    {BYTES("Subject: caf\xc3\xa9\r\n\r\n"),
		BYTES("Subject: cafX\r\n\r\n"), false},
	    {BYTES("Subject: a\r\n\r\n"), BYTES("Subject: A\r\n\r\n"), false},
	    /* blanks inside are squeezed, not dropped */
	    {BYTES("Subject: a b\r\n\r\n"), BYTES("Subject: ab\r\n\r\n"),
		false},
	    /* other dates, other ids */
	    {BYTES("Message-ID: <1@a>\r\nDate: x\r\n\r\n"),
		BYTES("Message-ID: <1@a>\r\nDate: y\r\n\r\n"), false},
	    {BYTES("Message-ID: <1@a>\r\nDate: x\r\n\r\n"),
		BYTES("Message-ID: <1@a>\r\n\r\n"), false},
	    {BYTES("Message-ID: <1@a>\r\n\r\n"),
		BYTES("Message-ID: <1@A>\r\n\r\n"), false},
	    /* an empty Message-ID is none */
	    {BYTES("Message-ID: <>\r\nSubject: a\r\n\r\n"),
		BYTES("Subject: a\r\n\r\n"), true},
	    {BYTES("Message-ID:\r\nSubject: a\r\n\r\n"),
		BYTES("Subject: a\r\n\r\n"), true},
	    {BYTES("Message-ID: <>\r\nSubject: a\r\n\r\n"),
		BYTES("Message-ID: <>\r\nSubject: b\r\n\r\n"), false},
	    /* a value in another field is another message */
	    {BYTES("From: a\r\n\r\n"), BYTES("To: a\r\n\r\n"), false},
	    {BYTES("To: a\r\nCc: b\r\n\r\n"), BYTES("To: a b\r\n\r\n"), false},
	    {BYTES("To: a\r\nTo: b\r\n\r\n"), BYTES("To: a b\r\n\r\n"), false},
	    {BYTES("To: a\r\nTo: b\r\n\r\n"), BYTES("To: b\r\nTo: a\r\n\r\n"),
		false},
	    /* no id against an id that looks like the rest */
	    {BYTES("Message-ID: a\r\n\r\n"), BYTES("Date: a\r\n\r\n"), false},
	    /* what only looks like a field of ours */
	    {BYTES("Subject: a\r\nX-Subject: b\r\nSubjects: c\r\nSubject\r\n"
		   ":Subject: d\r\n\r\n"),
		BYTES("Subject: a\r\n\r\n"), true},
	    /* the body does not count */
	    {BYTES("Subject: a\r\n\r\nTo: b\r\n"), BYTES("Subject: a\r\n\r\n"),
		true},
	    {BYTES("Subject: a\n\nTo: b\n"), BYTES("Subject: a\n\n"), true},
	    {BYTES("Subject: a\r\r\n\r\r\nTo: b\n"), BYTES("Subject: a\r\n"),
		true},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_identity, compares_headers)
{
	struct sync_key a, b, whole;

	cr_assert(sync_identity_of_header(NULL, row->a, row->a_len, &a));
	cr_assert(sync_identity_of_header(NULL, row->b, row->b_len, &b));
	cr_assert_eq(same_key(&a, &b), row->same, "%s%s", row->a, row->b);
	sync_identity_of_message(row->a, row->a_len, &whole);
	cr_assert(same_key(&a, &whole));
}

struct keyless_row {
	char header[TEXT_BYTES];
};

ParameterizedTestParameters(sync_identity, finds_none_of_our_fields)
{
	static struct keyless_row rows[] = {
	    {""},
	    {"\r\n"},
	    {"\n"},
	    {"X-A: b\r\n\r\n"},
	    {"just text\r\n"},
	    /* fields without a value */
	    {"Message-ID: <>\r\n\r\n"},
	    {"Message-ID: \r\nDate:\r\nFrom: \t\r\nSubject:\r\n \r\n\r\n"},
	    /* ours only behind the header */
	    {"\r\nSubject: a\r\n"},
	    {"X-A: b\r\n\r\nSubject: a\r\n"},
	    /* ours only inside of a folded one */
	    {"X-A: b\r\n Subject: a\r\n\r\n"},
	    {": a\r\n:\r\n"},
	};

	return cr_make_param_array(struct keyless_row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(
    struct keyless_row *row, sync_identity, finds_none_of_our_fields)
{
	size_t len = strlen(row->header);
	struct sync_key key, whole;

	cr_assert_not(sync_identity_of_header(NULL, row->header, len, &key));
	// the whole message then goes by its start
	sync_identity_of_prefix(row->header, len, &key);
	sync_identity_of_message(row->header, len, &whole);
	cr_assert(same_key(&key, &whole));
}

/* A server is asked for some fields, later the message is at hand. */
Test(sync_identity, is_the_same_for_fields_and_for_the_message)
{
	static const char fields[] =
	    "From: =?utf-8?q?J=C3=B6?= <j@x>\r\nDate: Mon,\r\n 1 Jan 2024\r\n"
	    "Message-ID: <1@a>\r\nSubject: re: \xfc\r\n\r\n";
	static const char message[] =
	    "Received: from x by y;\r\n\tMon, 1 Jan 2024\r\n"
	    "From: =?utf-8?q?J=C3=B6?= <j@x>\r\nMIME-Version: 1.0\r\n"
	    "Date: Mon,\r\n 1 Jan 2024\r\nMessage-ID: <1@a>\r\n"
	    "Subject: re: \xfc\r\n\r\nMessage-ID: <2@a>\r\nbody\r\n";
	struct sync_key a, b;

	cr_assert(sync_identity_of_header(NULL, BYTES(fields), &a));
	sync_identity_of_message(BYTES(message), &b);
	cr_assert(same_key(&a, &b));
	// a line of the mbox format in front is no field
	const char *mbox = "From j@x Mon Jan  1 10:00:00 2024\n"
			   "Date: Mon, 1 Jan 2024\nMessage-ID: <1@a>\n\n";
	sync_identity_of_message(mbox, strlen(mbox), &b);
	cr_assert(same_key(&a, &b));
}

/* Of a message that is nothing else, such a line is what tells it apart. */
Test(sync_identity, a_from_line_alone)
{
	struct sync_key a, b;

	sync_identity_of_message("From a", 6, &a);
	sync_identity_of_message("From a\r\n", 8, &b);
	cr_assert(same_key(&a, &b));
	sync_identity_of_message("From b\r\n", 8, &b);
	cr_assert_not(same_key(&a, &b));
}

/* "NAME: aaaa...", with `tail` behind `count` bytes of it. */
static char *long_field(const char *name, size_t count, const char *tail)
{
	char *fill = mem_calloc(count + 1, 1);

	memset(fill, 'a', count);
	char *text = mem_printf("%s: %s%s\r\n\r\n", name, fill, tail);
	free(fill);
	return text;
}

Test(sync_identity, does_not_see_where_a_long_line_was_cut)
{
	static const char *const names[] = {
	    "Message-ID", "Date", "From", "To", "Cc", "Subject"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *whole = long_field(names[i], 20000, "tail");
		char *cut = mem_printf("%.*s\r\n\r\n", LINE_MAX_BYTES, whole);
		cr_assert(same_header(whole, cut), "%s", names[i]);
		free(whole);
		free(cut);
	}
}

Test(sync_identity, tells_long_fields_apart_by_their_start)
{
	char *a = long_field("Subject", 2047, "b");
	char *b = long_field("Subject", 2047, "c");
	cr_assert_not(same_header(a, b));
	free(a), free(b);
	a = long_field("Subject", 2048, "b");
	b = long_field("Subject", 2048, "c");
	cr_assert(same_header(a, b));
	free(a), free(b);
	// the blank at the cut
	a = long_field("Subject", 2047, " b");
	b = long_field("Subject", 2047, "\r\n  c");
	cr_assert(same_header(a, b));
	free(a), free(b);
	// fields behind a long one still count
	a = long_field("To", 5000, "\r\nSubject: b");
	b = long_field("To", 5000, "\r\nSubject: c");
	cr_assert_not(same_header(a, b));
	free(a), free(b);
}

/* A field given again and again fills its room and no more. */
Test(sync_identity, takes_any_number_of_equal_fields)
{
	enum {
		COUNT = 5000
	};

	static const char line[] = "Message-ID: <1@a>\r\n";
	const size_t n = sizeof(line) - 1;
	char *text = mem_alloc(COUNT * n);
	struct sync_key all, most, one;

	for (size_t i = 0; i < COUNT; i++)
		memcpy(text + i * n, line, n);
	cr_assert(sync_identity_of_header(NULL, text, COUNT * n, &all));
	cr_assert(sync_identity_of_header(NULL, text, (COUNT - 1) * n, &most));
	cr_assert(sync_identity_of_header(NULL, text, n, &one));
	cr_assert(same_key(&all, &most));
	cr_assert_not(same_key(&all, &one));
	free(text);
}

/* ------------------------------------------------- start of the message */

ParameterizedTestParameters(sync_identity, compares_starts)
{
	static struct row rows[] = {
	    /* nothing, and the line end that is added to it */
	    {BYTES(""), BYTES("\r\n"), true},
	    {BYTES("just text"), BYTES("just text\r\n"), true},
	    {BYTES("just text"), BYTES("just text\n"), true},
	    {BYTES("a\r\nb\r\n"), BYTES("a\r\r\nb\r\r\n"), true},
	    {BYTES("a\r\nb\r\n"), BYTES("a\nb\n"), true},
	    {BYTES("a\rb"), BYTES("ab"), true},
	    {BYTES("a\tb  c"), BYTES("a b c"), true},
	    {BYTES("caf\xc3\xa9"), BYTES("cafXX"), true},
	    {BYTES("a\0b"),
		BYTES("a\x80"
		      "b"),
		true},
	    {BYTES("just text"), BYTES("just a text"), false},
	    /* a header: only it counts, the body may have been touched */
	    {BYTES("X-A: b\r\n\r\nbody"), BYTES("X-A: b\r\n\r\nbody\r\n"),
		true},
	    {BYTES("X-A: b\r\n\r\nbody"), BYTES("X-A: b\n\nother"), true},
	    {BYTES("X-A: b\r\n\r\nbody"), BYTES("X-A: b\r\r\n\r\r\nother"),
		true},
	    {BYTES("X-A: b\r\n c\r\n\r\n"), BYTES("X-A: b c\r\n\r\n"), true},
	    {BYTES("X-A: b\r\n\r\n"), BYTES("X-A: c\r\n\r\n"), false},
	    /* with and without a header are two things */
	    {BYTES("X-A: b"), BYTES("\r\nX-A: b"), false},
	    {BYTES("not a: header\r\n\r\na"), BYTES("not a: header\r\n\r\nb"),
		false},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_identity, compares_starts)
{
	cr_assert_eq(same_prefix(row->a, row->a_len, row->b, row->b_len),
	    row->same, "%s | %s", row->a, row->b);
}

/* The server gives the first 4096 bytes, we hold all of it; CRs that one of
 * them added or dropped move the end. */
Test(sync_identity, takes_the_start_of_a_long_text)
{
	enum {
		LONG = 20000
	};

	char *lf = mem_alloc(LONG), *crlf = mem_alloc(2 * LONG);
	size_t n = 0;

	for (size_t i = 0; i < LONG; i++) {
		lf[i] = i % 10 == 9 ? '\n' : (char)('a' + i / 10 % 26);
		if (lf[i] == '\n')
			crlf[n++] = '\r';
		crlf[n++] = lf[i];
	}
	const size_t start = SYNC_IDENTITY_PREFIX_BYTES;
	cr_assert(same_prefix(lf, LONG, lf, start));
	cr_assert(same_prefix(lf, LONG, crlf, n));
	cr_assert(same_prefix(lf, start, crlf, start));
	lf[2000] = '!';
	cr_assert_not(same_prefix(lf, LONG, crlf, n));
	lf[2000] = crlf[2200]; // ten bytes there are eleven here
	cr_assert(same_prefix(lf, LONG, crlf, n));
	lf[4000] = '!'; // far enough behind to be of no account
	cr_assert(same_prefix(lf, LONG, crlf, n));
	free(lf);
	free(crlf);
}

Test(sync_identity, sees_of_a_message_what_a_listing_shows)
{
	// 70,000 bytes of To: the listing's literal ends before the Subject
	enum {
		LISTED = 64 * 1024,
		LINES = 1300,
		LINE = 70
	};

	static char message[LINES * LINE + 200];
	struct sync_key listed, whole;
	size_t len = 0;

	len += (size_t)snprintf(message, sizeof(message),
	    "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nTo: a@example.org");
	for (int i = 0; i < LINES; i++)
		len += (size_t)snprintf(message + len, sizeof(message) - len,
		    ",\r\n recipient.number.%06d.of.very.many@mail.example.org",
		    i);
	len += (size_t)snprintf(message + len, sizeof(message) - len,
	    "\r\nSubject: behind it\r\n\r\nbody\r\n");
	cr_assert(len > LISTED);
	cr_assert(sync_identity_of_header(NULL, message, LISTED, &listed));
	sync_identity_of_message(message, len, &whole);
	cr_assert_arr_eq(listed.bytes, whole.bytes, sizeof(whole.bytes));
}
