// SPDX-License-Identifier: MIT
/*
 * The commands of a listing, the same on both sides: what a mailbox holds, and
 * the start of those messages that have no header field to know them by.
 */
#ifndef ENGINE_SYNC_SYNC_SCAN_H
#define ENGINE_SYNC_SYNC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct imap_conn;
struct sync_index;
struct sync_uids;

/* Asks for all messages from `first_uid` on in the selected mailbox. */
void sync_scan_list(struct imap_conn *conn, int op, void *context,
    uint32_t first_uid, bool with_keys);

/* The same with keys, but for those from `end_uid` to below `next_uid`. */
void sync_scan_without(struct imap_conn *conn, int op, void *context,
    uint32_t first_uid, uint32_t end_uid, uint32_t next_uid);

/* Of a mailbox known by pairs: asks with keys for what is new, and for these UIDs
 * (ascending, all below `first_uid`). */
void sync_scan_new(struct imap_conn *conn, int op, void *context,
    const struct sync_uids *also, uint32_t first_uid);

/* Asks for the UIDs below `below`, and which of them are \Deleted: by ESEARCH (for
 * sync_uids_take), or message by message. Returns how many commands. `messages`
 * are in the mailbox. */
size_t sync_scan_uids(struct imap_conn *conn, int op, void *context,
    uint32_t below, uint32_t messages, bool with_deleted);

/* Asks for these UIDs with keys; returns how many commands. */
size_t sync_scan_some(struct imap_conn *conn, int op, void *context,
    const struct sync_uids *uids);

/* Asks for the start of every keyless entry; returns how many commands. */
size_t sync_scan_prefixes(struct imap_conn *conn, int op, void *context,
    const struct sync_index *index);

#endif
