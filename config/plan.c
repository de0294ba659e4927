// SPDX-License-Identifier: MIT
#include "config/plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/accounts_file.h"
#include "config/arena.h"
#include "config/input.h"
#include "config/plan_account.h"
#include "config/plan_build.h"
#include "config/plan_check.h"
#include "config/plan_diag.h"
#include "config/plan_schema.h"
#include "config/plan_server.h"
#include "config/plan_yaml.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

enum {
	NAME_MAX_BYTES = 64,
	JOBS_MAX = 1000,
	ATTEMPTS_MAX = 100,
	FACTOR_MAX = 100,
	START_DELAY_MAX_MS = 60 * 60 * 1000,
	WAIT_MAX_MS = 24 * 60 * 60 * 1000
};

/* ---- the keys of the top ---- */

struct top {
	const struct plan_yaml_node *version, *name, *state_dir, *servers,
	    *defaults, *accounts, *accounts_file, *limits, *retry, *deletes;
};

#define TOP(field) offsetof(struct top, field)

static const struct top no_top;
static const struct plan_schema_key top_keys[] = {
    {"version", PLAN_SCHEMA_ANY, TOP(version), 0, 0, NULL, NULL},
    {"name", PLAN_SCHEMA_TEXT, TOP(name), 0, 0, NULL, NULL},
    {"state_dir", PLAN_SCHEMA_TEXT, TOP(state_dir), 0, 0, NULL, NULL},
    {"servers", PLAN_SCHEMA_ANY, TOP(servers), 0, 0, NULL, NULL},
    {"defaults", PLAN_SCHEMA_NODE, TOP(defaults), 0, 0, NULL, NULL},
    {"limits", PLAN_SCHEMA_NODE, TOP(limits), 0, 0, NULL, NULL},
    {"retry", PLAN_SCHEMA_NODE, TOP(retry), 0, 0, NULL, NULL},
    {"deletes", PLAN_SCHEMA_NODE, TOP(deletes), 0, 0, NULL, NULL},
    {"accounts", PLAN_SCHEMA_ANY, TOP(accounts), 0, 0, NULL, NULL},
    {"accounts_file", PLAN_SCHEMA_ANY, TOP(accounts_file), 0, 0, NULL, NULL},
    {"passes", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"schedule", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"halt", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"groups", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"hooks", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"notify", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"log", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"include", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"engine_args", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
};
static const struct plan_schema top_schema = {
    top_keys, ARRAY_LEN(top_keys), &no_top};

static const struct plan builtin = {.jobs = 4,
    .retry = {.attempts = 4,
	.backoff_ms = 30000,
	.factor = 3,
	.max_wait_ms = 1800000,
	.jitter_percent = 20},
    .deletes = {false, PLAN_NO_LIMIT, PLAN_NO_LIMIT}};

#define OF(field) offsetof(struct plan, field)

static const struct plan_schema_key limit_keys[] = {
    {"jobs", PLAN_SCHEMA_UINT, OF(jobs), 1, JOBS_MAX, NULL, NULL},
    {"start_delay", PLAN_SCHEMA_DURATION, OF(start_delay_ms), 0,
	START_DELAY_MAX_MS, NULL, NULL},
    {"min_free_memory", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"min_free_disk", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"account_timeout", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"stall_timeout", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"connections", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"bandwidth", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
};
static const struct plan_schema limit_schema = {
    limit_keys, ARRAY_LEN(limit_keys), &builtin};

static const struct plan_schema_key retry_keys[] = {
    {"attempts", PLAN_SCHEMA_UINT, OF(retry.attempts), 1, ATTEMPTS_MAX, NULL,
	NULL},
    {"backoff", PLAN_SCHEMA_DURATION, OF(retry.backoff_ms), 0, WAIT_MAX_MS,
	NULL, NULL},
    {"factor", PLAN_SCHEMA_FACTOR, OF(retry.factor), 1, FACTOR_MAX, NULL, NULL},
    {"max_wait", PLAN_SCHEMA_DURATION, OF(retry.max_wait_ms), 0, WAIT_MAX_MS,
	NULL, NULL},
    {"jitter", PLAN_SCHEMA_PERCENT, OF(retry.jitter_percent), 0, 100, NULL,
	NULL},
};
static const struct plan_schema retry_schema = {
    retry_keys, ARRAY_LEN(retry_keys), &builtin};

static const struct plan_schema_key delete_keys[] = {
    {"max_per_account", PLAN_SCHEMA_UINT, OF(deletes.max_per_account), 0,
	PLAN_NO_LIMIT - 1, NULL, NULL},
    {"max_percent", PLAN_SCHEMA_UINT, OF(deletes.max_percent), 0, 100, NULL,
	NULL},
};
static const struct plan_schema delete_schema = {
    delete_keys, ARRAY_LEN(delete_keys), &builtin};

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
    {"path", PLAN_SCHEMA_TEXT, offsetof(struct table, path), 0, 0, NULL, NULL},
    {"format", PLAN_SCHEMA_WORD, offsetof(struct table, format), 0, 0, formats,
	planned_formats},
    {"columns", PLAN_SCHEMA_NODE, offsetof(struct table, columns), 0, 0, NULL,
	NULL},
};
static const struct plan_schema table_schema = {
    table_keys, ARRAY_LEN(table_keys), &no_table};

/* ---- the top ---- */

char *plan_build_path(const struct plan_build *b, const char *path)
{
	if (path[0] == '/')
		return arena_strdup(b->arena, path);
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return arena_printf(
	    b->arena, "%s/%s", strcmp(b->dir, "/") == 0 ? "" : b->dir, path);
}

static void check_version(struct plan_build *b, const struct top *top)
{
	const struct plan_yaml_node *v = top->version;

	if (!v)
		plan_diag_add(b->diag, "E0102",
		    (struct plan_place){b->plan->path, 1, 1}, 1, "version: 1",
		    "the key \"version\" is missing");
	else if (v->kind != PLAN_YAML_SCALAR || strcmp(v->text, "1") != 0)
		plan_diag_add(b->diag, "E0128", v->place, v->width,
		    "version: 1", "only plans of version 1 are known");
}

static bool is_name(const char *s)
{
	static const char known[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(s);

	return len > 0 && len <= NAME_MAX_BYTES && strspn(s, known) == len &&
	       s[0] != '.' && s[0] != '-';
}

/* The name of a plan without one is that of its file. */
static void set_name(struct plan_build *b, const struct plan_yaml_node *n)
{
	static const char hint[] =
	    "1 to 64 letters, digits and . _ -, neither . nor - in front";
	const char *base = strrchr(b->plan->path, '/');

	base = base ? base + 1 : b->plan->path;
	const char *dot = strrchr(base, '.');
	size_t len = strlen(base);
	if (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
		len = (size_t)(dot - base);
	b->plan->name = n ? n->text : arena_strndup(b->arena, base, len);
	if (is_name(b->plan->name))
		return;
	if (n)
		plan_diag_add(b->diag, "E0210", n->place, n->width, hint,
		    "this cannot be the name of a plan");
	else
		plan_diag_add(b->diag, "E0210",
		    (struct plan_place){b->plan->path, 1, 1}, 1, hint,
		    "the file's name cannot be the plan's: add name:");
}

static void read_deletes(struct plan_build *b, const struct plan_yaml_node *map)
{
	struct plan_deletes *d = &b->plan->deletes;
	size_t before = plan_diag_errors(b->diag);

	if (!map)
		return;
	plan_schema_read(&delete_schema, map, "deletes", b->diag, b->plan);
	d->is_given = true; // a fault in it is not a missing one
	if (d->max_per_account == PLAN_NO_LIMIT &&
	    d->max_percent == PLAN_NO_LIMIT &&
	    plan_diag_errors(b->diag) == before)
		plan_diag_add(b->diag, "E0102", map->place, map->width,
		    "deletes: {max_per_account: 100, max_percent: 5}",
		    "deletes needs max_per_account or max_percent");
}

/* ---- accounts ---- */

static void read_accounts(struct plan_build *b,
    const struct plan_yaml_node *list, const struct plan_account_raw *defaults)
{
	if (plan_yaml_is_null(list) ||
	    !plan_schema_is_list(list, "accounts", "", b->diag))
		return;
	for (size_t i = 0; i < list->count; i++)
		plan_account_read(b, list->items[i], i, defaults);
}

struct row_reader {
	struct plan_build *b;
	const struct plan_account_raw *defaults;
};

/* A field as a node; NULL when it is empty or no text. */
static const struct plan_yaml_node *field_node(struct plan_build *b,
    const struct accounts_file_row *row, enum accounts_file_column column,
    const char *name)
{
	const struct accounts_file_field *f = &row->fields[column];

	if (!f->text || f->len == 0)
		return NULL;
	struct plan_yaml_node *n = arena_alloc(b->arena, sizeof(*n));
	n->kind = PLAN_YAML_SCALAR;
	n->place = f->place;
	n->end_line = f->place.line;
	n->width = f->width;
	n->text = arena_strndup(b->arena, f->text, f->len);
	n->len = f->len;
	return plan_schema_is_text(n, "", name, b->diag) ? n : NULL;
}

/* Spaces belong to a password, so it is not checked as a name would be. */
static void take_password(struct plan_build *b,
    const struct accounts_file_row *row, enum accounts_file_column column,
    struct plan_account_side *side)
{
	const struct accounts_file_field *f = &row->fields[column];

	if (!f->text || f->len == 0 || side->password)
		return;
	struct plan_yaml_node *n = arena_alloc(b->arena, sizeof(*n));
	n->place = f->place;
	n->text = arena_strndup(b->arena, f->text, f->len);
	n->len = f->len;
	if (strpbrk(n->text, "\r\n"))
		plan_diag_add(b->diag, "E0306", f->place, 1, NULL,
		    "the secret has more than one line");
	side->password = n;
	side->secret =
	    (struct plan_secret){PLAN_SECRET_TEXT, n->text, f->place};
}

static void take_row(void *arg, const struct accounts_file_row *row)
{
	struct row_reader *r = arg;
	struct plan_build *b = r->b;
	struct plan_account_raw raw = {
	    .options = r->defaults->options, .place = row->place, .width = 1};
	size_t before = plan_diag_errors(b->diag);

	plan_account_side_init(&raw.source);
	plan_account_side_init(&raw.target);
	raw.id = field_node(b, row, ACCOUNTS_FILE_ID, "id");
	raw.user = field_node(b, row, ACCOUNTS_FILE_USER, "user");
	raw.source.user =
	    field_node(b, row, ACCOUNTS_FILE_SRC_USER, "src_user");
	raw.target.user =
	    field_node(b, row, ACCOUNTS_FILE_DST_USER, "dst_user");
	take_password(b, row, ACCOUNTS_FILE_SRC_PASSWORD, &raw.source);
	take_password(b, row, ACCOUNTS_FILE_DST_PASSWORD, &raw.target);
	take_password(b, row, ACCOUNTS_FILE_PASSWORD, &raw.source);
	take_password(b, row, ACCOUNTS_FILE_PASSWORD, &raw.target);
	plan_account_inherit(&raw.source, &r->defaults->source);
	plan_account_inherit(&raw.target, &r->defaults->target);
	if (plan_diag_errors(b->diag) == before)
		plan_account_add(b, &raw);
}

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
    const struct accounts_file_spec *spec,
    const struct plan_account_raw *defaults)
{
	struct row_reader reader = {b, defaults};
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

static void read_accounts_file(struct plan_build *b,
    const struct plan_yaml_node *map, const struct plan_account_raw *defaults)
{
	struct table table = no_table;
	struct accounts_file_spec spec = {0};
	size_t before = plan_diag_errors(b->diag);

	if (plan_yaml_is_null(map))
		return;
	plan_schema_read(&table_schema, map, "accounts_file", b->diag, &table);
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
	read_table(b, &table, &spec, defaults);
}

/* ---- loading ---- */

static void build(struct plan_build *b, const struct plan_yaml_node *root)
{
	struct plan *plan = b->plan;
	struct plan_account_raw defaults;
	struct top top = no_top;
	const struct plan_place start = {plan->path, 1, 1};

	plan_schema_read(&top_schema, root, "", b->diag, &top);
	if (root->kind != PLAN_YAML_MAP)
		return;
	check_version(b, &top);
	set_name(b, top.name);
	plan->state_dir =
	    plan_build_path(b, top.state_dir ? top.state_dir->text : "state");
	plan_schema_read(&limit_schema, top.limits, "limits", b->diag, plan);
	plan_schema_read(&retry_schema, top.retry, "retry", b->diag, plan);
	read_deletes(b, top.deletes);
	plan_server_read(b, top.servers);
	plan_account_read_defaults(b, top.defaults, &defaults);
	read_accounts(b, top.accounts, &defaults);
	read_accounts_file(b, top.accounts_file, &defaults);
	if (!top.accounts && !top.accounts_file)
		plan_diag_add(b->diag, "E0102", start, 1, NULL,
		    "neither accounts nor accounts_file is there");
	else if (plan->account_count == 0 && plan_diag_errors(b->diag) == 0)
		plan_diag_add(b->diag, "W0209", start, 1, NULL,
		    "the plan has no accounts");
	plan_check(b);
}

/* The directory that relative paths count from; NULL: it does not exist. */
static char *directory_of(struct arena *arena, const char *path)
{
	char real[PATH_MAX];
	const char *slash = strrchr(path, '/');
	char *dir = slash ? arena_strndup(arena, path,
				slash == path ? 1 : (size_t)(slash - path))
			  : arena_strdup(arena, ".");

	return realpath(dir, real) ? arena_strdup(arena, real) : NULL;
}

static struct plan *load(const struct input *in, struct plan_diag *diag)
{
	struct plan *plan = mem_calloc(1, sizeof(*plan));

	*plan = builtin;
	plan->arena = mem_calloc(1, sizeof(*plan->arena));
	arena_init(plan->arena);
	plan->path = arena_strdup(plan->arena, in->name);
	const struct plan_place whole = {plan->path, 0, 0};
	struct input named = *in;
	named.name = plan->path;
	struct plan_build b = {.plan = plan,
	    .arena = plan->arena,
	    .diag = diag,
	    .dir = directory_of(plan->arena, in->name)};
	const char *slash = strrchr(plan->path, '/');
	if (slash)
		b.dir_shown = arena_strndup(
		    plan->arena, plan->path, (size_t)(slash - plan->path));
	plan_diag_source(diag, plan->path, in->text, in->len);
	const struct plan_yaml_node *root =
	    plan_yaml_compose(&named, plan->arena, diag);
	if (!b.dir)
		plan_diag_add(diag, "E0001", whole, 1, NULL,
		    "the plan's directory does not exist");
	else if (root)
		build(&b, root);
	if (b.text_secret && in->exposed)
		plan_check_exposed(&b, b.text_secret->place, plan->path,
		    "the plan, and it holds a password");
	plan_diag_source(diag, plan->path, NULL, 0);
	if (b.table.name)
		plan_diag_source(diag, b.table.name, NULL, 0);
	input_release(&b.table);
	if (plan_diag_errors(diag) == 0)
		return plan;
	plan_free(plan);
	return NULL;
}

struct plan *plan_load(const char *path, struct plan_diag *diag)
{
	const struct plan_place whole = {path, 0, 0};
	struct error err;
	struct input in;

	if (input_read(&in, path, &err) < 0) {
		plan_diag_set_class(
		    diag, in.missing ? PLAN_DIAG_NOT_FOUND : PLAN_DIAG_CONFIG);
		plan_diag_add(diag, "E0001", whole, 1, NULL, "%s", err.text);
		return NULL;
	}
	struct plan *plan = load(&in, diag);
	input_release(&in);
	return plan;
}

struct plan *plan_load_bytes(
    const char *path, const char *bytes, size_t len, struct plan_diag *diag)
{
	struct input in;

	input_borrow(&in, path, bytes, len);
	return load(&in, diag);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	arena_release(plan->arena);
	free(plan->arena);
	free(plan->accounts);
	free(plan);
}

const struct plan_account *plan_find_account(
    const struct plan *plan, const char *id)
{
	size_t low = 0, high = plan->account_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct plan_account *a = plan->by_id[middle];
		int order = strcasecmp(id, a->id);
		if (order == 0)
			return strcmp(id, a->id) == 0 ? a : NULL;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
