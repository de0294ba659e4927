// SPDX-License-Identifier: MIT
#include "engine/sync/sync_uids.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/imap/imap_syntax.h"

enum {
	BELOW = 100,
	MOST = 5
};

struct row {
	char response[80];
	char uids[40], counted[40]; /* "bad" when it is no list */
};

ParameterizedTestParameters(sync_uids, takes_esearch)
{
	static struct row rows[] = {
	    {"* ESEARCH (TAG \"a\") UID ALL 1:3,5", "1 2 3 5", ""},
	    {"* ESEARCH UID ALL 7", "7", ""},
	    {"* ESEARCH (TAG \"a\") UID", "", ""},
	    {"* ESEARCH (TAG \"a\") UID COUNT 2 ALL 4,2", "", "2 4"},
	    {"* ESEARCH (TAG \"a\") UID ALL 2,4 COUNT 2", "", "2 4"},
	    {"* ESEARCH (TAG \"a\") UID COUNT 0", "", ""},
	    {"* ESEARCH (TAG \"a\") UID ALL 1 MODSEQ 917162500", "1", ""},
	    {"* ESEARCH (TAG \"a\") UID MIN 1 X (a b) ALL 9:8", "8 9", ""},
	    {"* ESEARCH (TAG \"a\") UID ALL 3,3", "3", ""},
	    // another response
	    {"* SEARCH 1 2 3", "", ""},
	    // numbers of messages
	    {"* ESEARCH (TAG \"a\") ALL 1:3", "bad", ""},
	    // not asked for, too many, no numbers
	    {"* ESEARCH UID ALL 99", "99", ""},
	    {"* ESEARCH UID ALL 100", "bad", ""},
	    {"* ESEARCH UID ALL 1:4294967295", "bad", ""},
	    {"* ESEARCH UID ALL 1:6", "bad", ""},
	    {"* ESEARCH UID ALL 1:3,4:6", "bad", ""},
	    {"* ESEARCH UID ALL 0", "bad", ""},
	    {"* ESEARCH UID ALL 1:*", "bad", ""},
	    {"* ESEARCH UID ALL 1,,2", "bad", ""},
	    {"* ESEARCH UID ALL", "bad", ""},
	    {"* ESEARCH UID ALL (1)", "bad", ""},
	    {"* ESEARCH (TAG", "bad", ""},
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

static void check(struct sync_uids *uids, const char *expected)
{
	char text[200] = "";

	sync_uids_finish(uids);
	for (size_t i = 0; i < uids->count; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%s%" PRIu32, i ? " " : "", uids->list[i]);
	cr_assert_str_eq(uids->is_bad ? "bad" : text, expected);
	sync_uids_release(uids);
}

ParameterizedTest(const struct row *row, sync_uids, takes_esearch)
{
	struct sync_uids uids = {0}, counted = {0};
	struct imap_response r;
	char text[80];

	memcpy(text, row->response, sizeof(text));
	cr_assert(imap_response_parse(text, strlen(text), &r));
	sync_uids_take(&uids, &counted, &r, BELOW, MOST);
	check(&uids, row->uids);
	check(&counted, row->counted);
}

Test(sync_uids, finds_and_subtracts)
{
	struct sync_uids uids = {0}, others = {0};

	for (uint32_t uid = 20; uid > 0; uid -= 2)
		sync_uids_add(&uids, uid);
	sync_uids_finish(&uids);
	cr_assert(sync_uids_has(&uids, 2) && sync_uids_has(&uids, 20));
	cr_assert_not(sync_uids_has(&uids, 1) || sync_uids_has(&uids, 21));
	cr_assert_eq(sync_uids_find(&uids, 4), 1);
	sync_uids_add(&others, 4);
	sync_uids_add(&others, 5);
	sync_uids_subtract(&uids, &others);
	cr_assert_eq(uids.count, 9);
	cr_assert_not(sync_uids_has(&uids, 4));
	sync_uids_release(&uids);
	sync_uids_release(&others);
}
