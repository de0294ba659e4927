// SPDX-License-Identifier: MIT
/*
 * Sequence sets (RFC 3501): "1,3:5,9:*". Pure.
 */
#ifndef ENGINE_IMAP_IMAP_SEQSET_H
#define ENGINE_IMAP_IMAP_SEQSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * Appends a set of ascending numbers, runs folded ("a:b"), as long as the set
 * stays within `max_bytes` (a command line has its limit). Returns how many of
 * the numbers are in; less than `count` when the room ended.
 */
size_t imap_seqset_format(
    struct buf *out, const uint32_t *numbers, size_t count, size_t max_bytes);

/* Reads one set item by item: ranges as the server wrote them, low first. */
struct imap_seqset_reader {
	const char *p, *end;
};

void imap_seqset_reader_init(
    struct imap_seqset_reader *r, const char *text, size_t len);

/* 1 a range, 0 the end, -1 malformed (0, `*`, above 2^32-1, trailing comma,
 * empty set). Reversed ranges are turned. */
int imap_seqset_next(
    struct imap_seqset_reader *r, uint32_t *low_out, uint32_t *high_out);

/* Is every number of the set above the one before it, as written? */
bool imap_seqset_ascends(const char *set);

#endif
