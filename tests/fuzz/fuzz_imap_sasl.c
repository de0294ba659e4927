// SPDX-License-Identifier: MIT
/* What a server says while somebody logs in, line by line, the first byte
 * chooses the mechanism. Who does not know the password never gets through
 * SCRAM, whatever is said; "@" stands for the nonce that we sent. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/imap/imap_sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const mechanisms[] = {"SCRAM-SHA-256", "SCRAM-SHA-1",
    "CRAM-MD5", "PLAIN", "XOAUTH2", "OAUTHBEARER", "EXTERNAL"};

enum {
	SCRAM = 2, /* the first ones */
	ROUNDS_DIGITS = 4
};

/* A million rounds are allowed, and slow. */
static bool is_slow(const struct buf *b)
{
	size_t digits = 0;

	for (size_t i = 0; i < b->len; i++) {
		digits =
		    b->data[i] >= '0' && b->data[i] <= '9' ? digits + 1 : 0;
		if (digits > ROUNDS_DIGITS)
			return true;
	}
	return false;
}

/* Of "n,,n=user,r=NONCE". */
static const char *nonce_of(const struct secret *said)
{
	const char *at = said->bytes ? strstr(said->bytes, ",r=") : NULL;

	return at ? at + 3 : "";
}

static void put_line(
    struct buf *out, const char *line, size_t len, const char *nonce)
{
	buf_reset(out);
	for (size_t i = 0; i < len; i++)
		bug_if((line[i] == '@' ? buf_puts(out, nonce)
				       : buf_append(out, &line[i], 1)) < 0);
}

static void talk(
    struct imap_sasl *sasl, bool is_scram, const char *at, const char *end)
{
	struct secret said = {0}, first = {0};
	struct error err;
	struct buf line;
	int rc = 0;

	buf_init(&line, SIZE_MAX / 2);
	if (imap_sasl_is_client_first(sasl))
		rc = imap_sasl_step(sasl, "", 0, &first, &err);
	while (rc == 0 && at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((lf ? lf : end) - at);
		put_line(&line, at, len, nonce_of(&first));
		if (!line.data || (is_scram && is_slow(&line)))
			break;
		rc = imap_sasl_step(sasl, line.data, line.len, &said, &err);
		bug_if(is_scram && imap_sasl_is_done(sasl));
		at += len + 1;
	}
	buf_release(&line);
	secret_release(&said);
	secret_release(&first);
}

static void base64(const char *text, size_t len)
{
	struct secret bytes = {0}, again = {0}, same = {0};

	if (imap_sasl_decode(text, len, &bytes) == 0) {
		imap_sasl_encode(bytes.bytes, bytes.len, &again);
		bug_if(imap_sasl_decode(again.bytes, again.len, &same) < 0);
		bug_if(same.len != bytes.len);
		bug_if(same.len && memcmp(same.bytes, bytes.bytes, same.len));
	}
	secret_release(&bytes);
	secret_release(&again);
	secret_release(&same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char password[] = "pencil";
	struct secret secret = {password, sizeof(password) - 1};
	struct error err;

	if (size == 0)
		return 0;
	size_t which = data[0] % ARRAY_LEN(mechanisms);
	struct imap_sasl_settings set = {.mechanism = mechanisms[which],
	    .user = "user",
	    .host = "h",
	    .port = 143,
	    .secret = &secret};
	struct imap_sasl *sasl = imap_sasl_new(&set, &err);
	char *copy = mem_strndup((const char *)data + 1, size - 1);
	if (sasl)
		talk(sasl, which < SCRAM, copy, copy + strlen(copy));
	base64(copy, strlen(copy));
	imap_sasl_free(sasl);
	free(copy);
	return 0;
}
