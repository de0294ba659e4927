// SPDX-License-Identifier: MIT
#include "engine/verify/verify_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/verify/verify_board.h"
#include "engine/verify/verify_match.h"
#include "engine/verify/verify_report.h"

enum {
	AGAIN_MAX = 2048,
	NOT_MATCHED = 0 /* of again_next: entries from number 1 on */
};

/* ------------------------------------------------------- what to read */

/* The same messages each time: by what all copies of one have in common. */
static bool is_sampled(const struct verify_entry *e, const struct job *job)
{
	uint32_t n = 0;

	memcpy(&n, e->strict, sizeof(n));
	return n % 100 < job->options.verify_sample;
}

static bool must_read(const struct verify_entry *e,
    const struct verify_entry *t, const struct job *job)
{
	const struct job_options *o = &job->options;
	unsigned odd = verify_canon_explaining(o->long_lines);

	if ((e->marks & VERIFY_MARK_DELETED) ||
	    ((e->marks | t->marks) & VERIFY_MARK_UNREADABLE))
		return false;
	if (o->verify == JOB_VERIFY_BODY && o->verify_sample == 100)
		return (e->marks & VERIFY_MARK_WEAK) &&
		       ((e->marks | t->marks) & odd);
	if (e->marks & VERIFY_MARK_WEAK || e->size != t->size)
		return true;
	return o->verify == JOB_VERIFY_BODY && is_sampled(e, job);
}

/* Which pairs the bodies decide. */
static void match(struct verify_box *box, const struct job *job)
{
	struct verify_list *source = &box->half[VERIFY_SOURCE].list;
	struct verify_list *target = &box->half[VERIFY_TARGET].list;
	bool with_digests =
	    !box->is_bare && job->options.verify != JOB_VERIFY_COUNT;

	verify_match(source, target, with_digests);
	for (size_t i = 0; with_digests && i < source->count; i++) {
		struct verify_entry *e = &source->entries[i];
		if (e->pair != VERIFY_NO_PAIR &&
		    must_read(e, &target->entries[e->pair], job))
			e->marks |= VERIFY_MARK_AGAIN;
	}
}

