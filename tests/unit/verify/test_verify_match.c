// SPDX-License-Identifier: MIT
#include "engine/verify/verify_match.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/verify/verify_list.h"

/*
 * A message as a test says it: content, identity, date and flag by a letter
 * each, "-" for none; then marks: d \Deleted, u unreadable.
 */
static void add(struct verify_list *l, const char *text)
{
	struct verify_entry e = {.uid = (uint32_t)l->count + 1,
	    .pair = VERIFY_NO_PAIR,
	    .size = 100,
	    .seconds = VERIFY_NO_DATE};
	struct error err;
	char flag[2] = {text[3], '\0'};
	bool deleted = false;

	e.strict[0] = (uint8_t)text[0];
	e.ident = text[1] == '-' ? 0 : (uint64_t)text[1];
	if (text[2] != '-')
		e.seconds = text[2];
	if (text[3] != '-')
		e.flags = verify_flags_number(
		    &l->flags, (struct imap_str){flag, 1}, &deleted);
	for (const char *p = text + 4; *p; p++)
		e.marks |=
		    *p == 'd' ? VERIFY_MARK_DELETED : VERIFY_MARK_UNREADABLE;
	cr_assert_eq(verify_list_add(l, &e, &err), 0);
}

static void fill(struct verify_list *l, const char *text)
{
	char copy[256], *rest = NULL;

	verify_list_init(l);
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		add(l, word);
}

/* Per message its pair, "." for none, then w weak, + doubled. */
static void show(const struct verify_list *l, char *out, size_t max)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < l->count && used + 8 < max; i++) {
		const struct verify_entry *e = &l->entries[i];
		if (e->pair == VERIFY_NO_PAIR)
			used += (size_t)snprintf(out + used, max - used, ".");
		else
			used += (size_t)snprintf(
			    out + used, max - used, "%u", e->pair);
		if (e->marks & VERIFY_MARK_WEAK)
			out[used++] = 'w';
		if (e->marks & VERIFY_MARK_DOUBLED)
			out[used++] = '+';
		out[used] = '\0';
	}
}

struct row {
	const char *source, *target, *pairs, *others;
	bool is_counted;
};

Test(verify_match, pairs_messages)
{
	static const struct row rows[] = {
	    {"", "", "", "", false},
	    {"Aa1x Bb2x", "Bb2x Aa1x", "10", "10", false},
	    // missing, extra
	    {"Aa1x Bb2x", "Bb2x", ".0", "1", false},
	    {"Aa1x", "Bb2x Aa1x", "1", ".0", false},
	    // doubled, and fewer of it
	    {"Aa1x", "Aa1x Aa1x", "0", "0.+", false},
	    {"Aa1x Aa1x Aa1x", "Aa1x", "0.+.+", "0", false},
	    // of equal ones those with the same date and flags are pairs
	    {"Aa1x Aa2y Aa3z", "Aa3z Aa1x Aa2y", "120", "201", false},
	    {"Aa1x Aa2y", "Aa2z Aa1x", "10", "10", false},
	    {"Aa1x Aa1y", "Aa5y Aa1x", "10", "10", false},
	    {"Aa1x Aa2y", "Aa9y Aa8q", "10", "10", false},
	    // changed: another content, the same identity
	    {"Aa1x", "Ba1x", "0w", "0w", false},
	    {"Aa1x Bb2x", "Cb2x Da1x", "1w0w", "1w0w", false},
	    // the identity was changed: date and size
	    {"Aa1x", "Bb1x", "0w", "0w", false},
	    {"Aa1x", "Bb2x", ".", ".", false},
	    {"A--x", "B--x", ".", ".", false}, // nothing in common
	    // one that is too many is no changed one
	    {"Aa1x Ba1x", "Aa1x Aa1x", "0.", "0.+", false},
	    // deleted on the source: a copy may be there, or not
	    {"Aa1xd Bb1x", "Bb1x", ".0", "1", false},
	    {"Aa1xd", "Aa1x", "0", "0", false},
	    {"Aa1xd Aa1x", "Aa1x", ".+0", "1", false},
	    {"Aa1xd", "Ba1x", ".", ".", false},
	    // unreadable: by date, so that it is not missing as well
	    {"A-1xu Bb2x", "Cc1x Bb2x", "01", "01", false},
	    {"Cc1x Bb2x", "A-1xu Bb2x", "01", "01", false},
	    // counted only
	    {"A-1x B-2y C-3zd", "D-9- E-8- F-7-", "..2", "..2", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct verify_list source, target;
		char pairs[128], others[128];
		if (rows[i].is_counted)
			continue;
		fill(&source, rows[i].source);
		fill(&target, rows[i].target);
		verify_match(&source, &target, true);
		show(&source, pairs, sizeof(pairs));
		show(&target, others, sizeof(others));
		cr_assert_str_eq(pairs, rows[i].pairs, "row %zu: %s", i, pairs);
		cr_assert_str_eq(
		    others, rows[i].others, "row %zu: %s", i, others);
		verify_list_release(&source);
		verify_list_release(&target);
	}
}

Test(verify_match, counts_without_digests)
{
	struct verify_list source, target;
	char pairs[128];

	fill(&source, "0--x 0--y 0--zd");
	fill(&target, "0--- 0---");
	verify_match(&source, &target, false);
	show(&source, pairs, sizeof(pairs));
	cr_assert_str_eq(pairs, "01.", "%s", pairs);
	verify_list_release(&source);
	verify_list_release(&target);
}

/* Many equal messages are no trouble: what is paired grows as n log n. */
Test(verify_match, two_hundred_thousand_equal_ones, .timeout = 60)
{
	enum {
		COUNT = 200000
	};

	struct verify_list list[2];
	struct error err;

	for (int s = 0; s < 2; s++) {
		verify_list_init(&list[s]);
		for (uint32_t i = 0; i < COUNT; i++) {
			const struct verify_entry e = {.uid = i + 1,
			    .pair = VERIFY_NO_PAIR,
			    .seconds = (i * 7919u + (unsigned)s * 31u) % 1000};
			cr_assert_eq(verify_list_add(&list[s], &e, &err), 0);
		}
	}
	verify_match(&list[0], &list[1], true);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t pair = list[0].entries[i].pair;
		cr_assert_lt(pair, (uint32_t)COUNT);
		cr_assert_eq(list[1].entries[pair].pair, i);
		cr_assert_eq(
		    list[0].entries[i].seconds, list[1].entries[pair].seconds);
	}
	verify_list_release(&list[0]);
	verify_list_release(&list[1]);
}
