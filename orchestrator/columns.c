// SPDX-License-Identifier: MIT
#include "orchestrator/columns.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/mem.h"

struct range {
	uint32_t first, last;
};

/* Marks that stand on the character before them, and joiners. */
static const struct range none[] = {{0x300, 0x36f}, {0x483, 0x489},
    {0x591, 0x5bd}, {0x5bf, 0x5c7}, {0x610, 0x61a}, {0x64b, 0x65f},
    {0x670, 0x670}, {0x6d6, 0x6ed}, {0x93c, 0x93c}, {0x941, 0x948},
    {0x94d, 0x94d}, {0xe31, 0xe31}, {0xe34, 0xe3a}, {0xe47, 0xe4e},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x20d0, 0x20ff},
    {0x302a, 0x302d}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};

static const struct range wide[] = {{0x1100, 0x115f}, {0x231a, 0x231b},
    {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x2614, 0x2615}, {0x26a1, 0x26a1},
    {0x2705, 0x2705}, {0x2728, 0x2728}, {0x274c, 0x274c}, {0x2753, 0x2757},
    {0x2795, 0x2797}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2e80, 0x303e},
    {0x3041, 0x33ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xa000, 0xa4cf},
    {0xa960, 0xa97f}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
    {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f18e, 0x1f19a}, {0x1f200, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1f9ff},
    {0x1fa70, 0x1faff}, {0x20000, 0x3fffd}};

static bool is_in(const struct range *table, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count && table[i].first <= c; i++)
		if (c <= table[i].last)
			return true;
	return false;
}

/* Length of the character at p, at least 1; its width goes to *width_out. */
static size_t next(const unsigned char *p, size_t len, size_t *width_out)
{
	size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));

	*width_out = 1;
	if (n == 1 || n > len)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (p[i] & 0x3fU);
	}
	if (is_in(none, ARRAY_LEN(none), c))
		*width_out = 0;
	else if (is_in(wide, ARRAY_LEN(wide), c))
		*width_out = 2;
	return n;
}

size_t columns_of(const char *text, size_t len)
{
	size_t total = 0, width = 0;

	for (size_t at = 0; at < len;) {
		at += next((const unsigned char *)text + at, len - at, &width);
		total += width;
	}
	return total;
}

size_t columns_cut(
    const char *text, size_t len, size_t columns, char *out, size_t max)
{
	size_t used = 0, total = 0, width = 0;

	for (size_t at = 0; at < len;) {
		size_t n =
		    next((const unsigned char *)text + at, len - at, &width);
		if (total + width > columns || used + n + 1 > max)
			break;
		memcpy(out + used, text + at, n);
		used += n;
		total += width;
		at += n;
	}
	out[used] = '\0';
	return total;
}
