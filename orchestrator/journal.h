// SPDX-License-Identifier: MIT
/*
 * The truth about a run: append-only JSON Lines, fsynced at the results of
 * accounts and at the end of the run.  mailconvoy-formats(5) describes the lines.
 */
#ifndef ORCHESTRATOR_JOURNAL_H
#define ORCHESTRATOR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct plan;
struct plan_account;
struct record;
struct tally;
struct verdict;

enum {
	JOURNAL_VERSION = 1,
	/* above it old lines are compressed; MAILCONVOY_JOURNAL_BYTES says
	 * otherwise */
	JOURNAL_BYTES = 64 * 1024 * 1024,
	JOURNAL_END_PART =
	    64 /* at the end of a run that part of it is enough */
};

struct journal;

/*
 * Opens for appending. What stands behind `good_bytes` (a torn last line) is
 * cut off; `seq` is the number of the last line. 0, 0 for a new one.
 */
struct journal *journal_open(const char *path, const char *run_id,
    uint64_t good_bytes, uint64_t seq, struct error *err);
void journal_close(struct journal *j);

/* `fn` gets every line that was written, with its end. */
typedef void journal_tee_fn(const char *line, size_t len, void *context);
void journal_tee(struct journal *j, journal_tee_fn *fn, void *context);

/* Did a write fail? Then every later one fails too. */
bool journal_failed(const struct journal *j, struct error *err);

struct journal_start {
	bool is_resumed, is_dry;
	unsigned jobs;
};

/* All return 0 or -1; the error is kept for journal_failed. */
/* The plan must live as long as the journal is open. */
int journal_run_start(struct journal *j, const struct plan *plan,
    const struct journal_start *start);
int journal_planned(struct journal *j, const struct plan_account *account);
int journal_dropped(struct journal *j, const char *id);
int journal_account_start(struct journal *j, const struct plan_account *account,
    unsigned attempt, unsigned connections, const char *log);

/* Somebody takes the account's result as it is; `exit` is what the run has
 * from now on. Synced. */
struct journal_ack {
	const char *id, *by, *reason;
	unsigned attempt;
	int exit;
};

int journal_acknowledge(struct journal *j, const struct journal_ack *ack);

/* Mailboxes, refusals, warnings and progress; other records are left out. */
int journal_record(struct journal *j, const char *id, unsigned attempt,
    const struct record *r);

struct journal_result {
	const struct plan_account *account;
	unsigned attempt;
	const struct verdict *verdict;
	const struct tally *tally;
	uint64_t duration_ms;
	int64_t retry_ms; /* until the next attempt; -1: none follows */
	bool is_final;    /* the account's result; else resume goes on */
};

int journal_account_end(struct journal *j, const struct journal_result *r);

/* A server of the plan; 0 connections: no limit. */
int journal_server(struct journal *j, const char *server, const char *host,
    unsigned connections);

/* A server's breaker has changed. */
struct journal_breaker {
	const char *server, *state;
	unsigned failures; /* in a row */
	uint64_t pause_ms; /* 0: none */
};

int journal_breaker(struct journal *j, const struct journal_breaker *b);

/* A login that many accounts share is not tried any more. */
int journal_login(
    struct journal *j, const char *server, const char *login, unsigned refused);

/* `ev`: "run.hold" and "run.go" (nothing is started, starts again), "run.halt"
 * (nothing is started any more); synced. */
int journal_rule(
    struct journal *j, const char *ev, const char *why, const char *words);

/* `by`: "signal", "ctl", "key"; `id` of an account, or NULL. */
int journal_operator(
    struct journal *j, const char *what, const char *by, const char *id);

/* `by` may also be "plan". */
int journal_limit_change(struct journal *j, const char *limit, uint64_t from,
    uint64_t to, const char *by);
/* Also compresses a journal that is not small. */
int journal_run_end(
    struct journal *j, int exit, bool complete, const char *why);

#endif
