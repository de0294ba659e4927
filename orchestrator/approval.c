// SPDX-License-Identifier: MIT
#include "orchestrator/approval.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/json_file.h"
#include "orchestrator/rundir.h"
#include "orchestrator/select.h"

enum {
	VERSION = 1
};

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "local.memory", "out of memory");
}

void approval_release(struct approval *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->accounts[i].id);
	free(a->accounts);
	*a = (struct approval){0};
}

static bool is_meant(
    const struct plan_account *account, const struct select_rules *select)
{
	return account->options.mode == PLAN_MODE_DST &&
	       select_matches(select, account);
}

bool approval_is_needed(
    const struct plan *plan, const struct select_rules *select)
{
	for (size_t i = 0; i < plan->account_count; i++)
		if (is_meant(&plan->accounts[i], select))
			return true;
	return false;
}

static int by_id(const void *a, const void *b)
{
	const struct approval_account *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static void sort(struct approval *a)
{
	if (a->count > 1)
		qsort(a->accounts, a->count, sizeof(*a->accounts), by_id);
}

static void copy_digest(char out[17], const char *digest)
{
	(void)snprintf(out, 17, "%s", digest ? digest : "");
}

/* ------------------------------------------------------------- reading */

static int bad(struct error *err, const char *path, const char *what)
{
	return error_set(err, ERROR_CONFIG, "delete.approval",
	    "'%s' approves nothing: %s", path, what);
}

/* A number that is missing is no limit; above the limit's type it is none. */
static int read_limit(const json_t *value, bool may_miss, uint32_t *out)
{
	json_int_t n = json_integer_value(value);

	*out = PLAN_NO_LIMIT;
	if (!value)
		return may_miss ? 0 : -1;
	if (!json_is_integer(value) || n < 0)
		return -1;
	if (n < PLAN_NO_LIMIT)
		*out = (uint32_t)n;
	return 0;
}

/* One account of the file. What could not be previewed is not approved. */
static int read_account(struct approval *a, const json_t *o)
{
	const char *id = json_string_value(json_object_get(o, "id"));
	struct approval_account *to = &a->accounts[a->count];

	if (!id)
		return -1;
	if (!json_is_true(json_object_get(o, "known")))
		return 0;
	*to = (struct approval_account){.id = mem_try_strdup(id)};
	if (!to->id)
		return -1;
	a->count++;
	copy_digest(
	    to->digest, json_string_value(json_object_get(o, "digest")));
	return read_limit(
		   json_object_get(o, "delete"), a->is_typed, &to->messages) < 0
		   ? -1
		   : read_limit(json_object_get(o, "delete_mailboxes"),
			 a->is_typed, &to->mailboxes);
}

static int take(
    struct approval *a, const json_t *o, const char *path, struct error *err)
{
	const json_t *list = json_object_get(o, "accounts");
	const json_t *v = json_object_get(o, "v");
	const char *kind = json_string_value(json_object_get(o, "kind"));
	size_t count = json_array_size(list);

	if (!kind || !json_is_integer(v) || json_integer_value(v) != VERSION ||
	    !json_is_array(list) ||
	    (strcmp(kind, "preview") != 0 && strcmp(kind, "approval") != 0))
		return bad(err, path, "it was not made by 'preview -o'");
	if (!json_is_true(json_object_get(o, "exact")))
		return bad(err, path,
		    "with --sizes nobody counted the deletions: preview without it");
	a->is_typed = strcmp(kind, "approval") == 0 &&
		      json_is_true(json_object_get(o, "typed"));
	copy_digest(a->plan_digest,
	    json_string_value(json_object_get(o, "plan_digest")));
	a->accounts = mem_try_calloc(count, sizeof(*a->accounts));
	if (!a->accounts)
		return no_memory(err);
	for (size_t i = 0; i < count; i++)
		if (read_account(a, json_array_get(list, i)) < 0)
			return bad(err, path, "one of its accounts is damaged");
	sort(a);
	return 0;
}

int approval_read(struct approval *a, const char *path, const struct plan *plan,
    struct error *err)
{
	json_t *o = json_file_read(path, err);
	int rc = -1;

	*a = (struct approval){0};
	if (!o)
		return -1;
	rc = take(a, o, path, err);
	if (rc == 0 && strcmp(a->plan_digest, plan->digest) != 0)
		rc = bad(err, path,
		    "the plan, or its pass, is another than was previewed");
	json_decref(o);
	if (rc < 0)
		approval_release(a);
	return rc;
}

int approval_by_name(struct approval *a, const struct plan *plan,
    const struct select_rules *select, struct error *err)
{
	*a = (struct approval){.is_typed = true};
	copy_digest(a->plan_digest, plan->digest);
	a->accounts = mem_try_calloc(plan->account_count, sizeof(*a->accounts));
	if (!a->accounts)
		return no_memory(err);
	for (size_t i = 0; i < plan->account_count; i++) {
		const struct plan_account *from = &plan->accounts[i];
		struct approval_account *to = &a->accounts[a->count];
		if (!is_meant(from, select))
			continue;
		*to = (struct approval_account){.id = mem_try_strdup(from->id),
		    .messages = PLAN_NO_LIMIT,
		    .mailboxes = PLAN_NO_LIMIT};
		if (!to->id) {
			approval_release(a);
			return no_memory(err);
		}
		copy_digest(to->digest, from->digest);
		a->count++;
	}
	sort(a);
	return 0;
}

/* ------------------------------------------------------- of one run */

static char *path_of(const struct rundir *dir)
{
	return mem_try_printf("%s/approval.json", dir->path);
}

int approval_read_run(struct approval *a, const struct rundir *dir,
    const struct plan *plan, struct error *err)
{
	char *path = path_of(dir);
	int rc = -1;

	*a = (struct approval){0};
	if (!path)
		return no_memory(err);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		rc = 0;
	else if (approval_read(a, path, plan, err) == 0)
		rc = 1;
	free(path);
	return rc;
}

static int put_limit(json_t *o, const char *key, uint32_t n)
{
	return n == PLAN_NO_LIMIT
		   ? 0
		   : json_object_set_new(o, key, json_integer(n));
}

static json_t *account_json(const struct approval_account *from)
{
	json_t *o = json_pack("{s:s,s:s,s:b}", "id", from->id, "digest",
	    from->digest, "known", 1);

	if (o && put_limit(o, "delete", from->messages) == 0 &&
	    put_limit(o, "delete_mailboxes", from->mailboxes) == 0)
		return o;
	json_decref(o);
	return NULL;
}

int approval_store(
    const struct approval *a, const struct rundir *dir, struct error *err)
{
	json_t *list = json_array();
	char *path = path_of(dir);
	int rc = list && path ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < a->count; i++)
		rc = json_array_append_new(list, account_json(&a->accounts[i]));
	if (rc < 0) {
		json_decref(list);
		(void)no_memory(err);
	} else {
		rc = json_file_write(path,
		    json_pack("{s:i,s:s,s:s,s:b,s:b,s:o}", "v", VERSION, "kind",
			"approval", "plan_digest", a->plan_digest, "exact", 1,
			"typed", (int)a->is_typed, "accounts", list),
		    err);
	}
	free(path);
	return rc;
}

