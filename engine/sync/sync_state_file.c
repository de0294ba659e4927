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
#include "engine/base/holder.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/base/text.h"
#include "engine/sync/sync_state_private.h"

enum {
	HEAD_BYTES = 100, /* of every SQLite file */
	HEAD_WRITE_FORMAT = 18,
	HEAD_VERSION = 60,
	HEAD_APPLICATION = 68,
	PAIR_KEY_MAX = 64 * 1024
};

/* No state of ours comes near it. */
static const int64_t file_bytes_max = (int64_t)2 << 30;

/* ---------------------------------------------------------------- lock */

static int name_holder(struct sync_state *state, struct error *err)
{
	char shown[HOLDER_TEXT_BYTES];

	return error_set(err, ERROR_IO, "local.locked",
	    "the state file '%s' is held by another engine: %s", state->path,
	    holder_read(state->lock_path, shown));
}

static enum sync_state_verdict take_lock(
    struct sync_state *state, struct error *err)
{
	state->lock_fd = fd_open_private(state->lock_path, 0, err);
	if (state->lock_fd < 0)
		return SYNC_STATE_FAILED;
	if (flock(state->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		holder_write(state->lock_fd);
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
		bool is_there = lstat(name, &st) == 0;
		if (!is_there && errno != ENOENT)
			rc = error_set_errno(err, ERROR_OS, "local.disk",
			    "cannot look at '%s'", name);
		else if (is_there && !is_own_file(&st))
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
	if (big_endian(head + HEAD_APPLICATION) != SYNC_STATE_APPLICATION_ID)
		return SYNC_STATE_FOREIGN;
	if (big_endian(head + HEAD_VERSION) > SYNC_STATE_FORMAT_VERSION)
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
	if (fstat(fd, &st) < 0) {
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot look at the state file '%s'", state->path);
	} else if (!is_own_file(&st)) {
		(void)refuse_file(state->path, err);
	} else if (check_companions(state->path, err) == 0) {
		ssize_t n = fd_read_at(fd, head, sizeof(head), 0);
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
		step_point("state.aside");
		free(from);
		free(to);
	}
	return rc;
}

static enum sync_state_verdict replace_torn(
    struct sync_state *state, const char *pair_key, struct error *err)
{
	sync_state_db_close(state);
	if (move_aside(state, err) < 0)
		return SYNC_STATE_FAILED;
	if (state->log)
		log_write(state->log, LOG_LEVEL_WARNING, "engine",
		    "the state file '%s' was damaged and is now '%s.broken': all is compared anew",
		    state->path, state->path);
	enum sync_state_verdict verdict = look_at_file(state, err);
	if (verdict == SYNC_STATE_NEW)
		verdict = sync_state_db_make(state, pair_key, err);
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

	step_point("state.lock");
	if (verdict == SYNC_STATE_OLD)
		verdict = look_at_file(state, err);
	if (verdict == SYNC_STATE_NEW) {
		verdict = sync_state_db_make(state, pair_key, err);
	} else if (verdict == SYNC_STATE_OLD) {
		verdict = sync_state_db_use(state, pair_key, err);
	}
	if (verdict == SYNC_STATE_TORN)
		verdict = replace_torn(state, pair_key, err);
	tell_verdict(state, verdict, err);
	return verdict;
}

struct sync_state *sync_state_open(const char *path, const char *pair_key,
    struct log *log, enum sync_state_verdict *verdict_out, struct error *err)
{
	*verdict_out = SYNC_STATE_FAILED;
	if (strlen(pair_key) > PAIR_KEY_MAX) {
		(void)error_set(err, ERROR_LIMIT, "limit.names",
		    "the names of both accounts are longer than %d bytes",
		    PAIR_KEY_MAX);
		return NULL;
	}
	char *full = resolve(path, err);
	if (!full)
		return NULL;
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
	sync_state_db_close(state);
	step_point("state.closed");
	fd_close(&state->lock_fd);
	(void)pthread_mutex_destroy(&state->mutex);
	free(state->last.source);
	free(state->last.target);
	free(state->lock_path);
	free(state->path);
	free(state);
}
