// SPDX-License-Identifier: MIT
#include "orchestrator/window.h"

#include <time.h>

#include "config/plan.h"

enum {
	DAY_MINUTES = 24 * 60,
	DAYS_AHEAD = 8 /* a window on one day of the week, today's being over */
};

static int minute_of(const struct tm *t)
{
	return t->tm_hour * 60 + t->tm_min;
}

/* 0: Monday. */
static int weekday(const struct tm *t)
{
	return (t->tm_wday + 6) % 7;
}

static bool begins_on(const struct plan_window *w, int day)
{
	return (w->days >> (day % 7)) & 1;
}

static bool is_open(const struct plan_window *w, const struct tm *t)
{
	int minute = minute_of(t), day = weekday(t);

	if (w->from_minute < w->to_minute)
		return begins_on(w, day) && minute >= w->from_minute &&
		       minute < w->to_minute;
	return (begins_on(w, day) && minute >= w->from_minute) ||
	       (begins_on(w, day + 6) && minute < w->to_minute);
}

static bool local_time(int64_t wall_ms, struct tm *out)
{
	time_t seconds = (time_t)(wall_ms / 1000);

	return localtime_r(&seconds, out) != NULL;
}

int window_find(
    const struct plan_window *windows, size_t count, int64_t wall_ms)
{
	struct tm t;

	if (!local_time(wall_ms, &t))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (is_open(&windows[i], &t))
			return (int)i;
	return -1;
}

/* The moment at which the clock on the wall shows this minute, so many days
 * after `today`. An hour that is left out in spring is taken as the one after
 * it. */
static int64_t moment(const struct tm *today, int days, int minute)
{
	struct tm t = {.tm_year = today->tm_year,
	    .tm_mon = today->tm_mon,
	    .tm_mday = today->tm_mday + days,
	    .tm_hour = minute / 60,
	    .tm_min = minute % 60,
	    .tm_isdst = -1};

	return (int64_t)mktime(&t) * 1000;
}

/* The nearest of the moments that could change the answer, and does. */
static int64_t sooner(const struct plan_window *windows, size_t count,
    int64_t wall_ms, int64_t at, int64_t best)
{
	if (at <= wall_ms || at >= best)
		return best;
	return window_find(windows, count, at) ==
		       window_find(windows, count, wall_ms)
		   ? best
		   : at;
}

int64_t window_change_ms(
    const struct plan_window *windows, size_t count, int64_t wall_ms)
{
	int64_t best = INT64_MAX;
	struct tm today;

	if (!local_time(wall_ms, &today))
		return INT64_MAX;
	for (int day = 0; day <= DAYS_AHEAD; day++)
		for (size_t i = 0; i < count; i++) {
			const struct plan_window *w = &windows[i];
			best = sooner(windows, count, wall_ms,
			    moment(&today, day, w->from_minute), best);
			best = sooner(windows, count, wall_ms,
			    moment(&today, day, w->to_minute), best);
		}
	return best;
}
