// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_syntax.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"

/*
 * Events are compared as text: {K:key S:string} for a dictionary, (S:a S:b) for
 * an array, "$" for the end and "!" for an error.
 */
enum {
	INPUT_BYTES = 120,
	TRACE_BYTES = 200
};

struct row {
	char input[INPUT_BYTES];
	size_t len;
	char trace[TRACE_BYTES];
};

#define BYTES(s) s, sizeof(s) - 1

static void show(struct buf *out, const char *mark, const struct cgp_syntax *r)
{
	cr_assert_eq(buf_puts(out, mark), 0);
	if (r->s)
		cr_assert_eq(buf_append(out, r->s, r->len), 0);
}

/* All events of a copy of its own size, so that a sanitizer sees a byte too
 * far; the depth must fit the brackets. */
static void read_all(const char *input, size_t len, struct buf *out)
{
	char *copy = mem_alloc(len ? len : 1);
	struct cgp_syntax r;
	enum cgp_syntax_event e = CGP_SYNTAX_STRING;
	char brackets[CGP_SYNTAX_DEPTH_MAX + 1];
	unsigned depth = 0;

	memcpy(copy, input, len);
	cgp_syntax_init(&r, copy, len);
	while (e != CGP_SYNTAX_END && e != CGP_SYNTAX_ERROR) {
		e = cgp_syntax_next(&r);
		switch (e) {
		case CGP_SYNTAX_DICTIONARY:
			brackets[depth++] = '}';
			show(out, "{", &r);
			break;
		case CGP_SYNTAX_ARRAY:
			brackets[depth++] = ')';
			show(out, "(", &r);
			break;
		case CGP_SYNTAX_KEY:
			show(out, " K:", &r);
			break;
		case CGP_SYNTAX_STRING:
			show(out, " S:", &r);
			break;
		case CGP_SYNTAX_CLOSE:
			cr_assert_gt(depth, 0);
			show(out, (char[]){brackets[--depth], '\0'}, &r);
			break;
		case CGP_SYNTAX_END:
			cr_assert_eq(depth, 0);
			show(out, "$", &r);
			break;
		case CGP_SYNTAX_ERROR:
			show(out, "!", &r);
			cr_assert_eq(cgp_syntax_next(&r), CGP_SYNTAX_ERROR);
			break;
		}
		if (e != CGP_SYNTAX_ERROR)
			cr_assert_eq(r.depth, depth);
	}
	free(copy);
}

static void expect(const struct row *row)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	read_all(row->input, row->len, &out);
	cr_assert_str_eq(
	    out.data, row->trace, "'%s': '%s'", row->input, out.data);
	buf_release(&out);
}

static struct row rows[] = {
    {BYTES("{}"), "{}$"},
    {BYTES("()"), "()$"},
    {BYTES("word"), " S:word$"},
    {BYTES("\"\""), " S:$"},
    {BYTES(" { } "), "{}$"},
    {BYTES("{a=b;}"), "{ K:a S:b}$"},
    {BYTES("{a=b;c=d;}"), "{ K:a S:b K:c S:d}$"},
    {BYTES("(a,b,c)"), "( S:a S:b S:c)$"},
    {BYTES("(a)"), "( S:a)$"},
    {BYTES(" ( a , \"b c\" ,\t( d\r\n, e ) ) "), "( S:a S:b c( S:d S:e))$"},
    {BYTES("{ \"a b\" = { x = ( 1 , 2 ) ; } ; \"c\"=\"\"; }"),
	"{ K:a b{ K:x( S:1 S:2)} K:c S:}$"},
    /* as LISTMAILBOXES has it */
    {BYTES("{INBOX={Class=\"\";Messages=#12;};\"a/b\"=({Class=IPF.Note;},x);}"),
	"{ K:INBOX{ K:Class S: K:Messages S:#12} K:a/b({ K:Class S:IPF.Note}"
	" S:x)}$"},
    /* what is left without quotes */
    {BYTES("(user@host.dom,#-12,#I[10.0.0.1]:25,#T22-10-2009_15:24:45,a-b_c)"),
	"( S:user@host.dom S:#-12 S:#I[10.0.0.1]:25 S:#T22-10-2009_15:24:45"
	" S:a-b_c)$"},
    {BYTES("{caf\xc3\xa9=\"\xff\";}"), "{ K:caf\xc3\xa9 S:\xff}$"},
    {BYTES("([AbC+/==],[])"), "( S:[AbC+/==] S:[])$"},
    /* escapes */
    {BYTES("\"a\\\"b\\\\c\""), " S:a\"b\\c$"},
    {BYTES("\"\\r\\n\\t\\e\""), " S:\r\n\t\n$"},
    {BYTES("\"\\065\\010x\\255\""), " S:A\nx\xff$"},
    {BYTES("\"\\06\""), " S:\\06$"},
    {BYTES("\"\\u'20ac'\\x\""), " S:\\u'20ac'\\x$"},
    /* parts of one string */
    {BYTES("(\"ab\" \"cd\"\r\n\"\\\"e\",f)"), "( S:abcd\"e S:f)$"},
    {BYTES("\"a\"\"b\""), " S:ab$"},
    /* brackets and separators in quotes are none */
    {BYTES("{\"{=;\"=\"(,)}\";}"), "{ K:{=; S:(,)}}$"},
};

