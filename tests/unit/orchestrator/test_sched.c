// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdint.h>

#include "orchestrator/sched.h"

static const struct sched_config plain = {.jobs = 2,
    .attempts = 3,
    .backoff_ms = 1000,
    .factor = 3,
    .max_wait_ms = 5000,
    .seed = 7};

static void start(struct sched *s, const struct sched_config *c, size_t count)
{
	cr_assert_eq(sched_init(s, c, count), 0);
	for (size_t i = 0; i < count; i++)
		sched_add(s, i, NULL);
}

static size_t take(struct sched *s, int64_t now)
{
	size_t i = SIZE_MAX;

	return sched_take(s, now, &i, NULL) ? i : SIZE_MAX;
}

static int64_t ended(
    struct sched *s, size_t account, enum exit_retry retry, int64_t now)
{
	const struct sched_result result = {.retry = retry};

	return sched_ended(s, account, &result, now);
}

Test(sched, keeps_plan_order_and_the_bound)
{
	struct sched s;

	start(&s, &plain, 4);
	cr_assert_eq(take(&s, 0), 0);
	cr_assert_eq(take(&s, 0), 1);
	cr_assert_eq(take(&s, 0), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 0), INT64_MAX);
	cr_assert_eq(ended(&s, 1, EXIT_RETRY_NEVER, 0), -1);
	cr_assert_eq(take(&s, 0), 2);
	cr_assert_eq(ended(&s, 0, EXIT_RETRY_NEVER, 0), -1);
	cr_assert_eq(take(&s, 0), 3);
	cr_assert_eq(ended(&s, 2, EXIT_RETRY_NEVER, 0), -1);
	cr_assert_not(sched_is_over(&s));
	cr_assert_eq(ended(&s, 3, EXIT_RETRY_NEVER, 0), -1);
	cr_assert(sched_is_over(&s));
	sched_release(&s);
}

Test(sched, nothing_added_is_over)
{
	struct sched s;

	cr_assert_eq(sched_init(&s, &plain, 3), 0);
	cr_assert(sched_is_over(&s));
	cr_assert_eq(take(&s, 0), SIZE_MAX);
	sched_release(&s);
	cr_assert_eq(sched_init(&s, &plain, 0), 0);
	cr_assert(sched_is_over(&s));
	sched_release(&s);
}

struct retry_row {
	enum exit_retry retry;
	int64_t first, second, third; /* waits after each attempt */
};

ParameterizedTestParameters(sched, retry_by_class)
{
	static struct retry_row rows[] = {
	    {EXIT_RETRY_NEVER, -1, -1, -1},
	    {EXIT_RETRY_RESUME, -1, -1, -1},
	    {EXIT_RETRY_ONCE, 0, -1, -1},
	    {EXIT_RETRY_AT_END, 0, -1, -1},
	    {EXIT_RETRY_BACKOFF, 1000, 3000, -1},
	};

	return cr_make_param_array(
	    struct retry_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct retry_row *row, sched, retry_by_class)
{
	const int64_t waits[] = {row->first, row->second, row->third};
	struct sched s;
	int64_t now = 100;

	start(&s, &plain, 1);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(take(&s, now), 0, "attempt %d", i + 1);
		int64_t wait = ended(&s, 0, row->retry, now);
		cr_assert_eq(wait, waits[i], "attempt %d", i + 1);
		if (wait < 0)
			break;
		cr_assert_eq(sched_wake(&s, now), now + wait);
		if (wait > 0)
			cr_assert_eq(take(&s, now + wait - 1), SIZE_MAX);
		now += wait;
	}
	cr_assert(sched_is_over(&s));
	sched_release(&s);
}

Test(sched, backoff_has_a_ceiling)
{
	struct sched_config c = plain;
	struct sched s;
	int64_t now = 0, wait = 0;

	c.attempts = 6;
	start(&s, &c, 1);
	for (int i = 0; i < 5; i++) {
		(void)take(&s, now);
		wait = ended(&s, 0, EXIT_RETRY_BACKOFF, now);
		now += wait;
	}
	cr_assert_eq(wait, 5000);
	sched_release(&s);
}

Test(sched, jitter_stays_in_its_range)
{
	struct sched_config c = plain;
	int64_t low = INT64_MAX, high = 0;

	c.jitter_percent = 20;
	for (uint64_t seed = 1; seed < 400; seed++) {
		struct sched s;
		c.seed = seed * UINT64_C(0x9e3779b97f4a7c15);
		start(&s, &c, 1);
		(void)take(&s, 0);
		int64_t wait = ended(&s, 0, EXIT_RETRY_BACKOFF, 0);
		low = wait < low ? wait : low;
		high = wait > high ? wait : high;
		sched_release(&s);
	}
	cr_assert(low >= 800 && low < 850, "low %ld", (long)low);
	cr_assert(high <= 1200 && high > 1150, "high %ld", (long)high);
}

