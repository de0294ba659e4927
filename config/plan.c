// SPDX-License-Identifier: MIT
#include "config/plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/arena.h"
#include "config/input.h"
#include "config/plan_account.h"
#include "config/plan_build.h"
#include "config/plan_check.h"
#include "config/plan_diag.h"
#include "config/plan_engine_args.h"
#include "config/plan_group.h"
#include "config/plan_run.h"
#include "config/plan_schema.h"
#include "config/plan_server.h"
#include "config/plan_table.h"
#include "config/plan_yaml.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

enum {
	NAME_MAX_BYTES = 64,
	WHERE_BYTES = 40
};

/* ---- the keys of the top ---- */

struct top {
	const struct plan_yaml_node *version, *name, *state_dir, *servers,
	    *defaults, *passes, *groups, *accounts, *accounts_file, *user;
	struct plan_run_nodes run;
};

#define TOP(field) offsetof(struct top, field)
#define RUN(key, part, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_NODE, \
		.offset = TOP(run.key), .shape = PLAN_SCHEMA_SHAPE_MAP, \
		.sub = &plan_run_schemas[part], .doc = what \
	}

static const struct top no_top;
static const struct plan_schema_key top_keys[] = {
    {.name = "version",
	.type = PLAN_SCHEMA_ANY,
	.offset = TOP(version),
	.shape = PLAN_SCHEMA_SHAPE_VERSION,
	.is_required = true,
	.doc = "of the language of plans"},
    {.name = "name",
	.type = PLAN_SCHEMA_TEXT,
	.offset = TOP(name),
	.doc = "of the plan and its state; else the file's name"},
    {.name = "state_dir",
	.type = PLAN_SCHEMA_TEXT,
	.offset = TOP(state_dir),
	.doc = "where runs are kept; else state beside the plan"},
    {.name = "user",
	.type = PLAN_SCHEMA_TEXT,
	.offset = TOP(user),
	.doc = "who root becomes before anything is done"},
    {.name = "timezone",
	.type = PLAN_SCHEMA_TEXT,
	.offset = TOP(run.timezone),
	.doc =
	    "of hours in this plan and of times in reports, as Europe/Berlin; else the system's, and UTC in reports"},
    {.name = "servers",
	.type = PLAN_SCHEMA_ANY,
	.offset = TOP(servers),
	.shape = PLAN_SCHEMA_SHAPE_NAMED,
	.sub = &plan_server_schema,
	.is_required = true,
	.doc = "the servers, by names of this plan"},
    {.name = "defaults",
	.type = PLAN_SCHEMA_NODE,
	.offset = TOP(defaults),
	.shape = PLAN_SCHEMA_SHAPE_MAP,
	.sub = &plan_account_default_schema,
	.doc = "of all accounts"},
    {.name = "passes",
	.type = PLAN_SCHEMA_NODE,
	.offset = TOP(passes),
	.shape = PLAN_SCHEMA_SHAPE_NAMED,
	.sub = &plan_group_pass_schema,
	.doc = "passes over all accounts, chosen by --pass"},
    RUN(limits, PLAN_RUN_LIMITS, "of the run as a whole"),
    RUN(schedule, PLAN_RUN_SCHEDULE, "in which order, and when"),
    RUN(retry, PLAN_RUN_RETRY, "of accounts that failed for a while"),
    RUN(halt, PLAN_RUN_HALT, "when the run gives up"),
    RUN(deletes, PLAN_RUN_DELETES, "what syncDst may delete"),
    RUN(hooks, PLAN_RUN_HOOKS, "commands of yours"),
    RUN(notify, PLAN_RUN_NOTIFY, "who is told"),
    RUN(report, PLAN_RUN_REPORT, "what reports say"),
    RUN(log, PLAN_RUN_LOG, "what logs say"),
    {.name = "groups",
	.type = PLAN_SCHEMA_NODE,
	.offset = TOP(groups),
	.shape = PLAN_SCHEMA_SHAPE_NAMED,
	.sub = &plan_group_schema,
	.doc = "what several accounts have in common"},
    {.name = "accounts",
	.type = PLAN_SCHEMA_ANY,
	.offset = TOP(accounts),
	.shape = PLAN_SCHEMA_SHAPE_LIST,
	.sub = &plan_account_schema,
	.doc = "the accounts"},
    {.name = "accounts_file",
	.type = PLAN_SCHEMA_ANY,
	.offset = TOP(accounts_file),
	.shape = PLAN_SCHEMA_SHAPE_MAP,
	.sub = &plan_table_schema,
	.doc = "a table with more of them"},
    {.name = "include",
	.type = PLAN_SCHEMA_PLANNED,
	.doc =
	    "a plan is one file: accounts may stand in accounts_file: {path: users.csv}, secrets in files of their own, what accounts share in groups"},
    {.name = "engine_args",
	.type = PLAN_SCHEMA_PLANNED,
	.doc =
	    "the options of syncIMAPMail have keys: options, source, target"},
};
const struct plan_schema plan_top_schema = {
    top_keys, ARRAY_LEN(top_keys), &no_top};

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

