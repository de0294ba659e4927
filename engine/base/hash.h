// SPDX-License-Identifier: MIT
/* SHA-256 as a running value, kept to its first 16 bytes. */
#ifndef ENGINE_BASE_HASH_H
#define ENGINE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum {
	HASH_KEY_BYTES = 16
};

/* First 16 bytes of the SHA-256 of the bytes. */
void hash_key(const void *bytes, size_t len, uint8_t out[HASH_KEY_BYTES]);

/* Lower-case hex of n bytes; `out` has room for 2 * n + 1. */
void hash_hex(const uint8_t *bytes, size_t n, char *out);

/* Bytes no peer can guess. At most 256; aborts when the system has none. */
void hash_random(void *out, size_t len);

#endif
