// SPDX-License-Identifier: MIT
/* Compression over a line that is played from memory: F034, F035, F036. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/io/stream.h"
#include "engine/io/transport.h"

enum {
	MANY = 256 * 1024 * 1024
};

/* What lies below: gives `input` in pieces, takes `most` bytes of output at
 * every other call. */
struct line {
	struct transport base;
	const char *input;
	size_t input_len, input_at;
	size_t split;  /* first piece; the rest in pieces of `piece` */
	size_t piece;  /* 0: all */
	bool is_loop;  /* begins again at the end */
	bool has_more; /* at the end: nothing now, instead of the end */
	unsigned reads;
	struct buf output;
	size_t most; /* 0: all, always */
	bool refused;
};

static ssize_t line_read(
    struct transport *t, void *to, size_t len, struct error *err)
{
	struct line *l = (struct line *)t;

	(void)err;
	l->reads++;
	if (l->input_at == l->input_len && l->is_loop)
		l->input_at = 0;
	size_t n = l->input_len - l->input_at;
	if (n == 0)
		return l->has_more ? TRANSPORT_AGAIN : 0;
	if (l->input_at < l->split)
		n = l->split - l->input_at;
	else if (l->piece && n > l->piece)
		n = l->piece;
	if (n > len)
		n = len;
	memcpy(to, l->input + l->input_at, n);
	l->input_at += n;
	return (ssize_t)n;
}

static ssize_t line_write(struct transport *t, const struct iovec *parts,
    int count, struct error *err)
{
	struct line *l = (struct line *)t;
	size_t n = parts[0].iov_len;

	(void)err;
	cr_assert_eq(count, 1);
	if (l->most) {
		l->refused = !l->refused;
		if (l->refused)
			return TRANSPORT_AGAIN;
		n = n < l->most ? n : l->most;
	}
	cr_assert_eq(buf_append(&l->output, parts[0].iov_base, n), 0);
	return (ssize_t)n;
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
	struct line *l = (struct line *)t;

	buf_release(&l->output);
	free(l);
}

static const struct transport_ops line_ops = {
    .read = line_read,
    .write = line_write,
    .events = line_events,
    .has_pending = line_has_pending,
    .free = line_free,
};

static struct line *line_new(const char *input, size_t len)
{
	struct line *l = mem_calloc(1, sizeof(*l));

	l->base = (struct transport){.ops = &line_ops, .fd = -1};
	l->input = input;
	l->input_len = len;
	buf_init(&l->output, MANY);
	return l;
}

/* Raw deflate with a flush after every `flush_every` bytes. */
static void pack(
    struct buf *out, const char *bytes, size_t len, size_t flush_every)
{
	z_stream z = {0};

	buf_init(out, MANY);
	cr_assert_eq(
	    deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (size_t at = 0; at < len;) {
		size_t n = len - at < flush_every ? len - at : flush_every;
		size_t most = n + n / 2 + 100;
		z.next_in = (Bytef *)(uintptr_t)(bytes + at);
		z.avail_in = (uInt)n;
		z.next_out = (Bytef *)buf_reserve(out, most);
		z.avail_out = (uInt)most;
		cr_assert_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
		buf_added(out, most - z.avail_out);
		at += n;
	}
	(void)deflateEnd(&z);
}

/* What the peer could read from so many compressed bytes. */
static void unpack(struct buf *out, const char *bytes, size_t len)
{
	z_stream z = {0};

	buf_init(out, MANY);
	cr_assert_eq(inflateInit2(&z, -15), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)bytes;
	z.avail_in = (uInt)len;
	do {
		z.next_out = (Bytef *)buf_reserve(out, 65536);
		z.avail_out = 65536;
		int rc = inflate(&z, Z_SYNC_FLUSH);
		cr_assert(rc == Z_OK || rc == Z_BUF_ERROR);
		buf_added(out, 65536 - z.avail_out);
	} while (z.avail_out == 0);
	(void)inflateEnd(&z);
}

/* Reads to the end, `window` bytes at most a time; the last return value. */
static ssize_t read_all(
    struct transport *t, struct buf *out, size_t window, struct error *err)
{
	char bytes[4096];
	ssize_t n;

