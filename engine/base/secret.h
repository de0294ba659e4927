// SPDX-License-Identifier: MIT
/*
 * A password or token: never printed, wiped when released.  No function here
 * formats one; the command writer takes it as a typed argument.
 */
#ifndef ENGINE_BASE_SECRET_H
#define ENGINE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct error;

struct secret {
	char *bytes; /* NUL-terminated, NULL when not set */
	size_t len;
};

enum {
	SECRET_MAX_BYTES = 64 * 1024
};

void secret_set(struct secret *s, const char *bytes, size_t len);
void secret_copy(struct secret *to, const struct secret *from);
void secret_release(struct secret *s);

/* First line of a file or descriptor, without its line end. Files that others
 * may read are taken, *exposed_out tells (may be NULL). */
int secret_from_file(
    struct secret *s, const char *path, bool *exposed_out, struct error *err);
int secret_from_fd(
    struct secret *s, int fd, const char *name, struct error *err);

/* Asks on the controlling terminal without echo. */
int secret_from_prompt(
    struct secret *s, const char *question, struct error *err);

/* Moves a secret out of argv: copies it, then overwrites the original. */
void secret_from_argv(struct secret *s, char *arg);

/* This process shall leave no core and not be read by its peers. */
void secret_harden_process(void);

#endif
