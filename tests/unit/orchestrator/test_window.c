// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <time.h>

#include "config/plan.h"
#include "orchestrator/window.h"

enum {
	WEEKDAYS = 0x1f,
	WEEKEND = 0x60,
	ALWAYS = 0x7f
};

/* Nights of weekdays, and all of the weekend. */
static const struct plan_window nights[] = {
    {WEEKDAYS, 20 * 60, 7 * 60}, {WEEKEND, 0, 24 * 60}};

static int64_t at(const char *text)
{
	struct tm t = {.tm_isdst = -1};

	cr_assert_not_null(strptime(text, "%Y-%m-%d %H:%M", &t));
	return (int64_t)mktime(&t) * 1000;
}

static void zone(const char *name)
{
	cr_assert_eq(setenv("TZ", name, 1), 0);
	tzset();
}

struct row {
	char now[20];
	int found;
	char change[20];
};

/* 2026-03-02 is a Monday. */
ParameterizedTestParameters(window, nights_and_weekends)
{
	static struct row rows[] = {
	    {"2026-03-02 12:00", -1, "2026-03-02 20:00"},
	    {"2026-03-02 19:59", -1, "2026-03-02 20:00"},
	    {"2026-03-02 20:00", 0, "2026-03-03 07:00"},
	    {"2026-03-03 00:00", 0, "2026-03-03 07:00"},
	    {"2026-03-03 06:59", 0, "2026-03-03 07:00"},
	    {"2026-03-03 07:00", -1, "2026-03-03 20:00"},
	    // Monday morning: Sunday's window ended, and no weekday began
	    {"2026-03-02 00:00", -1, "2026-03-02 20:00"},
	    // Friday's night goes into Saturday, then Saturday's own
	    {"2026-03-06 23:00", 0, "2026-03-07 07:00"},
	    {"2026-03-07 08:00", 1, "2026-03-09 00:00"},
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, window, nights_and_weekends)
{
	zone("UTC");
	int64_t now = at(row->now);
	cr_assert_eq(window_find(nights, 2, now), row->found, "%s", row->now);
	cr_assert_eq(
	    window_change_ms(nights, 2, now), at(row->change), "%s", row->now);
}

Test(window, once_a_week_is_seen_a_week_ahead)
{
	const struct plan_window sunday = {0x40, 9 * 60, 10 * 60};

	zone("UTC");
	cr_assert_eq(window_change_ms(&sunday, 1, at("2026-03-08 10:00")),
	    at("2026-03-15 09:00"));
}

Test(window, always_never_changes)
{
	const struct plan_window always = {ALWAYS, 0, 24 * 60};

	zone("UTC");
	cr_assert_eq(window_find(&always, 1, at("2026-03-08 10:00")), 0);
	cr_assert_eq(
	    window_change_ms(&always, 1, at("2026-03-08 10:00")), INT64_MAX);
	cr_assert_eq(window_find(NULL, 0, 0), -1);
	cr_assert_eq(window_change_ms(NULL, 0, 0), INT64_MAX);
}

/* Equal ends: the whole day from there. */
Test(window, from_noon_to_noon)
{
	const struct plan_window w = {0x01, 12 * 60, 12 * 60};

	zone("UTC");
	cr_assert_eq(window_find(&w, 1, at("2026-03-02 11:59")), -1);
	cr_assert_eq(window_find(&w, 1, at("2026-03-02 12:00")), 0);
	cr_assert_eq(window_find(&w, 1, at("2026-03-03 11:59")), 0);
	cr_assert_eq(window_find(&w, 1, at("2026-03-03 12:00")), -1);
}

/* F196: In the night of 2026-03-29 Berlin leaves out 02:00 to 03:00, in that of
 * 2026-10-25 it has that hour twice. */
Test(window, follows_the_clock_on_the_wall)
{
	const struct plan_window w = {ALWAYS, 22 * 60, 6 * 60};

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	int64_t from = at("2026-03-28 22:00"), to = at("2026-03-29 06:00");
	cr_assert_eq(to - from, 7 * 3600 * 1000);
	cr_assert_eq(window_change_ms(&w, 1, from), to);
	from = at("2026-10-24 22:00");
	to = at("2026-10-25 06:00");
	cr_assert_eq(to - from, 9 * 3600 * 1000);
	cr_assert_eq(window_change_ms(&w, 1, from), to);
}

/* F196: A window that ends in the hour that is left out. */
Test(window, an_end_that_does_not_exist)
{
	const struct plan_window w = {ALWAYS, 22 * 60, 2 * 60 + 30};

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	int64_t change = window_change_ms(&w, 1, at("2026-03-28 23:00"));
	cr_assert_geq(change, at("2026-03-29 01:00"));
	cr_assert_leq(change, at("2026-03-29 04:00"));
	cr_assert_eq(window_find(&w, 1, change), -1);
}
