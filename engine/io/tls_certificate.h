// SPDX-License-Identifier: MIT
/*
 * What a certificate says of itself, for the message why it is not accepted.
 */
#ifndef ENGINE_IO_TLS_CERTIFICATE_H
#define ENGINE_IO_TLS_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stddef.h>

enum {
	TLS_CERTIFICATE_TEXT = 300
};

/* The names it was issued for, its dates and ours, or who signed it, whichever
 * belongs to `code` (X509_V_ERR_...).  Escaped, cut to its room; "" when there
 * is nothing to say.  `ssl` is in the middle of a handshake that fails. */
const char *tls_certificate_says(
    const SSL *ssl, long code, char out[TLS_CERTIFICATE_TEXT]);

#endif
