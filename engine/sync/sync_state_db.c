// SPDX-License-Identifier: MIT
/*
 * The state file as a database: its tables, and whether what SQLite finds is
 * what was written.
 */
#include "engine/sync/sync_state_private.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/step.h"
#include "engine/base/text.h"

enum {
	ROW_BYTES_MAX = 1 << 20,
	BUSY_MS = 1000
};

static const char schema_meta[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB, digest BLOB)"
    " WITHOUT ROWID";
static const char schema_mailbox[] =
    "CREATE TABLE mailbox(key BLOB PRIMARY KEY, source BLOB, target BLOB,"
    " source_uidvalidity INTEGER, source_uidnext INTEGER,"
    " source_messages INTEGER, source_modseq INTEGER,"
    " target_uidvalidity INTEGER, target_uidnext INTEGER,"
    " target_messages INTEGER, target_modseq INTEGER,"
    " present INTEGER, deleted INTEGER, flags INTEGER,"
    " intent_uidvalidity INTEGER, intent_uidnext INTEGER,"
    " intent_count INTEGER, digest BLOB) WITHOUT ROWID";
static const char schema_pairs[] =
    "CREATE TABLE pairs(key BLOB, chunk INTEGER, source_uidvalidity INTEGER,"
    " target_uidvalidity INTEGER, uids BLOB, digest BLOB,"
    " PRIMARY KEY(key, chunk)) WITHOUT ROWID";

int sync_state_db_error(sqlite3 *db, const char *path, int code,
    const char *what, struct error *err)
{
	char shown[512], os_text[96] = "";
	const char *words = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
	int number = db ? sqlite3_system_errno(db) : 0;

	if ((code & 0xff) == SQLITE_NOMEM)
		return error_set(err, ERROR_INTERNAL, "local.memory",
		    "out of memory: state file");
	if (number != 0 && (code & 0xff) != SQLITE_FULL)
		(void)text_errno(number, os_text, sizeof(os_text));
	return error_set(err, ERROR_OS, "local.disk",
	    "cannot %s the state file '%s': %s%s%s", what,
	    text_escape(path, strlen(path), shown, sizeof(shown)), words,
	    os_text[0] ? ": " : "", os_text);
}

static bool is_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT ||
	       (code & 0xff) == SQLITE_NOTADB ||
	       (code & 0xff) == SQLITE_SCHEMA ||
	       (code & 0xff) == SQLITE_ERROR || // a table is not there
	       (code & 0xff) == SQLITE_MISMATCH ||
	       (code & 0xff) == SQLITE_TOOBIG;
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

void sync_state_db_close(struct sync_state *state)
{
	for (size_t i = 0; i < SYNC_STATE_STATEMENTS; i++) {
		(void)sqlite3_finalize(state->statements[i]);
		state->statements[i] = NULL;
	}
	(void)sqlite3_close(state->db); // nothing is left that could refuse
	state->db = NULL;
}

