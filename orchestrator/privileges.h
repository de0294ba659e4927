// SPDX-License-Identifier: MIT
/*
 * The plan's `user:`: root becomes somebody else, for good, before it touches
 * a server or a file of the run.
 */
#ifndef ORCHESTRATOR_PRIVILEGES_H
#define ORCHESTRATOR_PRIVILEGES_H

#include <stdbool.h>

struct error;

/*
 * For root: makes `folder` and those above it, gives this user what was not
 * there yet, then takes the user's number, group and groups, and sees
 * that there is no way back.  -1: ERROR_CONFIG when there is no such user or it
 * is root; ERROR_OS.
 */
int privileges_become(const char *user, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

/* Are we this user?  -1: ERROR_CONFIG that tells what to do. */
int privileges_check(const char *user, struct error *err)
    __attribute__((warn_unused_result));

#endif
