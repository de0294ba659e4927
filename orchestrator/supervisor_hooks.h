// SPDX-License-Identifier: MIT
/*
 * The programs of a plan that hang on a run: hooks and sendmail.  One hook and
 * one mail at a time, as children of the loop; in a run that changes nothing
 * there are none.
 */
#ifndef ORCHESTRATOR_SUPERVISOR_HOOKS_H
#define ORCHESTRATOR_SUPERVISOR_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "orchestrator/hook.h"

struct pollfd;
struct supervisor;

enum {
	SUPERVISOR_HOOKS_POLLS = 2,
	SUPERVISOR_HOOKS_QUEUE = 64 /* accounts that wait for after_account */
};

enum supervisor_hooks_kind {
	SUPERVISOR_HOOKS_BEFORE_RUN,
	SUPERVISOR_HOOKS_AFTER_RUN,
	SUPERVISOR_HOOKS_AFTER_ACCOUNT
};

/* What after_account is told. */
struct supervisor_hooks_result {
	size_t account;
	const char *outcome;
	int exit;
	unsigned attempt;
};

struct supervisor_hooks {
	struct hook hook, mail;
	enum supervisor_hooks_kind kind; /* of `hook` */
	struct supervisor_hooks_result now;
	struct supervisor_hooks_result queue[SUPERVISOR_HOOKS_QUEUE];
	size_t first, count;
	struct hook_log log;
	int64_t next_mail_ms;
	bool holds; /* before_run has not ended: nothing is started */
	bool is_over, is_after_run_due, is_mail_due;
	int code; /* of the run, when it is over */
};

/* Starts before_run. */
void supervisor_hooks_begin(struct supervisor *s);

/* Something of ours still runs that the run waits for. */
bool supervisor_hooks_holds(const struct supervisor *s);

/* An account has its result. */
void supervisor_hooks_result(
    struct supervisor *s, size_t account, const char *outcome, int exit);

/* For the loop. */
size_t supervisor_hooks_polls(const struct supervisor *s, struct pollfd *out);
int64_t supervisor_hooks_deadline(const struct supervisor *s);
bool supervisor_hooks_has(const struct supervisor *s, pid_t pid);
void supervisor_hooks_reaped(struct supervisor *s, pid_t pid, int status);
void supervisor_hooks_turn(struct supervisor *s);

/* The run is over and its report is there; turns go on until is_busy says no.
 */
void supervisor_hooks_end(struct supervisor *s, int code);
bool supervisor_hooks_is_busy(const struct supervisor *s);

/* The operator does not wait for them. */
void supervisor_hooks_give_up(struct supervisor *s);
void supervisor_hooks_release(struct supervisor *s);

/* supervisor_mail.c: starts a mail; a failure is told. */
void supervisor_mail_send(struct supervisor *s);

#endif
