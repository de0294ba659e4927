// SPDX-License-Identifier: MIT
#include "config/accounts_file.h"

#include <stdio.h>
#include <string.h>

#include "config/input.h"
#include "config/plan_diag.h"
#include "config/value.h"
#include "engine/base/buf.h"
#include "engine/base/mem.h"

enum {
	SCRATCH_BYTES = 1024 * 1024
};

static const char *const names[] = {"id", "user", "password", "src_user",
    "src_password", "dst_user", "dst_password"};
_Static_assert(ARRAY_LEN(names) == ACCOUNTS_FILE_COLUMNS, "a name for each");

struct field {
	const char *text; /* NULL: at `offset` in scratch */
	size_t offset, len;
	unsigned line, column, width;
};

struct reader {
	const struct input *in;
	struct plan_diag *diag;
	bool is_csv;
	const char *p, *end;
	unsigned line, column;
	struct buf scratch; /* unquoted fields of this record */
	struct field fields[ACCOUNTS_FILE_MAX_COLUMNS];
	size_t count; /* of fields met; those beyond the maximum only counted */
	unsigned first_line;
};

static struct plan_place place_at(
    const struct reader *r, unsigned line, unsigned column)
{
	return (struct plan_place){r->in->name, line, column};
}

/* ---- columns ---- */

static const char known_columns[] =
    "known columns: id, user, password, src_user, src_password, dst_user, "
    "dst_password; x_* are ignored";

static void unknown_column(
    const char *name, struct plan_place place, struct plan_diag *diag)
{
	char hint[512];
	const char *near = value_nearest(name, names, ARRAY_LEN(names));
	unsigned width = (unsigned)strlen(name);

	if (strcmp(name, "groups") == 0 || strchr(name, '.')) {
		plan_diag_add(diag, "E0103", place, width, known_columns,
		    "the column \"%s\" is planned, but this version does not support it",
		    name);
		return;
	}
	(void)snprintf(hint, sizeof(hint), "%s%s%s%s",
	    near ? "did you mean \"" : "", near ? near : "",
	    near ? "\"?\n" : "", known_columns);
	plan_diag_add(
	    diag, "E0402", place, width, hint, "unknown column \"%s\"", name);
}

bool accounts_file_column(const char *text, size_t len, struct plan_place place,
    struct plan_diag *diag, enum accounts_file_column *out)
{
	char name[256];

	if (len >= 2 && memcmp(text, "x_", 2) == 0) {
		*out = ACCOUNTS_FILE_IGNORED;
		return true;
	}
	(void)snprintf(name, sizeof(name), "%.*s",
	    len < sizeof(name) ? (int)len : (int)sizeof(name), text);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum accounts_file_column)i;
			return true;
		}
	unknown_column(name, place, diag);
	return false;
}

bool accounts_file_check_columns(const enum accounts_file_column *columns,
    size_t count, struct plan_place place, struct plan_diag *diag)
{
	bool seen[ACCOUNTS_FILE_COLUMNS] = {false}, good = true;

	for (size_t i = 0; i < count; i++) {
		if (columns[i] == ACCOUNTS_FILE_IGNORED)
			continue;
		if (seen[columns[i]]) {
			plan_diag_add(diag, "E0402", place, 1, NULL,
			    "the column \"%s\" is there twice",
			    names[columns[i]]);
			good = false;
		}
		seen[columns[i]] = true;
	}
	if (good && !seen[ACCOUNTS_FILE_ID] && !seen[ACCOUNTS_FILE_USER] &&
	    !seen[ACCOUNTS_FILE_SRC_USER] && !seen[ACCOUNTS_FILE_DST_USER]) {
		plan_diag_add(diag, "E0402", place, 1, known_columns,
		    "no column says which account it is");
		good = false;
	}
	return good;
}

/* ---- records ---- */

/* Moves over bytes that hold no line end. */
static void advance(struct reader *r, const char *to)
{
	r->column += input_characters(r->p, (size_t)(to - r->p));
	r->p = to;
}

static void skip_line(struct reader *r)
{
	const char *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));

	r->p = nl ? nl + 1 : r->end;
	r->line++;
	r->column = 1;
}

/* At a line end, or at the end of the text? Steps over it. */
static bool end_line(struct reader *r)
{
	if (r->p < r->end && *r->p != '\n' && *r->p != '\r')
		return false;
	skip_line(r);
	return true;
}

