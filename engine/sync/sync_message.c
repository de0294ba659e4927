// SPDX-License-Identifier: MIT
#include "engine/sync/sync_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_quote.h"

enum {
	FLAGS_MAX_BYTES = 16 * 1024,
	FLAG_MAX_BYTES = 255,
	KEY_WINDOW_BYTES = 256 * 1024 /* of a spooled body: its header */
};

struct sync_message *sync_message_new(
    uint64_t expected, bool spool, enum job_long_lines rule, struct error *err)
{
	int fd = -1;

	if (spool) {
		fd = fd_open_spool(err);
		if (fd < 0)
			return NULL;
	}
	struct sync_message *m = mem_calloc(1, sizeof(*m));
	m->spool_fd = fd;
	m->expected = expected;
	m->rule = rule;
	m->flags = mem_strdup("");
	if (!spool)
		m->body = mem_alloc((size_t)expected + 2); // and a line end
	return m;
}

void sync_message_free(struct sync_message *m)
{
	if (!m)
		return;
	fd_close(&m->spool_fd);
	free(m->flags);
	free(m->body);
	free(m);
}

static int put(
    struct sync_message *m, const char *bytes, size_t len, struct error *err)
{
	if (len == 0)
		return 0;
	if (m->spool_fd >= 0) {
		if (fd_write_all(m->spool_fd, bytes, len) < 0)
			return error_set_errno(err, ERROR_OS, "local.disk",
			    "cannot write the spool file of a large message");
	} else {
		// cutting only shortens, so what was announced is enough
		bug_if(m->bytes + len > m->expected + 2);
		memcpy(m->body + m->bytes, bytes, len);
	}
	m->bytes += len;
	m->last = bytes[len - 1];
	return 0;
}

/* One line's part without its LF. A CR at its end belongs to the line end, so
 * it is held back until the next byte tells. */
static int put_line_part(
    struct sync_message *m, const char *bytes, size_t len, struct error *err)
{
	if (len == 0)
		return 0;
	if (m->cr_pending) {
		m->cr_pending = false;
		if (m->line_len < SYNC_MESSAGE_LINE_MAX &&
		    put(m, "\r", 1, err) < 0)
			return -1;
		m->line_over |= m->line_len >= SYNC_MESSAGE_LINE_MAX;
		m->line_len++;
	}
	if (bytes[len - 1] == '\r') {
		m->cr_pending = true;
		len--;
	}
	size_t room = m->line_len < SYNC_MESSAGE_LINE_MAX
			  ? SYNC_MESSAGE_LINE_MAX - m->line_len
			  : 0;
	size_t keep = len < room ? len : room;
	m->line_over |= len > room;
	m->line_len += len;
	return put(m, bytes, keep, err);
}

static int put_line_end(struct sync_message *m, struct error *err)
{
	const char *end = m->cr_pending ? "\r\n" : "\n";

	m->long_lines += m->line_over;
	m->line_over = m->cr_pending = false;
	m->line_len = 0;
	return put(m, end, strlen(end), err);
}

/* Length of the whole lines at the front that need no cut: the usual case, put
 * in one piece. */
static size_t clean_lines(
    const struct sync_message *m, const char *bytes, size_t len)
{
	size_t done = 0, before = m->line_len;

	if (m->line_over || m->cr_pending)
		return 0;
	for (;;) {
		const char *lf = memchr(bytes + done, '\n', len - done);
		if (!lf)
			return done;
		size_t line = before + (size_t)(lf - (bytes + done));
		if (line > SYNC_MESSAGE_LINE_MAX)
			return done; // or one CR more: the slow path knows
		done = (size_t)(lf - bytes) + 1;
		before = 0;
	}
}

static int cut_lines(
    struct sync_message *m, const char *bytes, size_t len, struct error *err)
{
	while (len > 0) {
		size_t n = clean_lines(m, bytes, len);
		if (n > 0) {
			m->line_len = 0;
			if (put(m, bytes, n, err) < 0)
				return -1;
		} else {
			const char *lf = memchr(bytes, '\n', len);
			n = lf ? (size_t)(lf - bytes) : len;
			if (put_line_part(m, bytes, n, err) < 0 ||
			    (lf && put_line_end(m, err) < 0))
				return -1;
			n += lf != NULL;
		}
		bytes += n;
		len -= n;
	}
	return 0;
}

