// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/pace.h"

#define SECOND INT64_C(1000000)
#define MIB (1024 * 1024)

Test(pace, no_rate_no_wait)
{
	struct pace_bucket b = {0};

	cr_assert_eq(pace_charge(&b, UINT64_MAX, SECOND), 0);
}

Test(pace, a_burst_and_then_the_rate)
{
	struct pace_bucket b = {.rate = 1000};
	int64_t now = 100 * SECOND;

	cr_assert_eq(pace_charge(&b, 200, now), 0, "within the burst");
	cr_assert_eq(pace_charge(&b, 300, now), now + SECOND / 4);
	cr_assert_eq(pace_charge(&b, 1000, now), now + SECOND * 5 / 4);
	// a pause gives no more than one burst
	now += 1000 * SECOND;
	cr_assert_eq(pace_charge(&b, 250, now), 0);
	cr_assert_eq(pace_charge(&b, 1, now), now + SECOND / 1000);
}

/* Each of several gets its turn: the sum is the rate. */
Test(pace, many_share_it)
{
	struct pace_bucket b = {.rate = MIB};
	int64_t now = SECOND, wakes[4] = {0};
	uint64_t passed = 0;

	for (; now < 11 * SECOND; now += 1000)
		for (size_t i = 0; i < 4; i++)
			if (wakes[i] <= now) {
				passed += 10000;
				wakes[i] = pace_charge(&b, 10000, now);
			}
	cr_assert_geq(passed, 10 * MIB);
	cr_assert_leq(passed, 11 * MIB);
}

Test(pace, nobody_waits_for_ever)
{
	struct pace_bucket b = {.rate = 1};

	cr_assert_leq(pace_charge(&b, UINT64_MAX, SECOND),
	    SECOND + 2 * (int64_t)PACE_AHEAD_US);
	b.next_us = INT64_MAX; // somebody's garbage
	cr_assert_leq(
	    pace_charge(&b, 1, SECOND), SECOND + (int64_t)PACE_AHEAD_US);
	b.next_us = INT64_MIN;
	cr_assert_eq(pace_charge(&b, 0, SECOND), 0);
}

Test(pace, a_line_waits_for_its_slowest)
{
	struct pace_bucket run = {.rate = 1000}, server = {.rate = 100};
	const struct pace_line line = {{&run, NULL}, &server};
	int64_t now = 100 * SECOND;

	cr_assert_eq(pace_charge_read(&line, 125, now), now + SECOND);
	cr_assert_eq(pace_charge_written(&line, 100, now), now + 2 * SECOND);
	cr_assert_eq(run.next_us, now - SECOND / 8, "reads alone");
}

Test(pace, steps_are_short)
{
	struct pace_bucket fast = {.rate = 100 * MIB}, slow = {.rate = 80000},
			   least = {.rate = 1};
	const struct pace_line none = {{NULL, NULL}, NULL};
	const struct pace_line quick = {{&fast, NULL}, NULL};
	const struct pace_line both = {{&fast, NULL}, &slow};
	const struct pace_line crawl = {{&least, NULL}, NULL};

	cr_assert_eq(pace_step(&none, 131072), 131072);
	cr_assert_eq(pace_step(&quick, 131072), 131072);
	cr_assert_eq(pace_step(&both, 131072), 10000);
	cr_assert_eq(pace_step(&crawl, 131072), 4096);
	cr_assert_eq(pace_step(&crawl, 100), 100);
}

/* A process that is killed at any moment leaves nothing that is held. */
Test(pace, the_dead_hold_nothing)
{
	struct pace_bucket *ours = NULL, *theirs = NULL;
	struct error err;
	size_t count = 0;
	int fd = pace_share(&ours, 3, &err);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ours[2].rate, 0);
	ours[1].rate = 1000;
	pid_t pid = fork();
	if (pid == 0) {
		if (pace_join(fd, &theirs, &count, &err) < 0 || count != 3)
			_exit(1);
		for (int64_t now = 0;; now++)
			(void)pace_charge(&theirs[1], 1, now);
	}
	while (ours[1].next_us < 1000)
		;
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	int64_t now = ours[1].next_us + 10 * SECOND;
	cr_assert_eq(pace_charge(&ours[1], 250, now), 0);
	cr_assert_neq(ftruncate(fd, 0), 0, "its size is fixed");
	(void)close(fd);
}

Test(pace, what_is_no_such_memory)
{
	struct pace_bucket *b = NULL;
	struct error err;
	size_t count = 0;
	int fd = open("/dev/null", O_RDWR);

	cr_assert_eq(pace_join(fd, &b, &count, &err), -1);
	cr_assert_eq(pace_join(999, &b, &count, &err), -1);
	(void)close(fd);
}
