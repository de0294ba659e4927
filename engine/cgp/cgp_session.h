// SPDX-License-Identifier: MIT
/*
 * One connection to the CLI: from the first byte to the login, a command and
 * its reply, the goodbye.  Blocks; see cgp_cli.h for the terms.
 */
#ifndef ENGINE_CGP_CGP_SESSION_H
#define ENGINE_CGP_CGP_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/cgp/cgp_reply.h"

struct cgp_cli_settings;
struct error;
struct stream;

enum {
	/* A reply without data, and one with it: 16 MiB list 100,000 mailboxes. */
	CGP_SESSION_REPLY_MAX = 8 * 1024,
	CGP_SESSION_DATA_MAX = 16 * 1024 * 1024,
	CGP_SESSION_COMMAND_MAX = 64 * 1024
};

struct cgp_session {
	const struct cgp_cli_settings *set;
	struct stream *stream;
	struct cgp_reply reply; /* the last one */
	struct buf command;     /* to be filled before cgp_session_command */
	char digest[HASH_MD5_HEX_BYTES]; /* of APOP */
};

/* Connects, logs in and asks for data behind the code. On -1 nothing is left
 * to be closed. `s` must stay where it is. */
int cgp_session_open(struct cgp_session *s, const struct cgp_cli_settings *set,
    struct error *err) __attribute__((warn_unused_result));

/* Sends what stands in s->command and waits for the reply; `shown` is what the
 * log may know of it. */
int cgp_session_command(struct cgp_session *s, const char *shown,
    struct error *err) __attribute__((warn_unused_result));

/* The text of the last reply, escaped and without the password. */
const char *cgp_session_words(
    const struct cgp_session *s, char *out, size_t max);

/* Says QUIT when `politely`, does not wait long for the answer; wipes. */
void cgp_session_close(struct cgp_session *s, bool politely);

#endif
