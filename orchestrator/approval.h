// SPDX-License-Identifier: MIT
/*
 * What may be deleted in a run: a mirror (syncDst) is run only when somebody
 * has seen what it would delete, or has said the plan's name.  Holds for one
 * state of the plan and of each account, by their digests; it is kept in the
 * run's directory, so that what goes on with the run needs no other.
 */
#ifndef ORCHESTRATOR_APPROVAL_H
#define ORCHESTRATOR_APPROVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct plan;
struct plan_account;
struct rundir;
struct select_rules;

struct approval_account {
	char *id;
	char digest[17];
	uint32_t messages, mailboxes; /* at most; PLAN_NO_LIMIT: as planned */
};

struct approval {
	char plan_digest[17];
	bool is_typed; /* by its name, without numbers of its own */
	struct approval_account *accounts; /* sorted by id */
	size_t count;
};

void approval_release(struct approval *a);

/* Would a run of the selected accounts delete anything at all? */
bool approval_is_needed(
    const struct plan *plan, const struct select_rules *select);

/* Reads what preview -o or approval_store has written. ERROR_CONFIG: it is
 * none, is no exact one, or is not about this plan as it is now. */
int approval_read(struct approval *a, const char *path, const struct plan *plan,
    struct error *err) __attribute__((warn_unused_result));

/* The selected mirrors, as far as the plan's own ceilings go. */
int approval_by_name(struct approval *a, const struct plan *plan,
    const struct select_rules *select, struct error *err)
    __attribute__((warn_unused_result));

/* That of a run; it must have a path. 1 read, 0 there is none, -1. */
int approval_read_run(struct approval *a, const struct rundir *dir,
    const struct plan *plan, struct error *err)
    __attribute__((warn_unused_result));
int approval_store(const struct approval *a, const struct rundir *dir,
    struct error *err) __attribute__((warn_unused_result));

/* Does a good approval belong to the run that `run` or `resume` would go on
 * with? One by name only when it was about the selected accounts. */
bool approval_is_stored(
    const struct plan *plan, const struct select_rules *select, bool resume);

/* NULL: not approved, or the account is another than it was. */
const struct approval_account *approval_find(
    const struct approval *a, const struct plan_account *account);

#endif
