// SPDX-License-Identifier: MIT
#include "engine/base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/mem.h"

void hash_key(const void *bytes, size_t len, uint8_t out[HASH_KEY_BYTES])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	// a key of chance bytes could be that of another message
	if (!SHA256(bytes, len, digest))
		mem_out();
	memcpy(out, digest, HASH_KEY_BYTES);
}

void hash_sha256_base64(
    const void *bytes, size_t len, char out[HASH_SHA256_BASE64_BYTES])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	out[0] = '\0';
	if (!SHA256(bytes, len, digest))
		return;
	(void)EVP_EncodeBlock(
	    (unsigned char *)out, digest, SHA256_DIGEST_LENGTH);
}

struct hash_keys {
	EVP_MD_CTX *context;
};

struct hash_keys *hash_keys_new(void)
{
	struct hash_keys *keys = mem_alloc(sizeof(*keys));

	keys->context = EVP_MD_CTX_new();
	if (!keys->context ||
	    EVP_DigestInit_ex(keys->context, EVP_sha256(), NULL) != 1) {
		hash_keys_free(keys); // without one each key is made anew
		return NULL;
	}
	return keys;
}

void hash_keys_free(struct hash_keys *keys)
{
	if (!keys)
		return;
	EVP_MD_CTX_free(keys->context);
	free(keys);
}

void hash_keys_next(struct hash_keys *keys, const void *bytes, size_t len,
    uint8_t out[HASH_KEY_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (keys && EVP_DigestInit_ex(keys->context, NULL, NULL) == 1 &&
	    EVP_DigestUpdate(keys->context, bytes, len) == 1 &&
	    EVP_DigestFinal_ex(keys->context, digest, &n) == 1)
		memcpy(out, digest, HASH_KEY_BYTES);
	else
		hash_key(bytes, len, out);
}

struct hash_stream {
	EVP_MD_CTX *context;
};

struct hash_stream *hash_stream_new(void)
{
	struct hash_stream *h = mem_calloc(1, sizeof(*h));

	h->context = EVP_MD_CTX_new();
	if (!h->context ||
	    EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1)
		mem_out();
	return h;
}

void hash_stream_free(struct hash_stream *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->context);
	free(h);
}

void hash_stream_reset(struct hash_stream *h)
{
	// the same one again: looked up by name it costs more than to hash
	if (EVP_DigestInit_ex(h->context, NULL, NULL) != 1)
		mem_out();
}

void hash_stream_add(struct hash_stream *h, const void *bytes, size_t len)
{
	if (EVP_DigestUpdate(h->context, bytes, len) != 1)
		mem_out();
}

void hash_stream_key(struct hash_stream *h, uint8_t out[HASH_KEY_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(h->context, digest, NULL) != 1)
		mem_out();
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

int hash_md5_hex(const void *a, size_t a_len, const void *b, size_t b_len,
    char out[HASH_MD5_HEX_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new(); // wiped when freed
	int rc = -1;

	if (context && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
	    EVP_DigestUpdate(context, a, a_len) == 1 &&
	    EVP_DigestUpdate(context, b, b_len) == 1 &&
	    EVP_DigestFinal_ex(context, digest, &len) == 1 &&
	    len * 2 + 1 == HASH_MD5_HEX_BYTES) {
		hash_hex(digest, len, out);
		rc = 0;
	}
	EVP_MD_CTX_free(context);
	explicit_bzero(digest, sizeof(digest));
	return rc;
}

void hash_random(void *out, size_t len)
{
	bug_if(len > 256); // up to 256 bytes getrandom is never short
	ssize_t n;

	do
		n = getrandom(out, len, 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)len)
		mem_lack("the system has no random bytes");
}
