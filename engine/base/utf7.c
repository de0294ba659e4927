// SPDX-License-Identifier: MIT
#include "engine/base/utf7.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

/*
 * A name is accepted only in the one spelling that encoding its text gives, so
 * two valid names are the same text exactly when they are the same bytes, and
 * no separator or wildcard can hide inside a run.
 */

static const char digits[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* Takes what is written; with `out` NULL nothing is kept. */
struct writer {
	char *out;
	size_t len;
};

/* State inside a run; more than 15 bits wait only within one step. */
struct run {
	uint32_t bits;
	unsigned waiting;
	uint32_t high; /* first half of a surrogate pair, or 0 */
};

static void put(struct writer *w, uint32_t byte)
{
	if (w->out)
		w->out[w->len] = (char)(unsigned char)byte;
	w->len++;
}

static bool is_plain(uint32_t point)
{
	return point >= 0x20 && point <= 0x7e;
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* ---- to UTF-8 ---- */

static void put_utf8(struct writer *w, uint32_t point)
{
	if (point < 0x80) {
		put(w, point);
	} else if (point < 0x800) {
		put(w, 0xc0 | point >> 6);
		put(w, 0x80 | (point & 0x3f));
	} else if (point < 0x10000) {
		put(w, 0xe0 | point >> 12);
		put(w, 0x80 | (point >> 6 & 0x3f));
		put(w, 0x80 | (point & 0x3f));
	} else {
		put(w, 0xf0 | point >> 18);
		put(w, 0x80 | (point >> 12 & 0x3f));
		put(w, 0x80 | (point >> 6 & 0x3f));
		put(w, 0x80 | (point & 0x3f));
	}
}

static bool take_unit(struct run *run, uint32_t unit, struct writer *w)
{
	bool is_low = (unit & 0xfc00) == 0xdc00;

	if (is_low != (run->high != 0))
		return false;
	if (is_low) {
		uint32_t top = run->high & 0x3ff;
		put_utf8(w, 0x10000 + (top << 10 | (unit & 0x3ff)));
		run->high = 0;
		return true;
	}
	if ((unit & 0xfc00) == 0xd800) {
		run->high = unit;
		return true;
	}
	/* NUL would cut the C string that names the mailbox everywhere. */
	if (unit == 0 || is_plain(unit))
		return false;
	put_utf8(w, unit);
	return true;
}

/* Reads a run behind its `&`. Bytes read with the `-`, or 0: malformed. */
static size_t read_run(const char *s, size_t len, struct writer *w)
{
	struct run run = {0};

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '-') {
			bool whole = run.waiting < 6 && run.bits == 0;
			return whole && run.high == 0 ? i + 1 : 0;
		}
		int value = digit_value(s[i]);
		if (value < 0)
			return 0;
		run.bits = run.bits << 6 | (uint32_t)value;
		run.waiting += 6;
		if (run.waiting < 16)
			continue;
		run.waiting -= 16;
		if (!take_unit(&run, run.bits >> run.waiting, w))
			return 0;
		run.bits &= (1U << run.waiting) - 1;
	}
	return 0;
}

static bool read_name(const char *name, size_t len, struct writer *w)
{
	bool behind_run = false;

	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)name[i++];
		if (!is_plain(c))
			return false;
		if (c != '&') {
			put(w, c);
			behind_run = false;
		} else if (i < len && name[i] == '-') {
			put(w, c);
			behind_run = false;
			i++;
		} else {
			size_t used = read_run(name + i, len - i, w);
			/* Two runs in a row could have been one. */
			if (used == 0 || behind_run)
				return false;
			behind_run = true;
			i += used;
		}
	}
	return true;
}

bool utf7_is_valid(const char *name, size_t len)
{
	struct writer w = {0};

	return read_name(name, len, &w);
}

/* Three bytes of text take at least 16/6 bytes of a run. */
static size_t text_bytes_max(size_t len)
{
	return (len + 1) * 2;
}

/* Into `out`, which it gives back, or frees. */
static char *decode(const char *name, size_t len, char *out)
{
	struct writer w = {.out = out};

	if (!out || !read_name(name, len, &w)) {
		free(out);
		return NULL;
	}
	put(&w, 0);
	return out;
}

char *utf7_decode(const char *name, size_t len)
{
	return decode(name, len, mem_resize(NULL, text_bytes_max(len), 1));
}

char *utf7_try_decode(const char *name, size_t len)
{
	return decode(name, len, mem_try_calloc(text_bytes_max(len), 1));
}

/* ---- from UTF-8 ---- */

/* Length of the sequence at s, or 0: overlong, surrogate, above U+10FFFF, cut
 * short or NUL. */
static size_t read_utf8(const char *s, size_t len, uint32_t *point_out)
{
	static const uint32_t least[5] = {0, 1, 0x80, 0x800, 0x10000};
	unsigned char c = (unsigned char)s[0];
	uint32_t point;
	size_t n;

	if (c < 0x80)
		n = 1, point = c;
	else if ((c & 0xe0) == 0xc0)
		n = 2, point = c & 0x1fU;
	else if ((c & 0xf0) == 0xe0)
		n = 3, point = c & 0x0fU;
	else if ((c & 0xf8) == 0xf0)
		n = 4, point = c & 0x07U;
	else
		return 0;
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		c = (unsigned char)s[i];
		if ((c & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (c & 0x3fU);
	}
	if (point < least[n] || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*point_out = point;
	return n;
}

static void put_unit(struct writer *w, struct run *run, uint32_t unit)
{
	run->bits = run->bits << 16 | unit;
	run->waiting += 16;
	while (run->waiting >= 6) {
		run->waiting -= 6;
		put(w, (unsigned char)digits[run->bits >> run->waiting & 0x3f]);
	}
	run->bits &= (1U << run->waiting) - 1;
}

static void end_run(struct writer *w, struct run *run)
{
	if (run->waiting > 0)
		put(w, (unsigned char)digits[run->bits << (6 - run->waiting)]);
	put(w, '-');
	*run = (struct run){0};
}

static void put_coded(struct writer *w, struct run *run, uint32_t point)
{
	if (point < 0x10000) {
		put_unit(w, run, point);
		return;
	}
	put_unit(w, run, 0xd800 + ((point - 0x10000) >> 10));
	put_unit(w, run, 0xdc00 + ((point - 0x10000) & 0x3ff));
}

char *utf7_encode(const char *utf8, size_t len)
{
	/* The worst is a lone control byte: five bytes, "&AAE-". */
	struct writer w = {.out = mem_resize(NULL, len + 1, 5)};
	struct run run = {0};
	bool in_run = false;

	for (size_t i = 0; i < len;) {
		uint32_t point;
		size_t n = read_utf8(utf8 + i, len - i, &point);
		if (n == 0) {
			free(w.out);
			return NULL;
		}
		i += n;
		if (in_run && is_plain(point))
			end_run(&w, &run);
		if (!in_run && !is_plain(point))
			put(&w, '&');
		in_run = !is_plain(point);
		if (in_run)
			put_coded(&w, &run, point);
		else
			put(&w, point);
		if (point == '&')
			put(&w, '-');
	}
	if (in_run)
		end_run(&w, &run);
	put(&w, 0);
	return w.out;
}
