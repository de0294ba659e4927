// SPDX-License-Identifier: MIT
/*
 * Bytes of strangers made fit for people, numbers read with a range, errno as
 * words.  The one escaping function for logs, terminals and reports.
 */
#ifndef ENGINE_BASE_TEXT_H
#define ENGINE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copies at most `max` - 1 bytes of valid, printable UTF-8 to `out`: control
 * bytes, C1, bidirectional marks and invalid sequences become \xNN, a
 * backslash is doubled; what does not fit is cut and marked with "...".
 * Returns `out`.
 */
char *text_escape(const char *bytes, size_t len, char *out, size_t max);

/* May it be shown as it stands: has nothing but backslashes to escape? */
bool text_is_shown(const char *s);

/* The last guard before a log or an error: escapes, in its room of at most
 * TEXT_LINE_MAX bytes, a text that may not be shown as it stands. */
enum {
	TEXT_LINE_MAX = 4096
};

void text_make_shown(char *text, size_t max);

/* Decimal digits only, all of the text, not above max. */
bool text_parse_u64(const char *s, size_t len, uint64_t max, uint64_t *out);

/* strerror without its shared buffer. Returns `out`. */
const char *text_errno(int number, char *out, size_t max);

bool text_equal_fold(const char *a, size_t a_len, const char *b, size_t b_len);
bool text_equal_fold_z(const char *a, const char *b);

/* Does `name` match `pattern`? `*` any run (the separator too), `?` one byte. */
bool text_wildcard(const char *pattern, const char *name);

/* "1.4 MiB" style, for people. Returns `out`. */
const char *text_bytes(uint64_t bytes, char *out, size_t max);

/* Levenshtein distance, capped: more than `cap` returns cap + 1. */
unsigned text_distance(const char *a, const char *b, unsigned cap);

/* Would a spreadsheet take it for a formula? Apostrophes in front of it are
 * passed over, so that one more can be put there and be taken off again. */
bool text_is_formula(const char *text, size_t len);

#endif