static void count_kinds(struct verify_tally *t, unsigned kinds)
{
	static const struct {
		enum verify_feature feature;
		enum verify_count count;
	} names[] = {
	    {VERIFY_FEATURE_NO_LINE_END, VERIFY_COUNT_LINE_END_ADDED},
	    {VERIFY_FEATURE_LONG_LINE, VERIFY_COUNT_LONG_LINES},
	    {VERIFY_FEATURE_LINE_ENDS, VERIFY_COUNT_LINE_ENDS},
	    {VERIFY_FEATURE_NUL, VERIFY_COUNT_NUL},
	    {VERIFY_FEATURE_EIGHT_BIT, VERIFY_COUNT_EIGHT_BIT},
	    {VERIFY_FEATURE_FROM_LINE, VERIFY_COUNT_FROM_LINE},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		t->n[names[i].count] += (kinds & names[i].feature) != 0;
}

static void take_results(struct verify_box *box, const struct job *job)
{
	struct verify_list *source = &box->half[VERIFY_SOURCE].list;
	struct verify_list *target = &box->half[VERIFY_TARGET].list;

	for (size_t i = 0; i < box->again_count; i++) {
		const struct verify_again *a = &box->again[i];
		struct verify_entry *e = &source->entries[a->entry[0]];
		unsigned kinds = 0;
		e->marks &= (uint16_t)~VERIFY_MARK_AGAIN;
		if (!a->got[VERIFY_SOURCE])
			e->marks |= VERIFY_MARK_UNREADABLE;
		if (!a->got[VERIFY_TARGET])
			target->entries[e->pair].marks |=
			    VERIFY_MARK_UNREADABLE;
		if (!a->got[VERIFY_SOURCE] || !a->got[VERIFY_TARGET])
			continue;
		box->tally.n[VERIFY_COUNT_BODIES]++;
		if (verify_canon_explain(&a->digest[VERIFY_SOURCE],
			&a->digest[VERIFY_TARGET], job->options.long_lines,
			&kinds)) {
			e->marks &= (uint16_t)~VERIFY_MARK_WEAK;
			count_kinds(&box->tally, kinds);
		} else {
			e->marks |= VERIFY_MARK_CHANGED;
		}
	}
	free(box->again);
	box->again = NULL;
	box->again_count = 0;
}

bool verify_judge_next(struct verify_box *box, const struct job *job)
{
	struct verify_list *source = &box->half[VERIFY_SOURCE].list;
	size_t at = box->again_next;

	if (box->half[VERIFY_SOURCE].failure ||
	    box->half[VERIFY_TARGET].failure)
		return false;
	if (at == NOT_MATCHED) {
		match(box, job);
		at = 1;
	}
	take_results(box, job);
	for (; at <= source->count && box->again_count < AGAIN_MAX; at++) {
		const struct verify_entry *e = &source->entries[at - 1];
		if (!(e->marks & VERIFY_MARK_AGAIN))
			continue;
		if (!box->again)
			box->again = mem_calloc(AGAIN_MAX, sizeof(*box->again));
		struct verify_again *a = &box->again[box->again_count++];
		a->entry[VERIFY_SOURCE] = (uint32_t)(at - 1);
		a->entry[VERIFY_TARGET] = e->pair;
	}
	box->again_next = at;
	return box->again_count > 0;
}

/* --------------------------------------------------------- the counting */

/* What is told of one message. */
struct telling {
	struct verify_box *box;
	struct verify_report *report;
	const struct verify_entry *source, *target;
};

static void tell(const struct telling *t, char sign, enum verify_count what,
    const char *words)
{
	const struct verify_difference d = {.sign = sign,
	    .what = what,
	    .box = t->box,
	    .source = t->source,
	    .target = t->target,
	    .words = words};

	t->box->tally.n[what]++;
	verify_report_difference(t->report, &d);
}

static bool tell_date(const struct telling *t)
{
	char words[96];

	if (t->source->seconds == VERIFY_NO_DATE ||
	    t->source->seconds == t->target->seconds)
		return false; // a copy has no date to keep
	if (t->target->seconds == VERIFY_NO_DATE)
		(void)snprintf(
		    words, sizeof(words), "the target tells no date");
	else
		(void)snprintf(words, sizeof(words),
		    "the date on the target is %lld s away",
		    (long long)(t->target->seconds - t->source->seconds));
	tell(t, '*', VERIFY_COUNT_DATES, words);
	return true;
}

static bool tell_flags(const struct telling *t)
{
	const struct verify_flags *flags =
	    &t->box->half[VERIFY_TARGET].list.flags;
	char words[256];

	if (t->source->flags == t->target->flags &&
	    t->source->flags != VERIFY_FLAGS_LOST)
		return false;
	(void)snprintf(words, sizeof(words),
	    "flags (%.100s), on the target (%.100s)",
	    verify_flags_text(flags, t->source->flags),
	    verify_flags_text(flags, t->target->flags));
	tell(t, '*', VERIFY_COUNT_FLAGS, words);
	return true;
}

static void judge_pair(const struct telling *t, const struct job *job)
{
	struct verify_tally *tally = &t->box->tally;
	bool is_counted =
	    t->box->is_bare || job->options.verify == JOB_VERIFY_COUNT;
	bool differs = false;

	if ((t->source->marks | t->target->marks) & VERIFY_MARK_UNREADABLE) {
		tell(t, '!', VERIFY_COUNT_UNREADABLE,
		    (t->source->marks & VERIFY_MARK_UNREADABLE)
			? "the source could not give it"
			: "the target could not give it");
		return;
	}
	if (t->source->marks & (VERIFY_MARK_CHANGED | VERIFY_MARK_WEAK)) {
		tell(t, '*', VERIFY_COUNT_CHANGED, "its content differs");
		differs = true;
	}
	if (!is_counted) {
		differs |= tell_date(t);
		differs |= tell_flags(t);
	}
	if (t->source->marks & VERIFY_MARK_KEYWORDS)
		tally->n[VERIFY_COUNT_KEYWORDS]++;
	tally->n[VERIFY_COUNT_EQUAL] += !differs;
}

/* At the level of bodies, all of them: both were read, and are the same. */
static void count_body(const struct telling *t, const struct job *job)
{
	if (job->options.verify != JOB_VERIFY_BODY || t->box->is_bare ||
	    job->options.verify_sample != 100 ||
	    memcmp(t->source->strict, t->target->strict,
		sizeof(t->source->strict)) != 0)
		return;
	t->box->tally.n[VERIFY_COUNT_BODIES]++;
	if ((t->source->marks & ~t->target->marks) & VERIFY_FEATURE_NO_LINE_END)
		t->box->tally.n[VERIFY_COUNT_LINE_END_ADDED]++;
}

static int64_t newest(const struct verify_list *list)
{
	int64_t seconds = VERIFY_NO_DATE;

	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].seconds > seconds)
			seconds = list->entries[i].seconds;
	return seconds;
}

