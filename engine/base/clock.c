// SPDX-License-Identifier: MIT
#include "engine/base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

int64_t clock_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_BYTES])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm = {0};
	char day[24];

	if (!gmtime_r(&seconds, &tm) ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		(void)snprintf(
		    out, CLOCK_TEXT_BYTES, "0000-00-00T00:00:00.000Z");
		return;
	}
	(void)snprintf(
	    out, CLOCK_TEXT_BYTES, "%s.%03dZ", day, (int)(wall_ms % 1000));
}

int clock_poll_ms(int64_t deadline_ms)
{
	if (deadline_ms == CLOCK_NEVER)
		return -1;
	int64_t left = deadline_ms - clock_ms();
	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}
