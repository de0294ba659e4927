// SPDX-License-Identifier: MIT
#include "engine/imap/imap_reader.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

/*
 * Events are compared as text: "[...]" is a response, "<L5>" and "<S5>" are
 * markers in it, "{5:...}" is a body with its pieces glued together, and
 * "!reason" an error.
 */
enum {
	INPUT_BYTES = 360,
	TRACE_BYTES = 400
};

struct row {
	char input[INPUT_BYTES];
	size_t len;
	char trace[TRACE_BYTES];
};

#define BYTES(s) s, sizeof(s) - 1
#define CRLF "\r\n"

static const struct imap_reader_limits small_limits = {
    .response_max = 256,
    .keep_max = 16,
    .drop_max = 100,
    .literal_max = 1000,
};

static void puts_to(struct buf *out, const char *s)
{
	cr_assert_eq(buf_puts(out, s), 0);
}

/* A NUL as "^@". */
static void show_bytes(struct buf *out, const char *s, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		puts_to(out, s[i] ? (char[]){s[i], '\0'} : "^@");
}

static void show_response(struct buf *out, const struct buf *response)
{
	const char *p = response->data, *end = p + response->len;

	cr_assert_eq(*end, '\0');
	puts_to(out, "[");
	while (p < end) {
		uint64_t len = 0;
		if (*p != '\0') {
			cr_assert_eq(buf_append(out, p++, 1), 0);
			continue;
		}
		cr_assert_geq(end - p, IMAP_READER_MARKER_BYTES);
		memcpy(&len, p + 2, sizeof(len));
		cr_assert_eq(
		    buf_printf(out, "<%c%llu>", p[1], (unsigned long long)len),
		    0);
		if (p[1] != IMAP_READER_KEPT)
			len = 0;
		p += IMAP_READER_MARKER_BYTES;
		cr_assert_leq(len, (uint64_t)(end - p));
		show_bytes(out, p, len);
		p += len;
	}
	puts_to(out, "]");
}

/* One call of the reader with a copy of its own, so that a sanitizer sees a
 * byte too far.  False after an error. */
static bool feed(
    struct imap_reader *r, const char *bytes, size_t len, struct buf *out)
{
	char *copy = mem_alloc(len);
	const char *at = copy;
	struct error err = {0};
	enum imap_reader_event event = IMAP_READER_RESPONSE;

	memcpy(copy, bytes, len);
	while (event != IMAP_READER_MORE && event != IMAP_READER_ERROR) {
		event = imap_reader_next(r, &at, &len, &err);
		if (event == IMAP_READER_RESPONSE)
			show_response(out, &r->response);
		else if (event == IMAP_READER_BODY_BEGIN)
			cr_assert_eq(buf_printf(out, "{%llu:",
					 (unsigned long long)r->body_bytes),
			    0);
		else if (event == IMAP_READER_BODY_DATA)
			show_bytes(out, r->data, r->data_len);
		else if (event == IMAP_READER_BODY_END)
			puts_to(out, "}");
		else if (event == IMAP_READER_ERROR)
			cr_assert_eq(buf_printf(out, "!%s", err.reason), 0);
		else
			cr_assert_eq(len, 0, "MORE leaves nothing behind");
	}
	free(copy);
	return event == IMAP_READER_MORE;
}

/* The trace of the bytes in pieces of `step`, the first one of `first`. */
static void expect(const struct imap_reader_limits *limits, const char *bytes,
    size_t len, size_t first, size_t step, const char *trace)
{
	struct imap_reader r;
	struct buf out;
	size_t at = 0, n = first;

	imap_reader_init(&r, limits);
	buf_init(&out, 1 << 20);
	for (bool alive = true; alive && at < len; at += n, n = step) {
		if (n > len - at)
			n = len - at;
		alive = feed(&r, bytes + at, n, &out);
	}
	cr_assert_str_eq(out.data, trace, "first %zu, then %zu", first, step);
	buf_release(&out);
	imap_reader_release(&r);
}

