// SPDX-License-Identifier: MIT
/*
 * What the comparison of all accounts found, from the journal of a run that
 * compared (supervisor_options.verify), and how it is told.
 */
#ifndef ORCHESTRATOR_VERIFY_BATCH_H
#define ORCHESTRATOR_VERIFY_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "engine/contract/verify_tally.h"

struct error;
struct plan;
struct plan_account;
struct select_rules;

/* Of the last attempt. */
struct verify_batch_account {
	const struct plan_account *account;
	unsigned attempt; /* 0: none */
	bool has_ended;
	int exit; /* 0 equal, 1 not, else it could not be compared */
	char *outcome, *reason, *text;
	struct verify_tally tally; /* of its mailboxes */
};

struct verify_batch {
	const struct plan *plan;
	char *journal;
	struct verify_batch_account *accounts; /* as in the plan */
	size_t count;
};

/* The plan must stay as long as the result. */
int verify_batch_read(struct verify_batch *out, const char *journal,
    const struct plan *plan, struct error *err)
    __attribute__((warn_unused_result));
void verify_batch_release(struct verify_batch *b);

/* A line an account, then the sums; the selected ones only (NULL: all). */
void verify_batch_print(
    const struct verify_batch *b, const struct select_rules *select, FILE *out);

/* A line each difference (- + * !) and each mailbox that is equal (=). */
int verify_batch_print_diff(const struct verify_batch *b, FILE *out,
    struct error *err) __attribute__((warn_unused_result));

#endif
