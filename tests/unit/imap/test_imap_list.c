// SPDX-License-Identifier: MIT
#include "engine/imap/imap_list.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_reader.h"

enum {
	INPUT_BYTES = 260,
	TEXT_BYTES = 160
};

struct row {
	char input[INPUT_BYTES]; /* without the final line end */
	char told[TEXT_BYTES];   /* "no": malformed */
};

#define CRLF "\r\n"

/* The response in memory without room behind it, and the cursor behind its
 * word. */
static char *collect(
    const char *text, const char *word, struct imap_cursor *rest)
{
	enum imap_reader_event event = IMAP_READER_MORE;
	char *line = mem_printf("* %s %s\r\n", word, text);
	const char *at = line;
	size_t len = strlen(line);
	struct imap_reader r;
	struct imap_response parsed;
	struct error err;

	imap_reader_init(&r, &imap_reader_default_limits);
	event = imap_reader_next(&r, &at, &len, &err);
	cr_assert_eq(event, IMAP_READER_RESPONSE);
	cr_assert_eq(len, 0);
	len = r.response.len;
	char *copy = memcpy(mem_alloc(len), r.response.data, len);
	imap_reader_release(&r);
	free(line);
	cr_assert(imap_response_parse(copy, len, &parsed));
	cr_assert(imap_str_is(parsed.word, word));
	*rest = parsed.rest;
	return copy;
}

static void print_to(struct buf *out, const char *name, struct imap_str s)
{
	cr_assert(s.s);
	cr_assert_eq(buf_printf(out, "%s<%.*s>", name, (int)s.len, s.s), 0);
}

static void compare(struct buf *out, const struct row *row)
{
	cr_assert_str_eq(out->data, row->told, "%s", row->input);
	buf_release(out);
}

/* ---------------------------------------------------------------- LIST */

/* Flags: N \Noselect, E \NonExistent, S \Subscribed; "." for none. */
static struct row list_rows[] = {
    /* Dovecot */
    {"(\\HasNoChildren) \"/\" INBOX", ". / <INBOX>"},
    {"(\\HasNoChildren \\Sent) \"/\" \"Sent Items\"", ". / <Sent Items>"},
    {"(\\Noselect \\HasChildren) \"/\" a", "N / <a>"},
    {"(\\Subscribed \\HasNoChildren) \"/\" a/b", "S / <a/b>"},
    {"(\\Subscribed \\NonExistent) \"/\" gone", "NES / <gone>"},
    {"(\\HasNoChildren) \"/\" \"a\\\"b\\\\c\"", ". / <a\"b\\c>"},
    {"(\\HasNoChildren) \"/\" {7}" CRLF "a\r\nb\"c%", ". / <a\r\nb\"c%>"},
    {"(\\HasNoChildren) \"/\" \"a*b%\"", ". / <a*b%>"},
    /* Cyrus: names as atoms, a separator that is a dot */
    {"(\\HasNoChildren) \".\" INBOX.Drafts", ". . <INBOX.Drafts>"},
    {"(\\HasChildren) \".\" INBOX.&AOQA9gD8-", ". . <INBOX.&AOQA9gD8->"},
    {"(\\Noinferiors \\HasNoChildren) \".\" \"INBOX.a b\"", ". . <INBOX.a b>"},
    /* Courier: flags behind one another, everything quoted, raw 8-bit */
    {"(\\Unmarked \\HasNoChildren) \".\" \"INBOX.Trash\"", ". . <INBOX.Trash>"},
    {"(\\Noselect \\HasChildren) \".\" \"#shared\"", "N . <#shared>"},
    {"(\\HasNoChildren) \".\" \"INBOX.caf\xc3\xa9\"",
	". . <INBOX.caf\xc3\xa9>"},
    /* mailutils: INBOX without a hierarchy */
    {"(\\NoInferiors) NIL INBOX", ". 0 <INBOX>"},
    {"(\\NoSelect) \"/\" a/b", "N / <a/b>"},
    {"(\\NoInferiors) \"/\" caf\xe9", ". / <caf\xe9>"},
    /* odd, and still clear */
    {"() \"/\" \"\"", ". / <>"},
    {"() \"\" x", ". 0 <x>"},
    {"() nil x", ". 0 <x>"},
    {"()  \"/\"\tx", ". / <x>"},
    {"() \"\\\\\" x", ". \\ <x>"},
    {"() \"\\\"\" x", ". \" <x>"},
    {"() {1}" CRLF "/ x", ". / <x>"},
    {"() \"/\" \"NIL\"", ". / <NIL>"},
    {"() \"/\" {3}" CRLF "NIL", ". / <NIL>"},
    {"() \"/\" {0}" CRLF, ". / <>"},
    {"() \"/\" &invalid-", ". / <&invalid->"},
    {"() \"/\" ../../etc/passwd", ". / <../../etc/passwd>"},
    {"() \"/\" -rf", ". / <-rf>"},
    {"(\\NOSELECT \\subscribed) \"/\" x", "NS / <x>"},
    /* flags that only look like ours */
    {"(Noselect \\Noselected \\Sub) \"/\" x", ". / <x>"},
    /* extended data behind the name */
    {"(\\Subscribed) \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))", "S / <x>"},
    {"() \"/\" \"x\" (\"OLDNAME\" (\"y\"))", ". / <x>"},
    /* a delimiter of more than one byte, or none at all */
    {"() \"//\" x", ". ! <x>"},
    {"() \"\xc3\xa9\" x", ". ! <x>"},
    {"() \"\x1b\" x", ". ! <x>"},
    {"() \"/\" NIL", "no"},
    {"() / x", "no"},
    {"() x", "no"},
    {"() \"/ x", "no"},
    {"\"/\" x", "no"},
    {"() \"/\"", "no"},
    {"() \"/\" ", "no"},
    {"() \"/\"x", "no"},
    {"()\"/\" x", "no"},
    {"(\\Noselect \"/\" x", "no"},
    {"() \"/\" (x)", "no"},
    {"() \"/\" \"x", "no"},
    {"", "no"},
    {"()", "no"},
    {")))", "no"},
};

