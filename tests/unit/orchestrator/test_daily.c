// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>

#include "orchestrator/daily.h"

#define HOUR INT64_C(3600000)

Test(daily, a_day_begins_with_its_first_byte)
{
	struct daily d = {0};

	cr_assert_not(daily_is_reached(&d, 0, 100, HOUR));
	cr_assert(daily_is_reached(&d, 100, 100, HOUR), "reached is enough");
	daily_add(&d, 60, 5 * HOUR);
	daily_add(&d, 30, 20 * HOUR);
	cr_assert_not(daily_is_reached(&d, 9, 100, 21 * HOUR));
	cr_assert(daily_is_reached(&d, 10, 100, 21 * HOUR));
	cr_assert_eq(daily_wait_ms(&d, 21 * HOUR), 8 * HOUR);
	cr_assert_not(daily_is_reached(&d, 99, 100, 29 * HOUR), "a new day");
	daily_add(&d, 7, 30 * HOUR);
	cr_assert_eq(d.bytes, 7);
}

Test(daily, no_limit)
{
	struct daily d = {0};

	daily_add(&d, UINT64_MAX, 0);
	daily_add(&d, UINT64_MAX, 0);
	cr_assert_not(daily_is_reached(&d, UINT64_MAX, 0, 0));
	cr_assert(daily_is_reached(&d, 0, UINT64_MAX, 0));
}

/* F196 */
Test(daily, a_clock_that_is_set_back)
{
	struct daily d = {0};

	daily_add(&d, 100, 100 * HOUR);
	cr_assert_not(daily_is_reached(&d, 1, 100, 0));
}

Test(daily, several_share_an_allowance)
{
	struct daily one = {0}, two = {0}, sum = {0};

	daily_add(&one, 60, 9 * HOUR);
	daily_add(&two, 30, 5 * HOUR);
	daily_join(&sum, &one, 10 * HOUR);
	daily_join(&sum, &two, 10 * HOUR);
	cr_assert_eq(sum.bytes, 90);
	cr_assert_eq(daily_wait_ms(&sum, 10 * HOUR), 19 * HOUR);
	// the day of one is over
	sum = (struct daily){0};
	daily_join(&sum, &one, 30 * HOUR);
	daily_join(&sum, &two, 30 * HOUR);
	cr_assert_eq(sum.bytes, 60);
	daily_add(&two, UINT64_MAX, 30 * HOUR);
	daily_join(&sum, &two, 30 * HOUR);
	cr_assert_eq(sum.bytes, UINT64_MAX);
}
