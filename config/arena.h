// SPDX-License-Identifier: MIT
/*
 * Memory with one lifetime: handed out piece by piece, given back at once.
 * Wiped when it goes, because a plan may hold secrets anywhere.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	/* private */
	struct arena_block *blocks;
	size_t used, room;
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);

/* Zeroed and aligned for every type; never NULL. */
void *arena_alloc(struct arena *a, size_t bytes);

/* As arena_alloc for an array; a size that overflows is fatal. */
void *arena_array(struct arena *a, size_t count, size_t bytes);

/* A copy with a NUL behind it. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
