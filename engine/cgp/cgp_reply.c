// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_reply.h"

#include <stdbool.h>
#include <string.h>

#include "engine/base/error.h"

void cgp_reply_init(struct cgp_reply *r, size_t line_max)
{
	*r = (struct cgp_reply){0};
	buf_init(&r->line, line_max);
}

void cgp_reply_limit(struct cgp_reply *r, size_t line_max)
{
	r->line.max = line_max;
}

void cgp_reply_release(struct cgp_reply *r)
{
	buf_wipe(&r->line); // a server may have repeated what it was told
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int parse(struct cgp_reply *r, struct error *err)
{
	char *s = r->line.data;
	size_t len = r->line.len;

	if (len > 0 && s[len - 1] == '\r')
		len--;
	if (len < 3 || !is_digit(s[0]) || !is_digit(s[1]) || !is_digit(s[2]) ||
	    (len > 3 && s[3] != ' ') || memchr(s, '\0', len))
		// its words are left out: they may be a password, repeated
		return error_set(err, ERROR_PROTOCOL, "cli.syntax",
		    "the server does not speak the protocol of the CLI");
	r->code = (unsigned)(s[0] - '0') * 100 + (unsigned)(s[1] - '0') * 10 +
		  (unsigned)(s[2] - '0');
	r->text = s + (len > 3 ? 4 : 3);
	r->len = len - (size_t)(r->text - s);
	r->text[r->len] = '\0';
	r->done = r->line.len;
	return 1;
}

int cgp_reply_feed(
    struct cgp_reply *r, const char **at, size_t *left, struct error *err)
{
	const char *end;

	if (r->done > 0)
		buf_reset(&r->line);
	r->done = 0;
	if (*left == 0)
		return 0;
	end = memchr(*at, '\n', *left);
	size_t take = end ? (size_t)(end - *at) : *left;
	if (buf_append(&r->line, *at, take) < 0)
		return error_set(err, ERROR_PROTOCOL, "cli.limit",
		    "the server sent a line longer than %zu bytes",
		    r->line.max);
	*at += take + (end ? 1 : 0);
	*left -= take + (end ? 1 : 0);
	return end ? parse(r, err) : 0;
}
