// SPDX-License-Identifier: MIT
#include "engine/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

static char empty[1];

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){.data = empty, .max = max_bytes};
}

void buf_try_init(struct buf *b, size_t max_bytes)
{
	buf_init(b, max_bytes);
	b->tries = true;
}

void buf_release(struct buf *b)
{
	free(b->store);
	*b = (struct buf){.data = empty, .max = b->max, .tries = b->tries};
}

void buf_reset(struct buf *b)
{
	b->data = b->store ? b->store : empty;
	b->len = 0;
	if (b->store)
		b->data[0] = '\0';
}

void buf_wipe(struct buf *b)
{
	if (b->store)
		explicit_bzero(b->store, b->cap);
	buf_release(b);
}

char *buf_reserve(struct buf *b, size_t len)
{
	size_t front = b->store ? (size_t)(b->data - b->store) : 0;

	if (len > b->max || b->len > b->max - len)
		return NULL;
	if (b->store && front + b->len + len + 1 <= b->cap)
		return b->data + b->len;
	if (front > 0 && b->len + len + 1 <= b->cap && b->len <= b->cap / 2) {
		memmove(b->store, b->data, b->len);
	} else {
		size_t cap = b->cap < 64 ? 64 : b->cap;
		while (cap < b->len + len + 1)
			cap *= 2;
		char *store = b->tries ? malloc(cap) : mem_alloc(cap);
		if (!store)
			return NULL;
		if (b->len)
			memcpy(store, b->data, b->len);
		if (b->store)
			explicit_bzero(b->store, b->cap);
		free(b->store);
		b->store = store;
		b->cap = cap;
	}
	b->data = b->store;
	b->data[b->len] = '\0';
	return b->data + b->len;
}

void buf_added(struct buf *b, size_t len)
{
	if (len == 0)
		return;
	b->len += len;
	bug_if(b->len >= b->cap);
	b->data[b->len] = '\0';
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
	char *to = buf_reserve(b, len);

	if (!to)
		return -1;
	if (len)
		memcpy(to, bytes, len);
	buf_added(b, len);
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return -1;
	char *to = buf_reserve(b, (size_t)len);
	if (!to)
		return -1;
	va_start(args, format);
	(void)vsnprintf(to, (size_t)len + 1, format, args);
	va_end(args);
	buf_added(b, (size_t)len);
	return 0;
}

void buf_consume(struct buf *b, size_t len)
{
	bug_if(len > b->len);
	b->data += len;
	b->len -= len;
	if (b->len == 0)
		buf_reset(b);
}

char *buf_detach(struct buf *b)
{
	char *s = mem_strndup(b->data, b->len);

	buf_reset(b);
	return s;
}
