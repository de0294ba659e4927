// SPDX-License-Identifier: MIT
/*
 * Lines of the CLI's server, "NNN text", out of bytes as they come. Pure.
 */
#ifndef ENGINE_CGP_CGP_REPLY_H
#define ENGINE_CGP_CGP_REPLY_H

#include <stddef.h>

#include "engine/base/buf.h"

struct error;

enum {
	CGP_REPLY_OK = 200,
	CGP_REPLY_DATA = 201,    /* the data stand behind the code */
	CGP_REPLY_PASSWORD = 300 /* and a password is wanted */
};

struct cgp_reply {
	unsigned code;
	char *text; /* without line end, NUL-terminated, holds none; may be
		     * changed; valid until the next call */
	size_t len;
	/* private */
	struct buf line;
	size_t done; /* bytes of the line that was told, to be dropped */
};

/* `line_max`: the longest line with its end; cgp_reply_limit changes it. */
void cgp_reply_init(struct cgp_reply *r, size_t line_max);
void cgp_reply_limit(struct cgp_reply *r, size_t line_max);
void cgp_reply_release(struct cgp_reply *r);

/* Takes from the front of (*at, *left): 1 a reply is complete, 0 more is
 * needed and all was taken, -1 ERROR_PROTOCOL. */
int cgp_reply_feed(struct cgp_reply *r, const char **at, size_t *left,
    struct error *err) __attribute__((warn_unused_result));

#endif
