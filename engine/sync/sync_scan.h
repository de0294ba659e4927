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

/* Asks for all messages from `first_uid` on in the selected mailbox. */
void sync_scan_list(struct imap_conn *conn, int op, void *context,
    uint32_t first_uid, bool with_keys);

/* The same with keys, but for those from `end_uid` to below `next_uid`. */
void sync_scan_without(struct imap_conn *conn, int op, void *context,
    uint32_t first_uid, uint32_t end_uid, uint32_t next_uid);

/* Asks for the start of every keyless entry; returns how many commands. */
size_t sync_scan_prefixes(struct imap_conn *conn, int op, void *context,
    const struct sync_index *index);

#endif