static struct field *new_field(struct reader *r)
{
	struct field *f = &r->fields[r->count < ACCOUNTS_FILE_MAX_COLUMNS
					 ? r->count
					 : ACCOUNTS_FILE_MAX_COLUMNS - 1];

	r->count++;
	*f = (struct field){.line = r->line, .column = r->column};
	return f;
}

static bool bad_quote(
    struct reader *r, unsigned line, unsigned column, const char *what)
{
	plan_diag_add(r->diag, "E0404", place_at(r, line, column), 1,
	    "quote the whole field and double each quote in it: \"a\"\"b\"",
	    "%s", what);
	skip_line(r);
	return false;
}

/* One quoted field; the reader stands on its first quote. */
static bool read_quoted(struct reader *r)
{
	struct field *f = new_field(r);

	f->offset = r->scratch.len;
	advance(r, r->p + 1);
	for (;;) {
		const char *q = r->p;
		while (q < r->end && *q != '"' && *q != '\n')
			q++;
		if (buf_append(&r->scratch, r->p,
			(size_t)(q - r->p) + (q < r->end && *q == '\n')) < 0)
			return bad_quote(
			    r, f->line, f->column, "the row is too long");
		advance(r, q);
		if (q == r->end)
			return bad_quote(r, f->line, f->column,
			    "the quote that opens here is never closed");
		if (*q == '\n') {
			skip_line(r);
			continue;
		}
		advance(r, q + 1);
		if (r->p == r->end || *r->p != '"')
			break;
		if (buf_append(&r->scratch, "\"", 1) < 0)
			return bad_quote(
			    r, f->line, f->column, "the row is too long");
		advance(r, r->p + 1);
	}
	f->len = r->scratch.len - f->offset;
	f->width = r->line == f->line ? r->column - f->column : 1;
	if (r->p < r->end && *r->p != ',' && *r->p != '\n' && *r->p != '\r')
		return bad_quote(r, r->line, r->column,
		    "only a comma or a line end may follow a closing quote");
	return true;
}

static bool read_bare(struct reader *r)
{
	const char separator = r->is_csv ? ',' : '\t';
	struct field *f = new_field(r);
	const char *q = r->p;

	while (q < r->end && *q != separator && *q != '\n' && *q != '\r') {
		if (r->is_csv && *q == '"') {
			advance(r, q);
			return bad_quote(r, r->line, r->column,
			    "a quote inside a field without quotes");
		}
		q++;
	}
	f->text = r->p;
	f->len = (size_t)(q - r->p);
	advance(r, q);
	f->width = r->column - f->column;
	return true;
}

/* 1: a record is in r->fields, 0: the end, -1: a problem was reported. */
static int read_record(struct reader *r)
{
	const char separator = r->is_csv ? ',' : '\t';

	while (r->p < r->end && (*r->p == '\n' || *r->p == '\r'))
		(void)end_line(r);
	if (r->p == r->end)
		return 0;
	buf_reset(&r->scratch);
	r->count = 0;
	r->first_line = r->line;
	for (;;) {
		bool quoted = r->is_csv && r->p < r->end && *r->p == '"';
		if (quoted ? !read_quoted(r) : !read_bare(r))
			return -1;
		if (r->p == r->end || *r->p != separator)
			break;
		advance(r, r->p + 1);
	}
	(void)end_line(r);
	for (size_t i = 0; i < r->count && i < ACCOUNTS_FILE_MAX_COLUMNS; i++)
		if (!r->fields[i].text)
			r->fields[i].text =
			    r->scratch.data + r->fields[i].offset;
	return 1;
}

/* ---- tables ---- */

static bool names_any(const struct reader *r)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			if (r->fields[i].len == strlen(names[k]) &&
			    memcmp(r->fields[i].text, names[k],
				r->fields[i].len) == 0)
				return true;
	return false;
}

