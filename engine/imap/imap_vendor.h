// SPDX-License-Identifier: MIT
/*
 * Whose server it is, from its greeting: only CommuniGate Pro matters here,
 * because some of what we do is for it alone.  A greeting proves nothing: what
 * hangs on it must also be checked when it is used. Pure.
 */
#ifndef ENGINE_IMAP_IMAP_VENDOR_H
#define ENGINE_IMAP_IMAP_VENDOR_H

#include <stdbool.h>
#include <stddef.h>

struct imap_vendor {
	bool is_communigate;
	bool has_version;
	unsigned major, minor, patch;
};

/* `greeting`: the whole line, "* OK CommuniGate Pro IMAP Server 6.3.1 at host
 * ready".  A version such as 6.2c5 is one of those that led up to 6.2.1 and
 * counts as 6.2.0; what is no such version is none. */
void imap_vendor_parse(struct imap_vendor *v, const char *greeting, size_t len);

/* CommuniGate Pro of that version or later; without a version never. */
bool imap_vendor_at_least(const struct imap_vendor *v, unsigned major,
    unsigned minor, unsigned patch);

#endif
