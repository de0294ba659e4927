// SPDX-License-Identifier: MIT
#include "engine/sync/sync_names.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_utf7.h"

enum {
	NAME_BYTES = 60,
	PREFIX_BYTES = 16
};

struct row {
	char source[NAME_BYTES];
	char target[NAME_BYTES]; /* "": nothing is left */
};

static void expect(const char *source, const struct sync_naming *from,
    const struct sync_naming *to, const char *target)
{
	char *name = sync_names_map(source, from, to);

	cr_assert_str_eq(name ? name : "", target, "'%s'", source);
	free(name);
}

Test(sync_names, knows_inbox_in_any_spelling)
{
	cr_assert(sync_names_is_inbox("INBOX"));
	cr_assert(sync_names_is_inbox("inbox"));
	cr_assert(sync_names_is_inbox("InBoX"));
	cr_assert_not(sync_names_is_inbox("INBOX "));
	cr_assert_not(sync_names_is_inbox("INBOX/"));
	cr_assert_not(sync_names_is_inbox("INBO"));
	cr_assert_not(sync_names_is_inbox(""));
}

/* Both servers alike: only the notes of the guide are at work. */
ParameterizedTestParameters(sync_names, follows_the_notes)
{
	static struct row rows[] = {
	    {"Sent", "Sent"},
	    {"a/b/c", "a/b/c"},
	    {"&AMk-l&AOk-ments envoy&AOk-s", "&AMk-l&AOk-ments envoy&AOk-s"},
	    /* starts with . or ~ */
	    {".x", "_x"},
	    {"~x", "_x"},
	    {"..x", "_.x"},
	    {"~", "_"},
	    {"a.b~c", "a.b~c"},
	    {"a/.x", "a/.x"},
	    /* leading and trailing spaces, each of them */
	    {" x", "_x"},
	    {"x ", "x_"},
	    {"  a b  ", "__a b__"},
	    {" ", "_"},
	    {"   ", "___"},
	    /* a blank behind a leading dot is inside */
	    {". x", "_ x"},
	    {" .x", "_.x"},
	    /* \ and #, anywhere; " anywhere */
	    {"a\\b#c", "a_b_c"},
	    {"#news", "_news"},
	    {"\\", "_"},
	    {"a\"b", "a'b"},
	    {"\"\"", "''"},
	    {"a'b", "a'b"},
	    /* endings */
	    {"x.mbox", "x-mbox"},
	    {"x.mdir", "x-mdir"},
	    {"x.mslc", "x-mslc"},
	    {"a/x.mbox", "a/x-mbox"},
	    {"x.mbox.mdir", "x.mbox-mdir"},
	    /* the dot has been taken by then */
	    {".mbox", "_mbox"},
	    /* only at the very end, only in this spelling */
	    {"x.mbox/y", "x.mbox/y"},
	    {"x.mboxes", "x.mboxes"},
	    {"x.MBOX", "x.MBOX"},
	    {"mbox", "mbox"},
	    {"x.mbox ", "x.mbox_"},
	    /* several at once */
	    {"~a\\\"b#.mbox", "_a_'b_-mbox"},
	    /* never a pattern, never a path */
	    {"*", "*"},
	    {"a%b", "a%b"},
	    {"../../etc/passwd", "_./../etc/passwd"},
	    {"/etc/x", "/etc/x"},
	    {"-rf", "-rf"},
	    /* INBOX is one, and its children have one parent */
	    {"inbox", "INBOX"},
	    {"InBox/x", "INBOX/x"},
	    {"Inbox2", "Inbox2"},
	    {"Inboxes/x", "Inboxes/x"},
	    {"a/inbox", "a/inbox"},
	    /* names that are no modified UTF-7: raw UTF-8, Latin 1, bare & */
	    {"caf\xc3\xa9", "caf&AOk-"},
	    {"caf\xe9", "caf_"},
	    {"\xf0\x9f\x98\x80", "&2D3eAA-"},
	    {"a&b", "a&-b"},
	    {"&invalid-", "&-invalid-"},
	    {"&AAA", "&-AAA"},
	    {"&", "&-"},
	    {"&-", "&-"},
	    {"caf\xc3\xa9 &AOk-", "caf&AOk- &-AOk-"},
	    {"caf\xe9 &AOk-", "caf_ &-AOk-"},
	    /* control bytes */
	    {"a\tb", "a_b"},
	    {"a\r\nb", "a__b"},
	    {"a\x7f", "a_"},
	    {"a\x01\xc3\xa9", "a_&AOk-"},
	    {"", ""},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_names, follows_the_notes)
{
	static const struct sync_naming plain = {"", '/'};

	expect(row->source, &plain, &plain, row->target);
	// what came out is valid on the wire
	cr_assert(imap_utf7_is_valid(row->target, strlen(row->target)));
}

struct server_row {
	char source[NAME_BYTES];
	char from_prefix[PREFIX_BYTES];
	char from;
	char to_prefix[PREFIX_BYTES];
	char to;
	char target[NAME_BYTES];
};

ParameterizedTestParameters(sync_names, goes_between_servers)
{
	static struct server_row rows[] = {
	    /* separators level by level; ours inside of a level is no level */
	    {"a.b.c", "", '.', "", '/', "a/b/c"},
	    {"a/b/c", "", '/', "", '.', "a.b.c"},
	    {"a.b/c", "", '/', "", '.', "a_b.c"},
	    {"a/b.c", "", '.', "", '/', "a_b/c"},
	    {"a//b", "", '/', "", '.', "a..b"},
	    {"a.b", "", '/', "", '/', "a.b"},
	    /* the separator never stands in an encoded run */
	    {"&AOk-.&ZeVnLIqe-", "", '.', "", '/', "&AOk-/&ZeVnLIqe-"},
	    /* flat here: the other's separator is a byte of the name */
	    {"a/b", "", '\0', "", '/', "a_b"},
	    {"a.b", "", '\0', "", '/', "a.b"},
	    /* flat there: nothing to translate to */
	    {"a/b", "", '/', "", '\0', "a/b"},
	    /* a dot in front is a level on neither */
	    {".x", "", '.', "", '/', "_x"},
	    {"x.mbox", "", '/', "", '.', "x-mbox"},
	    // what parts levels is no part of a name
	    {"INBOX.a.mbox", "INBOX.", '.', "", '/', "a/mbox"},
	    {"a\\b", "", '\\', "", '/', "a/b"},
	    {"caf\xc3\xa9.x", "", '.', "", '/', "caf&AOk-/x"},
	    /* from a personal namespace below INBOX */
	    {"INBOX.Sent", "INBOX.", '.', "", '/', "Sent"},
	    {"INBOX.a.b", "INBOX.", '.', "", '/', "a/b"},
	    {"inbox.a", "INBOX.", '.', "", '/', "a"},
	    {"INBOX", "INBOX.", '.', "", '/', "INBOX"},
	    /* the notes look at what is left */
	    {"INBOX.~x", "INBOX.", '.', "", '/', "_x"},
	    {"INBOX. x", "INBOX.", '.', "", '/', "_x"},
	    /* nothing is left, or the real INBOX would get its mail */
	    {"INBOX.", "INBOX.", '.', "", '/', ""},
	    {"INBOX.INBOX", "INBOX.", '.', "", '/', ""},
	    {"INBOX.inbox", "INBOX.", '.', "INBOX.", '.', ""},
	    {"INBOX.INBOX.x", "INBOX.", '.', "", '/', "INBOX/x"},
	    /* what only begins like the prefix */
	    {"INBOXES", "INBOX.", '.', "", '/', "INBOXES"},
	    {"other.x", "INBOX.", '.', "", '/', "other/x"},
	    /* to one */
	    {"Sent", "", '/', "INBOX.", '.', "INBOX.Sent"},
	    {"a/b", "", '/', "INBOX.", '.', "INBOX.a.b"},
	    {"INBOX", "", '/', "INBOX.", '.', "INBOX"},
	    {"inbox", "", '/', "INBOX.", '.', "INBOX"},
	    /* INBOX. is not put before INBOX.x */
	    {"INBOX/x", "", '/', "INBOX.", '.', "INBOX.x"},
	    {"Inbox/x", "", '/', "INBOX.", '.', "INBOX.x"},
	    {"INBOX2", "", '/', "INBOX.", '.', "INBOX.INBOX2"},
	    /* from one to another */
	    {"INBOX.a.b", "INBOX.", '.', "INBOX.", '.', "INBOX.a.b"},
	    {"INBOX.a.b", "INBOX.", '.', "INBOX/", '/', "INBOX/a/b"},
	    {"mail/a", "mail/", '/', "", '/', "a"},
	    {"a", "", '/', "mail/", '/', "mail/a"},
	    {"INBOX/a", "", '/', "mail/", '/', "mail/INBOX/a"},
	    {"a", "", '/', "~u@x/", '/', "~u@x/a"},
	};

	return cr_make_param_array(struct server_row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct server_row *row, sync_names, goes_between_servers)
{
	const struct sync_naming from = {row->from_prefix, row->from};
	const struct sync_naming to = {row->to_prefix, row->to};

	expect(row->source, &from, &to, row->target);
}

/* A mapped name maps to itself: a second run finds what the first one made. */
ParameterizedTestParameters(sync_names, changes_nothing_twice)
{
	static struct row rows[] = {{"~a\\\"b#.mbox", ""}, {"  x  ", ""},
	    {"caf\xc3\xa9 &", ""}, {"Inbox/a.mdir", ""}, {"a\x01\xff", ""}};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_names, changes_nothing_twice)
{
	static const struct sync_naming plain = {"", '/'};
	char *once = sync_names_map(row->source, &plain, &plain);

	cr_assert(once);
	expect(once, &plain, &plain, once);
	free(once);
}

Test(sync_names, takes_a_name_of_any_length)
{
	enum {
		LONG = 4096
	};

	static const struct sync_naming from = {"", '.'}, to = {"INBOX/", '/'};
	char *source = mem_calloc(LONG + 1, 1);

	memset(source, '.', LONG);
	char *target = sync_names_map(source, &from, &to);
	cr_assert(target);
	cr_assert_eq(strlen(target), LONG + strlen("INBOX/"));
	free(target);
	memset(source, '\xff', LONG);
	target = sync_names_map(source, &from, &to);
	cr_assert(target);
	cr_assert_eq(strspn(target + strlen("INBOX/"), "_"), LONG);
	free(target);
	free(source);
}
