// SPDX-License-Identifier: MIT
#include "engine/sync/sync_recall.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_date.h"
#include "engine/sync/sync_diff.h"
#include "engine/sync/sync_index.h"

enum {
	FROM = 10,  /* what is below was known, on both sides */
	KNOWN = 5,  /* so many messages */
	MARKED = 1, /* of the source, one of them without a pair */
	PAIRS_MAX = 16
};

/* Messages as text: "3" is known by its UID only, "3a" has been told with key a,
 * "3A" with another key but date and size of a; "!" behind it: \Deleted. */
static void fill(
    struct sync_index *index, struct sync_uids *deleted, const char *text)
{
	char *end;

	for (const char *p = text; *p; p = end + (*end == ' ')) {
		uint32_t uid = (uint32_t)strtoul(p, &end, 10);
		char key = *end && !strchr(" !", *end) ? *end++ : '\0';
		bool is_deleted = *end == '!';
		end += is_deleted;
		if (!key) {
			sync_uids_add(&index->old, uid);
			if (is_deleted)
				sync_uids_add(deleted, uid);
			continue;
		}
		char low = (char)(key | 0x20);
		const struct imap_date date = {.seconds = low * 1000};
		struct sync_entry e = {.uid = uid,
		    .size = 100,
		    .date = imap_date_pack(&date),
		    .is_deleted = is_deleted};
		e.key.bytes[0] = (uint8_t)key;
		index->entries = mem_grow(
		    index->entries, &index->cap, index->count, sizeof(e));
		index->entries[index->count++] = e;
	}
}

static size_t read_pairs(struct sync_state_pair *pairs, const char *text)
{
	size_t count = 0;
	char *end;

	for (const char *p = text; *p; p = end + (*end == ' ')) {
		pairs[count].source_uid = (uint32_t)strtoul(p, &end, 10);
		cr_assert(*end == '-');
		pairs[count++].target_uid =
		    (uint32_t)strtoul(end + 1, &end, 10);
	}
	return count;
}

static void tell_uids(
    struct buf *b, const char *what, const struct sync_uids *u)
{
	if (u->count > 0)
		cr_assert(buf_printf(b, "%s%s", b->len ? " " : "", what) == 0);
	for (size_t i = 0; i < u->count; i++)
		cr_assert(buf_printf(b, " %" PRIu32, u->list[i]) == 0);
}

/* Entries of the source that are to be compared by key. */
static void tell_open(struct buf *b, const struct sync_index *source)
{
	struct sync_uids open = {0};

	for (size_t i = 0; i < source->count; i++)
		if (!source->entries[i].is_present &&
		    !source->entries[i].is_deleted)
			sync_uids_add(&open, source->entries[i].uid);
	tell_uids(b, "open", &open);
	sync_uids_release(&open);
}

struct row {
	char pairs[80], source[80], target[80];
	char result[80];
};

