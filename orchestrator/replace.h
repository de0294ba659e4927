// SPDX-License-Identifier: MIT
/*
 * A small file that others read while we write it: written beside and renamed,
 * so that a reader finds all of it or none.
 */
#ifndef ORCHESTRATOR_REPLACE_H
#define ORCHESTRATOR_REPLACE_H

#include <stddef.h>
#include <sys/types.h>

struct error;

/* Not synced: for what can be made again. The mode is set whatever the umask
 * says. May block as long as the disk does. */
int replace_file(const char *path, const void *bytes, size_t len, mode_t mode,
    struct error *err) __attribute__((warn_unused_result));

#endif
