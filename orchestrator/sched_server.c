// SPDX-License-Identifier: MIT
#include "orchestrator/sched_server.h"

#include <stdlib.h>

#include "engine/base/mem.h"

enum {
	MINUTE_MS = 60 * 1000
};

int sched_server_init(
    struct sched_server *s, const struct sched_server_config *config)
{
	unsigned logins = config->logins_per_minute;

	*s = (struct sched_server){.config = *config};
	breaker_init(&s->breaker, &config->breaker);
	if (logins == 0 || logins > SCHED_SERVER_LOGINS_MAX) {
		s->config.logins_per_minute = 0;
		return 0;
	}
	s->logins = mem_try_calloc(logins, sizeof(*s->logins));
	if (!s->logins)
		return -1;
	for (unsigned i = 0; i < logins; i++)
		s->logins[i] = INT64_MIN / 2; // long ago
	return 0;
}

void sched_server_release(struct sched_server *s)
{
	free(s->logins);
	s->logins = NULL;
}

/* When the login stands no more in the last minute that is the `need`th to go,
 * counted from the oldest. */
static int64_t logins_ready_ms(
    const struct sched_server *s, unsigned need, int64_t now_ms)
{
	unsigned limit = s->config.logins_per_minute;

	if (limit == 0)
		return now_ms;
	if (need > limit)
		need = limit;
	int64_t free_at =
	    s->logins[(s->next_login + need - 1) % limit] + MINUTE_MS;
	return free_at > now_ms ? free_at : now_ms;
}

int64_t sched_server_ready_ms(
    const struct sched_server *s, unsigned need, int64_t now_ms)
{
	unsigned limit = s->config.connections;

	if (limit > 0 && s->in_use > 0 && s->in_use + need > limit)
		return INT64_MAX;
	return logins_ready_ms(s, need, now_ms);
}

unsigned sched_server_room(const struct sched_server *s, unsigned wanted,
    unsigned each, int64_t now_ms)
{
	unsigned count = 1;

	while (count < wanted &&
	       sched_server_ready_ms(s, (count + 1) * each, now_ms) <= now_ms) {
		// an unused server takes one, but not more than its limit
		if (s->config.connections > 0 &&
		    s->in_use + (count + 1) * each > s->config.connections)
			break;
		if (s->logins &&
		    (count + 1) * each > s->config.logins_per_minute)
			break;
		count++;
	}
	return count;
}

void sched_server_take(struct sched_server *s, unsigned count, int64_t now_ms)
{
	s->in_use += count;
	if (s->in_use > s->peak)
		s->peak = s->in_use;
	for (unsigned i = 0; s->logins && i < count; i++) {
		s->logins[s->next_login] = now_ms;
		s->next_login =
		    (s->next_login + 1) % s->config.logins_per_minute;
	}
}

void sched_server_give(struct sched_server *s, unsigned count)
{
	bug_if(count > s->in_use);
	s->in_use -= count;
}
