// SPDX-License-Identifier: MIT
/*
 * How a string may be sent to a server (RFC 3501 4): as atom, quoted, or only
 * as literal. Pure; the writer of commands uses it for every argument.
 */
#ifndef ENGINE_IMAP_IMAP_QUOTE_H
#define ENGINE_IMAP_IMAP_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum imap_quote_form {
	IMAP_QUOTE_QUOTED,    /* printable ASCII: between double quotes */
	IMAP_QUOTE_LITERAL,   /* 8-bit, CR, LF, or longer than 1000 bytes */
	IMAP_QUOTE_IMPOSSIBLE /* holds NUL */
};

enum imap_quote_form imap_quote_form(const char *s, size_t len);

/* Appends the quoted form with `"` and `\` escaped; the form must be QUOTED.
 * -1 when the buffer's ceiling is reached. */
int imap_quote_append(struct buf *out, const char *s, size_t len)
    __attribute__((warn_unused_result));

/* Is this a valid flag keyword or atom: no ( ) { SP CTL % * " \ ] or 8-bit? */
bool imap_quote_is_atom(const char *s, size_t len);

#endif
