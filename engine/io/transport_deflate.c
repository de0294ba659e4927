// SPDX-License-Identifier: MIT
/*
 * Bytes are deflated by the block and every block is flushed: what was written
 * is known to the byte, and nothing waits in zlib for more.  A flush costs five
 * bytes in 32 KiB, and the dictionary goes on.
 */
#include "engine/io/transport.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"

/*
 * Level 1: of real mail 27 % is left at 100 MB/s, with level 3 26 % at 85 MB/s,
 * with level 6 24 % at 43 MB/s; our processor must not become the bottleneck of
 * the line. The state takes 200 KiB; half of it would cost 2 % more to send.
 */
enum {
	LEVEL = 1,
	MEMORY = 7,
	WINDOW_BITS = -15, /* raw deflate */
	BLOCK_BYTES = 32 * 1024,
	CODED_BYTES = BLOCK_BYTES + BLOCK_BYTES / 4 + 64, /* of any block */
	RECEIVED_BYTES = 32 * 1024,
	FRUITLESS_MAX = 1024 * 1024 /* received, and nothing came out of it */
};

struct deflate {
	struct transport base;
	struct transport *below;
	/* from the server */
	z_stream in;
	char *received;
	bool in_more; /* inflate may have something without more input */
	bool has_content, is_between_blocks;
	size_t fruitless;
	/* to the server */
	z_stream out;
	size_t block_len; /* what `coded` stands for, until all of it is sent */
	size_t coded_at, coded_len;
	char coded[CODED_BYTES];
};

static int deflate_establish(struct transport *t, struct error *err)
{
	(void)t;
	(void)err;
	return 1; // below was, before
}

/* -------------------------------------------------------------- reading */

/* The end of the connection: 0, or -1 when it came too early. */
static int on_end(const struct deflate *d, struct error *err)
{
	if (!d->has_content && d->fruitless > 0)
		return error_set(err, ERROR_PROTOCOL, "proto.compress",
		    "the server's compressed data (COMPRESS) ended before the first byte of content; try without compression");
	if (d->has_content && !d->is_between_blocks)
		return error_set(err, ERROR_IO, "net.closed",
		    "the server closed the connection amid compressed data (COMPRESS)");
	return 0;
}

/* 1 received some, else as read of a transport. */
static ssize_t receive(struct deflate *d, struct error *err)
{
	ssize_t n =
	    d->below->ops->read(d->below, d->received, RECEIVED_BYTES, err);

	if (n == 0)
		return on_end(d, err);
	if (n < 0)
		return n;
	d->in.next_in = (Bytef *)d->received;
	d->in.avail_in = (uInt)n;
	return 1;
}

static int bad_data(const struct deflate *d, int rc, struct error *err)
{
	if (rc == Z_MEM_ERROR)
		return error_set(err, ERROR_INTERNAL, "local.memory",
		    "no memory to read compressed data");
	return error_set(err, ERROR_PROTOCOL, "proto.compress",
	    "the server's compressed data (COMPRESS) cannot be read: %s; try without compression",
	    d->in.msg ? d->in.msg : "damaged");
}

/* Compressed bytes without content. A few are fine (a flush), but without an
 * end they would keep us busy for nothing (F036). */
static ssize_t on_fruitless(
    struct deflate *d, int rc, size_t consumed, struct error *err)
{
	d->fruitless += consumed;
	if (rc == Z_STREAM_END)
		return error_set(err,
		    d->has_content ? ERROR_IO : ERROR_PROTOCOL,
		    d->has_content ? "net.closed" : "proto.compress",
		    "the server ended the compressed data (COMPRESS)");
	if (d->fruitless > FRUITLESS_MAX)
		return error_set(err, ERROR_IO, "net.compress",
		    "the server sends compressed blocks without content (COMPRESS)");
	return TRANSPORT_AGAIN;
}

/* Reads below at most once: a peer that never stops must not keep us. */
static ssize_t deflate_read(
    struct transport *t, void *to, size_t len, struct error *err)
{
	struct deflate *d = (struct deflate *)t;

	if (d->in.avail_in == 0 && !d->in_more) {
		ssize_t rc = receive(d, err);
		if (rc <= 0)
			return rc;
	}
	size_t before = d->in.avail_in;
	d->in.next_out = to;
	d->in.avail_out = len < UINT_MAX ? (uInt)len : UINT_MAX;
	uInt room = d->in.avail_out;
	int rc = inflate(&d->in, Z_SYNC_FLUSH);
	size_t produced = room - d->in.avail_out;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return bad_data(d, rc, err);
	// a call that did nothing no longer tells what the one before told
	d->is_between_blocks = (d->in.data_type & 128) != 0 ||
			       (rc == Z_BUF_ERROR && d->is_between_blocks);
	d->in_more = d->in.avail_out == 0 || rc == Z_STREAM_END;
	if (produced == 0)
		return on_fruitless(d, rc, before - d->in.avail_in, err);
	d->has_content = true;
	d->fruitless = 0;
	return (ssize_t)produced;
}

