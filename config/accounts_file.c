// SPDX-License-Identifier: MIT
#include "config/accounts_file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/input.h"
#include "config/plan_account.h"
#include "config/plan_diag.h"
#include "config/plan_schema.h"
#include "config/value.h"
#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

enum {
	SCRATCH_BYTES = 1024 * 1024
};

struct name {
	const char *name, *path;
	enum accounts_file_kind kind;
};

static const struct name names[] = {
    {"id", "id", ACCOUNTS_FILE_TEXT},
    {"user", "user", ACCOUNTS_FILE_TEXT},
    {"password", "password", ACCOUNTS_FILE_SECRET},
    {"src_user", "source.user", ACCOUNTS_FILE_TEXT},
    {"src_password", "source.password", ACCOUNTS_FILE_SECRET},
    {"dst_user", "target.user", ACCOUNTS_FILE_TEXT},
    {"dst_password", "target.password", ACCOUNTS_FILE_SECRET},
    {"groups", "groups", ACCOUNTS_FILE_GROUPS},
    {"priority", "priority", ACCOUNTS_FILE_VALUE},
    {"shared_target", "shared_target", ACCOUNTS_FILE_VALUE},
};

static const struct name exchange_names[] = {
    {"EmailAddress", "target.user", ACCOUNTS_FILE_TEXT},
    {"UserName", "source.user", ACCOUNTS_FILE_TEXT},
    {"Password", "source.password", ACCOUNTS_FILE_SECRET},
};

/* Of formats without names. */
static const struct accounts_file_column guide_columns[] = {
    {"user", "user", ACCOUNTS_FILE_TEXT},
    {"password", "password", ACCOUNTS_FILE_SECRET},
};
static const struct accounts_file_column imapsync_columns[] = {
    {"host1", "source.server", ACCOUNTS_FILE_TEXT},
    {"user1", "source.user", ACCOUNTS_FILE_TEXT},
    {"password1", "source.password", ACCOUNTS_FILE_SECRET},
    {"host2", "target.server", ACCOUNTS_FILE_TEXT},
    {"user2", "target.user", ACCOUNTS_FILE_TEXT},
    {"password2", "target.password", ACCOUNTS_FILE_SECRET},
};

struct field {
	const char *text; /* NULL: at `offset` in scratch */
	size_t offset, len;
	unsigned line, column, width;
};

struct reader {
	const struct input *in;
	struct plan_diag *diag;
	enum accounts_file_format format;
	bool is_csv; /* quotes count */
	char separator;
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
    "dst_password, groups, priority, shared_target; options.timeout and the like; x_* for reports";

/* The nearest name, dotted or not; "" when there is none. */
static void suggest(const char *name, char *out, size_t max)
{
	const char *list[ARRAY_LEN(names)];
	const char *dot = strrchr(name, '.'), *near = NULL;
	char parent[ACCOUNTS_FILE_NAME_BYTES];

	out[0] = '\0';
	if (!dot) {
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			list[i] = names[i].name;
		near = value_nearest(name, list, ARRAY_LEN(names));
		(void)snprintf(out, max, "%s", near ? near : "");
		return;
	}
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(dot - name), name);
	const struct plan_schema_key *key =
	    plan_schema_find(&plan_account_schema, parent);
	for (size_t i = 0; key && key->sub && i < key->sub->count; i++) {
		const char *const one[] = {key->sub->keys[i].name};
		near = near ? near : value_nearest(dot + 1, one, 1);
	}
	if (near)
		(void)snprintf(out, max, "%s.%s", parent, near);
}

static void unknown_column(
    const char *name, struct plan_place place, struct plan_diag *diag)
{
	char hint[512], near[2 * ACCOUNTS_FILE_NAME_BYTES];
	unsigned width = input_characters(name, strlen(name));

	suggest(name, near, sizeof(near));
	(void)snprintf(hint, sizeof(hint), "%s%s%s%s",
	    near[0] ? "did you mean \"" : "", near, near[0] ? "\"?\n" : "",
	    known_columns);
	plan_diag_add(
	    diag, "E0402", place, width, hint, "unknown column \"%s\"", name);
}