static struct row rows[] = {
    /* greetings */
    {BYTES("* OK [CAPABILITY IMAP4rev1 LITERAL+ ID] Dovecot ready." CRLF),
	"[* OK [CAPABILITY IMAP4rev1 LITERAL+ ID] Dovecot ready.]"},
    {BYTES("* PREAUTH" CRLF "* BYE" CRLF), "[* PREAUTH][* BYE]"},
    {BYTES(""), ""},
    /* an empty line is handed out: what it means is not decided here */
    {BYTES(CRLF), "[]"},
    {BYTES("\n\n"), "[][]"},
    /* LF alone, and more CR than one, end a line too */
    {BYTES("* 1 EXISTS\n* 2 EXISTS\r\r\n"), "[* 1 EXISTS][* 2 EXISTS]"},
    /* a CR elsewhere belongs to the line */
    {BYTES("* LIST () \"/\" \"a\rb\"" CRLF), "[* LIST () \"/\" \"a\rb\"]"},
    {BYTES("+ " CRLF "+ go {5}" CRLF "a1 OK done" CRLF),
	"[+ ][+ go {5}][a1 OK done]"},
    /* free text that looks like a literal */
    {BYTES("* OK write to me at {5}" CRLF "* NO {5}" CRLF "* BAD x {5}" CRLF
	   "* BYE {5}" CRLF "* PREAUTH {5}" CRLF "* ok {5}" CRLF
	   "A7 OK [READ-WRITE] see {5}" CRLF "A8 NO {5}" CRLF),
	"[* OK write to me at {5}][* NO {5}][* BAD x {5}][* BYE {5}]"
	"[* PREAUTH {5}][* ok {5}][A7 OK [READ-WRITE] see {5}][A8 NO {5}]"},
    {BYTES("*  OK two blanks {5}" CRLF "*\tNO\ttabs {5}" CRLF),
	"[*  OK two blanks {5}][*\tNO\ttabs {5}]"},
    {BYTES("*\t1\tFETCH\t(BODY[] {1}" CRLF "a)" CRLF),
	"{1:a}[*\t1\tFETCH\t(BODY[] <S1>)]"},
    /* a word that only begins like a condition may end in a literal */
    {BYTES("* OKAY {2}" CRLF "ab" CRLF), "[* OKAY <L2>ab]"},
    /* names of mailboxes */
    {BYTES("* LIST (\\HasNoChildren) \"/\" \"Sent Items\"" CRLF
	   "* LIST (\\NoInferiors) NIL INBOX" CRLF),
	"[* LIST (\\HasNoChildren) \"/\" \"Sent Items\"]"
	"[* LIST (\\NoInferiors) NIL INBOX]"},
    {BYTES("* LIST () \"/\" {5}" CRLF "a\r\nb\"" CRLF),
	"[* LIST () \"/\" <L5>a\r\nb\"]"},
    /* a line end, a NUL and a literal in a literal are its bytes */
    {BYTES("* LSUB () \".\" {7}" CRLF "{3}\r\n\0x" CRLF),
	"[* LSUB () \".\" <L7>{3}\r\n^@x]"},
    {BYTES("* STATUS {3}" CRLF "a b (MESSAGES 1)" CRLF),
	"[* STATUS <L3>a b (MESSAGES 1)]"},
    {BYTES("* STATUS \"{4}\" (MESSAGES 1 UIDNEXT 2)" CRLF),
	"[* STATUS \"{4}\" (MESSAGES 1 UIDNEXT 2)]"},
    {BYTES("* ESEARCH (TAG \"a\") UID ALL 1:3,5" CRLF),
	"[* ESEARCH (TAG \"a\") UID ALL 1:3,5]"},
    /* bodies: first, in the middle, last, alone */
    {BYTES("* 1 FETCH (BODY[] {5}" CRLF "hello UID 7)" CRLF),
	"{5:hello}[* 1 FETCH (BODY[] <S5> UID 7)]"},
    {BYTES("* 1 FETCH (UID 7 BODY[] {4}" CRLF "a\r\n) FLAGS (\\Seen))" CRLF),
	"{4:a\r\n)}[* 1 FETCH (UID 7 BODY[] <S4> FLAGS (\\Seen))]"},
    {BYTES("* 1 FETCH (UID 7 BODY[] {6}" CRLF "{3}\r\na)" CRLF),
	"{6:{3}\r\na}[* 1 FETCH (UID 7 BODY[] <S6>)]"},
    {BYTES("* 1 fetch (body[] {1}" CRLF "x)" CRLF),
	"{1:x}[* 1 fetch (body[] <S1>)]"},
    /* NUL in a body is a byte as any other; literal8 is a literal */
    {BYTES("* 1 FETCH (BODY[] ~{3}" CRLF "\0\n\0)" CRLF),
	"{3:^@\n^@}[* 1 FETCH (BODY[] <S3>)]"},
    {BYTES("* LIST () \"/\" ~{2}" CRLF "ab" CRLF), "[* LIST () \"/\" <L2>ab]"},
    /* zero bytes */
    {BYTES("* 1 FETCH (UID 1 BODY[] {0}" CRLF ")" CRLF),
	"{0:}[* 1 FETCH (UID 1 BODY[] <S0>)]"},
    {BYTES("* 1 FETCH (BODY[HEADER.FIELDS (DATE)] {0}" CRLF " UID 1)" CRLF),
	"[* 1 FETCH (BODY[HEADER.FIELDS (DATE)] <L0> UID 1)]"},
    {BYTES("* LIST () \"/\" {0}" CRLF CRLF), "[* LIST () \"/\" <L0>]"},
    {BYTES("* X {0}" CRLF "{0}" CRLF "{2}" CRLF "ab" CRLF),
	"[* X <L0><L0><L2>ab]"},
    /* only the whole body is streamed, not what is called alike */
    {BYTES("* 1 FETCH (BODY[HEADER.FIELDS (DATE)] {11}" CRLF
	   "Date: x\r\n\r\n UID 1)" CRLF),
	"[* 1 FETCH (BODY[HEADER.FIELDS (DATE)] <L11>Date: x\r\n\r\n UID 1)]"},
    {BYTES("* 1 FETCH (BODY[]<0> {2}" CRLF "ab UID 1)" CRLF),
	"[* 1 FETCH (BODY[]<0> <L2>ab UID 1)]"},
    {BYTES("* 1 FETCH (XBODY[] {2}" CRLF "ab)" CRLF),
	"[* 1 FETCH (XBODY[] <L2>ab)]"},
    {BYTES("* 1 FETCH (RFC822 {2}" CRLF "ab)" CRLF),
	"[* 1 FETCH (RFC822 <L2>ab)]"},
    {BYTES("* 1 FETCH (BODY[TEXT] {2}" CRLF "ab)" CRLF),
	"[* 1 FETCH (BODY[TEXT] <L2>ab)]"},
    {BYTES("* 1 FETCH (UID 9 BODY[] \"hi {5}\")" CRLF),
	"[* 1 FETCH (UID 9 BODY[] \"hi {5}\")]"},
    {BYTES("* 1 FETCH (UID 9 BODY[] NIL)" CRLF),
	"[* 1 FETCH (UID 9 BODY[] NIL)]"},
    /* header and body of one message */
    {BYTES("* 1 FETCH (BODY[HEADER.FIELDS (DATE)] {2}" CRLF "\r\n"
	   " BODY[] {3}" CRLF "a\r\n UID 2)" CRLF),
	"{3:a\r\n}[* 1 FETCH (BODY[HEADER.FIELDS (DATE)] <L2>\r\n "
	"BODY[] <S3> UID 2)]"},
    /* LF only around literals */
    {BYTES("* 1 FETCH (BODY[] {3}\nabc UID 2)\n* 2 EXISTS\n"),
	"{3:abc}[* 1 FETCH (BODY[] <S3> UID 2)][* 2 EXISTS]"},
    /* not literals: no number, sign, other bytes, no opening brace */
    {BYTES("* X {}" CRLF "* X {-1}" CRLF "* X {1x}" CRLF "* X {+1}" CRLF
	   "* X {1 }" CRLF "* X 5}" CRLF "* X {5} " CRLF "* X {5}x" CRLF
	   "* X {5+}" CRLF),
	"[* X {}][* X {-1}][* X {1x}][* X {+1}][* X {1 }][* X 5}][* X {5} ]"
	"[* X {5}x][* X {5+}]"},
    {BYTES("* 1 FETCH (BODY[] {-1}" CRLF), "[* 1 FETCH (BODY[] {-1}]"},
    {BYTES("* X {002}" CRLF "ab" CRLF), "[* X <L2>ab]"},
    /* the tilde is of the literal, and only one */
    {BYTES("* X ~~{1}" CRLF "a" CRLF), "[* X ~<L1>a]"},
    /* 8-bit in a line */
    {BYTES("* LIST () \"/\" \"caf\xc3\xa9\xff\"" CRLF),
	"[* LIST () \"/\" \"caf\xc3\xa9\xff\"]"},
    /* more than one blank: a body all the same, never one to be cut */
    {BYTES(
	 "* 1 FETCH (UID 1\tBODY[]  {1}" CRLF "a BODY[]\t~{1}" CRLF "b)" CRLF),
	"{1:a}{1:b}[* 1 FETCH (UID 1\tBODY[]  <S1> BODY[]\t<S1>)]"},
    /* bytes of a literal that look like the name of a body */
    {BYTES("* 1 FETCH (ENVELOPE ({8}" CRLF "x BODY[] {2}" CRLF "ab))" CRLF),
	"[* 1 FETCH (ENVELOPE (<L8>x BODY[] <L2>ab))]"},
    {BYTES("* 1 FETCH (ENVELOPE ({8}" CRLF "x BODY[]  {2}" CRLF "ab))" CRLF),
	"[* 1 FETCH (ENVELOPE (<L8>x BODY[]  <L2>ab))]"},
    /* several of them glued together */
    {BYTES("* 3 EXISTS" CRLF "* 1 FETCH (BODY[] {2}" CRLF "ab)" CRLF
	   "* 2 FETCH (BODY[] {0}" CRLF ")" CRLF "* LIST () NIL {1}" CRLF "x"
	   " (\"CHILDINFO\" (\"SUBSCRIBED\"))" CRLF "A1 OK {9}" CRLF),
	"[* 3 EXISTS]{2:ab}[* 1 FETCH (BODY[] <S2>)]{0:}"
	"[* 2 FETCH (BODY[] <S0>)]"
	"[* LIST () NIL <L1>x (\"CHILDINFO\" (\"SUBSCRIBED\"))][A1 OK {9}]"},
};

