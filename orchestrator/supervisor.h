// SPDX-License-Identifier: MIT
/*
 * Runs the accounts of a plan: one poll loop over signals, record pipes and
 * deadlines.  Dies loudly before the loop, never inside it.
 */
#ifndef ORCHESTRATOR_SUPERVISOR_H
#define ORCHESTRATOR_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "orchestrator/progress.h"

struct account_job_verify;
struct approval;
struct error;
struct journal_account;
struct journal_run;
struct login_guard;
struct plan;
struct plan_account;
struct select_rules;

struct supervisor_options {
	bool resume;  /* run what failed too; a run must exist */
	bool new_run; /* even when the last one is unfinished */
	bool dry_run; /* a run of its own, in which nothing is changed */
	bool look;    /* the same, but its engines only look; tried once each */
	/* a run of its own, in which both sides are compared; or NULL */
	const struct account_job_verify *verify;
	unsigned jobs;            /* 0: as the plan says */
	bool ends_with_window;    /* instead of waiting for the next one */
	uint64_t max_duration_ms; /* 0: as the plan says */
	uint64_t bandwidth;       /* bytes a second; 0: as the plan says */
	/* outcomes to be run again, separated by commas; NULL: all */
	const char *only;
	/* patterns: only accounts that ended with such a reason */
	const char *const *reasons;
	size_t reason_count;
	const struct select_rules *select; /* NULL: all accounts */
	/* of the plan's accounts, in any unit, where no run has counted them;
	 * UINT64_MAX: not known. NULL: of none */
	const uint64_t *sizes;
	/* Of a look just now: logins at each server at most, and what logins_out
	 * gave of the same plan: one more refusal is enough. */
	size_t logins_before;
	struct login_guard *logins;
	/* what may be deleted; NULL: what was approved for the run that goes on */
	const struct approval *approval;
	struct progress_options progress;
	FILE *out;          /* for the last lines; NULL: there are none */
	char **journal_out; /* its path, heap, when a run was begun; or NULL */
	bool *stopped_out;  /* somebody asked it to end; or NULL */
	struct login_guard **logins_out; /* heap; or NULL */
};

/* Is it a list of outcomes? *bad_out: the first word that is none. */
bool supervisor_check_only(const char *only, const char **bad_out);

/* Is the last run of the plan gone on with, and not another one begun? */
bool supervisor_goes_on(const struct journal_run *last, const struct plan *plan,
    const struct supervisor_options *options);

/* Is an account run in a run that goes on, whose journal knows `a` of it (NULL:
 * nothing)?  In a new one all are. */
bool supervisor_must_run(const struct journal_account *a,
    const struct plan_account *account,
    const struct supervisor_options *options);

/*
 * Blocks until the batch is over, prints progress to standard error and the
 * last lines to options->out. Returns the exit code; when nothing could be
 * started `err` says why (else it stays ERROR_NONE).
 */
int supervisor_run(const struct plan *plan,
    const struct supervisor_options *options, struct error *err);

#endif
