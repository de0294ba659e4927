// SPDX-License-Identifier: MIT
/*
 * Flags of the messages of one mailbox, for a mirror: 8 bytes a message and
 * each set of flags once.  Pure.
 *
 * A set is kept as text in one order without case: "\Seen $forwarded"; what no
 * client may send (\Recent, invalid atoms) is left out.
 */
#ifndef ENGINE_SYNC_SYNC_FLAGS_H
#define ENGINE_SYNC_SYNC_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/imap/imap_syntax.h"

struct sync_flags;

struct sync_flags *sync_flags_new(void);
void sync_flags_free(struct sync_flags *flags);

/* Flags of a message as the server told them. More than anybody needs are as
 * if they were not told: part of them would be a change. */
void sync_flags_add(
    struct sync_flags *flags, uint32_t uid, struct imap_str list);

/* All have been added: sorts them. */
void sync_flags_finish(struct sync_flags *flags);

/* More different sets than anybody needs: nothing here can be relied on. */
bool sync_flags_is_lost(const struct sync_flags *flags);

/* The set of a message; NULL when it was not told. */
const char *sync_flags_of(const struct sync_flags *flags, uint32_t uid);

/* Numbers of sets, from 0, below the count of them: equal for messages of equal
 * sets. False: the set of this message was not told. */
size_t sync_flags_set_count(const struct sync_flags *flags);
bool sync_flags_number_of(
    const struct sync_flags *flags, uint32_t uid, uint32_t *out);

/* What the mailbox keeps (PERMANENTFLAGS); everything when never told.
 * `kept` is " \Seen $x " with blanks around each. */
void sync_flags_set_kept(
    struct sync_flags *flags, const char *kept, bool any_keyword);

/* What of `set` should stand on a mailbox that keeps what `target` keeps, as a
 * heap string: without \Deleted, which is never copied. */
char *sync_flags_wanted(const struct sync_flags *target, const char *set);

#endif
