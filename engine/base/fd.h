// SPDX-License-Identifier: MIT
/*
 * Descriptors: always close-on-exec, -1 when closed, errors handled.
 */
#ifndef ENGINE_BASE_FD_H
#define ENGINE_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

struct error;

/* Closes if open and sets to -1; errno is kept. */
void fd_close(int *fd);

/* Opens /dev/null on whichever of 0, 1, 2 is closed, so that no socket or file
 * of ours ever becomes "standard error". To be called first in main. */
int fd_fill_standard(void);

int fd_nonblock(int fd);

/* All of it, through EINTR and short writes; blocking descriptors only. */
int fd_write_all(int fd, const void *bytes, size_t len);

/* As many of the bytes at `offset` as there are, through EINTR and short reads;
 * -1 with errno. */
ssize_t fd_read_at(int fd, void *to, size_t len, off_t offset);

/*
 * Opens a file for appending that holds nothing of others: created 0600, not
 * through a symbolic link, a regular file with one link that we own. Missing
 * parent directories are not made. Returns the descriptor or -1.
 */
int fd_open_private(const char *path, int extra_flags, struct error *err);

/* An unlinked temporary file in $TMPDIR or /tmp, readable and writable. */
int fd_open_spool(struct error *err);

/* mkdir -p with mode 0700 for what is missing; their names outlive a power loss. */
int fd_make_dirs(const char *path, struct error *err);

/* Reads a whole small file (not above max) into a heap string; a FIFO or
 * directory is refused, nothing blocks. *len_out may be NULL. */
char *fd_read_file(
    const char *path, size_t max, size_t *len_out, struct error *err);

/* A non-blocking, close-on-exec eventfd; signal adds 1, drain empties it. */
int fd_event(void);
void fd_event_signal(int fd);
void fd_event_drain(int fd);

#endif
