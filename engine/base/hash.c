// SPDX-License-Identifier: MIT
#include "engine/base/hash.h"

#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/mem.h"

void hash_key(const void *bytes, size_t len, uint8_t out[HASH_KEY_BYTES])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	(void)SHA256(bytes, len, digest);
	memcpy(out, digest, HASH_KEY_BYTES);
}

void hash_hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex[bytes[i] >> 4];
		out[2 * i + 1] = hex[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void hash_random(void *out, size_t len)
{
	bug_if(len > 256); // up to 256 bytes getrandom is never short
	bug_if(getrandom(out, len, 0) != (ssize_t)len);
}
