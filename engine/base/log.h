// SPDX-License-Identifier: MIT
/*
 * The log for people: one line an event, UTC with milliseconds, level, the
 * part that speaks, message; bytes of strangers are escaped by the caller with
 * text_escape.  Safe for several threads.  Writing never fails loudly: lost
 * lines are counted and the first failure is kept for the end.
 */
#ifndef ENGINE_BASE_LOG_H
#define ENGINE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct log;

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE
};

/* Appends to `path`, created 0600; NULL is standard error. */
struct log *log_open(const char *path, enum log_level level, struct error *err);
void log_close(struct log *log);

bool log_enabled(const struct log *log, enum log_level level);

/* `part` is a short word: "source", "target", "engine". */
void log_write(struct log *log, enum log_level level, const char *part,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Lines that could not be written. */
uint64_t log_lost(const struct log *log);

#endif
