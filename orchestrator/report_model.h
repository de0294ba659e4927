// SPDX-License-Identifier: MIT
/*
 * What all reports of a run are made from: the journal as values, in one walk.
 * Whatever two formats both say is worked out here, so that they agree.
 */
#ifndef ORCHESTRATOR_REPORT_MODEL_H
#define ORCHESTRATOR_REPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/contract/tally.h"
#include "orchestrator/grade.h"
#include "orchestrator/report_settings.h"

struct error;
struct journal_account;
struct journal_run;

enum {
	/* Of one account; what is above is counted, and stands in
	 * report.jsonl.gz. */
	REPORT_MODEL_MAILBOXES = 5000,
	REPORT_MODEL_ITEMS = 500
};

/* Names of mailboxes are shown as people know them, here and below. */
struct report_mailbox {
	char *name;
	char *target; /* NULL: the same */
	uint64_t source, copied, present, refused, skipped, missing, bytes;
};

/* A refused message, a mailbox that failed (no uid), or a warning. Words are
 * never NULL. */
struct report_item {
	bool is_warning;
	char *mailbox, *side, *step, *reason, *text, *date, *message_id;
	uint64_t uid, uidvalidity, size;
};

struct report_account {
	/* what was said in its last attempt */
	struct report_mailbox *mailboxes;
	size_t mailbox_count, mailbox_cap, mailboxes_left;
	struct report_item *items;
	size_t item_count, item_cap, items_left;
	unsigned attempt; /* that one; 0: none */
	/* when all is read */
	const struct journal_account *a;
	const char *outcome; /* "dropped", or that of the journal */
	const char *advice;  /* one sentence */
	bool needs_look;     /* and nobody has acknowledged it */
	uint64_t seconds, folders, folders_failed, refused, skipped, missing;
	double mib_per_s; /* 0: not known */
};

/* An attempt as it stands on the time line. Milliseconds of wall time. */
struct report_span {
	size_t account;
	int64_t begin_ms, end_ms; /* end 0: it goes on, or was cut off */
};

/* Bytes that were copied meanwhile. */
struct report_flow {
	int64_t begin_ms, end_ms;
	uint64_t bytes;
};

/* When nothing was started, or a server was left alone. */
struct report_pause {
	int64_t begin_ms, end_ms; /* end 0: until the end */
	char *server;             /* NULL: of the whole run */
	char *why;
};

struct report_server {
	char *name, *host;
	unsigned limit; /* 0: none */
	unsigned now, peak;
	unsigned breaks; /* how often its breaker opened */
	uint64_t left_alone_ms;
	size_t sources, targets; /* accounts */
};

struct report_change {
	char *time, *limit, *by;
	uint64_t from, to;
};

struct report_reason {
	const char *reason; /* or the outcome, where there is none */
	const char *advice;
	size_t accounts;
	uint64_t messages;
};

struct report_model {
	struct journal_run *run;
	struct report_account *accounts; /* one for each of the run */
	size_t count, cap;
	struct report_span *spans;
	size_t span_count, span_cap;
	struct report_flow *flows;
	size_t flow_count, flow_cap;
	struct report_pause *pauses;
	size_t pause_count, pause_cap;
	struct report_server *servers;
	size_t server_count, server_cap;
	struct report_change *changes;
	size_t change_count, change_cap;
	struct report_reason *reasons; /* most accounts first */
	size_t reason_count, reason_cap;
	/* over the accounts that are in the plan */
	size_t by_grade[GRADES], in_plan, need_look, acknowledged;
	struct tally sum;
	uint64_t copied_total, bytes_total, seconds;
	int64_t begin_ms, end_ms; /* of all that was seen */
	int exit;                 /* -1: it has not ended */
	bool has_zone;            /* times are shown in that of the plan, too */
	struct report_settings settings;
	char *no_settings; /* why there are none; else NULL */
	/* private, while the journal is read */
	struct report_progress *progress;
	size_t progress_cap;
};

/* Heap, or NULL. */
struct report_model *report_model_read(
    const char *journal_path, struct error *err);
void report_model_free(struct report_model *m);

/* NULL: the run has no such account. */
const struct report_account *report_model_find(
    const struct report_model *m, const char *id);

/* Milliseconds since 1970 of the journal's times; 0: none. */
int64_t report_model_time(const char *text);

#endif
