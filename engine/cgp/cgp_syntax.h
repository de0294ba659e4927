// SPDX-License-Identifier: MIT
/*
 * The data syntax of CommuniGate's CLI: {key=value;...}, (a, b), words, quoted
 * strings, [blocks].  A reader that tells one event a call, without recursion
 * and without memory of its own, and the writer of quoted strings. Pure.
 */
#ifndef ENGINE_CGP_CGP_SYNTAX_H
#define ENGINE_CGP_CGP_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum {
	/* What a server may nest, and how many events it may make of its data:
	 * beyond it is no list of mailboxes. */
	CGP_SYNTAX_DEPTH_MAX = 32,
	CGP_SYNTAX_EVENTS_MAX = 8 * 1000 * 1000
};

enum cgp_syntax_event {
	CGP_SYNTAX_DICTIONARY, /* opens; then a KEY and a value, ... , CLOSE */
	CGP_SYNTAX_ARRAY,      /* opens; then values, CLOSE */
	CGP_SYNTAX_KEY,        /* s, len */
	CGP_SYNTAX_STRING,     /* s, len; a [block] with its brackets */
	CGP_SYNTAX_CLOSE,
	CGP_SYNTAX_END,  /* the one value is complete, only blanks follow */
	CGP_SYNTAX_ERROR /* broken, truncated or over a limit; stays so */
};

struct cgp_syntax {
	/* of the last event */
	const char
	    *s; /* NUL-terminated only by chance: use len; never holds NUL */
	size_t len;
	unsigned depth; /* brackets open behind the event */
	/* private */
	char *p, *end;
	int state;
	uint32_t events;
	char open[CGP_SYNTAX_DEPTH_MAX]; /* the bracket that closes each */
};

/* The bytes must live, and are changed: strings are unescaped in place. */
void cgp_syntax_init(struct cgp_syntax *r, char *bytes, size_t len);

enum cgp_syntax_event cgp_syntax_next(struct cgp_syntax *r);

/* Passes over the value that `first` has just begun. False: ERROR on the way. */
bool cgp_syntax_skip(struct cgp_syntax *r, enum cgp_syntax_event first);

/* Appends the quoted form: `"` and `\` with a backslash, control bytes as three
 * decimal digits, 8-bit as it is. -1: NUL inside, or the ceiling is reached;
 * half of it may stand in `out` then. */
int cgp_syntax_quote(struct buf *out, const char *s, size_t len)
    __attribute__((warn_unused_result));

#endif
