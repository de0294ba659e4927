// SPDX-License-Identifier: MIT
/*
 * The client's side of a SASL exchange: what to say to a challenge.  Knows no
 * connection; bytes in, bytes out, before base64.  Everything that is or holds
 * a secret lies in memory that is wiped (struct secret).
 */
#ifndef ENGINE_IMAP_IMAP_SASL_H
#define ENGINE_IMAP_IMAP_SASL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct imap_sasl;
struct secret;

/* Copied by imap_sasl_new, but for the secret, which must stay. */
struct imap_sasl_settings {
	const char *mechanism; /* "SCRAM-SHA-256" */
	const char *user;
	const char *as; /* whose mailbox; NULL: the user's own */
	const char *host;
	uint16_t port;
	const struct secret *secret; /* password or token */
};

/* NULL when the mechanism cannot be had or cannot carry these names. */
struct imap_sasl *imap_sasl_new(
    const struct imap_sasl_settings *settings, struct error *err);
void imap_sasl_free(struct imap_sasl *sasl);

/* Does the client speak first (initial response)? */
bool imap_sasl_is_client_first(const struct imap_sasl *sasl);

/*
 * The answer to a challenge (of a client that speaks first: to the empty one),
 * which may be empty. -1: the challenge is nonsense, too much, or the server
 * does not know our password either; cancel then.
 */
int imap_sasl_step(struct imap_sasl *sasl, const char *challenge, size_t len,
    struct secret *out, struct error *err) __attribute__((warn_unused_result));

/* All was said and, where the mechanism has it, the server has proved itself:
 * only then does its OK count. */
bool imap_sasl_is_done(const struct imap_sasl *sasl);

/* The messages of the simple mechanisms (RFC 4616, XOAUTH2, RFC 7628). */
void imap_sasl_plain(const struct imap_sasl_settings *set, struct secret *out);
void imap_sasl_xoauth2(
    const struct imap_sasl_settings *set, struct secret *out);
void imap_sasl_oauthbearer(
    const struct imap_sasl_settings *set, struct secret *out);

/* Base64; the empty message encodes to "". Decoding: -1 when it is none. */
void imap_sasl_encode(const char *bytes, size_t len, struct secret *out);
int imap_sasl_decode(const char *text, size_t len, struct secret *out)
    __attribute__((warn_unused_result));

#endif
