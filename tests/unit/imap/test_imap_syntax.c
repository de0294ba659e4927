// SPDX-License-Identifier: MIT
#include "engine/imap/imap_syntax.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_reader.h"

enum {
	INPUT_BYTES = 300,
	TEXT_BYTES = 200
};

struct row {
	char input[INPUT_BYTES];
	size_t len;
	char told[TEXT_BYTES];
};

#define BYTES(s) s, sizeof(s) - 1
#define CRLF "\r\n"

/* A response as the reader gives it, in memory without room behind it. */
static char *collect(const char *bytes, size_t len, size_t *len_out)
{
	enum imap_reader_event event = IMAP_READER_MORE;
	struct imap_reader r;
	struct error err;

	imap_reader_init(&r, &imap_reader_default_limits);
	do
		event = imap_reader_next(&r, &bytes, &len, &err);
	while (event != IMAP_READER_RESPONSE && event != IMAP_READER_MORE &&
	       event != IMAP_READER_ERROR);
	cr_assert_eq(event, IMAP_READER_RESPONSE);
	cr_assert_eq(len, 0);
	*len_out = r.response.len;
	char *copy =
	    memcpy(mem_alloc(*len_out), r.response.data, r.response.len);
	imap_reader_release(&r);
	return copy;
}

static void show(struct buf *out, const char *name, struct imap_str s)
{
	int rc = s.s ? buf_printf(out, " %s=<%.*s>", name, (int)s.len, s.s)
		     : buf_printf(out, " %s=NIL", name);

	cr_assert_eq(rc, 0);
}

static struct imap_cursor cursor(char *s)
{
	return (struct imap_cursor){s, s + strlen(s)};
}

/* ------------------------------------------------------------- cursors */

Test(imap_syntax, compares_words_without_case)
{
	char word[] = "FeTcH";

	cr_assert(imap_str_is((struct imap_str){word, 5}, "FETCH"));
	cr_assert_not(imap_str_is((struct imap_str){word, 4}, "FETCH"));
	cr_assert_not(imap_str_is((struct imap_str){word, 5}, "FETC"));
	cr_assert_not(imap_str_is((struct imap_str){NULL, 0}, ""));
}

Test(imap_syntax, advances_only_on_success)
{
	char text[] = "(a  12x";
	struct imap_cursor c = cursor(text);
	struct imap_str s;
	uint64_t n = 0;

	cr_assert_not(imap_char(&c, ')'));
	cr_assert_not(imap_space(&c));
	cr_assert_not(imap_atom(&c, &s));
	cr_assert_not(imap_number(&c, &n));
	cr_assert_not(imap_string(&c, &s));
	cr_assert_not(imap_nstring(&c, &s));
	cr_assert_not(imap_astring(&c, &s));
	cr_assert_not(imap_skip(&c)); // never closed
	cr_assert_not(imap_list_text(&c, &s));
	cr_assert_eq(c.p, text);
	cr_assert(imap_char(&c, '('));
	cr_assert(imap_atom(&c, &s));
	cr_assert(imap_str_is(s, "a"));
	cr_assert(imap_space(&c));
	cr_assert_not(imap_space(&c), "it takes all of them at once");
	cr_assert(imap_number(&c, &n));
	cr_assert_eq(n, 12);
	cr_assert_not(imap_at_end(&c));
	cr_assert(imap_char(&c, 'x'));
	cr_assert(imap_at_end(&c));
	cr_assert_not(imap_char(&c, '\0'), "nothing is read behind the end");
	cr_assert_not(imap_skip(&c));
}

Test(imap_syntax, reads_numbers_up_to_64_bits)
{
	char most[] = "18446744073709551615", more[] = "18446744073709551616";
	char sign[] = "-1", none[] = "", zeros[] = "0000000007";
	struct imap_cursor c = cursor(most);
	uint64_t n = 0;

	cr_assert(imap_number(&c, &n));
	cr_assert_eq(n, UINT64_MAX);
	c = cursor(more);
	cr_assert_not(imap_number(&c, &n));
	cr_assert_eq(c.p, more);
	c = cursor(sign);
	cr_assert_not(imap_number(&c, &n));
	c = cursor(none);
	cr_assert_not(imap_number(&c, &n));
	c = cursor(zeros);
	cr_assert(imap_number(&c, &n));
	cr_assert_eq(n, 7);
}

