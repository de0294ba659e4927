// SPDX-License-Identifier: MIT
/*
 * plan.json.gz of a run: the settings of each account with their origin, as
 * they counted when the run began.  JSON Lines: "plan", then "shared" (lists
 * that accounts have in common, counted from 0), then "account" with the number
 * of its list and what is its own.  A setting is [key, value, origin, place].
 * Never holds a secret.
 */
#ifndef ORCHESTRATOR_REPORT_SETTINGS_H
#define ORCHESTRATOR_REPORT_SETTINGS_H

#include <stddef.h>
#include <stdio.h>

struct error;
struct journal_run;
struct plan;

enum {
	REPORT_SETTINGS_VERSION = 1,
	REPORT_SETTINGS_VALUE = 4000,             /* bytes; more is cut off */
	REPORT_SETTINGS_LINE = 1024 * 1024,       /* to be read */
	REPORT_SETTINGS_TOTAL = 256 * 1024 * 1024 /* of all lines */
};

#define REPORT_SETTINGS_FILE "plan.json.gz"

/* Made before a run begins: out of memory ends the process. */
int report_settings_write(const char *path, const struct plan *plan,
    struct error *err) __attribute__((warn_unused_result));

struct report_settings {
	char **shared; /* lines of the file */
	size_t shared_count, shared_cap;
	char **accounts; /* the same, as in the run; NULL: not recorded */
	size_t count;
};

/* Of the run whose journal that is. -1: there is no such file, or it cannot be
 * read; then nothing is kept. */
int report_settings_read(struct report_settings *s, const char *journal_path,
    const struct journal_run *run, struct error *err)
    __attribute__((warn_unused_result));
void report_settings_release(struct report_settings *s);

/* `[["options.x","yes","group vip","plan.yaml:3:5"],...]` of such a line, fit
 * for a script element; "[]" of NULL. */
void report_settings_put(FILE *out, const char *line);

/* The number of its list; -1: it has none. */
int report_settings_shared(const struct report_settings *s, const char *line);

#endif
