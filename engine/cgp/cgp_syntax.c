// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_syntax.h"

#include <string.h>

#include "engine/base/buf.h"

enum state {
	STATE_VALUE,          /* a value must come */
	STATE_VALUE_OR_CLOSE, /* behind ( */
	STATE_KEY_OR_CLOSE,   /* behind { and ; */
	STATE_AFTER,          /* behind a value */
	STATE_BROKEN
};

void cgp_syntax_init(struct cgp_syntax *r, char *bytes, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->p = bytes;
	r->end = bytes + len;
	r->state = STATE_VALUE;
}

static enum cgp_syntax_event broken(struct cgp_syntax *r)
{
	r->state = STATE_BROKEN;
	r->s = NULL;
	r->len = 0;
	return CGP_SYNTAX_ERROR;
}

static void skip_blanks(struct cgp_syntax *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' ||
				    *r->p == '\r' || *r->p == '\n'))
		r->p++;
}

static bool take(struct cgp_syntax *r, char c)
{
	skip_blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters and digits by the book; servers leave more than that unquoted. A word
 * that begins with # is a number, date or address, which has brackets too. */
static bool is_word(char c, bool is_marked)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80 || is_digit(c) || (u >= 'A' && u <= 'Z') ||
	    (u >= 'a' && u <= 'z'))
		return true;
	if (c == '\0')
		return false;
	return strchr("-_.@!#%:", c) || (is_marked && strchr("[]/+", c));
}

static bool read_word(struct cgp_syntax *r)
{
	bool is_marked = *r->p == '#';

	r->s = r->p;
	while (r->p < r->end && is_word(*r->p, is_marked))
		r->p++;
	r->len = (size_t)(r->p - r->s);
	return r->len > 0;
}

static bool read_block(struct cgp_syntax *r)
{
	char *close = memchr(r->p, ']', (size_t)(r->end - r->p));

	if (!close || memchr(r->p, '\0', (size_t)(close - r->p)))
		return false;
	r->s = r->p;
	r->p = close + 1;
	r->len = (size_t)(r->p - r->s);
	return true;
}

/* Behind a backslash. What is not known stays as it is, with its backslash:
 * a name is not guessed. */
static bool read_escape(struct cgp_syntax *r, char **to)
{
	static const char from_letters[] = "rnt", to_bytes[] = "\r\n\t";
	size_t left = (size_t)(r->end - r->p);
	const char *letter;

	if (left == 0 || *r->p == '\0')
		return false;
	if (left >= 3 && is_digit(r->p[0]) && is_digit(r->p[1]) &&
	    is_digit(r->p[2])) {
		int code = (r->p[0] - '0') * 100 + (r->p[1] - '0') * 10 +
			   (r->p[2] - '0');
		if (code == 0 || code > 255)
			return false;
		*(*to)++ = (char)code;
		r->p += 3;
		return true;
	}
	letter = strchr(from_letters, *r->p);
	if (letter) {
		*(*to)++ = to_bytes[letter - from_letters];
	} else if (*r->p == 'e') { // the end of a line, of whatever system
		*(*to)++ = '\n';
	} else {
		if (*r->p != '"' && *r->p != '\\')
			*(*to)++ = '\\';
		*(*to)++ = *r->p;
	}
	r->p++;
	return true;
}

/* One or more quoted parts in a row are one string. */
static bool read_quoted(struct cgp_syntax *r)
{
	char *to = r->p;

	r->s = to;
	while (take(r, '"')) {
		for (;;) {
			if (r->p == r->end || *r->p == '\0')
				return false;
			char c = *r->p++;
			if (c == '"')
				break;
			if (c != '\\')
				*to++ = c;
			else if (!read_escape(r, &to))
				return false;
		}
	}
	r->len = (size_t)(to - r->s);
	return true;
}

static bool read_string(struct cgp_syntax *r)
{
	skip_blanks(r);
	if (r->p == r->end)
		return false;
	if (*r->p == '"')
		return read_quoted(r);
	return *r->p == '[' ? read_block(r) : read_word(r);
}

static enum cgp_syntax_event opened(struct cgp_syntax *r, char close)
{
	if (r->depth == CGP_SYNTAX_DEPTH_MAX)
		return broken(r);
	r->open[r->depth++] = close;
	r->state = close == ')' ? STATE_VALUE_OR_CLOSE : STATE_KEY_OR_CLOSE;
	return close == ')' ? CGP_SYNTAX_ARRAY : CGP_SYNTAX_DICTIONARY;
}

static enum cgp_syntax_event closed(struct cgp_syntax *r)
{
	r->depth--;
	r->state = STATE_AFTER;
	return CGP_SYNTAX_CLOSE;
}

static enum cgp_syntax_event value(struct cgp_syntax *r)
{
	if (take(r, '{'))
		return opened(r, '}');
	if (take(r, '('))
		return opened(r, ')');
	if (!read_string(r))
		return broken(r);
	r->state = STATE_AFTER;
	return CGP_SYNTAX_STRING;
}

static enum cgp_syntax_event key_or_close(struct cgp_syntax *r)
{
	if (take(r, '}'))
		return closed(r);
	if (!read_string(r) || !take(r, '='))
		return broken(r);
	r->state = STATE_VALUE;
	return CGP_SYNTAX_KEY;
}

/* What parts values: `;` behind each one of a dictionary, `,` between those of
 * an array. */
static enum cgp_syntax_event after(struct cgp_syntax *r)
{
	if (r->depth == 0) {
		skip_blanks(r);
		return r->p == r->end ? CGP_SYNTAX_END : broken(r);
	}
	if (r->open[r->depth - 1] == '}')
		return take(r, ';') ? key_or_close(r) : broken(r);
	if (take(r, ','))
		return value(r);
	return take(r, ')') ? closed(r) : broken(r);
}

enum cgp_syntax_event cgp_syntax_next(struct cgp_syntax *r)
{
	r->s = NULL;
	r->len = 0;
	if (r->events++ == CGP_SYNTAX_EVENTS_MAX)
		return broken(r);
	switch ((enum state)r->state) {
	case STATE_VALUE:
		return value(r);
	case STATE_VALUE_OR_CLOSE:
		return take(r, ')') ? closed(r) : value(r);
	case STATE_KEY_OR_CLOSE:
		return key_or_close(r);
	case STATE_AFTER:
		return after(r);
	case STATE_BROKEN:
		break;
	}
	r->events--; // stays broken, however often it is asked
	return broken(r);
}

bool cgp_syntax_skip(struct cgp_syntax *r, enum cgp_syntax_event first)
{
	unsigned depth = r->depth;

	if (first == CGP_SYNTAX_ERROR)
		return false;
	if (first != CGP_SYNTAX_DICTIONARY && first != CGP_SYNTAX_ARRAY)
		return true;
	while (r->depth >= depth)
		if (cgp_syntax_next(r) == CGP_SYNTAX_ERROR)
			return false;
	return true;
}

int cgp_syntax_quote(struct buf *out, const char *s, size_t len)
{
	if (memchr(s, '\0', len) || buf_puts(out, "\"") < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		int rc;
		if (c == '"' || c == '\\')
			rc = buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			rc = buf_printf(out, "\\%03u", c);
		else
			rc = buf_append(out, s + i, 1);
		if (rc < 0)
			return -1;
	}
	return buf_puts(out, "\"");
}