static void judge_source(struct telling *t, const struct job *job)
{
	struct verify_list *source = &t->box->half[VERIFY_SOURCE].list;
	struct verify_list *target = &t->box->half[VERIFY_TARGET].list;
	int64_t limit = job->options.mode == JOB_MODE_SRC_NEW ? newest(target)
							      : VERIFY_NO_DATE;

	for (size_t i = 0; i < source->count; i++) {
		const struct verify_entry *e = &source->entries[i];
		t->source = e;
		t->target = NULL;
		if (e->marks & VERIFY_MARK_DELETED) {
			t->box->tally.n[VERIFY_COUNT_DELETED]++;
		} else if (e->pair != VERIFY_NO_PAIR) {
			t->target = &target->entries[e->pair];
			count_body(t, job);
			judge_pair(t, job);
		} else if (e->marks & VERIFY_MARK_UNREADABLE) {
			tell(t, '!', VERIFY_COUNT_UNREADABLE,
			    "the source could not give it");
		} else if (e->seconds < limit) {
			t->box->tally.n[VERIFY_COUNT_OLDER]++;
		} else {
			tell(t, '-', VERIFY_COUNT_MISSING,
			    e->marks & VERIFY_MARK_DOUBLED
				? "fewer of it on the target"
				: "not on the target");
		}
	}
}

static void judge_target(struct telling *t)
{
	struct verify_list *target = &t->box->half[VERIFY_TARGET].list;

	t->source = NULL;
	for (size_t i = 0; i < target->count; i++) {
		const struct verify_entry *e = &target->entries[i];
		t->target = e;
		if (e->pair != VERIFY_NO_PAIR)
			continue;
		if (e->marks & VERIFY_MARK_UNREADABLE)
			tell(t, '!', VERIFY_COUNT_UNREADABLE,
			    "the target could not give it");
		else if (e->marks & VERIFY_MARK_DOUBLED)
			tell(t, '+', VERIFY_COUNT_DOUBLED,
			    "more often on the target");
		else
			tell(t, '+', VERIFY_COUNT_EXTRA, "only on the target");
	}
}

void verify_judge_end(
    struct verify_box *box, const struct job *job, struct verify_report *report)
{
	struct telling t = {.box = box, .report = report};

	box->tally.n[VERIFY_COUNT_SOURCE] = box->half[VERIFY_SOURCE].list.count;
	box->tally.n[VERIFY_COUNT_TARGET] = box->half[VERIFY_TARGET].list.count;
	if (box->half[VERIFY_SOURCE].failure ||
	    box->half[VERIFY_TARGET].failure) {
		box->tally.n[VERIFY_COUNT_FOLDERS_UNREADABLE]++;
		return;
	}
	judge_source(&t, job);
	judge_target(&t);
}
