// SPDX-License-Identifier: MIT
#include "engine/sync/sync_ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_seqset.h"
#include "engine/sync/sync_index.h"
#include "engine/sync/sync_wake.h"

enum {
	NOBODY = JOB_CONNECTIONS_MAX
};

struct range {
	uint32_t low, high;
};

struct entry {
	enum sync_ledger_state state;
	bool source_refused, has_strangers;
	uint32_t uidnext, uidvalidity, strangers_end;
	char *flags; /* NULL: not known */
	bool any_keyword;
	/* ours: ascending, apart from each other */
	struct range *ranges;
	size_t range_count, range_cap;
	struct sync_key *keys;
	size_t key_count, key_cap;
	uint64_t copied;
	uint32_t end_uidvalidity;
	unsigned refused_in_row;
	uint32_t stored_uid; /* the highest, of the source */
	uint16_t under_way[JOB_CONNECTIONS_MAX];
	unsigned searcher;
};

struct sync_ledger {
	pthread_mutex_t mutex;
	unsigned lanes;
	struct sync_wake *wakes[JOB_CONNECTIONS_MAX];
	struct entry *entries;
	size_t count;
	char *flags; /* of mailboxes that nobody asked */
	bool any_keyword;
	bool is_going, is_wanted;
};

struct sync_ledger *sync_ledger_new(unsigned lanes)
{
	struct sync_ledger *l = mem_calloc(1, sizeof(*l));

	(void)pthread_mutex_init(&l->mutex, NULL);
	l->lanes = lanes;
	return l;
}

static void release_entry(struct entry *e)
{
	free(e->flags);
	free(e->ranges);
	free(e->keys);
}

void sync_ledger_free(struct sync_ledger *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		release_entry(&l->entries[i]);
	free(l->entries);
	free(l->flags);
	(void)pthread_mutex_destroy(&l->mutex);
	free(l);
}

void sync_ledger_set_wake(
    struct sync_ledger *l, unsigned lane, struct sync_wake *wake)
{
	l->wakes[lane] = wake;
}

void sync_ledger_open(struct sync_ledger *l, size_t mailboxes)
{
	(void)pthread_mutex_lock(&l->mutex);
	bug_if(l->entries);
	l->entries = mem_calloc(mailboxes, sizeof(*l->entries));
	l->count = mailboxes;
	for (size_t i = 0; i < mailboxes; i++)
		l->entries[i].searcher = NOBODY;
	(void)pthread_mutex_unlock(&l->mutex);
}

/* With the mutex held until leave(). */
static struct entry *enter(struct sync_ledger *l, size_t mailbox)
{
	(void)pthread_mutex_lock(&l->mutex);
	bug_if(mailbox >= l->count);
	return &l->entries[mailbox];
}

static void leave(struct sync_ledger *l)
{
	(void)pthread_mutex_unlock(&l->mutex);
}

static void wake_all(struct sync_ledger *l)
{
	for (unsigned i = 0; i < l->lanes; i++)
		if (l->wakes[i])
			sync_wake_signal(l->wakes[i]);
}

/* ------------------------------------------------------- mailboxes */

void sync_ledger_set_mark(
    struct sync_ledger *l, size_t mailbox, uint32_t uidnext, bool at_first)
{
	struct entry *e = enter(l, mailbox);

	if (!at_first || e->uidnext == 0)
		e->uidnext = uidnext;
	leave(l);
}

uint32_t sync_ledger_mark(struct sync_ledger *l, size_t mailbox)
{
	uint32_t mark = enter(l, mailbox)->uidnext;

	leave(l);
	return mark;
}

void sync_ledger_set_uidvalidity(
    struct sync_ledger *l, size_t mailbox, uint32_t uidvalidity)
{
	enter(l, mailbox)->uidvalidity = uidvalidity;
	leave(l);
}

uint32_t sync_ledger_uidvalidity(struct sync_ledger *l, size_t mailbox)
{
	uint32_t uidvalidity = enter(l, mailbox)->uidvalidity;

	leave(l);
	return uidvalidity;
}

