// SPDX-License-Identifier: MIT
/*
 * Tables of accounts, one row an account.  A parser over bytes: gives rows to
 * its caller, knows nothing of plans or files.
 *
 * TSV fields are taken as they stand.  CSV follows RFC 4180: fields with
 * commas, quotes or line ends stand in double quotes, a quote inside is
 * doubled; when the first line has semicolons and no comma, they separate.
 * Empty lines are skipped.  Without names from the caller the first line gives
 * the columns.  Three formats have columns of their own: the guide's users.txt
 * (user and password, between them a tab or else blanks), imapsync's (six
 * fields, each with ";" behind, lines with "#" in front are comments) and
 * Exchange's CSV (EmailAddress, UserName, Password).
 *
 * Problems: E0402 columns, E0403 wrong number of fields, E0404 quotes, E0407
 * too many rows.
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
	ACCOUNTS_FILE_CSV,
	ACCOUNTS_FILE_GUIDE,
	ACCOUNTS_FILE_IMAPSYNC,
	ACCOUNTS_FILE_EXCHANGE
};

enum {
	ACCOUNTS_FILE_MAX_COLUMNS = 64,
	ACCOUNTS_FILE_MAX_ROWS = 1000000,
	ACCOUNTS_FILE_NAME_BYTES = 96
};

enum accounts_file_kind {
	ACCOUNTS_FILE_TEXT,   /* may be anything */
	ACCOUNTS_FILE_SECRET, /* the same, and hidden */
	ACCOUNTS_FILE_LIST,   /* several, "|" between them */
	ACCOUNTS_FILE_GROUPS, /* several, between them blanks or commas */
	ACCOUNTS_FILE_VALUE,  /* as it would stand in a plan without quotes */
	ACCOUNTS_FILE_EXTRA   /* x_: for reports */
};

struct accounts_file_column {
	char name[ACCOUNTS_FILE_NAME_BYTES]; /* as the table has it */
	/* where it stands in an account: "source.user"; of EXTRA its name */
	char path[ACCOUNTS_FILE_NAME_BYTES];
	enum accounts_file_kind kind;
};

/* Not NUL-terminated; lives until the row function returns. */
struct accounts_file_field {
	const char *text;
	size_t len;
	struct plan_place place;
	unsigned width;
};

struct accounts_file_row {
	struct plan_place place;
	const struct accounts_file_column *columns;
	struct accounts_file_field fields[ACCOUNTS_FILE_MAX_COLUMNS];
	size_t count;
};

typedef void accounts_file_row_fn(
    void *arg, const struct accounts_file_row *row);

struct accounts_file_spec {
	enum accounts_file_format format;
	/* Columns when the file has no header line; 0: it has one. */
	struct accounts_file_column columns[ACCOUNTS_FILE_MAX_COLUMNS];
	size_t column_count;
};

/* A column's meaning; false after a problem at `place`. */
bool accounts_file_column(const char *name, size_t len, struct plan_place place,
    struct plan_diag *diag, struct accounts_file_column *out);

/* Refuses columns named twice, and a table without any that counts. */
bool accounts_file_check_columns(const struct accounts_file_column *columns,
    size_t count, struct plan_place place, struct plan_diag *diag);

/*
 * Calls `row` for every good row, in order; false when the columns cannot be
 * used. `in` has passed input_check. When a column is a password, all lines are
 * hidden in `diag` and *has_secrets_out is set. What the format leaves open in
 * `spec` is filled in.
 */
bool accounts_file_parse(const struct input *in,
    struct accounts_file_spec *spec, struct plan_diag *diag,
    bool *has_secrets_out, accounts_file_row_fn *row, void *arg);

#endif