static bool goes_on(
    const struct rundir *dir, const struct plan *plan, bool resume)
{
	char *path = rundir_journal_path(dir);
	struct error ignored;
	struct journal_run *run = path ? journal_read(path, &ignored) : NULL;
	const char *pass = plan->pass ? plan->pass->name : NULL;
	bool is = run && (resume || !run->is_complete) &&
		  journal_is_of_pass(run, pass);

	journal_run_free(run);
	free(path);
	return is;
}

const struct approval_account *approval_find(
    const struct approval *a, const struct plan_account *account)
{
	const struct approval_account wanted = {.id = account->id};
	const struct approval_account *found = NULL;

	if (a->count > 0)
		found = bsearch(&wanted, a->accounts, a->count,
		    sizeof(*a->accounts), by_id);
	return found && strcmp(found->digest, account->digest) == 0 ? found
								    : NULL;
}

static bool covers(const struct approval *a, const struct plan *plan,
    const struct select_rules *select)
{
	for (size_t i = 0; a->is_typed && i < plan->account_count; i++)
		if (is_meant(&plan->accounts[i], select) &&
		    !approval_find(a, &plan->accounts[i]))
			return false;
	return true;
}

bool approval_is_stored(
    const struct plan *plan, const struct select_rules *select, bool resume)
{
	struct approval a = {0};
	struct error ignored;
	struct rundir dir;
	bool is = false;

	if (rundir_init(&dir, plan, &ignored) < 0)
		return false;
	if (rundir_find_latest(&dir) && goes_on(&dir, plan, resume))
		is = approval_read_run(&a, &dir, plan, &ignored) == 1 &&
		     covers(&a, plan, select);
	approval_release(&a);
	rundir_release(&dir);
	return is;
}
