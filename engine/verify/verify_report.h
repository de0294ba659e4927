// SPDX-License-Identifier: MIT
/*
 * Tells what a comparison finds: to the log in words, to the parent as
 * records.  Safe for two threads. Bytes of servers are escaped here.
 */
#ifndef ENGINE_VERIFY_VERIFY_REPORT_H
#define ENGINE_VERIFY_VERIFY_REPORT_H

#include <stdbool.h>

#include "engine/contract/verify_tally.h"

struct job;
struct log;
struct verify_box;
struct verify_entry;
struct verify_report;
struct verify_result;

struct verify_difference {
	char sign; /* - + * ! */
	enum verify_count what;
	const struct verify_box *box;
	const struct verify_entry *source, *target; /* NULL: not there */
	const char *words;                          /* any bytes */
};

/* `record_fd` -1: no parent. Job and log are borrowed. */
struct verify_report *verify_report_new(
    const struct job *job, struct log *log, int record_fd);
void verify_report_free(struct verify_report *r);

void verify_report_start(struct verify_report *r);

/* Only with --verifyDiff, and of one mailbox so many. */
void verify_report_difference(
    struct verify_report *r, const struct verify_difference *d);

/* A mailbox is done. */
void verify_report_box(struct verify_report *r, const struct verify_box *box);

void verify_report_progress(
    struct verify_report *r, uint64_t messages, uint64_t bytes);

void verify_report_end(
    struct verify_report *r, const struct verify_result *result);

#endif