struct string_row {
	char input[TEXT_BYTES];
	char nstring[TEXT_BYTES]; /* "NIL", "no" or its bytes in <> */
	char rest[TEXT_BYTES];    /* where the cursor stands then */
};

ParameterizedTestParameters(imap_syntax, reads_strings)
{
	static struct string_row string_rows[] = {
	    {"\"\" x", "<>", " x"},
	    {"\"a b\")", "<a b>", ")"},
	    {"\"a\\\"b\\\\c\"", "<a\"b\\c>", ""},
	    /* a backslash before anything else is taken away too */
	    {"\"\\a\"", "<a>", ""},
	    {"\"\\\\\"", "<\\>", ""},
	    {"\"(NIL){5}\"", "<(NIL){5}>", ""},
	    {"\"NIL\"", "<NIL>", ""},
	    {"NIL)", "NIL", ")"},
	    {"nil", "NIL", ""},
	    /* words that only begin so */
	    {"NILS", "no", "NILS"},
	    {"NI", "no", "NI"},
	    {"abc", "no", "abc"},
	    {"{5}", "no", "{5}"},
	    {"", "no", ""},
	    /* no closing quote, also behind a backslash */
	    {"\"abc", "no", "\"abc"},
	    {"\"", "no", "\""},
	    {"\"\\\"", "no", "\"\\\""},
	    {"\"\\", "no", "\"\\"},
	};

	return cr_make_param_array(
	    struct string_row, string_rows, ARRAY_LEN(string_rows));
}

ParameterizedTest(struct string_row *row, imap_syntax, reads_strings)
{
	size_t len = strlen(row->input);
	char *copy = memcpy(mem_alloc(len), row->input, len);
	struct imap_cursor c = {copy, copy + len};
	struct imap_str s = {NULL, 0};
	char told[TEXT_BYTES + 2] = "no";

	if (imap_nstring(&c, &s))
		(void)snprintf(told, sizeof(told), s.s ? "<%.*s>" : "NIL",
		    (int)s.len, s.s);
	cr_assert_str_eq(told, row->nstring);
	cr_assert_eq((size_t)(c.end - c.p), strlen(row->rest));
	free(copy);
}

Test(imap_syntax, takes_an_atom_or_a_string_as_a_name)
{
	char text[] = "INBOX \"a b\" &AOQ-/x#~.[y] NIL";
	struct imap_cursor c = cursor(text);
	struct imap_str s;

	cr_assert(imap_astring(&c, &s) && imap_str_is(s, "INBOX"));
	cr_assert(imap_space(&c) && imap_astring(&c, &s));
	cr_assert(imap_str_is(s, "a b"));
	cr_assert(imap_space(&c) && imap_astring(&c, &s));
	cr_assert(imap_str_is(s, "&AOQ-/x#~.[y]"));
	cr_assert(imap_space(&c) && imap_astring(&c, &s) && s.s);
	cr_assert(imap_at_end(&c));
}

Test(imap_syntax, gives_a_list_as_it_stands)
{
	char text[] = "(\\Seen (a \"b)\") ()) x", empty[] = "()", atom[] = "a";
	struct imap_cursor c = cursor(text);
	struct imap_str s;

	cr_assert(imap_list_text(&c, &s));
	cr_assert(imap_str_is(s, "\\Seen (a \"b)\") ()"));
	cr_assert_str_eq(c.p, " x");
	c = cursor(empty);
	cr_assert(imap_list_text(&c, &s));
	cr_assert(s.s && s.len == 0);
	cr_assert(imap_at_end(&c));
	c = cursor(atom);
	cr_assert_not(imap_list_text(&c, &s));
}