ParameterizedTestParameters(sync_recall, what_is_asked_for)
{
	static struct row rows[] = {
	    // nothing new: nothing is asked for
	    {"1-1 2-2 3-3", "1 2 3c", "1 2 3c", "present 2"},
	    {"1-5 2-6 3-7", "1 2 3c", "5 6 7c", "present 2"},
	    // new on the source: only what has no pair there is compared
	    {"1-1 2-2 3-3", "1 2 3c 10x", "1 2 3c", "present 2 open 10"},
	    {"1-1 2-2 3-3", "1 2 3c 10x", "1 2 3c 4 10y",
		"present 2 target 4 open 10"},
	    // new on the target only: nobody needs its key
	    {"1-1 2-2 3-3", "1 2 3c", "1 2 3c 4", "present 2"},
	    // gone on the source: its copy may be the copy of another
	    {"1-1 2-2 3-3", "2 3c", "1 2 3c", "present 1 lost 1"},
	    {"1-1 2-2 3-3", "2 3c 10a", "1 2 3c",
		"present 1 target 1 lost 1 open 10"},
	    // gone on the target: by key
	    {"1-1 2-2 3-3", "1 2 3c", "2 3c", "present 1 source 1 lost 1"},
	    {"1-1 2-2 3-3", "1 2 3c", "2 3c 10a", "present 1 source 1 lost 1"},
	    // marked: takes no part, its copy may be that of another
	    {"1-1 2-2 3-3", "1! 2 3c", "1 2 3c", "present 1 marked 1"},
	    {"1-1 2-2 3-3", "1! 2 3c 10a", "1 2 3c",
		"present 1 marked 1 target 1 open 10"},
	    {"1-1 2-2 3-3", "1 2 3c!", "1 2 3c", "present 2"},
	    // its UID on the target is not known
	    {"1-1 2-0 3-3", "1 2 3c", "1 2 3c", "present 1 source 2 target 2"},
	    // one message of the target cannot be two
	    {"1-1 2-1 3-3", "1 2 3c", "1 3c", "present 1 source 2 lost 1"},
	    // no more than the highest witness proves
	    {"1-1 2-2 3-3", "1 2b 3", "1 2b 3", "present 1 source 3 target 3"},
	    {"1-3 2-2 3-1", "1 2b 3", "3 2b 1", "source 1 3 target 1 3"},
	    // a target that rewrites: two must say so
	    {"1-1 2-2 3-3", "1 2b 3c", "1 2B 3C", "present 1"},
	    {"1-1 2-2 3-3", "1 2 3c", "1 2 3C", "doubt"},
	    {"3-3", "3c", "3C", ""},
	    {"1-1 2-2 3-3", "1 2b 3c", "1 2b 3C", "present 1"},
	    // another message has the UID
	    {"1-1 2-2 3-3", "1 2 3c", "1 2 3d", "doubt"},
	    {"1-1 2-2 3-3", "1 2b 3c", "1 2d 3c", "doubt"},
	    // nobody can tell
	    {"1-1 2-2 3-3", "1 2 3", "1 2 3", "doubt"},
	    {"1-1 2-2 3-3", "1 2", "1 2 3c", "doubt"},
	    {"", "1 2 3c", "1 2 3c", "doubt"},
	    // more than there were
	    {"1-1 2-2 3-3", "1 2 3c 4 5", "1 2 3c", "doubt"},
	    {"1-1 2-2 3-3", "1 2 3c", "1 2 3c 4 5 6 7", "doubt"},
	    // listed twice, with a key and without
	    {"1-1 2-2 3-3", "1 2 3 3c", "1 2 3 3c", "present 2"},
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(const struct row *row, sync_recall, what_is_asked_for)
{
	const struct sync_recall_plan plan = {.source_from = FROM,
	    .target_from = FROM,
	    .source_known = KNOWN,
	    .target_known = KNOWN,
	    .unpaired_known = MARKED};
	struct sync_state_pair pairs[PAIRS_MAX];
	struct sync_index source = {0}, target = {0};
	struct sync_uids deleted = {0};
	struct sync_recall_result result;
	struct buf b;

	fill(&source, &deleted, row->source);
	fill(&target, NULL, row->target);
	sync_index_finish(&source);
	sync_index_finish(&target);
	sync_uids_finish(&source.old);
	sync_uids_finish(&target.old);
	const struct sync_recall recall = {.plan = &plan,
	    .pairs = pairs,
	    .count = read_pairs(pairs, row->pairs),
	    .source = &source,
	    .target = &target,
	    .deleted = &deleted};
	sync_recall_apply(&recall, NULL, &result);
	buf_init(&b, 400);
	if (result.doubt)
		cr_assert(buf_puts(&b, "doubt") == 0);
	if (result.present)
		cr_assert(buf_printf(&b, "present %zu", result.present) == 0);
	if (result.deleted)
		cr_assert(buf_printf(&b, " marked %zu", result.deleted) == 0);
	tell_uids(&b, "source", &result.source_wanted);
	tell_uids(&b, "target", &result.target_wanted);
	if (result.lost)
		cr_assert(buf_printf(&b, " lost %zu", result.lost) == 0);
	if (!result.doubt)
		tell_open(&b, &source);
	cr_assert_str_eq(b.len ? b.data : "", row->result, "'%s' | '%s'",
	    row->source, row->target);
	buf_release(&b);
	sync_recall_result_release(&result);
	sync_index_release(&source);
	sync_index_release(&target);
	sync_uids_release(&deleted);
}

struct plan_row {
	struct sync_state_side then[2], now[2];
	bool complete, is_made, is_whole;
	uint32_t source_from, target_from, target_known;
};

ParameterizedTestParameters(sync_recall, when_pairs_are_of_use)
{
	static struct plan_row rows[] = {
	    {{{1, 200, 150, 0}, {2, 300, 150, 0}},
		{{1, 210, 160, 0}, {2, 300, 150, 0}}, true, true, false, 200,
		300, 150},
	    // few messages
	    {{{1, 200, 50, 0}, {2, 300, 50, 0}},
		{{1, 210, 60, 0}, {2, 300, 50, 0}}, true, true, true, 200, 300,
		50},
	    // others added to the target meanwhile: its UIDNEXT was not kept
	    {{{1, 200, 150, 0}, {2, 0, 150, 0}},
		{{1, 210, 160, 0}, {2, 300, 150, 0}}, true, true, false, 200,
		104, SYNC_RECALL_NO_LIMIT},
	    // a pass that left something out
	    {{{1, 200, 150, 0}, {2, 0, 0, 0}},
		{{1, 210, 160, 0}, {2, 300, 150, 0}}, false, true, false, 200,
		104, SYNC_RECALL_NO_LIMIT},
	    // made anew
	    {{{1, 200, 150, 0}, {2, 300, 150, 0}},
		{{9, 210, 160, 0}, {2, 300, 150, 0}}, true, false, false, 0, 0,
		0},
	    {{{1, 200, 150, 0}, {2, 300, 150, 0}},
		{{1, 210, 160, 0}, {9, 300, 150, 0}}, true, false, false, 0, 0,
		0},
	    // UIDNEXT goes back, is not told, or below what has a pair
	    {{{1, 200, 150, 0}, {2, 300, 150, 0}},
		{{1, 199, 160, 0}, {2, 300, 150, 0}}, true, false, false, 0, 0,
		0},
	    {{{1, 200, 150, 0}, {2, 300, 150, 0}},
		{{1, 210, 160, 0}, {2, 299, 150, 0}}, true, false, false, 0, 0,
		0},
	    {{{1, 200, 150, 0}, {2, 300, 150, 0}},
		{{1, 0, 160, 0}, {2, 300, 150, 0}}, true, false, false, 0, 0,
		0},
	    {{{1, 0, 150, 0}, {2, 300, 150, 0}},
		{{1, 210, 160, 0}, {2, 300, 150, 0}}, true, false, false, 0, 0,
		0},
	    {{{1, 200, 150, 0}, {2, 0, 150, 0}},
		{{1, 210, 160, 0}, {2, 103, 150, 0}}, true, false, false, 0, 0,
		0},
	};

	return cr_make_param_array(
	    struct plan_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(
    const struct plan_row *row, sync_recall, when_pairs_are_of_use)
{
	const struct sync_state_pair pairs[] = {
	    {1, 103}, {2, 0}, {3, 101}, {4, 102}};

	const struct sync_state_box box = {.source = row->then[0],
	    .target = row->then[1],
	    .complete = row->complete};
	struct sync_recall_plan *plan = sync_recall_plan_new(
	    &box, pairs, ARRAY_LEN(pairs), &row->now[0], &row->now[1]);

	cr_assert_eq(plan != NULL, row->is_made);
	if (!plan)
		return;
	cr_assert_eq(plan->is_whole, row->is_whole);
	cr_assert_eq(plan->source_from, row->source_from);
	cr_assert_eq(plan->target_from, row->target_from);
	cr_assert_eq(plan->target_known, row->target_known);
	// each once, and none without a UID on the target
	cr_assert_eq(plan->witness_count, 3);
	cr_assert_eq(plan->witnesses[0].source_uid, 4);
	free(plan);
}

Test(sync_recall, the_highest_of_both_sides_are_witnesses)
{
	struct sync_state_pair pairs[1000];
	const struct sync_state_side side = {1, 5000, 1000, 0};
	const struct sync_state_box box = {
	    .source = side, .target = side, .complete = true};
	bool has_last = false, has_highest = false;

	for (uint32_t i = 0; i < ARRAY_LEN(pairs); i++)
		pairs[i] = (struct sync_state_pair){i + 1, 2000 - i};
	struct sync_recall_plan *plan =
	    sync_recall_plan_new(&box, pairs, ARRAY_LEN(pairs), &side, &side);
	cr_assert_not_null(plan);
	cr_assert_eq(plan->witness_count, SYNC_RECALL_WITNESSES);
	for (size_t i = 0; i < plan->witness_count; i++) {
		has_last |= plan->witnesses[i].source_uid == 1000;
		has_highest |= plan->witnesses[i].target_uid == 2000;
	}
	cr_assert(has_last && has_highest);
	free(plan);
}

Test(sync_recall, a_mirror_keeps_the_copy_of_what_is_marked)
{
	const struct sync_state_pair pairs[] = {{1, 1}, {2, 2}};
	struct sync_index source = {0}, target = {0};
	struct sync_pairs used = {0};

	fill(&source, NULL, "1a! 2b!");
	fill(&target, NULL, "1A 2b");
	target.entries[1].is_present = 1; // of another one by now
	const struct sync_recall recall = {
	    .pairs = pairs, .count = 2, .source = &source, .target = &target};
	sync_recall_keep_deleted(&recall, &used);
	cr_assert_eq(used.count, 1);
	cr_assert_eq(used.list[0].target, 1);
	cr_assert(target.entries[0].is_present);
	free(used.list);
	sync_index_release(&source);
	sync_index_release(&target);
}
