// SPDX-License-Identifier: MIT
/*
 * The passwords of an account that commands print: both sides' commands run at
 * the same time, beside the loop of the caller.  Nothing here blocks but
 * release, when something still lives.  Knows nothing of other passwords.
 */
#ifndef ORCHESTRATOR_ACCOUNT_SECRETS_H
#define ORCHESTRATOR_ACCOUNT_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/secret_command.h"
#include "engine/base/error.h"

struct plan_account;
struct pollfd;
struct secret;

enum {
	ACCOUNT_SECRETS_SIDES = 2, /* source, target */
	ACCOUNT_SECRETS_POLLS = 2 * ACCOUNT_SECRETS_SIDES
};

/* All zero: nothing was started. */
struct account_secrets {
	struct account_secrets_side {
		const struct plan_secret *source; /* NULL: no command */
		struct secret_command command;
		bool has_failed; /* to start */
		struct error err;
	} sides[ACCOUNT_SECRETS_SIDES];
};

/* Starts the commands the account has; `env` is theirs. What cannot be started
 * is told by take. Heap, or NULL when out of memory. */
struct account_secrets *account_secrets_start(
    const struct plan_account *account, char *const *env);

/* All are reaped, or there were none. */
bool account_secrets_is_done(const struct account_secrets *a);

/* Fills up to ACCOUNT_SECRETS_POLLS; returns how many. */
size_t account_secrets_polls(
    const struct account_secrets *a, struct pollfd *out);

/* One of their descriptors is readable; others are not ours: nothing is done.
 */
void account_secrets_feed(struct account_secrets *a, int fd);

/* When one of those that live is late; CLOCK_NEVER. */
int64_t account_secrets_deadline(const struct account_secrets *a);

/* Kills those that are late, or all. They are still to be reaped. */
void account_secrets_cut(struct account_secrets *a, int64_t now_ms);
void account_secrets_stop(struct account_secrets *a);

/* Is it one of theirs? Then the status is taken after it is reaped. */
bool account_secrets_has(const struct account_secrets *a, pid_t pid);
void account_secrets_reaped(struct account_secrets *a, pid_t pid, int status);

/* What the command of a side (0: source) has printed, once, after is_done. The
 * error is that of secret_source_read. The target's is to be taken after the
 * source's, and only when that could be: it may have been given up else. */
int account_secrets_take(struct account_secrets *a, size_t side,
    struct secret *out, struct error *err) __attribute__((warn_unused_result));

/* Kills, reaps, wipes; NULL is nothing. */
void account_secrets_free(struct account_secrets *a);

#endif
