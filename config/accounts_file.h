// SPDX-License-Identifier: MIT
/*
 * Tables of accounts: TSV and CSV, one row an account.  A parser over bytes:
 * gives rows to its caller, knows nothing of plans or files.
 *
 * TSV fields are taken as they stand.  CSV follows RFC 4180: fields with
 * commas, quotes or line ends stand in double quotes, a quote inside is
 * doubled.  Empty lines are skipped.  Without names from the caller the first
 * line gives the columns.
 *
 * Problems: E0402 columns, E0403 wrong number of fields, E0404 quotes, E0407
 * too many rows; E0103 columns that this version does not support.
 */
#ifndef CONFIG_ACCOUNTS_FILE_H
#define CONFIG_ACCOUNTS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/plan.h"

struct input;
struct plan_diag;

enum accounts_file_format {
	ACCOUNTS_FILE_TSV,
	ACCOUNTS_FILE_CSV
};

enum accounts_file_column {
	ACCOUNTS_FILE_ID,
	ACCOUNTS_FILE_USER,
	ACCOUNTS_FILE_PASSWORD,
	ACCOUNTS_FILE_SRC_USER,
	ACCOUNTS_FILE_SRC_PASSWORD,
	ACCOUNTS_FILE_DST_USER,
	ACCOUNTS_FILE_DST_PASSWORD,
	ACCOUNTS_FILE_COLUMNS,
	ACCOUNTS_FILE_IGNORED = ACCOUNTS_FILE_COLUMNS /* x_ columns */
};

enum {
	ACCOUNTS_FILE_MAX_COLUMNS = 64,
	ACCOUNTS_FILE_MAX_ROWS = 1000000
};

/* Not NUL-terminated; lives until the row function returns. */
struct accounts_file_field {
	const char *text; /* NULL: no such column; len 0: left empty */
	size_t len;
	struct plan_place place;
	unsigned width;
};

struct accounts_file_row {
	struct plan_place place;
	struct accounts_file_field fields[ACCOUNTS_FILE_COLUMNS];
};

typedef void accounts_file_row_fn(
    void *arg, const struct accounts_file_row *row);

struct accounts_file_spec {
	enum accounts_file_format format;
	/* Columns when the file has no header line; 0: it has one. */
	enum accounts_file_column columns[ACCOUNTS_FILE_MAX_COLUMNS];
	size_t column_count;
};

/* A column's meaning; false after a problem at `place`. */
bool accounts_file_column(const char *name, size_t len, struct plan_place place,
    struct plan_diag *diag, enum accounts_file_column *out);

/* Refuses columns named twice, and a table without any that counts. */
bool accounts_file_check_columns(const enum accounts_file_column *columns,
    size_t count, struct plan_place place, struct plan_diag *diag);

/*
 * Calls `row` for every good row, in order; false when the columns cannot be
 * used. `in` has passed input_check. When a column is a password, all lines are
 * hidden in `diag` and *has_secrets_out is set.
 */
bool accounts_file_parse(const struct input *in,
    const struct accounts_file_spec *spec, struct plan_diag *diag,
    bool *has_secrets_out, accounts_file_row_fn *row, void *arg);

#endif