Test(sched, trouble_does_not_delay_others)
{
	struct sched s;

	start(&s, &plain, 4);
	(void)take(&s, 0);
	cr_assert_eq(ended(&s, 0, EXIT_RETRY_ONCE, 0), 0);
	cr_assert_eq(take(&s, 0), 1);
	cr_assert_eq(take(&s, 0), 2);
	(void)ended(&s, 1, EXIT_RETRY_NEVER, 0);
	cr_assert_eq(take(&s, 0), 3);
	(void)ended(&s, 2, EXIT_RETRY_NEVER, 0);
	cr_assert_eq(take(&s, 0), 0);
	sched_release(&s);
}

Test(sched, changed_accounts_wait_for_the_end)
{
	struct sched s;

	start(&s, &plain, 3);
	(void)take(&s, 0);
	(void)take(&s, 0);
	cr_assert_eq(ended(&s, 0, EXIT_RETRY_AT_END, 0), 0);
	cr_assert_eq(take(&s, 0), 2);
	cr_assert_eq(ended(&s, 1, EXIT_RETRY_BACKOFF, 0), 1000);
	(void)ended(&s, 2, EXIT_RETRY_AT_END, 0);
	cr_assert_eq(take(&s, 500), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 500), 1000);
	cr_assert_eq(take(&s, 1000), 1);
	cr_assert_eq(take(&s, 1000), SIZE_MAX); /* 1 still runs */
	cr_assert_eq(sched_wake(&s, 1000), INT64_MAX);
	(void)ended(&s, 1, EXIT_RETRY_NEVER, 1000);
	cr_assert_eq(take(&s, 1000), 0);
	cr_assert_eq(take(&s, 1000), 2); /* second passes run together */
	cr_assert_eq(ended(&s, 0, EXIT_RETRY_AT_END, 1000), -1);
	cr_assert_eq(ended(&s, 2, EXIT_RETRY_NEVER, 1000), -1);
	cr_assert(sched_is_over(&s));
	sched_release(&s);
}

Test(sched, start_delay_spreads_starts)
{
	struct sched_config c = plain;
	struct sched s;

	c.start_delay_ms = 200;
	start(&s, &c, 2);
	cr_assert_eq(take(&s, 1000), 0);
	cr_assert_eq(take(&s, 1199), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 1100), 1200);
	cr_assert_eq(take(&s, 1200), 1);
	sched_release(&s);
}

Test(sched, stop_starts_nothing_more)
{
	struct sched s;

	start(&s, &plain, 3);
	(void)take(&s, 0);
	sched_stop(&s);
	cr_assert_eq(take(&s, 0), SIZE_MAX);
	cr_assert_not(sched_is_over(&s));
	(void)ended(&s, 0, EXIT_RETRY_BACKOFF, 0);
	cr_assert(sched_is_over(&s));
	cr_assert_eq(sched_wake(&s, 0), INT64_MAX);
	sched_release(&s);
}

Test(sched, put_back_stays_next)
{
	struct sched s;

	start(&s, &plain, 3);
	(void)take(&s, 0);
	cr_assert_eq(take(&s, 0), 1);
	sched_put_back(&s, 1, 0, 1000);
	cr_assert_eq(take(&s, 999), SIZE_MAX);
	cr_assert_eq(take(&s, 1000), 1);
	sched_release(&s);
}

/* Whatever its last attempt says. */
Test(sched, skipped_while_it_runs_comes_not_back)
{
	static const struct sched_result ends[] = {
	    {.retry = EXIT_RETRY_BACKOFF},
	    {.retry = EXIT_RETRY_ONCE},
	    {.retry = EXIT_RETRY_AT_END},
	    {.retry = EXIT_RETRY_AT_TIME, .asked_ms = 10},
	    {.retry = EXIT_RETRY_RESUME, .is_put_off = true},
	};
	struct sched s;

	start(&s, &plain, sizeof(ends) / sizeof(ends[0]));
	for (size_t i = 0; i < s.count; i++) {
		cr_assert_eq(take(&s, 0), i);
		cr_assert(sched_skip(&s, i));
		cr_assert_eq(sched_ended(&s, i, &ends[i], 0), SCHED_WAIT_DONE);
	}
	cr_assert(sched_is_over(&s));
	sched_again(&s, 3, NULL, 0);
	cr_assert_eq(take(&s, 0), 3);
	cr_assert_eq(sched_ended(&s, 3, &ends[3], 0), 10);
	sched_release(&s);
}
