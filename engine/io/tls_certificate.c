// SPDX-License-Identifier: MIT
#include "engine/io/tls_certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/text.h"

enum {
	NAMES_MAX = 6 /* a certificate may have thousands */
};

/* What the peer wrote, as text that can be shown. */
static const char *shown(BIO *bio, char *out, size_t size)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	return text_escape(data, len > 0 ? (size_t)len : 0, out, size);
}

static void put_name(BIO *bio, const GENERAL_NAME *name)
{
	const unsigned char *p = NULL;
	int len = 0;

	if (name->type == GEN_DNS) {
		(void)BIO_write(bio, ASN1_STRING_get0_data(name->d.dNSName),
		    ASN1_STRING_length(name->d.dNSName));
		return;
	}
	p = ASN1_STRING_get0_data(name->d.iPAddress);
	len = ASN1_STRING_length(name->d.iPAddress);
	for (int i = 0; i < len; i++)
		(void)BIO_printf(bio, len == 4 ? "%s%u" : "%s%02x",
		    i == 0     ? ""
		    : len == 4 ? "."
		    : i % 2    ? ""
			       : ":",
		    p[i]);
}

static void put_names(BIO *bio, const X509 *cert)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int count = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
		if (name->type != GEN_DNS && name->type != GEN_IPADD)
			continue;
		if (++count > NAMES_MAX)
			break;
		(void)BIO_puts(bio, count > 1 ? ", " : "");
		put_name(bio, name);
	}
	if (count > NAMES_MAX)
		(void)BIO_puts(bio, ", ...");
	// a name in the subject alone does not count any more
	if (count == 0)
		(void)X509_NAME_print_ex(
		    bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
	GENERAL_NAMES_free(all);
}

static void put_date(BIO *bio, const ASN1_TIME *date)
{
	struct tm tm = {0};
	char text[24];

	if (ASN1_TIME_to_tm(date, &tm) != 1 ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(text, sizeof(text), "an unreadable date");
	(void)BIO_puts(bio, text);
}

static void put_dates(BIO *bio, const X509 *cert)
{
	char now[CLOCK_TEXT_BYTES];

	clock_format(clock_wall_ms(), now);
	(void)BIO_puts(bio, " is valid from ");
	put_date(bio, X509_get0_notBefore(cert));
	(void)BIO_puts(bio, " to ");
	put_date(bio, X509_get0_notAfter(cert));
	(void)BIO_printf(bio, ", here it is %s", now);
}

static void say(BIO *bio, const X509 *cert, long code)
{
	switch (code) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		(void)BIO_puts(bio, " is for ");
		put_names(bio, cert);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		put_dates(bio, cert);
		break;
	default:
		(void)BIO_puts(bio, " was issued by ");
		(void)X509_NAME_print_ex(
		    bio, X509_get_issuer_name(cert), 0, XN_FLAG_RFC2253);
		break;
	}
}

const char *tls_certificate_says(
    const SSL *ssl, long code, char out[TLS_CERTIFICATE_TEXT])
{
	/* The handshake has failed: only the chain is kept by then. */
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	const X509 *cert =
	    sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;
	BIO *bio = cert ? BIO_new(BIO_s_mem()) : NULL;

	out[0] = '\0';
	if (!bio)
		return out;
	(void)BIO_puts(bio, "; it");
	say(bio, cert, code);
	(void)shown(bio, out, TLS_CERTIFICATE_TEXT);
	BIO_free(bio);
	return out;
}
