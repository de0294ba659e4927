// SPDX-License-Identifier: MIT
/*
 * A list of UIDs, four bytes a message: what a mailbox holds without what it is.
 * Filled from ESEARCH responses, or one by one.  Pure.
 */
#ifndef ENGINE_SYNC_SYNC_UIDS_H
#define ENGINE_SYNC_SYNC_UIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct imap_response;

struct sync_uids {
	uint32_t *list;
	size_t count, cap;
	bool is_bad; /* something was told that cannot be a list of UIDs */
};

void sync_uids_release(struct sync_uids *uids);
void sync_uids_reset(struct sync_uids *uids);
void sync_uids_add(struct sync_uids *uids, uint32_t uid);

/* Takes one ESEARCH response; any other is left alone. Servers answer commands
 * that were sent together in any order: what carries a COUNT goes into `counted`
 * (may be NULL), the rest into `uids`. UIDs were asked for that are below
 * `below`, and there are `most` of them: anything else makes a list bad. */
void sync_uids_take(struct sync_uids *uids, struct sync_uids *counted,
    const struct imap_response *r, uint32_t below, size_t most);

/* Ascending, each once. */
void sync_uids_finish(struct sync_uids *uids);

/* Of a finished list: the place of a UID, or `count` when it is not there. */
size_t sync_uids_find(const struct sync_uids *uids, uint32_t uid);
bool sync_uids_has(const struct sync_uids *uids, uint32_t uid);

/* Takes what is in `others` out of `uids`; both finished. */
void sync_uids_subtract(struct sync_uids *uids, const struct sync_uids *others);

#endif