static bool read_header(struct reader *r, struct accounts_file_spec *spec)
{
	bool good = true;

	int rc = read_record(r);
	if (rc < 0)
		return false;
	if (rc == 0) {
		plan_diag_add(r->diag, "E0402", place_at(r, 1, 1), 1,
		    known_columns, "the file has no header line");
		return false;
	}
	if (r->count > ACCOUNTS_FILE_MAX_COLUMNS) {
		plan_diag_add(r->diag, "E0402", place_at(r, r->first_line, 1),
		    1, NULL, "the table has more than 64 columns");
		return false;
	}
	if (!names_any(r)) {
		// most likely an account, so nothing of it is repeated
		plan_diag_hide_line(r->diag, place_at(r, r->first_line, 1));
		plan_diag_add(r->diag, "E0402", place_at(r, r->first_line, 1),
		    1,
		    "a file without a header line needs columns: in the plan\nfields are separated by tabs (tsv) or commas (csv)",
		    "the first line names no known column");
		return false;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct field *f = &r->fields[i];
		good &= accounts_file_column(f->text, f->len,
		    place_at(r, f->line, f->column), r->diag,
		    &spec->columns[i]);
	}
	spec->column_count = r->count;
	return good && accounts_file_check_columns(spec->columns, r->count,
			   place_at(r, r->first_line, 1), r->diag);
}

/* A header line that repeats what the plan says. */
static bool is_header(
    const struct reader *r, const struct accounts_file_spec *spec)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct field *f = &r->fields[i];
		enum accounts_file_column c = spec->columns[i];
		if (c != ACCOUNTS_FILE_IGNORED &&
		    (strlen(names[c]) != f->len ||
			memcmp(names[c], f->text, f->len) != 0))
			return false;
	}
	return true;
}

static bool give_row(struct reader *r, const struct accounts_file_spec *spec,
    accounts_file_row_fn *row, void *arg)
{
	struct accounts_file_row out = {.place = place_at(r, r->first_line, 1)};

	if (r->count != spec->column_count) {
		plan_diag_add(r->diag, "E0403", out.place, 1,
		    r->is_csv ? "a field with a comma needs quotes" : NULL,
		    "%zu fields, but there are %zu columns", r->count,
		    spec->column_count);
		return false;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct field *f = &r->fields[i];
		if (spec->columns[i] == ACCOUNTS_FILE_IGNORED)
			continue;
		out.fields[spec->columns[i]] = (struct accounts_file_field){
		    f->text, f->len, place_at(r, f->line, f->column), f->width};
	}
	row(arg, &out);
	return true;
}

static void read_rows(struct reader *r, const struct accounts_file_spec *spec,
    bool has_header, accounts_file_row_fn *row, void *arg)
{
	size_t rows = 0;
	int rc;

	while ((rc = read_record(r)) != 0) {
		if (rc < 0)
			continue;
		if (++rows > ACCOUNTS_FILE_MAX_ROWS) {
			plan_diag_add(r->diag, "E0407",
			    place_at(r, r->first_line, 1), 1, NULL,
			    "the file has more than 1000000 rows");
			return;
		}
		bool repeats = rows == 1 && !has_header &&
			       r->count == spec->column_count &&
			       is_header(r, spec);
		if (!repeats)
			(void)give_row(r, spec, row, arg);
	}
}

static bool is_secret(enum accounts_file_column c)
{
	return c == ACCOUNTS_FILE_PASSWORD || c == ACCOUNTS_FILE_SRC_PASSWORD ||
	       c == ACCOUNTS_FILE_DST_PASSWORD;
}

bool accounts_file_parse(const struct input *in,
    const struct accounts_file_spec *given, struct plan_diag *diag,
    bool *has_secrets_out, accounts_file_row_fn *row, void *arg)
{
	struct accounts_file_spec spec = *given;
	bool has_header = spec.column_count == 0;
	struct reader r = {.in = in,
	    .diag = diag,
	    .is_csv = spec.format == ACCOUNTS_FILE_CSV,
	    .p = in->text,
	    .end = in->text + in->len,
	    .line = 1,
	    .column = 1};

	*has_secrets_out = false;
	buf_init(&r.scratch, SCRATCH_BYTES);
	bool good = !has_header || read_header(&r, &spec);
	for (size_t i = 0; good && i < spec.column_count; i++)
		if (is_secret(spec.columns[i]))
			*has_secrets_out = true;
	if (*has_secrets_out)
		plan_diag_hide_line(diag, (struct plan_place){in->name, 0, 0});
	if (good)
		read_rows(&r, &spec, has_header, row, arg);
	buf_wipe(&r.scratch);
	return good;
}