/* How the field of a dotted column is to be read; false: not at all. */
static bool kind_of(
    const struct plan_schema_key *key, enum accounts_file_kind *kind_out)
{
	*kind_out = ACCOUNTS_FILE_VALUE;
	if (key->type == PLAN_SCHEMA_PLANNED || key->type == PLAN_SCHEMA_MAP)
		return false;
	switch (key->shape) {
	case PLAN_SCHEMA_SHAPE_VALUE:
		if (key->type == PLAN_SCHEMA_ANY ||
		    key->type == PLAN_SCHEMA_TEXT)
			*kind_out = ACCOUNTS_FILE_TEXT;
		return true;
	case PLAN_SCHEMA_SHAPE_ONE_OR_MORE:
		*kind_out = ACCOUNTS_FILE_LIST;
		return true;
	case PLAN_SCHEMA_SHAPE_SECRET:
		*kind_out = ACCOUNTS_FILE_SECRET;
		return true;
	case PLAN_SCHEMA_SHAPE_MAP:
	case PLAN_SCHEMA_SHAPE_NAMED:
	case PLAN_SCHEMA_SHAPE_LIST:
	case PLAN_SCHEMA_SHAPE_TEXTS:
	case PLAN_SCHEMA_SHAPE_HOOK:
	case PLAN_SCHEMA_SHAPE_RATES:
	case PLAN_SCHEMA_SHAPE_VERSION:
		return false;
	}
	return false;
}

