// SPDX-License-Identifier: MIT
/*
 * Pairs of UIDs in chunks, eight bytes a pair. A chunk says for which
 * UIDVALIDITYs it holds; one that is added to is kept in memory until it is full
 * or committed.
 */
#include "engine/sync/sync_state_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	COMPACT_CHUNKS = 8,  /* a mailbox of more, and smaller ones than */
	COMPACT_PAIRS = 1024 /* this on the average, is written anew */
};

/* ---------------------------------------------------------------- chunks */

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static void chunk_digest(struct sync_state *state, const uint8_t *key,
    uint32_t chunk, uint32_t source_uidvalidity, uint32_t target_uidvalidity,
    size_t count, uint8_t out[HASH_KEY_BYTES])
{
	uint8_t *head = state->scratch;

	memcpy(head, key, HASH_KEY_BYTES);
	sync_state_put_u32(head + HASH_KEY_BYTES, chunk);
	sync_state_put_u32(head + HASH_KEY_BYTES + 4, source_uidvalidity);
	sync_state_put_u32(head + HASH_KEY_BYTES + 8, target_uidvalidity);
	sync_state_put_u32(head + HASH_KEY_BYTES + 12, (uint32_t)count);
	hash_key(
	    head, SYNC_STATE_CHUNK_HEAD + count * SYNC_STATE_PAIR_BYTES, out);
}

static int put_chunk(struct sync_state *state, const uint8_t *key,
    uint32_t chunk, uint32_t source_uidvalidity, uint32_t target_uidvalidity,
    const struct sync_state_pair *pairs, size_t count)
{
	uint8_t digest[HASH_KEY_BYTES];
	uint8_t *bytes = state->scratch + SYNC_STATE_CHUNK_HEAD;

	for (size_t i = 0; i < count; i++) {
		sync_state_put_u32(bytes + i * 8, pairs[i].source_uid);
		sync_state_put_u32(bytes + i * 8 + 4, pairs[i].target_uid);
	}
	chunk_digest(state, key, chunk, source_uidvalidity, target_uidvalidity,
	    count, digest);
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_CHUNK_PUT, key);
	(void)sqlite3_bind_int64(s, 2, chunk);
	(void)sqlite3_bind_int64(s, 3, source_uidvalidity);
	(void)sqlite3_bind_int64(s, 4, target_uidvalidity);
	(void)sqlite3_bind_blob(
	    s, 5, bytes, (int)(count * SYNC_STATE_PAIR_BYTES), SQLITE_STATIC);
	(void)sqlite3_bind_blob(
	    s, 6, digest, SYNC_STATE_CHECK_BYTES, SQLITE_STATIC);
	return sync_state_execute(s);
}

struct chunk {
	uint32_t number, source_uidvalidity, target_uidvalidity;
	size_t count; /* pairs, in the state's scratch behind the head */
};

static bool take_chunk(struct sync_state *state, const uint8_t *key,
    sqlite3_stmt *s, struct chunk *out)
{
	uint8_t digest[HASH_KEY_BYTES];
	const void *bytes = sqlite3_column_blob(s, 3);
	int len = sqlite3_column_bytes(s, 3);

	if (!sync_state_column_u32(s, 0, &out->number) ||
	    !sync_state_column_u32(s, 1, &out->source_uidvalidity) ||
	    !sync_state_column_u32(s, 2, &out->target_uidvalidity) || !bytes ||
	    len <= 0 || len % SYNC_STATE_PAIR_BYTES != 0 ||
	    len > SYNC_STATE_CHUNK_PAIRS * SYNC_STATE_PAIR_BYTES)
		return false;
	out->count = (size_t)len / SYNC_STATE_PAIR_BYTES;
	memcpy(state->scratch + SYNC_STATE_CHUNK_HEAD, bytes, (size_t)len);
	chunk_digest(state, key, out->number, out->source_uidvalidity,
	    out->target_uidvalidity, out->count, digest);
	const void *stored = sqlite3_column_blob(s, 4);
	return stored && sqlite3_column_bytes(s, 4) == SYNC_STATE_CHECK_BYTES &&
	       memcmp(stored, digest, SYNC_STATE_CHECK_BYTES) == 0;
}

/* The first chunk behind number `after`: SQLITE_ROW, SQLITE_DONE when there is
 * none, SQLITE_MISMATCH when it is not as it was written. */
static int next_chunk(struct sync_state *state, const uint8_t *key,
    int64_t after, struct chunk *out)
{
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_CHUNK_NEXT, key);

	(void)sqlite3_bind_int64(s, 2, after);
	int rc = sqlite3_step(s);
	if (rc == SQLITE_ROW && !take_chunk(state, key, s, out))
		rc = SQLITE_MISMATCH;
	int end = sync_state_finish(s);
	return end == SQLITE_OK ? rc : end;
}

