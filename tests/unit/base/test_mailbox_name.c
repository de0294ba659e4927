// SPDX-License-Identifier: MIT
#include "engine/base/mailbox_name.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROW_BYTES = 64
};

struct row {
	char name[ROW_BYTES];
	char shown[ROW_BYTES];
};

/* F205 */
ParameterizedTestParameters(mailbox_name, shows)
{
	static struct row rows[] = {
	    {"", ""},
	    {"INBOX/Sent Items", "INBOX/Sent Items"},
	    {"Entw&APw-rfe", "Entw\u00fcrfe"},
	    {"R&-D", "R&D"},
	    {"&AOk-&-", "\u00e9&"},
	    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		"~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e"},
	    {"&2D3eAA-", "\U0001f600"},
	    {"&B,8IAA-", "\u07ff\u0800"},
	    /* nothing hides in a run */
	    {"&AAo-x", "\\x0ax"},
	    {"&IC4-", "\\xe2\\x80\\xae"},
	    /* no two look the same because of what no eye sees */
	    {"Sent&AK0-", "Sent\\xc2\\xad"},
	    {"Sent&MWQ-", "Sent\\xe3\\x85\\xa4"},
	    {"Sent&20DcIA-", "Sent\\xf3\\xa0\\x80\\xa0"},
	    {"a\\\\b", "a\\\\b"}, /* escaped before */
	    /* as it is: cut, padded, ASCII inside, half a pair, two runs */
	    {"a & b", "a & b"},
	    {"&", "&"},
	    {"&APw", "&APw"},
	    {"&APx-", "&APx-"},
	    {"&AGE-", "&AGE-"},
	    {"&2D0-", "&2D0-"},
	    {"&3gA-", "&3gA-"},
	    {"&AAA-", "&AAA-"},
	    {"&APw-&APw-", "&APw-&APw-"},
	    {"x&APw-&", "x&APw-&"},
	    {"Entw\u00fcrfe", "Entw\u00fcrfe"},
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, mailbox_name, shows)
{
	char out[ROW_BYTES * 2];

	cr_assert_str_eq(
	    mailbox_name_show(row->name, out, sizeof(out)), row->shown);
	char *heap = mailbox_name_try_show(row->name);
	cr_assert_str_eq(heap, row->shown);
	free(heap);
}

Test(mailbox_name, cuts_no_character)
{
	static const struct {
		const char *name, *shown;
		size_t max;
	} rows[] = {
	    {"abcdefgh", "abcdefgh", 12},
	    {"abcdefghijk", "abcdefghijk", 12},
	    {"abcdefghijkl", "abcdefgh...", 12},
	    {"ab&APw-defgh", "ab\u00fc...", 8},
	    {"abc&APw-efgh", "abc...", 8},
	    {"abc\u00fcefgh&", "abc...", 8},
	    {"abcdefgh", "...", 4},
	};

	char out[ROW_BYTES];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_str_eq(
		    mailbox_name_show(rows[i].name, out, rows[i].max),
		    rows[i].shown, "%zu: %s", i, out);
}

/* The longest that a name can become. */
Test(mailbox_name, a_heap_string_is_whole)
{
	char *out = mailbox_name_try_show("&IC4gLiAuIC4gLiAuIC4gLg-");

	cr_assert(out && !strstr(out, "..."));
	cr_assert_eq(strlen(out), 8 * 12);
	free(out);
}