static const struct name *find_name(
    const char *name, const struct name *known, size_t count, bool fold)
{
	for (size_t i = 0; i < count; i++)
		if (fold ? strcasecmp(known[i].name, name) == 0
			 : strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

static void set_column(struct accounts_file_column *out, const char *path,
    enum accounts_file_kind kind)
{
	(void)snprintf(out->path, sizeof(out->path), "%s", path);
	out->kind = kind;
}

bool accounts_file_column(const char *text, size_t len, struct plan_place place,
    struct plan_diag *diag, struct accounts_file_column *out)
{
	*out = (struct accounts_file_column){.name = ""};
	if (len >= sizeof(out->name)) {
		plan_diag_add(diag, "E0402", place, 1, known_columns,
		    "the name of a column is longer than 95 bytes");
		return false;
	}
	memcpy(out->name, text, len);
	const struct name *known =
	    find_name(out->name, names, ARRAY_LEN(names), false);
	const struct plan_schema_key *key =
	    strchr(out->name, '.')
		? plan_schema_find(&plan_account_schema, out->name)
		: NULL;
	if (known)
		set_column(out, known->path, known->kind);
	else if (strncmp(out->name, "x_", 2) == 0 && out->name[2])
		set_column(out, out->name + 2, ACCOUNTS_FILE_EXTRA);
	else if (key && kind_of(key, &out->kind))
		memcpy(out->path, out->name, sizeof(out->path));
	else
		unknown_column(out->name, place, diag);
	return out->path[0] != '\0';
}

static bool says_who(const char *path)
{
	static const char *const paths[] = {
	    "id", "user", "source.user", "target.user"};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (strcmp(path, paths[i]) == 0)
			return true;
	return false;
}

/* One that stands inside another is twice there, too. */
static bool overlap(const char *a, const char *b)
{
	size_t len = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return memcmp(a, b, len) == 0 && (!a[len] || a[len] == '.') &&
	       (!b[len] || b[len] == '.');
}

bool accounts_file_check_columns(const struct accounts_file_column *columns,
    size_t count, struct plan_place place, struct plan_diag *diag)
{
	bool good = true, is_named = false;

	for (size_t i = 0; i < count; i++) {
		bool twice = false;
		for (size_t k = 0; k < i; k++)
			twice |= overlap(columns[i].path, columns[k].path) &&
				 (columns[i].kind == ACCOUNTS_FILE_EXTRA) ==
				     (columns[k].kind == ACCOUNTS_FILE_EXTRA);
		if (twice) {
			plan_diag_add(diag, "E0402", place, 1, NULL,
			    "the column \"%s\" is there twice",
			    columns[i].name);
			good = false;
		}
		is_named |= says_who(columns[i].path) &&
			    columns[i].kind != ACCOUNTS_FILE_EXTRA;
	}
	if (good && !is_named) {
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
	if (r->p < r->end && *r->p != r->separator && *r->p != '\n' &&
	    *r->p != '\r')
		return bad_quote(r, r->line, r->column,
		    "only a separator or a line end may follow a closing quote");
	return true;
}

static bool read_bare(struct reader *r)
{
	const char separator = r->separator;
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

/* The guide's scripts split at tabs, or at white space. */
static void choose_separator(struct reader *r)
{
	const char *end = r->p;

	if (r->format != ACCOUNTS_FILE_GUIDE)
		return;
	while (end < r->end && *end != '\n')
		end++;
	r->separator = memchr(r->p, '\t', (size_t)(end - r->p)) ? '\t' : ' ';
}

/* Nothing behind the last separator is no field. */
static bool is_last_empty(const struct reader *r)
{
	if (r->p < r->end && *r->p != '\n' && *r->p != '\r')
		return false;
	return r->format == ACCOUNTS_FILE_IMAPSYNC ||
	       r->format == ACCOUNTS_FILE_GUIDE;
}

static bool is_comment(const struct reader *r)
{
	return r->format == ACCOUNTS_FILE_IMAPSYNC && *r->p == '#';
}

/* 1: a record is in r->fields, 0: the end, -1: a problem was reported. */
static int read_record(struct reader *r)
{
	while (
	    r->p < r->end && (*r->p == '\n' || *r->p == '\r' || is_comment(r)))
		skip_line(r);
	if (r->p == r->end)
		return 0;
	buf_reset(&r->scratch);
	r->count = 0;
	r->first_line = r->line;
	choose_separator(r);
	for (;;) {
		bool quoted = r->is_csv && r->p < r->end && *r->p == '"';
		if (quoted ? !read_quoted(r) : !read_bare(r))
			return -1;
		if (r->p == r->end || *r->p != r->separator)
			break;
		do
			advance(r, r->p + 1);
		while (r->separator == ' ' && r->p < r->end && *r->p == ' ');
		if (is_last_empty(r))
			break;
	}
	(void)end_line(r);
	for (size_t i = 0; i < r->count && i < ACCOUNTS_FILE_MAX_COLUMNS; i++)
		if (!r->fields[i].text)
			r->fields[i].text =
			    r->scratch.data + r->fields[i].offset;
	return 1;
}

/* ---- tables ---- */

/* The name in a header line, and what it is called here. */
static const struct name *known_name(
    const struct reader *r, const struct field *f)
{
	char name[ACCOUNTS_FILE_NAME_BYTES];

	if (f->len >= sizeof(name))
		return NULL;
	memcpy(name, f->text, f->len);
	name[f->len] = '\0';
	if (r->format == ACCOUNTS_FILE_EXCHANGE)
		return find_name(
		    name, exchange_names, ARRAY_LEN(exchange_names), true);
	return find_name(name, names, ARRAY_LEN(names), false);
}

static bool names_any(const struct reader *r)
{
	for (size_t i = 0; i < r->count && i < ACCOUNTS_FILE_MAX_COLUMNS; i++)
		if (known_name(r, &r->fields[i]))
			return true;
	return false;
}

/* Of Exchange's columns others are only taken when they are for reports. */
static bool read_name(
    struct reader *r, const struct field *f, struct accounts_file_column *out)
{
	struct plan_place place = place_at(r, f->line, f->column);
	const struct name *known =
	    r->format == ACCOUNTS_FILE_EXCHANGE ? known_name(r, f) : NULL;

	if (!known)
		return accounts_file_column(
		    f->text, f->len, place, r->diag, out);
	*out = (struct accounts_file_column){.name = ""};
	(void)snprintf(out->name, sizeof(out->name), "%s", known->name);
	set_column(out, known->path, known->kind);
	return true;
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
	for (size_t i = 0; i < r->count; i++)
		good &= read_name(r, &r->fields[i], &spec->columns[i]);
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
		const char *name = spec->columns[i].name;
		if (strlen(name) != f->len ||
		    memcmp(name, f->text, f->len) != 0)
			return false;
	}
	return true;
}

static bool give_row(struct reader *r, const struct accounts_file_spec *spec,
    accounts_file_row_fn *row, void *arg)
{
	struct accounts_file_row out;

	out.place = place_at(r, r->first_line, 1);
	out.columns = spec->columns;
	out.count = r->count;

	if (r->count != spec->column_count) {
		plan_diag_add(r->diag, "E0403", out.place, 1,
		    r->is_csv ? "a field with a separator needs quotes" : NULL,
		    "%zu fields, but there are %zu columns", r->count,
		    spec->column_count);
		return false;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct field *f = &r->fields[i];
		// reports put it before what looks like a formula
		bool guarded = r->is_csv &&
			       spec->columns[i].kind != ACCOUNTS_FILE_SECRET &&
			       f->len > 1 && f->text[0] == '\'' &&
			       text_is_formula(f->text + 1, f->len - 1);
		out.fields[i] = (struct accounts_file_field){f->text + guarded,
		    f->len - guarded, place_at(r, f->line, f->column),
		    f->width};
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

/* Which separates: a comma, or what spreadsheets write where the comma is a
 * decimal point. */
static char csv_separator(const struct input *in)
{
	const char *end = memchr(in->text, '\n', in->len);
	size_t len = end ? (size_t)(end - in->text) : in->len;

	return memchr(in->text, ';', len) && !memchr(in->text, ',', len) ? ';'
									 : ',';
}

static void set_format(struct reader *r, struct accounts_file_spec *spec)
{
	const struct accounts_file_column *fixed = NULL;

	r->format = spec->format;
	r->separator = '\t';
	switch (spec->format) {
	case ACCOUNTS_FILE_TSV:
		break;
	case ACCOUNTS_FILE_CSV:
	case ACCOUNTS_FILE_EXCHANGE:
		r->is_csv = true;
		r->separator = csv_separator(r->in);
		break;
	case ACCOUNTS_FILE_GUIDE:
		fixed = guide_columns;
		spec->column_count = ARRAY_LEN(guide_columns);
		break;
	case ACCOUNTS_FILE_IMAPSYNC:
		r->separator = ';';
		fixed = imapsync_columns;
		spec->column_count = ARRAY_LEN(imapsync_columns);
		break;
	}
	for (size_t i = 0; fixed && i < spec->column_count; i++)
		spec->columns[i] = fixed[i];
}

bool accounts_file_parse(const struct input *in,
    struct accounts_file_spec *spec, struct plan_diag *diag,
    bool *has_secrets_out, accounts_file_row_fn *row, void *arg)
{
	struct reader r = {.in = in,
	    .diag = diag,
	    .p = in->text,
	    .end = in->text + in->len,
	    .line = 1,
	    .column = 1};

	*has_secrets_out = false;
	buf_init(&r.scratch, SCRATCH_BYTES);
	set_format(&r, spec);
	bool has_header = spec->column_count == 0;
	bool good = !has_header || read_header(&r, spec);
	for (size_t i = 0; good && i < spec->column_count; i++)
		if (spec->columns[i].kind == ACCOUNTS_FILE_SECRET)
			*has_secrets_out = true;
	if (*has_secrets_out)
		plan_diag_hide_line(diag, (struct plan_place){in->name, 0, 0});
	if (good)
		read_rows(&r, spec, has_header, row, arg);
	buf_wipe(&r.scratch);
	return good;
}