bool sync_ledger_set_state(
    struct sync_ledger *l, size_t mailbox, enum sync_ledger_state state)
{
	struct entry *e = enter(l, mailbox);
	bool is_new = e->state != state;

	e->state = state;
	leave(l);
	if (is_new)
		wake_all(l);
	return is_new;
}

enum sync_ledger_state sync_ledger_state(struct sync_ledger *l, size_t mailbox)
{
	enum sync_ledger_state state = enter(l, mailbox)->state;

	leave(l);
	return state;
}

bool sync_ledger_refuse_source(struct sync_ledger *l, size_t mailbox)
{
	struct entry *e = enter(l, mailbox);
	bool is_first = !e->source_refused;

	e->source_refused = true;
	leave(l);
	return is_first;
}

void sync_ledger_set_strangers(
    struct sync_ledger *l, size_t mailbox, uint32_t end)
{
	struct entry *e = enter(l, mailbox);

	e->has_strangers = true;
	e->strangers_end = end;
	leave(l);
}

bool sync_ledger_has_strangers(struct sync_ledger *l, size_t mailbox)
{
	bool has = enter(l, mailbox)->has_strangers;

	leave(l);
	return has;
}

void sync_ledger_reset(struct sync_ledger *l, size_t mailbox)
{
	struct entry *e = enter(l, mailbox);

	e->uidnext = 1;
	e->uidvalidity = e->end_uidvalidity = 0;
	e->range_count = e->key_count = 0;
	e->strangers_end = 0;
	leave(l);
}

void sync_ledger_set_flags(
    struct sync_ledger *l, size_t mailbox, const char *list, bool any_keyword)
{
	char *copy = mem_strdup(list);

	(void)pthread_mutex_lock(&l->mutex);
	bool is_one = mailbox < l->count;
	char **to = is_one ? &l->entries[mailbox].flags : &l->flags;
	free(*to);
	*to = copy;
	*(is_one ? &l->entries[mailbox].any_keyword : &l->any_keyword) =
	    any_keyword;
	leave(l);
}

char *sync_ledger_flags(
    struct sync_ledger *l, size_t mailbox, bool *any_keyword_out)
{
	const struct entry *e = enter(l, mailbox);
	const char *list = e->flags ? e->flags : l->flags;
	char *copy = list ? mem_strdup(list) : NULL;

	*any_keyword_out = e->flags ? e->any_keyword : l->any_keyword;
	leave(l);
	return copy;
}

/* ---------------------------------------------------------- beginning */

void sync_ledger_go(struct sync_ledger *l)
{
	(void)pthread_mutex_lock(&l->mutex);
	bool is_new = !l->is_going;
	l->is_going = true;
	leave(l);
	if (is_new)
		wake_all(l);
}

bool sync_ledger_is_going(struct sync_ledger *l)
{
	(void)pthread_mutex_lock(&l->mutex);
	bool is_going = l->is_going;
	leave(l);
	return is_going;
}

void sync_ledger_want_go(struct sync_ledger *l)
{
	(void)pthread_mutex_lock(&l->mutex);
	bool is_new = !l->is_wanted;
	l->is_wanted = true;
	leave(l);
	if (is_new)
		wake_all(l);
}

bool sync_ledger_is_wanted(struct sync_ledger *l)
{
	(void)pthread_mutex_lock(&l->mutex);
	bool is_wanted = l->is_wanted;
	leave(l);
	return is_wanted;
}

/* -------------------------------------------------------------- ours */

static uint32_t next_uid(const struct entry *e)
{
	uint32_t next =
	    e->range_count > 0 ? e->ranges[e->range_count - 1].high + 1 : 0;

	return next > e->uidnext ? next : e->uidnext;
}

