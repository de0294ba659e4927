// SPDX-License-Identifier: MIT
/*
 * What survives what. A commit writes to the log of SQLite and does not wait for
 * the disk (WAL, synchronous=NORMAL): it survives the end of the process by any
 * signal, because the kernel has the bytes. A power loss may take the newest
 * commits, never the order of them: frames of the log carry checksums, and the
 * file itself is written only after the log was synced. So the state goes
 * back to what it was some seconds ago, and that only costs time: fingerprints
 * of then do not match the servers of now, a pair that was true stays true as
 * long as both UIDVALIDITY stay, and an intent that was lost belongs to a mailbox
 * whose target has grown beyond its fingerprint, which is compared anew.
 *
 * Pairs are kept in chunks of up to 4096, eight bytes a pair. A chunk says for
 * which UIDVALIDITYs it holds. Rows and chunks carry a digest over all they say
 * and the mailbox they say it of, because SQLite checks how pages hang together
 * but not what is in them, and a wrong pair would be a message not copied.
 */
#include "engine/sync/sync_state.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/sync/sync_state_private.h"

enum {
	COMMIT_MS = 1000,       /* the oldest that is not committed */
	SHOWN_NAME_BYTES = 256, /* names in the file are for people only */
	NUMBERS = 14,           /* of a row */
	COMPACT_CHUNKS = 8,     /* a mailbox of more, and smaller ones than */
	COMPACT_PAIRS = 1024,   /* this on the average, is written anew */
	FLAG_RECORDED = 1,      /* has fingerprints; else only an intent */
	FLAG_COMPLETE = 2
};

struct row {
	bool is_recorded;
	struct sync_state_box box;
	struct sync_state_intent intent;
};

struct names {
	const char *source, *target;
	uint8_t key[HASH_KEY_BYTES];
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

int sync_state_prepare(struct sync_state *state)
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

static void put_u32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static struct names names_of(const char *source, const char *target)
{
	struct names names = {.source = source, .target = target};
	size_t source_len = strlen(source), target_len = strlen(target);
	uint8_t *bytes = mem_alloc(8 + source_len + target_len);

	// with the length in front, "a" "bc" is not "ab" "c"
	put_u64(bytes, source_len);
	memcpy(bytes + 8, source, source_len);
	memcpy(bytes + 8 + source_len, target, target_len);
	hash_key(bytes, 8 + source_len + target_len, names.key);
	free(bytes);
	return names;
}

static sqlite3_stmt *statement(struct sync_state *state,
    enum sync_state_statement which, const uint8_t *key)
{
	sqlite3_stmt *s = state->statements[which];

	if (key) // a failed bind shows as a row without a key: not found
		(void)sqlite3_bind_blob(
		    s, 1, key, HASH_KEY_BYTES, SQLITE_STATIC);
	return s;
}

/* Runs a statement that tells no rows. */
static int execute(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);
	int end = sqlite3_reset(s);

	(void)sqlite3_clear_bindings(s);
	if (end != SQLITE_OK)
		return end;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* After the last look at a row. */
static int finish(sqlite3_stmt *s)
{
	int rc = sqlite3_reset(s);

	(void)sqlite3_clear_bindings(s);
	return rc;
}

static int begin(struct sync_state *state)
{
	if (state->in_transaction)
		return SQLITE_OK;
	int rc = execute(statement(state, SYNC_STATE_BEGIN, NULL));
	if (rc == SQLITE_OK) {
		state->in_transaction = true;
		state->begun_ms = clock_ms();
	}
	return rc;
}

/* ---------------------------------------------------------------- chunks */

static void chunk_digest(struct sync_state *state, const uint8_t *key,
    uint32_t chunk, uint32_t source_uidvalidity, uint32_t target_uidvalidity,
    size_t count, uint8_t out[HASH_KEY_BYTES])
{
	uint8_t *head = state->scratch;

	memcpy(head, key, HASH_KEY_BYTES);
	put_u32(head + HASH_KEY_BYTES, chunk);
	put_u32(head + HASH_KEY_BYTES + 4, source_uidvalidity);
	put_u32(head + HASH_KEY_BYTES + 8, target_uidvalidity);
	put_u32(head + HASH_KEY_BYTES + 12, (uint32_t)count);
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
		put_u32(bytes + i * 8, pairs[i].source_uid);
		put_u32(bytes + i * 8 + 4, pairs[i].target_uid);
	}
	chunk_digest(state, key, chunk, source_uidvalidity, target_uidvalidity,
	    count, digest);
	sqlite3_stmt *s = statement(state, SYNC_STATE_CHUNK_PUT, key);
	(void)sqlite3_bind_int64(s, 2, chunk);
	(void)sqlite3_bind_int64(s, 3, source_uidvalidity);
	(void)sqlite3_bind_int64(s, 4, target_uidvalidity);
	(void)sqlite3_bind_blob(
	    s, 5, bytes, (int)(count * SYNC_STATE_PAIR_BYTES), SQLITE_STATIC);
	(void)sqlite3_bind_blob(
	    s, 6, digest, SYNC_STATE_CHECK_BYTES, SQLITE_STATIC);
	return execute(s);
}

