// SPDX-License-Identifier: MIT
/*
 * The state file as a file: whose it is, who holds it, what to do with one that
 * is damaged.
 *
 * The lock is a flock on a companion, PATH.lock, because SQLite's own POSIX
 * locks end when any descriptor of the file is closed in this process; with
 * locking_mode=EXCLUSIVE SQLite locks as well, which keeps other programs out
 * and needs no shared memory for the write-ahead log.
 *
 * Nothing of a stranger is touched: before SQLite sees the file, its head is
 * read; a file without our application id is left alone. That is also why
 * the id is written before the file is switched to a write-ahead log: it is
 * always in the file itself.
 */
#include "engine/sync/sync_state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/sync/sync_state_private.h"

enum {
	APPLICATION_ID = 0x4d437374, /* "MCst" */
	FORMAT_VERSION = 1,
	HEAD_BYTES = 100, /* of every SQLite file */
	HEAD_WRITE_FORMAT = 18,
	HEAD_VERSION = 60,
	HEAD_APPLICATION = 68,
	PAIR_KEY_MAX = 64 * 1024,
	ROW_BYTES_MAX = 1 << 20,
	BUSY_MS = 1000
};

/* No state of ours comes near it. */
static const int64_t file_bytes_max = (int64_t)2 << 30;

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

int sync_state_error(sqlite3 *db, const char *path, int code, const char *what,
    struct error *err)
{
	char shown[512], os_text[96] = "";
	const char *words = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
	int number = db ? sqlite3_system_errno(db) : 0;

	if ((code & 0xff) == SQLITE_NOMEM)
		return error_set(
		    err, ERROR_OS, "local.memory", "out of memory: state file");
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

/* ---------------------------------------------------------------- lock */

static int name_holder(struct sync_state *state, struct error *err)
{
	char holder[256], shown[512];
	int fd = open(
	    state->lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, holder, sizeof(holder));

	// closing this descriptor does not end a flock held by another
	fd_close(&fd);
	while (n > 0 && holder[n - 1] == '\n')
		n--;
	if (n <= 0)
		n = snprintf(holder, sizeof(holder), "somebody unknown");
	return error_set(err, ERROR_IO, "local.locked",
	    "the state file '%s' is held by another engine: %s", state->path,
	    text_escape(holder, (size_t)n, shown, sizeof(shown)));
}

static void write_holder(int fd)
{
	char host[128] = "?", now[CLOCK_TEXT_BYTES], text[256];

	(void)gethostname(host, sizeof(host) - 1);
	clock_format(clock_wall_ms(), now);
	int n = snprintf(text, sizeof(text), "host %s pid %ld since %s\n", host,
	    (long)getpid(), now);
	// only for people: the lock itself is the truth
	if (ftruncate(fd, 0) == 0 && n > 0)
		(void)fd_write_all(fd, text, (size_t)n);
}

static enum sync_state_verdict take_lock(
    struct sync_state *state, struct error *err)
{
	state->lock_fd = fd_open_private(state->lock_path, 0, err);
	if (state->lock_fd < 0)
		return SYNC_STATE_FAILED;
	if (flock(state->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		write_holder(state->lock_fd);
		return SYNC_STATE_OLD;
	}
	if (errno == EWOULDBLOCK) {
		(void)name_holder(state, err);
		return SYNC_STATE_LOCKED;
	}
	(void)error_set_errno(
	    err, ERROR_OS, "local.disk", "cannot lock '%s'", state->lock_path);
	return SYNC_STATE_FAILED;
}

/* ---------------------------------------------------------------- whose */

static int refuse_file(const char *path, struct error *err)
{
	return error_set(err, ERROR_OS, "local.disk",
	    "'%s' is not a plain file of our own: remove it or choose another path",
	    path);
}

static bool is_own_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	       st->st_uid == geteuid();
}

/* What SQLite keeps beside the file must be as innocent as the file. */
static int check_companions(const char *path, struct error *err)
{
	static const char *const ends[] = {"-wal", "-journal", "-shm"};
	struct stat st;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(ends); i++) {
		char *name = mem_printf("%s%s", path, ends[i]);
		if (lstat(name, &st) == 0 && !is_own_file(&st))
			rc = refuse_file(name, err);
		free(name);
	}
	return rc;
}

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* A file that a power failure left as zero bytes holds nothing of anybody. */
static enum sync_state_verdict judge_head(
    const uint8_t *head, size_t len, int64_t size)
{
	static const uint8_t zeros[HEAD_BYTES];

	if (size == 0)
		return SYNC_STATE_NEW;
	if (memcmp(head, zeros, len) == 0)
		return SYNC_STATE_TORN;
	if (len < 16 || memcmp(head, "SQLite format 3", 16) != 0)
		return SYNC_STATE_FOREIGN;
	if (len < HEAD_BYTES)
		return SYNC_STATE_TORN;
	if (big_endian(head + HEAD_APPLICATION) != APPLICATION_ID)
		return SYNC_STATE_FOREIGN;
	if (big_endian(head + HEAD_VERSION) > FORMAT_VERSION)
		return SYNC_STATE_NEWER_VERSION;
	// else SQLite would take it for one that may only be read
	bool is_sound = head[HEAD_WRITE_FORMAT] <= 2 && size <= file_bytes_max;
	return is_sound ? SYNC_STATE_OLD : SYNC_STATE_TORN;
}