	buf_init(out, MANY);
	do {
		n = t->ops->read(t, bytes, window, err);
		if (n > 0)
			cr_assert_eq(buf_append(out, bytes, (size_t)n), 0);
	} while (n > 0 || n == TRANSPORT_AGAIN);
	return n;
}

/* Text that compresses, without being all the same. */
static char *text_of(size_t len)
{
	char *text = mem_alloc(len + 1);
	unsigned state = 1;

	for (size_t i = 0; i < len; i++) {
		state = state * 1103515245 + 12345;
		text[i] = "* OK FETCH {42}\r\n"[(state >> 16) % 17];
	}
	text[len] = '\0';
	return text;
}

static char *noise_of(size_t len)
{
	char *noise = mem_alloc(len + 1);
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < len; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		noise[i] = (char)(state >> 32);
	}
	noise[len] = '\0';
	return noise;
}

static struct transport *over(struct line *l, const void *received, size_t len)
{
	struct error err = {0};
	struct transport *t =
	    transport_deflate_new(&l->base, received, len, &err);

	cr_assert_not_null(t, "%s", err.text);
	return t;
}

Test(transport_deflate, reads_the_same_at_every_split)
{
	char *text = text_of(700);
	struct error err = {0};
	struct buf packed, got;

	pack(&packed, text, 700, 90);
	for (size_t split = 0; split <= packed.len; split++) {
		struct line *l = line_new(packed.data, packed.len);
		l->split = split;
		struct transport *t = over(l, NULL, 0);
		cr_assert_eq(read_all(t, &got, 64, &err), 0, "%s", err.text);
		cr_assert_eq(got.len, 700);
		cr_assert_arr_eq(got.data, text, 700);
		buf_release(&got);
		t->ops->free(t);
	}
	buf_release(&packed);
	free(text);
}

Test(transport_deflate, reads_by_the_byte)
{
	char *text = text_of(5000);
	struct error err = {0};
	struct buf packed, got;

	pack(&packed, text, 5000, 1000);
	struct line *l = line_new(packed.data, packed.len);
	l->piece = 1;
	struct transport *t = over(l, NULL, 0);
	cr_assert_eq(read_all(t, &got, 1, &err), 0, "%s", err.text);
	cr_assert_eq(got.len, 5000);
	cr_assert_arr_eq(got.data, text, 5000);
	buf_release(&got);
	t->ops->free(t);
	buf_release(&packed);
	free(text);
}

Test(transport_deflate, goes_on_with_what_came_already)
{
	char *text = text_of(100000);
	struct error err = {0};
	struct buf packed, got;

	pack(&packed, text, 100000, 30000);
	for (size_t first = 0; first <= packed.len; first += 61) {
		struct line *l = line_new(packed.data, packed.len);
		l->input_at = first;
		struct transport *t = over(l, packed.data, first);
		cr_assert_eq(t->ops->has_pending(t), first > 0);
		cr_assert_eq(read_all(t, &got, 4096, &err), 0, "%s", err.text);
		cr_assert_eq(got.len, 100000);
		cr_assert_arr_eq(got.data, text, 100000);
		buf_release(&got);
		t->ops->free(t);
	}
	buf_release(&packed);
	free(text);
}

/* Nothing is to be waited for while zlib still has something. */
Test(transport_deflate, says_that_input_waits_inside)
{
	char window[64], *text = text_of(10000);
	struct error err = {0};
	struct buf packed;
	size_t got = 0;

	memset(text, 'x', 10000);
	pack(&packed, text, 10000, 10000);
	struct line *l = line_new(packed.data, packed.len);
	l->has_more = true;
	struct transport *t = over(l, NULL, 0);
	cr_assert_not(t->ops->has_pending(t));
	do {
		ssize_t n = t->ops->read(t, window, sizeof(window), &err);
		if (n == TRANSPORT_AGAIN)
			break;
		cr_assert_gt(n, 0);
		got += (size_t)n;
	} while (t->ops->has_pending(t));
	cr_assert_eq(got, 10000);
	cr_assert_eq(l->reads <= 2, true);
	t->ops->free(t);
	buf_release(&packed);
	free(text);
}

