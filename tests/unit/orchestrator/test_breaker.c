// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "orchestrator/breaker.h"

static const struct breaker_config config = {
    .after = 3, .pause_ms = 1000, .max_pause_ms = 3000};

static void fail(struct breaker *b, int times, int64_t now)
{
	for (int i = 0; i < times; i++)
		breaker_failed(b, false, now);
}

Test(breaker, opens_after_failures_in_a_row)
{
	struct breaker b;

	breaker_init(&b, &config);
	fail(&b, 2, 0);
	breaker_worked(&b);
	fail(&b, 2, 10);
	cr_assert_eq(b.state, BREAKER_CLOSED);
	cr_assert_eq(breaker_ready_ms(&b, 10), 10);
	fail(&b, 1, 10);
	cr_assert_eq(b.state, BREAKER_OPEN);
	cr_assert_eq(breaker_ready_ms(&b, 20), 1010);
	// those that began before do not make it longer
	fail(&b, 9, 500);
	cr_assert_eq(breaker_ready_ms(&b, 500), 1010);
}

Test(breaker, one_tries_and_decides)
{
	struct breaker b;

	breaker_init(&b, &config);
	fail(&b, 3, 0);
	cr_assert(breaker_started(&b));
	cr_assert_eq(b.state, BREAKER_HALF_OPEN);
	cr_assert_eq(breaker_ready_ms(&b, 1000), INT64_MAX);
	fail(&b, 1, 1100); // an older one
	cr_assert_eq(b.state, BREAKER_HALF_OPEN);
	breaker_failed(&b, true, 1200);
	cr_assert_eq(breaker_ready_ms(&b, 1200), 3200, "doubled");
	cr_assert(breaker_started(&b));
	breaker_failed(&b, true, 4000);
	cr_assert_eq(breaker_ready_ms(&b, 4000), 7000, "at most");
	cr_assert(breaker_started(&b));
	breaker_worked(&b);
	cr_assert_eq(b.state, BREAKER_CLOSED);
	cr_assert_not(breaker_started(&b));
}

Test(breaker, a_probe_that_says_nothing_is_followed_by_another)
{
	struct breaker b;

	breaker_init(&b, &config);
	fail(&b, 3, 0);
	(void)breaker_started(&b);
	breaker_gone(&b);
	cr_assert_eq(breaker_ready_ms(&b, 1500), 1500);
}

Test(breaker, gives_up)
{
	struct breaker b;

	breaker_init(&b, &config);
	fail(&b, 3, 0);
	for (int i = 0; i < BREAKER_PROBES_MAX; i++) {
		cr_assert(breaker_started(&b));
		breaker_failed(&b, true, 0);
	}
	cr_assert_eq(b.state, BREAKER_GIVEN_UP);
	cr_assert_eq(breaker_ready_ms(&b, 1000000), INT64_MAX);
}

Test(breaker, zero_never_opens)
{
	const struct breaker_config never = {0};
	struct breaker b;

	breaker_init(&b, &never);
	fail(&b, 1000, 0);
	cr_assert_eq(b.state, BREAKER_CLOSED);
}
