// SPDX-License-Identifier: MIT
#include "engine/io/stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/io/transport.h"

enum {
	FILE_LEN = 700 * 1000,
	ROOM = FILE_LEN + 1000
};

/* What a transport took, in pieces that are never the whole. */
struct mock {
	struct transport base;
	size_t len, calls, sent_by_file;
	size_t unfit_from; /* send_file refuses from this offset on */
	char taken[ROOM];
};

static size_t piece(struct mock *m, size_t len)
{
	static const size_t sizes[] = {1, 70000, 300, 262144};
	size_t most = sizes[m->calls++ % 4];

	return len < most ? len : most;
}

static ssize_t mock_write(struct transport *t, const struct iovec *parts,
    int count, struct error *err)
{
	struct mock *m = (struct mock *)t;
	size_t total = 0;

	(void)err;
	if (m->calls % 5 == 4) {
		m->calls++;
		return TRANSPORT_AGAIN;
	}
	for (int i = 0; i < count; i++) {
		size_t n = piece(m, parts[i].iov_len);
		cr_assert_leq(m->len + n, sizeof(m->taken));
		memcpy(m->taken + m->len, parts[i].iov_base, n);
		m->len += n;
		total += n;
		if (n < parts[i].iov_len)
			break;
	}
	return (ssize_t)total;
}

static ssize_t mock_send_file(struct transport *t, int fd, uint64_t offset,
    uint64_t len, struct error *err)
{
	struct mock *m = (struct mock *)t;
	size_t n = piece(m, (size_t)len);

	(void)err;
	if (offset >= m->unfit_from)
		return TRANSPORT_UNFIT;
	cr_assert_leq(m->len + n, sizeof(m->taken));
	cr_assert_eq(
	    pread(fd, m->taken + m->len, n, (off_t)offset), (ssize_t)n);
	m->len += n;
	m->sent_by_file += n;
	return (ssize_t)n;
}

static void mock_free(struct transport *t)
{
	(void)t;
}

/* Text, a file, a reference, the file again: all of it arrives in order. */
static void send_through(struct mock *m, const struct transport_ops *ops)
{
	struct error err = {.kind = ERROR_NONE};
	char *bytes = malloc(FILE_LEN), *wanted = malloc(ROOM);
	int fd = fd_open_spool(&err);

	cr_assert(bytes && wanted && fd >= 0);
	for (size_t i = 0; i < FILE_LEN; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	cr_assert_eq(fd_write_all(fd, bytes, FILE_LEN), 0);
	m->base = (struct transport){.ops = ops, .fd = -1};
	struct stream *s = stream_new(&m->base);
	stream_put(s, "begin ", 6);
	stream_put_file(s, fd, 100, FILE_LEN - 100);
	stream_put_ref(s, " middle ", 8);
	stream_put_file(s, fd, 0, 100);
	stream_put(s, " end", 4);
	for (int i = 0; stream_has_output(s); i++) {
		cr_assert_lt(i, 100000);
		cr_assert_eq(stream_flush(s, &err), 0);
	}
	memcpy(wanted, "begin ", 6);
	memcpy(wanted + 6, bytes + 100, FILE_LEN - 100);
	memcpy(wanted + 6 + FILE_LEN - 100, " middle ", 8);
	memcpy(wanted + 14 + FILE_LEN - 100, bytes, 100);
	memcpy(wanted + 14 + FILE_LEN, " end", 4);
	cr_assert_eq(m->len, FILE_LEN + 18);
	cr_assert_eq(memcmp(m->taken, wanted, m->len), 0);
	cr_assert_eq(stream_written(s), m->len);
	stream_free(s);
	fd_close(&fd);
	free(bytes);
	free(wanted);
}

Test(stream, sends_a_file_in_its_place)
{
	static const struct transport_ops seeing = {
	    .write = mock_write, .free = mock_free};

	static const struct transport_ops passing = {.write = mock_write,
	    .send_file = mock_send_file,
	    .free = mock_free};

	static const struct {
		const struct transport_ops *ops;
		size_t unfit_from, by_file;
	} rows[] = {
	    {&seeing, 0, 0},
	    {&passing, FILE_LEN, FILE_LEN},
	    {&passing, 0, 0},
	};
	struct mock *m = calloc(1, sizeof(*m));

	cr_assert_not_null(m);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(m, 0, sizeof(*m));
		m->unfit_from = rows[i].unfit_from;
		send_through(m, rows[i].ops);
		cr_assert_eq(m->sent_by_file, rows[i].by_file);
	}
	memset(m, 0, sizeof(*m));
	m->unfit_from = 50000; // in the middle of it
	send_through(m, &passing);
	cr_assert_gt(m->sent_by_file, 0);
	cr_assert_lt(m->sent_by_file, FILE_LEN);
	free(m);
}

Test(stream, tells_of_a_file_that_is_too_short)
{
	static const struct transport_ops ops = {.write = mock_write,
	    .send_file = mock_send_file,
	    .free = mock_free};
	struct mock *m = calloc(1, sizeof(*m));
	struct error err = {.kind = ERROR_NONE};
	int fd = fd_open_spool(&err);

	cr_assert(m && fd >= 0);
	m->base = (struct transport){.ops = &ops, .fd = -1};
	struct stream *s = stream_new(&m->base);
	stream_put_file(s, fd, 0, 10);
	cr_assert_eq(stream_flush(s, &err), -1);
	cr_assert_str_eq(err.reason, "local.disk");
	stream_free(s);
	fd_close(&fd);
	free(m);
}
