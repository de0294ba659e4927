// SPDX-License-Identifier: MIT
/*
 * What a server announced (CAPABILITY), as a set of the extensions we use.
 * Tokens are compared without case (CommuniGate says IMAP4REV1). Pure.
 */
#ifndef ENGINE_IMAP_IMAP_CAPS_H
#define ENGINE_IMAP_IMAP_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum imap_cap {
	IMAP_CAP_IMAP4REV1,
	IMAP_CAP_IMAP4REV2,
	IMAP_CAP_STARTTLS,
	IMAP_CAP_LOGINDISABLED,
	IMAP_CAP_AUTH_PLAIN,
	IMAP_CAP_AUTH_CRAM_MD5,
	IMAP_CAP_AUTH_SCRAM_SHA_1,
	IMAP_CAP_AUTH_SCRAM_SHA_256,
	IMAP_CAP_AUTH_XOAUTH2,
	IMAP_CAP_AUTH_OAUTHBEARER,
	IMAP_CAP_AUTH_EXTERNAL,
	IMAP_CAP_SASL_IR,
	IMAP_CAP_LITERAL_PLUS,  /* LITERAL+ */
	IMAP_CAP_LITERAL_MINUS, /* LITERAL- */
	IMAP_CAP_MULTIAPPEND,
	IMAP_CAP_UIDPLUS,
	IMAP_CAP_NAMESPACE,
	IMAP_CAP_LIST_EXTENDED,
	IMAP_CAP_LIST_STATUS,
	IMAP_CAP_STATUS_SIZE, /* STATUS=SIZE */
	IMAP_CAP_SPECIAL_USE,
	IMAP_CAP_CREATE_SPECIAL_USE,
	IMAP_CAP_ACL,
	IMAP_CAP_RIGHTS, /* RIGHTS=... */
	IMAP_CAP_METADATA,
	IMAP_CAP_CONDSTORE,
	IMAP_CAP_ESEARCH,
	IMAP_CAP_ENABLE,
	IMAP_CAP_ID,
	IMAP_CAP_UNSELECT,
	IMAP_CAP_COMPRESS_DEFLATE,
	IMAP_CAP_QUOTA,
	IMAP_CAP_APPENDLIMIT,
	IMAP_CAPS
};

struct imap_caps {
	uint64_t bits, dropped;
	uint64_t append_limit; /* bytes; UINT64_MAX when none was announced */
	uint64_t rights;       /* letters of RIGHTS=, a set of imap_acl */
	bool known;            /* a list has been read */
};

/* Forgets everything (before a new list, after STARTTLS, after login). */
void imap_caps_reset(struct imap_caps *caps);

/* Reads a list of tokens separated by spaces, replacing what was there;
 * unknown tokens are passed over, so are 5,000 of them. */
void imap_caps_parse(struct imap_caps *caps, const char *list, size_t len);

bool imap_caps_has(const struct imap_caps *caps, enum imap_cap cap);

/* The server announced it, but its use failed: not again in this session. */
void imap_caps_drop(struct imap_caps *caps, enum imap_cap cap);

const char *imap_caps_name(enum imap_cap cap);

#endif