ParameterizedTestParameters(imap_reader, tells_the_same_for_every_split)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_reader, tells_the_same_for_every_split)
{
	const struct imap_reader_limits *limits = &imap_reader_default_limits;

	for (size_t at = 0; at <= row->len; at++)
		expect(
		    limits, row->input, row->len, at, INPUT_BYTES, row->trace);
	for (size_t step = 1; step < 5; step++)
		expect(limits, row->input, row->len, step, step, row->trace);
}

ParameterizedTestParameters(imap_reader, needs_more_until_the_last_byte)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

/* What is told of a strict prefix is a strict prefix, and no error. */
ParameterizedTest(struct row *row, imap_reader, needs_more_until_the_last_byte)
{
	for (size_t len = 0; len < row->len; len++) {
		struct imap_reader r;
		struct buf out;

		imap_reader_init(&r, &imap_reader_default_limits);
		buf_init(&out, 1 << 20);
		cr_assert(feed(&r, row->input, len, &out));
		cr_assert_lt(out.len, strlen(row->trace), "%zu", len);
		cr_assert_eq(memcmp(out.data, row->trace, out.len), 0);
		buf_release(&out);
		imap_reader_release(&r);
	}
}

static struct row bad_rows[] = {
    {BYTES("* 1 EXI\0STS" CRLF), "!proto.syntax"},
    {BYTES("\0"), "!proto.syntax"},
    {BYTES("* 1 EXISTS" CRLF "* OK a\0" CRLF), "[* 1 EXISTS]!proto.syntax"},
    /* behind a literal a line goes on */
    {BYTES("* X {1}" CRLF "\0\0" CRLF), "!proto.syntax"},
    /* sizes that no memory and no number holds */
    {BYTES("* X {1001}" CRLF), "!proto.limit"},
    {BYTES("* 1 FETCH (BODY[] {1001}" CRLF), "!proto.limit"},
    {BYTES("* 1 FETCH (BODY[] {4294967296999}" CRLF), "!proto.limit"},
    {BYTES("* 1 FETCH (BODY[] {18446744073709551615}" CRLF), "!proto.limit"},
    {BYTES("* 1 FETCH (BODY[] {18446744073709551616}" CRLF), "!proto.limit"},
    {BYTES("* X {99999999999999999999999999999999999999}" CRLF),
	"!proto.limit"},
    /* a body may be that long, a string that is kept may not */
    {BYTES("* X {101}" CRLF), "!proto.limit"},
};

