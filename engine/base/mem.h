// SPDX-License-Identifier: MIT
/*
 * Allocation in two families: mem_* ends the process with the out-of-memory
 * exit code instead of returning NULL (the engine: the process is the unit of
 * recovery), mem_try_* may return NULL (the supervisor: it must not die).
 */
#ifndef ENGINE_BASE_MEM_H
#define ENGINE_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Exit status of a process that cannot allocate; equals EXIT_CODE_INTERNAL. */
enum {
	MEM_EXIT_OOM = 70
};

void *mem_alloc(size_t bytes);
void *mem_calloc(size_t count, size_t bytes);
void *mem_realloc(void *p, size_t bytes);

/* Overflow-checked array resize. */
void *mem_resize(void *p, size_t count, size_t bytes);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *mem_try_calloc(size_t count, size_t bytes);
void *mem_try_resize(void *p, size_t count, size_t bytes);
char *mem_try_strdup(const char *s);
char *mem_try_strndup(const char *s, size_t len);
char *mem_try_printf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * Makes room for one more element behind `count` in an array that doubles.
 * mem_grow never fails; mem_try_grow returns NULL and leaves the array intact.
 * Use: a = mem_grow(a, &cap, count, sizeof(*a));
 */
void *mem_grow(void *array, size_t *cap, size_t count, size_t bytes);
void *mem_try_grow(void *array, size_t *cap, size_t count, size_t bytes);

/* How mem_* ends the process: for libraries that could not allocate, and for
 * whatever else of the system nobody can do without. */
_Noreturn void mem_out(void);
_Noreturn void mem_lack(const char *what);

/* A programmer's error, never input: says where, aborts. Always compiled in. */
#define bug_if(condition) \
	((condition) ? mem_bug(__FILE__, __LINE__, #condition) : (void)0)
_Noreturn void mem_bug(const char *file, int line, const char *what);

#endif
