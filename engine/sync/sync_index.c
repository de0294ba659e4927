// SPDX-License-Identifier: MIT
#include "engine/sync/sync_index.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_date.h"
#include "engine/imap/imap_seqset.h"
#include "engine/sync/sync_flags.h"

enum {
	SLACK = 10000, /* arrived while it was listed */
	ENTRIES_MAX = 20 * 1000 * 1000,
	KEYLESS_MAX = 200 * 1000 /* each costs a part of a command */
};

void sync_index_release(struct sync_index *index)
{
	free(index->entries);
	hash_keys_free(index->keys);
	sync_uids_release(&index->old);
	sync_flags_free(index->flags);
	*index = (struct sync_index){0};
}

void sync_index_reset(struct sync_index *index)
{
	index->count = index->keyless = 0;
	index->exists = index->uidvalidity = 0;
	index->is_part = false;
	sync_uids_reset(&index->old);
	if (index->flags) {
		sync_flags_free(index->flags);
		index->flags = sync_flags_new();
	}
}

const char *sync_index_items(bool with_keys)
{
	return with_keys
		   ? "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (" SYNC_IDENTITY_FIELDS
		     ")])"
		   : "(UID FLAGS INTERNALDATE RFC822.SIZE)";
}

const char *sync_index_prefix_items(void)
{
	return "(UID BODY.PEEK[]<0.4096>)";
}

static bool has_deleted_flag(const struct imap_fetch *f)
{
	struct imap_cursor c = {f->flags.s, f->flags.s + f->flags.len};
	struct imap_str flag;

	for (;;) {
		(void)imap_space(&c);
		if (!imap_atom(&c, &flag)) {
			if (!imap_skip(&c))
				return false;
			continue; // a string or a list is no flag
		}
		if (imap_str_is(flag, "\\Deleted"))
			return true;
	}
}

void sync_index_add(
    struct sync_index *index, const struct imap_fetch *f, bool with_keys)
{
	struct sync_entry e = {.date = SYNC_INDEX_NO_DATE};
	struct imap_date date;

	// a flag update that nobody asked for is no part of the listing
	if (!f->has_uid || !(f->has_size || f->has_date || f->has_header))
		return;
	e.uid = f->uid;
	e.size = f->size > SYNC_INDEX_SIZE_MAX
		     ? SYNC_INDEX_SIZE_MAX
		     : (uint32_t)f->size & SYNC_INDEX_SIZE_MAX;
	e.is_deleted = f->has_flags && has_deleted_flag(f);
	if (f->has_date && imap_date_parse(f->date.s, f->date.len, &date))
		e.date = imap_date_pack(&date);
	if (with_keys && !index->keys)
		index->keys = hash_keys_new();
	if (with_keys &&
	    (!f->header.s || !sync_identity_of_header(index->keys, f->header.s,
				 f->header.len, &e.key))) {
		e.is_keyless = 1;
		index->keyless++;
	}
	index->entries =
	    mem_grow(index->entries, &index->cap, index->count, sizeof(e));
	index->entries[index->count++] = e;
	if (index->flags && f->has_flags)
		sync_flags_add(index->flags, f->uid, f->flags);
}

bool sync_index_add_old(struct sync_index *index, const struct imap_fetch *f,
    uint32_t from, struct sync_uids *deleted)
{
	if (!f->has_uid || f->has_size || f->has_date || f->has_header)
		return false;
	if (f->uid == 0 || f->uid >= from)
		return true;
	if (index->old.count > (size_t)index->exists + SLACK) {
		index->old.is_bad = true;
		return true;
	}
	sync_uids_add(&index->old, f->uid);
	if (deleted && f->has_flags && has_deleted_flag(f))
		sync_uids_add(deleted, f->uid);
	return true;
}

int sync_index_check(const struct sync_index *index, struct error *err)
{
	if (index->count > (size_t)index->exists + SLACK ||
	    index->count > ENTRIES_MAX || index->keyless > KEYLESS_MAX)
		return error_set(err, ERROR_LIMIT, "proto.limit",
		    "the server lists %zu messages in a mailbox of %u",
		    index->count, index->exists);
	return 0;
}

