// SPDX-License-Identifier: MIT
/*
 * A killed run can write nothing, so the file is there before the first APPEND,
 * and its second line says what was sent; the first one is for people.  A line
 * that cannot be read or written stands for an APPEND of which nothing is known.
 *
 * That it is not there must mean something.  The folder therefore holds a file
 * `since`, made with it: as long as that is young, a run may have been killed
 * before the folder was there.  When a marker cannot be made (a full disk),
 * `since` is set far ahead, for the run that goes on unmarked may be killed; one
 * that was only taken away would soon be made anew by another run.
 */
#include "engine/sync/sync_marker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/hash.h"
#include "engine/base/holder.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"

enum {
	YOUNG_SECONDS = 5, /* longer than any server obeys one that is gone */
	UNMARKED_SECONDS = 30 * 86400, /* longer than any run lasts */
	NAME_BYTES = 2 * HASH_KEY_BYTES + 1,
	TRIES_MAX = 8,
	NOTE_DIGITS = 9,
	NOTE_MS_MAX = 999999999
};

/* The second line: as long whatever it says, so that it is written over. */
static const char note_begin[] = "\nAPPEND ";
static const char note_none[] = "none     \n";
static const char note_sent[] = "sent     \n";

static const char since_name[] = "since";

struct sync_marker {
	enum sync_marker_verdict verdict;
	int folder_fd, fd; /* -1: none */
	off_t note_at;     /* 0: there is no second line */
	int64_t left_ms;
	pthread_mutex_t mutex; /* of what follows */
	bool is_sending;
	int64_t slowest_ms; /* as it was noted */
	char name[NAME_BYTES];
	char folder[PATH_MAX];
};

/* ---------------------------------------------------------------- folder */

static bool is_own(int fd, mode_t forbidden)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	       (st.st_mode & forbidden) == 0;
}

/* Makes and opens a folder below `base_fd`, which is closed. That one is only a
 * path (O_PATH): who is confined may read what is in ours, not what is there. */
static int open_below(int base_fd, const char *name)
{
	enum {
		FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
	};

	(void)mkdirat(base_fd, name, 0700); // the open tells
	int fd = openat(base_fd, name, FLAGS);
	fd_close(&base_fd);
	if (fd >= 0 && !is_own(fd, S_IRWXG | S_IRWXO))
		fd_close(&fd);
	return fd;
}

/* In a folder of the session, which must be ours: others could put another one
 * in the place of ours. */
static int open_in_session(const char *base, char out[PATH_MAX])
{
	int base_fd =
	    base[0] == '/' ? open(base, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (base_fd >= 0 && !is_own(base_fd, S_IWGRP | S_IWOTH))
		fd_close(&base_fd);
	if (base_fd < 0)
		return -1;
	(void)snprintf(out, PATH_MAX, "%s/mailconvoy", base);
	return open_below(base_fd, "mailconvoy");
}

/* /tmp is everybody's, but with its sticky bit nobody can move what is ours. */
static int open_in_tmp(char out[PATH_MAX])
{
	char name[64];
	struct stat st;
	int base_fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (base_fd < 0)
		return -1;
	if (fstat(base_fd, &st) < 0 || !(st.st_mode & S_ISVTX)) {
		fd_close(&base_fd);
		return -1;
	}
	(void)snprintf(
	    name, sizeof(name), "mailconvoy-%lu", (unsigned long)geteuid());
	(void)snprintf(out, PATH_MAX, "/tmp/%s", name);
	return open_below(base_fd, name);
}

static int open_folder(char out[PATH_MAX])
{
	const char *session = getenv("XDG_RUNTIME_DIR");
	char path[64];
	int fd = session ? open_in_session(session, out) : -1;

	if (fd < 0) {
		(void)snprintf(path, sizeof(path), "/run/user/%lu",
		    (unsigned long)geteuid());
		fd = open_in_session(path, out);
	}
	return fd < 0 ? open_in_tmp(out) : fd;
}

bool sync_marker_folder(char path[PATH_MAX])
{
	int fd = open_folder(path);
	bool is_there = fd >= 0;

	fd_close(&fd);
	return is_there;
}

/* ---------------------------------------------------------------- files */

/* Opens a plain file of our own in the folder. */
static int open_file(int folder_fd, const char *name, int flags)
{
	struct stat st;
	int fd = openat(folder_fd, name,
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
			   st.st_nlink > 1 || st.st_uid != geteuid())) {
		fd_close(&fd);
		errno = EPERM;
	}
	return fd;
}

