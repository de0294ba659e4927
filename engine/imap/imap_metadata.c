// SPDX-License-Identifier: MIT
#include "engine/imap/imap_metadata.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"

bool imap_metadata_begin(struct imap_cursor rest, struct imap_metadata *out)
{
	if (!imap_astring(&rest, &out->mailbox) || !imap_space(&rest) ||
	    !imap_char(&rest, '('))
		return false;
	out->rest = rest;
	return true;
}

int imap_metadata_next(struct imap_metadata *m, struct imap_metadata_entry *out)
{
	(void)imap_space(&m->rest);
	if (imap_char(&m->rest, ')'))
		return 0;
	if (!imap_astring(&m->rest, &out->name) || !imap_space(&m->rest))
		return -1;
	(void)imap_char(&m->rest, '~'); // of a literal that may hold NUL
	return imap_nstring(&m->rest, &out->value) ? 1 : -1;
}

/* Entries end here, or are trees with a "/" at the end. */
static const char *const internal[] = {"/private/specialuse",
    "/shared/specialuse", "/private/vendor/cmu/cyrus-imapd/",
    "/shared/vendor/cmu/cyrus-imapd/", "/private/vendor/vendor.dovecot/",
    "/shared/vendor/vendor.dovecot/"};

bool imap_metadata_is_internal(struct imap_str name)
{
	for (size_t i = 0; i < ARRAY_LEN(internal); i++) {
		size_t len = strlen(internal[i]);
		size_t compared = name.len;
		if (internal[i][len - 1] == '/' && name.len > len)
			compared = len;
		if (text_equal_fold(name.s, compared, internal[i], len))
			return true;
	}
	return false;
}
