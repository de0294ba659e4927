// SPDX-License-Identifier: MIT
/*
 * What a mailbox holds: 32 bytes a message.  Filled from FETCH responses, as
 * source listing, as target index, and when a lost APPEND is looked for.
 */
#ifndef ENGINE_SYNC_SYNC_INDEX_H
#define ENGINE_SYNC_SYNC_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/imap/imap_syntax.h"
#include "engine/sync/sync_identity.h"
#include "engine/sync/sync_uids.h"

struct buf;
struct error;
struct hash_keys;
struct sync_flags;

enum {
	SYNC_INDEX_SIZE_MAX = (1 << 29) - 1
};

struct sync_entry {
	struct sync_key key;
	int64_t date; /* imap_date_pack; SYNC_INDEX_NO_DATE */
	uint32_t uid;
	uint32_t size : 29; /* RFC822.SIZE, a hint; capped */
	uint32_t is_deleted : 1;
	uint32_t is_present : 1; /* set by sync_diff */
	uint32_t is_keyless : 1; /* needs the start of the message */
};

_Static_assert(sizeof(struct sync_entry) == 32, "32 bytes a known message");

#define SYNC_INDEX_NO_DATE INT64_MIN

struct sync_index {
	struct sync_entry *entries;
	size_t count, cap;
	uint32_t uidvalidity; /* 0: not told */
	uint32_t exists;      /* what SELECT or EXAMINE said */
	size_t keyless;
	struct hash_keys *keys;   /* owned, for what is added */
	struct sync_flags *flags; /* for a mirror, owned; else NULL */
	struct sync_uids old; /* what was listed without a key (sync_recall) */
	bool is_part;         /* only what was asked for by UID */
};

void sync_index_release(struct sync_index *index);
void sync_index_reset(struct sync_index *index);

/* FETCH items for a listing with or without keys, and for keyless ones. */
const char *sync_index_items(bool with_keys);
const char *sync_index_prefix_items(void);

/* Of a listing that is short of what was known before (below `from`): takes a
 * message of which only UID and perhaps flags are told into `old`, and into
 * `deleted` (may be NULL) when it is marked so. False: it is another one. */
bool sync_index_add_old(struct sync_index *index, const struct imap_fetch *f,
    uint32_t from, struct sync_uids *deleted);

/* Takes one message of the listing; without a UID it is not one. */
void sync_index_add(
    struct sync_index *index, const struct imap_fetch *f, bool with_keys);

/* After an add: has the listing grown beyond what the mailbox can hold, or
 * beyond reason? A hostile server must not fill our memory. */
int sync_index_check(const struct sync_index *index, struct error *err)
    __attribute__((warn_unused_result));

/* To be called when the listing is complete: by UID, each once. */
void sync_index_finish(struct sync_index *index);

/* Appends the next keyless UIDs from *at on as a set within `max_bytes`; false
 * when there are none left. */
bool sync_index_keyless_set(const struct sync_index *index, size_t *at,
    struct buf *set, size_t max_bytes);

/* Gives a keyless entry its key. */
void sync_index_add_prefix(
    struct sync_index *index, const struct imap_fetch *f);

/* Of a finished listing: an entry by UID, or NULL; and takes from `old`
 * (finished) what is an entry. */
struct sync_entry *sync_index_find(
    const struct sync_index *index, uint32_t uid);
void sync_index_settle_old(struct sync_index *index);

/* The highest UID of a finished listing, with or without a key; 0: none. */
uint32_t sync_index_highest(const struct sync_index *index);

/* In place, whatever their number: the C library's would take as much memory
 * again. */
void sync_index_sort_by_key(struct sync_index *index);
void sync_index_sort_by_uid(struct sync_index *index);
/* By the instant of INTERNALDATE, then by UID. */
void sync_index_sort_by_date(struct sync_index *index);

#endif