/* Was the folder there before any run that could still be obeyed? */
static bool is_young(int folder_fd)
{
	struct stat st;
	int fd = open_file(folder_fd, since_name, O_CREAT);
	bool is_known = fd >= 0 && fstat(fd, &st) == 0;

	fd_close(&fd);
	// a clock that was put back makes it young; see distrust
	return !is_known || time(NULL) - st.st_mtime < YOUNG_SECONDS;
}

/* This run leaves no marker: that there is none means nothing for long. */
static void distrust(int folder_fd)
{
	const struct timespec ahead = {.tv_sec = time(NULL) + UNMARKED_SECONDS};
	const struct timespec times[] = {ahead, ahead};
	int fd = open_file(folder_fd, since_name, O_CREAT);

	if (fd < 0 || futimens(fd, times) < 0)
		(void)unlinkat(folder_fd, since_name, 0);
	fd_close(&fd);
}

/* Is the file that we hold still the one of that name? */
static bool is_in_place(const struct sync_marker *marker)
{
	struct stat ours, there;

	return fstat(marker->fd, &ours) == 0 &&
	       fstatat(marker->folder_fd, marker->name, &there,
		   AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* ---------------------------------------------------------------- note */

/* What runs before this one have left. True when they had sent something. */
static bool read_note(struct sync_marker *marker)
{
	char text[512];
	ssize_t n = pread(marker->fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	const char *note = strstr(text, note_begin);
	if (!note)
		return true;
	note += strlen(note_begin);
	if (strcmp(note, note_none) == 0)
		return false;
	if (strlen(note) == NOTE_DIGITS + 1 &&
	    strspn(note, "0123456789") == NOTE_DIGITS)
		marker->left_ms = (int64_t)strtoll(note, NULL, 10);
	return true;
}

static void write_note(struct sync_marker *marker, const char *note)
{
	size_t len = strlen(note);

	// half a note would say what is not so
	if (marker->note_at > 0 &&
	    pwrite(marker->fd, note, len, marker->note_at) != (ssize_t)len) {
		if (ftruncate(marker->fd, 0) < 0)
			distrust(marker->folder_fd);
		marker->note_at = 0;
	}
}

static void write_ms(struct sync_marker *marker, int64_t ms)
{
	char note[32];

	(void)snprintf(note, sizeof(note), "%0*" PRId64 "\n", NOTE_DIGITS,
	    ms < NOTE_MS_MAX ? ms : NOTE_MS_MAX);
	write_note(marker, note);
}

/* Both lines, when we have become who holds it. */
static void write_lines(struct sync_marker *marker)
{
	holder_write(marker->fd); // a full disk: nobody reads who it was
	off_t end = lseek(marker->fd, 0, SEEK_CUR);
	if (end > 1 && pwrite(marker->fd, note_begin, strlen(note_begin),
			   end - 1) == (ssize_t)strlen(note_begin))
		marker->note_at = end - 1 + (off_t)strlen(note_begin);
	marker->is_sending = marker->verdict == SYNC_MARKER_LEFT;
	marker->slowest_ms = marker->left_ms;
	if (marker->left_ms > 0)
		write_ms(marker, marker->left_ms);
	else
		write_note(marker, marker->is_sending ? note_sent : note_none);
}

/* ---------------------------------------------------------------- taking */

enum taking {
	TAKING_DONE,
	TAKING_AGAIN, /* its owner has just ended */
	TAKING_HELD,
	TAKING_FAILED /* errno */
};

static enum taking try_to_take(struct sync_marker *marker)
{
	bool is_new = true;

	marker->fd =
	    open_file(marker->folder_fd, marker->name, O_CREAT | O_EXCL);
	if (marker->fd < 0 && errno == EEXIST) {
		is_new = false;
		marker->fd = open_file(marker->folder_fd, marker->name, 0);
		if (marker->fd < 0 && errno == ENOENT)
			return TAKING_AGAIN;
	}
	if (marker->fd < 0)
		return TAKING_FAILED;
	if (flock(marker->fd, LOCK_EX | LOCK_NB) < 0) {
		enum taking taking =
		    errno == EWOULDBLOCK ? TAKING_HELD : TAKING_FAILED;
		fd_close(&marker->fd);
		return taking;
	}
	if (!is_in_place(marker)) {
		fd_close(&marker->fd);
		return TAKING_AGAIN;
	}
	marker->verdict =
	    !is_new && read_note(marker) ? SYNC_MARKER_LEFT : SYNC_MARKER_FREE;
	return TAKING_DONE;
}

static int name_holder(const struct sync_marker *marker, struct error *err)
{
	char shown[HOLDER_TEXT_BYTES];
	char *path = mem_printf("%s/%s", marker->folder, marker->name);

	(void)holder_read(path, shown);
	free(path);
	return error_set(err, ERROR_IO, "local.locked",
	    "these accounts are being copied by another engine: %s", shown);
}

/* 0 also when the run goes on unmarked. */
static int take(struct sync_marker *marker, struct log *log, struct error *err)
{
	enum taking taking = TAKING_AGAIN;
	bool was_young = is_young(marker->folder_fd);

	for (int i = 0; taking == TAKING_AGAIN && i < TRIES_MAX; i++)
		taking = try_to_take(marker);
	if (taking == TAKING_HELD)
		return name_holder(marker, err);
	if (taking != TAKING_DONE) {
		log_write(log, LOG_LEVEL_INFO, "engine",
		    "no marker of this run in '%s': %s", marker->folder,
		    strerror(errno));
		distrust(marker->folder_fd);
		return 0;
	}
	if (marker->verdict == SYNC_MARKER_FREE && was_young)
		marker->verdict = SYNC_MARKER_UNKNOWN;
	step_point("marker.made");
	write_lines(marker);
	return 0;
}

struct sync_marker *sync_marker_take(
    const char *pair_key, struct log *log, struct error *err)
{
	struct sync_marker *marker = mem_calloc(1, sizeof(*marker));
	uint8_t key[HASH_KEY_BYTES];

	marker->verdict = SYNC_MARKER_UNKNOWN;
	marker->fd = -1;
	(void)pthread_mutex_init(&marker->mutex, NULL);
	hash_key(pair_key, strlen(pair_key), key);
	hash_hex(key, sizeof(key), marker->name);
	marker->folder_fd = open_folder(marker->folder);
	if (marker->folder_fd < 0) {
		log_write(log, LOG_LEVEL_INFO, "engine",
		    "no folder for markers of runs");
	} else if (take(marker, log, err) < 0) {
		sync_marker_release(marker, true);
		return NULL;
	}
	return marker;
}

enum sync_marker_verdict sync_marker_verdict(const struct sync_marker *marker)
{
	return marker->verdict;
}

int64_t sync_marker_left_ms(const struct sync_marker *marker)
{
	return marker->left_ms;
}

void sync_marker_sending(struct sync_marker *marker)
{
	if (!marker)
		return;
	(void)pthread_mutex_lock(&marker->mutex);
	if (!marker->is_sending)
		write_note(marker, note_sent);
	marker->is_sending = true;
	(void)pthread_mutex_unlock(&marker->mutex);
}

void sync_marker_answered(struct sync_marker *marker, int64_t took_ms)
{
	if (!marker)
		return;
	if (took_ms < 1)
		took_ms = 1; // 0 is no answer
	(void)pthread_mutex_lock(&marker->mutex);
	// roughly is enough: a few notes in a whole run
	if (took_ms > marker->slowest_ms + marker->slowest_ms / 4) {
		marker->slowest_ms = took_ms;
		write_ms(marker, took_ms);
	}
	(void)pthread_mutex_unlock(&marker->mutex);
}

void sync_marker_release(struct sync_marker *marker, bool stays)
{
	if (!marker)
		return;
	// while it is locked: nobody else's can have its name
	step_point("marker.release");
	if (marker->fd >= 0 && !stays && is_in_place(marker))
		(void)unlinkat(marker->folder_fd, marker->name, 0);
	step_point("marker.released");
	fd_close(&marker->fd);
	fd_close(&marker->folder_fd);
	(void)pthread_mutex_destroy(&marker->mutex);
	free(marker);
}
