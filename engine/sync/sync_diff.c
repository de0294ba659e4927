// SPDX-License-Identifier: MIT
#include "engine/sync/sync_diff.h"

#include <stdbool.h>
#include <string.h>

#include "engine/imap/imap_date.h"
#include "engine/sync/sync_index.h"

/* A group of entries with one key; is_present marks those that are paired. */
struct group {
	struct sync_entry *entries;
	size_t count;
};

enum rule {
	RULE_SIZE_AND_DATE,
	RULE_SIZE,
	RULE_LINE_END_ADDED,
	RULE_ORDER
};

static int64_t instant(const struct sync_entry *e)
{
	return e->date == SYNC_INDEX_NO_DATE
		   ? INT64_MIN
		   : imap_date_packed_seconds(e->date);
}

static int three_way(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Order of two entries under a rule; both groups are sorted by size, date. */
static int compare(
    enum rule rule, const struct sync_entry *s, const struct sync_entry *t)
{
	int64_t added = rule == RULE_LINE_END_ADDED ? 2 : 0;

	if (rule == RULE_ORDER)
		return 0;
	int order = three_way((int64_t)s->size + added, t->size);
	if (order == 0 && rule == RULE_SIZE_AND_DATE)
		order = three_way(instant(s), instant(t));
	return order;
}

static size_t pair(struct group s, struct group t, enum rule rule)
{
	size_t i = 0, j = 0, paired = 0;

	while (i < s.count && j < t.count) {
		if (s.entries[i].is_present || s.entries[i].is_deleted) {
			i++;
			continue;
		}
		if (t.entries[j].is_present) {
			j++;
			continue;
		}
		int order = compare(rule, &s.entries[i], &t.entries[j]);
		if (order == 0) {
			s.entries[i++].is_present = 1;
			t.entries[j++].is_present = 1;
			paired++;
		} else if (order < 0) {
			i++;
		} else {
			j++;
		}
	}
	return paired;
}

static struct group group_at(struct sync_index *index, size_t at)
{
	struct group g = {index->entries + at, 1};

	while (at + g.count < index->count &&
	       memcmp(&g.entries[g.count].key, &g.entries[0].key,
		   sizeof(struct sync_key)) == 0)
		g.count++;
	return g;
}

size_t sync_diff(struct sync_index *source, struct sync_index *target)
{
	size_t i = 0, j = 0, present = 0;

	sync_index_sort_by_key(source);
	sync_index_sort_by_key(target);
	while (i < source->count && j < target->count) {
		int order = memcmp(&source->entries[i].key,
		    &target->entries[j].key, sizeof(struct sync_key));
		if (order < 0) {
			i++;
		} else if (order > 0) {
			j++;
		} else {
			struct group s = group_at(source, i);
			struct group t = group_at(target, j);
			present += pair(s, t, RULE_SIZE_AND_DATE);
			present += pair(s, t, RULE_SIZE);
			present += pair(s, t, RULE_LINE_END_ADDED);
			present += pair(s, t, RULE_ORDER);
			i += s.count;
			j += t.count;
		}
	}
	sync_index_sort_by_uid(source);
	return present;
}