/* ---- accounts ---- */

static void read_accounts(
    struct plan_build *b, const struct plan_yaml_node *list)
{
	char where[WHERE_BYTES];

	if (plan_yaml_is_null(list) ||
	    !plan_schema_is_list(list, "accounts", "", b->diag))
		return;
	for (size_t i = 0; i < list->count; i++) {
		(void)snprintf(where, sizeof(where), "accounts[%zu]", i);
		(void)plan_account_read(b, list->items[i], where);
	}
}

/* ---- loading ---- */

static const struct plan_choice no_choice;

static void set_state_dir(struct plan_build *b, const struct plan_yaml_node *n)
{
	const char *chosen = b->choice->state_dir;
	char here[PATH_MAX];

	if (!chosen)
		b->plan->state_dir = plan_build_path(b, n ? n->text : "state");
	else if (chosen[0] == '/')
		b->plan->state_dir = arena_strdup(b->arena, chosen);
	else if (getcwd(here, sizeof(here)))
		b->plan->state_dir = arena_printf(b->arena, "%s/%s",
		    strcmp(here, "/") == 0 ? "" : here, chosen);
	else
		plan_diag_add(b->diag, "E0001",
		    (struct plan_place){b->plan->path, 0, 0}, 1,
		    (const char *)NULL,
		    "the working directory has no name: give --state-dir an absolute one");
}

static void build(struct plan_build *b, const struct plan_yaml_node *root)
{
	struct plan *plan = b->plan;
	struct top top = no_top;
	const struct plan_place start = {plan->path, 1, 1};

	plan_engine_args_tell(b, root);
	plan_schema_read(&plan_top_schema, root, "", b->diag, &top);
	if (root->kind != PLAN_YAML_MAP)
		return;
	check_version(b, &top);
	set_name(b, top.name);
	plan->user = top.user ? top.user->text : NULL;
	set_state_dir(b, top.state_dir);
	plan_run_read(b, &top.run);
	plan_server_read(b, top.servers);
	plan_account_read_defaults(b, top.defaults);
	plan_group_read(b, top.groups);
	plan_group_read_passes(b, top.passes, b->choice->pass);
	read_accounts(b, top.accounts);
	plan_table_read(b, top.accounts_file);
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

static struct plan *load(const struct input *in,
    const struct plan_choice *choice, struct plan_diag *diag)
{
	struct plan *plan = mem_calloc(1, sizeof(*plan));

	plan_run_init(plan);
	plan->arena = mem_calloc(1, sizeof(*plan->arena));
	arena_init(plan->arena);
	plan->path = arena_strdup(plan->arena, in->name);
	plan->typed = choice->state_dir
			  ? arena_printf(plan->arena, "%s --state-dir %s",
				plan->path, choice->state_dir)
			  : plan->path;
	const struct plan_place whole = {plan->path, 0, 0};
	struct input named = *in;
	named.name = plan->path;
	struct plan_build b = {.plan = plan,
	    .arena = plan->arena,
	    .diag = diag,
	    .choice = choice,
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
	return plan_load_choice(path, &no_choice, diag);
}

struct plan *plan_load_choice(
    const char *path, const struct plan_choice *choice, struct plan_diag *diag)
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
	struct plan *plan = load(&in, choice, diag);
	input_release(&in);
	return plan;
}

struct plan *plan_load_bytes(
    const char *path, const char *bytes, size_t len, struct plan_diag *diag)
{
	struct input in;

	input_borrow(&in, path, bytes, len);
	return load(&in, &no_choice, diag);
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
