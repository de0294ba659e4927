// SPDX-License-Identifier: MIT
#include "engine/imap/imap_acl.h"

#include <string.h>

/* All letters there can be, the standard ones in the order of RFC 4314. */
static const char order[] = "lrswipkxtecdabfghjmnoquvyz0123456789";

_Static_assert(sizeof(order) <= IMAP_ACL_RIGHTS_BYTES, "all of them fit");

static uint64_t bit(char letter)
{
	if (letter >= 'a' && letter <= 'z')
		return UINT64_C(1) << (letter - 'a');
	if (letter >= '0' && letter <= '9')
		return UINT64_C(1) << (26 + letter - '0');
	return 0;
}

uint64_t imap_acl_rights(const char *s, size_t len)
{
	uint64_t rights = 0;

	for (size_t i = 0; i < len; i++)
		rights |= bit(s[i]);
	return rights;
}

static uint64_t set(const char *letters)
{
	return imap_acl_rights(letters, strlen(letters));
}

char *imap_acl_format(uint64_t rights, char out[IMAP_ACL_RIGHTS_BYTES])
{
	size_t used = 0;

	for (const char *p = order; *p; p++)
		if (rights & bit(*p))
			out[used++] = *p;
	out[used] = '\0';
	return out;
}

bool imap_acl_begin(struct imap_cursor rest, struct imap_acl *out)
{
	if (!imap_astring(&rest, &out->mailbox))
		return false;
	out->rest = rest;
	return true;
}

int imap_acl_next(struct imap_acl *acl, struct imap_acl_entry *out)
{
	struct imap_str rights;

	(void)imap_space(&acl->rest);
	if (imap_at_end(&acl->rest))
		return 0;
	if (!imap_astring(&acl->rest, &out->id) || !imap_space(&acl->rest) ||
	    !imap_astring(&acl->rest, &rights))
		return -1;
	out->rights = imap_acl_rights(rights.s, rights.len);
	return 1;
}

uint64_t imap_acl_translate(uint64_t rights, uint64_t announced)
{
	const uint64_t refined = set("kxte");
	uint64_t out = rights & set("lrswipa");

	if (announced == 0) { // "create" and "delete" are one letter each
		out |= rights & set("cd");
		if (rights & set("kx"))
			out |= bit('c');
		if (rights & set("te"))
			out |= bit('d');
		return out;
	}
	out |= rights & announced & ~set("cd");
	out |= rights & refined;
	if (rights & refined)
		return out; // c and d are only shown for old clients' sake
	if (rights & bit('c'))
		out |= set("kx");
	// x went with c: who may delete messages shall not get the mailbox
	if (rights & bit('d'))
		out |= set("te");
	return out;
}