/* F034: what comes out is asked for, piece by piece. */
Test(transport_deflate, gives_a_bomb_out_by_the_window)
{
	const size_t len = 64 * 1024 * 1024;
	char *zeros = mem_calloc(1, len), window[4096];
	struct error err = {0};
	struct buf packed;
	size_t got = 0;
	ssize_t n;

	pack(&packed, zeros, len, len);
	cr_assert_lt(packed.len, len / 900);
	struct line *l = line_new(packed.data, packed.len);
	struct transport *t = over(l, NULL, 0);
	while ((n = t->ops->read(t, window, sizeof(window), &err)) != 0) {
		cr_assert(n > 0 || n == TRANSPORT_AGAIN);
		got += n > 0 ? (size_t)n : 0;
	}
	cr_assert_eq(got, len);
	t->ops->free(t);
	buf_release(&packed);
	free(zeros);
}

/* F035 */
Test(transport_deflate, names_compression_when_it_is_none)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
	    {"\xff\xff\xff\xff\xff\xff", 6}, {"\x07garbage", 8},
	    {"a1 OK not compressed\r\n", 22},
	    {"* LIST () \"/\" INBOX\r\n* LIST () \"/\" Sent\r\nb2 OK\r\n", 49},
	    {"\x78\x9c\x4b\x4c\x4a\x4e\x49\x4d\x4b\x07", 10}, /* zlib */
	    {"\x1f\x8b\x08\0\0\0\0\0", 8},                    /* gzip */
	    {"\x00\x05", 2},                                  /* cut short */
	    {"\x03\x00", 2}, /* an end, and nothing before */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = {0};
		struct buf got;
		struct line *l = line_new(rows[i].bytes, rows[i].len);
		struct transport *t = over(l, NULL, 0);
		cr_assert_eq(read_all(t, &got, 4096, &err), -1, "row %zu", i);
		cr_assert_eq(err.kind, ERROR_PROTOCOL, "row %zu", i);
		cr_assert_not_null(strstr(err.text, "COMPRESS"), "row %zu", i);
		buf_release(&got);
		t->ops->free(t);
	}
}

Test(transport_deflate, tells_an_end_between_blocks_from_one_inside)
{
	char *text = text_of(3000);
	struct buf packed, got;

	pack(&packed, text, 3000, 3000);
	for (size_t len = 0; len <= packed.len; len++) {
		struct error err = {0};
		struct line *l = line_new(packed.data, len);
		struct transport *t = over(l, NULL, 0);
		ssize_t rc = read_all(t, &got, 4096, &err);
		bool is_whole = len == 0 || len == packed.len;
		cr_assert(!is_whole || rc == 0, "%zu: %s", len, err.text);
		// in the last bytes, the flush, all of the content was there
		cr_assert(is_whole || rc == -1 || got.len == 3000, "%zu", len);
		if (rc == -1 && got.len > 0)
			cr_assert_eq(err.kind, ERROR_IO);
		else if (rc == -1)
			cr_assert_eq(err.kind, ERROR_PROTOCOL);
		buf_release(&got);
		t->ops->free(t);
	}
	buf_release(&packed);
	free(text);
}

/* F036: every call comes back, and it has an end. */
Test(transport_deflate, ends_a_stream_of_blocks_without_content)
{
	static const char empty[] = {0, 0, 0, '\xff', '\xff'};
	struct error err = {0};
	char window[100];
	unsigned calls = 0;
	ssize_t n;

	struct line *l = line_new(empty, sizeof(empty));
	l->is_loop = true;
	struct transport *t = over(l, NULL, 0);
	while ((n = t->ops->read(t, window, sizeof(window), &err)) ==
	       TRANSPORT_AGAIN) {
		calls++;
		cr_assert_eq(l->reads, calls);
		cr_assert_not(t->ops->has_pending(t));
		cr_assert_lt(calls, 1000000);
	}
	cr_assert_eq(n, -1);
	cr_assert_eq(err.kind, ERROR_IO);
	cr_assert_not_null(strstr(err.text, "COMPRESS"));
	t->ops->free(t);
}

