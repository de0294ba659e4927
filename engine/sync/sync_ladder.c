// SPDX-License-Identifier: MIT
#include "engine/sync/sync_ladder.h"

#include <stdio.h>

#include "engine/base/mem.h"

static const char *const texts[] = {
    [SYNC_RUNG_KEYWORDS] = "without its keywords",
    [SYNC_RUNG_DATE] = "without its date",
    [SYNC_RUNG_BYTES] = "with NUL and line ends repaired",
    [SYNC_RUNG_FROM_LINE] = "without its first line \"From \"",
    [SYNC_RUNG_WRAP] = "with long lines broken",
};
_Static_assert(ARRAY_LEN(texts) == SYNC_RUNGS, "a text for every rung");

enum {
	ORDER_MAX = SYNC_RUNGS
};

/* Ends with SYNC_RUNGS. A date is given up only where it may be the cause; the
 * words of some servers (Exchange) say the same for many causes, so the rest
 * of the ladder comes last. */
struct order {
	enum sync_rung rungs[ORDER_MAX + 1];
};

static const struct order for_content = {{SYNC_RUNG_BYTES, SYNC_RUNG_FROM_LINE,
    SYNC_RUNG_WRAP, SYNC_RUNG_KEYWORDS, SYNC_RUNGS}};

static const struct order for_flags = {
    {SYNC_RUNG_KEYWORDS, SYNC_RUNG_BYTES, SYNC_RUNG_WRAP, SYNC_RUNGS}};

static const struct order for_date = {{SYNC_RUNG_DATE, SYNC_RUNG_KEYWORDS,
    SYNC_RUNG_BYTES, SYNC_RUNG_WRAP, SYNC_RUNGS}};

static const struct order for_other = {{SYNC_RUNG_KEYWORDS, SYNC_RUNG_DATE,
    SYNC_RUNG_BYTES, SYNC_RUNG_WRAP, SYNC_RUNGS}};

static const struct order *order_of(enum imap_refusal refusal)
{
	switch (refusal) {
	case IMAP_REFUSAL_CONTENT:
		return &for_content;
	case IMAP_REFUSAL_FLAGS:
		return &for_flags;
	case IMAP_REFUSAL_DATE:
		return &for_date;
	case IMAP_REFUSAL_OTHER:
	case IMAP_REFUSAL_EXISTS:
		return &for_other;
	case IMAP_REFUSAL_THROTTLED:
	case IMAP_REFUSAL_TEMPORARY:
	case IMAP_REFUSAL_DAILY_LIMIT:
	case IMAP_REFUSAL_AUTH:
	case IMAP_REFUSAL_TLS_NEEDED:
	case IMAP_REFUSAL_QUOTA:
	case IMAP_REFUSAL_TOO_BIG:
	case IMAP_REFUSAL_GONE:
	case IMAP_REFUSAL_NO_PERMISSION:
	case IMAP_REFUSAL_VIRUS:
	case IMAP_REFUSALS:
		break;
	}
	return NULL;
}

bool sync_ladder_applies(enum imap_refusal refusal)
{
	return order_of(refusal) != NULL;
}

enum sync_rung sync_ladder_next(
    enum imap_refusal refusal, unsigned tried, bool may_wrap)
{
	const struct order *order = order_of(refusal);

	for (size_t i = 0; order && order->rungs[i] != SYNC_RUNGS; i++) {
		enum sync_rung rung = order->rungs[i];
		if (!(tried & (1u << rung)) &&
		    (may_wrap || rung != SYNC_RUNG_WRAP))
			return rung;
	}
	return SYNC_RUNGS;
}

const char *sync_ladder_text(unsigned rungs, char *out, size_t max)
{
	size_t used = 0;

	out[0] = '\0';
	for (int i = 0; i < SYNC_RUNGS && used < max; i++) {
		if (!(rungs & (1u << i)))
			continue;
		int n = snprintf(
		    out + used, max - used, "%s%s", used ? ", " : "", texts[i]);
		if (n < 0)
			break;
		used += (size_t)n;
	}
	return out;
}
