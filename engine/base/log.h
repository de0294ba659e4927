// SPDX-License-Identifier: MIT
/*
 * The log for people: one line an event, UTC with milliseconds, level, the
 * part that speaks, message; bytes of strangers are escaped by the caller with
 * text_escape.  Safe for several threads.  Writing never fails loudly: lost
 * lines are counted and the first failure is kept for the end.
 *
 * A log has a limit, for what makes lines may be a server that means harm.
 * Beyond half of it no commands are written, beyond it no warnings, and a
 * quarter later errors only. That something is left out is said where it
 * begins, and how much at the end.
 */
#ifndef ENGINE_BASE_LOG_H
#define ENGINE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct log;

#define LOG_MAX_BYTES (UINT64_C(1) << 30)

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

/* Another limit than LOG_MAX_BYTES. */
void log_limit(struct log *log, uint64_t max_bytes);

/* Lines that could not be written; *why_out: errno of the first. To be asked
 * for when nobody writes any more. */
uint64_t log_lost(const struct log *log, int *why_out);

/* Lines that were left out for the limit. */
uint64_t log_dropped(const struct log *log);

#endif