ParameterizedTestParameters(imap_reader, refuses_what_cannot_be)
{
	return cr_make_param_array(struct row, bad_rows, ARRAY_LEN(bad_rows));
}

ParameterizedTest(struct row *row, imap_reader, refuses_what_cannot_be)
{
	struct imap_reader r;
	struct buf out;

	for (size_t at = 0; at <= row->len; at++)
		expect(&small_limits, row->input, row->len, at, INPUT_BYTES,
		    row->trace);
	expect(&small_limits, row->input, row->len, 1, 1, row->trace);

	// after a reset the reader is as new
	imap_reader_init(&r, &small_limits);
	buf_init(&out, 1000);
	cr_assert_not(feed(&r, row->input, row->len, &out));
	imap_reader_reset(&r);
	buf_reset(&out);
	cr_assert(
	    feed(&r, BYTES("* 1 FETCH (BODY[] {2}" CRLF "ab)" CRLF), &out));
	cr_assert_str_eq(out.data, "{2:ab}[* 1 FETCH (BODY[] <S2>)]");
	buf_release(&out);
	imap_reader_release(&r);
}

Test(imap_reader, forgets_half_a_response_at_reset)
{
	static const char *const halves[] = {"* 1 EX", "* X {5}\r\nab",
	    "* 1 FETCH (BODY[] {5}\r\nab", "* 1 FETCH (BODY[] {2}\r\nab UI",
	    "* X {0}\r\n", "* 1 EXISTS\r"};

	for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
		struct imap_reader r;
		struct buf out;

		imap_reader_init(&r, &small_limits);
		buf_init(&out, 1000);
		cr_assert(feed(&r, halves[i], strlen(halves[i]), &out));
		imap_reader_reset(&r);
		buf_reset(&out);
		cr_assert(feed(&r, BYTES("* 2 EXISTS" CRLF), &out));
		cr_assert_str_eq(out.data, "[* 2 EXISTS]");
		buf_release(&out);
		imap_reader_release(&r);
	}
}

