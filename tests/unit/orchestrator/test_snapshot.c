// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "orchestrator/snapshot.h"

struct row {
	const char *why;
	size_t total, done, running, waiting;
	int64_t passed_ms;
	uint64_t rate;
	uint64_t bytes, expected_bytes; /* of the one that runs */
	int64_t eta;
	char by[12];
};

static struct row rows[] = {
    {"too early", 10, 2, 1, 7, 59999, 100, 0, 0, -1, ""},
    {"a minute is enough", 10, 2, 1, 7, 60000, 100, 0, 0, 240, "accounts"},
    {"three accounts too", 6, 3, 1, 2, 9000, 100, 0, 0, 9, "accounts"},
    {"half of one is done", 5, 3, 1, 1, 7000, 100, 50, 100, 3, "accounts"},
    {"sizes are known", 4, 3, 1, 0, 9000, 100, 1000, 6000, 50, "bytes"},
    {"more than was expected", 4, 3, 1, 0, 9000, 100, 70, 60, 0, "bytes"},
    {"a size is not known", 4, 3, 1, 0, 9000, 100, 70, 0, 3, "accounts"},
    {"nothing flows", 4, 3, 1, 0, 9000, 0, 50, 100, 1, "accounts"},
    {"nothing is done", 4, 0, 1, 3, 90000, 0, 0, 0, -1, ""},
    {"all is done", 4, 4, 0, 0, 9000, 100, 0, 0, -1, ""},
};

ParameterizedTestParameters(snapshot, eta)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, snapshot, eta)
{
	struct snapshot_account account = {
	    .bytes = row->bytes, .expected_bytes = row->expected_bytes};
	struct snapshot s = {.total = row->total,
	    .done = row->done,
	    .running = row->running,
	    .waiting = row->waiting,
	    .passed_ms = row->passed_ms,
	    .rate = row->rate,
	    .accounts = &account,
	    .account_count = row->running};

	snapshot_eta(&s);
	cr_assert_eq(s.eta_seconds, row->eta, "%lld", (long long)s.eta_seconds);
	cr_assert_str_eq(s.eta_by ? s.eta_by : "", row->by);
}

Test(snapshot, rate_is_that_of_the_last_half_minute)
{
	struct snapshot_rate r = {0};
	uint64_t bytes = 0, rate = 0;

	cr_assert_eq(snapshot_rate(&r, 5000, 1000), 0);
	cr_assert_eq(snapshot_rate(&r, 6000, 2000), 1000);
	for (int i = 0; i < 400; i++) { /* 100 seconds of 1000 a second */
		bytes += 250;
		rate = snapshot_rate(&r, 6000 + bytes, 2000 + (i + 1) * 250);
	}
	cr_assert(rate > 990 && rate < 1010);
	for (int i = 0; i < 400; i++) /* then of nothing */
		rate = snapshot_rate(&r, 6000 + bytes, 102000 + i * 250);
	cr_assert_eq(rate, 0);
	/* what was given back is no negative rate */
	cr_assert_eq(snapshot_rate(&r, 10, 210000), 0);
}

Test(snapshot, classes_are_counted)
{
	struct snapshot s = {0};
	char other[] = "ok";

	snapshot_count(&s, "ok");
	snapshot_count(&s, other);
	snapshot_count(&s, "auth");
	cr_assert_eq(snapshot_count_of(&s, "ok"), 2);
	cr_assert_eq(snapshot_count_of(&s, "none"), 0);
	cr_assert_eq(s.class_count, 2);
}

Test(snapshot, durations)
{
	char out[32];

	cr_assert_str_eq(snapshot_duration(9, out, sizeof(out)), "9s");
	cr_assert_str_eq(snapshot_duration(250, out, sizeof(out)), "4m10s");
	cr_assert_str_eq(snapshot_duration(47100, out, sizeof(out)), "13h05m");
	cr_assert_str_eq(
	    snapshot_duration(500 * 3600, out, sizeof(out)), "500h");
}
