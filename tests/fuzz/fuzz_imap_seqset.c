// SPDX-License-Identifier: MIT
/* Reading ends, ranges are in order; what is written reads the same, also a
 * whole list of numbers that takes several commands. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_seqset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	NUMBERS_MAX = 2000
};

static void pairs(const char *text, size_t size)
{
	struct imap_seqset_reader r, again;
	uint32_t pair[2], first, last;
	struct buf out;

	buf_init(&out, 64);
	imap_seqset_reader_init(&r, text, size);
	while (imap_seqset_next(&r, &pair[0], &pair[1]) == 1) {
		bug_if(pair[0] == 0 || pair[0] > pair[1]);
		buf_reset(&out);
		bug_if(imap_seqset_format(&out, pair, 2, 64) != 2);
		imap_seqset_reader_init(&again, out.data, out.len);
		bug_if(imap_seqset_next(&again, &first, &last) != 1 ||
		       first != pair[0]);
		bug_if(imap_seqset_next(&again, &first, &last) < 0);
		bug_if(last != pair[1]);
	}
	buf_release(&out);
}

/* Takes the numbers from the front that the set has; nothing else is in it. */
static size_t take(const struct buf *set, const uint32_t *numbers, size_t count)
{
	struct imap_seqset_reader r;
	uint32_t low, high;
	size_t taken = 0;
	int rc;

	imap_seqset_reader_init(&r, set->data, set->len);
	while ((rc = imap_seqset_next(&r, &low, &high)) == 1) {
		while (taken < count && numbers[taken] == low) {
			taken++;
			if (low == high)
				break;
			low++;
		}
		bug_if(low != high);
	}
	bug_if(rc < 0);
	return taken;
}

/* Each byte is how far the next number is away; 0 makes a long step. */
static void list(const uint8_t *data, size_t size, size_t max_bytes)
{
	uint32_t *numbers = mem_calloc(NUMBERS_MAX, sizeof(*numbers));
	uint64_t next = 0;
	size_t count = 0;
	struct buf out;

	for (size_t i = 0; i < size && count < NUMBERS_MAX; i++) {
		next += data[i] ? data[i] : 400000000;
		if (next > UINT32_MAX)
			break;
		numbers[count++] = (uint32_t)next;
	}
	buf_init(&out, max_bytes);
	for (size_t at = 0; at < count;) {
		buf_reset(&out);
		size_t n = imap_seqset_format(
		    &out, numbers + at, count - at, max_bytes);
		bug_if(n == 0 || out.len > max_bytes);
		bug_if(take(&out, numbers + at, count - at) != n);
		bug_if(!imap_seqset_ascends(out.data));
		at += n;
	}
	buf_release(&out);
	free(numbers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pairs((const char *)data, size);
	if (size > 1)
		list(data + 1, size - 1, 24 + data[0]);
	return 0;
}
