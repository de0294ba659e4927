// SPDX-License-Identifier: MIT
/*
 * Starts a program that a plan names: without a shell, in a process group of
 * its own, with standard signals and the descriptors 0 to 2, no others.
 */
#ifndef CONFIG_PROGRAM_H
#define CONFIG_PROGRAM_H

#include <sys/types.h>

/* 0 or an errno. The descriptors stay the caller's; in_fd -1: /dev/null. Blocks
 * until the exec has happened. */
int program_start(pid_t *pid_out, char *const *argv, char *const *env,
    int in_fd, int out_fd, int err_fd) __attribute__((warn_unused_result));

#endif
