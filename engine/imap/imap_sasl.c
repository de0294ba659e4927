// SPDX-License-Identifier: MIT
#include "engine/imap/imap_sasl.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"

enum {
	MESSAGE_MAX_BYTES = 512 * 1024, /* names and token, escaped */
	SCRAM_ROUNDS_MAX = 1000000      /* a server may not make us work more */
};

enum kind {
	KIND_PLAIN,
	KIND_XOAUTH2,
	KIND_OAUTHBEARER,
	KIND_EXTERNAL,
	KIND_CRAM,
	KIND_SCRAM
};

static const struct {
	const char *name;
	enum kind kind;
} mechanisms[] = {{"PLAIN", KIND_PLAIN}, {"XOAUTH2", KIND_XOAUTH2},
    {"OAUTHBEARER", KIND_OAUTHBEARER}, {"EXTERNAL", KIND_EXTERNAL},
    {"CRAM-MD5", KIND_CRAM}, {"SCRAM-SHA-1", KIND_SCRAM},
    {"SCRAM-SHA-256", KIND_SCRAM}};

struct imap_sasl {
	enum kind kind;
	struct imap_sasl_settings set;
	char *mechanism, *user, *as, *host;
	unsigned steps;
	bool is_done;
	bool is_refused; /* by an error the mechanism itself can tell */
	Gsasl *context;  /* CRAM and SCRAM only */
	Gsasl_session *session;
};

/* ------------------------------------------------------------ messages */

/* Grown once, so that no copy stays behind. */
static void begin(struct buf *b, size_t room)
{
	buf_init(b, MESSAGE_MAX_BYTES);
	bug_if(!buf_reserve(b, room));
}

static void put(struct buf *b, const char *bytes, size_t len)
{
	bug_if(len > 0 && buf_append(b, bytes, len) < 0);
}

static void put_z(struct buf *b, const char *s)
{
	put(b, s, strlen(s));
}

static void put_secret(struct buf *b, const struct secret *secret)
{
	put(b, secret->bytes, secret->len);
}

static void end(struct buf *b, struct secret *out)
{
	secret_set(out, b->data, b->len);
	buf_wipe(b);
}

void imap_sasl_plain(const struct imap_sasl_settings *set, struct secret *out)
{
	const char *as = set->as ? set->as : "";
	struct buf b;

	begin(&b, strlen(as) + strlen(set->user) + set->secret->len + 3);
	put_z(&b, as);
	put(&b, "", 1);
	put_z(&b, set->user);
	put(&b, "", 1);
	put_secret(&b, set->secret);
	end(&b, out);
}

static const char *account_of(const struct imap_sasl_settings *set)
{
	return set->as ? set->as : set->user;
}

void imap_sasl_xoauth2(const struct imap_sasl_settings *set, struct secret *out)
{
	struct buf b;

	begin(&b, strlen(account_of(set)) + set->secret->len + 32);
	put_z(&b, "user=");
	put_z(&b, account_of(set));
	put_z(&b, "\1auth=Bearer ");
	put_secret(&b, set->secret);
	put_z(&b, "\1\1");
	end(&b, out);
}

/* A name in a GS2 header (RFC 5801 4). */
static void put_gs2_name(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == ',')
			put_z(b, "=2C");
		else if (*s == '=')
			put_z(b, "=3D");
		else
			put(b, s, 1);
	}
}

void imap_sasl_oauthbearer(
    const struct imap_sasl_settings *set, struct secret *out)
{
	char port[16];
	struct buf b;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)set->port);
	begin(&b, strlen(account_of(set)) * 3 + strlen(set->host) +
		      set->secret->len + 64);
	put_z(&b, "n,a=");
	put_gs2_name(&b, account_of(set));
	put_z(&b, ",\1host=");
	put_z(&b, set->host);
	put_z(&b, "\1port=");
	put_z(&b, port);
	put_z(&b, "\1auth=Bearer ");
	put_secret(&b, set->secret);
	put_z(&b, "\1\1");
	end(&b, out);
}

/* ------------------------------------------------------------ base64 */

static void take(char *bytes, size_t len, struct secret *out)
{
	secret_set(out, bytes, len);
	explicit_bzero(bytes, len);
	gsasl_free(bytes);
}

