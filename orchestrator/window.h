// SPDX-License-Identifier: MIT
/*
 * Hours of the week in local time: is now inside, and when does that change?
 * Time comes in as an argument; the zone is the process's ($TZ), with its
 * changes between summer and winter: a window opens and closes by the clock on
 * the wall.
 */
#ifndef ORCHESTRATOR_WINDOW_H
#define ORCHESTRATOR_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_window; /* config/plan.h */

/* Is one of them open? The first that is, or -1. */
int window_find(
    const struct plan_window *windows, size_t count, int64_t wall_ms);

/* When window_find will next give another answer, at most a little over a week
 * ahead; INT64_MAX: it stays as it is. */
int64_t window_change_ms(
    const struct plan_window *windows, size_t count, int64_t wall_ms);

#endif
