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
	uint8_t scratch[SYNC_STATE_CHUNK_HEAD +
			SYNC_STATE_CHUNK_PAIRS * SYNC_STATE_PAIR_BYTES];
};

/* sync_state_file.c */

/* Turns a code of the library into an error; -1. `db` may be NULL. */
int sync_state_error(sqlite3 *db, const char *path, int code, const char *what,
    struct error *err);

/* sync_state.c */
int sync_state_prepare(struct sync_state *state);

#endif
