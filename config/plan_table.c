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
	FORMAT_UNSET = 99,
	PARTS_MAX = 64,
	KEYS_MAX = 4 * ACCOUNTS_FILE_MAX_COLUMNS
};

/* In the order of enum accounts_file_format. */
static const char *const formats[] = {
    "tsv", "csv", "guide", "imapsync", "exchange", NULL};
static const struct table no_table = {.format = FORMAT_UNSET};
static const struct plan_schema_key table_keys[] = {
    {.name = "path",
	.type = PLAN_SCHEMA_TEXT,
	.offset = offsetof(struct table, path),
	.is_required = true,
	.doc = "of the table"},
    {.name = "format",
	.type = PLAN_SCHEMA_WORD,
	.offset = offsetof(struct table, format),
	.words = formats,
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

struct table_reader {
	struct plan_build *b;
	bool is_started;
	/* Keys have no place of their own: all rows share them. */
	const struct plan_yaml_node *keys[KEYS_MAX];
	size_t key_count;
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
    size_t len, const struct accounts_file_field *f)
{
	struct plan_yaml_node *n =
	    new_node(b, PLAN_YAML_SCALAR, f->place, f->width);

	n->text = arena_strndup(b->arena, text, len);
	n->len = len;
	return n;
}

/* The parts of a field that holds several. */
static struct plan_yaml_node *list_node(struct plan_build *b,
    const struct accounts_file_field *f, const char *separators)
{
	struct plan_yaml_node *list =
	    new_node(b, PLAN_YAML_LIST, f->place, f->width);
	const char *all = arena_strndup(b->arena, f->text, f->len);

	list->items = arena_array(
	    b->arena, PARTS_MAX, sizeof(const struct plan_yaml_node *));
	for (const char *p = all; *p && list->count < PARTS_MAX;) {
		size_t len = strcspn(p, separators);
		if (len > 0)
			list->items[list->count++] = text_node(b, p, len, f);
		p += len + (p[len] != '\0');
	}
	return list;
}

/* A server may be named by its host, too: other tools know no other name. */
static const char *server_name(const struct plan *plan, const char *text)
{
	for (size_t i = 0; i < plan->server_count; i++)
		if (strcmp(plan->servers[i].name, text) == 0)
			return text;
	for (size_t i = 0; i < plan->server_count; i++)
		if (strcasecmp(plan->servers[i].host, text) == 0)
			return plan->servers[i].name;
	return text;
}

static const struct plan_yaml_node *field_node(struct plan_build *b,
    const struct accounts_file_column *column,
    const struct accounts_file_field *f)
{
	struct plan_yaml_node *n = NULL;

	switch (column->kind) {
	case ACCOUNTS_FILE_LIST:
		return list_node(b, f, "|");
	case ACCOUNTS_FILE_GROUPS:
		return list_node(b, f, " ,;");
	case ACCOUNTS_FILE_TEXT:
	case ACCOUNTS_FILE_SECRET:
	case ACCOUNTS_FILE_VALUE:
	case ACCOUNTS_FILE_EXTRA:
		break;
	}
	n = text_node(b, f->text, f->len, f);
	n->is_plain = column->kind == ACCOUNTS_FILE_VALUE;
	const char *dot = strchr(column->path, '.');
	if (dot && strcmp(dot, ".server") == 0) {
		n->text = arena_strdup(b->arena, server_name(b->plan, n->text));
		n->len = strlen(n->text);
	}
	return n;
}

static struct plan_yaml_node *map_node(
    struct plan_build *b, struct plan_place place, size_t room)
{
	struct plan_yaml_node *n = new_node(b, PLAN_YAML_MAP, place, 1);

	n->pairs = arena_array(b->arena, room, sizeof(*n->pairs));
	return n;
}

static const struct plan_yaml_node *key_node(
    struct table_reader *r, const char *key, size_t len)
{
	for (size_t i = 0; i < r->key_count; i++)
		if (r->keys[i]->len == len &&
		    memcmp(r->keys[i]->text, key, len) == 0)
			return r->keys[i];
	const struct accounts_file_field nowhere = {
	    .place = {r->b->table.name, 1, 1}, .width = 1};
	const struct plan_yaml_node *n = text_node(r->b, key, len, &nowhere);
	if (r->key_count < KEYS_MAX)
		r->keys[r->key_count++] = n;
	return n;
}

static void add_pair(struct table_reader *r, struct plan_yaml_node *map,
    const char *key, size_t len, const struct plan_yaml_node *value)
{
	map->pairs[map->count++] =
	    (struct plan_yaml_pair){key_node(r, key, len), value};
}

/* The mapping of that key, made when it is not there. */
static struct plan_yaml_node *part_of(struct table_reader *r,
    struct plan_yaml_node *map, const char *key, size_t len, size_t room)
{
	for (size_t i = 0; i < map->count; i++)
		if (map->pairs[i].key->len == len &&
		    memcmp(map->pairs[i].key->text, key, len) == 0)
			return (struct plan_yaml_node *)map->pairs[i].value;
	struct plan_yaml_node *part = map_node(r->b, map->place, room);
	add_pair(r, map, key, len, part);
	return part;
}

/* How many of the row's fields may stand in the mapping that `path` begins
 * with, `len` bytes of it. */
static size_t room_in(
    const struct accounts_file_row *row, const char *path, size_t len)
{
	size_t room = 0;

	for (size_t i = 0; i < row->count; i++)
		room += strncmp(row->columns[i].path, path, len) == 0;
	return room;
}

static void put_field(struct table_reader *r, struct plan_yaml_node *account,
    const struct accounts_file_row *row, size_t index)
{
	const char *path = row->columns[index].path, *at = path, *dot;
	struct plan_yaml_node *map = account;

	for (; (dot = strchr(at, '.')) != NULL; at = dot + 1)
		map = part_of(r, map, at, (size_t)(dot - at),
		    room_in(row, path, (size_t)(dot - path) + 1));
	add_pair(r, map, at, strlen(at),
	    field_node(r->b, &row->columns[index], &row->fields[index]));
}

/* Names of the columns that are for reports. */
static void keep_extra_names(
    struct plan_build *b, const struct accounts_file_row *row)
{
	struct plan *plan = b->plan;

	plan->extra_names = arena_array(b->arena, row->count, sizeof(char *));
	for (size_t i = 0; i < row->count; i++)
		if (row->columns[i].kind == ACCOUNTS_FILE_EXTRA)
			plan->extra_names[plan->extra_count++] =
			    arena_strdup(b->arena, row->columns[i].path);
}

static void keep_extras(struct plan_build *b, struct plan_account *account,
    const struct accounts_file_row *row)
{
	size_t used = 0;

	if (b->plan->extra_count == 0)
		return;
	account->extras =
	    arena_array(b->arena, b->plan->extra_count, sizeof(char *));
	for (size_t i = 0; i < row->count; i++) {
		if (row->columns[i].kind != ACCOUNTS_FILE_EXTRA)
			continue;
		if (row->fields[i].len > 0)
			account->extras[used] = arena_strndup(
			    b->arena, row->fields[i].text, row->fields[i].len);
		used++;
	}
}

static void take_row(void *arg, const struct accounts_file_row *row)
{
	struct table_reader *r = arg;
	struct plan_build *b = r->b;
	struct plan_yaml_node *account = map_node(b, row->place, row->count);

	if (!r->is_started)
		keep_extra_names(b, row);
	r->is_started = true;
	for (size_t i = 0; i < row->count; i++)
		if (row->fields[i].len > 0 &&
		    row->columns[i].kind != ACCOUNTS_FILE_EXTRA)
			put_field(r, account, row, i);
	struct plan_account *added = plan_account_read(b, account, "row");
	if (added)
		keep_extras(b, added, row);
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
    struct accounts_file_spec *spec)
{
	struct table_reader reader = {.b = b};
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
		    in, spec, b->diag, &has_secrets, take_row, &reader);
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
	bool is_csv =
	    len > 4 && strcasecmp(table.path->text + len - 4, ".csv") == 0;
	spec.format = is_csv ? ACCOUNTS_FILE_CSV : ACCOUNTS_FILE_TSV;
	if (table.format != FORMAT_UNSET)
		spec.format = (enum accounts_file_format)table.format;
	if (table.columns && spec.format > ACCOUNTS_FILE_CSV) {
		plan_diag_add(b->diag, "E0402", table.columns->place,
		    table.columns->width,
		    "remove columns:, or write tsv or csv",
		    "the format %s has columns of its own",
		    formats[spec.format]);
		return;
	}
	read_table(b, &table, &spec);
}
