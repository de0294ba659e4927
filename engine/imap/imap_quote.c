// SPDX-License-Identifier: MIT
#include "engine/imap/imap_quote.h"

#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"

/* Clients should keep a command line near this length (RFC 2683 3.2.1.5), and
 * UW takes no longer one; a literal is not counted. */
enum {
	QUOTED_MAX_BYTES = 1000
};

static bool is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool is_escaped(char c)
{
	return c == '"' || c == '\\';
}

enum imap_quote_form imap_quote_form(const char *s, size_t len)
{
	enum imap_quote_form form = IMAP_QUOTE_QUOTED;

	if (len > QUOTED_MAX_BYTES)
		form = IMAP_QUOTE_LITERAL;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\0')
			return IMAP_QUOTE_IMPOSSIBLE;
		/* Other control bytes may stand in quotes by the grammar, but
		 * servers differ; in a literal they are safe. */
		if (!is_printable(s[i]))
			form = IMAP_QUOTE_LITERAL;
	}
	return form;
}

int imap_quote_append(struct buf *out, const char *s, size_t len)
{
	size_t escapes = 0;

	/* A byte that ends the line here would begin a command of its own. */
	bug_if(imap_quote_form(s, len) != IMAP_QUOTE_QUOTED);
	for (size_t i = 0; i < len; i++)
		escapes += is_escaped(s[i]);
	char *to = buf_reserve(out, len + escapes + 2);
	if (!to)
		return -1;
	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (is_escaped(s[i]))
			*to++ = '\\';
		*to++ = s[i];
	}
	*to = '"';
	buf_added(out, len + escapes + 2);
	return 0;
}

bool imap_quote_is_atom(const char *s, size_t len)
{
	static const char special[] = "(){ %*\"\\]";

	/* `}` alone is allowed by the grammar, so is `[`. */
	for (size_t i = 0; i < len; i++)
		if (!is_printable(s[i]) || strchr(special, s[i]))
			return false;
	return len > 0;
}