static enum sync_state_verdict look_at_file(
    const struct sync_state *state, struct error *err)
{
	enum sync_state_verdict verdict = SYNC_STATE_FAILED;
	uint8_t head[HEAD_BYTES];
	struct stat st;
	int fd = open(state->path,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    0600);

	if (fd < 0) {
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot open the state file '%s'", state->path);
		return verdict;
	}
	if (fstat(fd, &st) < 0 || !is_own_file(&st)) {
		(void)refuse_file(state->path, err);
	} else if (check_companions(state->path, err) == 0) {
		ssize_t n = pread(fd, head, sizeof(head), 0);
		if (n < 0)
			(void)error_set_errno(err, ERROR_OS, "local.disk",
			    "cannot read the state file '%s'", state->path);
		else
			verdict = judge_head(head, (size_t)n, st.st_size);
		// names of mailboxes are nobody else's business
		if (verdict == SYNC_STATE_OLD && (st.st_mode & 077) != 0)
			(void)fchmod(fd, 0600);
	}
	fd_close(&fd);
	return verdict;
}

static void tell_verdict(const struct sync_state *state,
    enum sync_state_verdict verdict, struct error *err)
{
	if (verdict == SYNC_STATE_FOREIGN)
		(void)error_set(err, ERROR_CONFIG, "state.foreign",
		    "'%s' is not a state file of this program and is left alone: working without one",
		    state->path);
	else if (verdict == SYNC_STATE_NEWER_VERSION)
		(void)error_set(err, ERROR_CONFIG, "state.newer",
		    "the state file '%s' was written by a newer version: working without one",
		    state->path);
	else if (verdict == SYNC_STATE_OTHER_ACCOUNT)
		(void)error_set(err, ERROR_CONFIG, "state.other_account",
		    "the state file '%s' belongs to another pair of accounts: working without one",
		    state->path);
}

/* ---------------------------------------------------------------- SQLite */

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void close_database(struct sync_state *state)
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
	    "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
	    FORMAT_VERSION);
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
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
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
	*is_same =
	    value_len == len && (len == 0 || memcmp(value, pair_key, len) == 0);
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
	(void)sync_state_error(state->db, state->path, code, what, err);
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
	    "PRAGMA wal_autocheckpoint=500; PRAGMA journal_size_limit=4194304");

	if (rc == SQLITE_OK)
		rc = put_meta(state->db, "engine", MAILCONVOY_VERSION);
	return rc == SQLITE_OK ? sync_state_prepare(state) : rc;
}

static enum sync_state_verdict make_new(
    struct sync_state *state, const char *pair_key, struct error *err)
{
	int rc = open_database(state);

	// what a power loss does to a file this young, the next open sees
	if (rc == SQLITE_OK)
		rc = run(state->db, "PRAGMA synchronous=OFF");
	if (rc == SQLITE_OK)
		rc = make_tables(state->db, pair_key);
	if (rc == SQLITE_OK)
		rc = make_ready(state);
	return rc == SQLITE_OK ? SYNC_STATE_NEW
			       : verdict_of(state, rc, "make", err);
}

static enum sync_state_verdict use_old(
    struct sync_state *state, const char *pair_key, struct error *err)
{
	int64_t version = 0;
	bool is_same = false;
	int rc = open_database(state);