static void show_list(struct buf *out, struct imap_cursor rest)
{
	struct imap_list l;

	if (!imap_list_parse(rest, &l)) {
		cr_assert_eq(buf_puts(out, "no"), 0);
		return;
	}
	cr_assert_eq(
	    buf_printf(out, "%s%s%s%s %c ",
		l.flags & IMAP_LIST_NOSELECT ? "N" : "",
		l.flags & IMAP_LIST_NONEXISTENT ? "E" : "",
		l.flags & IMAP_LIST_SUBSCRIBED ? "S" : "", l.flags ? "" : ".",
		l.is_bad_separator ? '!'
		: l.separator      ? l.separator
				   : '0'),
	    0);
	print_to(out, "", l.name);
}

ParameterizedTestParameters(imap_list, reads_list_and_lsub)
{
	return cr_make_param_array(struct row, list_rows, ARRAY_LEN(list_rows));
}

ParameterizedTest(struct row *row, imap_list, reads_list_and_lsub)
{
	static const char *const words[] = {"LIST", "lsub"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct imap_cursor rest;
		char *copy = collect(row->input, words[i], &rest);
		struct buf out;

		buf_init(&out, 1000);
		show_list(&out, rest);
		compare(&out, row);
		free(copy);
	}
}

/* Nothing else is known of it by then, but a NUL must not shorten it. */
Test(imap_list, gives_a_name_with_all_its_bytes)
{
	static const char line[] = "* LIST () \"/\" {4}\r\na\0b\n\r\n";
	struct imap_reader r;
	struct imap_response parsed;
	struct imap_list l;
	struct error err;
	const char *at = line;
	size_t len = sizeof(line) - 1;

	imap_reader_init(&r, &imap_reader_default_limits);
	cr_assert_eq(
	    imap_reader_next(&r, &at, &len, &err), IMAP_READER_RESPONSE);
	cr_assert(
	    imap_response_parse(r.response.data, r.response.len, &parsed));
	cr_assert(imap_list_parse(parsed.rest, &l));
	cr_assert_eq(l.name.len, 4);
	cr_assert_eq(memcmp(l.name.s, "a\0b\n", 4), 0);
	imap_reader_release(&r);
}

