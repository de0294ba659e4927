// SPDX-License-Identifier: MIT
/*
 * The accounts in report.html: rows of a table, and what opens beneath them as
 * lines of JSON.  Of very many accounts the page's script makes only those rows
 * that are looked at, from JSON; without script it has the first ones.
 */
#ifndef ORCHESTRATOR_REPORT_ROWS_H
#define ORCHESTRATOR_REPORT_ROWS_H

#include <stdio.h>

struct report_model;

enum {
	REPORT_ROWS_MAX = 20000,     /* above it rows are made by the script */
	REPORT_ROWS_PLAIN = 1000,    /* so many without it, and when printed */
	REPORT_ROWS_FOLDERS = 400000 /* of all accounts; more is counted */
};

void report_rows_table(FILE *out, const struct report_model *m);
void report_rows_data(FILE *out, const struct report_model *m);

#endif
