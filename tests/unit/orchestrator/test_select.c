// SPDX-License-Identifier: MIT
#include "orchestrator/select.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

#define PLAN \
	"version: 1\n" \
	"servers: {old: {host: a.example.org}, new: {host: b.example.org}}\n" \
	"defaults: {source: {server: old, password: x}, target: {server: new, password: x}}\n" \
	"groups: {vip: {priority: 1}, empty: {}}\n" \
	"accounts: [{user: anna}, {user: annika, groups: [vip]}, {user: bob}, {user: c.d@example.org, groups: [vip]}]\n"

static struct plan *load(void)
{
	struct plan_diag *d = plan_diag_new();
	struct plan *plan = plan_load_bytes("p.yaml", PLAN, strlen(PLAN), d);

	cr_assert_not_null(plan);
	plan_diag_free(d);
	return plan;
}

struct row {
	const char *patterns[3]; /* up to a NULL */
	const char *group;       /* or NULL */
	const char *file;        /* text of --accounts-from, or NULL */
	const char *expected;    /* ids in plan order */
};

static const struct row rows[] = {
    {{NULL}, NULL, NULL, "anna annika bob c.d@example.org "},
    {{"anna"}, NULL, NULL, "anna "},
    {{"ann*"}, NULL, NULL, "anna annika "},
    {{"ann?"}, NULL, NULL, "anna "},
    {{"[bc]*"}, NULL, NULL, "bob c.d@example.org "},
    {{"*@example.org", "bob"}, NULL, NULL, "bob c.d@example.org "},
    {{NULL}, NULL, "bob\nanna\n", "anna bob "},
    {{NULL}, NULL, "# these\n\n  bob \r\nbob\n\tanna", "anna bob "},
    {{"c*"}, NULL, "bob", "bob c.d@example.org "},
    // a file names accounts, it holds no patterns
    {{"*"}, NULL, "anna", "anna annika bob c.d@example.org "},
    {{NULL}, "vip", NULL, "annika c.d@example.org "},
    {{"bob"}, "vip", "anna", "anna annika bob c.d@example.org "},
};

static void check_row(const struct row *row)
{
	struct plan *plan = load();
	struct select_rules r = {.patterns = mem_calloc(4, sizeof(char *))};
	struct error err = {0};
	char got[256] = "";

	for (; row->patterns[r.pattern_count]; r.pattern_count++)
		r.patterns[r.pattern_count] = row->patterns[r.pattern_count];
	r.groups = mem_calloc(1, sizeof(char *));
	if (row->group)
		r.groups[r.group_count++] = row->group;
	if (row->file)
		cr_assert_eq(select_take_ids(&r, "ids", row->file, &err), 0);
	cr_assert_eq(select_check(&r, plan, &err), 0, "%s", err.text);
	cr_assert_eq(
	    select_narrows(&r), r.pattern_count > 0 || row->group || row->file);
	for (size_t i = 0; i < plan->account_count; i++) {
		size_t used = strlen(got);
		if (select_matches(&r, &plan->accounts[i]))
			(void)snprintf(got + used, sizeof(got) - used, "%s ",
			    plan->accounts[i].id);
	}
	cr_assert_str_eq(got, row->expected);
	select_release(&r);
	plan_free(plan);
}

Test(select, chooses)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}

Test(select, without_rules_all_are_meant)
{
	struct plan *plan = load();

	cr_assert(select_matches(NULL, &plan->accounts[0]));
	cr_assert_not(select_narrows(NULL));
	plan_free(plan);
}

Test(select, what_no_account_has_is_a_mistake)
{
	struct plan *plan = load();
	struct select_rules r = {.patterns = mem_calloc(4, sizeof(char *))};
	struct error err = {0};

	r.patterns[r.pattern_count++] = "x*";
	cr_assert_eq(select_check(&r, plan, &err), -1);
	cr_assert_eq(err.kind, ERROR_USAGE);
	cr_assert_str_eq(err.text, "no account of the plan is 'x*'");
	r.pattern_count = 0;
	r.groups = mem_calloc(1, sizeof(char *));
	r.groups[r.group_count++] = "empty";
	cr_assert_eq(select_check(&r, plan, &err), -1);
	cr_assert_str_eq(
	    err.text, "no account of the plan is in group 'empty'");
	r.group_count = 0;
	cr_assert_eq(select_take_ids(&r, "ids", "anna\nann*\n", &err), 0);
	cr_assert_eq(select_check(&r, plan, &err), -1);
	cr_assert_str_eq(err.text, "no account of the plan is 'ann*'");
	select_release(&r);
	plan_free(plan);
}

Test(select, an_empty_file_selects_nothing_and_says_so)
{
	struct select_rules r = {0};
	struct error err = {0};

	cr_assert_eq(select_take_ids(&r, "ids", "# none\n\n", &err), -1);
	cr_assert_str_eq(err.text, "'ids' names no account");
	select_release(&r);
}
