// SPDX-License-Identifier: MIT
/*
 * Time: monotonic milliseconds for deadlines, UTC wall time for people only.
 */
#ifndef ENGINE_BASE_CLOCK_H
#define ENGINE_BASE_CLOCK_H

#include <stdint.h>

/* Room for "2026-03-01T20:00:04.112Z" and its NUL. */
enum {
	CLOCK_TEXT_BYTES = 32
};

/* No deadline: greater than every time. */
#define CLOCK_NEVER INT64_MAX

int64_t clock_ms(void);
int64_t clock_us(void);

/* Milliseconds since 1970 in UTC. */
int64_t clock_wall_ms(void);

/* ISO 8601 in UTC with milliseconds. */
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_BYTES]);

/* Poll timeout until a deadline: -1 for CLOCK_NEVER, 0 when it is past. */
int clock_poll_ms(int64_t deadline_ms);

#endif