/* Only counts: the long lines are kept, or the message is left out. */
static void count_lines(struct sync_message *m, const char *bytes, size_t len)
{
	while (len > 0) {
		const char *lf = memchr(bytes, '\n', len);
		size_t n = lf ? (size_t)(lf - bytes) : len;
		m->line_len += n;
		if (lf) {
			bool cr = n > 0 ? lf[-1] == '\r' : m->cr_pending;
			m->long_lines +=
			    m->line_len - cr > SYNC_MESSAGE_LINE_MAX;
			m->line_len = 0;
		}
		m->cr_pending = !lf && bytes[len - 1] == '\r';
		n += lf != NULL;
		bytes += n;
		len -= n;
	}
}

int sync_message_add(
    struct sync_message *m, const char *bytes, size_t len, struct error *err)
{
	if (m->rule == JOB_LONG_LINES_TRUNCATE)
		return cut_lines(m, bytes, len, err);
	count_lines(m, bytes, len);
	return put(m, bytes, len, err);
}

int sync_message_finish(struct sync_message *m, struct error *err)
{
	if (m->rule == JOB_LONG_LINES_TRUNCATE) {
		m->long_lines += m->line_over;
		if (m->cr_pending && put(m, "\r", 1, err) < 0)
			return -1;
	} else {
		m->long_lines += m->line_len > SYNC_MESSAGE_LINE_MAX;
	}
	if (m->bytes > 0 && m->last == '\n')
		return 0;
	m->line_end_added = true;
	return put(m, "\r\n", 2, err);
}

/* A system flag that a client may set (RFC 3501 2.3.2). */
static bool is_settable(struct imap_str flag)
{
	return imap_str_is(flag, "\\Seen") || imap_str_is(flag, "\\Answered") ||
	       imap_str_is(flag, "\\Flagged") || imap_str_is(flag, "\\Draft");
}

bool sync_message_set_flags(struct sync_message *m, struct imap_str flags)
{
	struct imap_cursor c = {flags.s, flags.s + flags.len};
	struct imap_str flag;
	struct buf kept;
	bool alive = true;

	buf_init(&kept, FLAGS_MAX_BYTES);
	for (;;) {
		(void)imap_space(&c);
		if (imap_at_end(&c))
			break;
		if (!imap_atom(&c, &flag)) {
			m->flags_dropped++; // a string or a list is no flag
			if (!imap_skip(&c))
				break;
			continue;
		}
		bool is_keyword = flag.s[0] != '\\' &&
				  flag.len <= FLAG_MAX_BYTES &&
				  imap_quote_is_atom(flag.s, flag.len);
		if (imap_str_is(flag, "\\Deleted"))
			alive = false;
		else if (imap_str_is(flag, "\\Recent"))
			continue; // the server's own
		else if ((!is_keyword && !is_settable(flag)) ||
			 buf_printf(&kept, "%s%.*s", kept.len ? " " : "",
			     (int)flag.len, flag.s) < 0)
			m->flags_dropped++;
	}
	free(m->flags);
	m->flags = buf_detach(&kept);
	buf_release(&kept);
	return alive;
}

bool sync_message_set_date(struct sync_message *m, struct imap_str date)
{
	struct imap_date d;

	if (!date.s || !imap_date_parse(date.s, date.len, &d) ||
	    !imap_date_format(&d, m->date)) {
		m->date[0] = '\0';
		return false;
	}
	return true;
}

int sync_message_key(
    const struct sync_message *m, struct sync_key *out, struct error *err)
{
	if (m->spool_fd < 0) {
		sync_identity_of_message(m->body, (size_t)m->bytes, out);
		return 0;
	}
	char *window = mem_alloc(KEY_WINDOW_BYTES);
	ssize_t n = pread(m->spool_fd, window, KEY_WINDOW_BYTES, 0);
	if (n >= 0)
		sync_identity_of_message(window, (size_t)n, out);
	else
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot read back a spooled message");
	free(window);
	return n >= 0 ? 0 : -1;
}
