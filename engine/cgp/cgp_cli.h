// SPDX-License-Identifier: MIT
/*
 * Classes of mailboxes over CommuniGate's CLI (the PWD module, TCP port 106),
 * which is the documented way; IMAP has none.  A conversation of questions and
 * answers that blocks its caller, each wait with a deadline and ended by the
 * caller's stop descriptors.  Knows no IMAP.
 *
 * The line is in clear text.  The password goes over it only when the caller
 * allows that; otherwise APOP proves it, whose digest can still be guessed at by
 * who listens when the password is weak.
 */
#ifndef ENGINE_CGP_CGP_CLI_H
#define ENGINE_CGP_CGP_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgp_classes;
struct error;
struct log;
struct secret;
struct transport;

enum {
	CGP_CLI_PORT = 106,
	CGP_CLI_WORDS_BYTES = 200
};

/* All borrowed. */
struct cgp_cli_settings {
	const char *side; /* "source" or "target", for the log */
	const char *host;
	uint16_t port; /* 0: CGP_CLI_PORT */
	const char *user;
	const struct secret *password;
	const char *account; /* whose mailboxes; "*": the user's own */
	/* USER and PASS when the server offers no APOP: only where the password
	 * went in clear text over IMAP too */
	bool allow_clear_text;
	uint32_t timeout_ms; /* of each wait for the server */
	/* "stop" as soon as one can be read or is closed; -1: none */
	const int *stop_fds;
	size_t stops;
	struct log *log; /* NULL: none */
	/* Another way to the server than TCP, for tests; NULL: TCP. */
	struct transport *(*connect)(
	    const struct cgp_cli_settings *set, struct error *err);
	void *connect_argument;
};

/* Reads the classes of all mailboxes; `out` must be empty. 0, or -1 (ERROR_IO,
 * TIMEOUT, PROTOCOL, AUTH, TLS: no APOP and clear text not allowed, SERVER_NO,
 * CONFIG, INTERRUPTED). */
int cgp_cli_classes(const struct cgp_cli_settings *set, struct cgp_classes *out,
    struct error *err) __attribute__((warn_unused_result));

enum cgp_cli_result {
	CGP_CLI_NOT_TRIED,
	CGP_CLI_DONE,
	CGP_CLI_REFUSED
};

struct cgp_cli_change {
	const char *mailbox; /* as the CLI spells it */
	const char *class_name;
	bool create; /* make the mailbox with this class */
	/* results */
	enum cgp_cli_result result;
	char words[CGP_CLI_WORDS_BYTES]; /* of the refusal, escaped */
};

/* Sets the class of each, one after the other on one connection. 0 when all
 * have an answer, be it a refusal; -1: the rest is NOT_TRIED. */
int cgp_cli_set_class(const struct cgp_cli_settings *set,
    struct cgp_cli_change *changes, size_t count, struct error *err)
    __attribute__((warn_unused_result));

#endif
