// SPDX-License-Identifier: MIT
#include "engine/sync/sync_state_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"

enum {
	SHOWN_NAME_BYTES = 256, /* names in the file are for people only */
	NUMBERS = 14,           /* of a row */
	FLAG_RECORDED = 1,      /* has fingerprints; else only an intent */
	FLAG_COMPLETE = 2
};

static const char *const texts[SYNC_STATE_STATEMENTS] = {
    [SYNC_STATE_BEGIN] = "BEGIN IMMEDIATE",
    [SYNC_STATE_COMMIT] = "COMMIT",
    [SYNC_STATE_ROW_GET] =
	"SELECT source_uidvalidity, source_uidnext, source_messages,"
	" source_modseq, target_uidvalidity, target_uidnext, target_messages,"
	" target_modseq, present, deleted, flags, intent_uidvalidity,"
	" intent_uidnext, intent_count, digest FROM mailbox WHERE key=?1",
    [SYNC_STATE_ROW_PUT] =
	"INSERT OR REPLACE INTO mailbox VALUES"
	"(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
    [SYNC_STATE_ROW_DELETE] = "DELETE FROM mailbox WHERE key=?1",
    [SYNC_STATE_ANY_INTENT] =
	"SELECT 1 FROM mailbox WHERE intent_count<>0 LIMIT 1",
    [SYNC_STATE_CHUNK_LAST] = "SELECT max(chunk) FROM pairs WHERE key=?1",
    [SYNC_STATE_CHUNK_NEXT] =
	"SELECT chunk, source_uidvalidity, target_uidvalidity, uids, digest"
	" FROM pairs WHERE key=?1 AND chunk>?2 ORDER BY chunk LIMIT 1",
    [SYNC_STATE_CHUNK_PUT] =
	"INSERT OR REPLACE INTO pairs VALUES(?1,?2,?3,?4,?5,?6)",
    [SYNC_STATE_CHUNK_DELETE] = "DELETE FROM pairs WHERE key=?1 AND chunk=?2",
    [SYNC_STATE_CHUNKS_DELETE] = "DELETE FROM pairs WHERE key=?1",
    [SYNC_STATE_CHUNKS_COUNT] =
	"SELECT count(*), sum(length(uids)) FROM pairs WHERE key=?1"};

int sync_state_row_prepare(struct sync_state *state)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < SYNC_STATE_STATEMENTS; i++)
		rc = sqlite3_prepare_v3(state->db, texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &state->statements[i], NULL);
	return rc;
}

/* ---------------------------------------------------------------- helpers */

static void put_u64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

void sync_state_put_u32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static void digest_names(
    const struct sync_state_names *names, uint8_t key[HASH_KEY_BYTES])
{
	size_t source_len = strlen(names->source);
	size_t target_len = strlen(names->target);
	uint8_t *bytes = mem_alloc(8 + source_len + target_len);

	// with the length in front, "a" "bc" is not "ab" "c"
	put_u64(bytes, source_len);
	memcpy(bytes + 8, names->source, source_len);
	memcpy(bytes + 8 + source_len, names->target, target_len);
	hash_key(bytes, 8 + source_len + target_len, key);
	free(bytes);
}

struct sync_state_names sync_state_names_of(
    struct sync_state *state, const char *source, const char *target)
{
	struct sync_state_last *last = &state->last;
	struct sync_state_names names = {.source = source, .target = target};

	if (!last->source || strcmp(last->source, source) != 0 ||
	    strcmp(last->target, target) != 0) {
		free(last->source);
		free(last->target);
		last->source = mem_strdup(source);
		last->target = mem_strdup(target);
		digest_names(&names, last->key);
	}
	memcpy(names.key, last->key, HASH_KEY_BYTES);
	return names;
}

sqlite3_stmt *sync_state_statement(struct sync_state *state,
    enum sync_state_statement which, const uint8_t *key)
{
	sqlite3_stmt *s = state->statements[which];

	if (key) // a failed bind shows as a row without a key: not found
		(void)sqlite3_bind_blob(
		    s, 1, key, HASH_KEY_BYTES, SQLITE_STATIC);
	return s;
}

/* Runs a statement that tells no rows. */
int sync_state_execute(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);
	int end = sqlite3_reset(s);

	(void)sqlite3_clear_bindings(s);
	if (end != SQLITE_OK)
		return end;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* After the last look at a row. */
int sync_state_finish(sqlite3_stmt *s)
{
	int rc = sqlite3_reset(s);

	(void)sqlite3_clear_bindings(s);
	return rc;
}

bool sync_state_column_u32(sqlite3_stmt *s, int column, uint32_t *out)
{
	int64_t value = sqlite3_column_int64(s, column);

	*out = (uint32_t)value;
	return sqlite3_column_type(s, column) == SQLITE_INTEGER && value >= 0 &&
	       value <= UINT32_MAX;
}

int sync_state_begin(struct sync_state *state)
{
	if (state->in_transaction)
		return SQLITE_OK;
	int rc = sync_state_execute(
	    sync_state_statement(state, SYNC_STATE_BEGIN, NULL));
	if (rc == SQLITE_OK) {
		state->in_transaction = true;
		state->begun_ms = clock_ms();
	}
	return rc;
}

/* ---------------------------------------------------------------- rows */

