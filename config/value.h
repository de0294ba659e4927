// SPDX-License-Identifier: MIT
/*
 * Values as people write them in a plan: durations, sizes, percentages,
 * numbers.  Pure functions over bytes; knows nothing of keys or places.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

enum value_result {
	VALUE_OK,
	VALUE_SYNTAX,
	VALUE_UNIT_MISSING,
	VALUE_LEADING_ZERO,
	VALUE_TOO_LARGE
};

/* Decimal digits only. */
enum value_result value_uint(const char *s, size_t len, uint64_t *out);

/* "90s", "15m", "1h30m", "200ms", "2d": larger units first, each once. */
enum value_result value_duration(const char *s, size_t len, uint64_t *ms_out);

/* "10MiB", "10MB": KiB..TiB are powers of 1024, kB..TB powers of 1000. */
enum value_result value_size(const char *s, size_t len, uint64_t *bytes_out);

/* "40MiB/s", "500kB/s". */
enum value_result value_rate(const char *s, size_t len, uint64_t *bytes_out);

/* "07:30": 00:00 to 24:00 in minutes. */
enum value_result value_clock(const char *s, size_t len, unsigned *minute_out);

/* "mon", "mon-fri", "fri-mon", "sat,sun": bit 0 is Monday. */
enum value_result value_days(const char *s, size_t len, uint8_t *days_out);

/* "20%": 0 to 100. */
enum value_result value_percent(const char *s, size_t len, unsigned *out);

/* "3", "1.5": at most six digits before and three after the point. */
enum value_result value_factor(const char *s, size_t len, double *out);

/* The word a slip of the pen may have meant: at most two edits away, or one is
 * the beginning of the other. NULL when none is near. */
const char *value_nearest(
    const char *word, const char *const *known, size_t count);

#endif
