// SPDX-License-Identifier: MIT
#include "engine/imap/imap_seqset.h"

#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"

enum {
	NUMBER_BYTES = 10,                /* 4294967295 */
	ITEM_BYTES = 2 * NUMBER_BYTES + 2 /* ",a:b" */
};

static size_t put_number(char *to, uint32_t number)
{
	char reversed[NUMBER_BYTES];
	size_t len = 0;

	do {
		reversed[len++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	for (size_t i = 0; i < len; i++)
		to[i] = reversed[len - 1 - i];
	return len;
}

/* Appends one number or range, if it fits; *room shrinks by what it takes. */
static bool append_item(
    struct buf *out, size_t *room, bool first, uint32_t low, uint32_t high)
{
	char item[ITEM_BYTES];
	size_t len = 0;

	if (!first)
		item[len++] = ',';
	len += put_number(item + len, low);
	if (high != low) {
		item[len++] = ':';
		len += put_number(item + len, high);
	}
	if (len > *room || buf_append(out, item, len))
		return false;
	*room -= len;
	return true;
}

/* Index behind the run that begins at `from`; a number that comes twice is no
 * gap. */
static size_t run_end(const uint32_t *numbers, size_t from, size_t count)
{
	size_t i = from + 1;

	while (i < count && numbers[i] >= numbers[i - 1] &&
	       numbers[i] - numbers[i - 1] <= 1)
		i++;
	return i;
}

size_t imap_seqset_format(
    struct buf *out, const uint32_t *numbers, size_t count, size_t max_bytes)
{
	size_t room = max_bytes, i = 0;

	while (i < count) {
		size_t next = run_end(numbers, i, count);
		uint32_t low = numbers[i], high = numbers[next - 1];
		bug_if(low == 0);
		if (append_item(out, &room, i == 0, low, high)) {
			i = next;
			continue;
		}
		/* The head of the run, so that little room is still progress. */
		if (append_item(out, &room, i == 0, low, low))
			i++;
		break;
	}
	return i;
}

void imap_seqset_reader_init(
    struct imap_seqset_reader *r, const char *text, size_t len)
{
	/* NULL in the reader means that the set has been read to its end. */
	r->p = text ? text : "";
	r->end = r->p + (text ? len : 0);
}

/* An nz-number: its first digit is not 0. NULL when there is none. */
static const char *read_number(
    const char *p, const char *end, uint32_t *number_out)
{
	uint64_t value = 0;

	if (p == end || *p < '1' || *p > '9')
		return NULL;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX)
			return NULL;
	}
	*number_out = (uint32_t)value;
	return p;
}

int imap_seqset_next(
    struct imap_seqset_reader *r, uint32_t *low_out, uint32_t *high_out)
{
	uint32_t a, b;

	if (!r->p)
		return 0;
	const char *p = read_number(r->p, r->end, &a);
	if (!p)
		return -1;
	b = a;
	if (p < r->end && *p == ':') {
		p = read_number(p + 1, r->end, &b);
		if (!p)
			return -1;
	}
	if (p < r->end && *p != ',')
		return -1;
	/* Behind a comma a number must follow, so the end there is malformed. */
	r->p = p < r->end ? p + 1 : NULL;
	*low_out = a < b ? a : b;
	*high_out = a < b ? b : a;
	return 1;
}

bool imap_seqset_ascends(const char *set)
{
	const char *end = set + strlen(set);
	uint32_t last = 0, n = 0;

	for (const char *p = set; p && p < end; p++) {
		p = read_number(p, end, &n);
		if (!p || n <= last)
			return false;
		last = n;
		if (p == end)
			return true;
	}
	return false;
}