static void row_numbers(const struct sync_state_row *row, uint64_t out[NUMBERS])
{
	const struct sync_state_side *s = &row->box.source;
	const struct sync_state_side *t = &row->box.target;
	uint64_t flags = (row->is_recorded ? FLAG_RECORDED : 0u) |
			 (row->box.complete ? FLAG_COMPLETE : 0u);
	const uint64_t numbers[NUMBERS] = {s->uidvalidity, s->uidnext,
	    s->messages, s->highestmodseq, t->uidvalidity, t->uidnext,
	    t->messages, t->highestmodseq, row->box.present, row->box.deleted,
	    flags, row->intent.uidvalidity, row->intent.uidnext,
	    row->intent.count};

	memcpy(out, numbers, sizeof(numbers));
}

static void row_digest(const uint8_t *key, const uint64_t numbers[NUMBERS],
    uint8_t out[HASH_KEY_BYTES])
{
	uint8_t bytes[HASH_KEY_BYTES + NUMBERS * 8];

	// NULL is for statements without a key only
	// NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
	memcpy(bytes, key, HASH_KEY_BYTES);
	for (size_t i = 0; i < NUMBERS; i++)
		put_u64(bytes + HASH_KEY_BYTES + i * 8, numbers[i]);
	hash_key(bytes, sizeof(bytes), out);
}

static void bind_name(sqlite3_stmt *s, int at, const char *name)
{
	size_t len = strlen(name);

	if (len > SHOWN_NAME_BYTES)
		len = SHOWN_NAME_BYTES;
	(void)sqlite3_bind_blob(s, at, name, (int)len, SQLITE_STATIC);
}

int sync_state_row_put(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_row *row)
{
	uint64_t numbers[NUMBERS];
	uint8_t digest[HASH_KEY_BYTES];
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_ROW_PUT, names->key);

	row_numbers(row, numbers);
	row_digest(names->key, numbers, digest);
	bind_name(s, 2, names->source);
	bind_name(s, 3, names->target);
	for (int i = 0; i < NUMBERS; i++)
		(void)sqlite3_bind_int64(s, 4 + i, (int64_t)numbers[i]);
	(void)sqlite3_bind_blob(
	    s, 4 + NUMBERS, digest, SYNC_STATE_CHECK_BYTES, SQLITE_STATIC);
	return sync_state_execute(s);
}

static bool take_row(
    sqlite3_stmt *s, const uint8_t *key, struct sync_state_row *out)
{
	uint64_t numbers[NUMBERS];
	uint8_t digest[HASH_KEY_BYTES];
	struct sync_state_side *a = &out->box.source, *b = &out->box.target;
	uint32_t flags;

	for (int i = 0; i < NUMBERS; i++)
		numbers[i] = (uint64_t)sqlite3_column_int64(s, i);
	row_digest(key, numbers, digest);
	const void *stored = sqlite3_column_blob(s, NUMBERS);
	if (!stored ||
	    sqlite3_column_bytes(s, NUMBERS) != SYNC_STATE_CHECK_BYTES ||
	    memcmp(stored, digest, SYNC_STATE_CHECK_BYTES) != 0)
		return false;
	if (!sync_state_column_u32(s, 0, &a->uidvalidity) ||
	    !sync_state_column_u32(s, 1, &a->uidnext) ||
	    !sync_state_column_u32(s, 2, &a->messages) ||
	    !sync_state_column_u32(s, 4, &b->uidvalidity) ||
	    !sync_state_column_u32(s, 5, &b->uidnext) ||
	    !sync_state_column_u32(s, 6, &b->messages) ||
	    !sync_state_column_u32(s, 10, &flags) ||
	    !sync_state_column_u32(s, 11, &out->intent.uidvalidity) ||
	    !sync_state_column_u32(s, 12, &out->intent.uidnext) ||
	    !sync_state_column_u32(s, 13, &out->intent.count))
		return false;
	a->highestmodseq = numbers[3];
	b->highestmodseq = numbers[7];
	out->box.present = numbers[8];
	out->box.deleted = numbers[9];
	out->is_recorded = (flags & FLAG_RECORDED) != 0;
	out->box.complete = (flags & FLAG_COMPLETE) != 0;
	return true;
}

int sync_state_row_drop(struct sync_state *state, const uint8_t *key)
{
	struct sync_state_current *c = &state->current;
	int rc = sync_state_begin(state);

	// as in row_digest: no NULL comes here
	// NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
	if (c->is_set && memcmp(c->key, key, HASH_KEY_BYTES) == 0) {
		c->is_set = false;
		c->pending = 0;
	}
	if (rc == SQLITE_OK)
		rc = sync_state_execute(
		    sync_state_statement(state, SYNC_STATE_ROW_DELETE, key));
	if (rc == SQLITE_OK)
		rc = sync_state_execute(
		    sync_state_statement(state, SYNC_STATE_CHUNKS_DELETE, key));
	return rc;
}

/* All zero when there is none. A row that is not as it was written takes its
 * mailbox with it. */
int sync_state_row_get(struct sync_state *state,
    const struct sync_state_names *names, struct sync_state_row *out)
{
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_ROW_GET, names->key);
	int rc = sqlite3_step(s);
	bool is_broken = false;

	*out = (struct sync_state_row){.is_recorded = false};
	if (rc == SQLITE_ROW)
		is_broken = !take_row(s, names->key, out);
	int end = sync_state_finish(s);
	if (end != SQLITE_OK)
		return end;
	if (!is_broken)
		return SQLITE_OK;
	*out = (struct sync_state_row){.is_recorded = false};
	return sync_state_row_drop(state, names->key);
}
