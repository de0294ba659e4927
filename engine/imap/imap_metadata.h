// SPDX-License-Identifier: MIT
/*
 * Annotations of mailboxes (RFC 5464): the answer to GETMETADATA. Pure;
 * strings point into the response.
 */
#ifndef ENGINE_IMAP_IMAP_METADATA_H
#define ENGINE_IMAP_IMAP_METADATA_H

#include <stdbool.h>

#include "engine/imap/imap_syntax.h"

struct imap_metadata {
	struct imap_str mailbox;
	struct imap_cursor rest;
};

struct imap_metadata_entry {
	struct imap_str name;
	struct imap_str value; /* s is NULL: NIL */
};

/* `rest` of a "* METADATA" response. False: malformed, or one of those that
 * only name entries which changed. */
bool imap_metadata_begin(struct imap_cursor rest, struct imap_metadata *out);

/* 1 the next entry, 0 no more, -1 what follows cannot be read. */
int imap_metadata_next(
    struct imap_metadata *m, struct imap_metadata_entry *out);

/* Is it an entry the server computes, or one that is not to be copied as
 * such (special use)? */
bool imap_metadata_is_internal(struct imap_str name);

#endif
