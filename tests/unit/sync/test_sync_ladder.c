// SPDX-License-Identifier: MIT
#include "engine/sync/sync_ladder.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "engine/base/mem.h"

/* Rungs by their letters: Keywords, Date, Bytes, From line, Wrap. */
static const char letters[] = "KDBFW";
_Static_assert(sizeof(letters) - 1 == SYNC_RUNGS, "a letter for every rung");

static unsigned bits(const char *rungs)
{
	unsigned set = 0;

	for (; *rungs; rungs++)
		set |= 1u << (strchr(letters, *rungs) - letters);
	return set;
}

struct row {
	enum imap_refusal refusal;
	char tried[SYNC_RUNGS + 1];
	char order[SYNC_RUNGS + 1]; /* what follows, one after the other */
	bool keep;                  /* long lines are never broken */
};

/* F109, F110 */
ParameterizedTestParameters(sync_ladder, goes_up)
{
	static struct row rows[] = {
	    {IMAP_REFUSAL_OTHER, "", "KDBW", false},
	    {IMAP_REFUSAL_OTHER, "", "KDB", true},
	    {IMAP_REFUSAL_EXISTS, "", "KDBW", false},
	    {IMAP_REFUSAL_FLAGS, "", "KBW", false},
	    {IMAP_REFUSAL_DATE, "", "DKBW", false},
	    {IMAP_REFUSAL_CONTENT, "", "BFWK", false},
	    {IMAP_REFUSAL_CONTENT, "", "BFK", true},
	    /* the server changes its mind on the way */
	    {IMAP_REFUSAL_CONTENT, "K", "BFW", false},
	    {IMAP_REFUSAL_CONTENT, "KDB", "FW", false},
	    {IMAP_REFUSAL_FLAGS, "BFW", "K", false},
	    {IMAP_REFUSAL_DATE, "KB", "DW", false},
	    {IMAP_REFUSAL_OTHER, "BFW", "KD", false},
	    {IMAP_REFUSAL_OTHER, "KDBFW", "", false},
	    /* nothing helps */
	    {IMAP_REFUSAL_THROTTLED, "", "", false},
	    {IMAP_REFUSAL_TEMPORARY, "", "", false},
	    {IMAP_REFUSAL_DAILY_LIMIT, "", "", false},
	    {IMAP_REFUSAL_AUTH, "", "", false},
	    {IMAP_REFUSAL_TLS_NEEDED, "", "", false},
	    {IMAP_REFUSAL_QUOTA, "", "", false},
	    {IMAP_REFUSAL_TOO_BIG, "", "", false},
	    {IMAP_REFUSAL_GONE, "", "", false},
	    {IMAP_REFUSAL_NO_PERMISSION, "", "", false},
	    {IMAP_REFUSAL_VIRUS, "", "", false},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_ladder, goes_up)
{
	unsigned tried = bits(row->tried);
	size_t i = 0;

	for (;; i++) {
		enum sync_rung rung =
		    sync_ladder_next(row->refusal, tried, !row->keep);
		if (rung == SYNC_RUNGS)
			break;
		cr_assert_eq(letters[rung], row->order[i], "class %d, step %zu",
		    row->refusal, i);
		tried |= 1u << rung;
	}
	cr_assert_eq(i, strlen(row->order), "class %d", row->refusal);
}

Test(sync_ladder, names_what_was_done)
{
	char text[200], short_text[10];

	cr_assert_str_eq(sync_ladder_text(0, text, sizeof(text)), "");
	cr_assert_str_eq(sync_ladder_text(bits("D"), text, sizeof(text)),
	    "without its date");
	cr_assert_str_eq(sync_ladder_text(bits("KB"), text, sizeof(text)),
	    "without its keywords, with NUL and line ends repaired");
	(void)sync_ladder_text(bits("KDBFW"), text, sizeof(text));
	cr_assert(strstr(text, "long lines broken"));
	cr_assert_str_eq(
	    sync_ladder_text(bits("KD"), short_text, sizeof(short_text)),
	    "without i");
}
