// SPDX-License-Identifier: MIT
#include "orchestrator/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/hash.h"
#include "engine/base/holder.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/base/text.h"
#include "orchestrator/journal_parts.h"

enum {
	ID_LEN = 21 /* 20260301T200000Z-7f3a */
};

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "local.memory", "out of memory");
}

int rundir_init(struct rundir *dir, const struct plan *plan, struct error *err)
{
	*dir = (struct rundir){.lock_fd = -1};
	dir->state = mem_try_printf("%s/%s", plan->state_dir, plan->name);
	return dir->state ? 0 : no_memory(err);
}

static void forget_run(struct rundir *dir)
{
	free(dir->id);
	free(dir->path);
	dir->id = dir->path = NULL;
}

void rundir_release(struct rundir *dir)
{
	forget_run(dir);
	free(dir->state);
	fd_close(&dir->lock_fd);
	*dir = (struct rundir){.lock_fd = -1};
}

static const char *runs_of(const struct rundir *dir)
{
	return dir->is_look     ? "checks"
	       : dir->is_verify ? "verifies"
	       : dir->is_dry    ? "dry-runs"
				: "runs";
}

static int select_run(struct rundir *dir, const char *id)
{
	forget_run(dir);
	dir->id = mem_try_strdup(id);
	dir->path = mem_try_printf("%s/%s/%s", dir->state, runs_of(dir), id);
	if (dir->id && dir->path)
		return 0;
	forget_run(dir);
	return -1;
}

static void name_holder(const char *path, struct error *err)
{
	char shown[HOLDER_TEXT_BYTES];

	(void)error_set(err, ERROR_OS, "state.locked",
	    "another supervisor works on this plan: %s",
	    holder_read(path, shown));
}

/* A glance of `status` holds the lock for a moment: tried a few times. */
static int lock_exclusive(int fd)
{
	const struct timespec pause = {.tv_nsec = 20L * 1000 * 1000};

	for (int i = 0; i < 5; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -1;
		(void)nanosleep(&pause, NULL);
	}
	errno = EWOULDBLOCK;
	return -1;
}

int rundir_lock(struct rundir *dir, struct error *err)
{
	struct stat st;
	int rc = -1;

	if (fd_make_dirs(dir->state, err) < 0)
		return -1;
	if (stat(dir->state, &st) < 0)
		return error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot look at '%s'", dir->state);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return error_set(err, ERROR_OS, "local.disk",
		    "'%s' must belong to this user and be writable by nobody else",
		    dir->state);
	char *path = mem_try_printf("%s/lock", dir->state);
	if (!path)
		return no_memory(err);
	int fd = fd_open_private(path, 0, err);
	if (fd < 0) {
		rc = -1;
	} else if (lock_exclusive(fd) == 0) {
		step_point("lock.plan");
		holder_write(fd);
		dir->lock_fd = fd;
		fd = -1;
		rc = 0;
	} else if (errno == EWOULDBLOCK) {
		name_holder(path, err);
	} else {
		(void)error_set_errno(
		    err, ERROR_OS, "local.disk", "cannot lock '%s'", path);
	}
	fd_close(&fd);
	free(path);
	return rc;
}

bool rundir_is_locked(const struct rundir *dir)
{
	char *path = mem_try_printf("%s/lock", dir->state);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;

	fd_close(&fd);
	free(path);
	return locked;
}

static bool is_run_id(const char *name)
{
	static const char shape[] = "dddddddd-dddddd--xxxx";

	if (strlen(name) != ID_LEN)
		return false;
	for (int i = 0; i < ID_LEN; i++) {
		if (shape[i] == 'd' && (name[i] < '0' || name[i] > '9'))
			return false;
		if (shape[i] == 'x' && !strchr("0123456789abcdef", name[i]))
			return false;
	}
	return name[8] == 'T' && name[15] == 'Z' && name[16] == '-';
}

/* A first line that was torn when the disk was full or the power went is no
 * run yet: nothing was started before it was safe. */
static bool has_whole_line(int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (memchr(bytes, '\n', (size_t)n))
			return true;
	return false;
}

static bool has_journal(const struct rundir *dir, const char *id)
{
	char *path = mem_try_printf(
	    "%s/%s/%s/journal.jsonl", dir->state, runs_of(dir), id);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	bool has = fd >= 0 && (has_whole_line(fd) || journal_parts_exist(path));

	fd_close(&fd);
	free(path);
	return has;
}

