// SPDX-License-Identifier: MIT
/*
 * Growing bytes with a ceiling given at creation: beyond it an append fails
 * and the content stays as it was.  Bytes are taken from the front and added
 * at the back.  The content is always followed by a NUL that does not count.
 */
#ifndef ENGINE_BASE_BUF_H
#define ENGINE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* first byte; a NUL stands at data[len] */
	size_t len;
	size_t max;
	/* private */
	char *store;
	size_t cap;
	bool tries;
};

/* No allocation happens before the first append. Of the second kind appends
 * fail when memory is out, of the first the process ends (mem). */
void buf_init(struct buf *b, size_t max_bytes);
void buf_try_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b);

/* Empties, keeps the memory. */
void buf_reset(struct buf *b);

/* Empties; wipes and frees the memory. For bytes that may hold a secret. */
void buf_wipe(struct buf *b);

/* 0, or -1 when the ceiling is reached (buf_try_init: or memory is out):
 * content unchanged. */
int buf_append(struct buf *b, const void *bytes, size_t len)
    __attribute__((warn_unused_result));
int buf_puts(struct buf *b, const char *s) __attribute__((warn_unused_result));
int buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/*
 * Makes `len` bytes available behind the content and returns their place, or
 * NULL; buf_added then says how many were filled.
 */
char *buf_reserve(struct buf *b, size_t len);
void buf_added(struct buf *b, size_t len);

/* Drops `len` bytes from the front. */
void buf_consume(struct buf *b, size_t len);

/* Gives the content to the caller as a heap string; the buffer is empty then. */
char *buf_detach(struct buf *b);

#endif
