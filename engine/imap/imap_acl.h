// SPDX-License-Identifier: MIT
/*
 * Access control lists (RFC 4314, and RFC 2086 before it): the answer to
 * GETACL, and rights translated between servers of both ages. Pure.
 */
#ifndef ENGINE_IMAP_IMAP_ACL_H
#define ENGINE_IMAP_IMAP_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/imap/imap_syntax.h"

/* An answer under reading. Strings point into the response. */
struct imap_acl {
	struct imap_str mailbox;
	struct imap_cursor rest;
};

struct imap_acl_entry {
	struct imap_str id;
	uint64_t rights; /* a set, see imap_acl_rights */
};

/* `rest` of a "* ACL" response. False: malformed. */
bool imap_acl_begin(struct imap_cursor rest, struct imap_acl *out);

/* 1 the next entry, 0 no more, -1 what follows cannot be read. */
int imap_acl_next(struct imap_acl *acl, struct imap_acl_entry *out);

/* Letters (a-z, 0-9) as a set; what else stands there is passed over. */
uint64_t imap_acl_rights(const char *s, size_t len);

enum {
	IMAP_ACL_RIGHTS_BYTES = 40
};

/* The set as letters, in the usual order. Returns `out`. */
char *imap_acl_format(uint64_t rights, char out[IMAP_ACL_RIGHTS_BYTES]);

/*
 * What the rights of any server are on one that announced the letters
 * `announced` (RIGHTS=); 0: it announced none, it is one of RFC 2086.  Doing it
 * twice changes nothing, so what a server answers compares after it.
 */
uint64_t imap_acl_translate(uint64_t rights, uint64_t announced);

#endif