/* Names sort by time. */
static void newest(
    const struct rundir *dir, bool with_journal, char out[ID_LEN + 1])
{
	char *path = mem_try_printf("%s/%s", dir->state, runs_of(dir));
	DIR *list = path ? opendir(path) : NULL;
	const struct dirent *entry;

	out[0] = '\0';
	// one thread only
	// cppcheck-suppress readdirCalled
	while (list && (entry = readdir(list)) != NULL)
		if (is_run_id(entry->d_name) &&
		    strcmp(entry->d_name, out) > 0 &&
		    (!with_journal || has_journal(dir, entry->d_name)))
			memcpy(out, entry->d_name, ID_LEN + 1);
	if (list)
		(void)closedir(list);
	free(path);
}

bool rundir_find_latest(struct rundir *dir)
{
	char id[ID_LEN + 1];

	newest(dir, true, id);
	return id[0] && select_run(dir, id) == 0;
}

static void make_id(int64_t wall_ms, char out[ID_LEN + 1])
{
	char text[CLOCK_TEXT_BYTES];
	unsigned char random[2];

	clock_format(wall_ms, text); // 2026-03-01T20:00:04.112Z
	hash_random(random, sizeof(random));
	(void)snprintf(out, ID_LEN + 1, "%.4s%.2s%.2sT%.2s%.2s%.2sZ-%02x%02x",
	    text, text + 5, text + 8, text + 11, text + 14, text + 17,
	    random[0], random[1]);
}

static int make_run_dirs(const struct rundir *dir, struct error *err)
{
	static const char *const names[] = {"logs", "report"};
	int rc = fd_make_dirs(dir->path, err);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++) {
		char *path = mem_try_printf("%s/%s", dir->path, names[i]);
		rc = path ? fd_make_dirs(path, err) : no_memory(err);
		free(path);
	}
	return rc;
}

int rundir_create(struct rundir *dir, struct error *err)
{
	char last[ID_LEN + 1], id[ID_LEN + 1];
	int64_t now = clock_wall_ms();

	newest(dir, false, last);
	make_id(now, id);
	// two runs in one second, or a clock that was set back
	for (int i = 0; strcmp(id, last) <= 0 && i < 3600; i++) {
		now += 1000;
		make_id(now, id);
	}
	if (strcmp(id, last) <= 0)
		return error_set(err, ERROR_OS, "local.clock",
		    "the run %s lies in the future: is the clock right?", last);
	if (select_run(dir, id) < 0)
		return no_memory(err);
	int rc = make_run_dirs(dir, err);
	step_point("run.folders");
	return rc;
}

char *rundir_journal_path(const struct rundir *dir)
{
	return mem_try_printf("%s/journal.jsonl", dir->path);
}

char *rundir_report_path(const struct rundir *dir, const char *file)
{
	return mem_try_printf("%s/report/%s", dir->path, file);
}

char *rundir_log_path(
    const struct rundir *dir, const char *slug, unsigned attempt)
{
	return mem_try_printf("%s/logs/%s.%u.log", dir->path, slug, attempt);
}

char *rundir_state_path(const struct rundir *dir, const char *slug)
{
	return mem_try_printf("%s/accounts/%s/state.db", dir->state, slug);
}

int rundir_lock_account(
    const struct rundir *dir, const char *slug, int *fd_out, struct error *err)
{
	char *path = mem_try_printf("%s/accounts/%s", dir->state, slug);
	char *file = mem_try_printf("%s/accounts/%s/lock", dir->state, slug);
	int rc = path && file ? fd_make_dirs(path, err) : no_memory(err);
	int fd = rc == 0 ? fd_open_private(file, 0, err) : -1;

	if (fd < 0) {
		rc = -1;
	} else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		step_point("lock.account");
		*fd_out = fd;
		fd = -1;
		rc = 1;
	} else if (errno == EWOULDBLOCK) {
		rc = 0;
	} else {
		rc = error_set_errno(
		    err, ERROR_OS, "local.disk", "cannot lock '%s'", file);
	}
	fd_close(&fd);
	free(path);
	free(file);
	return rc;
}
