// SPDX-License-Identifier: MIT
#include "engine/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"

/* Marks of direction, and what no eye sees: two names that differ in nothing
 * else would look the same.  Variation selectors stay, they belong to emoji. */
static bool is_hidden(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {{0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c},
	    {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x200b, 0x200f},
	    {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},
	    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff9, 0xfffb},
	    {0xe0000, 0xe0fff}};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* Length of the valid UTF-8 sequence at p that is safe to show, or 0. */
static size_t printable(const unsigned char *p, size_t len)
{
	uint32_t c;
	size_t n;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f && p[0] != '\\';
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2, c = p[0] & 0x1fU;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3, c = p[0] & 0x0fU;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4, c = p[0] & 0x07U;
	else
		return 0;
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	if (c < 0xa0 || (c >= 0xd800 && c <= 0xdfff)) /* C1, surrogates */
		return 0;
	return is_hidden(c) ? 0 : n;
}

bool text_is_shown(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len = strlen(s);

	for (size_t i = 0; i < len;) {
		size_t n = printable(p + i, len - i);
		if (n == 0 && p[i] != '\\')
			return false;
		i += n ? n : 1;
	}
	return true;
}

void text_make_shown(char *text, size_t max)
{
	char line[TEXT_LINE_MAX];

	if (text_is_shown(text))
		return;
	(void)text_escape(
	    text, strlen(text), line, max < sizeof(line) ? max : sizeof(line));
	memcpy(text, line, strlen(line) + 1);
}

char *text_escape(const char *bytes, size_t len, char *out, size_t max)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)bytes;
	size_t used = 0;

	if (max < 8) {
		if (max)
			out[0] = '\0';
		return out;
	}
	for (size_t i = 0; i < len;) {
		size_t n = printable(p + i, len - i);
		size_t need = n ? n : p[i] == '\\' ? 2 : 4;
		bool last = i + (n ? n : 1) == len;
		if (used + need + (last ? 1 : 4) > max) {
			memcpy(out + used, "...", 3);
			used += 3;
			break;
		}
		if (n) {
			memcpy(out + used, p + i, n);
			i += n;
		} else if (p[i] == '\\') {
			memcpy(out + used, "\\\\", 2);
			i++;
		} else {
			const char seq[4] = {
			    '\\', 'x', hex[p[i] >> 4], hex[p[i] & 15]};
			memcpy(out + used, seq, 4);
			i++;
		}
		used += need;
	}
	out[used] = '\0';
	return out;
}

bool text_parse_u64(const char *s, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (len == 0 || len > 20)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > max)
		return false;
	*out = value;
	return true;
}

const char *text_errno(int number, char *out, size_t max)
{
	const char *s = strerrordesc_np(number);

	if (s)
		(void)snprintf(out, max, "%s", s);
	else
		(void)snprintf(out, max, "error %d", number);
	return out;
}

bool text_equal_fold(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

bool text_equal_fold_z(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

bool text_wildcard(const char *pattern, const char *name)
{
	const char *star = NULL, *mark = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			mark = name;
		} else if (*pattern == '?' || *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

const char *text_bytes(uint64_t bytes, char *out, size_t max)
{
	static const char *const units[] = {
	    "B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(out, max, unit && value < 100 ? "%.1f %s" : "%.0f %s",
	    value, units[unit]);
	return out;
}

unsigned text_distance(const char *a, const char *b, unsigned cap)
{
	unsigned row[64];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (b_len >= 64 || a_len >= 64)
		return cap + 1;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned up = row[j];
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = up;
			row[j] = best;
		}
	}
	return row[b_len] > cap ? cap + 1 : row[b_len];
}

bool text_is_formula(const char *text, size_t len)
{
	// as wide characters of Asian keyboards, too
	static const char *const signs[] = {"=", "+", "-", "@", "\t", "\r",
	    "\n", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
	    "\xef\xbc\xa0"};

	while (len > 0 && *text == '\'') {
		text++;
		len--;
	}
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		size_t n = strlen(signs[i]);
		if (len >= n && memcmp(text, signs[i], n) == 0)
			return true;
	}
	return false;
}
