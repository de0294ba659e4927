// SPDX-License-Identifier: MIT
#include "engine/sync/sync_uids.h"

#include <stdlib.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_seqset.h"
#include "engine/imap/imap_syntax.h"

void sync_uids_release(struct sync_uids *uids)
{
	free(uids->list);
	*uids = (struct sync_uids){0};
}

void sync_uids_reset(struct sync_uids *uids)
{
	uids->count = 0;
	uids->is_bad = false;
}

void sync_uids_add(struct sync_uids *uids, uint32_t uid)
{
	uids->list =
	    mem_grow(uids->list, &uids->cap, uids->count, sizeof(*uids->list));
	uids->list[uids->count++] = uid;
}

/* A range as the server wrote it: one that is too long is a lie, and must not
 * fill our memory. */
static void add_range(struct sync_uids *uids, uint32_t low, uint32_t high,
    uint32_t below, size_t most)
{
	if (low == 0 || high >= below || high - low >= most ||
	    uids->count + (high - low) >= most) {
		uids->is_bad = true;
		return;
	}
	for (uint32_t uid = low; uid <= high; uid++)
		sync_uids_add(uids, uid);
}

static void take_set(
    struct sync_uids *uids, struct imap_str set, uint32_t below, size_t most)
{
	struct imap_seqset_reader reader;
	uint32_t low = 0, high = 0;
	int rc;

	imap_seqset_reader_init(&reader, set.s, set.len);
	while (
	    (rc = imap_seqset_next(&reader, &low, &high)) == 1 && !uids->is_bad)
		add_range(uids, low, high, below, most);
	uids->is_bad |= rc != 0;
}

/* (TAG "x") UID COUNT 4 ALL 1:3,5 */
struct answer {
	bool has_uid; /* else these would be numbers of messages */
	bool has_count;
	struct imap_str all;
};

static bool read_answer(struct imap_cursor c, struct answer *out)
{
	struct imap_str word;

	*out = (struct answer){.has_uid = false};
	(void)imap_space(&c);
	if (!imap_at_end(&c) && *c.p == '(' && !imap_skip(&c))
		return false;
	for (;;) {
		(void)imap_space(&c);
		if (imap_at_end(&c))
			return out->has_uid;
		if (!imap_atom(&c, &word))
			return false;
		if (imap_str_is(word, "UID")) {
			out->has_uid = true;
			continue;
		}
		(void)imap_space(&c);
		out->has_count |= imap_str_is(word, "COUNT");
		if (imap_str_is(word, "ALL") ? !imap_atom(&c, &out->all)
					     : !imap_skip(&c))
			return false;
	}
}

void sync_uids_take(struct sync_uids *uids, struct sync_uids *counted,
    const struct imap_response *r, uint32_t below, size_t most)
{
	struct answer answer;

	if (r->kind != IMAP_RESPONSE_DATA || !imap_str_is(r->word, "ESEARCH"))
		return;
	if (!read_answer(r->rest, &answer))
		uids->is_bad = true;
	else if (answer.all.s)
		take_set(answer.has_count && counted ? counted : uids,
		    answer.all, below, most);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void sync_uids_finish(struct sync_uids *uids)
{
	size_t kept = 0;
	bool ascends = true;

	for (size_t i = 1; ascends && i < uids->count; i++)
		ascends = uids->list[i - 1] < uids->list[i];
	if (ascends)
		return;
	qsort(uids->list, uids->count, sizeof(*uids->list), by_number);
	for (size_t i = 0; i < uids->count; i++)
		if (kept == 0 || uids->list[kept - 1] != uids->list[i])
			uids->list[kept++] = uids->list[i];
	uids->count = kept;
}

size_t sync_uids_find(const struct sync_uids *uids, uint32_t uid)
{
	size_t low = 0, high = uids->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (uids->list[middle] < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < uids->count && uids->list[low] == uid ? low : uids->count;
}

bool sync_uids_has(const struct sync_uids *uids, uint32_t uid)
{
	return sync_uids_find(uids, uid) < uids->count;
}

void sync_uids_subtract(struct sync_uids *uids, const struct sync_uids *others)
{
	size_t kept = 0;

	if (others->count == 0)
		return;
	for (size_t i = 0; i < uids->count; i++)
		if (!sync_uids_has(others, uids->list[i]))
			uids->list[kept++] = uids->list[i];
	uids->count = kept;
}
