// SPDX-License-Identifier: MIT
/* Turns a plan's secret into bytes: text, file, environment, credential,
 * command. */
#ifndef CONFIG_SECRET_SOURCE_H
#define CONFIG_SECRET_SOURCE_H

#include <stdbool.h>

struct error;
struct plan_secret;
struct secret;
struct secret_command;

/* Reads it now; waits for a command, at most for its timeout: a caller that may
 * not wait uses start and finish. ERROR_CONFIG names file:line and what is
 * wrong; a file that others may read is wrong too. */
int secret_source_read(const struct plan_secret *source, struct secret *out,
    struct error *err) __attribute__((warn_unused_result));

/* Could it be read now? As secret_source_read, but the text leaves the place
 * to the caller; *exposed_out: the fault is that others may read the file. */
int secret_source_check(const struct plan_secret *source, bool *exposed_out,
    struct error *err) __attribute__((warn_unused_result));

/* As secret_command_start and secret_command_finish, with the checks and the
 * words of secret_source_read. */
int secret_source_start(const struct plan_secret *source,
    struct secret_command *c, char *const *env, struct error *err)
    __attribute__((warn_unused_result));
int secret_source_finish(const struct plan_secret *source,
    struct secret_command *c, struct secret *out, struct error *err)
    __attribute__((warn_unused_result));

#endif
