// SPDX-License-Identifier: MIT
#include "engine/sync/sync_names.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/utf7.h"
#include "engine/contract/job.h"

enum {
	NAME_BYTES = 60,
	PREFIX_BYTES = 16
};

struct row {
	char source[NAME_BYTES];
	char target[NAME_BYTES]; /* "": nothing is left */
};

static const struct job_options none;

static void expect(const char *source, const struct sync_naming *from,
    const struct sync_naming *to, const char *target)
{
	char *name = sync_names_map(source, from, to, &none);

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
	cr_assert(utf7_is_valid(row->target, strlen(row->target)));
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
	char *once = sync_names_map(row->source, &plain, &plain, &none);

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
	char *target = sync_names_map(source, &from, &to, &none);
	cr_assert(target);
	cr_assert_eq(strlen(target), LONG + strlen("INBOX/"));
	free(target);
	memset(source, '\xff', LONG);
	target = sync_names_map(source, &from, &to, &none);
	cr_assert(target);
	cr_assert_eq(strspn(target + strlen("INBOX/"), "_"), LONG);
	free(target);
	free(source);
}

/* ------------------------------------------------------------- options */

struct option_row {
	char source[NAME_BYTES];
	char from_prefix[PREFIX_BYTES];
	char from;
	char to_prefix[PREFIX_BYTES];
	char to;
	char source_option[PREFIX_BYTES], target_option[PREFIX_BYTES];
	char rename[2][2][NAME_BYTES]; /* old, new */
	char target[NAME_BYTES];
};

