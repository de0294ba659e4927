// SPDX-License-Identifier: MIT
/* Turns an account of a plan into the job its engine is given. */
#ifndef ORCHESTRATOR_ACCOUNT_JOB_H
#define ORCHESTRATOR_ACCOUNT_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/contract/job.h"

struct account_secrets;
struct approval_account;
struct error;
struct plan_account;

/* Both sides are compared instead. */
struct account_job_verify {
	enum job_verify level;
	unsigned sample; /* of a hundred bodies */
	bool diff;       /* each difference is told */
};

/* What one attempt adds to the plan. */
struct account_job_attempt {
	/* of the attempt before, NULL when there was none: after trouble the
	 * engine waits longer for the target to stand still */
	const char *last_outcome;
	const char *state_file;
	bool dry_run;         /* it changes nothing */
	bool verbose;         /* its log has every command and answer */
	unsigned connections; /* at each server; 0: as the engine does */
	int pace_fd;          /* in the engine; 0: no limits are shared */
	unsigned source_bucket, target_bucket;   /* of it; 0: none */
	bool probe;                              /* it only looks */
	const struct account_job_verify *verify; /* it compares; or NULL */
	/* what was approved, below the plan's own ceilings; or NULL */
	const struct approval_account *approved;
	/* of a command; done; NULL when the account has none. They are taken */
	struct account_secrets *secrets;
};

/*
 * Reads the secrets, but runs no command, and encodes the job: one line in
 * malloc'd memory for job_wipe_line. NULL: err->kind is ERROR_CONFIG when the
 * account's settings or secrets are at fault, else ERROR_OS.
 */
char *account_job_line(const struct plan_account *account,
    const struct account_job_attempt *attempt, size_t *len_out,
    struct error *err);

#endif
