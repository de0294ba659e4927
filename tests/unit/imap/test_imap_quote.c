// SPDX-License-Identifier: MIT
#include "engine/imap/imap_quote.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"

enum {
	TEXT_BYTES = 40
};

struct row {
	char text[TEXT_BYTES];
	size_t len;
	enum imap_quote_form form;
	char quoted[TEXT_BYTES];
	bool atom;
};

#define BYTES(s) s, sizeof(s) - 1

ParameterizedTestParameters(imap_quote, classifies)
{
	static struct row rows[] = {
	    {BYTES(""), IMAP_QUOTE_QUOTED, "\"\"", false},
	    {BYTES("INBOX"), IMAP_QUOTE_QUOTED, "\"INBOX\"", true},
	    {BYTES("NIL"), IMAP_QUOTE_QUOTED, "\"NIL\"", true},
	    {BYTES("$Forwarded"), IMAP_QUOTE_QUOTED, "\"$Forwarded\"", true},
	    {BYTES("a.b-c_d/e+f=g"), IMAP_QUOTE_QUOTED, "\"a.b-c_d/e+f=g\"",
		true},
	    /* these two and the tilde may stand in an atom */
	    {BYTES("[}~&#!'"), IMAP_QUOTE_QUOTED, "\"[}~&#!'\"", true},
	    /* each of the specials */
	    {BYTES("a(b"), IMAP_QUOTE_QUOTED, "\"a(b\"", false},
	    {BYTES("a)b"), IMAP_QUOTE_QUOTED, "\"a)b\"", false},
	    {BYTES("a{b"), IMAP_QUOTE_QUOTED, "\"a{b\"", false},
	    {BYTES("a b"), IMAP_QUOTE_QUOTED, "\"a b\"", false},
	    {BYTES("a%b"), IMAP_QUOTE_QUOTED, "\"a%b\"", false},
	    {BYTES("a*b"), IMAP_QUOTE_QUOTED, "\"a*b\"", false},
	    {BYTES("a]b"), IMAP_QUOTE_QUOTED, "\"a]b\"", false},
	    {BYTES("a\"b"), IMAP_QUOTE_QUOTED, "\"a\\\"b\"", false},
	    {BYTES("a\\b"), IMAP_QUOTE_QUOTED, "\"a\\\\b\"", false},
	    {BYTES("\\Seen"), IMAP_QUOTE_QUOTED, "\"\\\\Seen\"", false},
	    {BYTES("\\*"), IMAP_QUOTE_QUOTED, "\"\\\\*\"", false},
	    /* an escape at the end must not swallow the closing quote */
	    {BYTES("a\\"), IMAP_QUOTE_QUOTED, "\"a\\\\\"", false},
	    {BYTES("\"\\\"\\"), IMAP_QUOTE_QUOTED, "\"\\\"\\\\\\\"\\\\\"",
		false},
	    {BYTES("{5}"), IMAP_QUOTE_QUOTED, "\"{5}\"", false},
	    {BYTES(" "), IMAP_QUOTE_QUOTED, "\" \"", false},
	    /* a second command in disguise */
	    {BYTES("a\r\nx LOGOUT"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("a\r"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("a\n"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("a\tb"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("\x01"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("\x1f"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("\x7f"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("\x80"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("\xff"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("caf\xc3\xa9"), IMAP_QUOTE_LITERAL, "", false},
	    {BYTES("\0"), IMAP_QUOTE_IMPOSSIBLE, "", false},
	    {BYTES("abc\0"), IMAP_QUOTE_IMPOSSIBLE, "", false},
	    {BYTES("a\0b"), IMAP_QUOTE_IMPOSSIBLE, "", false},
	    {BYTES("\xc3\xa9\0"), IMAP_QUOTE_IMPOSSIBLE, "", false},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_quote, classifies)
{
	struct buf out;

	cr_assert_eq(
	    imap_quote_form(row->text, row->len), row->form, "%s", row->text);
	cr_assert_eq(imap_quote_is_atom(row->text, row->len), row->atom, "%s",
	    row->text);
	if (row->form != IMAP_QUOTE_QUOTED)
		return;
	buf_init(&out, 100);
	cr_assert_eq(buf_puts(&out, "x "), 0);
	cr_assert_eq(imap_quote_append(&out, row->text, row->len), 0);
	cr_assert_str_eq(out.data + 2, row->quoted);
	cr_assert_eq(out.len, strlen(row->quoted) + 2);
	buf_release(&out);
}

Test(imap_quote, sends_long_strings_as_literals)
{
	char text[1002];

	memset(text, 'a', sizeof(text));
	cr_assert_eq(imap_quote_form(text, 1000), IMAP_QUOTE_QUOTED);
	cr_assert_eq(imap_quote_form(text, 1001), IMAP_QUOTE_LITERAL);
	text[1001] = '\0';
	cr_assert_eq(imap_quote_form(text, 1002), IMAP_QUOTE_IMPOSSIBLE);
}

Test(imap_quote, leaves_a_full_buffer_as_it_was)
{
	struct buf out;

	buf_init(&out, 8);
	cr_assert_eq(buf_puts(&out, "xyz"), 0);
	cr_assert_eq(imap_quote_append(&out, "a\"bc", 4), -1);
	cr_assert_str_eq(out.data, "xyz");
	cr_assert_eq(imap_quote_append(&out, "a\"b", 3), -1);
	cr_assert_str_eq(out.data, "xyz");
	cr_assert_eq(imap_quote_append(&out, "a\"", 2), 0);
	cr_assert_str_eq(out.data, "xyz\"a\\\"\"");
	buf_release(&out);
}

Test(imap_quote, never_quotes_a_line_end, .signal = SIGABRT)
{
	struct buf out;

	buf_init(&out, 100);
	(void)!imap_quote_append(&out, "a\r\nb", 4);
}

Test(imap_quote, knows_every_byte)
{
	struct buf out;

	buf_init(&out, 100);
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool printable = i >= 0x20 && i <= 0x7e;
		enum imap_quote_form form = imap_quote_form(&c, 1);
		cr_assert_eq(form, i == 0      ? IMAP_QUOTE_IMPOSSIBLE
				   : printable ? IMAP_QUOTE_QUOTED
					       : IMAP_QUOTE_LITERAL);
		cr_assert_eq(imap_quote_is_atom(&c, 1),
		    printable && !strchr("(){ %*\"\\]", i));
		if (!printable)
			continue;
		buf_reset(&out);
		cr_assert_eq(imap_quote_append(&out, &c, 1), 0);
		cr_assert_eq(out.len, i == '"' || i == '\\' ? 4 : 3);
	}
	buf_release(&out);
}
