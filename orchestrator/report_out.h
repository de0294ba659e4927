// SPDX-License-Identifier: MIT
/*
 * Files of reports, and words of strangers in them: a name stays text whatever
 * stands in it.  Words are UTF-8; what no eye sees or what turns the order of
 * letters around is shown as \xNN in HTML and its JSON.
 */
#ifndef ORCHESTRATOR_REPORT_OUT_H
#define ORCHESTRATOR_REPORT_OUT_H

#include <stdbool.h>
#include <stdio.h>

struct error;

struct report_out {
	FILE *file; /* to be written to */
	/* private */
	char *path, *temp;
};

/* 0 when nothing is at `path`, or a plain file: a rename would replace a pipe, a
 * device or somebody's link as well. -1 with an error otherwise. */
int report_out_check(const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* A file that replaces `path` when it is whole; 0600. */
int report_out_begin(struct report_out *o, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* `good`: put it in place, synced if wanted. Else what was written goes away.
 * Returns -1 also when a write has failed before. */
int report_out_end(struct report_out *o, bool good, bool sync,
    struct error *err) __attribute__((warn_unused_result));

/* Removes what writers of this machine left in a directory that were killed. */
void report_out_sweep(const char *directory);

/* Text and attribute values of HTML and SVG. */
void report_out_html(FILE *out, const char *text);

/* A JSON string with its quotes; may stand in a script element. */
void report_out_json(FILE *out, const char *text);

/* One cell of RFC 4180, in quotes: who is told to take such cells as text reads
 * back all of it, zeros in front too. What a spreadsheet would take for a formula
 * gets an apostrophe in front (text_is_formula). */
void report_out_csv(FILE *out, const char *text);

/* "2,417,991" */
void report_out_number(FILE *out, unsigned long long n);

#endif
