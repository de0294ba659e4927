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
#include "engine/base/step.h"
#include "engine/imap/imap_quote.h"
#include "engine/sync/sync_repair.h"

enum {
	FLAGS_MAX_BYTES = 16 * 1024,
	FLAG_MAX_BYTES = 255,
	KEY_WINDOW_BYTES = 256 * 1024, /* of a spooled body: its header */
	REPAIR_WINDOW_BYTES = 64 * 1024
};

struct sync_message *sync_message_new(
    uint64_t expected, bool spool, enum job_long_lines rule, struct error *err)
{
	int fd = -1;

	if (spool) {
		fd = fd_open_spool(err);
		step_point("spool.opened");
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
	free(m->first_words);
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

/* Length of the whole lines at the front that are not long, CR and all: the
 * usual case. Of what no long line can hold, only the last line end counts. */
static size_t short_lines(
    const struct sync_message *m, const char *bytes, size_t len)
{
	size_t done = 0, before = m->line_len;

	while (before <= SYNC_MESSAGE_LINE_MAX) {
		size_t room = SYNC_MESSAGE_LINE_MAX + 1 - before;
		size_t left = len - done;
		const char *lf =
		    memrchr(bytes + done, '\n', left < room ? left : room);
		if (!lf)
			break; // or one CR more: the slow path knows
		done = (size_t)(lf - bytes) + 1;
		before = 0;
	}
	return done;
}

static int cut_lines(
    struct sync_message *m, const char *bytes, size_t len, struct error *err)
{
	while (len > 0) {
		size_t n = m->line_over || m->cr_pending
			       ? 0
			       : short_lines(m, bytes, len);
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
		size_t done = short_lines(m, bytes, len);
		if (done > 0) {
			m->line_len = 0;
			m->cr_pending = false;
			bytes += done;
			len -= done;
			continue;
		}
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
		bool is_full = m->line_len >= SYNC_MESSAGE_LINE_MAX;
		m->long_lines += m->line_over || (m->cr_pending && is_full);
		if (m->cr_pending && !is_full && put(m, "\r", 1, err) < 0)
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

/* The start of the body, of a spooled one in `*window_out`, to be freed. */
static const char *body_start(const struct sync_message *m, size_t *len_out,
    char **window_out, struct error *err)
{
	*window_out = NULL;
	*len_out = (size_t)m->bytes;
	if (m->spool_fd < 0)
		return m->body;
	char *window = mem_alloc(KEY_WINDOW_BYTES);
	ssize_t n = fd_read_at(m->spool_fd, window, KEY_WINDOW_BYTES, 0);
	if (n < 0) {
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot read back a spooled message");
		free(window);
		return NULL;
	}
	*len_out = (size_t)n;
	*window_out = window;
	return window;
}

int sync_message_key(
    const struct sync_message *m, struct sync_key *out, struct error *err)
{
	size_t len = 0;
	char *window = NULL;
	const char *start = body_start(m, &len, &window, err);

	if (!start)
		return -1;
	sync_identity_of_message(start, len, out);
	free(window);
	return 0;
}

void sync_message_id(const struct sync_message *m, char *out, size_t max)
{
	size_t len = 0;
	char *window = NULL;
	struct error ignored;
	const char *start = body_start(m, &len, &window, &ignored);

	out[0] = '\0';
	if (start)
		sync_identity_message_id(start, len, out, max);
	free(window);
}

/* ------------------------------------------------------------ repair */

/* Where a repaired body goes; neither: it is only measured. */
struct repaired {
	char *body;
	int fd;
	uint64_t bytes;
};

static int put_repaired(
    void *context, const char *bytes, size_t len, struct error *err)
{
	struct repaired *to = context;

	if (to->fd >= 0 && fd_write_all(to->fd, bytes, len) < 0)
		return error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot write the spool file of a large message");
	if (to->body)
		memcpy(to->body + to->bytes, bytes, len);
	to->bytes += len;
	return 0;
}

static int feed_spool(
    const struct sync_message *m, struct sync_repair *r, struct error *err)
{
	char *window = mem_alloc(REPAIR_WINDOW_BYTES);
	uint64_t at = 0;
	int rc = 0;

	while (rc == 0 && at < m->bytes) {
		ssize_t n = fd_read_at(
		    m->spool_fd, window, REPAIR_WINDOW_BYTES, (off_t)at);
		if (n < 0)
			rc = error_set_errno(err, ERROR_OS, "local.disk",
			    "cannot read back a spooled message");
		else if (n == 0)
			rc = error_set(err, ERROR_OS, "local.disk",
			    "the spool file of a large message is too short");
		else
			rc = sync_repair_feed(r, window, (size_t)n, err);
		at += n > 0 ? (uint64_t)n : 0;
	}
	free(window);
	return rc;
}

/* 1 changed, 0 the same, -1. */
static int run_repair(const struct sync_message *m, unsigned what,
    struct repaired *to, struct error *err)
{
	struct sync_repair *r = mem_alloc(sizeof(*r));

	sync_repair_init(r, what, put_repaired, to);
	int rc = m->spool_fd >= 0
		     ? feed_spool(m, r, err)
		     : sync_repair_feed(r, m->body, (size_t)m->bytes, err);
	if (rc == 0)
		rc = sync_repair_finish(r, err);
	if (rc == 0)
		rc = r->has_changed;
	free(r);
	return rc;
}

/* Makes the repaired body; `to` holds it when the result is 1. */
static int make_repaired(const struct sync_message *m, unsigned what,
    struct repaired *to, struct error *err)
{
	*to = (struct repaired){.fd = -1};
	int rc = run_repair(m, what, to, err); // measures
	if (rc != 1)
		return rc;
	if (m->spool_fd < 0)
		to->body = mem_alloc((size_t)to->bytes + 1);
	else if ((to->fd = fd_open_spool(err)) < 0)
		return -1;
	to->bytes = 0;
	return run_repair(m, what, to, err);
}

enum sync_message_repair sync_message_repair(
    struct sync_message *m, unsigned what, struct error *err)
{
	struct sync_message other = *m;
	struct sync_key before, after;
	struct repaired to;
	int rc = make_repaired(m, what, &to, err);

	if (rc == 0)
		return SYNC_MESSAGE_REPAIR_NONE;
	other.body = to.body;
	other.spool_fd = to.fd;
	other.bytes = to.bytes;
	if (rc == 1 && (sync_message_key(m, &before, err) < 0 ||
			   sync_message_key(&other, &after, err) < 0))
		rc = -1;
	bool is_same = rc == 1 && memcmp(&before, &after, sizeof(before)) == 0;
	if (!is_same) {
		free(to.body);
		fd_close(&to.fd);
		return rc < 0 ? SYNC_MESSAGE_REPAIR_FAILED
			      : SYNC_MESSAGE_REPAIR_OTHER;
	}
	free(m->body);
	fd_close(&m->spool_fd);
	m->body = to.body;
	m->spool_fd = to.fd;
	m->bytes = to.bytes;
	return SYNC_MESSAGE_REPAIR_DONE;
}