ParameterizedTestParameters(cgp_syntax, reads_values)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, cgp_syntax, reads_values)
{
	expect(row);
}

/* Cut off anywhere it is an error, never an end: but for blanks behind it, and
 * for a bare word, which may end anywhere. */
ParameterizedTestParameters(cgp_syntax, never_takes_a_part_for_the_whole)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, cgp_syntax, never_takes_a_part_for_the_whole)
{
	size_t len = row->len;

	while (len > 0 && row->input[len - 1] == ' ')
		len--;
	if (!strchr(")}", row->input[len - 1]))
		return;
	for (size_t cut = 0; cut < len; cut++) {
		struct buf out;
		buf_init(&out, 1 << 16);
		read_all(row->input, cut, &out);
		cr_assert_eq(out.data[out.len - 1], '!', "%zu of '%s': '%s'",
		    cut, row->input, out.data);
		buf_release(&out);
	}
}

static struct row bad_rows[] = {
    {BYTES(""), "!"},
    {BYTES("  "), "!"},
    {BYTES("{a=b}"), "{ K:a S:b!"},
    {BYTES("{a=b,c=d;}"), "{ K:a S:b!"},
    {BYTES("{a b;}"), "{!"},
    {BYTES("{a;}"), "{!"},
    {BYTES("{=b;}"), "{!"},
    {BYTES("{a=;}"), "{ K:a!"},
    {BYTES("{;}"), "{!"},
    {BYTES("{a=b;;}"), "{ K:a S:b!"},
    {BYTES("{{}=b;}"), "{!"},
    {BYTES("{a=b;)"), "{ K:a S:b!"},
    {BYTES("(a;b)"), "( S:a!"},
    {BYTES("(a b)"), "( S:a!"},
    {BYTES("(,)"), "(!"},
    {BYTES("(a,)"), "( S:a!"},
    {BYTES("(a,,b)"), "( S:a!"},
    {BYTES("(a}"), "( S:a!"},
    {BYTES("}"), "!"},
    {BYTES(")"), "!"},
    {BYTES("a b"), " S:a!"},
    {BYTES("{}{}"), "{}!"},
    {BYTES("{}x"), "{}!"},
    {BYTES("\"abc"), "!"},
    {BYTES("\"abc\\"), "!"},
    {BYTES("\"abc\\\""), "!"},
    {BYTES("\"a\" \"b"), "!"},
    {BYTES("[abc"), "!"},
    {BYTES("\"\\000\""), "!"},
    {BYTES("\"\\256\""), "!"},
    {BYTES("\"\\999\""), "!"},
    {BYTES("\"a\0b\""), "!"},
    {BYTES("\"\\\0\""), "!"},
    {BYTES("[a\0]"), "!"},
    {BYTES("a\0b"), " S:a!"},
    {BYTES("<xml/>"), "!"},
    {BYTES("/a"), "!"},
};

ParameterizedTestParameters(cgp_syntax, refuses_what_is_broken)
{
	return cr_make_param_array(struct row, bad_rows, ARRAY_LEN(bad_rows));
}

ParameterizedTest(struct row *row, cgp_syntax, refuses_what_is_broken)
{
	expect(row);
}

