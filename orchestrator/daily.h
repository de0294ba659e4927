// SPDX-License-Identifier: MIT
/*
 * What of its bytes of a day an account has used.  A day begins with the first
 * byte that is counted and lasts 24 hours.  Pure: time comes in as an argument.
 */
#ifndef ORCHESTRATOR_DAILY_H
#define ORCHESTRATOR_DAILY_H

#include <stdbool.h>
#include <stdint.h>

struct daily {
	int64_t since_ms; /* wall time; of no meaning while bytes is 0 */
	uint64_t bytes;
};

void daily_add(struct daily *d, uint64_t bytes, int64_t wall_ms);

/* Adds to `sum` what another one uses of the same allowance; the day is that of
 * the first byte of all. */
void daily_join(struct daily *sum, const struct daily *d, int64_t wall_ms);

/* Would so many more reach the limit (0: none)? */
bool daily_is_reached(
    const struct daily *d, uint64_t more, uint64_t limit, int64_t wall_ms);

/* How long until the day is over. */
int64_t daily_wait_ms(const struct daily *d, int64_t wall_ms);

#endif
