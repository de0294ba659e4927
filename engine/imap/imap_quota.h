// SPDX-License-Identifier: MIT
/*
 * Answers to GETQUOTAROOT (RFC 9208, RFC 2087): how much room there is.  Pure.
 */
#ifndef ENGINE_IMAP_IMAP_QUOTA_H
#define ENGINE_IMAP_IMAP_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/imap/imap_syntax.h"

/* Of one resource. */
struct imap_quota_use {
	bool is_given;
	uint64_t used, limit;
};

struct imap_quota {
	struct imap_quota_use storage; /* bytes */
	struct imap_quota_use count;   /* messages */
};

/* Takes the `rest` of a "* QUOTA" response; of what several roots say the one
 * with the least room stays. False: malformed, nothing was taken. */
bool imap_quota_add(struct imap_quota *q, struct imap_cursor rest);

#endif
