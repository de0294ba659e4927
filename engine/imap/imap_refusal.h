// SPDX-License-Identifier: MIT
/*
 * What a server means by NO, BAD or BYE.  Codes (RFC 5530) count first; the
 * words of servers that send none, or one that says nothing, are looked up in
 * a short table of what has been seen.  Pure; the caller decides what follows.
 */
#ifndef ENGINE_IMAP_IMAP_REFUSAL_H
#define ENGINE_IMAP_IMAP_REFUSAL_H

#include <stdint.h>

#include "engine/imap/imap_syntax.h"

struct imap_cmd;

enum imap_refusal {
	IMAP_REFUSAL_OTHER,       /* no refusal, or none we know */
	IMAP_REFUSAL_THROTTLED,   /* too much at a time: wait, then go on */
	IMAP_REFUSAL_TEMPORARY,   /* the server's own trouble: try again */
	IMAP_REFUSAL_DAILY_LIMIT, /* not before tomorrow */
	IMAP_REFUSAL_AUTH,
	IMAP_REFUSAL_TLS_NEEDED,
	IMAP_REFUSAL_QUOTA, /* the account is full */
	IMAP_REFUSAL_TOO_BIG,
	IMAP_REFUSAL_GONE, /* no such mailbox */
	IMAP_REFUSAL_EXISTS,
	IMAP_REFUSAL_NO_PERMISSION,
	IMAP_REFUSAL_CONTENT, /* bytes of the message; may be repaired */
	IMAP_REFUSAL_FLAGS,   /* may do without its flags or keywords */
	IMAP_REFUSAL_DATE,    /* may do without its date */
	IMAP_REFUSAL_VIRUS,
	IMAP_REFUSALS
};

/* `code` without brackets, "" for none; `text` without the code. After OK only
 * a throttle counts: the command was done. */
enum imap_refusal imap_refusal_judge(
    enum imap_condition condition, const char *code, const char *text);

enum imap_refusal imap_refusal_of(const struct imap_cmd *cmd);

/* The time the server asks us to wait ("Suggested Backoff Time: N
 * milliseconds"), at most an hour; 0 when it names none. */
uint32_t imap_refusal_wait_ms(const char *text);

#endif
