// SPDX-License-Identifier: MIT
/*
 * Identifiers of access control lists that are never set: those of the owners
 * on either side, of our own logins, and those a server makes up for them.  An
 * entry for one of them can take the owner's own mailbox away. Pure.
 */
#ifndef ENGINE_SYNC_SYNC_OWNERS_H
#define ENGINE_SYNC_SYNC_OWNERS_H

#include <stdbool.h>
#include <stddef.h>

struct job;

/* user, as and PROXYAUTH of both sides. Borrowed from the job. And whose
 * mailboxes --source and --target open: "~anna/", "user/anna/", "user.anna." */
enum {
	SYNC_OWNERS_MAX = 6,
	SYNC_OWNERS_NAME_BYTES = 256
};

struct sync_owners {
	const char *names[SYNC_OWNERS_MAX];
	size_t count;
	char opened[2][SYNC_OWNERS_NAME_BYTES]; /* "": none */
};

void sync_owners_init(struct sync_owners *owners, const struct job *job);

/* Also with "-" before it (negative rights), without a domain on either side,
 * in any case. Rights taken from everybody are taken from the owner too. When
 * in doubt it is one. */
bool sync_owners_has(const struct sync_owners *owners, const char *id);

#endif
