// SPDX-License-Identifier: MIT
/*
 * What a state file saves: a mailbox that stands on both sides as it stood at
 * the end of a complete pass is done on the inventory alone.  Called by one
 * thread at a time: before the plan is published, and after both sides ended.
 */
#ifndef ENGINE_SYNC_SYNC_KNOWN_H
#define ENGINE_SYNC_SYNC_KNOWN_H

#include <stdbool.h>

struct error;
struct job_options;
struct sync_mailbox;
struct sync_plan;
struct sync_state;

/* Marks the mailboxes that need no look (sync_mailbox.is_unchanged), and gives the
 * others what their pairs are good for (sync_mailbox.recall). A mirror looks at
 * all whose flags may have changed: only a HIGHESTMODSEQ of both sides tells. */
void sync_known_find(struct sync_plan *plan, struct sync_state *state,
    const struct job_options *options);

/* Does its target stand as the last run left it? So too when there is none yet. */
bool sync_known_is_as_left(
    const struct sync_mailbox *m, struct sync_state *state);

/* Stores what this run has completed, and forgets what it has not. */
int sync_known_store(const struct sync_plan *plan, struct sync_state *state,
    const struct job_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