/* A block must fit, whatever is in it and however it is cut. */
Test(transport_deflate, writes_what_cannot_be_compressed)
{
	const size_t len = 400 * 1000;
	char *noise = noise_of(len);
	struct error err = {0};
	struct buf got;
	size_t at = 0;

	struct line *l = line_new(NULL, 0);
	struct transport *t = over(l, NULL, 0);
	for (size_t size = 1; at < len; size = size * 5 / 4 + 1) {
		struct iovec parts[64];
		int count = 0;
		size_t end = at;
		while (count < 64 && end < len) {
			size_t n = size < len - end ? size : len - end;
			parts[count++] = (struct iovec){noise + end, n};
			end += n;
		}
		ssize_t n = t->ops->write(t, parts, count, &err);
		cr_assert_gt(n, 0);
		at += (size_t)n;
	}
	unpack(&got, l->output.data, l->output.len);
	cr_assert_eq(got.len, len);
	cr_assert_eq(memcmp(got.data, noise, len), 0);
	buf_release(&got);
	t->ops->free(t);
	free(noise);
}

/* What counts as written, the peer can read, and all of it in the end; more
 * than what was begun it cannot read. */
static void check_written(struct stream *s, const struct line *l,
    const char *bytes, size_t len, bool last)
{
	struct buf got;

	unpack(&got, l->output.data, l->output.len);
	cr_assert_geq(got.len, stream_written(s));
	cr_assert_leq(got.len, stream_begun(s));
	cr_assert_leq(stream_begun(s), len);
	cr_assert_eq(memcmp(got.data, bytes, got.len), 0);
	if (last)
		cr_assert_eq(got.len, len);
	buf_release(&got);
}

Test(transport_deflate, counts_written_bytes_exactly)
{
	enum {
		SMALL = 1000,
		REF = 90000,
		SPOOLED = 300000,
		ALL = SMALL + REF + SPOOLED + SMALL
	};

	char *text = text_of(ALL);
	struct error err = {0};
	FILE *file = tmpfile();

	cr_assert_eq(fwrite(text, 1, ALL, file), ALL);
	cr_assert_eq(fflush(file), 0);
	struct line *l = line_new(NULL, 0);
	l->most = 2000;
	struct stream *s = stream_new(&l->base);
	cr_assert_eq(stream_start_deflate(s, &err), 0);
	stream_put(s, text, SMALL);
	stream_put_ref(s, text + SMALL, REF);
	stream_put_file(s, fileno(file), SMALL + REF, SPOOLED);
	cr_assert_eq(stream_flush(s, &err), 0);
	cr_assert_eq(stream_written(s), 0); // all was AGAIN
	cr_assert_eq(stream_begun(s), 0);
	stream_put(s, text + SMALL + REF + SPOOLED, SMALL);
	cr_assert_eq(stream_queued(s), ALL);
	while (stream_has_output(s)) {
		cr_assert_eq(stream_flush(s, &err), 0, "%s", err.text);
		check_written(s, l, text, ALL, false);
	}
	cr_assert_eq(stream_written(s), ALL);
	check_written(s, l, text, ALL, true);
	cr_assert_lt(l->output.len, ALL);
	(void)fclose(file);
	stream_free(s);
	free(text);
}

Test(transport_deflate, takes_the_streams_window_over)
{
	static const char ok[] = "a1 OK go\r\n";
	struct error err = {0};
	struct buf packed, all;
	size_t len = 0;

	pack(&packed, "* hello\r\n", 9, 9);
	buf_init(&all, 1000);
	cr_assert_eq(buf_puts(&all, ok), 0);
	cr_assert_eq(buf_append(&all, packed.data, packed.len), 0);
	struct line *l = line_new(all.data, all.len);
	struct stream *s = stream_new(&l->base);
	cr_assert_eq(stream_fill(s, &err), 1);
	stream_consume(s, sizeof(ok) - 1);
	cr_assert_eq(stream_start_deflate(s, &err), 0);
	(void)stream_input(s, &len);
	cr_assert_eq(len, 0);
	cr_assert_eq(stream_fill(s, &err), 1);
	const char *input = stream_input(s, &len);
	cr_assert_eq(len, 9);
	cr_assert_arr_eq(input, "* hello\r\n", 9);
	stream_free(s);
	buf_release(&packed);
	buf_release(&all);
}
