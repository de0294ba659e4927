// SPDX-License-Identifier: MIT
/*
 * Names of mailboxes as people know them: records and journals hold them as
 * they stand on the wire, in modified UTF-7 (RFC 3501 5.1.3).  For showing
 * only; knows nothing of IMAP beside this.
 */
#ifndef ENGINE_BASE_MAILBOX_NAME_H
#define ENGINE_BASE_MAILBOX_NAME_H

#include <stddef.h>

/*
 * The name in UTF-8, fit for people as text_escape makes it; what is not
 * encoded, and a name that is not well formed, stays as it is. Different names
 * are shown differently. What does not fit is cut and marked with "...".
 * `max` is more than 3. Returns `out`.
 */
const char *mailbox_name_show(const char *name, char *out, size_t max);

/* The same on the heap, whole; NULL: out of memory. */
char *mailbox_name_try_show(const char *name);

#endif
