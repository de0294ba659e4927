// SPDX-License-Identifier: MIT
/*
 * How a batch stands at one moment, as plain values: what status.json, the
 * Prometheus file, the board and the summary lines are made from.  Pure; knows
 * nothing of processes and files.
 */
#ifndef ORCHESTRATOR_SNAPSHOT_H
#define ORCHESTRATOR_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SNAPSHOT_CLASSES = 24,
	SNAPSHOT_RATE_SAMPLES = 16,
	SNAPSHOT_RATE_EVERY_MS = 2000,
	SNAPSHOT_ETA_ACCOUNTS = 3, /* nothing is foretold before */
	SNAPSHOT_ETA_MS = 60 * 1000
};

struct snapshot_class {
	const char *name; /* an outcome, "running", "waiting", "retrying" */
	size_t count;
};

/* An account whose engine runs. Strings are borrowed. */
struct snapshot_account {
	const char *id, *mailbox, *state;
	unsigned attempt;
	uint64_t copied, expected; /* messages; expected 0: not known yet */
	uint64_t bytes, expected_bytes;
	int64_t ms; /* since it began */
};

struct snapshot_server {
	const char *name;
	unsigned source, target; /* connections in use, by role */
	unsigned limit;          /* of both together; 0: none */
	bool has_breaker, is_open;
};

struct snapshot {
	const char *plan, *run_id, *stage;
	const char *pass; /* NULL: the plan has none */
	bool is_dry, has_ended;
	int exit; /* when it has ended */
	int64_t started_ms, updated_ms, progress_ms, success_ms; /* wall; 0 */
	int64_t passed_ms; /* of this supervisor */
	unsigned jobs;
	size_t total, done; /* accounts of this supervisor */
	size_t running, waiting, retrying;
	struct snapshot_class classes[SNAPSHOT_CLASSES]; /* of the plan */
	size_t class_count;
	uint64_t copied, bytes; /* of the run */
	uint64_t rate;          /* bytes a second, lately */
	int64_t eta_seconds;    /* -1: withheld */
	const char *eta_by;     /* "bytes", "accounts"; NULL: withheld */
	struct snapshot_account *accounts;
	size_t account_count;
	struct snapshot_server *servers;
	size_t server_count;
};

/* Counts an account; the name must live as long as the snapshot. */
void snapshot_count(struct snapshot *s, const char *name);

/* Of a class; 0 when there is none. */
size_t snapshot_count_of(const struct snapshot *s, const char *name);

/* Samples of the last half minute. */
struct snapshot_rate {
	int64_t ms[SNAPSHOT_RATE_SAMPLES];
	uint64_t bytes[SNAPSHOT_RATE_SAMPLES];
	unsigned count;
};

/* Takes a sample when one is due; returns bytes a second. */
uint64_t snapshot_rate(struct snapshot_rate *r, uint64_t bytes, int64_t now_ms);

/* Fills eta_seconds and eta_by from the other members: by bytes when the size
 * of all that is left is known, else by accounts, those under way counted by
 * what is done of them. */
void snapshot_eta(struct snapshot *s);

/* "4m10s", "13h05m", "12s". Returns `out`. */
const char *snapshot_duration(int64_t seconds, char *out, size_t max);

#endif