/* F083 of another protocol: depth costs no stack, and ends. */
Test(cgp_syntax, ends_what_is_nested_too_deeply)
{
	for (size_t depth = CGP_SYNTAX_DEPTH_MAX - 1;
	     depth <= CGP_SYNTAX_DEPTH_MAX + 1; depth++) {
		struct buf in, out;

		buf_init(&in, 1 << 16);
		buf_init(&out, 1 << 16);
		for (size_t i = 0; i < depth; i++)
			cr_assert_eq(buf_puts(&in, "("), 0);
		for (size_t i = 0; i < depth; i++)
			cr_assert_eq(buf_puts(&in, ")"), 0);
		read_all(in.data, in.len, &out);
		cr_assert_eq(out.data[out.len - 1],
		    depth <= CGP_SYNTAX_DEPTH_MAX ? '$' : '!');
		buf_release(&in);
		buf_release(&out);
	}
}

Test(cgp_syntax, ends_what_has_too_many_values)
{
	size_t len = 2U * CGP_SYNTAX_EVENTS_MAX;
	char *data = mem_alloc(len);
	struct cgp_syntax r;
	size_t events = 0;

	for (size_t i = 0; i < len; i += 2)
		memcpy(data + i, i ? ",a" : "(a", 2);
	cgp_syntax_init(&r, data, len);
	while (cgp_syntax_next(&r) != CGP_SYNTAX_ERROR)
		events++;
	cr_assert_eq(events, CGP_SYNTAX_EVENTS_MAX);
	cr_assert_eq(cgp_syntax_next(&r), CGP_SYNTAX_ERROR);
	free(data);
}

Test(cgp_syntax, skips_a_value_whatever_is_in_it)
{
	char data[] = "(a,{x=(1,{y=z;});},((())),\"b\")";
	struct cgp_syntax r;

	cgp_syntax_init(&r, data, strlen(data));
	cr_assert_eq(cgp_syntax_next(&r), CGP_SYNTAX_ARRAY);
	for (int i = 0; i < 4; i++)
		cr_assert(cgp_syntax_skip(&r, cgp_syntax_next(&r)));
	cr_assert_eq(r.len, 1);
	cr_assert_eq(r.s[0], 'b');
	cr_assert_eq(cgp_syntax_next(&r), CGP_SYNTAX_CLOSE);
	cr_assert_eq(cgp_syntax_next(&r), CGP_SYNTAX_END);

	char broken[] = "((a,(b)";
	cgp_syntax_init(&r, broken, strlen(broken));
	cr_assert_not(cgp_syntax_skip(&r, cgp_syntax_next(&r)));
	cr_assert_not(cgp_syntax_skip(&r, CGP_SYNTAX_ERROR));
}

Test(cgp_syntax, quotes_what_it_reads_back)
{
	static const char *const texts[] = {"", "INBOX", "a b", "\"", "\\",
	    "a\\\"b", "\r\nQUIT\r\n", "\x01\x1f\x7f", "caf\xc3\xa9", "\\065",
	    "\00123"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct cgp_syntax r;
		struct buf b;

		buf_init(&b, 1000);
		cr_assert_eq(
		    cgp_syntax_quote(&b, texts[i], strlen(texts[i])), 0);
		// one line, whatever it is
		cr_assert_null(strpbrk(b.data, "\r\n"));
		cgp_syntax_init(&r, b.data, b.len);
		cr_assert_eq(cgp_syntax_next(&r), CGP_SYNTAX_STRING);
		cr_assert_eq(r.len, strlen(texts[i]));
		cr_assert_arr_eq(r.s, texts[i], r.len);
		cr_assert_eq(cgp_syntax_next(&r), CGP_SYNTAX_END);
		buf_release(&b);
	}
}

Test(cgp_syntax, quotes_as_documented)
{
	struct buf b;

	buf_init(&b, 100);
	cr_assert_eq(cgp_syntax_quote(&b, "a\"\\\n", 4), 0);
	cr_assert_str_eq(b.data, "\"a\\\"\\\\\\010\"");
	cr_assert_eq(cgp_syntax_quote(&b, "a\0b", 3), -1);
	buf_release(&b);
	buf_init(&b, 4);
	cr_assert_eq(cgp_syntax_quote(&b, "ab", 2), 0);
	buf_reset(&b);
	cr_assert_eq(cgp_syntax_quote(&b, "abc", 3), -1);
	buf_release(&b);
}