/* Nothing in the file may make SQLite do more than read and write tables. */
static int open_database(struct sync_state *state)
{
	int rc = sqlite3_open_v2(state->path, &state->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
		SQLITE_OPEN_PRIVATECACHE,
	    NULL);

	if (rc != SQLITE_OK)
		return rc;
	(void)sqlite3_extended_result_codes(state->db, 1);
	(void)sqlite3_busy_timeout(state->db, BUSY_MS);
	(void)sqlite3_limit(state->db, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
	(void)sqlite3_limit(state->db, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_db_config(state->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(
	    state->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(
	    state->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	return run(state->db,
	    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
	    "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
	    "PRAGMA cache_size=-512; PRAGMA locking_mode=EXCLUSIVE");
}

static int put_meta(sqlite3 *db, const char *name, const char *value)
{
	uint8_t digest[HASH_KEY_BYTES];
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(
	    db, "INSERT OR REPLACE INTO meta VALUES(?,?,?)", -1, &s, NULL);

	hash_key(value, strlen(value), digest);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(
		    s, 2, value, (int)strlen(value), SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(
		    s, 3, digest, SYNC_STATE_CHECK_BYTES, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		(void)sqlite3_step(s);
	int end = sqlite3_finalize(s);
	return rc == SQLITE_OK ? end : rc;
}

static int make_tables(sqlite3 *db, const char *pair_key)
{
	char head[128];
	int rc = run(db, "BEGIN IMMEDIATE");

	(void)snprintf(head, sizeof(head),
	    "PRAGMA application_id=%d; PRAGMA user_version=%d",
	    SYNC_STATE_APPLICATION_ID, SYNC_STATE_FORMAT_VERSION);
	if (rc == SQLITE_OK)
		rc = run(db, head);
	if (rc == SQLITE_OK)
		rc = run(db, schema_meta);
	if (rc == SQLITE_OK)
		rc = run(db, schema_mailbox);
	if (rc == SQLITE_OK)
		rc = run(db, schema_pairs);
	if (rc == SQLITE_OK)
		rc = put_meta(db, "pair", pair_key);
	return rc == SQLITE_OK ? run(db, "COMMIT") : rc;
}

/* The answer of a query with one number; SQLITE_CORRUPT when there is none. */
static int ask_number(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	int end = sqlite3_finalize(s);
	if (end != SQLITE_OK)
		return end;
	return rc == SQLITE_ROW ? SQLITE_OK : SQLITE_CORRUPT;
}

/* Our tables, to the letter, and nothing else. */
static int check_schema(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	int ours = 0, others = 0;
	int rc = sqlite3_prepare_v2(
	    db, "SELECT sql FROM sqlite_schema", -1, &s, NULL);

	if (rc != SQLITE_OK)
		return rc;
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *sql = (const char *)sqlite3_column_text(s, 0);
		if (sql && (strcmp(sql, schema_meta) == 0 ||
			       strcmp(sql, schema_mailbox) == 0 ||
			       strcmp(sql, schema_pairs) == 0))
			ours++;
		else
			others++;
	}
	int end = sqlite3_finalize(s);
	if (end != SQLITE_OK)
		return end;
	return ours == 3 && others == 0 ? SQLITE_OK : SQLITE_CORRUPT;
}

/* Structure only: contents have digests of their own. */
static int check_structure(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);

	if (rc != SQLITE_OK)
		return rc;
	bool is_ok = sqlite3_step(s) == SQLITE_ROW &&
		     sqlite3_column_text(s, 0) &&
		     strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
	rc = sqlite3_finalize(s);
	if (rc != SQLITE_OK)
		return rc;
	return is_ok ? SQLITE_OK : SQLITE_CORRUPT;
}

/* SQLITE_ROW when the row holds what was written; then compares. */
static int compare_pair_key(
    sqlite3_stmt *s, const char *pair_key, bool *is_same)
{
	uint8_t digest[HASH_KEY_BYTES];
	size_t len = strlen(pair_key);
	const void *value = sqlite3_column_blob(s, 0);
	size_t value_len = (size_t)sqlite3_column_bytes(s, 0);
	const void *stored = sqlite3_column_blob(s, 1);

	hash_key(value ? value : "", value_len, digest);
	if (!stored || sqlite3_column_bytes(s, 1) != SYNC_STATE_CHECK_BYTES ||
	    memcmp(stored, digest, SYNC_STATE_CHECK_BYTES) != 0)
		return SQLITE_CORRUPT;
	*is_same = value_len == len &&
		   (len == 0 || (value && memcmp(value, pair_key, len) == 0));
	return SQLITE_ROW;
}

static int check_pair_key(sqlite3 *db, const char *pair_key, bool *is_same)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db,
	    "SELECT value, digest FROM meta WHERE name='pair'", -1, &s, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		rc = compare_pair_key(s, pair_key, is_same);
	int end = sqlite3_finalize(s);
	if (end != SQLITE_OK)
		return end;
	return rc == SQLITE_ROW ? SQLITE_OK : SQLITE_CORRUPT;
}

static enum sync_state_verdict verdict_of(
    struct sync_state *state, int code, const char *what, struct error *err)
{
	if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
		(void)error_set(err, ERROR_IO, "local.locked",
		    "the state file '%s' is held by another program",
		    state->path);
		return SYNC_STATE_LOCKED;
	}
	if (is_damage(code))
		return SYNC_STATE_TORN;
	(void)sync_state_db_error(state->db, state->path, code, what, err);
	return SYNC_STATE_FAILED;
}

/*
 * The log is switched on at every open: a kill between making the tables and
 * this leaves a file with a rollback journal. Writing the version shows that
 * the disk takes writes before anything depends on it.
 */
static int make_ready(struct sync_state *state)
{
	int rc = run(state->db,
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
	    "PRAGMA wal_autocheckpoint=2000; PRAGMA journal_size_limit=8388608");

	if (rc == SQLITE_OK)
		rc = put_meta(state->db, "engine", MAILCONVOY_VERSION);
	return rc == SQLITE_OK ? sync_state_row_prepare(state) : rc;
}

enum sync_state_verdict sync_state_db_make(
    struct sync_state *state, const char *pair_key, struct error *err)
{
	int rc = open_database(state);

	// what a power loss does to a file this young, the next open sees
	if (rc == SQLITE_OK)
		rc = run(state->db, "PRAGMA synchronous=OFF");
	step_point("state.make");
	if (rc == SQLITE_OK)
		rc = make_tables(state->db, pair_key);
	step_point("state.made");
	if (rc == SQLITE_OK)
		rc = make_ready(state);
	step_point("state.ready");
	return rc == SQLITE_OK ? SYNC_STATE_NEW
			       : verdict_of(state, rc, "make", err);
}

enum sync_state_verdict sync_state_db_use(
    struct sync_state *state, const char *pair_key, struct error *err)
{
	int64_t version = 0;
	bool is_same = false;
	int rc = open_database(state);

	if (rc == SQLITE_OK)
		rc = ask_number(state->db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK && version > SYNC_STATE_FORMAT_VERSION)
		return SYNC_STATE_NEWER_VERSION;
	if (rc == SQLITE_OK && version != SYNC_STATE_FORMAT_VERSION)
		rc = SQLITE_CORRUPT;
	if (rc == SQLITE_OK)
		rc = check_schema(state->db);
	if (rc == SQLITE_OK)
		rc = check_structure(state->db);
	if (rc == SQLITE_OK)
		rc = check_pair_key(state->db, pair_key, &is_same);
	if (rc == SQLITE_OK && !is_same)
		return SYNC_STATE_OTHER_ACCOUNT;
	if (rc == SQLITE_OK)
		rc = make_ready(state);
	return rc == SQLITE_OK ? SYNC_STATE_OLD
			       : verdict_of(state, rc, "open", err);
}