Test(imap_reader, ends_a_line_that_does_not_end)
{
	struct imap_reader_limits limits = small_limits;
	char line[300];

	memset(line, 'a', sizeof(line));
	limits.response_max = 64;
	for (size_t step = 1; step <= sizeof(line); step++)
		expect(&limits, line, sizeof(line), step, step, "!proto.limit");
	expect(&limits, line, 64, 64, 64, "");
	line[64] = '\n';
	line[65] = '\0';
	expect(&limits, line, 65, 7, 7,
	    "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]");
}

/* F084 */
Test(imap_reader, ends_a_response_of_endless_literals)
{
	struct imap_reader r;
	struct buf out;
	unsigned count = 0;

	imap_reader_init(&r, &small_limits);
	buf_init(&out, 1000);
	cr_assert(feed(&r, BYTES("* X "), &out));
	while (feed(&r, BYTES("{1}" CRLF "a"), &out))
		cr_assert_lt(++count, small_limits.response_max);
	cr_assert_str_eq(out.data, "!proto.limit");
	buf_release(&out);
	imap_reader_release(&r);
}

/* Its rest is dropped, and what follows is read as if nothing had happened. */
Test(imap_reader, keeps_the_start_of_a_long_literal_and_stays_in_step)
{
	static const char start[] = "* X {40}" CRLF;
	static const char rest[] = " y {3}" CRLF "abc" CRLF "* 2 EXISTS" CRLF;
	char input[100];
	size_t len = sizeof(start) - 1;

	memcpy(input, start, len);
	for (size_t i = 0; i < 40; i++)
		input[len++] = (char)('0' + i % 10);
	memcpy(input + len, rest, sizeof(rest) - 1);
	len += sizeof(rest) - 1;
	for (size_t at = 0; at <= len; at++)
		expect(&small_limits, input, len, at, len,
		    "[* X <L16>0123456789012345 y <L3>abc][* 2 EXISTS]");
	expect(&small_limits, input, len, 1, 1,
	    "[* X <L16>0123456789012345 y <L3>abc][* 2 EXISTS]");
}