static struct sync_state_pair scratch_pair(
    const struct sync_state *state, size_t i)
{
	const uint8_t *p = state->scratch + SYNC_STATE_CHUNK_HEAD + i * 8;

	return (struct sync_state_pair){get_u32(p), get_u32(p + 4)};
}

/* ---------------------------------------------------------------- current */

int sync_state_pairs_write(struct sync_state *state)
{
	struct sync_state_current *c = &state->current;

	if (c->pending == 0)
		return SQLITE_OK;
	int rc = put_chunk(state, c->key, c->next_chunk, c->source_uidvalidity,
	    c->target_uidvalidity, c->pairs, c->pending);
	if (rc == SQLITE_OK) {
		c->pending = 0;
		c->next_chunk++;
	}
	return rc;
}

int sync_state_pairs_leave(struct sync_state *state)
{
	int rc = sync_state_pairs_write(state);

	state->current.is_set = false;
	return rc;
}

/* The number behind the greatest in the file; a mailbox whose numbers have run
 * out was not written by us. */
static int find_next_chunk(
    struct sync_state *state, const uint8_t *key, uint32_t *out)
{
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_CHUNK_LAST, key);
	int64_t last = -1;

	if (sqlite3_step(s) == SQLITE_ROW &&
	    sqlite3_column_type(s, 0) != SQLITE_NULL)
		last = sqlite3_column_int64(s, 0);
	int rc = sync_state_finish(s);
	if (rc != SQLITE_OK)
		return rc;
	if (last < -1 || last > INT32_MAX) {
		*out = 0;
		return sync_state_execute(
		    sync_state_statement(state, SYNC_STATE_CHUNKS_DELETE, key));
	}
	*out = (uint32_t)(last + 1);
	return SQLITE_OK;
}

static int enter_current(
    struct sync_state *state, const struct sync_state_names *names)
{
	struct sync_state_current *c = &state->current;
	struct sync_state_row row;

	if (c->is_set && memcmp(c->key, names->key, HASH_KEY_BYTES) == 0)
		return SQLITE_OK;
	int rc = sync_state_pairs_leave(state);
	if (rc == SQLITE_OK)
		rc = sync_state_row_get(state, names, &row);
	if (rc == SQLITE_OK)
		rc = find_next_chunk(state, names->key, &c->next_chunk);
	if (rc != SQLITE_OK)
		return rc;
	memcpy(c->key, names->key, HASH_KEY_BYTES);
	c->source_uidvalidity = row.box.source.uidvalidity;
	c->target_uidvalidity = row.box.target.uidvalidity;
	c->is_set = row.is_recorded;
	return SQLITE_OK;
}

/* ---------------------------------------------------------------- pairs */

static int count_pairs(
    struct sync_state *state, const uint8_t *key, size_t *chunks, size_t *pairs)
{
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_CHUNKS_COUNT, key);

	*chunks = *pairs = 0;
	if (sqlite3_step(s) == SQLITE_ROW) {
		*chunks = (size_t)sqlite3_column_int64(s, 0);
		*pairs =
		    (size_t)sqlite3_column_int64(s, 1) / SYNC_STATE_PAIR_BYTES;
	}
	return sync_state_finish(s);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct sync_state_pair *x = a, *y = b;

	if (x->source_uid != y->source_uid)
		return x->source_uid < y->source_uid ? -1 : 1;
	if (x->target_uid != y->target_uid)
		return x->target_uid < y->target_uid ? -1 : 1;
	return 0;
}

static size_t sort_pairs(struct sync_state_pair *pairs, size_t count)
{
	size_t kept = 0;
	bool is_sorted = true;

	for (size_t i = 1; is_sorted && i < count; i++)
		is_sorted = pairs[i - 1].source_uid < pairs[i].source_uid;
	if (is_sorted)
		return count;
	qsort(pairs, count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count ||
		    pairs[i].source_uid != pairs[i + 1].source_uid)
			pairs[kept++] = pairs[i];
	return kept;
}

/* Chunks of other UIDVALIDITYs do not count. SQLITE_MISMATCH when one is not as
 * it was written or there are more than a mailbox can have. */
int sync_state_pairs_read(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_row *row,
    struct sync_state_pair **pairs_out, size_t *count_out)
{
	size_t chunks, room, count = 0;
	struct chunk chunk = {0};
	int64_t after = -1;
	int rc = count_pairs(state, names->key, &chunks, &room);

