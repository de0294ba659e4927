// SPDX-License-Identifier: MIT
/*
 * What all engines together may ask of one server: connections at a time and
 * logins in any minute.  Pure: time comes in as an argument.
 */
#ifndef ORCHESTRATOR_SCHED_SERVER_H
#define ORCHESTRATOR_SCHED_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/breaker.h"

enum {
	SCHED_SERVER_LOGINS_MAX = 6000 /* a minute; more is no limit */
};

struct sched_server_config {
	unsigned connections;       /* 0: no limit */
	unsigned logins_per_minute; /* 0: no limit */
	struct breaker_config breaker;
};

struct sched_server {
	struct sched_server_config config;
	unsigned in_use; /* connections */
	unsigned peak;   /* the most that were in use */
	/* times of the last logins, a ring of logins_per_minute; NULL: no
	 * limit */
	int64_t *logins;
	size_t next_login;
	struct breaker breaker;
	bool is_changed; /* the breaker, since sched_changed told it */
};

/* -1: out of memory. */
int sched_server_init(
    struct sched_server *s, const struct sched_server_config *config)
    __attribute__((warn_unused_result));
void sched_server_release(struct sched_server *s);

/*
 * From when on `need` connections may be opened: now, when logins are allowed
 * again, or INT64_MAX: others must end first. A server that is not used at all
 * takes one account even when that needs more than its limit.
 */
int64_t sched_server_ready_ms(
    const struct sched_server *s, unsigned need, int64_t now_ms);

/* As many connections as can be had now, at most `wanted`; in steps of
 * `each`. */
unsigned sched_server_room(const struct sched_server *s, unsigned wanted,
    unsigned each, int64_t now_ms);

void sched_server_take(struct sched_server *s, unsigned count, int64_t now_ms);
void sched_server_give(struct sched_server *s, unsigned count);

#endif