/* -------------------------------------------------------------- STATUS */

ParameterizedTestParameters(imap_list, reads_status)
{
	static struct row rows[] = {
	    /* Dovecot */
	    {"INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 1700000000 SIZE 912)",
		"<INBOX> messages=3 uidnext=4 uidvalidity=1700000000 size=912"},
	    {"\"Sent Items\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 2)",
		"<Sent Items> messages=0 uidnext=1 uidvalidity=2"},
	    /* Cyrus gives more than was asked for */
	    {"INBOX.x (MESSAGES 1 RECENT 0 UNSEEN 1 HIGHESTMODSEQ 77 "
	     "MAILBOXID (Pabc))",
		"<INBOX.x> messages=1"},
	    /* Courier, mailutils */
	    {"\"INBOX\" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1)",
		"<INBOX> messages=2 uidnext=3 uidvalidity=1"},
	    {"{3}" CRLF "a b (MESSAGES 1)", "<a b> messages=1"},
	    {"x ()", "<x>"},
	    {"x  ( messages  1 )", "<x> messages=1"},
	    {"x (MESSAGES NIL UIDNEXT 4)", "<x> uidnext=4"},
	    {"x (FOO (1 (2 \"a)\")) MESSAGES 4294967295)",
		"<x> messages=4294967295"},
	    {"x (UNSEEN 99999999999 SIZE 18446744073709551615)",
		"<x> size=18446744073709551615"},
	    /* 0 is no UID and no UIDVALIDITY */
	    {"x (UIDNEXT 0 UIDVALIDITY 0 MESSAGES 1)", "<x> messages=1"},
	    /* numbers that cannot be */
	    {"x (MESSAGES 4294967296)", "no"},
	    {"x (UIDNEXT 4294967296)", "no"},
	    {"x (UIDVALIDITY 4294967296)", "no"},
	    /* malformed */
	    {"", "no"},
	    {"x", "no"},
	    {"x MESSAGES 1", "no"},
	    {"x(MESSAGES 1)", "no"},
	    {"(MESSAGES 1)", "no"},
	    {"x (MESSAGES 1", "no"},
	    {"x (MESSAGES)", "no"},
	    {"x (MESSAGES 1 (", "no"},
	    {"\"x (MESSAGES 1)", "no"},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_list, reads_status)
{
	struct imap_cursor rest;
	struct imap_status s;
	char *copy = collect(row->input, "STATUS", &rest);
	struct buf out;
	int rc = 0;

	buf_init(&out, 1000);
	if (imap_status_parse(rest, &s)) {
		print_to(&out, "", s.name);
		if (s.has_messages)
			rc |= buf_printf(&out, " messages=%u", s.messages);
		if (s.has_uidnext)
			rc |= buf_printf(&out, " uidnext=%u", s.uidnext);
		if (s.has_uidvalidity)
			rc |=
			    buf_printf(&out, " uidvalidity=%u", s.uidvalidity);
		if (s.has_size)
			rc |= buf_printf(
			    &out, " size=%llu", (unsigned long long)s.size);
	} else {
		rc = buf_puts(&out, "no");
	}
	cr_assert_eq(rc, 0);
	compare(&out, row);
	free(copy);
}

/* ----------------------------------------------------------- NAMESPACE */

ParameterizedTestParameters(imap_list, reads_namespace)
{
	static struct row rows[] = {
	    /* Dovecot, mailutils */
	    {"((\"\" \"/\")) NIL NIL", "own<>/"},
	    /* Cyrus */
	    {"((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))",
		"own<INBOX.>. other<user.>. other<>."},
	    /* Courier */
	    {"((\"INBOX.\" \".\")) NIL ((\"#shared.\" \".\")(\"shared.\" "
	     "\".\"))",
		"own<INBOX.>. other<#shared.>. other<shared.>."},
	    /* RFC 2342: none at all; two of one's own; extensions */
	    {"NIL NIL NIL", ""},
	    {"nil NIL ((\"\" \".\"))", "other<>."},
	    {"((\"\" \"/\")(\"#mh/\" \"/\" \"X-PARAM\" (\"FLAG1\" \"F2\"))) "
	     "NIL NIL",
		"own<>/"},
	    {"((\"\" NIL)) NIL NIL", "own<>0"},
	    {"((\"\" \"\")) NIL NIL", "own<>0"},
	    {"(({6}" CRLF "INBOX. \".\")) NIL NIL", "own<INBOX.>."},
	    {"((\"\" \"/\") (\"a\" \"/\")) NIL NIL", "own<>/"},
	    {"() NIL NIL", ""},
	    {"((\"a\\\\b\" \"\\\\\")) NIL NIL", "own<a\\b>\\"},
	    /* more than we keep */
	    {"NIL ((\"1\" NIL)(\"2\" NIL)(\"3\" NIL)(\"4\" NIL)(\"5\" NIL)) "
	     "((\"6\" NIL)(\"7\" NIL)(\"8\" NIL)(\"9\" NIL)(\"10\" NIL))",
		"other<1>0 other<2>0 other<3>0 other<4>0 other<5>0 "
		"other<6>0 other<7>0 other<8>0"},
	    /* malformed */
	    {"", "no"},
	    {"NIL", "no"},
	    {"NIL NIL", "no"},
	    {"NILNIL NIL", "no"},
	    {"((\"\" \"/\"))NIL NIL", "no"},
	    {"(\"\" \"/\") NIL NIL", "no"},
	    {"((\"\")) NIL NIL", "no"},
	    {"((\"\" \"/\") NIL NIL", "no"},
	    {"((\"\" \"ab\")) NIL NIL", "no"},
	    {"((NIL \"/\")) NIL NIL", "no"},
	    {"((\"\" \"/\" x", "no"},
	    {"((((", "no"},
	    {"\"\" NIL NIL", "no"},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

static void show_namespace(
    struct buf *out, const char *name, const struct imap_namespace *ns)
{
	if (out->len > 0)
		cr_assert_eq(buf_puts(out, " "), 0);
	print_to(out, name, ns->prefix);
	cr_assert_eq(
	    buf_printf(out, "%c", ns->separator ? ns->separator : '0'), 0);
}

ParameterizedTest(struct row *row, imap_list, reads_namespace)
{
	struct imap_cursor rest;
	struct imap_namespaces ns;
	char *copy = collect(row->input, "NAMESPACE", &rest);
	struct buf out;

	buf_init(&out, 1000);
	if (imap_namespace_parse(rest, &ns)) {
		if (ns.has_personal)
			show_namespace(&out, "own", &ns.personal);
		for (size_t i = 0; i < ns.foreign_count; i++)
			show_namespace(&out, "other", &ns.foreign[i]);
	} else {
		cr_assert_eq(buf_puts(&out, "no"), 0);
	}
	compare(&out, row);
	free(copy);
}

Test(imap_list, knows_special_uses)
{
	struct imap_list list;
	struct imap_cursor rest;
	unsigned uses = 0;

	for (unsigned n = 0; n < IMAP_USES; n++) {
		char *text = mem_printf(
		    "(\\HasNoChildren %s) \"/\" x", imap_list_use_name(n));
		char *copy = collect(text, "LIST", &rest);
		cr_assert(imap_list_parse(rest, &list));
		cr_assert_eq(list.uses, 1U << n, "%s", text);
		uses |= list.uses;
		free(copy);
		free(text);
	}
	cr_assert_eq(uses, 255);
	char *copy = collect("(\\SENT \\trash \\Sentx) \"/\" x", "LIST", &rest);
	cr_assert(imap_list_parse(rest, &list));
	cr_assert_eq(list.uses, IMAP_USE_SENT | IMAP_USE_TRASH);
	free(copy);
}
