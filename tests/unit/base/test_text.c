// SPDX-License-Identifier: MIT
#include "engine/base/text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>

#include "engine/base/mem.h"

struct escape_row {
	char in[32];
	size_t len;
	char out[64];
};

static struct escape_row escape_rows[] = {
    {"plain", 5, "plain"}, {"", 0, ""}, {"a\nb", 3, "a\\x0ab"},
    {"a\\b", 3, "a\\\\b"}, {"\x1b[31m", 5, "\\x1b[31m"}, {"\x7f", 1, "\\x7f"},
    {"\0x", 2, "\\x00x"}, {"\xc3\xa4", 2, "\xc3\xa4"},
    {"\xc3", 1, "\\xc3"},                            /* cut short */
    {"\xc0\xaf", 2, "\\xc0\\xaf"},                   /* overlong */
    {"\xc2\x9b", 2, "\\xc2\\x9b"},                   /* C1 */
    {"\xe2\x80\xae", 3, "\\xe2\\x80\\xae"},          /* right-to-left */
    {"\xd8\x9c", 2, "\\xd8\\x9c"},                   /* Arabic letter mark */
    {"a\xe2\x81\xa0", 4, "a\\xe2\\x81\\xa0"},        /* joins words, unseen */
    {"\xed\xa0\x80", 3, "\\xed\\xa0\\x80"},          /* surrogate */
    {"\xf0\x9f\x93\xa7", 4, "\xf0\x9f\x93\xa7"},     /* U+1F4E7 */
    {"\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"}, /* above Unicode */
    {"\xef\xbb\xbf", 3, "\\xef\\xbb\\xbf"},          /* byte order mark */
};

/* F205 */
ParameterizedTestParameters(text, escapes)
{
	return cr_make_param_array(struct escape_row, escape_rows,
	    sizeof(escape_rows) / sizeof(escape_rows[0]));
}

ParameterizedTest(struct escape_row *row, text, escapes)
{
	char out[128];

	cr_assert_str_eq(
	    text_escape(row->in, row->len, out, sizeof(out)), row->out);
}

/* F205: what may be shown stays as it is, backslashes too. */
Test(text, makes_shown_only_what_is_not)
{
	char good[32] = "a\\b \xc3\xa4", bad[32] = "a\\b\x1b[2J\n";
	char cut[12] = "abc\x1b\x1b\x1b\x1b";

	text_make_shown(good, sizeof(good));
	cr_assert_str_eq(good, "a\\b \xc3\xa4");
	text_make_shown(bad, sizeof(bad));
	cr_assert_str_eq(bad, "a\\\\b\\x1b[2J\\x0a");
	text_make_shown(cut, sizeof(cut));
	cr_assert_str_eq(cut, "abc\\x1b...");
}

Test(text, marks_what_does_not_fit)
{
	char out[12];

	text_escape("0123456789abcdef", 16, out, sizeof(out));
	cr_assert_str_eq(out, "01234567...");
	text_escape("01234567", 8, out, sizeof(out));
	cr_assert_str_eq(out, "01234567");
	text_escape("\n\n\n\n", 4, out, sizeof(out));
	cr_assert_str_eq(out, "\\x0a\\x0a...");
	text_escape("abc", 3, out, 4);
	cr_assert_str_eq(out, "");
}

struct number_row {
	char text[24];
	uint64_t max;
	bool good;
	uint64_t value;
};

static struct number_row number_rows[] = {
    {"0", UINT64_MAX, true, 0},
    {"0007", UINT64_MAX, true, 7},
    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, false, 0},
    {"184467440737095516150", UINT64_MAX, false, 0},
    {"65535", 65535, true, 65535},
    {"65536", 65535, false, 0},
    {"", UINT64_MAX, false, 0},
    {"-1", UINT64_MAX, false, 0},
    {"+1", UINT64_MAX, false, 0},
    {" 1", UINT64_MAX, false, 0},
    {"1 ", UINT64_MAX, false, 0},
    {"0x10", UINT64_MAX, false, 0},
};

ParameterizedTestParameters(text, parses_numbers)
{
	return cr_make_param_array(struct number_row, number_rows,
	    sizeof(number_rows) / sizeof(number_rows[0]));
}

ParameterizedTest(struct number_row *row, text, parses_numbers)
{
	uint64_t value = 42;

	cr_assert_eq(
	    text_parse_u64(row->text, strlen(row->text), row->max, &value),
	    row->good, "%s", row->text);
	cr_assert_eq(value, row->good ? row->value : 42);
}

struct match_row {
	char pattern[16], name[24];
	bool matches;
};

static struct match_row match_rows[] = {
    {"*", "", true},
    {"*", "a/b", true},
    {"Trash*", "Trash", true},
    {"Trash*", "Trash/2019", true},
    {"Trash*", "My Trash", false},
    {"*Trash", "My Trash", true},
    {"a*b*c", "a-b-b-c", true},
    {"a*b*c", "a-b-b", false},
    {"?", "", false},
    {"?", "x", true},
    {"a?c", "abc", true},
    {"**", "anything", true},
    {"", "", true},
    {"", "x", false},
    {"inbox", "INBOX", false},
};

ParameterizedTestParameters(text, matches_wildcards)
{
	return cr_make_param_array(struct match_row, match_rows,
	    sizeof(match_rows) / sizeof(match_rows[0]));
}

ParameterizedTest(struct match_row *row, text, matches_wildcards)
{
	cr_assert_eq(text_wildcard(row->pattern, row->name), row->matches,
	    "%s %s", row->pattern, row->name);
}

Test(text, measures_distance)
{
	cr_assert_eq(text_distance("host", "host", 2), 0);
	cr_assert_eq(text_distance("hots", "host", 2), 2);
	cr_assert_eq(text_distance("tls_verfy", "tls_verify", 2), 1);
	cr_assert_eq(text_distance("abc", "xyz", 2), 3);
	cr_assert_eq(text_distance("", "ab", 2), 2);
	cr_assert_eq(text_distance("", "abcdef", 2), 3);
}

Test(text, folds_ascii_only)
{
	cr_assert(text_equal_fold_z("INBOX", "inbox"));
	cr_assert_not(text_equal_fold_z("INBOX", "inbo"));
	cr_assert(text_equal_fold("INBOX/x", 5, "inbox", 5));
	cr_assert_not(text_equal_fold("INBOX", 5, "INBOX", 4));
}

Test(text, names_errno_and_sizes)
{
	char out[64];

	cr_assert_str_eq(
	    text_errno(ENOENT, out, sizeof(out)), "No such file or directory");
	cr_assert_str_eq(text_errno(99999, out, sizeof(out)), "error 99999");
	cr_assert_str_eq(text_bytes(0, out, sizeof(out)), "0 B");
	cr_assert_str_eq(text_bytes(1023, out, sizeof(out)), "1023 B");
	cr_assert_str_eq(text_bytes(1536, out, sizeof(out)), "1.5 KiB");
	cr_assert_str_eq(text_bytes(1ULL << 40, out, sizeof(out)), "1.0 TiB");
}

Test(text, knows_what_a_spreadsheet_takes_for_a_formula)
{
	static const char *const yes[] = {"=1", "+1", "-", "@a", "\t",
	    "\r=", "'=1", "''+1",
	    "\xef\xbc\x9d"
	    "1"};
	static const char *const no[] = {
	    "", "a=1", "'", "'a", " =1", "\xef\xbc"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		cr_expect(
		    text_is_formula(yes[i], strlen(yes[i])), "%s", yes[i]);
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		cr_expect_not(
		    text_is_formula(no[i], strlen(no[i])), "%s", no[i]);
}
