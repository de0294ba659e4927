// SPDX-License-Identifier: MIT
#include "orchestrator/select.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

enum {
	FILE_MAX_BYTES = 64 * 1024 * 1024
};

static const char blanks[] = " \t\r";

void select_release(struct select_rules *r)
{
	for (size_t i = 0; i < r->id_count; i++)
		free(r->ids[i]);
	free(r->ids);
	free(r->patterns);
	free(r->groups);
	*r = (struct select_rules){0};
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

void select_sort_ids(struct select_rules *r)
{
	size_t kept = 0;

	if (r->id_count > 1)
		qsort(r->ids, r->id_count, sizeof(char *), by_text);
	for (size_t i = 0; i < r->id_count; i++) {
		if (kept > 0 && strcmp(r->ids[kept - 1], r->ids[i]) == 0)
			free(r->ids[i]);
		else
			r->ids[kept++] = r->ids[i];
	}
	r->id_count = kept;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "local.memory", "out of memory");
}

int select_take_ids(struct select_rules *r, const char *name, const char *text,
    struct error *err)
{
	size_t room = count_lines(text);
	char **ids = mem_try_resize(r->ids, r->id_count + room, sizeof(*ids));

	if (!ids)
		return no_memory(err);
	r->ids = ids;
	for (;;) {
		size_t line = strcspn(text, "\n"), len = line;
		size_t skip = strspn(text, blanks);
		const char *next = text + line;
		if (skip < len && text[skip] != '#') {
			text += skip;
			len -= skip;
			while (strchr(blanks, text[len - 1]))
				len--;
			ids[r->id_count] = mem_try_strndup(text, len);
			if (!ids[r->id_count])
				return no_memory(err);
			r->id_count++;
		}
		if (*next == '\0')
			break;
		text = next + 1;
	}
	if (r->id_count == 0)
		return error_set(err, ERROR_USAGE, "select.none",
		    "'%s' names no account", name);
	select_sort_ids(r);
	return 0;
}

int select_read_ids(struct select_rules *r, const char *path, struct error *err)
{
	size_t len = 0;
	char *text = fd_read_file(path, FILE_MAX_BYTES, &len, err);
	int rc = -1;

	if (!text)
		return -1;
	if (memchr(text, '\0', len))
		(void)error_set(err, ERROR_USAGE, "select.file",
		    "'%s' is no text: it holds a NUL", path);
	else
		rc = select_take_ids(r, path, text, err);
	free(text);
	return rc;
}

bool select_narrows(const struct select_rules *r)
{
	return r && (r->pattern_count > 0 || r->group_count > 0 ||
			r->id_count > 0 || r->limit > 0);
}

static bool is_in_group(const struct plan_account *account, const char *name)
{
	for (size_t i = 0; i < account->group_count; i++)
		if (strcmp(account->groups[i]->name, name) == 0)
			return true;
	return false;
}

bool select_matches(
    const struct select_rules *r, const struct plan_account *account)
{
	const char *id = account->id;

	if (!r || r->pattern_count + r->group_count + r->id_count == 0)
		return true;
	for (size_t i = 0; i < r->group_count; i++)
		if (is_in_group(account, r->groups[i]))
			return true;
	for (size_t i = 0; i < r->pattern_count; i++)
		if (fnmatch(r->patterns[i], id, 0) == 0)
			return true;
	return r->id_count > 0 && bsearch(&id, r->ids, r->id_count,
				      sizeof(char *), by_text) != NULL;
}

static bool has_members(const char *group, const struct plan *plan)
{
	for (size_t i = 0; i < plan->account_count; i++)
		if (is_in_group(&plan->accounts[i], group))
			return true;
	return false;
}

static bool matches_any(const char *pattern, const struct plan *plan)
{
	for (size_t i = 0; i < plan->account_count; i++)
		if (fnmatch(pattern, plan->accounts[i].id, 0) == 0)
			return true;
	return false;
}

int select_check(
    const struct select_rules *r, const struct plan *plan, struct error *err)
{
	for (size_t i = 0; i < r->pattern_count; i++)
		if (!matches_any(r->patterns[i], plan))
			return error_set(err, ERROR_USAGE, "select.none",
			    "no account of the plan is '%s'", r->patterns[i]);
	for (size_t i = 0; i < r->group_count; i++)
		if (!has_members(r->groups[i], plan))
			return error_set(err, ERROR_USAGE, "select.none",
			    "no account of the plan is in group '%s'",
			    r->groups[i]);
	for (size_t i = 0; i < r->id_count; i++)
		if (!plan_find_account(plan, r->ids[i]))
			return error_set(err, ERROR_USAGE, "select.none",
			    "no account of the plan is '%s'", r->ids[i]);
	return 0;
}
