// SPDX-License-Identifier: MIT
#include "orchestrator/journal_parts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

enum {
	CHUNK = 64 * 1024,
	GZIP_WINDOW = 15 + 16, /* zlib's way to say gzip */
	LEVEL = 3              /* fast: the batch waits for it */
};

char *journal_parts_path(const char *journal_path)
{
	return mem_try_printf("%s.gz-parts", journal_path);
}

bool journal_parts_exist(const char *journal_path)
{
	char *path = journal_parts_path(journal_path);
	struct stat st;
	bool exist = path && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		     st.st_size > 0;

	free(path);
	return exist;
}

/* ---------------------------------------------------------------- reading */

struct reader {
	z_stream z;
	int fd;
	bool is_torn; /* it ended inside of a member */
	bool is_over; /* or what follows is no member */
	off_t taken;  /* bytes of the file given to zlib */
	off_t good;   /* where the last whole member ends */
	unsigned char in[CHUNK];
};

static struct reader *reader_open(const char *path)
{
	struct reader *r = mem_try_calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd >= 0 && inflateInit2(&r->z, GZIP_WINDOW) == Z_OK)
		return r;
	fd_close(&r->fd);
	free(r);
	return NULL;
}

static void reader_close(struct reader *r)
{
	(void)inflateEnd(&r->z);
	fd_close(&r->fd);
	free(r);
}

/* A step of inflate; the bytes it gave. */
static size_t step(struct reader *r, char *out, size_t max)
{
	if (r->z.avail_in == 0) {
		ssize_t n = read(r->fd, r->in, sizeof(r->in));
		r->is_over = n <= 0;
		r->is_torn = n < 0 || (n == 0 && r->z.total_in > 0);
		if (n <= 0)
			return 0;
		r->z.next_in = r->in;
		r->z.avail_in = (unsigned)n;
		r->taken += n;
	}
	r->z.next_out = (unsigned char *)out;
	r->z.avail_out = (unsigned)max;
	int rc = inflate(&r->z, Z_NO_FLUSH);
	size_t given = max - r->z.avail_out;
	if (rc == Z_STREAM_END) {
		r->good = r->taken - (off_t)r->z.avail_in;
		rc = inflateReset(&r->z);
	}
	if (rc != Z_OK && rc != Z_BUF_ERROR)
		r->is_over = r->is_torn = true;
	return given;
}

static ssize_t cookie_read(void *cookie, char *out, size_t max)
{
	struct reader *r = cookie;
	size_t given = 0;

	while (given == 0 && !r->is_over)
		given = step(r, out, max);
	return given == 0 && r->is_torn ? -1 : (ssize_t)given;
}

static int cookie_close(void *cookie)
{
	reader_close(cookie);
	return 0;
}

FILE *journal_parts_open(const char *journal_path)
{
	const cookie_io_functions_t io = {
	    .read = cookie_read, .close = cookie_close};
	char *path = journal_parts_path(journal_path);
	struct reader *r = path ? reader_open(path) : NULL;
	FILE *in = r ? fopencookie(r, "r", io) : NULL;

	if (r && !in)
		reader_close(r);
	free(path);
	return in;
}

/* Where the last whole member ends. */
static off_t good_end(const char *path)
{
	struct reader *r = reader_open(path);
	char *out = mem_try_calloc(CHUNK, 1);
	off_t good = -1;

	while (r && out && !r->is_over)
		(void)step(r, out, CHUNK);
	if (r && out)
		good = r->good;
	free(out);
	if (r)
		reader_close(r);
	return good;
}

/* ---------------------------------------------------------------- writing */

/* Not through stdio: every failure counts. */
static int compress_into(int from, int to)
{
	unsigned char *in = mem_try_calloc(2, CHUNK);
	unsigned char *out = in ? in + CHUNK : NULL;
	z_stream z = {0};
	int flush = Z_NO_FLUSH, rc = -1;

	if (!in || deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
		       Z_DEFAULT_STRATEGY) != Z_OK)
		goto out;
	while (flush != Z_FINISH) {
		ssize_t n = read(from, in, CHUNK);
		if (n < 0)
			goto out;
		flush = n == 0 ? Z_FINISH : Z_NO_FLUSH;
		z.next_in = in;
		z.avail_in = (unsigned)n;
		do {
			z.next_out = out;
			z.avail_out = CHUNK;
			if (deflate(&z, flush) == Z_STREAM_ERROR ||
			    fd_write_all(to, out, CHUNK - z.avail_out) < 0)
				goto out;
		} while (z.avail_out == 0);
	}
	rc = 0;
out:
	(void)deflateEnd(&z); // says only that input was left
	free(in);
	return rc;
}

int journal_parts_add(const char *journal_path, struct error *err)
{
	char *path = journal_parts_path(journal_path);
	int from = open(journal_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int to = path && from >= 0 ? fd_open_private(path, 0, err) : -1;
	off_t good = to >= 0 ? good_end(path) : -1;
	int rc = -1;

	if (good >= 0 && ftruncate(to, good) == 0) {
		rc = compress_into(from, to);
		if (rc == 0)
			rc = fsync(to);
		if (rc < 0 && ftruncate(to, good) < 0)
			rc = -1; // the next one does it
	}
	if (rc < 0)
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot compress '%s'", journal_path);
	fd_close(&from);
	fd_close(&to);
	free(path);
	return rc;
}
