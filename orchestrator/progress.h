// SPDX-License-Identifier: MIT
/*
 * What a running batch says on standard error: on a terminal a board below
 * lines that scroll; else a line when an account ends and a summary now and
 * then; or the lines of the journal; or errors only.  Never blocks: what a
 * slow reader does not take is dropped and counted.
 */
#ifndef ORCHESTRATOR_PROGRESS_H
#define ORCHESTRATOR_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/board.h"
#include "orchestrator/terminal.h"

struct record;
struct snapshot;
struct tally;
struct verdict;

enum {
	PROGRESS_INTERVAL_MS = 60 * 1000,
	PROGRESS_BOARD_MS = 250
};

enum progress_mode {
	PROGRESS_AUTO, /* TTY on a capable terminal, else PLAIN */
	PROGRESS_TTY,
	PROGRESS_PLAIN,
	PROGRESS_JSON,
	PROGRESS_QUIET,
	PROGRESS_MODES
};

struct progress_options {
	enum progress_mode mode;
	enum terminal_colour colour;
	int64_t interval_ms; /* between two summaries; 0: a minute */
	unsigned verbose;    /* 1: refused items and warnings too */
};

struct progress {
	enum progress_mode mode; /* never AUTO */
	int fd, own_fd;          /* own_fd: the terminal, not blocking; or -1 */
	bool has_colour, is_utf8, reflows;
	bool is_journald; /* standard error is read by journald */
	bool has_keys, is_hidden;
	unsigned verbose;
	int64_t interval_ms;
	/* the board as it stands on the terminal */
	struct board board;
	size_t drawn;   /* lines of it; 0: none */
	size_t columns; /* of the window it was drawn in */
	bool is_stale;  /* lines scrolled, or the window changed */
	int64_t started_ms, next_summary_ms, next_board_ms;
	uint64_t copied, bytes; /* of ended attempts */
	uint64_t ends;          /* attempts that ended */
	int64_t success_ms;     /* wall; of the last that ended well; 0 */
	uint64_t lost;          /* lines nobody took */
};

/* PROGRESS_MODES: no mode has this name. */
enum progress_mode progress_find_mode(const char *name);

void progress_init(struct progress *p, int fd,
    const struct progress_options *options, int64_t now_ms);

/* Takes the board away; the terminal is as it was. */
void progress_release(struct progress *p);

/* level: "INFO", "WARNING", "ERROR". */
void progress_note(struct progress *p, const char *level, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

struct progress_end {
	const char *account;
	const struct verdict *verdict;
	const struct tally *tally;
	unsigned attempt;
	uint64_t duration_ms;
	int64_t retry_ms; /* -1: none */
};

void progress_account_end(struct progress *p, const struct progress_end *e);

/* What an engine said; shown when it was asked for. */
void progress_record(
    struct progress *p, const char *account, const struct record *r);

/* A line of the journal, with its end. Fits journal_tee. */
void progress_journal_line(const char *line, size_t len, void *progress);

/* A summary line at once. */
void progress_summary(struct progress *p, const struct snapshot *now);

/* Writes summary and board when they are due. */
void progress_tick(
    struct progress *p, const struct snapshot *now, int64_t now_ms);

/* When progress_tick should be called next. */
int64_t progress_deadline(const struct progress *p);

/* Takes the board away until the next tick. */
void progress_clear(struct progress *p);

/* Before and after this process was stopped by ^Z. */
void progress_suspend(struct progress *p);
void progress_continue(struct progress *p);

/* The descriptor keys come from, -1: none; and the next key, '\0': none. */
int progress_key_fd(const struct progress *p);
char progress_key(struct progress *p);

#endif