	if (rc == SQLITE_OK)
		rc = ask_number(state->db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK && version > FORMAT_VERSION)
		return SYNC_STATE_NEWER_VERSION;
	if (rc == SQLITE_OK && version != FORMAT_VERSION)
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

/* ---------------------------------------------------------------- open */

/* The log and the journal go with it: they must not be played into a new one. */
static int move_aside(struct sync_state *state, struct error *err)
{
	static const char *const ends[] = {"-wal", "-journal", "-shm", ""};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(ends); i++) {
		char *from = mem_printf("%s%s", state->path, ends[i]);
		char *to = mem_printf("%s.broken%s", state->path, ends[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			rc = error_set_errno(err, ERROR_OS, "local.disk",
			    "cannot move the damaged state file '%s' to '%s'",
			    from, to);
		free(from);
		free(to);
	}
	return rc;
}

static enum sync_state_verdict replace_torn(
    struct sync_state *state, const char *pair_key, struct error *err)
{
	close_database(state);
	if (move_aside(state, err) < 0)
		return SYNC_STATE_FAILED;
	if (state->log)
		log_write(state->log, LOG_LEVEL_WARNING, "engine",
		    "the state file '%s' was damaged and is now '%s.broken': all is compared anew",
		    state->path, state->path);
	enum sync_state_verdict verdict = look_at_file(state, err);
	if (verdict == SYNC_STATE_NEW)
		verdict = make_new(state, pair_key, err);
	if (verdict == SYNC_STATE_NEW)
		return SYNC_STATE_TORN;
	if (verdict == SYNC_STATE_TORN) // a disk that forgets at once
		(void)error_set(err, ERROR_OS, "local.disk",
		    "the new state file '%s' is damaged too", state->path);
	return verdict == SYNC_STATE_LOCKED ? verdict : SYNC_STATE_FAILED;
}

/* With the folder's links resolved, so that SQLite can be told to follow none:
 * the last part of the path is ours to judge. */
static char *resolve(const char *path, struct error *err)
{
	char *copy = mem_strdup(path);
	char *folder = realpath(dirname(copy), NULL);
	char *full = NULL;
	const char *slash = strrchr(path, '/'),
		   *last = slash ? slash + 1 : path;

	free(copy);
	if (!folder) {
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot use the folder of the state file '%s'", path);
	} else if (last[0] == '\0') {
		(void)error_set(err, ERROR_OS, "local.disk",
		    "'%s' is no name for a state file", path);
	} else {
		full = mem_printf("%s%s%s", folder,
		    strcmp(folder, "/") == 0 ? "" : "/", last);
	}
	free(folder);
	return full;
}

static enum sync_state_verdict open_file(
    struct sync_state *state, const char *pair_key, struct error *err)
{
	enum sync_state_verdict verdict = take_lock(state, err);

	if (verdict == SYNC_STATE_OLD)
		verdict = look_at_file(state, err);
	if (verdict == SYNC_STATE_NEW) {
		verdict = make_new(state, pair_key, err);
	} else if (verdict == SYNC_STATE_OLD) {
		verdict = use_old(state, pair_key, err);
	}
	if (verdict == SYNC_STATE_TORN)
		verdict = replace_torn(state, pair_key, err);
	tell_verdict(state, verdict, err);
	return verdict;
}

struct sync_state *sync_state_open(const char *path, const char *pair_key,
    struct log *log, enum sync_state_verdict *verdict_out, struct error *err)
{
	char *full = resolve(path, err);

	*verdict_out = SYNC_STATE_FAILED;
	if (!full)
		return NULL;
	bug_if(strlen(pair_key) > PAIR_KEY_MAX);
	struct sync_state *state = mem_calloc(1, sizeof(*state));
	state->path = full;
	state->lock_path = mem_printf("%s.lock", full);
	state->log = log;
	state->lock_fd = -1;
	(void)pthread_mutex_init(&state->mutex, NULL); // cannot fail here
	*verdict_out = open_file(state, pair_key, err);
	if (*verdict_out > SYNC_STATE_TORN) {
		sync_state_close(state);
		return NULL;
	}
	return state;
}

void sync_state_close(struct sync_state *state)
{
	struct error ignored;

	if (!state)
		return;
	if (state->in_transaction && sync_state_flush(state, &ignored) < 0 &&
	    state->log)
		log_write(state->log, LOG_LEVEL_WARNING, "engine", "%s",
		    ignored.text);
	close_database(state);
	fd_close(&state->lock_fd);
	(void)pthread_mutex_destroy(&state->mutex);
	free(state->lock_path);
	free(state->path);
	free(state);
}