/* A marker that is cut short, or tells of more than there is, is no string. */
Test(imap_syntax, reads_no_literal_that_is_not_there)
{
	size_t len = 0;
	char *bytes = collect(BYTES("* X {3}" CRLF "abc" CRLF), &len);
	struct imap_str s;

	for (size_t cut = 4; cut < len; cut++) {
		char *copy = memcpy(mem_alloc(cut), bytes, cut);
		struct imap_cursor c = {copy + 4, copy + cut};
		cr_assert_not(imap_string(&c, &s));
		cr_assert_not(imap_skip(&c));
		cr_assert_eq(c.p, copy + 4);
		free(copy);
	}
	struct imap_cursor c = {bytes + 4, bytes + len};
	cr_assert(imap_string(&c, &s) && imap_str_is(s, "abc"));
	free(bytes);
}

/* Iterative: a million parentheses cost no stack. */
Test(imap_syntax, skips_lists_up_to_a_depth)
{
	enum {
		MILLION = 1000000
	};

	char text[2 * IMAP_SYNTAX_DEPTH_MAX + 4];
	const size_t n = IMAP_SYNTAX_DEPTH_MAX;
	struct imap_cursor c = {text, text + 2 * n};

	memset(text, '(', n);
	memset(text + n, ')', n);
	cr_assert(imap_skip(&c));
	cr_assert(imap_at_end(&c));
	memset(text, '(', n + 1);
	memset(text + n + 1, ')', n + 1);
	c = (struct imap_cursor){text, text + 2 * n + 2};
	cr_assert_not(imap_skip(&c));
	cr_assert_eq(c.p, text);

	char *deep = mem_alloc(MILLION);
	memset(deep, '(', MILLION);
	c = (struct imap_cursor){deep, deep + MILLION};
	cr_assert_not(imap_skip(&c));
	// wide is no matter
	for (size_t i = 1; i + 1 < MILLION; i += 2)
		memcpy(deep + i, "()", 2);
	deep[MILLION - 1] = ')';
	cr_assert(imap_skip(&c));
	cr_assert(imap_at_end(&c));
	free(deep);
}

/* ----------------------------------------------------------- responses */

static void show_parsed(struct buf *out, const struct imap_response *r)
{
	static const char *const kinds[] = {
	    "CONTINUE", "TAGGED", "STATUS", "DATA", "NUMBER"};
	static const char *const conditions[] = {
	    "OK", "NO", "BAD", "BYE", "PREAUTH"};
	bool has_condition =
	    r->kind == IMAP_RESPONSE_TAGGED || r->kind == IMAP_RESPONSE_STATUS;

	cr_assert_eq(buf_puts(out, kinds[r->kind]), 0);
	if (has_condition)
		cr_assert_eq(
		    buf_printf(out, " %s", conditions[r->condition]), 0);
	if (r->kind == IMAP_RESPONSE_NUMBER)
		cr_assert_eq(
		    buf_printf(out, " %llu", (unsigned long long)r->number), 0);
	if (r->tag.s)
		show(out, "tag", r->tag);
	if (r->code.s)
		show(out, "code", r->code);
	if (r->code.s && r->code_args.len)
		show(out, "args", r->code_args);
	if (has_condition || r->kind == IMAP_RESPONSE_CONTINUE)
		show(out, "text", r->text);
	if (has_condition || r->kind == IMAP_RESPONSE_CONTINUE)
		return;
	show(out, "word", r->word);
	show(out, "rest",
	    (struct imap_str){r->rest.p, (size_t)(r->rest.end - r->rest.p)});
}

