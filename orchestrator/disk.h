// SPDX-License-Identifier: MIT
/* How much room the file system of a path has left. */
#ifndef ORCHESTRATOR_DISK_H
#define ORCHESTRATOR_DISK_H

#include <stdint.h>

/* Bytes that we may still write where `path` lies; UINT64_MAX when the system
 * does not tell. */
uint64_t disk_available(const char *path);

#endif