struct chunk {
	uint32_t number, source_uidvalidity, target_uidvalidity;
	size_t count; /* pairs, in the state's scratch behind the head */
};

static bool column_u32(sqlite3_stmt *s, int column, uint32_t *out)
{
	int64_t value = sqlite3_column_int64(s, column);

	*out = (uint32_t)value;
	return sqlite3_column_type(s, column) == SQLITE_INTEGER && value >= 0 &&
	       value <= UINT32_MAX;
}

static bool take_chunk(struct sync_state *state, const uint8_t *key,
    sqlite3_stmt *s, struct chunk *out)
{
	uint8_t digest[HASH_KEY_BYTES];
	const void *bytes = sqlite3_column_blob(s, 3);
	int len = sqlite3_column_bytes(s, 3);

	if (!column_u32(s, 0, &out->number) ||
	    !column_u32(s, 1, &out->source_uidvalidity) ||
	    !column_u32(s, 2, &out->target_uidvalidity) || !bytes || len <= 0 ||
	    len % SYNC_STATE_PAIR_BYTES != 0 ||
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
	sqlite3_stmt *s = statement(state, SYNC_STATE_CHUNK_NEXT, key);

	(void)sqlite3_bind_int64(s, 2, after);
	int rc = sqlite3_step(s);
	if (rc == SQLITE_ROW && !take_chunk(state, key, s, out))
		rc = SQLITE_MISMATCH;
	int end = finish(s);
	return end == SQLITE_OK ? rc : end;
}

static struct sync_state_pair scratch_pair(
    const struct sync_state *state, size_t i)
{
	const uint8_t *p = state->scratch + SYNC_STATE_CHUNK_HEAD + i * 8;

	return (struct sync_state_pair){get_u32(p), get_u32(p + 4)};
}

/* ---------------------------------------------------------------- rows */

static void row_numbers(const struct row *row, uint64_t out[NUMBERS])
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

static int put_row(
    struct sync_state *state, const struct names *names, const struct row *row)
{
	uint64_t numbers[NUMBERS];
	uint8_t digest[HASH_KEY_BYTES];
	sqlite3_stmt *s = statement(state, SYNC_STATE_ROW_PUT, names->key);

	row_numbers(row, numbers);
	row_digest(names->key, numbers, digest);
	bind_name(s, 2, names->source);
	bind_name(s, 3, names->target);
	for (int i = 0; i < NUMBERS; i++)
		(void)sqlite3_bind_int64(s, 4 + i, (int64_t)numbers[i]);
	(void)sqlite3_bind_blob(
	    s, 4 + NUMBERS, digest, SYNC_STATE_CHECK_BYTES, SQLITE_STATIC);
	return execute(s);
}

static bool take_row(sqlite3_stmt *s, const uint8_t *key, struct row *out)
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
	if (!column_u32(s, 0, &a->uidvalidity) ||
	    !column_u32(s, 1, &a->uidnext) || !column_u32(s, 2, &a->messages) ||
	    !column_u32(s, 4, &b->uidvalidity) ||
	    !column_u32(s, 5, &b->uidnext) || !column_u32(s, 6, &b->messages) ||
	    !column_u32(s, 10, &flags) ||
	    !column_u32(s, 11, &out->intent.uidvalidity) ||
	    !column_u32(s, 12, &out->intent.uidnext) ||
	    !column_u32(s, 13, &out->intent.count))
		return false;
	a->highestmodseq = numbers[3];
	b->highestmodseq = numbers[7];
	out->box.present = numbers[8];
	out->box.deleted = numbers[9];
	out->is_recorded = (flags & FLAG_RECORDED) != 0;
	out->box.complete = (flags & FLAG_COMPLETE) != 0;
	return true;
}