Test(imap_reader, keeps_all_of_a_literal_that_just_fits)
{
	expect(&small_limits, BYTES("* X {16}" CRLF "0123456789abcdef" CRLF), 5,
	    5, "[* X <L16>0123456789abcdef]");
	expect(&small_limits, BYTES("* X {17}" CRLF "0123456789abcdefg" CRLF),
	    5, 5, "[* X <L16>0123456789abcdef]");
}

/* Neither limits of a kept literal nor of a response apply to a body. */
Test(imap_reader, hands_out_a_body_without_collecting_it)
{
	struct imap_reader r;
	struct error err;
	char chunk[100];
	uint64_t seen = 0;
	const char *at = "* 1 FETCH (BODY[] {1000}\r\n";
	size_t len = strlen(at);

	memset(chunk, 'b', sizeof(chunk));
	imap_reader_init(&r, &small_limits);
	cr_assert_eq(
	    imap_reader_next(&r, &at, &len, &err), IMAP_READER_BODY_BEGIN);
	cr_assert_eq(r.body_bytes, 1000);
	cr_assert_eq(imap_reader_next(&r, &at, &len, &err), IMAP_READER_MORE);
	for (int i = 0; i < 10; i++) {
		at = chunk;
		len = sizeof(chunk);
		cr_assert_eq(imap_reader_next(&r, &at, &len, &err),
		    IMAP_READER_BODY_DATA);
		cr_assert_eq(r.data, chunk, "no copy is made");
		seen += r.data_len;
		cr_assert_lt(r.response.len, 64);
	}
	cr_assert_eq(seen, 1000);
	cr_assert_eq(
	    imap_reader_next(&r, &at, &len, &err), IMAP_READER_BODY_END);
	at = ")\r\n";
	len = 3;
	cr_assert_eq(
	    imap_reader_next(&r, &at, &len, &err), IMAP_READER_RESPONSE);
	imap_reader_release(&r);
}

/* A terabyte may be announced: it is a number, nothing is allocated for it. */
Test(imap_reader, allocates_nothing_for_an_announcement)
{
	expect(&imap_reader_default_limits,
	    BYTES("* 1 FETCH (BODY[] {1099511627776}" CRLF "ab"), 100, 100,
	    "{1099511627776:ab");
	expect(&imap_reader_default_limits,
	    BYTES("* 1 FETCH (BODY[] {1099511627777}" CRLF "ab"), 100, 100,
	    "!proto.limit");
	expect(&imap_reader_default_limits, BYTES("* X {67108864}" CRLF "ab"),
	    100, 100, "");
	expect(&imap_reader_default_limits, BYTES("* X {67108865}" CRLF "ab"),
	    100, 100, "!proto.limit");
}

Test(imap_reader, asks_for_more_without_input)
{
	struct imap_reader r;
	struct error err;
	const char *at = "";
	size_t len = 0;

	imap_reader_init(&r, &small_limits);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(
		    imap_reader_next(&r, &at, &len, &err), IMAP_READER_MORE);
	imap_reader_release(&r);
}