static int by_uid(const void *a, const void *b)
{
	const struct sync_entry *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int by_key(const void *a, const void *b)
{
	const struct sync_entry *x = a, *y = b;
	int order = memcmp(&x->key, &y->key, sizeof(x->key));

	if (order == 0)
		order = (x->size > y->size) - (x->size < y->size);
	if (order == 0)
		order = (x->date > y->date) - (x->date < y->date);
	return order ? order : by_uid(a, b);
}

static int64_t instant(const struct sync_entry *e)
{
	return e->date == SYNC_INDEX_NO_DATE
		   ? INT64_MIN
		   : imap_date_packed_seconds(e->date);
}

static int by_date(const void *a, const void *b)
{
	int64_t x = instant(a), y = instant(b);

	return x != y ? (x > y) - (x < y) : by_uid(a, b);
}

typedef int compare_fn(const void *, const void *);

/* Puts a value into the heap below `hole`: down to the end along the greater
 * children, then up to where it belongs, which takes the fewest comparisons. */
static void sift(struct sync_entry *heap, size_t count, size_t hole,
    struct sync_entry value, compare_fn *compare)
{
	size_t top = hole, child;

	while ((child = 2 * hole + 2) <= count) {
		if (child == count ||
		    compare(&heap[child - 1], &heap[child]) > 0)
			child--;
		heap[hole] = heap[child];
		hole = child;
	}
	while (hole > top) {
		size_t parent = (hole - 1) / 2;
		if (compare(&heap[parent], &value) >= 0)
			break;
		heap[hole] = heap[parent];
		hole = parent;
	}
	heap[hole] = value;
}

static void sort(struct sync_index *index, compare_fn *compare)
{
	struct sync_entry *heap = index->entries;

	for (size_t i = index->count / 2; i-- > 0;)
		sift(heap, index->count, i, heap[i], compare);
	for (size_t i = index->count; i-- > 1;) {
		struct sync_entry last = heap[i];
		heap[i] = heap[0];
		sift(heap, i, 0, last, compare);
	}
}

void sync_index_sort_by_key(struct sync_index *index)
{
	sort(index, by_key);
}

void sync_index_sort_by_uid(struct sync_index *index)
{
	for (size_t i = 1; i < index->count; i++)
		if (index->entries[i].uid < index->entries[i - 1].uid) {
			sort(index, by_uid);
			return;
		}
}

void sync_index_sort_by_date(struct sync_index *index)
{
	sort(index, by_date);
}

void sync_index_finish(struct sync_index *index)
{
	size_t kept = 0;

	sync_index_sort_by_uid(index);
	index->keyless = 0;
	for (size_t i = 0; i < index->count; i++) {
		const struct sync_entry *e = &index->entries[i];
		if (kept > 0 && index->entries[kept - 1].uid == e->uid)
			continue; // told twice
		index->keyless += e->is_keyless;
		index->entries[kept++] = *e;
	}
	index->count = kept;
	if (index->flags)
		sync_flags_finish(index->flags);
}

bool sync_index_keyless_set(const struct sync_index *index, size_t *at,
    struct buf *set, size_t max_bytes)
{
	enum {
		CHUNK = 64
	};

	uint32_t uids[CHUNK];
	size_t count = 0, end = *at;

	for (; end < index->count && count < CHUNK; end++)
		if (index->entries[end].is_keyless)
			uids[count++] = index->entries[end].uid;
	if (count == 0)
		return false;
	// 64 numbers of 10 digits always fit into a command line
	bug_if(imap_seqset_format(set, uids, count, max_bytes) != count);
	*at = end;
	return true;
}

void sync_index_add_prefix(struct sync_index *index, const struct imap_fetch *f)
{
	const struct sync_entry wanted = {.uid = f->uid};

	if (!f->has_uid || !f->has_header || index->count == 0)
		return;
	struct sync_entry *e = bsearch(
	    &wanted, index->entries, index->count, sizeof(wanted), by_uid);
	if (!e || !e->is_keyless)
		return;
	sync_identity_of_prefix(
	    f->header.s ? f->header.s : "", f->header.len, &e->key);
	e->is_keyless = 0;
	index->keyless--;
}

struct sync_entry *sync_index_find(const struct sync_index *index, uint32_t uid)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (index->entries[middle].uid == uid)
			return &index->entries[middle];
		if (index->entries[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void sync_index_settle_old(struct sync_index *index)
{
	size_t kept = 0;

	for (size_t i = 0; i < index->old.count; i++)
		if (!sync_index_find(index, index->old.list[i]))
			index->old.list[kept++] = index->old.list[i];
	index->old.count = kept;
}

uint32_t sync_index_highest(const struct sync_index *index)
{
	const struct sync_uids *old = &index->old;
	uint32_t keyed =
	    index->count > 0 ? index->entries[index->count - 1].uid : 0;
	uint32_t other = old->count > 0 ? old->list[old->count - 1] : 0;

	return keyed > other ? keyed : other;
}
