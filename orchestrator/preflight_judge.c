// SPDX-License-Identifier: MIT
/* What a look means. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/mailbox_name.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/preflight.h"

enum {
	NAMES_SHOWN = 5
};

/* What to do before the run; a prefix ends with a dot. */
static const struct {
	const char *reason, *to_do;
} advices[] = {
    {"auth.",
	"correct user, password or auth of this account; it was tried once and is not tried again by itself"},
    {"config.", "correct the plan or the secret it names"},
    {"crash.", "see the log of this account, and whether the engine can run"},
    {"engine.", "see the log of this account"},
    {"folder.inbox",
	"let this login read and write the account: rights, or another user"},
    {"list.", "let this login list the mailboxes of the account"},
    {"local.", "see that disk and descriptors of this machine suffice"},
    {"net.", "see that host and port are right and can be reached from here"},
    {"operator.", "check again: it was stopped"},
    {"proto.", "see that host and port are those of an IMAP server"},
    {"state.locked", "wait for the run that works on this account"},
    {"throttle", "ask the server less: lower limits.jobs, or check later"},
    {"tls.", "correct tls, host or ca_file of the server in the plan"},
};

static const char *advice(const char *reason)
{
	for (size_t i = 0; i < ARRAY_LEN(advices); i++)
		if (strncmp(reason, advices[i].reason,
			strlen(advices[i].reason)) == 0)
			return advices[i].to_do;
	return "see the log of this account";
}

__attribute__((format(printf, 5, 6))) static void find(
    struct preflight_verdict *out, bool is_problem, const char *reason,
    const char *to_do, const char *format, ...)
{
	va_list args;

	out->is_go &= !is_problem;
	if (out->count == PREFLIGHT_FINDINGS_MAX)
		return;
	struct preflight_finding *f = &out->findings[out->count++];
	f->is_problem = is_problem;
	f->to_do = to_do;
	(void)snprintf(f->reason, sizeof(f->reason), "%s", reason);
	va_start(args, format);
	(void)vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

static void judge_side(
    const struct preflight_look *side, struct preflight_verdict *out)
{
	if (side->reason)
		find(out, true, side->reason, advice(side->reason), "%s",
		    side->text);
}

static void judge_quota(
    const struct preflight_account *a, struct preflight_verdict *out)
{
	const uint64_t *t = a->target.probe.n, *b = a->both.probe.n;
	uint64_t room =
	    probe_free(t[PROBE_STORAGE_USED], t[PROBE_STORAGE_LIMIT]);
	uint64_t places = probe_free(t[PROBE_COUNT_USED], t[PROBE_COUNT_LIMIT]);
	char need[32], left[32], lacks[32];

	if (room != PROBE_UNKNOWN && b[PROBE_COPY_BYTES] != PROBE_UNKNOWN &&
	    b[PROBE_COPY_BYTES] > room)
		find(out, true, "quota.target",
		    "raise the quota of the target account",
		    "target: %s are to be copied, %s are free: %s are missing%s",
		    text_bytes(b[PROBE_COPY_BYTES], need, sizeof(need)),
		    text_bytes(room, left, sizeof(left)),
		    text_bytes(
			b[PROBE_COPY_BYTES] - room, lacks, sizeof(lacks)),
		    a->source.probe.n[PROBE_UNSIZED] > 0 ? " (estimated)" : "");
	if (places != PROBE_UNKNOWN &&
	    b[PROBE_COPY_MESSAGES] != PROBE_UNKNOWN &&
	    b[PROBE_COPY_MESSAGES] > places)
		find(out, true, "quota.target",
		    "raise the quota of the target account",
		    "target: %" PRIu64
		    " messages are to be copied, there is room for %" PRIu64,
		    b[PROBE_COPY_MESSAGES], places);
}

static void judge_names(
    const struct preflight_account *a, struct preflight_verdict *out)
{
	char box[PREFLIGHT_TEXT_BYTES];
	static const char to_do[] =
	    "give it another name with options.rename_mailbox, or leave it out with options.skip_mailbox";

	for (size_t i = 0; i < a->name_count && i < NAMES_SHOWN; i++)
		find(out, true, "folder.name", to_do, "mailbox '%s': %s",
		    mailbox_name_show(a->names[i].mailbox, box, sizeof(box)),
		    a->names[i].text);
	if (a->name_count > NAMES_SHOWN)
		find(out, true, "folder.name", to_do,
		    "and %zu more mailboxes cannot be copied: see the log",
		    a->name_count - NAMES_SHOWN);
}

static void take_notes(
    const struct preflight_account *a, struct preflight_verdict *out)
{
	const uint64_t *s = a->source.probe.n, *t = a->target.probe.n;
	uint64_t too_big = a->both.probe.n[PROBE_TOO_BIG];
	char limit[32];

	(void)text_bytes(t[PROBE_APPEND_LIMIT], limit, sizeof(limit));
	if (too_big == PROBE_UNKNOWN && t[PROBE_APPEND_LIMIT] != PROBE_UNKNOWN)
		find(out, false, "append.too_big", NULL,
		    "target: takes no message above %s; how many there are could not be counted",
		    limit);
	else if (too_big != PROBE_UNKNOWN && too_big > 0)
		find(out, false, "append.too_big",
		    "raise its limit, or leave them on the old server",
		    "target: takes no message above %s: %" PRIu64
		    " will be refused",
		    limit, too_big);
	if (s[PROBE_UNCOUNTED] != PROBE_UNKNOWN && s[PROBE_UNCOUNTED] > 0)
		find(out, false, "source.status", NULL,
		    "source: %" PRIu64
		    " mailboxes tell no numbers and are not counted",
		    s[PROBE_UNCOUNTED]);
	if (s[PROBE_UNSIZED] != PROBE_UNKNOWN && s[PROBE_UNSIZED] > 0)
		find(out, false, "source.sizes", NULL,
		    "source: tells no sizes, they are estimated for %" PRIu64
		    " messages",
		    s[PROBE_UNSIZED]);
}

void preflight_judge(
    const struct preflight_account *a, struct preflight_verdict *out)
{
	out->is_looked_at = a->has_ended;
	out->is_go = a->has_ended;
	out->count = 0;
	if (!a->has_ended)
		return;
	judge_side(&a->source, out);
	judge_side(&a->target, out);
	if (a->both.is_told) {
		judge_quota(a, out);
		judge_names(a, out);
		take_notes(a, out);
	} else if (out->is_go) {
		// neither side has said why
		find(out, true, a->reason[0] ? a->reason : a->outcome,
		    advice(a->reason), "%s", a->text);
	}
}
