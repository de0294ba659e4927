// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/contract/tally.h"
#include "orchestrator/grade.h"

struct row {
	char outcome[16];
	struct tally t;
	unsigned bad_percent;
	enum grade expected;
};

static struct row rows[] = {
    {"pending", {0}, 1, GRADE_NONE},
    {"interrupted", {.source = 5}, 1, GRADE_NONE},
    {"deferred", {.source = 5}, 1, GRADE_NONE},
    {"ok", {0}, 1, GRADE_COMPLETE},
    {"ok", {.source = 5, .copied = 5}, 1, GRADE_COMPLETE},
    {"ok", {.source = 5, .extra[TALLY_REFUSED_EXTRAS] = 1}, 1, GRADE_MINOR},
    {"ok", {.source = 5, .extra[TALLY_FLAGS_DROPPED] = 1}, 1, GRADE_MINOR},
    {"ok", {.source = 5, .extra[TALLY_REPAIRED] = 1}, 1, GRADE_MINOR},
    /* by rule is no loss */
    {"ok", {.source = 5, .skipped[TALLY_SKIP_DELETED] = 5}, 1, GRADE_COMPLETE},
    {"partial", {.source = 1000, .refused[TALLY_REFUSED_VIRUS] = 9}, 1,
	GRADE_REVIEW},
    {"partial", {.source = 1000, .refused[TALLY_REFUSED_VIRUS] = 10}, 1,
	GRADE_BAD},
    {"partial", {.source = 1000, .refused[TALLY_REFUSED_VIRUS] = 1}, 0,
	GRADE_BAD},
    {"partial", {.source = 1000, .refused[TALLY_REFUSED_MAILBOX] = 1}, 50,
	GRADE_BAD},
    {"partial", {.source = 9, .extra[TALLY_MAILBOXES_FAILED] = 1}, 50,
	GRADE_BAD},
    /* nobody knows why: somebody must look */
    {"partial", {.source = 9, .copied = 9}, 1, GRADE_REVIEW},
    {"changed", {.source = 9, .copied = 9}, 1, GRADE_REVIEW},
    {"auth", {0}, 1, GRADE_BAD},
    {"crash", {.source = 9, .copied = 9}, 1, GRADE_BAD},
};

ParameterizedTestParameters(grade, of_outcome_and_numbers)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *r, grade, of_outcome_and_numbers)
{
	cr_assert_eq(grade_of(r->outcome, &r->t, r->bad_percent), r->expected,
	    "%s", r->outcome);
}

Test(grade, names_are_found_again)
{
	for (int g = 0; g < GRADES; g++)
		cr_assert_eq(grade_find(grade_name((enum grade)g)), g);
	cr_assert_eq(grade_find("good"), GRADE_NONE);
}
