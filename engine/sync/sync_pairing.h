// SPDX-License-Identifier: MIT
/*
 * Which message of the source is which on the target, as a run learns it: from
 * a comparison, or from the UID that an APPEND was answered with.  Collected
 * by mailbox, a few kilobytes in all, and handed to the state file.  Safe for
 * several threads.
 *
 * A state file that fails is told to whoever writes to it next; here pairs are
 * lost then, which costs a comparison.
 */
#ifndef ENGINE_SYNC_SYNC_PAIRING_H
#define ENGINE_SYNC_SYNC_PAIRING_H

#include <stddef.h>
#include <stdint.h>

struct sync_mailbox;
struct sync_pair;
struct sync_pairing;
struct sync_state;
struct sync_uids;

/* NULL when there is no state: all below take that and do nothing. */
struct sync_pairing *sync_pairing_new(struct sync_state *state);
void sync_pairing_free(struct sync_pairing *pairing);

/* Of target UIDs in a mailbox of this UIDVALIDITY; 0: not known, which adds
 * nothing. A target UID of 0: it is there, who knows where. */
void sync_pairing_add(struct sync_pairing *pairing,
    const struct sync_mailbox *m, uint32_t target_uidvalidity,
    uint32_t source_uid, uint32_t target_uid);
void sync_pairing_add_all(struct sync_pairing *pairing,
    const struct sync_mailbox *m, uint32_t target_uidvalidity,
    const struct sync_pair *pairs, size_t count);

/* All pairs of the mailbox are void, or all but those of these UIDs of the
 * source (ascending). */
void sync_pairing_forget(
    struct sync_pairing *pairing, const struct sync_mailbox *m);
void sync_pairing_keep(struct sync_pairing *pairing,
    const struct sync_mailbox *m, const struct sync_uids *kept);

/* Gives all that was collected to the state file. */
void sync_pairing_flush(struct sync_pairing *pairing);

#endif
