// SPDX-License-Identifier: MIT
#include "engine/contract/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const skip_names[] = {"deleted", "older", "long_line"};
_Static_assert(sizeof(skip_names) / sizeof(skip_names[0]) == TALLY_SKIPS,
    "a name for every rule");

static const char *const refusal_names[] = {
    [TALLY_REFUSED_TOO_BIG] = "append.too_big",
    [TALLY_REFUSED_APPEND] = "append.rejected",
    [TALLY_REFUSED_CONTENT] = "append.content",
    [TALLY_REFUSED_VIRUS] = "append.virus",
    [TALLY_REFUSED_PERMISSION] = "append.permission",
    [TALLY_REFUSED_SOURCE] = "source.unreadable",
    [TALLY_REFUSED_MAILBOX] = "folder.failed",
};
_Static_assert(
    sizeof(refusal_names) / sizeof(refusal_names[0]) == TALLY_REFUSALS,
    "a name for every class");

static const char *const extra_names[] = {
    [TALLY_LONG_LINES] = "long_lines",
    [TALLY_LINE_ENDS_ADDED] = "line_ends_added",
    [TALLY_REPAIRED] = "repaired",
    [TALLY_FLAGS_DROPPED] = "flags_dropped",
    [TALLY_FLAGS_CHANGED] = "flags_changed",
    [TALLY_DELETED] = "deleted",
    [TALLY_MAILBOXES] = "mailboxes",
    [TALLY_MAILBOXES_CREATED] = "mailboxes_created",
    [TALLY_MAILBOXES_FAILED] = "mailboxes_failed",
    [TALLY_MAILBOXES_DELETED] = "mailboxes_deleted",
    [TALLY_SUBSCRIBED] = "subscribed",
    [TALLY_UNSUBSCRIBED] = "unsubscribed",
    [TALLY_ACLS] = "acls",
    [TALLY_SPECIAL_USES] = "special_uses",
    [TALLY_ANNOTATIONS] = "annotations",
    [TALLY_CLASSES] = "classes",
    [TALLY_REFUSED_EXTRAS] = "refused_extras",
};
_Static_assert(sizeof(extra_names) / sizeof(extra_names[0]) == TALLY_EXTRAS,
    "a name for every extra");

const char *tally_skip_name(enum tally_skip rule)
{
	return skip_names[rule];
}

const char *tally_refusal_name(enum tally_refusal c)
{
	return refusal_names[c];
}

const char *tally_extra_name(enum tally_extra e)
{
	return extra_names[e];
}

uint64_t tally_skipped(const struct tally *t)
{
	uint64_t sum = 0;

	for (int i = 0; i < TALLY_SKIPS; i++)
		sum += t->skipped[i];
	return sum;
}

uint64_t tally_refused(const struct tally *t)
{
	uint64_t sum = 0;

	for (int i = 0; i < TALLY_REFUSALS; i++)
		sum += t->refused[i];
	return sum;
}

void tally_add(struct tally *to, const struct tally *from)
{
	to->source += from->source;
	to->copied += from->copied;
	to->present += from->present;
	for (int i = 0; i < TALLY_SKIPS; i++)
		to->skipped[i] += from->skipped[i];
	for (int i = 0; i < TALLY_REFUSALS; i++)
		to->refused[i] += from->refused[i];
	to->vanished += from->vanished;
	to->unreached += from->unreached;
	to->bytes_copied += from->bytes_copied;
	for (int i = 0; i < TALLY_EXTRAS; i++)
		to->extra[i] += from->extra[i];
}

bool tally_balances(const struct tally *t)
{
	return t->source == t->copied + t->present + tally_skipped(t) +
				tally_refused(t) + t->vanished + t->unreached;
}

/* Appends " (name n, name n)" for what is not zero. */
static size_t details(char *out, size_t max, const uint64_t *counts,
    const char *const *names, int count)
{
	size_t used = 0;

	for (int i = 0; i < count && used < max; i++) {
		if (counts[i] == 0)
			continue;
		int n = snprintf(out + used, max - used, "%s%s %" PRIu64,
		    used ? ", " : " (", names[i], counts[i]);
		if (n < 0)
			return used;
		used += (size_t)n;
	}
	if (used > 0 && used + 1 < max) {
		out[used++] = ')';
		out[used] = '\0';
	}
	return used < max ? used : max - 1;
}

void tally_format(const struct tally *t, char *out, size_t max)
{
	char skipped[128] = "", refused[320] = "";

	(void)details(
	    skipped, sizeof(skipped), t->skipped, skip_names, TALLY_SKIPS);
	(void)details(refused, sizeof(refused), t->refused, refusal_names,
	    TALLY_REFUSALS);
	(void)snprintf(out, max,
	    "source %" PRIu64 " = copied %" PRIu64 " + present %" PRIu64
	    " + skipped %" PRIu64 "%s + refused %" PRIu64
	    "%s + vanished %" PRIu64 " + unreached %" PRIu64,
	    t->source, t->copied, t->present, tally_skipped(t), skipped,
	    tally_refused(t), refused, t->vanished, t->unreached);
}

void tally_format_extras(const struct tally *t, char *out, size_t max)
{
	size_t used = 0;

	out[0] = '\0';
	for (int i = 0; i < TALLY_EXTRAS && used < max; i++) {
		if (t->extra[i] == 0)
			continue;
		int n = snprintf(out + used, max - used, "%s%s %" PRIu64,
		    used ? ", " : "", extra_names[i], t->extra[i]);
		if (n < 0)
			return;
		// of our own names only: "line_ends_added"
		for (char *p = out + used; *p; p++)
			if (*p == '_')
				*p = ' ';
		used += (size_t)n;
	}
}
