// SPDX-License-Identifier: MIT
/* The tables of a run for spreadsheets: RFC 4180, UTF-8, no formulas. */
#ifndef ORCHESTRATOR_REPORT_CSV_H
#define ORCHESTRATOR_REPORT_CSV_H

#include <stdio.h>

struct report_model;

/* One row an account, as in the plan. */
void report_csv_accounts(FILE *out, const struct report_model *m);

/* Those that need somebody: columns of an accounts file, without passwords,
 * and why, as x_ columns, so that it can be the accounts file of a next plan. */
void report_csv_todo(FILE *out, const struct report_model *m);

#endif
