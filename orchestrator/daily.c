// SPDX-License-Identifier: MIT
#include "orchestrator/daily.h"

#define DAY_MS (24 * INT64_C(3600) * 1000)

/* A clock that was set back begins a new day, else it might never end. */
static bool is_over(const struct daily *d, int64_t wall_ms)
{
	return d->bytes == 0 || wall_ms < d->since_ms ||
	       wall_ms - d->since_ms >= DAY_MS;
}

void daily_add(struct daily *d, uint64_t bytes, int64_t wall_ms)
{
	if (is_over(d, wall_ms))
		*d = (struct daily){.since_ms = wall_ms};
	d->bytes =
	    bytes > UINT64_MAX - d->bytes ? UINT64_MAX : d->bytes + bytes;
}

void daily_join(struct daily *sum, const struct daily *d, int64_t wall_ms)
{
	if (is_over(d, wall_ms))
		return;
	if (sum->bytes == 0 || d->since_ms < sum->since_ms)
		sum->since_ms = d->since_ms;
	sum->bytes = d->bytes > UINT64_MAX - sum->bytes ? UINT64_MAX
							: sum->bytes + d->bytes;
}

bool daily_is_reached(
    const struct daily *d, uint64_t more, uint64_t limit, int64_t wall_ms)
{
	uint64_t used = is_over(d, wall_ms) ? 0 : d->bytes;

	return limit > 0 && (used >= limit || more >= limit - used);
}

int64_t daily_wait_ms(const struct daily *d, int64_t wall_ms)
{
	return is_over(d, wall_ms) ? DAY_MS : d->since_ms + DAY_MS - wall_ms;
}
