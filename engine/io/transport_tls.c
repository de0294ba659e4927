// SPDX-License-Identifier: MIT
#include "engine/io/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/io/tls_certificate.h"

/* A TLS record holds at most 16 KiB: gather so much before encrypting. */
enum {
	RECORD_BYTES = 16 * 1024
};

struct tls {
	struct transport base;
	struct transport *below;
	SSL_CTX *context;
	SSL *ssl;
	char *host, *pin;
	bool verify;
	bool below_ready, established;
	short wanted; /* poll events the last call of OpenSSL asked for */
	char gather[RECORD_BYTES];
};

static bool is_address(const char *host)
{
	unsigned char room[16];

	return inet_pton(AF_INET, host, room) == 1 ||
	       inet_pton(AF_INET6, host, room) == 1;
}

/* OpenSSL's oldest queued reason, or `otherwise`. */
static const char *library_reason(const char *otherwise)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason ? reason : otherwise;
}

/* Did the library fail for want of memory? It may be too much for its queue of
 * errors as well. */
static bool is_memory_out(void)
{
	return errno == ENOMEM ||
	       ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ||
	       ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

static int memory_out(struct error *err)
{
	ERR_clear_error();
	return error_set(
	    err, ERROR_INTERNAL, "local.memory", "out of memory: TLS");
}

static int certificate_refused(
    const struct tls *tls, long code, struct error *err)
{
	char says[TLS_CERTIFICATE_TEXT];
	const char *hint =
	    "check the date, or give the certificate authority with a CA file";

	if (code == X509_V_ERR_OUT_OF_MEM || is_memory_out())
		return memory_out(err);
	if (code == X509_V_ERR_HOSTNAME_MISMATCH ||
	    code == X509_V_ERR_IP_ADDRESS_MISMATCH)
		hint = "use the name that the certificate was issued for";
	else if (code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
		 code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
		 code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
		hint = "give the certificate authority with a CA file";
	return error_set(err, ERROR_TLS, "tls.verify",
	    "the certificate of '%s' is not accepted: %s%s; %s", tls->host,
	    X509_verify_cert_error_string(code),
	    tls_certificate_says(tls->ssl, code, says), hint);
}

static int check_pin(const struct tls *tls, struct error *err)
{
	unsigned char digest[SHA256_DIGEST_LENGTH], *key = NULL;
	char hex[2 * SHA256_DIGEST_LENGTH + 1] = "";

	if (!tls->pin)
		return 0;
	X509 *cert = SSL_get1_peer_certificate(tls->ssl);
	int len = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &key) : -1;
	if (len > 0 && SHA256(key, (size_t)len, digest)) {
		hash_hex(digest, sizeof(digest), hex);
	}
	OPENSSL_free(key);
	X509_free(cert);
	if (text_equal_fold_z(hex, tls->pin))
		return 0;
	return error_set(err, ERROR_TLS, "tls.pin",
	    "the public key of '%s' is not the pinned one: it is %s", tls->host,
	    hex);
}

/* Could both sides not agree on how to speak? Then it matters what we offer:
 * see the minimum below, and the library's defaults for ciphers (F022). */
static bool is_disagreement(unsigned long code)
{
	switch (ERR_GET_REASON(code)) {
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_UNSUPPORTED_PROTOCOL:
		return true;
	default:
		return false;
	}
}

/* Translates a failed OpenSSL call: AGAIN, or -1 with an error. */
static int tls_failed(
    struct tls *tls, int rc, const char *step, struct error *err)
{
	int number = errno;
	int what = SSL_get_error(tls->ssl, rc);

	errno = number;
	switch (what) {
	case SSL_ERROR_WANT_READ:
		tls->wanted = POLLIN;
		return TRANSPORT_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		tls->wanted = POLLOUT;
		return TRANSPORT_AGAIN;
	case SSL_ERROR_SYSCALL:
		if (is_memory_out())
			return memory_out(err);
		if (errno)
			return error_set_errno(err, ERROR_IO, "net.reset",
			    "connection lost during %s", step);
		return error_set(err, ERROR_IO, "net.reset",
		    "connection closed during %s", step);
	default:
		break;
	}
	if (is_memory_out())
		return memory_out(err);
	unsigned long code = ERR_peek_error();
	if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return error_set(err, ERROR_IO, "net.reset",
		    "connection closed during %s without a TLS goodbye", step);
	}
	if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) {
		ERR_clear_error();
		return error_set(err, ERROR_TLS, "tls.protocol",
		    "'%s' does not speak TLS on this port; use STARTTLS or another port",
		    tls->host);
	}
	return error_set(err, ERROR_TLS, "tls.protocol",
	    "%s with '%s' failed: %s%s", step, tls->host,
	    library_reason("protocol error"),
	    is_disagreement(code)
		? "; it was offered TLS 1.2 and 1.3 with the usual ciphers"
		: "");
}

