// SPDX-License-Identifier: MIT
/*
 * What a mirror's target has that the source does not: mailboxes and
 * subscriptions.  Pure.
 */
#ifndef ENGINE_SYNC_SYNC_SURPLUS_H
#define ENGINE_SYNC_SYNC_SURPLUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job_options;
struct sync_inventory;
struct sync_plan;

struct sync_surplus {
	char *name; /* on the target */
	bool unsubscribe;
	bool remove;         /* the mailbox itself */
	bool empty;          /* its messages only: mailboxes below it stay */
	bool was_seen_again; /* as it was listed, just before it goes */
	/* as the inventory told them */
	uint32_t messages, uidnext, uidvalidity;
};

/* Fills plan->surplus, children before their parents; `plan` is made already.
 * With --list mailboxes are left alone, and subscriptions but for those of the
 * mailboxes of the plan. */
void sync_surplus_find(struct sync_plan *plan, struct sync_inventory *source,
    struct sync_inventory *target, const struct job_options *options);

#endif
