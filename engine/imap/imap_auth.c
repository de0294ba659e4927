// SPDX-License-Identifier: MIT
/* Login: AUTHENTICATE PLAIN (RFC 4616) and LOGIN, and what a refusal means. */
#include "engine/imap/imap_conn_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/imap/imap_refusal.h"

/* Base64 of the PLAIN message into wiped memory. */
static char *plain_message(
    const struct imap_conn_settings *set, size_t *len_out)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	const char *as = set->as ? set->as : "";
	size_t as_len = strlen(as), user_len = strlen(set->user);
	size_t raw_len = as_len + 1 + user_len + 1 + set->password->len;
	unsigned char *raw = mem_calloc(raw_len + 3, 1);

	// two NULs part the three names: calloc has put them there
	memcpy(raw, as, as_len); // NOLINT(bugprone-not-null-terminated-result)
	memcpy(raw + as_len + 1, set->user,
	    user_len); // NOLINT(bugprone-not-null-terminated-result)
	if (set->password->len)
		memcpy(raw + as_len + 1 + user_len + 1, set->password->bytes,
		    set->password->len);
	char *out = mem_calloc((raw_len + 2) / 3 * 4 + 1, 1);
	size_t n = 0;
	for (size_t i = 0; i < raw_len; i += 3) {
		unsigned v = (unsigned)raw[i] << 16 |
			     (unsigned)raw[i + 1] << 8 | raw[i + 2];
		out[n++] = alphabet[v >> 18 & 63];
		out[n++] = alphabet[v >> 12 & 63];
		out[n++] = alphabet[i + 1 < raw_len ? v >> 6 & 63 : 64];
		out[n++] = alphabet[i + 2 < raw_len ? v & 63 : 64];
	}
	explicit_bzero(raw, raw_len);
	free(raw);
	*len_out = n;
	return out;
}

static void cover(
    char *bytes, size_t len, const char *secret, size_t secret_len)
{
	char *found = bytes;

	if (secret_len < 3) // would cover ordinary words
		return;
	while ((found = memmem(found, len - (size_t)(found - bytes), secret,
		    secret_len))) {
		memset(found, '*', secret_len);
		found += secret_len;
	}
}

void imap_auth_redact(const struct imap_conn *conn, char *bytes, size_t len)
{
	size_t message_len = 0;
	char *message = plain_message(&conn->set, &message_len);

	cover(bytes, len, message, message_len);
	if (conn->set.password->bytes)
		cover(bytes, len, conn->set.password->bytes,
		    conn->set.password->len);
	explicit_bzero(message, message_len);
	free(message);
}

static void send_plain(struct imap_conn *conn)
{
	size_t len = 0;
	char *message = plain_message(&conn->set, &len);
	struct imap_cmd *cmd =
	    imap_conn_command(conn, IMAP_OP_LOGIN, NULL, "AUTHENTICATE PLAIN");

	if (imap_caps_has(&conn->caps, IMAP_CAP_SASL_IR))
		imap_cmd_text(cmd, " ");
	else
		imap_cmd_wait(cmd);
	imap_cmd_secret_text(cmd, message, len);
	imap_conn_send(conn, cmd);
	explicit_bzero(message, len);
	free(message);
}

static void send_login(struct imap_conn *conn)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, IMAP_OP_LOGIN, NULL, "LOGIN");

	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, conn->set.user);
	imap_cmd_text(cmd, " ");
	imap_cmd_secret(cmd, conn->set.password);
	imap_conn_send(conn, cmd);
}

int imap_auth_start(struct imap_conn *conn, struct error *err)
{
	const struct imap_conn_settings *set = &conn->set;
	bool has_plain = imap_caps_has(&conn->caps, IMAP_CAP_AUTH_PLAIN);
	bool has_login = !imap_caps_has(&conn->caps, IMAP_CAP_LOGINDISABLED);
	bool plain = set->auth == IMAP_AUTH_PLAIN ||
		     (set->auth == IMAP_AUTH_AUTO && has_plain);

	imap_conn_set_state(conn, IMAP_CONN_LOGIN);
	if (set->as && !plain)
		return error_set(err, ERROR_CONFIG, "auth.mechanism",
		    "acting as '%s' needs AUTHENTICATE PLAIN, which the server does not offer",
		    set->as);
	if (plain) {
		send_plain(conn);
		return 0;
	}
	if (!has_login)
		return error_set(err, ERROR_TLS, "tls.required",
		    "the server takes no password on this connection (LOGINDISABLED): use TLS");
	send_login(conn);
	return 0;
}

/* Refusals that are no judgement on the password. */
static bool is_temporary(const struct imap_cmd *cmd)
{
	enum imap_refusal refusal = imap_refusal_of(cmd);

	return refusal == IMAP_REFUSAL_THROTTLED ||
	       refusal == IMAP_REFUSAL_TEMPORARY ||
	       refusal == IMAP_REFUSAL_DAILY_LIMIT ||
	       imap_cmd_has_code(cmd, "LIMIT");
}

int imap_auth_refused(
    const struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	const struct imap_conn_settings *set = &conn->set;
	const char *words = imap_cmd_reply(cmd);

	if (is_temporary(cmd))
		return error_set(err, ERROR_IO, "auth.unavailable",
		    "the server cannot log '%s' in now: '%s'", set->user,
		    words);
	if (imap_cmd_has_code(cmd, "PRIVACYREQUIRED"))
		return error_set(err, ERROR_TLS, "tls.required",
		    "the server wants TLS before a password: '%s'", words);
	if (imap_cmd_has_code(cmd, "EXPIRED"))
		return error_set(err, ERROR_AUTH, "auth.expired",
		    "the password of '%s' has expired: '%s'", set->user, words);
	return error_set(err, ERROR_AUTH, "auth.rejected",
	    "login of '%s'%s%s refused: '%s'; check user name and password, it was not tried again",
	    set->user, set->as ? " as " : "", set->as ? set->as : "", words);
}
