// SPDX-License-Identifier: MIT
/*
 * A disk that keeps only what was synced, for tests of power losses.  Preloaded,
 * it watches fsync and fdatasync below $LOSSY_DIR: a file that is synced is
 * copied into $LOSSY_SHADOW, of a folder its names are.  Nothing else is durable.
 * Called by the test (lossy_snapshot), it takes all there is as durable.
 *
 *   data/KEY     bytes of a file
 *   names/KEY    of a folder, a line for each name: "KEY d|f MODE NAME"
 *
 * A key is inode and time of birth, for numbers of inodes are given again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int lossy_key(int folder_fd, const char *name, char *out, size_t max);
int lossy_snapshot(const char *folder, const char *shadow);
int fsync(int fd);
int fdatasync(int fd);

/* 'd', 'f', or 0 when it is something else. */
int lossy_key(int folder_fd, const char *name, char *out, size_t max)
{
	struct statx st;

	if (statx(folder_fd, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
		STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return 0;
	(void)snprintf(out, max, "%llx-%llx-%x %c %o",
	    (unsigned long long)st.stx_ino,
	    (unsigned long long)st.stx_btime.tv_sec,
	    (unsigned)st.stx_btime.tv_nsec, S_ISDIR(st.stx_mode) ? 'd' : 'f',
	    (unsigned)(st.stx_mode & 07777));
	return S_ISDIR(st.stx_mode) ? 'd' : S_ISREG(st.stx_mode) ? 'f' : 0;
}

static int put(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n <= 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int put_names(int from, int to)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char key[128], line[NAME_MAX + 160];
	int rc = list ? 0 : -1;

	while (list && rc == 0 && (entry = readdir(list)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    !lossy_key(from, entry->d_name, key, sizeof(key)))
			continue;
		int n =
		    snprintf(line, sizeof(line), "%s %s\n", key, entry->d_name);
		rc = put(to, line, (size_t)n);
	}
	if (list)
		(void)closedir(list);
	return rc;
}

static int put_bytes(int from, int to)
{
	char path[64], bytes[65536];
	ssize_t n = 0;
	int rc = 0;

	// the one that is synced may be open for writing only
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", from);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && rc == 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
		rc = put(to, bytes, (size_t)n);
	if (fd >= 0)
		(void)close(fd);
	return fd < 0 || n < 0 ? -1 : rc;
}

/* Replaced as a whole: a kill in between leaves the old one. In one folder, for
 * a program that is confined may move nothing between two. */
static int keep(int fd, const char *shadow)
{
	char key[128], temp[PATH_MAX], path[PATH_MAX];
	int kind = lossy_key(fd, "", key, sizeof(key));

	if (!kind)
		return 0;
	*strchr(key, ' ') = '\0';
	const char *where = kind == 'd' ? "names" : "data";
	(void)snprintf(temp, sizeof(temp), "%s/%s/%ld.new", shadow, where,
	    (long)syscall(SYS_gettid));
	(void)snprintf(path, sizeof(path), "%s/%s/%s", shadow, where, key);
	int to = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0)
		return -1;
	int rc = kind == 'd' ? put_names(fd, to) : put_bytes(fd, to);
	(void)close(to);
	return rc == 0 ? rename(temp, path) : -1;
}

int lossy_snapshot(const char *folder, const char *shadow)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = opendir(folder);
	const struct dirent *entry;
	char path[PATH_MAX];
	int rc = fd < 0 || !list ? -1 : keep(fd, shadow);

	while (list && rc == 0 && (entry = readdir(list)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(
		    path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR) {
			rc = lossy_snapshot(path, shadow);
		} else if (entry->d_type == DT_REG) {
			int file = open(path, O_RDONLY | O_CLOEXEC);
			rc = file < 0 ? -1 : keep(file, shadow);
			if (file >= 0)
				(void)close(file);
		}
	}
	if (list)
		(void)closedir(list);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static int is_below(int fd, const char *folder)
{
	char link[64], path[PATH_MAX];
	size_t len = strlen(folder);

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	return strncmp(path, folder, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

static int synced(int fd)
{
	const char *folder = getenv("LOSSY_DIR");
	const char *shadow = getenv("LOSSY_SHADOW");

	if (fcntl(fd, F_GETFD) < 0)
		return -1; // errno
	if (folder && shadow && is_below(fd, folder) && keep(fd, shadow) < 0) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int fsync(int fd)
{
	return synced(fd);
}

int fdatasync(int fd)
{
	return synced(fd);
}
