// SPDX-License-Identifier: MIT
/* How much memory this machine has left. */
#ifndef ORCHESTRATOR_MEMORY_H
#define ORCHESTRATOR_MEMORY_H

#include <stdint.h>

/* Bytes of the line MemAvailable in the text of /proc/meminfo; UINT64_MAX when
 * it is not there. */
uint64_t memory_parse(const char *text);

/* The same of this machine; what cannot be read is UINT64_MAX. */
uint64_t memory_available(void);

#endif
