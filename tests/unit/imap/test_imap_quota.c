// SPDX-License-Identifier: MIT
#include "engine/imap/imap_quota.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/base/mem.h"
#include "tests/unit/support/imap_answer.h"

/* One QUOTA answer; false: refused. */
static bool take(struct imap_quota *q, const char *input)
{
	struct imap_response r;
	char *copy = imap_answer_parse("QUOTA", input, &r);
	bool taken = imap_quota_add(q, r.rest);

	free(copy);
	return taken;
}

Test(imap_quota, reads_both_resources)
{
	static const char *const inputs[] = {
	    "\"\" (STORAGE 10 512 MESSAGE 3 20)",
	    "\"User quota\" (STORAGE 10 512 MESSAGE 3 20)",
	    "root (MESSAGE 3 20 STORAGE 10 512)",
	    "{2}\r\na) ( storage 10 512  message 3 20 X-OTHER 1 2 )",
	};

	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct imap_quota q = {0};
		cr_assert(take(&q, inputs[i]), "%s", inputs[i]);
		cr_assert(q.storage.is_given && q.count.is_given);
		cr_assert_eq(q.storage.used, 10 * 1024);
		cr_assert_eq(q.storage.limit, 512 * 1024);
		cr_assert_eq(q.count.used, 3);
		cr_assert_eq(q.count.limit, 20);
	}
}

Test(imap_quota, the_tightest_root_counts)
{
	struct imap_quota q = {0};

	cr_assert(take(&q, "a (STORAGE 0 100)"));
	cr_assert(take(&q, "b (STORAGE 950 1000 MESSAGE 1 2)"));
	cr_assert(take(&q, "c (STORAGE 0 51)"));
	cr_assert_eq(q.storage.limit, 1000 * 1024);
	cr_assert(take(&q, "d (STORAGE 9 3)")); // over it already
	cr_assert_eq(q.storage.used, 9 * 1024);
	cr_assert_eq(q.count.limit, 2);
}

Test(imap_quota, without_a_limit_there_is_none)
{
	struct imap_quota q = {0};

	cr_assert(take(&q, "\"\" ()"));
	cr_assert_not(q.storage.is_given || q.count.is_given);
	cr_assert(take(&q, "\"\" (STORAGE 5 18446744073709551615)"));
	cr_assert_not(q.storage.is_given);
}

Test(imap_quota, what_is_malformed_changes_nothing)
{
	static const char *const inputs[] = {"", "x", "x (", "x (STORAGE)",
	    "x (STORAGE 1)", "x (STORAGE -1 5)", "x (STORAGE 1 NIL)",
	    "x (MESSAGE 1 2 STORAGE 1 x)", "(STORAGE 1 2)",
	    "x (STORAGE 1 99999999999999999999)"};

	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct imap_quota q = {0};
		cr_assert_not(take(&q, inputs[i]), "%s", inputs[i]);
		cr_assert_not(q.storage.is_given || q.count.is_given);
	}
}
