// SPDX-License-Identifier: MIT
/*
 * What went wrong, as a value: decisions are made on kind, scope and retry,
 * people read the text, reports group by the dotted reason.
 *
 * A function that fails returns -1 and has filled its last parameter; on
 * success the error is untouched, so calls chain with ||.  The callee says
 * what failed, the caller adds where with error_prefix.
 */
#ifndef ENGINE_BASE_ERROR_H
#define ENGINE_BASE_ERROR_H

#include <stddef.h>
#include <stdint.h>

enum error_kind {
	ERROR_NONE,
	ERROR_IO, /* connection: refused, reset, closed */
	ERROR_TIMEOUT,
	ERROR_TLS,
	ERROR_AUTH,
	ERROR_PROTOCOL,  /* the peer is no IMAP server or broke the protocol */
	ERROR_SERVER_NO, /* the server refused, in its own words */
	ERROR_QUOTA,     /* the target is full */
	ERROR_DEFERRED,  /* the server said to come back much later */
	ERROR_LIMIT,     /* one of our own ceilings */
	ERROR_CONFIG,
	ERROR_USAGE,
	ERROR_OS, /* local disk, descriptor, memory of the system */
	ERROR_INTERRUPTED,
	ERROR_INTERNAL,
	ERROR_KINDS
};

enum error_scope {
	ERROR_SCOPE_MESSAGE,
	ERROR_SCOPE_MAILBOX,
	ERROR_SCOPE_ACCOUNT,
	ERROR_SCOPE_BATCH
};

enum error_retry {
	ERROR_RETRY_NEVER,
	ERROR_RETRY_NOW,
	ERROR_RETRY_LATER
};

enum {
	ERROR_REASON_BYTES = 32,
	ERROR_TEXT_BYTES = 640
};

struct error {
	enum error_kind kind;
	enum error_scope scope;
	enum error_retry retry;
	uint32_t wait_ms; /* that the server asks for; 0: none is known */
	char reason[ERROR_REASON_BYTES]; /* dotted and stable: "net.refused" */
	char text[ERROR_TEXT_BYTES];     /* lower case, no final stop */
};

/* Always -1, so that a failing function ends with `return error_set(...)`.
 * Scope is account; retry follows the kind (io, timeout: later). */
int error_set(struct error *err, enum error_kind kind, const char *reason,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* As error_set, with ": " and the text of errno; errno is kept. */
int error_set_errno(struct error *err, enum error_kind kind, const char *reason,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Puts "where: " before the text. Returns -1. */
int error_prefix(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whose fault it is that a file which the user named cannot be read: ERROR_OS
 * when the system is short of something or broken, else ERROR_CONFIG. */
enum error_kind error_kind_of_file(int number);

void error_clear(struct error *err);

const char *error_kind_name(enum error_kind kind);

#endif
