// SPDX-License-Identifier: MIT
#include "engine/imap/imap_syntax.h"

#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/imap/imap_reader.h"

bool imap_str_is(struct imap_str s, const char *word)
{
	return s.s && text_equal_fold(s.s, s.len, word, strlen(word));
}

bool imap_char(struct imap_cursor *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

bool imap_space(struct imap_cursor *c)
{
	char *start = c->p;

	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
	return c->p > start;
}

bool imap_at_end(const struct imap_cursor *c)
{
	return c->p == c->end;
}

static bool ends_atom(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '(' || ch == ')' || ch == '"' ||
	       ch == '\0';
}

bool imap_atom(struct imap_cursor *c, struct imap_str *out)
{
	char *start = c->p;

	while (c->p < c->end && !ends_atom(*c->p))
		c->p++;
	*out = (struct imap_str){start, (size_t)(c->p - start)};
	return c->p > start;
}

bool imap_number(struct imap_cursor *c, uint64_t *out)
{
	char *p = c->p;

	while (p < c->end && *p >= '0' && *p <= '9')
		p++;
	if (!text_parse_u64(c->p, (size_t)(p - c->p), UINT64_MAX, out))
		return false;
	c->p = p;
	return true;
}

static bool quoted(struct imap_cursor *c, struct imap_str *out)
{
	char *p = c->p + 1, *to = p;

	out->s = p;
	while (p < c->end && *p != '"') {
		if (*p == '\0')
			return false;
		if (*p == '\\' && p + 1 < c->end)
			p++;
		*to++ = *p++;
	}
	if (p == c->end)
		return false;
	out->len = (size_t)(to - out->s);
	c->p = p + 1;
	return true;
}

/* The marker at the cursor, if there is one: its kind and length. */
static char marker(const struct imap_cursor *c, uint64_t *len_out)
{
	if (c->end - c->p < IMAP_READER_MARKER_BYTES || c->p[0] != '\0')
		return 0;
	memcpy(len_out, c->p + 2, sizeof(*len_out));
	return c->p[1];
}

bool imap_string(struct imap_cursor *c, struct imap_str *out)
{
	uint64_t len = 0;

	if (c->p < c->end && *c->p == '"')
		return quoted(c, out);
	if (marker(c, &len) != IMAP_READER_KEPT)
		return false;
	char *start = c->p + IMAP_READER_MARKER_BYTES;
	if (len > (uint64_t)(c->end - start))
		return false;
	*out = (struct imap_str){start, (size_t)len};
	c->p = start + len;
	return true;
}

bool imap_nstring(struct imap_cursor *c, struct imap_str *out)
{
	struct imap_cursor try = *c;

	if (imap_string(c, out))
		return true;
	if (!imap_atom(&try, out) || !imap_str_is(*out, "NIL"))
		return false;
	*out = (struct imap_str){NULL, 0};
	*c = try;
	return true;
}

bool imap_astring(struct imap_cursor *c, struct imap_str *out)
{
	return imap_string(c, out) || imap_atom(c, out);
}

bool imap_skip(struct imap_cursor *c)
{
	struct imap_cursor at = *c;
	struct imap_str ignored;
	unsigned depth = 0;

	do {
		(void)imap_space(&at);
		uint64_t len = 0;
		if (imap_char(&at, '(')) {
			if (++depth > IMAP_SYNTAX_DEPTH_MAX)
				return false;
		} else if (depth > 0 && imap_char(&at, ')')) {
			depth--;
		} else if (marker(&at, &len) == IMAP_READER_STREAMED) {
			at.p += IMAP_READER_MARKER_BYTES;
		} else if (!imap_string(&at, &ignored) &&
			   !imap_atom(&at, &ignored)) {
			return false;
		}
	} while (depth > 0);
	*c = at;
	return true;
}

bool imap_list_text(struct imap_cursor *c, struct imap_str *out)
{
	struct imap_cursor at = *c;

	if (at.p == at.end || *at.p != '(' || !imap_skip(&at))
		return false;
	*out = (struct imap_str){c->p + 1, (size_t)(at.p - c->p - 2)};
	*c = at;
	return true;
}

static bool condition(struct imap_str word, enum imap_condition *out)
{
	static const char *const names[] = {
	    "OK", "NO", "BAD", "BYE", "PREAUTH"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (imap_str_is(word, names[i])) {
			*out = (enum imap_condition)i;
			return true;
		}
	return false;
}

/* [CODE args] text; a missing text or code is fine. */
static void status_text(struct imap_cursor c, struct imap_response *out)
{
	(void)imap_space(&c);
	if (c.p < c.end && *c.p == '[') {
		char *close = memchr(c.p, ']', (size_t)(c.end - c.p));
		if (close) {
			struct imap_cursor code = {c.p + 1, close};
			(void)imap_atom(&code, &out->code);
			(void)imap_space(&code);
			out->code_args = (struct imap_str){
			    code.p, (size_t)(code.end - code.p)};
			c.p = close + 1;
			(void)imap_space(&c);
		}
	}
	out->text = (struct imap_str){c.p, (size_t)(c.end - c.p)};
}

static bool untagged(struct imap_cursor c, struct imap_response *out)
{
	struct imap_cursor try = c;

	(void)imap_space(&c);
	try = c;
	if (imap_number(&try, &out->number) && imap_space(&try)) {
		out->kind = IMAP_RESPONSE_NUMBER;
		c = try;
	} else {
		out->kind = IMAP_RESPONSE_DATA;
	}
	if (!imap_atom(&c, &out->word))
		return false;
	if (out->kind == IMAP_RESPONSE_DATA &&
	    condition(out->word, &out->condition)) {
		out->kind = IMAP_RESPONSE_STATUS;
		status_text(c, out);
	}
	(void)imap_space(&c);
	out->rest = c;
	return true;
}

// the bytes are written to later: strings are unescaped in place
bool imap_response_parse(char *bytes, // NOLINT(readability-non-const-parameter)
    size_t len, struct imap_response *out)
{
	struct imap_cursor c = {bytes, bytes + len};

	*out = (struct imap_response){0};
	if (imap_char(&c, '+')) {
		(void)imap_space(&c);
		out->kind = IMAP_RESPONSE_CONTINUE;
		out->text = (struct imap_str){c.p, (size_t)(c.end - c.p)};
		return true;
	}
	if (imap_char(&c, '*'))
		return untagged(c, out);
	out->kind = IMAP_RESPONSE_TAGGED;
	struct imap_str word;
	if (!imap_atom(&c, &out->tag) || !imap_space(&c) ||
	    !imap_atom(&c, &word) || !condition(word, &out->condition) ||
	    out->condition > IMAP_CONDITION_BAD)
		return false;
	status_text(c, out);
	return true;
}

struct imap_str imap_response_words(const struct imap_response *r)
{
	if (!r->code.s)
		return r->text;
	char *start = r->code.s - 1; // the bracket

	return (struct imap_str){
	    start, (size_t)(r->text.s + r->text.len - start)};
}

/* "BODY[...]<0>" as one name: section words may hold blanks and lists. */
static bool section_name(struct imap_cursor *c, struct imap_str *out)
{
	char *start = c->p;
	char *p = start;

	while (p < c->end && *p != ' ' && *p != '\t' && *p != '[' &&
	       *p != ')' && *p != '\0')
		p++;
	if (p < c->end && *p == '[') {
		p = memchr(p, ']', (size_t)(c->end - p));
		if (!p)
			return false;
		p++;
		if (p < c->end && *p == '<') {
			p = memchr(p, '>', (size_t)(c->end - p));
			if (!p)
				return false;
			p++;
		}
	}
	*out = (struct imap_str){start, (size_t)(p - start)};
	c->p = p;
	return p > start;
}

static bool body_value(struct imap_cursor *c, struct imap_fetch *out)
{
	uint64_t len = 0;

	out->has_body = true;
	switch (marker(c, &len)) {
	case IMAP_READER_STREAMED:
		c->p += IMAP_READER_MARKER_BYTES;
		out->body_streamed = true;
		return true;
	case IMAP_READER_KEPT:
		return false; // may have been cut: never a body
	default:
		break;
	}
	return imap_nstring(c, &out->body);
}

static bool starts_fold(struct imap_str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && strncasecmp(s.s, prefix, n) == 0;
}

static bool fetch_value(
    struct imap_cursor *c, struct imap_str name, struct imap_fetch *out)
{
	uint64_t n = 0;

	if (imap_str_is(name, "UID")) {
		if (!imap_number(c, &n) || n == 0 || n > UINT32_MAX)
			return false;
		out->has_uid = true;
		out->uid = (uint32_t)n;
		return true;
	}
	if (imap_str_is(name, "RFC822.SIZE")) {
		out->has_size = imap_number(c, &out->size);
		return out->has_size || imap_skip(c); // NIL was seen
	}
	if (imap_str_is(name, "FLAGS")) {
		out->has_flags = imap_list_text(c, &out->flags);
		return out->has_flags || imap_skip(c);
	}
	if (imap_str_is(name, "INTERNALDATE")) {
		struct imap_str date;
		if (!imap_nstring(c, &date))
			return imap_skip(c); // costs the date, not the rest
		out->has_date = date.s != NULL;
		out->date = date;
		return true;
	}
	if (imap_str_is(name, "BODY[]"))
		return body_value(c, out);
	if (starts_fold(name, "BODY[HEADER") || starts_fold(name, "BODY[]<")) {
		out->has_header = true;
		return imap_nstring(c, &out->header);
	}
	return imap_skip(c);
}

bool imap_fetch_parse(struct imap_cursor rest, struct imap_fetch *out)
{
	struct imap_cursor c = rest;

	*out = (struct imap_fetch){0};
	if (!imap_char(&c, '('))
		return false;
	for (;;) {
		struct imap_str name;
		(void)imap_space(&c);
		if (imap_char(&c, ')'))
			return true;
		if (!section_name(&c, &name) || !imap_space(&c) ||
		    !fetch_value(&c, name, out))
			return false;
	}
}