static int tls_establish(struct transport *t, struct error *err)
{
	struct tls *tls = (struct tls *)t;

	if (!tls->below_ready) {
		int rc = tls->below->ops->establish(tls->below, err);
		t->fd = tls->below->fd;
		if (rc <= 0)
			return rc;
		tls->below_ready = true;
		if (SSL_set_fd(tls->ssl, t->fd) != 1)
			return error_set(err, ERROR_INTERNAL, "tls.setup",
			    "cannot attach TLS: %s",
			    library_reason("no memory"));
	}
	if (tls->established)
		return 1;
	ERR_clear_error();
	errno = 0;
	int rc = SSL_connect(tls->ssl);
	if (rc != 1) {
		long code = SSL_get_verify_result(tls->ssl);
		if (tls->verify && code != X509_V_OK)
			return certificate_refused(tls, code, err);
		rc = tls_failed(tls, rc, "the TLS handshake", err);
		return rc == TRANSPORT_AGAIN ? 0 : -1;
	}
	if (check_pin(tls, err) < 0)
		return -1;
	tls->established = true;
	tls->wanted = 0;
	return 1;
}

static ssize_t tls_read(
    struct transport *t, void *to, size_t len, struct error *err)
{
	struct tls *tls = (struct tls *)t;
	size_t got = 0;

	ERR_clear_error();
	errno = 0;
	tls->wanted = 0;
	int rc = SSL_read_ex(tls->ssl, to, len, &got);
	if (rc == 1) {
		transport_ack_now(t->fd);
		return (ssize_t)got;
	}
	if (SSL_get_error(tls->ssl, rc) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return tls_failed(tls, rc, "reading", err);
}

static ssize_t tls_write(struct transport *t, const struct iovec *parts,
    int count, struct error *err)
{
	struct tls *tls = (struct tls *)t;
	const void *from = parts[0].iov_base;
	size_t len = parts[0].iov_len, sent = 0;

	if (count > 1 && len < RECORD_BYTES) {
		len = 0;
		for (int i = 0; i < count && len < RECORD_BYTES; i++) {
			size_t n = parts[i].iov_len;
			if (n > RECORD_BYTES - len)
				n = RECORD_BYTES - len;
			if (n)
				memcpy(tls->gather + len, parts[i].iov_base, n);
			len += n;
		}
		from = tls->gather;
	}
	ERR_clear_error();
	errno = 0;
	tls->wanted = 0;
	int rc = SSL_write_ex(tls->ssl, from, len, &sent);
	return rc == 1 ? (ssize_t)sent : tls_failed(tls, rc, "writing", err);
}

static short tls_events(const struct transport *t, bool reading, bool writing)
{
	const struct tls *tls = (const struct tls *)t;

	if (!tls->below_ready)
		return tls->below->ops->events(tls->below, reading, writing);
	if (!tls->established && tls->wanted)
		return tls->wanted;
	if (!tls->established)
		return POLLOUT;
	// a renegotiation or key update may need the other direction
	return (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0) |
		       ((reading || writing) ? tls->wanted : 0));
}

static bool tls_has_pending(const struct transport *t)
{
	const struct tls *tls = (const struct tls *)t;

	return tls->established && SSL_pending(tls->ssl) > 0;
}