void imap_sasl_encode(const char *bytes, size_t len, struct secret *out)
{
	char *text = NULL;
	size_t text_len = 0;

	if (len == 0) {
		secret_set(out, "", 0);
		return;
	}
	if (gsasl_base64_to(bytes, len, &text, &text_len) != GSASL_OK)
		mem_out(); // nothing else can fail
	take(text, text_len, out);
}

int imap_sasl_decode(const char *text, size_t len, struct secret *out)
{
	char *bytes = NULL;
	size_t bytes_len = 0;

	if (len == 0) {
		secret_set(out, "", 0);
		return 0;
	}
	int rc = gsasl_base64_from(text, len, &bytes, &bytes_len);
	if (rc == GSASL_MALLOC_ERROR)
		mem_out();
	if (rc != GSASL_OK)
		return -1;
	take(bytes, bytes_len, out);
	return 0;
}

/* ------------------------------------------------------------ exchange */

static int start_gsasl(struct imap_sasl *sasl, struct error *err)
{
	const struct imap_sasl_settings *set = &sasl->set;
	int rc = gsasl_init(&sasl->context);

	if (rc == GSASL_OK)
		rc = gsasl_client_start(
		    sasl->context, set->mechanism, &sasl->session);
	if (rc == GSASL_OK)
		rc = gsasl_property_set(sasl->session, GSASL_AUTHID, set->user);
	if (rc == GSASL_OK && set->as)
		rc = gsasl_property_set(sasl->session, GSASL_AUTHZID, set->as);
	if (rc == GSASL_OK)
		rc = gsasl_property_set(sasl->session, GSASL_PASSWORD,
		    set->secret->bytes ? set->secret->bytes : "");
	if (rc == GSASL_MALLOC_ERROR)
		mem_out();
	if (rc != GSASL_OK)
		return error_set(err, ERROR_CONFIG, "auth.mechanism",
		    "%s is not to be had here: %s", set->mechanism,
		    gsasl_strerror(rc));
	return 0;
}

static enum kind kind_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (strcmp(name, mechanisms[i].name) == 0)
			return mechanisms[i].kind;
	mem_bug(__FILE__, __LINE__, name);
}

struct imap_sasl *imap_sasl_new(
    const struct imap_sasl_settings *settings, struct error *err)
{
	struct imap_sasl *sasl = mem_calloc(1, sizeof(*sasl));

	sasl->kind = kind_of(settings->mechanism);
	sasl->set = *settings;
	sasl->set.mechanism = sasl->mechanism = mem_strdup(settings->mechanism);
	sasl->set.user = sasl->user = mem_strdup(settings->user);
	if (settings->as)
		sasl->set.as = sasl->as = mem_strdup(settings->as);
	sasl->set.host = sasl->host = mem_strdup(settings->host);
	if (sasl->kind == KIND_CRAM && settings->as)
		(void)error_set(err, ERROR_CONFIG, "auth.mechanism",
		    "acting as '%s' is not possible with %s", settings->as,
		    settings->mechanism);
	else if ((sasl->kind != KIND_CRAM && sasl->kind != KIND_SCRAM) ||
		 start_gsasl(sasl, err) == 0)
		return sasl;
	imap_sasl_free(sasl);
	return NULL;
}

void imap_sasl_free(struct imap_sasl *sasl)
{
	if (!sasl)
		return;
	if (sasl->session) {
		// the library frees its copy without wiping it
		const char *copy =
		    gsasl_property_fast(sasl->session, GSASL_PASSWORD);
		if (copy)
			explicit_bzero((char *)(uintptr_t)copy, strlen(copy));
		gsasl_finish(sasl->session);
	}
	if (sasl->context)
		gsasl_done(sasl->context);
	free(sasl->mechanism);
	free(sasl->user);
	free(sasl->as);
	free(sasl->host);
	free(sasl);
}

bool imap_sasl_is_client_first(const struct imap_sasl *sasl)
{
	return sasl->kind != KIND_CRAM;
}

bool imap_sasl_is_done(const struct imap_sasl *sasl)
{
	return sasl->is_done && !sasl->is_refused;
}

