// SPDX-License-Identifier: MIT
/*
 * The mailboxes of one account, in one flight: NAMESPACE and LIST with status
 * and subscriptions where the server can, else LIST, LSUB, then all STATUS
 * commands at once.
 */
#ifndef ENGINE_SYNC_SYNC_INVENTORY_H
#define ENGINE_SYNC_SYNC_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_list.h"

struct error;
struct imap_conn;
struct imap_event;
struct log;

struct sync_box {
	char *name;     /* as on the wire */
	bool is_listed; /* false: only subscribed to */
	bool is_selectable, is_subscribed;
	bool is_missing; /* listed, but STATUS knew nothing of it */
	unsigned uses;   /* enum imap_use */
	bool has_status, has_size;
	uint32_t messages, uidnext, uidvalidity; /* 0: not told */
	uint64_t bytes;
	uint64_t modseq; /* HIGHESTMODSEQ; 0: not told */
	char separator;  /* of its line; NUL: none told */
	bool has_append_limit;
	uint64_t append_limit; /* RFC 7889, of this mailbox */
};

/* A line of LIST that names no mailbox we could ask for. */
struct sync_unusable {
	char *name; /* as listed, cut; a NUL shows as "\x00" */
	const char *why;
};

/* Which mailboxes: LIST "reference" "pattern". */
struct sync_inventory_scope {
	const char *reference; /* NULL: "" */
	char *const *patterns;
	size_t count; /* 0: "*" */
	bool with_size;
	bool with_limit;  /* of a mailbox; without with_size always */
	bool with_modseq; /* where STATUS comes with LIST */
};

/* A hostile list must end somewhere (F054). */
enum {
	SYNC_INVENTORY_BOXES_MAX = 200000,
	SYNC_INVENTORY_FOREIGN_MAX = 16
};

struct sync_inventory {
	struct sync_box *boxes;
	size_t count, cap;
	size_t name_bytes;
	char separator;
	char *prefix; /* personal namespace, "" when none */
	char *foreign[SYNC_INVENTORY_FOREIGN_MAX]; /* namespaces of others */
	size_t foreign_count;
	bool subscriptions_failed; /* of LSUB not all, or nothing, is known */
	struct sync_unusable *unusable; /* each once, by name */
	size_t unusable_count, unusable_cap;
	bool rest_is_foreign;  /* theirs is "": all that is not below ours */
	struct imap_caps caps; /* of the session that told all this */
	/* private */
	bool sorted;
	bool with_size, with_limit, with_uses, with_modseq, extended;
	size_t next_status;
	size_t pending;
	char *reference;
	char **patterns;
	size_t pattern_count;
};

void sync_inventory_init(struct sync_inventory *inv);
void sync_inventory_release(struct sync_inventory *inv);

/* Sends the commands with ops `op_base`, `op_base` + 1, + 2, + 3; starts over
 * when called again after a lost session. */
void sync_inventory_start(struct sync_inventory *inv, struct imap_conn *conn,
    int op_base, const struct sync_inventory_scope *scope);

enum {
	SYNC_INVENTORY_OPS = 4
};

/* Takes an event whose command is one of these: 1 complete, 0 more to come, -1
 * the list cannot be had. */
int sync_inventory_on_event(struct sync_inventory *inv, struct imap_conn *conn,
    int op_base, const struct imap_event *event, struct error *err);

/* Is the name outside the personal namespace, and nobody asked for it?  A
 * reference, or a pattern that begins outside, asks for what begins alike. */
bool sync_inventory_is_foreign(
    const struct sync_inventory *inv, const char *name);

/* Why it cannot be used, by its name on the wire; NULL when it was not refused
 * by sync_inventory_on_event. */
const char *sync_inventory_why_unusable(
    const struct sync_inventory *inv, const char *name);

/* NULL when not listed; INBOX in any spelling. */
struct sync_box *sync_inventory_find(
    struct sync_inventory *inv, const char *name);

#endif