static struct option_row option_rows[] = {
    /* --source */
    {"abc/box1", "", '/', "", '/', "abc/", "", {{"", ""}}, "box1"},
    {"abc/a/b", "", '/', "", '.', "abc/", "", {{"", ""}}, "a.b"},
    {"abc/~x", "", '/', "", '/', "abc/", "", {{"", ""}}, "_x"},
    {"~user/INBOX", "", '/', "", '/', "~user/", "", {{"", ""}}, "INBOX"},
    {"~user/inbox/x", "", '/', "", '/', "~user/", "", {{"", ""}}, "INBOX/x"},
    {"~user/a", "INBOX.", '/', "INBOX.", '.', "~user/", "", {{"", ""}},
	"INBOX.a"},
    {"other", "", '/', "", '/', "abc/", "", {{"", ""}}, "other"},
    {"INBOX", "", '/', "", '/', "abc/", "", {{"", ""}}, "INBOX"},
    {"Inbox/a", "", '/', "", '/', "INBOX/", "", {{"", ""}}, "a"},
    {"INBOX.INBOX", "INBOX.", '.', "", '/', "INBOX.", "", {{"", ""}}, "INBOX"},
    // F071: nothing is left; half a level is plain text
    {"abc/", "", '/', "", '/', "abc/", "", {{"", ""}}, ""},
    {"abc", "", '/', "", '/', "abc", "", {{"", ""}}, ""},
    {"abcd/e", "", '/', "", '/', "abc", "", {{"", ""}}, "d/e"},
    {"abc/e", "", '/', "", '/', "abc", "", {{"", ""}}, "/e"},
    {"ab", "", '/', "", '/', "abc", "", {{"", ""}}, "ab"},
    /* --target */
    {"a/b", "", '/', "", '/', "", "Info/", {{"", ""}}, "Info/a/b"},
    {"a/b", "", '/', "", '/', "", "Info", {{"", ""}}, "Infoa/b"},
    {"INBOX", "", '/', "", '/', "", "~user/", {{"", ""}}, "~user/INBOX"},
    {"inbox/x", "", '/', "", '/', "", "~user/", {{"", ""}}, "~user/INBOX/x"},
    {"a", "", '/', "INBOX.", '.', "", "Info.", {{"", ""}}, "Info.a"},
    {"INBOX", "", '/', "INBOX.", '.', "", "Info.", {{"", ""}}, "Info.INBOX"},
    {"INBOX/x", "", '/', "INBOX.", '.', "", "INBOX.old.", {{"", ""}},
	"INBOX.old.INBOX.x"},
    // the namespace itself, asked for by name
    {"INBOX", "", '/', "INBOX.", '.', "", "INBOX.", {{"", ""}}, "INBOX"},
    {"a", "", '/', "INBOX.", '.', "", "INBOX.", {{"", ""}}, "INBOX.a"},
    // both
    {"~a@x/INBOX", "", '/', "", '/', "~a@x/", "~b@x/", {{"", ""}},
	"~b@x/INBOX"},
    /* --renameMailbox: plain */
    {"Sent Items", "", '/', "", '/', "", "", {{"Sent Items", "Sent"}}, "Sent"},
    {"Sent Itemss", "", '/', "", '/', "", "", {{"Sent Items", "Sent"}},
	"Sent Itemss"},
    // as the user wrote it, with what the target puts before
    {"a", "", '/', "", '/', "", "", {{"a", ".#x.mbox"}}, ".#x.mbox"},
    {"a", "", '/', "INBOX.", '.', "", "", {{"a", "x"}}, "INBOX.x"},
    {"a", "", '/', "INBOX.", '.', "", "", {{"a", "INBOX.x"}}, "INBOX.x"},
    {"a", "", '/', "", '/', "", "Info/", {{"a", "x"}}, "Info/x"},
    {"a", "", '/', "", '/', "", "", {{"a", "caf\xc3\xa9"}}, "caf&AOk-"},
    {"a", "", '/', "", '/', "", "", {{"a", "inbox"}}, "INBOX"},
    // by the name as listed, and by what is left of it
    {"INBOX.a", "INBOX.", '.', "", '/', "", "", {{"INBOX.a", "x"}}, "x"},
    {"INBOX.a", "INBOX.", '.', "", '/', "", "", {{"a", "x"}}, "x"},
    {"abc/a", "", '/', "", '/', "abc/", "", {{"abc/a", "x"}}, "x"},
    {"abc/a", "", '/', "", '/', "abc/", "", {{"a", "x"}}, "x"},
    {"abc/", "", '/', "", '/', "abc/", "", {{"abc/", "x"}}, "x"},
    /* INBOX */
    {"INBOX", "", '/', "", '/', "", "", {{"inbox", "Old"}}, "Old"},
    {"INBOX", "", '/', "INBOX.", '.', "", "", {{"INBOX", "Old"}}, "INBOX.Old"},
    {"Inbox/x", "", '/', "", '/', "", "", {{"inBOX/*", "Old/*"}}, "Old/x"},
    {"INBOX", "", '/', "", '/', "", "", {{"inb*", "Old"}}, "INBOX"},
    {"INBOXES", "", '/', "", '/', "", "", {{"inbox*", "Old"}}, "INBOXES"},
    /* wildcards match the separator too */
    {"Old/a/b", "", '/', "", '/', "", "", {{"Old*", "New*"}}, "New/a/b"},
    {"Old/a/b", "", '/', "", '/', "", "", {{"Old/*", "*"}}, "a/b"},
    {"Old.a.b", "", '.', "", '/', "", "", {{"Old.*", "New/*"}}, "New/a/b"},
    {"a/b", "", '/', "", '/', "", "", {{"a?b", "c"}}, "c"},
    {"Old/x", "", '/', "", '/', "", "", {{"Old/*", "*/*"}}, "x/*"},
    {"a-b-c", "", '/', "", '/', "", "", {{"*-*", "<*>"}}, "<a>"},
    {"aXbYc", "", '/', "", '/', "", "", {{"a*Y*", "*"}}, "Xb"},
    {"abc", "", '/', "", '/', "", "", {{"a**?", "*"}}, "b"},
    {"ab", "", '/', "", '/', "", "", {{"a*b", "*"}}, ""},
    {"ab", "", '/', "", '/', "", "", {{"a*b", "x*"}}, "x"},
    {"a", "", '/', "", '/', "", "", {{"a", "x*"}}, "x*"},
    // what it stands for is the source's, and translated as such
    {"Old/a\"#", "", '/', "", '/', "", "", {{"Old/*", "#*#"}}, "#a'_#"},
    {"Old/ x ", "", '/', "", '/', "", "", {{"Old/*", "*"}}, "_x_"},
    {"Old/ x ", "", '/', "", '/', "", "", {{"Old/*", "N/*"}}, "N/ x_"},
    {"Old.a/b", "", '.', "", '/', "", "", {{"Old.*", "*"}}, "a_b"},
    {"&AOk-x", "", '/', "", '/', "", "", {{"*x", "&AOk-*"}}, "&AOkA6Q-"},
    {"&AOk-x", "", '/', "", '/', "", "", {{"*-x", "*"}}, "&-AOk"},
    /* the first that matches */
    {"ab", "", '/', "", '/', "", "", {{"a*", "x"}, {"ab", "y"}}, "x"},
    {"ab", "", '/', "", '/', "", "", {{"b*", "x"}, {"ab", "y"}}, "y"},
    {"a", "", '/', "", '/', "", "", {{"a", "b"}, {"b", "c"}}, "b"},
};

