// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "orchestrator/report.h"
#include "orchestrator/supervisor_private.h"

enum {
	FAILURES_SHOWN = 20
};

bool supervisor_is_failed(const char *outcome)
{
	static const char *const others[] = {
	    "ok", "changed", "pending", "interrupted", "deferred"};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(outcome, others[i]) == 0)
			return false;
	return true;
}

static void format_duration(int64_t ms, char *out, size_t max)
{
	int64_t s = ms / 1000;

	if (s >= 3600)
		(void)snprintf(out, max, "%" PRId64 " h %" PRId64 " min",
		    s / 3600, s / 60 % 60);
	else if (s >= 60)
		(void)snprintf(
		    out, max, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
	else
		(void)snprintf(out, max, "%" PRId64 " s", s);
}

static void print_failures(const struct supervisor *s)
{
	size_t shown = 0, failed = 0;

	for (size_t i = 0; i < s->plan->account_count; i++) {
		const struct standing *st = &s->standings[i];
		if (st->is_left_out || st->is_acked || !st->outcome ||
		    !supervisor_is_failed(st->outcome))
			continue;
		if (++failed > FAILURES_SHOWN)
			continue;
		shown++;
		const char *text = st->text ? st->text : "";
		(void)fprintf(s->out, "  %-8s %s: %s%s%s\n", st->outcome,
		    s->plan->accounts[i].id,
		    st->reason && st->reason[0] ? st->reason : st->outcome,
		    text[0] ? ": " : "", text);
		(void)fprintf(s->out, "           to do: %s\n",
		    report_advice(st->outcome, st->reason));
	}
	if (failed > shown)
		(void)fprintf(s->out, "  and %zu more: mailconvoy status %s\n",
		    failed - shown, s->plan->typed);
}

static void print_counts(const struct supervisor *s)
{
	static const char *const unfinished[] = {
	    "interrupted", "pending", "deferred"};
	size_t ok = 0, failed = 0, changed = 0, left = 0, left_out = 0;
	size_t acked = 0;

	for (size_t i = 0; i < s->plan->account_count; i++) {
		const char *outcome = s->standings[i].outcome;
		bool open = false;
		if (s->standings[i].is_left_out) {
			left_out++;
			continue;
		}
		for (size_t j = 0; j < ARRAY_LEN(unfinished); j++)
			open |= strcmp(outcome, unfinished[j]) == 0;
		left += open;
		ok += strcmp(outcome, "ok") == 0;
		changed += strcmp(outcome, "changed") == 0;
		acked += s->standings[i].is_acked;
		failed +=
		    supervisor_is_failed(outcome) && !s->standings[i].is_acked;
	}
	(void)fprintf(s->out, "%zu of %zu accounts ok", ok,
	    s->plan->account_count - left_out);
	if (changed)
		(void)fprintf(s->out, ", %zu changed meanwhile", changed);
	if (failed)
		(void)fprintf(s->out, ", %zu need a look", failed);
	if (acked)
		(void)fprintf(s->out, ", %zu acknowledged", acked);
	if (left)
		(void)fprintf(s->out, ", %zu not finished", left);
	if (left_out)
		(void)fprintf(s->out, ", %zu not selected", left_out);
}

/* What is to be typed: after a correction, or to see more. */
static void print_next(const struct supervisor *s)
{
	static const struct {
		const char *outcome;
		bool is_to_fix;
	} lines[] = {{"auth", true}, {"config", true}, {"partial", false},
	    {"crash", false}};

	for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
		size_t count = 0;
		for (size_t i = 0; i < s->plan->account_count; i++)
			count += !s->standings[i].is_left_out &&
				 !s->standings[i].is_acked &&
				 strcmp(s->standings[i].outcome,
				     lines[k].outcome) == 0;
		if (count == 0)
			continue;
		(void)fprintf(s->out,
		    "  %-8s %zu %s: ", lines[k].is_to_fix ? "fix" : "look",
		    count, lines[k].outcome);
		if (lines[k].is_to_fix)
			(void)fprintf(s->out,
			    "mailconvoy resume %s --only %s\n", s->plan->typed,
			    lines[k].outcome);
		else
			(void)fprintf(s->out,
			    "mailconvoy status %s --filter outcome=%s -o wide\n",
			    s->plan->typed, lines[k].outcome);
	}
}

void supervisor_last_lines(
    const struct supervisor *s, int code, bool is_reported)
{
	char duration[64];

	format_duration(
	    clock_ms() - s->progress.started_ms, duration, sizeof(duration));
	(void)fprintf(s->out, "%s in %s: ",
	    code == EXIT_CODE_INTERRUPTED || code == EXIT_CODE_DEFERRED ||
		    s->is_journal_lost
		? "Stopped"
		: "Finished",
	    duration);
	print_counts(s);
	(void)fprintf(s->out, ".  exit %d\n", code);
	if (s->progress.mode == PROGRESS_QUIET) {
		(void)fflush(s->out);
		return;
	}
	print_failures(s);
	if (is_reported)
		(void)fprintf(s->out,
		    "  report   %s/report/report.html\n"
		    "           %s/report/report.jsonl.gz\n",
		    s->dir.path, s->dir.path);
	print_next(s);
	if (s->is_dry)
		(void)fprintf(s->out,
		    "  a dry run: nothing was changed, nothing is done\n"
		    "  next     mailconvoy run %s\n",
		    s->plan->typed);
	else if (code != EXIT_CODE_OK)
		(void)fprintf(s->out, "  next     mailconvoy resume %s\n",
		    s->plan->typed);
	(void)fflush(s->out);
}
