// SPDX-License-Identifier: MIT
/* Any bytes as a compressed stream, in pieces of the first byte's size: what
 * comes out is what the library alone makes of them, up to the first damage,
 * and never more than was asked for. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/io/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OUTPUT_MAX = 256 * 1024, /* enough of a bomb */
	READ_BYTES = 1000
};

struct line {
	struct transport base;
	const uint8_t *at;
	size_t left, piece;
};

static ssize_t line_read(
    struct transport *t, void *to, size_t len, struct error *err)
{
	struct line *l = (struct line *)t;
	size_t n = l->left < l->piece ? l->left : l->piece;

	(void)err;
	n = n < len ? n : len;
	if (n == 0)
		return 0;
	memcpy(to, l->at, n);
	l->at += n;
	l->left -= n;
	return (ssize_t)n;
}

static ssize_t line_write(struct transport *t, const struct iovec *parts,
    int count, struct error *err)
{
	(void)t, (void)count, (void)err;
	return (ssize_t)parts[0].iov_len;
}

static short line_events(const struct transport *t, bool reading, bool writing)
{
	(void)t;
	return (short)(reading + 2 * writing);
}

static bool line_has_pending(const struct transport *t)
{
	(void)t;
	return false;
}

static void line_free(struct transport *t)
{
	free(t);
}

static const struct transport_ops line_ops = {.read = line_read,
    .write = line_write,
    .events = line_events,
    .has_pending = line_has_pending,
    .free = line_free,
    .release = line_free};

static size_t expected(const uint8_t *data, size_t size, char *out)
{
	z_stream z = {0};

	bug_if(inflateInit2(&z, -15) != Z_OK);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)size;
	z.next_out = (Bytef *)out;
	z.avail_out = OUTPUT_MAX;
	while (z.avail_out > 0 && inflate(&z, Z_SYNC_FLUSH) == Z_OK &&
	       z.avail_in > 0)
		;
	size_t made = OUTPUT_MAX - z.avail_out;
	(void)inflateEnd(&z);
	return made;
}

static void play(const uint8_t *data, size_t size, size_t before, size_t piece)
{
	struct line *line = mem_calloc(1, sizeof(*line));
	char *right = mem_alloc(OUTPUT_MAX), *got = mem_alloc(READ_BYTES);
	size_t want = expected(data, size, right), done = 0;
	struct error err;

	*line = (struct line){
	    {.ops = &line_ops, .fd = -1}, data + before, size - before, piece};
	struct transport *t =
	    transport_deflate_new(&line->base, data, before, &err);
	ssize_t n = t ? 1 : 0;
	while (n > 0 && done + READ_BYTES <= OUTPUT_MAX) {
		n = t->ops->read(t, got, READ_BYTES, &err);
		if (n == TRANSPORT_AGAIN) {
			n = 1;
			continue;
		}
		bug_if(n > READ_BYTES);
		if (n <= 0)
			break;
		bug_if(done + (size_t)n > want);
		bug_if(memcmp(got, right + done, (size_t)n) != 0);
		done += (size_t)n;
	}
	if (t)
		t->ops->free(t);
	free(right);
	free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t before = data[1] % (size - 1);
	play(data + 2, size - 2, before < size - 2 ? before : 0,
	    data[0] % 16U + 1);
	return 0;
}