static int drop_mailbox(struct sync_state *state, const uint8_t *key)
{
	struct sync_state_current *c = &state->current;
	int rc = begin(state);

	if (c->is_set && memcmp(c->key, key, HASH_KEY_BYTES) == 0) {
		c->is_set = false;
		c->pending = 0;
	}
	if (rc == SQLITE_OK)
		rc = execute(statement(state, SYNC_STATE_ROW_DELETE, key));
	if (rc == SQLITE_OK)
		rc = execute(statement(state, SYNC_STATE_CHUNKS_DELETE, key));
	return rc;
}

/* All zero when there is none. A row that is not as it was written takes its
 * mailbox with it. */
static int get_row(
    struct sync_state *state, const struct names *names, struct row *out)
{
	sqlite3_stmt *s = statement(state, SYNC_STATE_ROW_GET, names->key);
	int rc = sqlite3_step(s);
	bool is_broken = false;

	*out = (struct row){.is_recorded = false};
	if (rc == SQLITE_ROW)
		is_broken = !take_row(s, names->key, out);
	int end = finish(s);
	if (end != SQLITE_OK)
		return end;
	if (!is_broken)
		return SQLITE_OK;
	*out = (struct row){.is_recorded = false};
	return drop_mailbox(state, names->key);
}

/* ---------------------------------------------------------------- current */

static int write_pending(struct sync_state *state)
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

static int leave_current(struct sync_state *state)
{
	int rc = write_pending(state);

	state->current.is_set = false;
	return rc;
}

/* The number behind the greatest in the file; a mailbox whose numbers have run
 * out was not written by us. */
static int find_next_chunk(
    struct sync_state *state, const uint8_t *key, uint32_t *out)
{
	sqlite3_stmt *s = statement(state, SYNC_STATE_CHUNK_LAST, key);
	int64_t last = -1;

	if (sqlite3_step(s) == SQLITE_ROW &&
	    sqlite3_column_type(s, 0) != SQLITE_NULL)
		last = sqlite3_column_int64(s, 0);
	int rc = finish(s);
	if (rc != SQLITE_OK)
		return rc;
	if (last < -1 || last > INT32_MAX) {
		*out = 0;
		return execute(statement(state, SYNC_STATE_CHUNKS_DELETE, key));
	}
	*out = (uint32_t)(last + 1);
	return SQLITE_OK;
}

