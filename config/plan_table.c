// SPDX-License-Identifier: MIT
#include "config/plan_table.h"

#include <string.h>
#include <strings.h>

#include "config/accounts_file.h"
#include "config/arena.h"
#include "config/input.h"
#include "config/plan_build.h"
#include "config/plan_check.h"
#include "config/plan_diag.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

struct table {
	const struct plan_yaml_node *path, *columns;
	uint32_t format;
};

enum {
	FORMAT_UNSET = 99
};

static const char *const formats[] = {"tsv", "csv", NULL};
static const char *const planned_formats[] = {"imapsync", "exchange", NULL};
static const struct table no_table = {.format = FORMAT_UNSET};
static const struct plan_schema_key table_keys[] = {
    {.name = "path",
	.type = PLAN_SCHEMA_TEXT,
	.offset = offsetof(struct table, path),
	.doc = "of the table"},
    {.name = "format",
	.type = PLAN_SCHEMA_WORD,
	.offset = offsetof(struct table, format),
	.words = formats,
	.planned = planned_formats,
	.doc = "of the table; else by the name of the file"},
    {.name = "columns",
	.type = PLAN_SCHEMA_NODE,
	.offset = offsetof(struct table, columns),
	.shape = PLAN_SCHEMA_SHAPE_TEXTS,
	.doc = "of a table without a header line"},
};
const struct plan_schema plan_table_schema = {
    table_keys, ARRAY_LEN(table_keys), &no_table};

/* ---- rows ---- */

/* Where a column stands in an account. */
struct place_of_column {
	const char *part; /* NULL: the account itself */
	const char *key;
	bool is_secret;
};

static const struct place_of_column columns[] = {
    [ACCOUNTS_FILE_ID] = {NULL, "id", false},
    [ACCOUNTS_FILE_USER] = {NULL, "user", false},
    [ACCOUNTS_FILE_PASSWORD] = {NULL, "password", true},
    [ACCOUNTS_FILE_SRC_USER] = {"source", "user", false},
    [ACCOUNTS_FILE_SRC_PASSWORD] = {"source", "password", true},
    [ACCOUNTS_FILE_DST_USER] = {"target", "user", false},
    [ACCOUNTS_FILE_DST_PASSWORD] = {"target", "password", true},
};

static struct plan_yaml_node *new_node(struct plan_build *b,
    enum plan_yaml_kind kind, struct plan_place place, unsigned width)
{
	struct plan_yaml_node *n = arena_alloc(b->arena, sizeof(*n));

	n->kind = kind;
	n->place = place;
	n->end_line = place.line;
	n->width = width;
	return n;
}

static struct plan_yaml_node *text_node(struct plan_build *b, const char *text,
    size_t len, struct plan_place place, unsigned width)
{
	struct plan_yaml_node *n = new_node(b, PLAN_YAML_SCALAR, place, width);

	n->text = arena_strndup(b->arena, text, len);
	n->len = len;
	return n;
}

static struct plan_yaml_node *map_node(
    struct plan_build *b, struct plan_place place)
{
	struct plan_yaml_node *n = new_node(b, PLAN_YAML_MAP, place, 1);

	n->pairs = arena_array(b->arena, ARRAY_LEN(columns), sizeof(*n->pairs));
	return n;
}

/* The mapping of that key, made when it is not there. */
static struct plan_yaml_node *part_of(
    struct plan_build *b, struct plan_yaml_node *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->pairs[i].key->text, key) == 0)
			return (struct plan_yaml_node *)map->pairs[i].value;
	struct plan_yaml_node *part = map_node(b, map->place);
	map->pairs[map->count++] = (struct plan_yaml_pair){
	    text_node(b, key, strlen(key), map->place, 1), part};
	return part;
}

static void take_row(void *arg, const struct accounts_file_row *row)
{
	struct plan_build *b = arg;
	struct plan_yaml_node *account = map_node(b, row->place);

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		const struct accounts_file_field *f = &row->fields[i];
		if (!f->text || f->len == 0)
			continue;
		struct plan_yaml_node *map = account;
		if (columns[i].part)
			map = part_of(b, account, columns[i].part);
		map->pairs[map->count++] = (struct plan_yaml_pair){
		    text_node(b, columns[i].key, strlen(columns[i].key),
			f->place, f->width),
		    text_node(b, f->text, f->len, f->place, f->width)};
	}
	(void)plan_account_read(b, account, "row");
}

/* ---- the file ---- */

static bool read_columns(struct plan_build *b,
    const struct plan_yaml_node *list, struct accounts_file_spec *spec)
{
	bool good = true;

	if (!list)
		return true;
	if (!plan_schema_is_list(list, "accounts_file", "columns", b->diag))
		return false;
	if (list->count == 0 || list->count > ACCOUNTS_FILE_MAX_COLUMNS) {
		plan_diag_add(b->diag, "E0402", list->place, list->width, NULL,
		    "there must be 1 to 64 columns");
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct plan_yaml_node *n = list->items[i];
		good &= plan_schema_is_text(
			    n, "accounts_file", "columns", b->diag) &&
			accounts_file_column(n->text, n->len, n->place, b->diag,
			    &spec->columns[i]);
	}
	spec->column_count = list->count;
	return good && accounts_file_check_columns(
			   spec->columns, list->count, list->place, b->diag);
}

static void read_table(struct plan_build *b, const struct table *table,
    const struct accounts_file_spec *spec)
{
	struct input *in = &b->table;
	struct error err;
	bool has_secrets = false;
	const char *given = table->path->text;
	char *path = plan_build_path(b, given);

	if (input_read(in, path, &err) < 0) {
		plan_diag_set_class(b->diag,
		    in->missing ? PLAN_DIAG_NOT_FOUND : PLAN_DIAG_CONFIG);
		plan_diag_add(b->diag, "E0401", table->path->place,
		    table->path->width, NULL, "%s", err.text);
		return;
	}
	// shown as the operator would type it, not as it resolves
	in->name = path;
	if (given[0] != '/')
		in->name = arena_printf(b->arena, "%s%s%s",
		    b->dir_shown ? b->dir_shown : "", b->dir_shown ? "/" : "",
		    given);
	plan_diag_source(b->diag, in->name, in->text, in->len);
	if (input_check(in, b->diag))
		(void)accounts_file_parse(
		    in, spec, b->diag, &has_secrets, take_row, b);
	if (has_secrets && in->exposed)
		plan_check_exposed(b, (struct plan_place){in->name, 1, 1},
		    in->name, "the accounts file, and it holds passwords");
}

void plan_table_read(struct plan_build *b, const struct plan_yaml_node *map)
{
	struct table table = no_table;
	struct accounts_file_spec spec = {0};
	size_t before = plan_diag_errors(b->diag);

	if (plan_yaml_is_null(map))
		return;
	plan_schema_read(
	    &plan_table_schema, map, "accounts_file", b->diag, &table);
	bool good = read_columns(b, table.columns, &spec);
	if (!table.path && plan_diag_errors(b->diag) == before)
		plan_diag_add(b->diag, "E0102", map->place, map->width,
		    "{path: users.tsv}", "accounts_file needs path");
	if (!table.path || !good || plan_diag_errors(b->diag) != before)
		return;
	size_t len = table.path->len;
	spec.format = ACCOUNTS_FILE_TSV;
	if (table.format == ACCOUNTS_FILE_CSV ||
	    (table.format == FORMAT_UNSET && len > 4 &&
		strcasecmp(table.path->text + len - 4, ".csv") == 0))
		spec.format = ACCOUNTS_FILE_CSV;
	read_table(b, &table, &spec);
}
