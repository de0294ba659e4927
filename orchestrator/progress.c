// SPDX-License-Identifier: MIT
#include "orchestrator/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/text.h"
#include "engine/contract/tally.h"
#include "orchestrator/collect.h"
#include "orchestrator/snapshot.h"

enum {
	STATUS_EVERY_MS = 250,
	LINE_BYTES = 2000 /* below PIPE_BUF: when poll says so it fits */
};

void progress_init(struct progress *p, int fd, size_t total, int64_t now_ms)
{
	*p = (struct progress){
	    .fd = fd,
	    .is_terminal = isatty(fd) == 1,
	    .total = total,
	    .started_ms = now_ms,
	    .next_summary_ms = now_ms + PROGRESS_INTERVAL_MS,
	    .next_status_ms = now_ms,
	};
}

static void emit(struct progress *p, const char *bytes, size_t len)
{
	struct pollfd ready = {.fd = p->fd, .events = POLLOUT};
	ssize_t n;

	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)) {
		p->lost++; // slow, or gone: neither concerns the batch
		return;
	}
	do
		n = write(p->fd, bytes, len);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)len)
		p->lost++;
}

void progress_clear(struct progress *p)
{
	static const char erase[] = "\r\x1b[K";

	if (p->has_status)
		emit(p, erase, sizeof(erase) - 1);
	p->has_status = false;
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

/* 2026-03-01T20:14:09Z: whole seconds are enough for people. */
static int start_line(char line[LINE_BYTES], const char *level)
{
	char now[CLOCK_TEXT_BYTES];

	clock_format(clock_wall_ms(), now);
	return snprintf(line, LINE_BYTES, "%.19sZ %s ", now, level);
}

void progress_note(
    struct progress *p, const char *level, const char *format, ...)
{
	char line[LINE_BYTES];
	int used = start_line(line, level);
	va_list args;

	if (used < 0)
		return;
	va_start(args, format);
	int more =
	    vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
	va_end(args);
	emit_line(p, line, more < 0 ? used : used + more);
}

static void count(struct progress *p, const char *outcome)
{
	for (int i = 0; i < PROGRESS_CLASSES; i++) {
		if (!p->classes[i].name)
			p->classes[i].name = outcome;
		if (strcmp(p->classes[i].name, outcome) == 0) {
			p->classes[i].count++;
			return;
		}
	}
}

static const char *level_of(const struct progress_end *e)
{
	if (e->verdict->exit <= EXIT_CODE_INTERRUPTED &&
	    strcmp(e->verdict->outcome, "crash") != 0)
		return "INFO";
	return e->retry_ms >= 0 ? "WARNING" : "ERROR";
}

void progress_account_end(struct progress *p, const struct progress_end *e)
{
	const struct verdict *v = e->verdict;
	char line[LINE_BYTES], tail[COLLECT_TEXT_BYTES + 160] = "",
							 again[48] = "";
	int used = start_line(line, level_of(e));

	p->bytes += e->tally->bytes_copied;
	p->copied += e->tally->copied;
	p->ends++;
	if (v->exit == EXIT_CODE_OK && v->batch == EXIT_CODE_OK)
		p->success_ms = clock_wall_ms();
	if (e->retry_ms < 0) {
		p->done++;
		count(p, v->outcome);
	} else {
		(void)snprintf(again, sizeof(again), " retry_seconds=%" PRId64,
		    (e->retry_ms + 999) / 1000);
	}
	if (v->exit != EXIT_CODE_OK || v->batch != EXIT_CODE_OK) {
		(void)snprintf(tail, sizeof(tail), "%s reason=%s text=\"%s\"",
		    again, v->reason[0] ? v->reason : v->outcome, v->text);
		// the text's own quotes must not end it
		char *quote = strstr(tail, "text=\"") + 6;
		for (; *quote && quote[1]; quote++)
			if (*quote == '"')
				*quote = '\'';
	}
	if (used < 0)
		return;
	int more = snprintf(line + used, sizeof(line) - (size_t)used,
	    "account=%s outcome=%s copied=%" PRIu64 " present=%" PRIu64
	    " refused=%" PRIu64 " bytes=%" PRIu64 " seconds=%" PRIu64
	    " attempt=%u%s",
	    e->account, v->outcome, e->tally->copied, e->tally->present,
	    tally_refused(e->tally), e->tally->bytes_copied,
	    (e->duration_ms + 500) / 1000, e->attempt, tail);
	emit_line(p, line, more < 0 ? used : used + more);
}

static void class_list(
    const struct progress *p, char *out, size_t max, const char *between)
{
	size_t used = 0;

	out[0] = '\0';
	for (int i = 0; i < PROGRESS_CLASSES && p->classes[i].name; i++) {
		int n = snprintf(out + used, max - used, " %s%s%zu",
		    p->classes[i].name, between, p->classes[i].count);
		if (n < 0 || (size_t)n >= max - used)
			return;
		used += (size_t)n;
	}
}

static uint64_t rate(const struct progress *p, uint64_t running, int64_t now_ms)
{
	int64_t passed = now_ms - p->started_ms;

	return passed <= 0 ? 0 : (p->bytes + running) * 1000 / (uint64_t)passed;
}

void progress_summary(struct progress *p, const struct snapshot *now)
{
	char classes[400] = "", eta[96] = "";
	size_t used = 0;

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

static size_t terminal_width(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

static void status(
    struct progress *p, const struct progress_now *now, int64_t now_ms)
{
	char text[512], classes[400], speed[32], line[640];
	size_t width = terminal_width(p->fd);

	class_list(p, classes, sizeof(classes), " ");
	int len = snprintf(text, sizeof(text),
	    "%zu/%zu %zu %% %s running %zu waiting %zu  %s/s", p->done,
	    p->total, p->total ? p->done * 100 / p->total : 100, classes,
	    now->running, now->waiting,
	    text_bytes(rate(p, now->bytes, now_ms), speed, sizeof(speed)));
	// one column is left free: the last one would wrap on some terminals
	if (len > 0 && (size_t)len > width - 1)
		text[width - 1] = '\0';
	len = snprintf(line, sizeof(line), "\r%s\x1b[K", text);
	if (len > 0 && (size_t)len < sizeof(line))
		emit(p, line, (size_t)len);
	p->has_status = true;
}

void progress_tick(
    struct progress *p, const struct progress_now *now, int64_t now_ms)
{
	if (!p->is_terminal && now_ms >= p->next_summary_ms) {
		progress_summary(p, now->snapshot);
		p->next_summary_ms = now_ms + PROGRESS_INTERVAL_MS;
	}
	if (p->is_terminal && now_ms >= p->next_status_ms) {
		status(p, now, now_ms);
		p->next_status_ms = now_ms + STATUS_EVERY_MS;
	}
}

int64_t progress_deadline(const struct progress *p)
{
	return p->is_terminal ? p->next_status_ms : p->next_summary_ms;
}
