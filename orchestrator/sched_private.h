// SPDX-License-Identifier: MIT
/* Shared by sched.c (what is next) and sched_ended.c (what follows an end). */
#ifndef ORCHESTRATOR_SCHED_PRIVATE_H
#define ORCHESTRATOR_SCHED_PRIVATE_H

#include "orchestrator/sched.h"

enum {
	SCHED_SOURCE,
	SCHED_TARGET,
	SCHED_SIDES
};

/* The one place that changes a state. */
void sched_set_state(struct sched *s, size_t i, enum sched_state state);

void sched_give_connections(struct sched *s, size_t i);

/* Its server or its login was given up. */
bool sched_is_left(const struct sched *s, size_t account);

#endif