	if (rc != SQLITE_OK || chunks == 0)
		return rc;
	if (room == 0 || room > SYNC_STATE_PAIRS_MAX)
		return SQLITE_MISMATCH;
	struct sync_state_pair *pairs = mem_calloc(room, sizeof(*pairs));
	while (
	    (rc = next_chunk(state, names->key, after, &chunk)) == SQLITE_ROW) {
		after = chunk.number;
		if (chunk.count > room - count)
			break;
		if (chunk.source_uidvalidity != row->box.source.uidvalidity ||
		    chunk.target_uidvalidity != row->box.target.uidvalidity)
			continue;
		for (size_t i = 0; i < chunk.count; i++)
			pairs[count++] = scratch_pair(state, i);
	}
	if (rc != SQLITE_DONE || count == 0) {
		free(pairs);
		return rc == SQLITE_DONE  ? SQLITE_OK
		       : rc == SQLITE_ROW ? SQLITE_MISMATCH
					  : rc;
	}
	*count_out = sort_pairs(pairs, count);
	*pairs_out = pairs;
	return SQLITE_OK;
}

int sync_state_pairs_append(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_pair *pairs,
    size_t count)
{
	struct sync_state_current *c = &state->current;
	int rc = sync_state_begin(state);

	if (rc == SQLITE_OK)
		rc = enter_current(state, names);
	if (rc != SQLITE_OK || !c->is_set || c->source_uidvalidity == 0 ||
	    c->target_uidvalidity == 0)
		return rc;
	for (size_t i = 0; rc == SQLITE_OK && i < count; i++) {
		if (pairs[i].source_uid == 0)
			continue;
		c->pairs[c->pending++] = pairs[i];
		if (c->pending == SYNC_STATE_CHUNK_PAIRS)
			rc = sync_state_pairs_write(state);
	}
	return rc;
}

/* Keeps of the chunk in the scratch what is in `kept`; *at moves along as long
 * as the chunks ascend. */
static int filter_chunk(struct sync_state *state, const uint8_t *key,
    const struct chunk *chunk, const uint32_t *kept, size_t kept_count)
{
	struct sync_state_pair left[SYNC_STATE_CHUNK_PAIRS];
	size_t count = 0;

	for (size_t i = 0; i < chunk->count; i++) {
		struct sync_state_pair pair = scratch_pair(state, i);
		size_t low = 0, high = kept_count;
		while (low < high) {
			size_t middle = low + (high - low) / 2;
			if (kept[middle] < pair.source_uid)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < kept_count && kept[low] == pair.source_uid)
			left[count++] = pair;
	}
	if (count == chunk->count)
		return SQLITE_OK;
	if (count > 0)
		return put_chunk(state, key, chunk->number,
		    chunk->source_uidvalidity, chunk->target_uidvalidity, left,
		    count);
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_CHUNK_DELETE, key);
	(void)sqlite3_bind_int64(s, 2, chunk->number);
	return sync_state_execute(s);
}

int sync_state_pairs_filter(struct sync_state *state,
    const struct sync_state_names *names, const uint32_t *kept,
    size_t kept_count)
{
	struct chunk chunk = {0};
	int64_t after = -1;
	int rc = sync_state_begin(state);

	if (rc == SQLITE_OK)
		rc = sync_state_pairs_leave(state);
	while (rc == SQLITE_OK) {
		rc = next_chunk(state, names->key, after, &chunk);
		if (rc != SQLITE_ROW)
			break;
		after = chunk.number;
		rc = filter_chunk(state, names->key, &chunk, kept, kept_count);
	}
	if (rc == SQLITE_MISMATCH)
		return sync_state_row_drop(state, names->key);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Many commits make many small chunks; a complete pass leaves few. */
int sync_state_pairs_compact(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_row *row)
{
	struct sync_state_pair *pairs = NULL;
	size_t chunks, count = 0;
	uint32_t number = 0;
	int rc = count_pairs(state, names->key, &chunks, &count);

	if (rc != SQLITE_OK || chunks <= COMPACT_CHUNKS ||
	    count / chunks >= COMPACT_PAIRS)
		return rc;
	count = 0;
	rc = sync_state_pairs_read(state, names, row, &pairs, &count);
	if (rc == SQLITE_MISMATCH)
		return sync_state_row_drop(state, names->key);
	if (rc == SQLITE_OK)
		rc = sync_state_execute(sync_state_statement(
		    state, SYNC_STATE_CHUNKS_DELETE, names->key));
	for (size_t i = 0; rc == SQLITE_OK && i < count;
	     i += SYNC_STATE_CHUNK_PAIRS) {
		size_t n = count - i;
		if (n > SYNC_STATE_CHUNK_PAIRS)
			n = SYNC_STATE_CHUNK_PAIRS;
		rc = put_chunk(state, names->key, number++,
		    row->box.source.uidvalidity, row->box.target.uidvalidity,
		    pairs + i, n);
	}
	free(pairs);
	return rc;
}
