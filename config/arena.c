// SPDX-License-Identifier: MIT
#include "config/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	BLOCK_BYTES = 64 * 1024
};

struct arena_block {
	struct arena_block *next;
	size_t bytes;
	max_align_t data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		explicit_bzero(a->blocks->data, a->blocks->bytes);
		free(a->blocks);
		a->blocks = next;
	}
	arena_init(a);
}

static struct arena_block *new_block(size_t bytes)
{
	struct arena_block *b =
	    mem_calloc(1, offsetof(struct arena_block, data) + bytes);

	b->bytes = bytes;
	return b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	const size_t align = alignof(max_align_t);

	bug_if(bytes > SIZE_MAX / 2);
	bytes = (bytes + align - 1) / align * align;
	if (bytes > BLOCK_BYTES / 4 && a->blocks) {
		// its own block, behind the one in use
		struct arena_block *own = new_block(bytes);
		own->next = a->blocks->next;
		a->blocks->next = own;
		return own->data;
	}
	if (!a->blocks || bytes > a->room - a->used) {
		size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
		struct arena_block *b = new_block(room);
		b->next = a->blocks;
		a->blocks = b;
		a->used = 0;
		a->room = room;
	}
	void *p = (char *)a->blocks->data + a->used;
	a->used += bytes;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t bytes)
{
	bug_if(bytes && count > SIZE_MAX / 2 / bytes);
	return arena_alloc(a, count * bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (len)
		memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	bug_if(len < 0);
	char *text = arena_alloc(a, (size_t)len + 1);
	va_start(args, format);
	(void)vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
