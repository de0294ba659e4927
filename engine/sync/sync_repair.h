// SPDX-License-Identifier: MIT
/*
 * Another form of a message for a server that refuses the one it has.  Pure:
 * bytes in at any split, bytes out through a function.
 *
 * NUL becomes 0x80 (as Dovecot stores it).  A bare LF and a bare CR become
 * CRLF, several CRs before one LF a single line end (as Dovecot reads them).
 * In the header a bare CR goes (as Courier does it): a line end would cut the
 * field, or the header, in two and make another message of it.
 */
#ifndef ENGINE_SYNC_SYNC_REPAIR_H
#define ENGINE_SYNC_SYNC_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	SYNC_REPAIR_LINE_MAX = 9000, /* longer ones are broken */
	SYNC_REPAIR_PIECE_MAX = 998  /* RFC 5322, without the line end */
};

/* What is done beside the repair of bytes. */
enum sync_repair_what {
	SYNC_REPAIR_FROM_LINE = 1, /* a first line "From " goes */
	SYNC_REPAIR_WRAP = 2 /* long lines in pieces, at a blank if there is
				one, never inside a UTF-8 sequence; the header's
				are folded */
};

/* Takes the next bytes of the result: 0 or -1. */
typedef int sync_repair_put(
    void *context, const char *bytes, size_t len, struct error *err);

struct sync_repair {
	unsigned what;
	sync_repair_put *put;
	void *context;
	bool has_changed; /* anything: the result differs */
	/* private */
	bool is_first, in_header, is_long, is_passed;
	size_t crs;      /* held back until the next byte tells */
	size_t lead;     /* a blank stands before what is in `line` */
	size_t line_len; /* of `line` */
	char line[SYNC_REPAIR_LINE_MAX + 1];
};

void sync_repair_init(
    struct sync_repair *r, unsigned what, sync_repair_put *put, void *context);

/* 0, or -1 when `put` failed. */
int sync_repair_feed(struct sync_repair *r, const char *bytes, size_t len,
    struct error *err) __attribute__((warn_unused_result));

/* The message has ended. */
int sync_repair_finish(struct sync_repair *r, struct error *err)
    __attribute__((warn_unused_result));

#endif
