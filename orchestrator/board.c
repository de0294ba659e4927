// SPDX-License-Identifier: MIT
#include "orchestrator/board.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/text.h"
#include "orchestrator/columns.h"
#include "orchestrator/snapshot.h"

enum {
	NARROW = 60, /* columns below which only the most needed is shown */
	BAR_MIN = 8,
	BAR_MAX = 30,
	TEXT_BYTES = 4 * BOARD_COLUMNS_MAX,
	PERCENT = 100
};

static const char bold[] = "\x1b[1m", dim[] = "\x1b[2m", plain[] = "\x1b[0m";

static size_t add(char *out, size_t used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t add(char *out, size_t used, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(out + used, TEXT_BYTES - used, format, args);
	va_end(args);
	if (n < 0)
		return used;
	return (size_t)n < TEXT_BYTES - used ? used + (size_t)n
					     : TEXT_BYTES - 1;
}

static void to_ascii(char *s)
{
	char *to = s;

	for (; *s; s++)
		if ((*s & 0x80) == 0)
			*to++ = *s;
		else if (((unsigned char)*s & 0xc0) == 0xc0)
			*to++ = '?';
	*to = '\0';
}

/* Takes a line, cut to the window. */
static void put(
    struct board *b, const struct board_view *v, char *text, const char *style)
{
	char *line = b->lines[b->count];
	size_t used = 0;

	if (!v->is_utf8)
		to_ascii(text);
	if (v->has_colour && style) {
		used = strlen(style);
		memcpy(line, style, used);
	}
	b->widths[b->count] = columns_cut(text, strlen(text), v->columns - 1,
	    line + used, BOARD_LINE_BYTES - used - sizeof(plain));
	if (used > 0)
		memcpy(line + strlen(line), plain, sizeof(plain));
	b->count++;
}

/* Strings of strangers, which may hold anything: made fit and padded. */
static size_t add_name(char *out, size_t used, const char *name, size_t columns)
{
	char safe[TEXT_BYTES], cut[TEXT_BYTES];
	size_t width;

	// a record is escaped already; escaping again would double its "\\"
	size_t n = 0;
	for (; n < sizeof(safe) - 1 && name[n]; n++)
		safe[n] = (char)((unsigned char)name[n] < ' ' || name[n] == 0x7f
				     ? '?'
				     : name[n]);
	safe[n] = '\0';
	width = columns_cut(safe, n, columns, cut, sizeof(cut));
	return add(out, used, "%s%*s", cut, (int)(columns - width), "");
}

static unsigned percent(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return 0;
	return part >= whole
		   ? PERCENT
		   : (unsigned)((double)part * PERCENT / (double)whole);
}

static size_t add_bar(
    char *out, size_t used, size_t width, const struct snapshot *s)
{
	char bar[BAR_MAX + 1];
	size_t full = s->total ? s->done * width / s->total : width;

	for (size_t i = 0; i < width; i++)
		bar[i] = (char)(i < full ? '#' : ' ');
	if (full > 0 && full < width)
		bar[full] = '>';
	bar[width] = '\0';
	return add(out, used, "[%s] ", bar);
}

static void head(
    struct board *b, const struct board_view *v, const struct snapshot *s)
{
	bool narrow = v->columns < NARROW;
	const char *gap = narrow ? " " : "   ";
	char text[TEXT_BYTES], stats[TEXT_BYTES], speed[32], left[32];
	size_t used = 0, stats_used = 0;

	stats_used = add(stats, 0, "%zu/%zu %u %%%s%s/s", s->done, s->total,
	    s->total ? percent(s->done, s->total) : PERCENT, gap,
	    text_bytes(s->rate, speed, sizeof(speed)));
	if (s->eta_by)
		stats_used = add(stats, stats_used, "%sETA %s%s%s%s", gap,
		    snapshot_duration(s->eta_seconds, left, sizeof(left)),
		    narrow ? "" : " (by ", narrow ? "" : s->eta_by,
		    narrow ? "" : ")");
	used = add(text, 0, "%.*s ", narrow ? 16 : 40, s->plan);
	if (s->pass)
		used = add(text, used, "%.16s ", s->pass);
	if (strcmp(s->stage, "run") != 0)
		used = add(text, used, "%s ", s->stage);
	if (used + stats_used + 3 + BAR_MIN < v->columns) {
		size_t room = v->columns - used - stats_used - 4;
		used = add_bar(text, used, room < BAR_MAX ? room : BAR_MAX, s);
	}
	(void)add(text, used, "%s", stats);
	put(b, v, text, bold);
}

static void counts(
    struct board *b, const struct board_view *v, const struct snapshot *s)
{
	char text[TEXT_BYTES];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->class_count; i++)
		used = add(text, used, " %s %zu%s", s->classes[i].name,
		    s->classes[i].count, v->columns < NARROW ? "" : " ");
	for (size_t i = 0; i < s->server_count; i++) {
		const struct snapshot_server *server = &s->servers[i];
		used = add(text, used, "%s%.24s %u", i ? "  " : "    ",
		    server->name, server->source + server->target);
		if (server->limit)
			used = add(text, used, "/%u", server->limit);
		if (server->is_open)
			used = add(text, used, " paused");
	}
	put(b, v, text, NULL);
}