ParameterizedTestParameters(imap_syntax, reads_responses)
{
	static struct row rows[] = {
	    {BYTES("* OK [CAPABILITY IMAP4rev1 ID] ready"),
		"STATUS OK code=<CAPABILITY> args=<IMAP4rev1 ID> text=<ready>"},
	    {BYTES("* OK IMAP4rev1"), "STATUS OK text=<IMAP4rev1>"},
	    {BYTES("* PREAUTH hi"), "STATUS PREAUTH text=<hi>"},
	    {BYTES("* BYE [UNAVAILABLE] later"),
		"STATUS BYE code=<UNAVAILABLE> text=<later>"},
	    {BYTES("a1 OK [APPENDUID 38505 3955:3957] done"),
		"TAGGED OK tag=<a1> code=<APPENDUID> args=<38505 3955:3957> "
		"text=<done>"},
	    {BYTES("a1 NO [OVERQUOTA] full"),
		"TAGGED NO tag=<a1> code=<OVERQUOTA> text=<full>"},
	    /* lower case, tabs, several blanks */
	    {BYTES("* ok [uidvalidity 5] x"),
		"STATUS OK code=<uidvalidity> args=<5> text=<x>"},
	    {BYTES("a1\tbad   [x]  y "),
		"TAGGED BAD tag=<a1> code=<x> text=<y >"},
	    {BYTES("*  3  exists"), "NUMBER 3 word=<exists> rest=<>"},
	    /* no text, no code, no blank */
	    {BYTES("a1 OK"), "TAGGED OK tag=<a1> text=<>"},
	    {BYTES("* OK"), "STATUS OK text=<>"},
	    {BYTES("* OK [ALERT]"), "STATUS OK code=<ALERT> text=<>"},
	    {BYTES("* NO []"), "STATUS NO code=<> text=<>"},
	    {BYTES("* OK [ALERT]text"), "STATUS OK code=<ALERT> text=<text>"},
	    {BYTES("+"), "CONTINUE text=<>"},
	    {BYTES("+ "), "CONTINUE text=<>"},
	    {BYTES("+ UklGRg=="), "CONTINUE text=<UklGRg==>"},
	    {BYTES("+go"), "CONTINUE text=<go>"},
	    /* a code that is never closed is text */
	    {BYTES("* NO [TRYCREATE no such"),
		"STATUS NO text=<[TRYCREATE no such>"},
	    /* one inside of the text is text */
	    {BYTES("a1 NO cannot [TRYCREATE] do"),
		"TAGGED NO tag=<a1> text=<cannot [TRYCREATE] do>"},
	    {BYTES("* OK [PERMANENTFLAGS (\\Seen $x \\*)] limited"),
		"STATUS OK code=<PERMANENTFLAGS> args=<(\\Seen $x \\*)> "
		"text=<limited>"},
	    {BYTES("* OK [BADCHARSET (\"x\" y)] z"),
		"STATUS OK code=<BADCHARSET> args=<(\"x\" y)> text=<z>"},
	    /* data */
	    {BYTES("* FLAGS (\\Seen)"), "DATA word=<FLAGS> rest=<(\\Seen)>"},
	    {BYTES("* SEARCH"), "DATA word=<SEARCH> rest=<>"},
	    {BYTES("* SEARCH 1 2 3"), "DATA word=<SEARCH> rest=<1 2 3>"},
	    {BYTES("* 12 FETCH (UID 4)"),
		"NUMBER 12 word=<FETCH> rest=<(UID 4)>"},
	    {BYTES("* 0 EXISTS"), "NUMBER 0 word=<EXISTS> rest=<>"},
	    {BYTES("* 4294967296 EXISTS"),
		"NUMBER 4294967296 word=<EXISTS> rest=<>"},
	    /* a condition behind a number is a word as any other */
	    {BYTES("* 3 OK x"), "NUMBER 3 word=<OK> rest=<x>"},
	    /* too large for a number, or glued: not ours to guess */
	    {BYTES("* 18446744073709551616 EXISTS"),
		"DATA word=<18446744073709551616> rest=<EXISTS>"},
	    {BYTES("* 5EXISTS"), "DATA word=<5EXISTS> rest=<>"},
	    {BYTES("* -1 EXISTS"), "DATA word=<-1> rest=<EXISTS>"},
	    {BYTES("* 5"), "DATA word=<5> rest=<>"},
	    {BYTES("* OKAY x"), "DATA word=<OKAY> rest=<x>"},
	    {BYTES("*OK x"), "STATUS OK text=<x>"},
	    /* no response at all */
	    {BYTES(""), "no"},
	    {BYTES(" "), "no"},
	    {BYTES("*"), "no"},
	    {BYTES("* "), "no"},
	    {BYTES("* (x)"), "no"},
	    {BYTES("* 5 "), "no"},
	    {BYTES("a1"), "no"},
	    {BYTES("a1 "), "no"},
	    {BYTES("a1 MAYBE x"), "no"},
	    {BYTES("a1 BYE x"), "no"},
	    {BYTES("a1 PREAUTH x"), "no"},
	    {BYTES("a1 OKAY x"), "no"},
	    {BYTES("OK done"), "no"},
	    {BYTES(" a1 OK x"), "no"},
	    {BYTES("\"a1\" OK x"), "no"},
	    {BYTES("HTTP/1.1 400 Bad Request"), "no"},
	    {BYTES("220 smtp.example.org ESMTP"), "no"},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_syntax, reads_responses)
{
	char *copy = memcpy(mem_alloc(row->len), row->input, row->len);
	struct imap_response r;
	struct buf out;

	buf_init(&out, 1000);
	if (imap_response_parse(copy, row->len, &r))
		show_parsed(&out, &r);
	else
		cr_assert_eq(buf_puts(&out, "no"), 0);
	cr_assert_str_eq(out.data, row->told, "%s", row->input);
	buf_release(&out);
	free(copy);
}

/* --------------------------------------------------------------- FETCH */

static void show_fetch(struct buf *out, const struct imap_fetch *f)
{
	cr_assert_eq(buf_puts(out, "fetch"), 0);
	if (f->has_uid)
		cr_assert_eq(buf_printf(out, " uid=%u", f->uid), 0);
	if (f->has_size)
		cr_assert_eq(
		    buf_printf(out, " size=%llu", (unsigned long long)f->size),
		    0);
	if (f->has_flags)
		show(out, "flags", f->flags);
	if (f->has_date)
		show(out, "date", f->date);
	if (f->has_header)
		show(out, "header", f->header);
	if (f->body_streamed)
		cr_assert_eq(buf_puts(out, " streamed"), 0);
	else if (f->has_body)
		show(out, "body", f->body);
	cr_assert(f->has_body || !f->body_streamed);
}

static struct row fetch_rows[] = {
    {BYTES("(UID 7 FLAGS (\\Seen $Forwarded) INTERNALDATE "
	   "\"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286)"),
	"fetch uid=7 size=4286 flags=<\\Seen $Forwarded> "
	"date=<17-Jul-1996 02:44:25 -0700>"},
    /* any order, any case, more blanks */
    {BYTES("(rfc822.size 1 internaldate \" 1-Jan-2000 00:00:00 +0000\" flags "
	   "() uid 4294967295)"),
	"fetch uid=4294967295 size=1 flags=<> "
	"date=< 1-Jan-2000 00:00:00 +0000>"},
    {BYTES("(  UID\t7   FLAGS \t( \\Seen  )  )"),
	"fetch uid=7 flags=< \\Seen  >"},
    {BYTES("()"), "fetch"},
    /* no UID: a flag update that nobody asked for */
    {BYTES("(FLAGS (\\Deleted))"), "fetch flags=<\\Deleted>"},
    {BYTES("(FLAGS (\\X-odd a%b \xc3\xa4 \\* {5}))"),
	"fetch flags=<\\X-odd a%b \xc3\xa4 \\* {5}>"},
    {BYTES("(FLAGS NIL UID 1)"), "fetch uid=1"},
    /* bodies */
    {BYTES("(UID 1 BODY[] {3}" CRLF "abc)"), "fetch uid=1 streamed"},
    {BYTES("(BODY[] {3}" CRLF "abc UID 1 FLAGS (\\Seen))"),
	"fetch uid=1 flags=<\\Seen> streamed"},
    {BYTES("(UID 1 BODY[] {0}" CRLF ")"), "fetch uid=1 streamed"},
    {BYTES("(UID 1 BODY[] NIL)"), "fetch uid=1 body=NIL"},
    {BYTES("(UID 1 BODY[] \"\")"), "fetch uid=1 body=<>"},
    {BYTES("(BODY[] \"a\\\"b\" UID 1)"), "fetch uid=1 body=<a\"b>"},
    {BYTES("(body[] nil uid 1)"), "fetch uid=1 body=NIL"},
    /* headers; a section may hold blanks and parentheses */
    {BYTES("(UID 1 BODY[HEADER.FIELDS (MESSAGE-ID DATE)] {6}" CRLF "A: b\r\n)"),
	"fetch uid=1 header=<A: b\r\n>"},
    {BYTES("(BODY[HEADER.FIELDS (\"MESSAGE-ID\" \"DATE\")] {0}" CRLF " UID 1)"),
	"fetch uid=1 header=<>"},
    {BYTES("(BODY[header.fields (DATE)] \"Date: x\" UID 1)"),
	"fetch uid=1 header=<Date: x>"},
    {BYTES("(BODY[HEADER.FIELDS (DATE)] NIL UID 1)"), "fetch uid=1 header=NIL"},
    {BYTES("(BODY[]<0> {2}" CRLF "ab UID 1)"), "fetch uid=1 header=<ab>"},
    {BYTES("(BODY[]<0> NIL UID 1)"), "fetch uid=1 header=NIL"},
    {BYTES("(BODY[HEADER.FIELDS (DATE)] {2}" CRLF "ab BODY[] {2}" CRLF
	   "cd UID 1)"),
	"fetch uid=1 header=<ab> streamed"},
    /* what nobody asked for is skipped, whatever it is */
    {BYTES("(MODSEQ (12121231000) UID 1)"), "fetch uid=1"},
    {BYTES("(X-GM-LABELS (\"\\\\Inbox\" {3}" CRLF "a)b) UID 1)"),
	"fetch uid=1"},
    {BYTES(
	 "(ENVELOPE (\"d\" NIL ((\"a\" NIL \"b)\" {1}" CRLF "))) NIL) UID 1)"),
	"fetch uid=1"},
    {BYTES("(BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"X\") NIL NIL \"7BIT\" 9 "
	   "1) UID 1)"),
	"fetch uid=1"},
    {BYTES("(BODY[TEXT] {2}" CRLF "ab UID 1)"), "fetch uid=1"},
    {BYTES("(BODY[1.2.MIME]<5> \"x\" UID 1)"), "fetch uid=1"},
    {BYTES("(RFC822 {2}" CRLF "ab PREVIEW NIL UID 1)"), "fetch uid=1"},
    /* known values that are not there */
    {BYTES("(RFC822.SIZE NIL UID 1)"), "fetch uid=1"},
    {BYTES("(INTERNALDATE NIL UID 1)"), "fetch uid=1"},
    /* told twice: the last one counts */
    {BYTES("(UID 1 UID 2)"), "fetch uid=2"},
    {BYTES("(RFC822.SIZE 18446744073709551615)"),
	"fetch size=18446744073709551615"},
    /* malformed */
    {BYTES(""), "no"},
    {BYTES("UID 1"), "no"},
    {BYTES("("), "no"},
    {BYTES("(UID"), "no"},
    {BYTES("(UID 1"), "no"},
    {BYTES("(UID)"), "no"},
    {BYTES("(UID NIL)"), "no"},
    {BYTES("(UID 0)"), "no"},
    {BYTES("(UID -1)"), "no"},
    {BYTES("(UID 4294967296)"), "no"},
    {BYTES("(UID \"1\")"), "no"},
    {BYTES("(UID 1 FLAGS (\\Seen"), "no"},
    {BYTES("(UID 1 FLAGS)"), "no"},
    {BYTES("(UID 1 INTERNALDATE 5)"), "fetch uid=1"},
    {BYTES("(UID 1 INTERNALDATE \"5)"), "no"},
    {BYTES("(UID 1 BODY[] abc)"), "no"},
    {BYTES("(UID 1 BODY[] {-1})"), "no"},
    /* a literal that was not streamed may have been cut */
    {BYTES("(UID 1 X (a)BODY[] {2}" CRLF "ab)"), "no"},
    {BYTES("(UID 1 BODY[] (a))"), "no"},
    {BYTES("(UID 1 BODY[]{3})"), "no"},
    {BYTES("(UID 1 BODY[HEADER.FIELDS (DATE) \"x\")"), "no"},
    {BYTES("(UID 1 BODY[]<0 \"x\")"), "no"},
    {BYTES("(UID 1 X (()"), "no"},
    {BYTES("(UID 1 [] )"), "no"},
};

ParameterizedTestParameters(imap_syntax, reads_fetch)
{
	return cr_make_param_array(
	    struct row, fetch_rows, ARRAY_LEN(fetch_rows));
}

ParameterizedTest(struct row *row, imap_syntax, reads_fetch)
{
	char line[INPUT_BYTES + 20];
	struct imap_response r;
	struct imap_fetch f;
	struct buf out;
	size_t len = 0;

	(void)snprintf(line, sizeof(line), "* 3 FETCH %s\r\n", row->input);
	char *copy = collect(line, strlen(line), &len);
	buf_init(&out, 1000);
	cr_assert(imap_response_parse(copy, len, &r));
	cr_assert_eq(r.kind, IMAP_RESPONSE_NUMBER);
	cr_assert_eq(r.number, 3);
	if (imap_fetch_parse(r.rest, &f))
		show_fetch(&out, &f);
	else
		cr_assert_eq(buf_puts(&out, "no"), 0);
	cr_assert_str_eq(out.data, row->told, "%s", row->input);
	buf_release(&out);
	free(copy);
}

/* Cut anywhere it is malformed, never half believed. */
Test(imap_syntax, refuses_every_strict_prefix_of_a_fetch)
{
	size_t len = 0;
	char *whole =
	    collect(BYTES("* 1 FETCH (UID 7 FLAGS (\\Seen) X (a \"b\") "
			  "BODY[HEADER.FIELDS (DATE)] {3}" CRLF
			  "abc INTERNALDATE \"1\" BODY[] {2}" CRLF "xy)" CRLF),
		&len);
	const size_t start = strlen("* 1 FETCH ");
	struct imap_fetch f;

	for (size_t cut = start; cut <= len; cut++) {
		char *copy = memcpy(mem_alloc(cut), whole, cut);
		struct imap_cursor c = {copy + start, copy + cut};
		cr_assert_eq(imap_fetch_parse(c, &f), cut == len, "%zu", cut);
		free(copy);
	}
	free(whole);
}

Test(imap_syntax, refuses_a_fetch_nested_too_deep)
{
	enum {
		DEEP = 100000
	};

	static const char start[] = "(UID 1 BODYSTRUCTURE ";
	size_t n = sizeof(start) - 1;
	char *text = mem_alloc(n + DEEP + 1);
	struct imap_cursor c = {text, text + n + DEEP + 1};
	struct imap_fetch f;

	memcpy(text, start, n);
	memset(text + n, '(', DEEP + 1);
	cr_assert_not(imap_fetch_parse(c, &f));
	// also when it would be closed properly
	memset(text + n + DEEP / 2, ')', DEEP / 2 + 1);
	cr_assert_not(imap_fetch_parse(c, &f));
	// as it is when it is not that deep
	memset(text + n, '(', IMAP_SYNTAX_DEPTH_MAX);
	memset(
	    text + n + IMAP_SYNTAX_DEPTH_MAX, ')', IMAP_SYNTAX_DEPTH_MAX + 1);
	c.end = text + n + 2 * IMAP_SYNTAX_DEPTH_MAX + 1;
	cr_assert(imap_fetch_parse(c, &f));
	free(text);
}