ParameterizedTestParameters(sync_names, obeys_options)
{
	return cr_make_param_array(
	    struct option_row, option_rows, ARRAY_LEN(option_rows));
}

ParameterizedTest(struct option_row *row, sync_names, obeys_options)
{
	const struct sync_naming from = {row->from_prefix, row->from};
	const struct sync_naming to = {row->to_prefix, row->to};
	struct job_rename rules[2];
	struct job_options options = {
	    .source_prefix = row->source_option,
	    .target_prefix = row->target_option,
	    .rename_mailbox = rules,
	};

	for (size_t i = 0; i < 2 && row->rename[i][0][0]; i++)
		rules[options.rename_mailboxes++] =
		    (struct job_rename){row->rename[i][0], row->rename[i][1]};
	char *name = sync_names_map(row->source, &from, &to, &options);
	cr_assert_str_eq(name ? name : "", row->target, "'%s'", row->source);
	free(name);
}

Test(sync_names, matches_inbox_in_any_spelling)
{
	cr_assert(sync_names_match("inbox", "INBOX", '/'));
	cr_assert(sync_names_match("Inbox/*", "INBOX/a/b", '/'));
	cr_assert(sync_names_match("inbox*", "INBOX/a", '/'));
	cr_assert(sync_names_match("inbox?a", "INBOX/a", '/'));
	cr_assert_not(sync_names_match("inbox", "INBOX/a", '/'));
	cr_assert_not(sync_names_match("inbox.*", "INBOX.a", '/'));
	cr_assert_not(sync_names_match("inboxes", "INBOXES", '/'));
	cr_assert_not(sync_names_match("INBOX", "a", '/'));
}

/* All names of up to four of these bytes: what falls together does so by a
 * rule of the guide or by the separator, nothing else, and is told of by
 * sync_mapping (F064). */
Test(sync_names, keeps_different_names_apart)
{
	static const char bytes[] = "a_./~ '\"\\#&";
	static const struct sync_naming from = {"", '/'}, to = {"", '.'};
	const size_t base = sizeof(bytes) - 1;

	for (size_t n = 0; n < base * base * base * base; n++) {
		char name[5] = "", expected[5] = "";
		size_t left = n;
		for (size_t i = 0; i < 4; i++, left /= base)
			name[i] = bytes[left % base];
		for (size_t i = 0; i < 4; i++) {
			char c = name[i];
			bool is_end = strspn(name, " ") > i ||
				      strspn(name + i, " ") == 4 - i;
			bool is_lead = i == 0 && strchr(".~", c);
			expected[i] = c == '/'                       ? '.'
				      : c == '"'                     ? '\''
				      : c == ' ' && is_end           ? '_'
				      : is_lead || strchr("\\#.", c) ? '_'
								     : c;
		}
		// a blank behind a leading dot is inside
		char *target = sync_names_map(name, &from, &to, &none);
		cr_assert(target);
		cr_assert(utf7_is_valid(target, strlen(target)));
		char *text = utf7_decode(target, strlen(target));
		if (utf7_is_valid(name, 4)) {
			char *was = utf7_decode(expected, 4);
			cr_assert_str_eq(text, was, "'%s'", name);
			free(was);
		} else {
			cr_assert_str_eq(text, expected, "'%s'", name);
		}
		free(text);
		free(target);
	}
}
