// SPDX-License-Identifier: MIT
#include "engine/base/mailbox_name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"

enum {
	MARK_BYTES = 3,   /* "..." */
	PIECE_BYTES = 24, /* a character, each byte of it as \xNN */
	/* a digit stands for 6 bits, 16 of them may become \xNN\xNN\xNN */
	GROWTH = 5
};

/* Takes what is shown; with `out` NULL nothing is kept. */
struct sink {
	char *out;
	size_t len, max;
	bool is_full;
};

/* What waits in a run: less than a unit of bits, half a surrogate pair. */
struct run {
	uint32_t bits;
	unsigned waiting;
	uint32_t high;
};

/* Whole or not at all. */
static void put(struct sink *s, const char *piece, size_t len)
{
	if (!s->out || s->is_full)
		return;
	if (s->len + len + MARK_BYTES + 1 > s->max) {
		memcpy(s->out + s->len, "...", MARK_BYTES);
		s->len += MARK_BYTES;
		s->is_full = true;
		return;
	}
	memcpy(s->out + s->len, piece, len);
	s->len += len;
}

static void put_point(struct sink *s, uint32_t point)
{
	char bytes[4], piece[PIECE_BYTES];
	size_t n = 0;

	if (point < 0x80) {
		bytes[n++] = (char)point;
	} else if (point < 0x800) {
		bytes[n++] = (char)(0xc0 | point >> 6);
	} else if (point < 0x10000) {
		bytes[n++] = (char)(0xe0 | point >> 12);
		bytes[n++] = (char)(0x80 | (point >> 6 & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | point >> 18);
		bytes[n++] = (char)(0x80 | (point >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (point >> 6 & 0x3f));
	}
	if (point >= 0x80)
		bytes[n++] = (char)(0x80 | (point & 0x3f));
	(void)text_escape(bytes, n, piece, sizeof(piece));
	put(s, piece, strlen(piece));
}

static bool take_unit(struct run *run, uint32_t unit, struct sink *s)
{
	bool is_low = (unit & 0xfc00) == 0xdc00;

	if (is_low != (run->high != 0))
		return false;
	if ((unit & 0xfc00) == 0xd800) {
		run->high = unit;
		return true;
	}
	// ASCII stands for itself: in a run it would be a second spelling
	if (unit == 0 || (unit >= 0x20 && unit <= 0x7e))
		return false;
	put_point(
	    s, is_low ? 0x10000 + ((run->high & 0x3ff) << 10) + (unit & 0x3ff)
		      : unit);
	run->high = 0;
	return true;
}

/* Reads behind an `&`. Bytes read with the `-`, or 0: malformed. */
static size_t read_run(const char *text, struct sink *s)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
	struct run run = {0};
	const char *digit;
	size_t i = 0;

	for (; text[i] && (digit = strchr(digits, text[i])) != NULL; i++) {
		run.bits = run.bits << 6 | (uint32_t)(digit - digits);
		run.waiting += 6;
		if (run.waiting < 16)
			continue;
		run.waiting -= 16;
		if (!take_unit(&run, run.bits >> run.waiting, s))
			return 0;
		run.bits &= (1U << run.waiting) - 1;
	}
	bool whole = run.waiting < 6 && run.bits == 0 && run.high == 0;
	return text[i] == '-' && whole ? i + 1 : 0;
}

/* Bytes of the character there, so that none is cut in two. */
static size_t character(const char *s)
{
	size_t n = 1;

	while (((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* False: not well formed. */
static bool read_name(const char *name, struct sink *s)
{
	bool behind_run = false;

	while (*name) {
		bool is_run = name[0] == '&' && name[1] != '-';
		if (is_run) {
			size_t used = read_run(name + 1, s);
			// two runs in a row could have been one
			if (used == 0 || behind_run)
				return false;
			name += 1 + used;
		} else if (name[0] == '&') {
			put(s, name, 1);
			name += 2;
		} else {
			size_t n = character(name);
			put(s, name, n);
			name += n;
		}
		behind_run = is_run;
	}
	return true;
}

const char *mailbox_name_show(const char *name, char *out, size_t max)
{
	struct sink nowhere = {0}, s = {.out = out, .max = max};

	if (read_name(name, &nowhere)) {
		(void)read_name(name, &s);
	} else {
		for (size_t n; *name; name += n) {
			n = character(name);
			put(&s, name, n);
		}
	}
	out[s.len] = '\0';
	return out;
}

char *mailbox_name_try_show(const char *name)
{
	size_t max = strlen(name) * GROWTH + MARK_BYTES + 1;
	char *out = mem_try_calloc(max, 1);

	if (out)
		(void)mailbox_name_show(name, out, max);
	return out;
}
