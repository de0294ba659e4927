// SPDX-License-Identifier: MIT
/* The state file from inside: for the sync_state*.c only. */
#ifndef ENGINE_SYNC_SYNC_STATE_PRIVATE_H
#define ENGINE_SYNC_SYNC_STATE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/sync/sync_state.h"

enum {
	SYNC_STATE_APPLICATION_ID = 0x4d437374, /* "MCst" */
	SYNC_STATE_FORMAT_VERSION = 1,
	SYNC_STATE_CHUNK_PAIRS = 4096,
	SYNC_STATE_PAIR_BYTES = 8,
	SYNC_STATE_CHUNK_HEAD = HASH_KEY_BYTES + 16, /* key, number, validity */
	SYNC_STATE_CHECK_BYTES = 8
};

enum sync_state_statement {
	SYNC_STATE_BEGIN,
	SYNC_STATE_COMMIT,
	SYNC_STATE_ROW_GET,
	SYNC_STATE_ROW_PUT,
	SYNC_STATE_ROW_DELETE,
	SYNC_STATE_ANY_INTENT,
	SYNC_STATE_CHUNK_LAST,
	SYNC_STATE_CHUNK_NEXT,
	SYNC_STATE_CHUNK_PUT,
	SYNC_STATE_CHUNK_DELETE,
	SYNC_STATE_CHUNKS_DELETE,
	SYNC_STATE_CHUNKS_COUNT,
	SYNC_STATE_STATEMENTS
};

/* The mailbox that pairs are added to. */
struct sync_state_current {
	bool is_set;
	uint8_t key[HASH_KEY_BYTES];
	uint32_t source_uidvalidity, target_uidvalidity;
	uint32_t next_chunk;
	size_t pending; /* pairs not yet in the file */
	struct sync_state_pair pairs[SYNC_STATE_CHUNK_PAIRS];
};

struct sync_state_last {
	char *source, *target;
	uint8_t key[HASH_KEY_BYTES];
};

struct sync_state {
	pthread_mutex_t mutex;
	char *path, *lock_path;
	struct log *log;
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *statements[SYNC_STATE_STATEMENTS];
	bool in_transaction;
	int64_t begun_ms;
	struct error failure; /* of the first write that failed */
	struct sync_state_current current;
	struct sync_state_last last;
	uint8_t scratch[SYNC_STATE_CHUNK_HEAD +
			SYNC_STATE_CHUNK_PAIRS * SYNC_STATE_PAIR_BYTES];
};

/* sync_state_db.c */

/* Opens an empty file and makes the tables, or opens one that is said to be ours
 * and checks it. Whatever they say, sync_state_db_close must follow. */
enum sync_state_verdict sync_state_db_make(
    struct sync_state *state, const char *pair_key, struct error *err);
enum sync_state_verdict sync_state_db_use(
    struct sync_state *state, const char *pair_key, struct error *err);
void sync_state_db_close(struct sync_state *state);

/* Turns a code of the library into an error; -1. `db` may be NULL. */
int sync_state_db_error(sqlite3 *db, const char *path, int code,
    const char *what, struct error *err);

/* sync_state_row.c: statements and the rows of mailboxes.  What returns int
 * returns a code of the library. */

/* A mailbox as the file knows it: by a digest of both names. */
struct sync_state_names {
	const char *source, *target;
	uint8_t key[HASH_KEY_BYTES];
};

struct sync_state_row {
	bool is_recorded; /* else only an intent, or nothing */
	struct sync_state_box box;
	struct sync_state_intent intent;
};

/* One mailbox is asked for many times in a row: the last digest is kept. */
struct sync_state_names sync_state_names_of(
    struct sync_state *state, const char *source, const char *target);

int sync_state_row_prepare(struct sync_state *state);

/* With `key` bound as the first parameter, unless NULL. */
sqlite3_stmt *sync_state_statement(struct sync_state *state,
    enum sync_state_statement which, const uint8_t *key);

/* Runs a statement that tells no rows. */
int sync_state_execute(sqlite3_stmt *s);

/* After the last look at a row. */
int sync_state_finish(sqlite3_stmt *s);

/* A transaction, when there is none. */
int sync_state_begin(struct sync_state *state);

/* False when the column is no number of this size. */
bool sync_state_column_u32(sqlite3_stmt *s, int column, uint32_t *out);

void sync_state_put_u32(uint8_t *p, uint32_t value);

/* All zero when there is none. A row that is not as it was written takes its
 * mailbox with it. */
int sync_state_row_get(struct sync_state *state,
    const struct sync_state_names *names, struct sync_state_row *out);
int sync_state_row_put(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_row *row);

/* The row and all pairs of the mailbox. */
int sync_state_row_drop(struct sync_state *state, const uint8_t *key);

/* sync_state_pairs.c: SQLITE_MISMATCH where a chunk is not as it was written. */

int sync_state_pairs_append(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_pair *pairs,
    size_t count);

/* Writes what is in memory only; leave also ends adding to this mailbox. */
int sync_state_pairs_write(struct sync_state *state);
int sync_state_pairs_leave(struct sync_state *state);

/* Leaves both outputs alone when there are none. */
int sync_state_pairs_read(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_row *row,
    struct sync_state_pair **pairs_out, size_t *count_out);

int sync_state_pairs_filter(struct sync_state *state,
    const struct sync_state_names *names, const uint32_t *kept,
    size_t kept_count);

/* Many commits make many small chunks: makes few of them. */
int sync_state_pairs_compact(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_row *row);

#endif
