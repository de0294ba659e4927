// SPDX-License-Identifier: MIT
/* SHA-256, whole or in pieces, kept to its first 16 bytes, MD5 for what asks for it, randomness. */
#ifndef ENGINE_BASE_HASH_H
#define ENGINE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum {
	HASH_KEY_BYTES = 16,
	HASH_MD5_HEX_BYTES = 33,
	HASH_SHA256_BASE64_BYTES = 45
};

/* First 16 bytes of the SHA-256 of the bytes. */
void hash_key(const void *bytes, size_t len, uint8_t out[HASH_KEY_BYTES]);

/* The same for many keys, four times as fast: what the library looks up by name
 * is looked up once. For one thread at a time; NULL only makes it slower. */
struct hash_keys;
struct hash_keys *hash_keys_new(void);
void hash_keys_free(struct hash_keys *keys);
void hash_keys_next(struct hash_keys *keys, const void *bytes, size_t len,
    uint8_t out[HASH_KEY_BYTES]);

/* The same of bytes that come in pieces. Reset begins anew; key ends it. */
struct hash_stream;

struct hash_stream *hash_stream_new(void);
void hash_stream_free(struct hash_stream *h);
void hash_stream_reset(struct hash_stream *h);
void hash_stream_add(struct hash_stream *h, const void *bytes, size_t len);
void hash_stream_key(struct hash_stream *h, uint8_t out[HASH_KEY_BYTES]);

/* Base64 of the SHA-256 of the bytes, as a content security policy names a
 * script; empty when memory is out. */
void hash_sha256_base64(
    const void *bytes, size_t len, char out[HASH_SHA256_BASE64_BYTES]);

/* Lower-case hex of n bytes; `out` has room for 2 * n + 1. */
void hash_hex(const uint8_t *bytes, size_t n, char *out);

/* Hex of the MD5 of both, one behind the other, as APOP wants it; safe for
 * nothing else. -1: the library does not do MD5. */
int hash_md5_hex(const void *a, size_t a_len, const void *b, size_t b_len,
    char out[HASH_MD5_HEX_BYTES]) __attribute__((warn_unused_result));

/* Bytes no peer can guess. At most 256; ends the process when the system
 * has none. */
void hash_random(void *out, size_t len);

#endif