/* The work a SCRAM server asks for, "r=...,s=...,i=4096", within reason? */
static int check_scram_work(
    const char *challenge, size_t len, struct error *err)
{
	const char *at = memmem(challenge, len, ",i=", 3);
	const char *from = at ? at + 3 : challenge + len;
	const char *to = memchr(from, ',', (size_t)(challenge + len - from));
	uint64_t rounds = 0;

	if (!to)
		to = challenge + len;
	if (at && !text_parse_u64(
		      from, (size_t)(to - from), SCRAM_ROUNDS_MAX, &rounds))
		return error_set(err, ERROR_PROTOCOL, "proto.sasl",
		    "the server asks for more than %d rounds of hashing",
		    SCRAM_ROUNDS_MAX);
	return 0;
}

static int step_failed(const struct imap_sasl *sasl, int rc, struct error *err)
{
	const char *name = sasl->set.mechanism;

	if (rc == GSASL_MALLOC_ERROR)
		mem_out();
	if (rc == GSASL_SASLPREP_ERROR)
		return error_set(err, ERROR_CONFIG, "auth.mechanism",
		    "user name or password cannot be used with %s: %s", name,
		    gsasl_strerror(rc));
	if (rc == GSASL_AUTHENTICATION_ERROR)
		return error_set(err, ERROR_AUTH, "auth.server",
		    "%s: the server has not proved that it knows the password",
		    name);
	return error_set(err, ERROR_PROTOCOL, "proto.sasl",
	    "%s: the server's challenge cannot be used: %s", name,
	    gsasl_strerror(rc));
}

static int step_gsasl(struct imap_sasl *sasl, const char *challenge, size_t len,
    struct secret *out, struct error *err)
{
	char *said = NULL;
	size_t said_len = 0;

	if (sasl->kind == KIND_SCRAM && sasl->steps == 1)
		len = 0; // it is our turn, whatever the server says
	if (sasl->kind == KIND_SCRAM && len >= 2 &&
	    memcmp(challenge, "e=", 2) == 0) {
		// "e=invalid-proof": the tagged answer says the rest
		sasl->is_refused = true;
		secret_set(out, "", 0);
		return 0;
	}
	if (sasl->kind == KIND_SCRAM && sasl->steps == 2 &&
	    check_scram_work(challenge, len, err) < 0)
		return -1;
	int rc = gsasl_step(sasl->session, challenge, len, &said, &said_len);
	if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
		return step_failed(sasl, rc, err);
	sasl->is_done = rc == GSASL_OK;
	if (said)
		take(said, said_len, out);
	else
		secret_set(out, "", 0);
	return 0;
}

/* After our message: an OAuth server tells its error and wants a dummy. */
static int step_again(
    struct imap_sasl *sasl, struct secret *out, struct error *err)
{
	if (sasl->kind != KIND_XOAUTH2 && sasl->kind != KIND_OAUTHBEARER)
		return error_set(err, ERROR_PROTOCOL, "proto.sasl",
		    "the server asks on after all of %s was said",
		    sasl->set.mechanism);
	sasl->is_refused = true;
	secret_set(out, "\1", sasl->kind == KIND_OAUTHBEARER ? 1 : 0);
	return 0;
}

int imap_sasl_step(struct imap_sasl *sasl, const char *challenge, size_t len,
    struct secret *out, struct error *err)
{
	bool is_first = sasl->steps++ == 0;

	if (sasl->is_refused && sasl->kind == KIND_SCRAM)
		return error_set(err, ERROR_PROTOCOL, "proto.sasl",
		    "the server asks on after its refusal");
	if (!is_first && sasl->is_done)
		return step_again(sasl, out, err);
	if (sasl->session)
		return step_gsasl(sasl, challenge, len, out, err);
	sasl->is_done = true;
	if (sasl->kind == KIND_PLAIN)
		imap_sasl_plain(&sasl->set, out);
	else if (sasl->kind == KIND_XOAUTH2)
		imap_sasl_xoauth2(&sasl->set, out);
	else if (sasl->kind == KIND_OAUTHBEARER)
		imap_sasl_oauthbearer(&sasl->set, out);
	else // EXTERNAL names the account, so that no other one is opened
		secret_set(out, account_of(&sasl->set),
		    strlen(account_of(&sasl->set)));
	return 0;
}
