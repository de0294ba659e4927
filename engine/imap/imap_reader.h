// SPDX-License-Identifier: MIT
/*
 * Bytes of a server cut into whole responses (RFC 3501 7). Pure: no I/O, no
 * logging; the same events for any split of the same bytes.
 *
 * A response is collected without its line end.  Literals in it are kept in
 * place behind a marker, up to `keep_max` bytes each (the rest is dropped: a
 * header may be 10 MB, we need its first fields only).  A message body, the
 * literal behind "BODY[] ", is not collected: it is handed out in pieces.
 */
#ifndef ENGINE_IMAP_IMAP_READER_H
#define ENGINE_IMAP_IMAP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"

struct error;

/*
 * Marker of a literal inside a collected response.  A NUL cannot stand in a
 * response otherwise, so no server can forge it: NUL, kind, 8 bytes of length
 * (host order), and for a kept literal its bytes.
 */
enum {
	IMAP_READER_KEPT = 'L',
	IMAP_READER_STREAMED = 'S',
	IMAP_READER_MARKER_BYTES = 10
};

struct imap_reader_limits {
	size_t response_max;  /* one response with what is kept: a line without
				end must not eat memory (F009, F084) */
	size_t keep_max;      /* kept of one literal */
	uint64_t drop_max;    /* a kept literal may be this long on the wire */
	uint64_t literal_max; /* any literal (F081) */
};

/* 1 MiB, 64 KiB, 64 MiB, 2^40. */
extern const struct imap_reader_limits imap_reader_default_limits;

enum imap_reader_event {
	IMAP_READER_MORE,       /* all input is consumed */
	IMAP_READER_RESPONSE,   /* `response` is whole; gone at the next call */
	IMAP_READER_BODY_BEGIN, /* body_bytes are to come */
	IMAP_READER_BODY_DATA,  /* data, data_len: a piece, points into input */
	IMAP_READER_BODY_END,
	IMAP_READER_ERROR
};

struct imap_reader {
	/* permanent */
	struct imap_reader_limits limits;
	/* results */
	struct buf response;
	const char *data;
	size_t data_len;
	uint64_t body_bytes;
	/* private */
	int state;
	size_t line_at; /* where the present line starts in the response */
	uint64_t left;  /* of the present literal */
	size_t keep_left;
	bool deliver; /* the response has been handed out: start anew */
};

void imap_reader_init(
    struct imap_reader *r, const struct imap_reader_limits *limits);
void imap_reader_release(struct imap_reader *r);

/* Forgets what was collected: a new connection, also after an error. */
void imap_reader_reset(struct imap_reader *r);

/* Takes bytes from *input up to the next event. Call until IMAP_READER_MORE.
 * On IMAP_READER_ERROR `err` is filled, the stream cannot be trusted. */
enum imap_reader_event imap_reader_next(
    struct imap_reader *r, const char **input, size_t *len, struct error *err);

#endif