static int64_t tls_deadline_ms(const struct transport *t)
{
	const struct tls *tls = (const struct tls *)t;

	return tls->below->ops->deadline_ms(tls->below);
}

static void tls_release(struct transport *t)
{
	struct tls *tls = (struct tls *)t;

	if (tls->established) {
		ERR_clear_error();
		(void)SSL_shutdown(tls->ssl); // a goodbye, not waited for
	}
	tls->below->ops->release(tls->below);
}

static void tls_free(struct transport *t)
{
	struct tls *tls = (struct tls *)t;

	SSL_free(tls->ssl);
	SSL_CTX_free(tls->context);
	tls->below->ops->free(tls->below);
	free(tls->host);
	free(tls->pin);
	explicit_bzero(tls->gather, sizeof(tls->gather));
	free(tls);
}

static const struct transport_ops tls_ops = {
    .establish = tls_establish,
    .read = tls_read,
    .write = tls_write,
    .events = tls_events,
    .has_pending = tls_has_pending,
    .deadline_ms = tls_deadline_ms,
    .free = tls_free,
    .release = tls_release,
};

static int load_trust(
    const struct tls *tls, const char *ca_file, struct error *err)
{
	if (!tls->verify)
		return 0;
	errno = 0;
	if (ca_file && SSL_CTX_load_verify_file(tls->context, ca_file) != 1)
		return is_memory_out()
			   ? memory_out(err)
			   : error_set(err, ERROR_CONFIG, "tls.ca_file",
				 "cannot use the CA file '%s': %s", ca_file,
				 library_reason("unreadable"));
	if (!ca_file && SSL_CTX_set_default_verify_paths(tls->context) != 1)
		return is_memory_out()
			   ? memory_out(err)
			   : error_set(err, ERROR_CONFIG, "tls.ca_file",
				 "cannot load the system's certificate authorities");
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	return 0;
}

static int expect_name(const struct tls *tls, struct error *err)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
	int ok;

	errno = 0;
	if (is_address(tls->host)) {
		ok = X509_VERIFY_PARAM_set1_ip_asc(param, tls->host);
	} else {
		X509_VERIFY_PARAM_set_hostflags(
		    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
			       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
		ok = X509_VERIFY_PARAM_set1_host(param, tls->host, 0) == 1 &&
		     SSL_set_tlsext_host_name(tls->ssl, tls->host) == 1;
	}
	if (ok != 1 && is_memory_out())
		return memory_out(err);
	if (ok != 1)
		return error_set(err, ERROR_CONFIG, "tls.host",
		    "'%s' is no host name that a certificate can carry",
		    tls->host);
	return 0;
}

struct transport *transport_tls_new(struct transport *below,
    const struct transport_tls_settings *settings, struct error *err)
{
	struct tls *tls = mem_calloc(1, sizeof(*tls));

	tls->base = (struct transport){.ops = &tls_ops, .fd = below->fd};
	tls->below = below;
	tls->host = mem_strdup(settings->host);
	tls->pin = settings->pin ? mem_strdup(settings->pin) : NULL;
	tls->verify = settings->verify;
	errno = 0;
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context ||
	    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1) {
		if (is_memory_out())
			(void)memory_out(err);
		else
			(void)error_set(err, ERROR_INTERNAL, "tls.setup",
			    "cannot set up TLS: %s", library_reason("why?"));
		tls_free(&tls->base);
		return NULL;
	}
	(void)SSL_CTX_set_mode(tls->context,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	int rc = load_trust(tls, settings->ca_file, err);
	tls->ssl = rc == 0 ? SSL_new(tls->context) : NULL;
	if (rc == 0 && !tls->ssl)
		rc = memory_out(err);
	if (rc < 0 || expect_name(tls, err) < 0) {
		tls_free(&tls->base);
		return NULL;
	}
	SSL_set_connect_state(tls->ssl);
	return &tls->base;
}

void transport_tls_describe(const struct transport *t, char *out, size_t max)
{
	const struct tls *tls = (const struct tls *)t;

	(void)snprintf(out, max, "%s, %s", SSL_get_version(tls->ssl),
	    SSL_get_cipher_name(tls->ssl));
}