bool sync_ledger_strangers(struct sync_ledger *l, size_t mailbox,
    uint32_t *end_out, uint32_t *next_out)
{
	const struct entry *e = enter(l, mailbox);
	// only one range, from there on, is surely without a stranger
	bool is_known = e->has_strangers && e->range_count == 1 &&
			e->strangers_end > e->uidnext &&
			e->ranges[0].low == e->strangers_end;

	*end_out = e->strangers_end;
	*next_out = is_known ? e->ranges[0].high + 1 : 0;
	leave(l);
	return is_known;
}

bool sync_ledger_begin_append(
    struct sync_ledger *l, size_t mailbox, unsigned lane, uint32_t *floor_out)
{
	struct entry *e = enter(l, mailbox);
	bool may = e->searcher == NOBODY || e->searcher == lane;

	if (may) {
		e->under_way[lane]++;
		*floor_out = next_uid(e);
	}
	leave(l);
	return may;
}

void sync_ledger_end_append(
    struct sync_ledger *l, size_t mailbox, unsigned lane)
{
	struct entry *e = enter(l, mailbox);

	bug_if(e->under_way[lane] == 0);
	e->under_way[lane]--;
	bool is_awaited = e->searcher != NOBODY && e->under_way[lane] == 0;
	leave(l);
	if (is_awaited)
		wake_all(l);
}