static int enter_current(struct sync_state *state, const struct names *names)
{
	struct sync_state_current *c = &state->current;
	struct row row;

	if (c->is_set && memcmp(c->key, names->key, HASH_KEY_BYTES) == 0)
		return SQLITE_OK;
	int rc = leave_current(state);
	if (rc == SQLITE_OK)
		rc = get_row(state, names, &row);
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

/* ---------------------------------------------------------------- outside */

static int commit(struct sync_state *state)
{
	int rc = write_pending(state);

	if (rc != SQLITE_OK || !state->in_transaction)
		return rc;
	rc = execute(statement(state, SYNC_STATE_COMMIT, NULL));
	if (rc == SQLITE_OK)
		state->in_transaction = false;
	return rc;
}

/* Remembers the first failure; nothing is written any more. */
static int fail(struct sync_state *state, int code, struct error *err)
{
	if (state->failure.kind == ERROR_NONE)
		(void)sync_state_error(
		    state->db, state->path, code, "write", &state->failure);
	state->in_transaction = false; // the close rolls back
	*err = state->failure;
	return -1;
}

static bool enter_write(struct sync_state *state, struct error *err)
{
	(void)pthread_mutex_lock(&state->mutex);
	if (state->failure.kind == ERROR_NONE)
		return true;
	*err = state->failure;
	(void)pthread_mutex_unlock(&state->mutex);
	return false;
}

static int leave_write(struct sync_state *state, int code, struct error *err)
{
	if (code == SQLITE_OK && state->in_transaction &&
	    clock_ms() - state->begun_ms >= COMMIT_MS)
		code = commit(state);
	int rc = code == SQLITE_OK ? 0 : fail(state, code, err);
	(void)pthread_mutex_unlock(&state->mutex);
	return rc;
}

/* What a reader finds wrong, the next writer is told. */
static void leave_read(struct sync_state *state, int code)
{
	struct error ignored;

	if (code != SQLITE_OK)
		(void)fail(state, code, &ignored);
	(void)pthread_mutex_unlock(&state->mutex);
}

static bool read_row(struct sync_state *state, const char *source_name,
    const char *target_name, struct row *out)
{
	struct names names = names_of(source_name, target_name);

	(void)pthread_mutex_lock(&state->mutex);
	bool is_usable = state->failure.kind == ERROR_NONE;
	int rc = is_usable ? get_row(state, &names, out) : SQLITE_OK;
	leave_read(state, rc);
	return is_usable && rc == SQLITE_OK;
}

bool sync_state_find(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_box *box_out)
{
	struct row row;

	if (!read_row(state, source_name, target_name, &row) ||
	    !row.is_recorded)
		return false;
	*box_out = row.box;
	return true;
}

bool sync_state_has_intent(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_intent *intent_out)
{
	struct row row;

	if (!read_row(state, source_name, target_name, &row) ||
	    row.intent.count == 0)
		return false;
	*intent_out = row.intent;
	return true;
}

bool sync_state_any_intent(struct sync_state *state)
{
	(void)pthread_mutex_lock(&state->mutex);
	sqlite3_stmt *s = statement(state, SYNC_STATE_ANY_INTENT, NULL);
	bool is_any = sqlite3_step(s) != SQLITE_DONE;
	leave_read(state, finish(s));
	return is_any;
}

/* ---------------------------------------------------------------- pairs */

static int count_pairs(
    struct sync_state *state, const uint8_t *key, size_t *chunks, size_t *pairs)
{
	sqlite3_stmt *s = statement(state, SYNC_STATE_CHUNKS_COUNT, key);

	*chunks = *pairs = 0;
	if (sqlite3_step(s) == SQLITE_ROW) {
		*chunks = (size_t)sqlite3_column_int64(s, 0);
		*pairs =
		    (size_t)sqlite3_column_int64(s, 1) / SYNC_STATE_PAIR_BYTES;
	}
	return finish(s);
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
static int read_pairs(struct sync_state *state, const struct names *names,
    const struct row *row, struct sync_state_pair **pairs_out,
    size_t *count_out)
{
	size_t chunks, room, count = 0;
	struct chunk chunk;
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

size_t sync_state_load_pairs(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_pair **pairs_out)
{
	struct names names = names_of(source_name, target_name);
	struct row row;
	size_t count = 0;
	int rc = SQLITE_OK;

	*pairs_out = NULL;
	(void)pthread_mutex_lock(&state->mutex);
	if (state->failure.kind == ERROR_NONE) {
		rc = write_pending(state);
		if (rc == SQLITE_OK)
			rc = get_row(state, &names, &row);
		if (rc == SQLITE_OK && row.is_recorded)
			rc = read_pairs(state, &names, &row, pairs_out, &count);
		if (rc == SQLITE_MISMATCH)
			rc = drop_mailbox(state, names.key);
	}
	leave_read(state, rc);
	return count;
}

static int append_pairs(struct sync_state *state, const struct names *names,
    const struct sync_state_pair *pairs, size_t count)
{
	struct sync_state_current *c = &state->current;
	int rc = begin(state);

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
			rc = write_pending(state);
	}
	return rc;
}

int sync_state_add_pairs(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_pair *pairs, size_t count,
    struct error *err)
{
	struct names names = names_of(source_name, target_name);

	if (!enter_write(state, err))
		return -1;
	return leave_write(
	    state, append_pairs(state, &names, pairs, count), err);
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
	sqlite3_stmt *s = statement(state, SYNC_STATE_CHUNK_DELETE, key);
	(void)sqlite3_bind_int64(s, 2, chunk->number);
	return execute(s);
}

static int drop_missing(struct sync_state *state, const struct names *names,
    const uint32_t *kept, size_t kept_count)
{
	struct chunk chunk;
	int64_t after = -1;
	int rc = begin(state);

	if (rc == SQLITE_OK)
		rc = leave_current(state);
	while (rc == SQLITE_OK) {
		rc = next_chunk(state, names->key, after, &chunk);
		if (rc != SQLITE_ROW)
			break;
		after = chunk.number;
		rc = filter_chunk(state, names->key, &chunk, kept, kept_count);
	}
	if (rc == SQLITE_MISMATCH)
		return drop_mailbox(state, names->key);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sync_state_drop_missing(struct sync_state *state, const char *source_name,
    const char *target_name, const uint32_t *kept, size_t kept_count,
    struct error *err)
{
	struct names names = names_of(source_name, target_name);

	if (!enter_write(state, err))
		return -1;
	return leave_write(
	    state, drop_missing(state, &names, kept, kept_count), err);
}

/* ---------------------------------------------------------------- records */

/* Many commits make many small chunks; a complete pass leaves few. */
static int compact(
    struct sync_state *state, const struct names *names, const struct row *row)
{
	struct sync_state_pair *pairs = NULL;
	size_t chunks, count = 0;
	uint32_t number = 0;
	int rc = count_pairs(state, names->key, &chunks, &count);

	if (rc != SQLITE_OK || chunks <= COMPACT_CHUNKS ||
	    count / chunks >= COMPACT_PAIRS)
		return rc;
	count = 0;
	rc = read_pairs(state, names, row, &pairs, &count);
	if (rc == SQLITE_MISMATCH)
		return drop_mailbox(state, names->key);
	if (rc == SQLITE_OK)
		rc = execute(
		    statement(state, SYNC_STATE_CHUNKS_DELETE, names->key));
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

static int put_box(struct sync_state *state, const struct names *names,
    const struct sync_state_box *box)
{
	struct row row;
	int rc = begin(state);

	if (rc == SQLITE_OK)
		rc = leave_current(state);
	if (rc == SQLITE_OK)
		rc = get_row(state, names, &row);
	if (rc != SQLITE_OK)
		return rc;
	bool is_same = row.is_recorded &&
		       row.box.source.uidvalidity == box->source.uidvalidity &&
		       row.box.target.uidvalidity == box->target.uidvalidity;
	row.is_recorded = true;
	row.box = *box;
	if (!is_same)
		rc = execute(
		    statement(state, SYNC_STATE_CHUNKS_DELETE, names->key));
	else if (box->complete)
		rc = compact(state, names, &row);
	return rc == SQLITE_OK ? put_row(state, names, &row) : rc;
}

int sync_state_put(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_box *box,
    struct error *err)
{
	struct names names = names_of(source_name, target_name);

	if (!enter_write(state, err))
		return -1;
	return leave_write(state, put_box(state, &names, box), err);
}

int sync_state_forget(struct sync_state *state, const char *source_name,
    const char *target_name, struct error *err)
{
	struct names names = names_of(source_name, target_name);

	if (!enter_write(state, err))
		return -1;
	return leave_write(state, drop_mailbox(state, names.key), err);
}

/* ---------------------------------------------------------------- intents */

static int widen_intent(struct sync_state *state, const struct names *names,
    const struct sync_state_intent *intent)
{
	struct row row;
	int rc = begin(state);

	if (rc == SQLITE_OK)
		rc = get_row(state, names, &row);
	if (rc != SQLITE_OK)
		return rc;
	struct sync_state_intent *old = &row.intent, new = *intent;
	if (old->count > 0 && old->uidvalidity == new.uidvalidity) {
		if (old->uidnext < new.uidnext)
			new.uidnext = old->uidnext;
		new.count = new.count > UINT32_MAX - old->count
				? UINT32_MAX
				: new.count + old->count;
	}
	row.intent = new;
	rc = put_row(state, names, &row);
	return rc == SQLITE_OK ? commit(state) : rc;
}

int sync_state_intend(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_intent *intent,
    struct error *err)
{
	struct names names = names_of(source_name, target_name);

	if (!enter_write(state, err))
		return -1;
	return leave_write(state, widen_intent(state, &names, intent), err);
}

static int end_intent(struct sync_state *state, const struct names *names)
{
	struct row row;
	int rc = get_row(state, names, &row);

	if (rc != SQLITE_OK || row.intent.count == 0)
		return rc;
	row.intent = (struct sync_state_intent){.count = 0};
	rc = begin(state);
	return rc == SQLITE_OK ? put_row(state, names, &row) : rc;
}

int sync_state_settled(struct sync_state *state, const char *source_name,
    const char *target_name, struct error *err)
{
	struct names names = names_of(source_name, target_name);

	if (!enter_write(state, err))
		return -1;
	return leave_write(state, end_intent(state, &names), err);
}

int sync_state_flush(struct sync_state *state, struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	return leave_write(state, commit(state), err);
}
