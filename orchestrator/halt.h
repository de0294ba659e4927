// SPDX-License-Identifier: MIT
/* When too many accounts fail for the batch to go on.  Pure. */
#ifndef ORCHESTRATOR_HALT_H
#define ORCHESTRATOR_HALT_H

#include <stdbool.h>
#include <stddef.h>

struct halt_config {
	unsigned failures;     /* so many; 0: never */
	unsigned percent;      /* of the accounts that are finished; 0: never */
	unsigned min_finished; /* before that the share is chance */
};

/* Reached is enough, it need not be exceeded. */
bool halt_is_reached(
    const struct halt_config *config, size_t finished, size_t failed);

#endif
