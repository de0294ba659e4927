// SPDX-License-Identifier: MIT
#include "engine/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

enum {
	LINE_MAX_BYTES = 4096
};

struct log {
	int fd;
	enum log_level level;
	bool owned;
	pthread_mutex_t mutex;
	uint64_t lost;
};

struct log *log_open(const char *path, enum log_level level, struct error *err)
{
	int fd = STDERR_FILENO;

	if (path) {
		fd = fd_open_private(path, 0, err);
		if (fd < 0)
			return NULL;
	}
	struct log *log = mem_calloc(1, sizeof(*log));
	log->fd = fd;
	log->owned = path != NULL;
	log->level = level;
	(void)pthread_mutex_init(&log->mutex, NULL);
	return log;
}

void log_close(struct log *log)
{
	if (!log)
		return;
	if (log->owned)
		fd_close(&log->fd);
	(void)pthread_mutex_destroy(&log->mutex);
	free(log);
}

bool log_enabled(const struct log *log, enum log_level level)
{
	return level <= log->level;
}

uint64_t log_lost(const struct log *log)
{
	return log->lost;
}

void log_write(struct log *log, enum log_level level, const char *part,
    const char *format, ...)
{
	static const char *const names[] = {
	    "ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
	char line[LINE_MAX_BYTES], when[CLOCK_TEXT_BYTES];
	va_list args;

	if (!log_enabled(log, level))
		return;
	clock_format(clock_wall_ms(), when);
	int head = snprintf(
	    line, sizeof(line), "%s %-5s %-6s ", when, names[level], part);
	if (head < 0)
		return;
	va_start(args, format);
	int body = vsnprintf(
	    line + head, sizeof(line) - (size_t)head - 1, format, args);
	va_end(args);
	if (body < 0)
		return;
	size_t len = (size_t)head + (size_t)body;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	(void)pthread_mutex_lock(&log->mutex);
	if (fd_write_all(log->fd, line, len) < 0)
		log->lost++;
	(void)pthread_mutex_unlock(&log->mutex);
}
