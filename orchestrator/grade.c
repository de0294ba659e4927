// SPDX-License-Identifier: MIT
#include "orchestrator/grade.h"

#include <stdbool.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/contract/tally.h"

enum {
	WHOLE = 100 /* percent */
};

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* Without overflow: so many of `all` in percent. */
static bool is_beyond(uint64_t refused, uint64_t all, unsigned percent)
{
	return refused > 0 &&
	       (double)refused * WHOLE >= (double)all * (double)percent;
}

enum grade grade_of(
    const char *outcome, const struct tally *t, unsigned bad_percent)
{
	static const char *const open[] = {
	    "pending", "interrupted", "deferred"};
	static const char *const counted[] = {"ok", "partial", "changed"};
	uint64_t refused = tally_refused(t);

	if (is_one_of(outcome, open, ARRAY_LEN(open)))
		return GRADE_NONE;
	if (!is_one_of(outcome, counted, ARRAY_LEN(counted)) ||
	    t->extra[TALLY_MAILBOXES_FAILED] > 0 ||
	    t->refused[TALLY_REFUSED_MAILBOX] > 0 ||
	    is_beyond(refused, t->source, bad_percent))
		return GRADE_BAD;
	// of one that changed nobody knows what came in behind our back
	if (refused > 0 || t->unreached > 0 || strcmp(outcome, "changed") == 0)
		return GRADE_REVIEW;
	if (t->extra[TALLY_REFUSED_EXTRAS] > 0 ||
	    t->extra[TALLY_FLAGS_DROPPED] > 0 || t->extra[TALLY_REPAIRED] > 0)
		return GRADE_MINOR;
	return strcmp(outcome, "partial") == 0 ? GRADE_REVIEW : GRADE_COMPLETE;
}

static const char *const names[GRADES] = {
    [GRADE_NONE] = "",
    [GRADE_COMPLETE] = "complete",
    [GRADE_MINOR] = "minor",
    [GRADE_REVIEW] = "review",
    [GRADE_BAD] = "bad",
};

const char *grade_name(enum grade g)
{
	return names[g];
}

enum grade grade_find(const char *name)
{
	for (size_t i = 0; i < GRADES; i++)
		if (strcmp(names[i], name) == 0)
			return (enum grade)i;
	return GRADE_NONE;
}
