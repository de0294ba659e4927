// SPDX-License-Identifier: MIT
/*
 * Reports of a run, made from its journal alone, at any time.
 *
 * report.jsonl.gz: line 1 the batch, then accounts, mailboxes, refused items
 * and warnings; no name and no time in the gzip header, so that equal runs
 * give equal bytes.  mailconvoy-formats(5) describes the lines.
 */
#ifndef ORCHESTRATOR_REPORT_H
#define ORCHESTRATOR_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct error;
struct journal_account;
struct journal_run;

/* Whole or not at all: a temporary file beside it is renamed. */
int report_write(const char *journal_path, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* The same of a run that was read from that journal already. */
int report_write_run(const struct journal_run *run, const char *journal_path,
    const char *path, struct error *err) __attribute__((warn_unused_result));

/* For the owner of one account, as text. -1 also when there is no such
 * account (reason "report.user"). */
int report_user(const char *journal_path, const char *id, FILE *out,
    struct error *err) __attribute__((warn_unused_result));

/* What to do about an outcome or reason, one sentence; never NULL. */
const char *report_advice(const char *outcome, const char *reason);

/* Parts of both JSON formats: new references or NULL. */
struct json_t *report_batch_json(const struct journal_run *run);
struct json_t *report_account_json(const struct journal_account *account);

#endif