/* The first range that ends at `uid` or behind it. */
static size_t find_range(const struct entry *e, uint32_t uid)
{
	size_t low = 0, high = e->range_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (e->ranges[mid].high < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_free(const struct entry *e, uint32_t low, uint32_t high)
{
	size_t at = find_range(e, low);

	return at == e->range_count || e->ranges[at].low > high;
}

/* Of a free one. */
static void add_range(struct entry *e, uint32_t low, uint32_t high)
{
	size_t at = find_range(e, low);
	bool joins_next = at < e->range_count && e->ranges[at].low - 1 == high;
	bool joins_last = at > 0 && e->ranges[at - 1].high + 1 == low;

	if (joins_last && joins_next) {
		e->ranges[at - 1].high = e->ranges[at].high;
		e->range_count--;
		memmove(&e->ranges[at], &e->ranges[at + 1],
		    (e->range_count - at) * sizeof(*e->ranges));
	} else if (joins_last) {
		e->ranges[at - 1].high = high;
	} else if (joins_next) {
		e->ranges[at].low = low;
	} else {
		e->ranges = mem_grow(e->ranges, &e->range_cap, e->range_count,
		    sizeof(*e->ranges));
		memmove(&e->ranges[at + 1], &e->ranges[at],
		    (e->range_count - at) * sizeof(*e->ranges));
		e->ranges[at] = (struct range){low, high};
		e->range_count++;
	}
}

/* The last UID of the set when it is ascending, of `count`, and none of it is
 * known to be ours already; else 0. */
static uint32_t check_uids(const struct entry *e, const char *set, size_t count)
{
	struct imap_seqset_reader r;
	uint32_t low = 0, high = 0, last = 0;
	uint64_t n = 0;
	int rc = 0;

	imap_seqset_reader_init(&r, set, strlen(set));
	while ((rc = imap_seqset_next(&r, &low, &high)) == 1) {
		if (low <= last || !is_free(e, low, high))
			return 0;
		n += (uint64_t)high - low + 1;
		last = high;
	}
	return rc == 0 && n == count && last < UINT32_MAX ? last : 0;
}

uint32_t sync_ledger_add_uids(
    struct sync_ledger *l, size_t mailbox, const char *args, size_t count)
{
	struct imap_seqset_reader r;
	uint32_t low = 0, high = 0, last = 0;
	char *end = NULL;
	unsigned long long n = strtoull(args, &end, 10);

	if (end == args || *end != ' ' || n == 0 || n > UINT32_MAX)
		return 0;
	struct entry *e = enter(l, mailbox);
	bool is_other = (e->uidvalidity && e->uidvalidity != n) ||
			(e->end_uidvalidity && e->end_uidvalidity != n);
	if (!is_other)
		last = check_uids(e, end + 1, count);
	if (last > 0) {
		e->end_uidvalidity = (uint32_t)n;
		imap_seqset_reader_init(&r, end + 1, strlen(end + 1));
		while (imap_seqset_next(&r, &low, &high) == 1)
			add_range(e, low, high);
	}
	leave(l);
	return last;
}

void sync_ledger_add_key(
    struct sync_ledger *l, size_t mailbox, const struct sync_key *key)
{
	struct entry *e = enter(l, mailbox);

	e->keys =
	    mem_grow(e->keys, &e->key_cap, e->key_count, sizeof(*e->keys));
	e->keys[e->key_count++] = *key;
	leave(l);
}

void sync_ledger_copied(struct sync_ledger *l, size_t mailbox, uint32_t uid)
{
	struct entry *e = enter(l, mailbox);

	e->copied++;
	e->refused_in_row = 0;
	if (uid > e->stored_uid)
		e->stored_uid = uid;
	leave(l);
}

unsigned sync_ledger_refused(
    struct sync_ledger *l, size_t mailbox, uint32_t uid)
{
	struct entry *e = enter(l, mailbox);
	unsigned in_row = uid < e->stored_uid ? 0 : ++e->refused_in_row;

	leave(l);
	return in_row;
}

/* -------------------------------------------------------- searching */

bool sync_ledger_begin_search(
    struct sync_ledger *l, size_t mailbox, unsigned lane)
{
	struct entry *e = enter(l, mailbox);
	bool is_alone = true;

	if (e->searcher == NOBODY)
		e->searcher = lane; // from now on nobody begins
	for (unsigned i = 0; i < l->lanes; i++)
		is_alone &= i == lane || e->under_way[i] == 0;
	bool may = e->searcher == lane && is_alone;
	leave(l);
	return may;
}

void sync_ledger_end_search(
    struct sync_ledger *l, size_t mailbox, unsigned lane)
{
	struct entry *e = enter(l, mailbox);
	bool was_ours = e->searcher == lane;

	if (was_ours)
		e->searcher = NOBODY;
	leave(l);
	if (was_ours)
		wake_all(l);
}

void sync_ledger_sift(
    struct sync_ledger *l, size_t mailbox, struct sync_index *found)
{
	const struct entry *e = enter(l, mailbox);

	for (size_t i = 0; i < found->count; i++) {
		uint32_t uid = found->entries[i].uid;
		found->entries[i].is_present |= !is_free(e, uid, uid);
	}
	for (size_t k = 0; k < e->key_count; k++)
		for (size_t i = 0; i < found->count; i++) {
			struct sync_entry *f = &found->entries[i];
			if (f->is_present ||
			    memcmp(&f->key, &e->keys[k], sizeof(f->key)) != 0)
				continue;
			f->is_present = 1;
			break;
		}
	leave(l);
}

void sync_ledger_claim(struct sync_ledger *l, size_t mailbox, uint32_t uid)
{
	struct entry *e = enter(l, mailbox);

	if (is_free(e, uid, uid))
		add_range(e, uid, uid);
	leave(l);
}

/* --------------------------------------------------------------- end */

bool sync_ledger_has_copied(struct sync_ledger *l, size_t mailbox)
{
	bool has = enter(l, mailbox)->copied > 0;

	leave(l);
	return has;
}

uint32_t sync_ledger_end(
    struct sync_ledger *l, size_t mailbox, uint32_t *uidvalidity_out)
{
	const struct entry *e = enter(l, mailbox);
	bool is_known = e->range_count > 0 && e->key_count == 0;
	uint32_t end = is_known ? e->ranges[e->range_count - 1].high + 1 : 0;

	*uidvalidity_out = is_known ? e->end_uidvalidity : 0;
	leave(l);
	return end;
}

uint32_t sync_ledger_top(struct sync_ledger *l, size_t mailbox)
{
	const struct entry *e = enter(l, mailbox);
	uint32_t top =
	    e->range_count > 0 ? e->ranges[e->range_count - 1].high : 0;

	leave(l);
	return top;
}
