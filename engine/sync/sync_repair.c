// SPDX-License-Identifier: MIT
#include "engine/sync/sync_repair.h"

#include <string.h>

void sync_repair_init(
    struct sync_repair *r, unsigned what, sync_repair_put *put, void *context)
{
	r->what = what;
	r->put = put;
	r->context = context;
	r->has_changed = r->is_long = r->is_passed = false;
	r->is_first = r->in_header = true;
	r->crs = r->lead = r->line_len = 0;
}

static int put_line_end(struct sync_repair *r, struct error *err)
{
	return r->put(r->context, "\r\n", 2, err);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where a piece of at most `max` bytes ends: at the last blank, which a body
 * keeps on its line and a header takes to the next one; 0: there is none. */
static size_t blank_cut(const char *s, size_t max, bool in_header)
{
	for (size_t i = in_header ? max : max - 1; i > 0; i--)
		if (is_blank(s[i]))
			return in_header ? i : i + 1;
	return 0;
}

/* The same where there is no blank: before a byte that begins a character. */
static size_t hard_cut(const char *s, size_t max)
{
	enum {
		UTF8_TAIL_MAX = 3
	};

	size_t at = max;

	while (
	    at > max - UTF8_TAIL_MAX && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	return ((unsigned char)s[at] & 0xc0) == 0x80 ? max : at;
}

/* Sends one piece of a long line and its line end. */
static int put_piece(struct sync_repair *r, struct error *err)
{
	size_t max = SYNC_REPAIR_PIECE_MAX - r->lead;
	size_t at = blank_cut(r->line, max, r->in_header);
	bool is_hard = at == 0;

	if (is_hard)
		at = hard_cut(r->line, max);
	r->has_changed = true;
	if (r->put(r->context, r->line, at, err) < 0 ||
	    put_line_end(r, err) < 0)
		return -1;
	r->line_len -= at;
	memmove(r->line, r->line + at, r->line_len);
	// folding: the next line of a header begins with a blank
	r->lead = is_hard && r->in_header;
	return r->lead ? r->put(r->context, " ", 1, err) : 0;
}

/* The line has grown beyond the limit, or goes on after that. */
static int put_long(struct sync_repair *r, struct error *err)
{
	r->is_long = true;
	while (r->line_len > SYNC_REPAIR_PIECE_MAX)
		if (put_piece(r, err) < 0)
			return -1;
	return 0;
}

static int put_char(struct sync_repair *r, char c, struct error *err)
{
	r->line[r->line_len++] = c;
	if (!(r->what & SYNC_REPAIR_WRAP)) {
		if (r->line_len <= SYNC_REPAIR_LINE_MAX)
			return 0;
		size_t len = r->line_len;
		r->line_len = 0;
		r->is_passed = true;
		return r->put(r->context, r->line, len, err);
	}
	if (r->is_long ? r->line_len > SYNC_REPAIR_PIECE_MAX
		       : r->line_len > SYNC_REPAIR_LINE_MAX)
		return put_long(r, err);
	return 0;
}

static bool is_at_line_start(const struct sync_repair *r)
{
	return r->line_len == 0 && !r->is_passed && !r->is_long;
}

static int end_line(struct sync_repair *r, struct error *err)
{
	static const char from[] = "From ";
	bool is_first = r->is_first, is_empty = is_at_line_start(r);
	size_t len = r->line_len;
	bool is_whole = !r->is_passed && !r->is_long;

	r->is_first = r->is_passed = r->is_long = false;
	r->lead = r->line_len = 0;
	if (is_empty)
		r->in_header = false;
	if (is_first && is_whole && (r->what & SYNC_REPAIR_FROM_LINE) &&
	    len >= strlen(from) && memcmp(r->line, from, strlen(from)) == 0) {
		r->has_changed = true;
		return 0;
	}
	if (len > 0 && r->put(r->context, r->line, len, err) < 0)
		return -1;
	return put_line_end(r, err);
}

/* CRs that no LF follows. */
static int put_bare_crs(struct sync_repair *r, struct error *err)
{
	bool in_header = r->in_header;

	r->has_changed = true;
	for (; r->crs > 0; r->crs--)
		if (!in_header && end_line(r, err) < 0)
			return -1;
	return 0;
}

int sync_repair_feed(
    struct sync_repair *r, const char *bytes, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];
		if (c == '\r') {
			r->crs++;
			continue;
		}
		if (c == '\n') {
			r->has_changed |= r->crs != 1;
			r->crs = 0;
			if (end_line(r, err) < 0)
				return -1;
			continue;
		}
		if (r->crs > 0 && put_bare_crs(r, err) < 0)
			return -1;
		if (c == '\0') {
			c = (char)0x80;
			r->has_changed = true;
		}
		if (put_char(r, c, err) < 0)
			return -1;
	}
	return 0;
}

int sync_repair_finish(struct sync_repair *r, struct error *err)
{
	// what is sent ends with a line end
	if (r->crs > 0 || !is_at_line_start(r)) {
		r->has_changed = true;
		r->crs = 0;
		return end_line(r, err);
	}
	return 0;
}
