// SPDX-License-Identifier: MIT
#include "engine/contract/verify_tally.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const names[] = {
    [VERIFY_COUNT_SOURCE] = "source",
    [VERIFY_COUNT_TARGET] = "target",
    [VERIFY_COUNT_EQUAL] = "equal",
    [VERIFY_COUNT_BODIES] = "bodies",
    [VERIFY_COUNT_DELETED] = "deleted",
    [VERIFY_COUNT_OLDER] = "older",
    [VERIFY_COUNT_MISSING] = "missing",
    [VERIFY_COUNT_DOUBLED] = "doubled",
    [VERIFY_COUNT_CHANGED] = "changed",
    [VERIFY_COUNT_FLAGS] = "flags",
    [VERIFY_COUNT_DATES] = "dates",
    [VERIFY_COUNT_UNREADABLE] = "unreadable",
    [VERIFY_COUNT_FOLDERS_MISSING] = "folders_missing",
    [VERIFY_COUNT_FOLDERS_UNREADABLE] = "folders_unreadable",
    [VERIFY_COUNT_EXTRA] = "extra",
    [VERIFY_COUNT_FOLDERS_EXTRA] = "folders_extra",
    [VERIFY_COUNT_LINE_END_ADDED] = "line_end_added",
    [VERIFY_COUNT_LONG_LINES] = "long_lines",
    [VERIFY_COUNT_LINE_ENDS] = "line_ends",
    [VERIFY_COUNT_NUL] = "nul",
    [VERIFY_COUNT_EIGHT_BIT] = "eight_bit",
    [VERIFY_COUNT_FROM_LINE] = "from_line",
    [VERIFY_COUNT_KEYWORDS] = "keywords",
    [VERIFY_COUNT_NAMES] = "names",
};
_Static_assert(
    sizeof(names) / sizeof(names[0]) == VERIFY_COUNTS, "a name for each");

const char *verify_tally_name(enum verify_count what)
{
	return names[what];
}

void verify_tally_add(struct verify_tally *to, const struct verify_tally *from)
{
	for (int i = 0; i < VERIFY_COUNTS; i++)
		to->n[i] += from->n[i];
}

uint64_t verify_tally_differences(const struct verify_tally *t, bool is_mirror)
{
	uint64_t sum = 0;

	for (int i = VERIFY_COUNT_MISSING; i < VERIFY_COUNT_EXTRA; i++)
		sum += t->n[i];
	if (is_mirror)
		sum +=
		    t->n[VERIFY_COUNT_EXTRA] + t->n[VERIFY_COUNT_FOLDERS_EXTRA];
	return sum;
}

void verify_tally_format(const struct verify_tally *t, char *out, size_t max)
{
	size_t used = 0;
	bool allowed = false;

	out[0] = '\0';
	for (int i = 0; i < VERIFY_COUNTS && used < max; i++) {
		if (i > VERIFY_COUNT_EQUAL && t->n[i] == 0)
			continue;
		bool first = i >= VERIFY_COUNT_LINE_END_ADDED && !allowed;
		allowed |= first;
		int n = snprintf(out + used, max - used, "%s%s %" PRIu64,
		    first  ? "; allowed: "
		    : used ? ", "
			   : "",
		    names[i], t->n[i]);
		if (n < 0)
			return;
		// of our own names only: "line_end_added"
		for (char *p = out + used; *p; p++)
			if (*p == '_')
				*p = ' ';
		used += (size_t)n;
	}
}
