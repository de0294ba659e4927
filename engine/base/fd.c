// SPDX-License-Identifier: MIT
#include "engine/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); // nothing useful can be done on failure
	*fd = -1;
	errno = saved;
}

int fd_fill_standard(void)
{
	for (;;) {
		// inherited by children on purpose, hence no O_CLOEXEC
		int fd =
		    open("/dev/null", O_RDWR); // NOLINT(android-cloexec-open)
		if (fd < 0)
			return -1;
		if (fd > STDERR_FILENO) {
			fd_close(&fd);
			return 0;
		}
	}
}

int fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_at(int fd, void *to, size_t len, off_t offset)
{
	char *p = to;
	size_t done = 0;

	while (done < len) {
		ssize_t n =
		    pread(fd, p + done, len - done, offset + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_open_private(const char *path, int extra_flags, struct error *err)
{
	struct stat st;
	int fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
		O_NONBLOCK | O_NOCTTY | extra_flags,
	    0600);

	if (fd < 0) {
		bool is_short = errno == EMFILE || errno == ENFILE;
		(void)error_set_errno(
		    err, ERROR_OS, "local.disk", "cannot open '%s'", path);
		if (is_short)
			err->retry = ERROR_RETRY_LATER;
		return -1;
	}
	if (fstat(fd, &st) < 0) {
		(void)error_set_errno(
		    err, ERROR_OS, "local.disk", "cannot look at '%s'", path);
		fd_close(&fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != geteuid()) {
		fd_close(&fd);
		return error_set(err, ERROR_OS, "local.disk",
		    "'%s' is not a plain file of our own: remove it or choose another path",
		    path);
	}
	return fd;
}

int fd_open_spool(struct error *err)
{
	const char *dir = getenv("TMPDIR");

	if (!dir || dir[0] != '/')
		dir = "/tmp";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	// file systems without O_TMPFILE
	char *path = mem_printf("%s/spool.XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	else
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot make a spool file in '%s'", dir);
	free(path);
	return fd;
}

/* A new name is only safe when the directory it stands in was synced. */
static int sync_parent(char *path)
{
	char *slash = strrchr(path, '/');
	const char *parent = slash == path ? "/" : slash ? path : ".";

	if (slash && slash > path)
		*slash = '\0';
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	// one that we may not read, or that knows no syncing, is left as it is
	int rc = fd < 0 || fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
	fd_close(&fd);
	if (slash && slash > path)
		*slash = '/';
	return rc;
}

/* 0 also when it is there. */
static int make_dir(char *path)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -1;
	return sync_parent(path);
}

int fd_make_dirs(const char *path, struct error *err)
{
	char *copy = mem_try_strdup(path);
	int rc = 0;

	if (!copy)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	for (char *p = copy + 1; rc == 0; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char kept = *p;
		*p = '\0';
		if (make_dir(copy) < 0)
			rc = error_set_errno(err, ERROR_OS, "local.disk",
			    "cannot make the directory '%s'", copy);
		*p = kept;
		if (kept == '\0')
			break;
	}
	free(copy);
	return rc;
}

static char *read_open_file(
    int fd, const char *path, size_t max, size_t *len_out, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		(void)error_set_errno(err, error_kind_of_file(errno),
		    "local.file", "cannot look at '%s'", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)error_set(err, ERROR_CONFIG, "local.file",
		    "'%s' is not a plain file", path);
		return NULL;
	}
	if (st.st_size < 0 || (uint64_t)st.st_size > max) {
		(void)error_set(err, ERROR_CONFIG, "local.file",
		    "'%s' is larger than %zu bytes", path, max);
		return NULL;
	}
	size_t room = (size_t)st.st_size, len = 0;
	char *data = mem_try_calloc(room + 1, 1);
	while (data && len < room) {
		ssize_t n = read(fd, data + len, room - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)error_set_errno(err, error_kind_of_file(errno),
			    "local.file", "cannot read '%s'", path);
			free(data);
			return NULL;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (!data)
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	if (len_out)
		*len_out = len;
	return data;
}

char *fd_read_file(
    const char *path, size_t max, size_t *len_out, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		(void)error_set_errno(err, error_kind_of_file(errno),
		    "local.file", "cannot open '%s'", path);
		return NULL;
	}
	char *data = read_open_file(fd, path, max, len_out, err);
	fd_close(&fd);
	return data;
}

int fd_event(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void fd_event_signal(int fd)
{
	(void)eventfd_write(fd, 1); // full means: already signalled
}

void fd_event_drain(int fd)
{
	eventfd_t value;

	(void)eventfd_read(fd, &value); // empty is fine
}
