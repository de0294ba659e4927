// SPDX-License-Identifier: MIT
#include "config/value.h"

#include <stdbool.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static size_t digits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

enum value_result value_uint(const char *s, size_t len, uint64_t *out)
{
	size_t n = digits(s, len);

	if (n == 0 || n != len)
		return VALUE_SYNTAX;
	if (n > 1 && s[0] == '0')
		return VALUE_LEADING_ZERO;
	return text_parse_u64(s, n, UINT64_MAX, out) ? VALUE_OK
						     : VALUE_TOO_LARGE;
}

/* A number and the letters behind it; *used_out bytes were taken. */
static enum value_result number_unit(const char *s, size_t len, uint64_t *out,
    size_t *unit_at_out, size_t *used_out)
{
	size_t n = digits(s, len), u = n;

	enum value_result r = value_uint(s, n, out);
	if (r != VALUE_OK)
		return r;
	while (u < len && (s[u] < '0' || s[u] > '9'))
		u++;
	if (u == n)
		return VALUE_UNIT_MISSING;
	*unit_at_out = n;
	*used_out = u;
	return VALUE_OK;
}

/* Index of a unit, or -1. */
static int find_unit(
    const struct unit *units, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == len &&
		    memcmp(units[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

static bool multiply_add(uint64_t *sum, uint64_t value, uint64_t factor)
{
	uint64_t product;

	return !__builtin_mul_overflow(value, factor, &product) &&
	       !__builtin_add_overflow(*sum, product, sum);
}

enum value_result value_duration(const char *s, size_t len, uint64_t *ms_out)
{
	static const struct unit units[] = {{"d", 86400000}, {"h", 3600000},
	    {"m", 60000}, {"s", 1000}, {"ms", 1}};
	uint64_t sum = 0, number = 0;
	int last = -1;

	if (len == 0)
		return VALUE_SYNTAX;
	for (size_t at = 0; at < len;) {
		size_t unit = 0, used = 0;
		enum value_result r =
		    number_unit(s + at, len - at, &number, &unit, &used);
		if (r != VALUE_OK)
			return r;
		int i = find_unit(
		    units, ARRAY_LEN(units), s + at + unit, used - unit);
		if (i <= last)
			return VALUE_SYNTAX;
		if (!multiply_add(&sum, number, units[i].factor))
			return VALUE_TOO_LARGE;
		last = i;
		at += used;
	}
	*ms_out = sum;
	return VALUE_OK;
}

enum value_result value_size(const char *s, size_t len, uint64_t *bytes_out)
{
	static const struct unit units[] = {{"B", 1}, {"KiB", 1ULL << 10},
	    {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40},
	    {"kB", 1000}, {"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000},
	    {"TB", 1000000000000}};
	uint64_t number = 0, sum = 0;
	size_t unit = 0, used = 0;

	enum value_result r = number_unit(s, len, &number, &unit, &used);
	if (r != VALUE_OK)
		return r;
	int i = find_unit(units, ARRAY_LEN(units), s + unit, used - unit);
	if (i < 0 || used != len)
		return VALUE_SYNTAX;
	if (!multiply_add(&sum, number, units[i].factor))
		return VALUE_TOO_LARGE;
	*bytes_out = sum;
	return VALUE_OK;
}

enum value_result value_rate(const char *s, size_t len, uint64_t *bytes_out)
{
	if (len > 0 && digits(s, len) == len)
		return VALUE_UNIT_MISSING;
	if (len < 2 || memcmp(s + len - 2, "/s", 2) != 0)
		return VALUE_SYNTAX;
	return value_size(s, len - 2, bytes_out);
}

enum value_result value_clock(const char *s, size_t len, unsigned *minute_out)
{
	uint64_t hour = 0, minute = 0;

	if (len != 5 || s[2] != ':' || digits(s, 2) != 2 ||
	    digits(s + 3, 2) != 2 || !text_parse_u64(s, 2, 24, &hour) ||
	    !text_parse_u64(s + 3, 2, 59, &minute) ||
	    (hour == 24 && minute != 0))
		return VALUE_SYNTAX;
	*minute_out = (unsigned)(hour * 60 + minute);
	return VALUE_OK;
}

/* 0 for Monday to 6, or -1. */
static int day_of(const char *s, size_t len)
{
	static const char *const days[] = {
	    "mon", "tue", "wed", "thu", "fri", "sat", "sun"};

	for (size_t i = 0; i < ARRAY_LEN(days); i++)
		if (len == 3 && memcmp(s, days[i], 3) == 0)
			return (int)i;
	return -1;
}

static bool add_days(const char *s, size_t len, uint8_t *days)
{
	const char *dash = memchr(s, '-', len);
	size_t first = dash ? (size_t)(dash - s) : len;
	int from = day_of(s, first);
	int to = dash ? day_of(dash + 1, len - first - 1) : from;

	if (from < 0 || to < 0)
		return false;
	for (int day = from;; day = (day + 1) % 7) {
		*days = (uint8_t)(*days | (1U << day));
		if (day == to)
			return true;
	}
}

enum value_result value_days(const char *s, size_t len, uint8_t *days_out)
{
	uint8_t days = 0;

	for (size_t at = 0; at <= len;) {
		const char *comma = memchr(s + at, ',', len - at);
		size_t part = comma ? (size_t)(comma - s) - at : len - at;
		if (!add_days(s + at, part, &days))
			return VALUE_SYNTAX;
		at += part + 1;
	}
	*days_out = days;
	return VALUE_OK;
}

enum value_result value_percent(const char *s, size_t len, unsigned *out)
{
	uint64_t number = 0;

	if (len > 0 && digits(s, len) == len)
		return VALUE_UNIT_MISSING;
	if (len == 0 || s[len - 1] != '%')
		return VALUE_SYNTAX;
	enum value_result r = value_uint(s, len - 1, &number);
	if (r != VALUE_OK)
		return r;
	if (number > 100)
		return VALUE_TOO_LARGE;
	*out = (unsigned)number;
	return VALUE_OK;
}

enum value_result value_factor(const char *s, size_t len, double *out)
{
	size_t whole = digits(s, len);
	uint64_t number = 0, part = 0;
	double scale = 1;

	enum value_result r = value_uint(s, whole, &number);
	if (r != VALUE_OK)
		return r;
	if (whole > 6)
		return VALUE_TOO_LARGE;
	if (whole < len) {
		size_t n = len - whole - 1;
		if (s[whole] != '.' || n == 0 || n > 3 ||
		    !text_parse_u64(s + whole + 1, n, 999, &part))
			return VALUE_SYNTAX;
		for (size_t i = 0; i < n; i++)
			scale *= 10;
	}
	*out = (double)number + (double)part / scale;
	return VALUE_OK;
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

const char *value_nearest(
    const char *word, const char *const *known, size_t count)
{
	enum {
		CAP = 2,
		PREFIX_MIN = 3
	};

	unsigned best_distance = CAP + 1;
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		unsigned d = text_distance(word, known[i], CAP);
		// of "tls" a two-letter slip is everything
		if (d < best_distance && d < strlen(word)) {
			best = i;
			best_distance = d;
		}
	}
	if (best < count)
		return known[best];
	for (size_t i = 0; i < count; i++)
		if ((strlen(word) >= PREFIX_MIN && begins(known[i], word)) ||
		    (strlen(known[i]) >= PREFIX_MIN && begins(word, known[i])))
			return known[i];
	return NULL;
}
