// SPDX-License-Identifier: MIT
/*
 * Identity: the key by which a message is known on both sides.  Pure.
 *
 * SHA-256, 16 bytes kept, over Message-ID and Date; without a Message-ID over
 * Date, From, To, Cc, Subject; without any of these over the start of the
 * message.  Normalised so that a copy never looks new because a server changed
 * it: unfolded, white space squeezed, CR left out (Courier drops a bare one),
 * 8-bit octets, NUL and `X` count as one (Cyrus stores 8-bit header octets as
 * `X`), every field cut at a length below the one at which long lines are cut.
 * A first line "From " of an mbox does not count: some servers drop it, others
 * take the message only without.
 */
#ifndef ENGINE_SYNC_SYNC_IDENTITY_H
#define ENGINE_SYNC_SYNC_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/hash.h"

struct sync_key {
	uint8_t bytes[HASH_KEY_BYTES];
};

/* What a server is asked for: the header fields, and the start of messages
 * that have none of them. */
#define SYNC_IDENTITY_FIELDS "MESSAGE-ID DATE FROM TO CC SUBJECT"

enum {
	SYNC_IDENTITY_PREFIX_BYTES = 4096
};

/* From header fields as they stand in a message. False: none of ours in it.
 * `keys` may be NULL. */
bool sync_identity_of_header(struct hash_keys *keys, const char *bytes,
    size_t len, struct sync_key *out);

/* From the start of a message, SYNC_IDENTITY_PREFIX_BYTES or all of it. */
void sync_identity_of_prefix(
    const char *bytes, size_t len, struct sync_key *out);

/* The Message-ID of a message, blanks left out, at most `max` - 1 bytes,
 * no NUL; "" when it has none. */
void sync_identity_message_id(
    const char *bytes, size_t len, char *out, size_t max);

/* From a message we hold, by the same rules. */
void sync_identity_of_message(
    const char *bytes, size_t len, struct sync_key *out);

#endif
