// SPDX-License-Identifier: MIT
#include "engine/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

enum {
	LINE_MAX_BYTES = TEXT_LINE_MAX
};

struct log {
	int fd;
	enum log_level level;
	bool owned;
	pthread_mutex_t mutex;
	uint64_t lost, dropped;
	int why; /* errno of the first that was lost */
	uint64_t bytes, max_bytes;
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
	log->max_bytes = LOG_MAX_BYTES;
	(void)pthread_mutex_init(&log->mutex, NULL);
	return log;
}

void log_close(struct log *log)
{
	if (!log)
		return;
	if (log->dropped > 0)
		log_write(log, LOG_LEVEL_ERROR, "engine",
		    "%" PRIu64
		    " lines were left out: the log has a limit of %" PRIu64
		    " bytes",
		    log->dropped, log->max_bytes);
	if (log->owned)
		fd_close(&log->fd);
	(void)pthread_mutex_destroy(&log->mutex);
	free(log);
}

bool log_enabled(const struct log *log, enum log_level level)
{
	return level <= log->level;
}

uint64_t log_lost(const struct log *log, int *why_out)
{
	*why_out = log->why;
	return log->lost;
}

uint64_t log_dropped(const struct log *log)
{
	return log->dropped;
}

void log_limit(struct log *log, uint64_t max_bytes)
{
	log->max_bytes = max_bytes;
}

static bool is_over(const struct log *log, enum log_level level)
{
	uint64_t room = log->max_bytes;

	if (level == LOG_LEVEL_ERROR)
		return false;
	if (level >= LOG_LEVEL_DEBUG)
		room /= 2;
	else if (level == LOG_LEVEL_INFO)
		room += room / 4; // the accounting at the end
	return log->bytes >= room;
}

/* With the mutex held. */
static void put(struct log *log, const char *line, size_t len)
{
	if (fd_write_all(log->fd, line, len) < 0 && log->lost++ == 0)
		log->why = errno;
	log->bytes += len;
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
	// names and hosts of the command line are any bytes too
	text_make_shown(line + head, sizeof(line) - (size_t)head - 1);
	size_t len = strlen(line);
	line[len++] = '\n';
	(void)pthread_mutex_lock(&log->mutex);
	if (!is_over(log, level))
		put(log, line, len);
	else if (log->dropped++ == 0)
		put(log, line,
		    (size_t)snprintf(line, sizeof(line),
			"%s %-5s %-6s from here on lines are left out: the log is too long\n",
			when, names[LOG_LEVEL_ERROR], "engine"));
	(void)pthread_mutex_unlock(&log->mutex);
}
