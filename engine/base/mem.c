// SPDX-License-Identifier: MIT
#include "engine/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void mem_lack(const char *what)
{
	(void)!write(STDERR_FILENO, what, strlen(what));
	(void)!write(STDERR_FILENO, "\n", 1);
	_exit(MEM_EXIT_OOM);
}

_Noreturn void mem_out(void)
{
	mem_lack("out of memory");
}

static void *or_die(void *p)
{
	if (!p)
		mem_out();
	return p;
}

void *mem_try_calloc(size_t count, size_t bytes)
{
	return calloc(count ? count : 1, bytes ? bytes : 1);
}

void *mem_try_resize(void *p, size_t count, size_t bytes)
{
	return reallocarray(p, count ? count : 1, bytes ? bytes : 1);
}

char *mem_try_strndup(const char *s, size_t len)
{
	char *copy = mem_try_calloc(len + 1, 1);

	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

char *mem_try_strdup(const char *s)
{
	return mem_try_strndup(s, strlen(s));
}

static __attribute__((format(printf, 1, 0))) char *print_alloc(
    const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		return NULL;
	return text;
}

char *mem_try_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = print_alloc(format, args);
	va_end(args);
	return text;
}

char *mem_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = print_alloc(format, args);
	va_end(args);
	return or_die(text);
}

void *mem_alloc(size_t bytes)
{
	return or_die(malloc(bytes ? bytes : 1));
}

void *mem_calloc(size_t count, size_t bytes)
{
	return or_die(mem_try_calloc(count, bytes));
}

void *mem_realloc(void *p, size_t bytes)
{
	return or_die(realloc(p, bytes ? bytes : 1));
}

void *mem_resize(void *p, size_t count, size_t bytes)
{
	return or_die(mem_try_resize(p, count, bytes));
}

char *mem_strdup(const char *s)
{
	return or_die(mem_try_strdup(s));
}

char *mem_strndup(const char *s, size_t len)
{
	return or_die(mem_try_strndup(s, len));
}

void *mem_try_grow(void *array, size_t *cap, size_t count, size_t bytes)
{
	if (array && count < *cap)
		return array;
	if (count > SIZE_MAX / 4)
		return NULL;
	size_t more = count < 8 ? 8 : count * 2;
	void *grown = mem_try_resize(array, more, bytes);
	if (grown)
		*cap = more;
	return grown;
}

void *mem_grow(void *array, size_t *cap, size_t count, size_t bytes)
{
	return or_die(mem_try_grow(array, cap, count, bytes));
}

_Noreturn void mem_bug(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
	abort();
}
