// SPDX-License-Identifier: MIT
#include "orchestrator/approval.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "orchestrator/rundir.h"
#include "orchestrator/select.h"

#define PLAN \
	"version: 1\n" \
	"servers: {old: {host: a.example.org}, new: {host: b.example.org}}\n" \
	"defaults: {source: {server: old, password: x}, target: {server: new, password: x}}\n" \
	"deletes: {max_percent: 5}\n" \
	"accounts: [{user: anna, options: {mode: syncDst}}, {user: bob, options: {mode: syncDst}}, {user: carl}]\n"

static char folder[] = "/tmp/test-approval.XXXXXX";
static char path[64];

static struct plan *load(void)
{
	struct plan_diag *d = plan_diag_new();
	struct plan *plan = plan_load_bytes("p.yaml", PLAN, strlen(PLAN), d);

	cr_assert_not_null(plan);
	plan_diag_free(d);
	if (path[0] == '\0')
		cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/approval.json", folder);
	return plan;
}

static void clean(struct plan *plan)
{
	(void)unlink(path);
	(void)rmdir(folder);
	plan_free(plan);
}

/* A file about this plan: "%s" stand for the digests of plan and anna. */
static void write_file(const char *format, const struct plan *plan)
{
	FILE *out = fopen(path, "we");

	cr_assert_not_null(out);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)fprintf(out, format, plan->digest, plan->accounts[0].digest,
	    plan->accounts[0].digest);
#pragma GCC diagnostic pop
	(void)fclose(out);
}

#define HEAD \
	"{\"v\":1,\"kind\":\"preview\",\"exact\":true,\"plan_digest\":\"%s\","

Test(approval, of_a_preview)
{
	struct plan *plan = load();
	struct approval a;
	struct error err = {0};

	write_file(HEAD
	    "\"accounts\":[{\"id\":\"bob\",\"digest\":\"%s\",\"known\":true,\"delete\":1,\"delete_mailboxes\":0},"
	    "{\"id\":\"carl\",\"known\":false},"
	    "{\"id\":\"anna\",\"digest\":\"%s\",\"known\":true,\"delete\":7,\"delete_mailboxes\":2,\"later\":[]}]}",
	    plan);
	cr_assert_eq(approval_read(&a, path, plan, &err), 0, "%s", err.text);
	const struct approval_account *anna =
	    approval_find(&a, &plan->accounts[0]);
	cr_assert_not_null(anna);
	cr_assert_eq(anna->messages, 7);
	cr_assert_eq(anna->mailboxes, 2);
	// it is another account's digest
	cr_assert_null(approval_find(&a, &plan->accounts[1]));
	cr_assert_null(approval_find(&a, &plan->accounts[2]));
	approval_release(&a);
	clean(plan);
}

Test(approval, refuses_what_says_too_little)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{\"%s%s\":1}",
	    "{\"v\":1,\"kind\":\"preview\",\"exact\":true,\"plan_digest\":\"x%s%s\",\"accounts\":[]}",
	    "{\"v\":1,\"kind\":\"preview\",\"exact\":false,\"plan_digest\":\"%s\",\"accounts\":[],\"x\":\"%s\"}",
	    "{\"v\":2,\"kind\":\"preview\",\"exact\":true,\"plan_digest\":\"%s\",\"accounts\":[],\"x\":\"%s\"}",
	    "{\"v\":1,\"kind\":\"report\",\"exact\":true,\"plan_digest\":\"%s\",\"accounts\":[],\"x\":\"%s\"}",
	    HEAD "\"accounts\":{},\"x\":\"%s\"}",
	    HEAD "\"accounts\":[7],\"x\":\"%s\"}",
	    // a preview without a number, or with a wrong one, is no licence
	    HEAD
	    "\"accounts\":[{\"id\":\"anna\",\"digest\":\"%s\",\"known\":true,\"delete_mailboxes\":0}]}",
	    HEAD
	    "\"accounts\":[{\"id\":\"anna\",\"digest\":\"%s\",\"known\":true,\"delete\":1}]}",
	    HEAD
	    "\"accounts\":[{\"id\":\"anna\",\"digest\":\"%s\",\"known\":true,\"delete\":-1,\"delete_mailboxes\":0}]}",
	    HEAD
	    "\"accounts\":[{\"id\":\"anna\",\"digest\":\"%s\",\"known\":true,\"delete\":\"1\",\"delete_mailboxes\":0}]}",
	};
	struct plan *plan = load();
	struct approval a;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = {0};
		write_file(bad[i], plan);
		cr_assert_eq(
		    approval_read(&a, path, plan, &err), -1, "%s", bad[i]);
		cr_assert_eq(err.kind, ERROR_CONFIG, "%s", bad[i]);
		cr_assert_eq(a.count, 0);
	}
	clean(plan);
}

Test(approval, by_name_stays_with_the_run)
{
	struct plan *plan = load();
	struct rundir dir = {.path = folder};
	struct approval a, again;
	struct error err = {0};
	struct stat st;

	cr_assert_eq(approval_read_run(&again, &dir, plan, &err), 0);
	cr_assert_eq(approval_by_name(&a, plan, NULL, &err), 0);
	cr_assert_eq(a.count, 2);
	cr_assert_eq(approval_store(&a, &dir, &err), 0, "%s", err.text);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_eq(approval_read_run(&again, &dir, plan, &err), 1);
	cr_assert(again.is_typed);
	const struct approval_account *bob =
	    approval_find(&again, &plan->accounts[1]);
	cr_assert_not_null(bob);
	cr_assert_eq(bob->messages, PLAN_NO_LIMIT);
	cr_assert_null(approval_find(&again, &plan->accounts[2]));
	approval_release(&again);
	// of another plan it is worth nothing
	(void)snprintf(a.plan_digest, sizeof(a.plan_digest), "other");
	cr_assert_eq(approval_store(&a, &dir, &err), 0);
	cr_assert_eq(approval_read_run(&again, &dir, plan, &err), -1);
	cr_assert_eq(err.kind, ERROR_CONFIG);
	approval_release(&a);
	clean(plan);
}

Test(approval, is_needed_where_a_mirror_is_meant)
{
	const char *patterns[] = {"c*"};
	struct select_rules rules = {.patterns = patterns, .pattern_count = 1};
	struct plan *plan = load();

	cr_assert(approval_is_needed(plan, NULL));
	cr_assert_not(approval_is_needed(plan, &rules));
	patterns[0] = "*";
	cr_assert(approval_is_needed(plan, &rules));
	// who types the name has been told of these, and of no others
	struct approval a;
	struct error err = {0};
	patterns[0] = "a*";
	cr_assert_eq(approval_by_name(&a, plan, &rules, &err), 0);
	cr_assert_not_null(approval_find(&a, &plan->accounts[0]));
	cr_assert_null(approval_find(&a, &plan->accounts[1]));
	approval_release(&a);
	clean(plan);
}