static void account(struct board *b, const struct board_view *v,
    const struct snapshot_account *a)
{
	char text[TEXT_BYTES], numbers[80], speed[32], time[32], share[16] = "";
	bool narrow = v->columns < NARROW;
	bool by_bytes = a->expected_bytes > 0;
	uint64_t rate =
	    a->ms > 0 ? (uint64_t)((double)a->bytes * 1000 / (double)a->ms) : 0;

	if (by_bytes || a->expected > 0)
		(void)snprintf(share, sizeof(share), "%3u %%",
		    by_bytes ? percent(a->bytes, a->expected_bytes)
			     : percent(a->copied, a->expected));
	if (narrow)
		(void)snprintf(numbers, sizeof(numbers), "%8" PRIu64 " %5s",
		    a->copied, share);
	else
		(void)snprintf(numbers, sizeof(numbers),
		    "%8" PRIu64 "/%-8" PRIu64 " %5s %10s/s %7s", a->copied,
		    a->expected, share, text_bytes(rate, speed, sizeof(speed)),
		    snapshot_duration(a->ms / 1000, time, sizeof(time)));
	size_t room = v->columns - 1 - 3; // three gaps
	size_t right = strlen(numbers);
	room = room > right ? room - right : 0;
	size_t id = room / 2 < 28 ? room / 2 : 28;
	size_t used = add(text, 0, " ");
	used = add_name(text, used, a->id, id);
	used = add(text, used, " ");
	used = add_name(text, used, a->mailbox[0] ? a->mailbox : a->state,
	    room - id < 60 ? room - id : 60);
	(void)add(text, used, " %s", numbers);
	put(b, v, text, NULL);
}

static void foot(struct board *b, const struct board_view *v, size_t more)
{
	static const char keys[] = "p pause  d drain  + - jobs  ? keys";
	char text[TEXT_BYTES];
	size_t used = 0;

	text[0] = '\0';
	if (more > 0)
		used = add(text, used, " ... %zu more", more);
	if (v->has_keys && used + sizeof(keys) + 2 < v->columns)
		(void)add(text, used, "%*s",
		    (int)((v->columns < 100 ? v->columns - 2 : 98) - used),
		    keys);
	put(b, v, text, dim);
}

void board_render(
    const struct snapshot *s, const struct board_view *view, struct board *out)
{
	struct board_view v = *view;
	size_t max = v.rows / 2 < BOARD_LINES ? v.rows / 2 : BOARD_LINES;

	if (v.columns < 2)
		v.columns = 2;
	if (v.columns > BOARD_COLUMNS_MAX)
		v.columns = BOARD_COLUMNS_MAX;
	out->count = 0;
	head(out, &v, s);
	if (max < 2)
		return;
	counts(out, &v, s);
	size_t shown = s->account_count;
	bool has_foot = v.has_keys && max > 3;
	if (shown > max - 2 - has_foot) {
		has_foot = max > 2;
		shown = max - 2 - has_foot;
	}
	for (size_t i = 0; i < shown; i++)
		account(out, &v, &s->accounts[i]);
	if (has_foot)
		foot(out, &v, s->account_count - shown);
}
