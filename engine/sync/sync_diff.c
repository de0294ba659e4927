// SPDX-License-Identifier: MIT
#include "engine/sync/sync_diff.h"

#include <stdbool.h>
#include <string.h>

#include "engine/base/mem.h"
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

/* The two groups, and where pairs are noted. */
struct match {
	struct group s, t;
	struct sync_pairs *pairs; /* may be NULL */
	bool deleted;             /* those that are \Deleted on the source */
};

static void note(const struct match *m, size_t i, size_t j)
{
	struct sync_pairs *p = m->pairs;

	if (!p)
		return;
	p->list = mem_grow(p->list, &p->cap, p->count, sizeof(*p->list));
	p->list[p->count++] =
	    (struct sync_pair){m->s.entries[i].uid, m->t.entries[j].uid};
}

static size_t pair(const struct match *m, enum rule rule)
{
	const struct group s = m->s, t = m->t;
	size_t i = 0, j = 0, paired = 0;

	while (i < s.count && j < t.count) {
		if (s.entries[i].is_present ||
		    s.entries[i].is_deleted != m->deleted) {
			i++;
			continue;
		}
		if (t.entries[j].is_present) {
			j++;
			continue;
		}
		int order = compare(rule, &s.entries[i], &t.entries[j]);
		if (order == 0) {
			note(m, i, j);
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

static size_t pair_groups(struct match *m)
{
	size_t paired = 0;

	for (int rule = RULE_SIZE_AND_DATE; rule <= RULE_ORDER; rule++)
		paired += pair(m, (enum rule)rule);
	return paired;
}

size_t sync_diff(struct sync_index *source, struct sync_index *target,
    struct sync_pairs *pairs)
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
			struct match m = {.s = group_at(source, i),
			    .t = group_at(target, j),
			    .pairs = pairs};
			present += pair_groups(&m);
			m.deleted = true;
			if (pairs && !pairs->without_deleted)
				present += pair_groups(&m);
			i += m.s.count;
			j += m.t.count;
		}
	}
	sync_index_sort_by_uid(source);
	return present;
}
