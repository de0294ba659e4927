// SPDX-License-Identifier: MIT
#include "orchestrator/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/fd.h"
#include "engine/base/mailbox_name.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/record.h"
#include "engine/contract/tally.h"
#include "orchestrator/collect.h"
#include "orchestrator/snapshot.h"

enum {
	LINE_BYTES = 2000, /* below PIPE_BUF: when poll says so it fits */
	FRAME_BYTES = BOARD_LINES * (BOARD_LINE_BYTES + 16),
	PATIENCE_MS = 100 /* for the rest of a line that has begun */
};

static const char *const mode_names[] = {
    "auto", "tty", "plain", "json", "quiet"};

enum progress_mode progress_find_mode(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_LEN(mode_names) && strcmp(mode_names[i], name) != 0)
		i++;
	return (enum progress_mode)i;
}

/* $JOURNAL_STREAM is the device and inode of the stream journald gave us: not
 * so after a redirection. */
static bool is_journald(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (!stream || fstat(fd, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(own, stream) == 0;
}

static void find_keys(struct progress *p)
{
	bool want = p->mode == PROGRESS_TTY && !p->is_hidden &&
		    isatty(STDIN_FILENO) == 1 &&
		    terminal_is_foreground(STDIN_FILENO);

	if (want && !p->has_keys) {
		p->has_keys = terminal_keys_on(STDIN_FILENO) == 0;
	} else if (!want && p->has_keys) {
		p->has_keys = false;
		terminal_keys_forget(); // it is another group's now
	}
}

void progress_init(struct progress *p, int fd,
    const struct progress_options *options, int64_t now_ms)
{
	*p = (struct progress){
	    .mode = options->mode,
	    .fd = fd,
	    .own_fd = -1,
	    .has_colour = terminal_wants_colour(options->colour, fd),
	    .is_utf8 = terminal_is_utf8(),
	    .reflows = terminal_reflows(),
	    .is_journald = is_journald(fd),
	    .verbose = options->verbose,
	    .interval_ms = options->interval_ms > 0 ? options->interval_ms
						    : PROGRESS_INTERVAL_MS,
	    .started_ms = now_ms,
	    .next_board_ms = now_ms,
	};
	p->next_summary_ms = now_ms + p->interval_ms;
	// a board needs a cursor that moves, whatever is asked for
	if ((p->mode == PROGRESS_AUTO || p->mode == PROGRESS_TTY))
		p->mode =
		    terminal_is_capable(fd) ? PROGRESS_TTY : PROGRESS_PLAIN;
	if (p->mode == PROGRESS_TTY)
		p->own_fd = terminal_reopen(fd);
	if (p->own_fd >= 0)
		p->fd = p->own_fd;
}

void progress_release(struct progress *p)
{
	progress_clear(p);
	p->is_hidden = true;
	terminal_keys_off();
	p->has_keys = false;
	if (p->own_fd >= 0)
		p->fd = STDERR_FILENO;
	fd_close(&p->own_fd);
}

/* --------------------------------------------------------------- writing */

static bool is_ready(const struct progress *p, int wait_ms)
{
	struct pollfd ready = {.fd = p->fd, .events = POLLOUT};

	return poll(&ready, 1, wait_ms) == 1 && (ready.revents & POLLOUT);
}

/* A pipe that is ready takes PIPE_BUF bytes at once; of what is longer the
 * rest is waited for a moment, so that a line is torn by those only who read
 * nothing. */
static void emit(struct progress *p, const char *bytes, size_t len)
{
	int wait = 0;

	while (len > 0) {
		if (!is_ready(p, wait)) {
			p->lost++; // slow, or gone: neither concerns the batch
			return;
		}
		ssize_t n =
		    write(p->fd, bytes, len < PIPE_BUF ? len : PIPE_BUF);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			p->lost++;
			return;
		}
		bytes += n;
		len -= (size_t)n;
		wait = PATIENCE_MS;
	}
}

/* ----------------------------------------------------------------- board */

/* How many rows the cursor stands below the first line of the board. Where a
 * terminal wraps anew, lines that are wider than the window now take more. */
static size_t rows_down(const struct progress *p, size_t columns, size_t rows)
{
	size_t down = 0;

	for (size_t i = 0; i < p->drawn; i++)
		down += p->reflows && p->board.widths[i] > columns
			    ? (p->board.widths[i] + columns - 1) / columns
			    : 1;
	down = down > 0 ? down - 1 : 0;
	return down < rows ? down : rows - 1;
}

static size_t to_top(const struct progress *p, char out[32])
{
	size_t columns, rows;
	int n = 1;

	terminal_size(p->fd, &columns, &rows);
	size_t down = rows_down(p, columns, rows);
	out[0] = '\r';
	if (down > 0)
		n = snprintf(out, 32, "\r\x1b[%zuA", down);
	return n > 0 ? (size_t)n : 0;
}

void progress_clear(struct progress *p)
{
	char bytes[40];

	if (p->drawn == 0)
		return;
	size_t n = to_top(p, bytes);
	static const char clear[3] = {0x1b, '[', 'J'};
	memcpy(bytes + n, clear, sizeof(clear));
	emit(p, bytes, n + sizeof(clear));
	p->drawn = 0;
	p->is_stale = true;
}

static void draw(struct progress *p, const struct snapshot *now)
{
	struct board_view view = {.has_colour = p->has_colour,
	    .is_utf8 = p->is_utf8,
	    .has_keys = p->has_keys};
	char top[32];
	struct buf frame;
	int bad;

	buf_try_init(&frame, FRAME_BYTES);
	terminal_size(p->fd, &view.columns, &view.rows);
	bad = buf_append(&frame, top, to_top(p, top));
	// lines that were wrapped anew would show through
	if (view.columns != p->columns)
		bad |= buf_puts(&frame, "\x1b[J");
	board_render(now, &view, &p->board);
	for (size_t i = 0; i < p->board.count; i++) {
		bad |= buf_puts(&frame, i ? "\r\n" : "");
		bad |= buf_puts(&frame, p->board.lines[i]);
		bad |= buf_puts(&frame, "\x1b[K");
	}
	bad |= buf_puts(&frame, "\x1b[J");
	if (!bad) {
		emit(p, frame.data, frame.len);
		p->drawn = p->board.count;
		p->columns = view.columns;
	}
	buf_release(&frame);
	p->is_stale = false;
}

void progress_suspend(struct progress *p)
{
	progress_clear(p);
	p->is_hidden = true;
	terminal_keys_off();
	p->has_keys = false;
}

void progress_continue(struct progress *p)
{
	p->is_hidden = false;
	p->is_stale = true;
}

int progress_key_fd(const struct progress *p)
{
	return p->has_keys ? STDIN_FILENO : -1;
}

char progress_key(struct progress *p)
{
	find_keys(p); // reading in the background would stop us
	return p->has_keys ? terminal_key(STDIN_FILENO) : '\0';
}

/* ----------------------------------------------------------------- lines */

static const char *colour_of(const struct progress *p, const char *level)
{
	if (!p->has_colour || level[0] == 'I')
		return "";
	return level[0] == 'E' ? "\x1b[31m" : "\x1b[33m";
}

static bool is_shown(const struct progress *p, const char *level)
{
	return p->mode != PROGRESS_QUIET || level[0] == 'E';
}

/* What stands before a message: for people whole seconds are enough. */
static int start_line(
    const struct progress *p, char line[LINE_BYTES], const char *level)
{
	const char *colour = colour_of(p, level);
	const char *back = colour[0] ? "\x1b[0m" : "";
	char now[CLOCK_TEXT_BYTES];

	clock_format(clock_wall_ms(), now); // 2026-03-01T20:14:09.112Z
	if (p->mode == PROGRESS_TTY)
		return snprintf(line, LINE_BYTES, "%s%.8s%s%s%s%s  ", colour,
		    now + 11, level[0] == 'I' ? "" : " ",
		    level[0] == 'I' ? "" : level, back,
		    level[0] == 'I' ? "" : ":");
	return snprintf(line, LINE_BYTES, "%s%s%.19sZ %s%s ",
	    !p->is_journald   ? ""
	    : level[0] == 'E' ? "<3>"
	    : level[0] == 'W' ? "<4>"
			      : "<6>",
	    colour, now, level, back);
}

static void emit_line(struct progress *p, char line[LINE_BYTES], int len)
{
	if (len < 0)
		return;
	if (len > LINE_BYTES - 2)
		len = LINE_BYTES - 2;
	line[len] = '\n';
	progress_clear(p);
	emit(p, line, (size_t)len + 1);
}

/* Takes the object. */
static void emit_json(struct progress *p, const char *ev, json_t *fields)
{
	char now[CLOCK_TEXT_BYTES];

	clock_format(clock_wall_ms(), now);
	json_t *o = json_pack("{s:i,s:s,s:s}", "v", 1, "t", now, "ev", ev);
	char *bytes = NULL;

	if (o && fields && json_object_update(o, fields) == 0)
		bytes = json_dumps(o, JSON_COMPACT);
	if (bytes) {
		size_t len = strlen(bytes);
		bytes[len] = '\n'; // in place of the NUL
		emit(p, bytes, len + 1);
	}
	free(bytes);
	json_decref(fields);
	json_decref(o);
}

static void note_json(struct progress *p, const char *level, const char *text)
{
	char shown[LINE_BYTES * 2];

	emit_json(p, "note",
	    json_pack("{s:s,s:s}", "level", level, "text",
		text_escape(text, strlen(text), shown, sizeof(shown))));
}

void progress_note(
    struct progress *p, const char *level, const char *format, ...)
{
	char line[LINE_BYTES];
	int used = start_line(p, line, level);
	va_list args;

	if (used < 0 || !is_shown(p, level))
		return;
	va_start(args, format);
	int more =
	    vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
	va_end(args);
	if (p->mode == PROGRESS_JSON)
		note_json(p, level, line + used);
	else
		emit_line(p, line, more < 0 ? used : used + more);
}

/* What was said, if anything. The text's own quotes must not end it. */
static void put_quoted(char *out, size_t max, const char *text)
{
	out[0] = '\0';
	if (!text[0])
		return;
	(void)snprintf(out, max, " text=\"%s\"", text);
	for (char *quote = out + strlen(" text=\""); *quote && quote[1];
	     quote++)
		if (*quote == '"')
			*quote = '\'';
}

static const char *level_of(const struct progress_end *e)
{
	if (e->verdict->exit <= EXIT_CODE_INTERRUPTED &&
	    strcmp(e->verdict->outcome, "crash") != 0)
		return "INFO";
	return e->retry_ms >= 0 ? "WARNING" : "ERROR";
}

static int end_for_programs(const struct progress_end *e, char *out, size_t max)
{
	const struct verdict *v = e->verdict;
	char tail[COLLECT_TEXT_BYTES + 160] = "", again[48] = "";

	if (e->retry_ms >= 0)
		(void)snprintf(again, sizeof(again), " retry_seconds=%" PRId64,
		    (e->retry_ms + 999) / 1000);
	if (v->exit != EXIT_CODE_OK || v->batch != EXIT_CODE_OK) {
		int used = snprintf(tail, sizeof(tail), "%s reason=%s", again,
		    v->reason[0] ? v->reason : v->outcome);
		if (used > 0)
			put_quoted(
			    tail + used, sizeof(tail) - (size_t)used, v->text);
	}
	return snprintf(out, max,
	    "account=%s outcome=%s copied=%" PRIu64 " present=%" PRIu64
	    " refused=%" PRIu64 " bytes=%" PRIu64 " seconds=%" PRIu64
	    " attempt=%u%s",
	    e->account, v->outcome, e->tally->copied, e->tally->present,
	    tally_refused(e->tally), e->tally->bytes_copied,
	    (e->duration_ms + 500) / 1000, e->attempt, tail);
}

static int end_for_people(const struct progress_end *e, char *out, size_t max)
{
	const struct verdict *v = e->verdict;
	bool good = v->exit == EXIT_CODE_OK && v->batch == EXIT_CODE_OK;
	// an account whose messages were refused has neither
	const char *said = v->reason[0] ? v->reason : v->text;
	char refused[48] = "", again[64] = "", left[32];

	if (tally_refused(e->tally) > 0)
		(void)snprintf(refused, sizeof(refused),
		    "%" PRIu64 " refused, ", tally_refused(e->tally));
	if (e->retry_ms == 0) // at once, or when others let it
		(void)snprintf(again, sizeof(again), "; again");
	else if (e->retry_ms > 0)
		(void)snprintf(again, sizeof(again), "; again in %s",
		    snapshot_duration(
			(e->retry_ms + 999) / 1000, left, sizeof(left)));
	int used = snprintf(out, max, "%-16s %-11s %s%" PRIu64 " copied, ",
	    e->account, v->outcome, refused, e->tally->copied);
	if (used < 0 || (size_t)used >= max)
		return used;
	int more = snprintf(out + used, max - (size_t)used, "%s%s%s%s%s%s",
	    snapshot_duration(
		(int64_t)((e->duration_ms + 500) / 1000), left, sizeof(left)),
	    good || !said[0] ? "" : "  ", good ? "" : v->reason,
	    good || !v->reason[0] || !v->text[0] ? "" : ": ",
	    good ? "" : v->text, again);
	return more < 0 ? used : used + more;
}

void progress_account_end(struct progress *p, const struct progress_end *e)
{
	const struct verdict *v = e->verdict;
	const char *level = level_of(e);
	char line[LINE_BYTES];
	int used = start_line(p, line, level);

	p->bytes += e->tally->bytes_copied;
	p->copied += e->tally->copied;
	p->ends++;
	if (v->exit == EXIT_CODE_OK && v->batch == EXIT_CODE_OK)
		p->success_ms = clock_wall_ms();
	// the journal has its own line
	if (used < 0 || p->mode == PROGRESS_JSON || !is_shown(p, level))
		return;
	size_t room = sizeof(line) - (size_t)used;
	int more = p->mode == PROGRESS_TTY
		       ? end_for_people(e, line + used, room)
		       : end_for_programs(e, line + used, room);
	emit_line(p, line, more < 0 ? used : used + more);
}

void progress_record(
    struct progress *p, const char *account, const struct record *r)
{
	char box[COLLECT_MAILBOX_BYTES], text[COLLECT_TEXT_BYTES + 16];

	if (p->verbose == 0 || p->mode == PROGRESS_JSON ||
	    (r->event != RECORD_REFUSED && r->event != RECORD_WARNING))
		return;
	(void)mailbox_name_show(r->mailbox ? r->mailbox : "", box, sizeof(box));
	put_quoted(text, sizeof(text), r->text ? r->text : "");
	progress_note(p, "WARNING",
	    "account=%s %s mailbox=\"%s\" uid=%" PRIu64 " reason=%s%s", account,
	    record_event_name(r->event), box, r->uid,
	    r->reason ? r->reason : "", text);
}

void progress_journal_line(const char *line, size_t len, void *progress)
{
	struct progress *p = progress;

	if (p->mode == PROGRESS_JSON)
		emit(p, line, len);
}

static void summary_json(struct progress *p, const struct snapshot *now)
{
	json_t *counts = json_object();

	for (size_t i = 0; counts && i < now->class_count; i++)
		(void)json_object_set_new(counts, now->classes[i].name,
		    json_integer((json_int_t)now->classes[i].count));
	emit_json(p, "summary",
	    json_pack("{s:s,s:I,s:I,s:o,s:I,s:I,s:s*}", "stage", now->stage,
		"done", (json_int_t)now->done, "total", (json_int_t)now->total,
		"accounts", counts, "rate", (json_int_t)now->rate,
		"eta_seconds", (json_int_t)now->eta_seconds, "eta_by",
		now->eta_by));
}

void progress_summary(struct progress *p, const struct snapshot *now)
{
	char classes[400] = "", eta[96] = "";
	size_t used = 0;

	if (p->mode == PROGRESS_JSON) {
		summary_json(p, now);
		return;
	}
	for (size_t i = 0; i < now->class_count; i++) {
		int n = snprintf(classes + used, sizeof(classes) - used,
		    " %s=%zu", now->classes[i].name, now->classes[i].count);
		if (n < 0 || (size_t)n >= sizeof(classes) - used)
			break;
		used += (size_t)n;
	}
	if (now->eta_by)
		(void)snprintf(eta, sizeof(eta),
		    " eta_seconds=%" PRId64 " eta_by=%s", now->eta_seconds,
		    now->eta_by);
	progress_note(p, "INFO",
	    "summary stage=%s done=%zu/%zu%s rate=%" PRIu64 "%s", now->stage,
	    now->done, now->total, classes, now->rate, eta);
}

void progress_tick(
    struct progress *p, const struct snapshot *now, int64_t now_ms)
{
	if (p->mode != PROGRESS_TTY) {
		if (now_ms < p->next_summary_ms)
			return;
		progress_summary(p, now);
		p->next_summary_ms = now_ms + p->interval_ms;
		return;
	}
	if (now_ms < p->next_board_ms && !p->is_stale)
		return;
	find_keys(p);
	// in the background the terminal is somebody else's
	if (!p->is_hidden && terminal_is_foreground(p->fd))
		draw(p, now);
	else
		p->drawn = 0;
	p->is_stale = false;
	p->next_board_ms = now_ms + PROGRESS_BOARD_MS;
}

int64_t progress_deadline(const struct progress *p)
{
	if (p->mode != PROGRESS_TTY)
		return p->next_summary_ms;
	return p->is_stale ? 0 : p->next_board_ms;
}