static bool deflate_has_pending(const struct transport *t)
{
	const struct deflate *d = (const struct deflate *)t;

	return d->in.avail_in > 0 || d->in_more ||
	       d->below->ops->has_pending(d->below);
}

/* -------------------------------------------------------------- writing */

static void code(struct deflate *d, const void *from, size_t len, int flush)
{
	d->out.next_in = (Bytef *)(uintptr_t)from;
	d->out.avail_in = (uInt)len;
	int rc = deflate(&d->out, flush);
	// CODED_BYTES is more than zlib's bound for any block
	bug_if(rc != Z_OK || d->out.avail_in > 0 || d->out.avail_out == 0);
}

static void code_block(struct deflate *d, const struct iovec *parts, int count)
{
	size_t len = 0;

	d->out.next_out = (Bytef *)d->coded;
	d->out.avail_out = CODED_BYTES;
	for (int i = 0; i < count && len < BLOCK_BYTES; i++) {
		size_t n = parts[i].iov_len;
		if (n > BLOCK_BYTES - len)
			n = BLOCK_BYTES - len;
		len += n;
		bool last = len == BLOCK_BYTES || i == count - 1;
		code(d, parts[i].iov_base, n, last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
	}
	d->block_len = len;
	d->coded_at = 0;
	d->coded_len = CODED_BYTES - d->out.avail_out;
}

/* A block counts as written when the last byte that stands for it has left:
 * until then the caller comes again with the same bytes. */
static ssize_t deflate_write(struct transport *t, const struct iovec *parts,
    int count, struct error *err)
{
	struct deflate *d = (struct deflate *)t;

	if (d->block_len == 0)
		code_block(d, parts, count);
	while (d->coded_at < d->coded_len) {
		const struct iovec rest = {.iov_base = d->coded + d->coded_at,
		    .iov_len = d->coded_len - d->coded_at};
		ssize_t n = d->below->ops->write(d->below, &rest, 1, err);
		if (n < 0)
			return n;
		d->coded_at += (size_t)n;
	}
	size_t written = d->block_len;
	d->block_len = 0;
	return (ssize_t)written;
}

size_t transport_deflate_begun(const struct transport *t)
{
	const struct deflate *d = (const struct deflate *)t;

	return d->coded_at > 0 ? d->block_len : 0;
}

/* ---------------------------------------------------------- life cycle */

static short deflate_events(
    const struct transport *t, bool reading, bool writing)
{
	const struct deflate *d = (const struct deflate *)t;

	return d->below->ops->events(d->below, reading, writing);
}

static int64_t deflate_deadline_ms(const struct transport *t)
{
	const struct deflate *d = (const struct deflate *)t;

	return d->below->ops->deadline_ms(d->below);
}

/* No last block: the end of the connection is end enough (RFC 4978). */
static void deflate_release(struct transport *t)
{
	struct deflate *d = (struct deflate *)t;

	d->below->ops->release(d->below);
}

static void deflate_free(struct transport *t)
{
	struct deflate *d = (struct deflate *)t;

	(void)inflateEnd(&d->in);
	(void)deflateEnd(&d->out);
	d->below->ops->free(d->below);
	free(d->received);
	free(d);
}

static const struct transport_ops deflate_ops = {
    .establish = deflate_establish,
    .read = deflate_read,
    .write = deflate_write,
    .events = deflate_events,
    .has_pending = deflate_has_pending,
    .deadline_ms = deflate_deadline_ms,
    .free = deflate_free,
    .release = deflate_release,
};

struct transport *transport_deflate_new(struct transport *below,
    const void *received, size_t len, struct error *err)
{
	struct deflate *d = mem_calloc(1, sizeof(*d));

	d->base = (struct transport){.ops = &deflate_ops, .fd = below->fd};
	d->below = below;
	d->received =
	    mem_alloc(len > RECEIVED_BYTES ? len : (size_t)RECEIVED_BYTES);
	if (len)
		memcpy(d->received, received, len);
	d->in.next_in = (Bytef *)d->received;
	d->in.avail_in = (uInt)len;
	if (inflateInit2(&d->in, WINDOW_BITS) != Z_OK ||
	    deflateInit2(&d->out, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY,
		Z_DEFAULT_STRATEGY) != Z_OK) {
		(void)error_set(err, ERROR_INTERNAL, "local.memory",
		    "no memory for compression");
		deflate_free(&d->base);
		return NULL;
	}
	return &d->base;
}
