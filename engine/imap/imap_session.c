// SPDX-License-Identifier: MIT
/*
 * From the first byte to the login: greeting, capabilities, STARTTLS.  The one
 * place that decides whether a password may be sent: imap_auth_start is
 * reached only through start_login.
 */
#include "engine/imap/imap_conn_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/imap/imap_refusal.h"
#include "engine/io/stream.h"
#include "engine/io/transport.h"

enum {
	PORT_IMAP = 143,
	PORT_IMAPS = 993,
	FAR_US = 20 * 1000 /* a round trip: compression is worth one more */
};

bool imap_session_is_implicit(const struct imap_conn_settings *set)
{
	return set->tls == IMAP_TLS_IMPLICIT ||
	       (set->tls == IMAP_TLS_AUTO && set->port == PORT_IMAPS);
}

uint16_t imap_session_port(const struct imap_conn_settings *set)
{
	if (set->port)
		return set->port;
	return set->tls == IMAP_TLS_IMPLICIT ? PORT_IMAPS : PORT_IMAP;
}

static int ask_capabilities(struct imap_conn *conn, enum imap_conn_state state)
{
	imap_caps_reset(&conn->caps);
	imap_conn_set_state(conn, state);
	imap_conn_send(conn,
	    imap_conn_command(conn, IMAP_OP_CAPABILITY, NULL, "CAPABILITY"));
	return 0;
}

static int start_login(struct imap_conn *conn, struct error *err)
{
	if (!conn->is_tls && conn->set.tls != IMAP_TLS_NONE &&
	    conn->set.tls != IMAP_TLS_AUTO)
		return error_set(err, ERROR_TLS, "tls.required",
		    "TLS was asked for but is not on: no password sent");
	if (!conn->is_tls && conn->set.tls == IMAP_TLS_NONE)
		log_write(conn->set.log, LOG_LEVEL_DEBUG, conn->set.side,
		    "the connection is not encrypted, as asked for");
	else if (!conn->is_tls)
		log_write(conn->set.log, LOG_LEVEL_WARNING, conn->set.side,
		    "the connection is not encrypted: the server offers no STARTTLS");
	if (imap_auth_start(conn, err) < 0)
		return -1;
	// the list from before the login no longer counts (F026)
	imap_caps_reset(&conn->caps);
	return 0;
}

/* Capabilities are known and we are not logged in: TLS next, or login. */
static int after_capabilities(struct imap_conn *conn, struct error *err)
{
	bool offered = imap_caps_has(&conn->caps, IMAP_CAP_STARTTLS);

	if (!imap_caps_has(&conn->caps, IMAP_CAP_IMAP4REV1) &&
	    !imap_caps_has(&conn->caps, IMAP_CAP_IMAP4REV2))
		return error_set(err, ERROR_PROTOCOL, "proto.capability",
		    "the server does not announce IMAP4rev1");
	if (conn->is_tls || conn->set.tls == IMAP_TLS_NONE ||
	    (conn->set.tls == IMAP_TLS_AUTO && !offered))
		return start_login(conn, err);
	if (!offered)
		return error_set(err, ERROR_TLS, "tls.required",
		    "the server does not offer STARTTLS: use implicit TLS, or allow clear text");
	imap_conn_set_state(conn, IMAP_CONN_STARTTLS);
	imap_conn_send(
	    conn, imap_conn_command(conn, IMAP_OP_STARTTLS, NULL, "STARTTLS"));
	return 0;
}

bool imap_session_wants_id(const char *host)
{
	static const char *const domains[] = {"163.com", "126.com", "yeah.net"};
	size_t len = strlen(host);

	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		size_t tail = strlen(domains[i]);
		if (len >= tail &&
		    text_equal_fold_z(host + len - tail, domains[i]))
			return true;
	}
	return false;
}

/* Before any other command; its answer is not waited for. */
static void send_id(struct imap_conn *conn)
{
	if (conn->login.id_sent)
		return;
	conn->login.id_sent = true;
	struct imap_cmd *cmd = imap_conn_command(conn, IMAP_OP_ID, NULL, "ID");
	imap_cmd_text(cmd, " (\"name\" \"Mailconvoy\" \"version\" \"%s\")",
	    MAILCONVOY_VERSION);
	imap_conn_send(conn, cmd);
}

static int send_proxyauth(struct imap_conn *conn)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, IMAP_OP_PROXYAUTH, NULL, "PROXYAUTH");

	imap_conn_set_state(conn, IMAP_CONN_PROXYAUTH);
	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, conn->set.proxy_auth);
	imap_conn_send(conn, cmd);
	return 0;
}

static bool wants_compression(const struct imap_conn *conn)
{
	if (conn->set.compress == IMAP_COMPRESS_OFF ||
	    !imap_caps_has(&conn->caps, IMAP_CAP_COMPRESS_DEFLATE))
		return false;
	return conn->set.compress == IMAP_COMPRESS_ON ||
	       stream_rtt_us(conn->stream) >= FAR_US;
}

/* Behind ID, which is answered in clear; nothing may follow it before its own
 * answer (RFC 4978). No secret is sent any more: lengths tell nothing. */
static int ask_compression(struct imap_conn *conn)
{
	conn->login.compress_asked = true;
	imap_conn_set_state(conn, IMAP_CONN_COMPRESS);
	imap_conn_send(conn, imap_conn_command(conn, IMAP_OP_COMPRESS, NULL,
				 "COMPRESS DEFLATE"));
	return 0;
}

static int logged_in(struct imap_conn *conn)
{
	if (conn->set.proxy_auth && !conn->login.proxy_done)
		return send_proxyauth(conn);
	if (imap_session_wants_id(conn->set.host))
		send_id(conn);
	if (!conn->caps.known)
		return ask_capabilities(conn, IMAP_CONN_CAPABILITY_AFTER);
	if (imap_caps_has(&conn->caps, IMAP_CAP_ID))
		send_id(conn);
	if (!conn->login.compress_asked && wants_compression(conn))
		return ask_compression(conn);
	imap_conn_set_state(conn, IMAP_CONN_READY);
	conn->announce_ready = true;
	return 0;
}

static int on_greeting(
    struct imap_conn *conn, const struct imap_response *r, struct error *err)
{
	if (r->kind != IMAP_RESPONSE_STATUS ||
	    r->condition == IMAP_CONDITION_NO ||
	    r->condition == IMAP_CONDITION_BAD)
		return error_set(err, ERROR_PROTOCOL, "proto.greeting",
		    "this is not an IMAP server: it began with '%s'; check host and port",
		    conn->greeting);
	if (r->condition == IMAP_CONDITION_BYE)
		return error_set(err, ERROR_IO, "net.bye",
		    "the server takes no connection now: '%s'", conn->greeting);
	log_write(conn->set.log, LOG_LEVEL_INFO, conn->set.side,
	    "connected to %s: %s", conn->set.host, conn->greeting);
	imap_caps_reset(&conn->caps);
	if (imap_str_is(r->code, "CAPABILITY"))
		imap_caps_parse(&conn->caps, r->code_args.s, r->code_args.len);
	if (r->condition == IMAP_CONDITION_PREAUTH) {
		if (!conn->is_tls && conn->set.tls != IMAP_TLS_NONE)
			return error_set(err, ERROR_TLS, "tls.preauth",
			    "the server logged us in before TLS: nothing sent");
		log_write(conn->set.log, LOG_LEVEL_WARNING, conn->set.side,
		    "the server needs no login: the user name is not verified");
		return logged_in(conn);
	}
	if (!conn->caps.known)
		return ask_capabilities(conn, IMAP_CONN_CAPABILITY);
	return after_capabilities(conn, err);
}

int imap_session_on_response(
    struct imap_conn *conn, const struct imap_response *r, struct error *err)
{
	if (conn->state == IMAP_CONN_GREETING)
		return on_greeting(conn, r, err);
	if (r->kind == IMAP_RESPONSE_DATA &&
	    imap_str_is(r->word, "CAPABILITY")) {
		imap_caps_parse(
		    &conn->caps, r->rest.p, (size_t)(r->rest.end - r->rest.p));
		return 0;
	}
	if (r->kind == IMAP_RESPONSE_STATUS &&
	    r->condition == IMAP_CONDITION_BYE) {
		const struct imap_str words = imap_response_words(r);
		char shown[160];
		return error_set(err, ERROR_IO, "net.bye",
		    "the server ended the session before the login was done: '%s'",
		    imap_auth_show(
			conn, words.s, words.len, shown, sizeof(shown)));
	}
	return 0;
}

static int on_login_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	int rc = imap_auth_on_done(conn, cmd, err);

	if (rc <= 0)
		return rc;
	if (imap_cmd_has_code(cmd, "CAPABILITY"))
		imap_caps_parse(&conn->caps, imap_cmd_code_args(cmd),
		    strlen(imap_cmd_code_args(cmd)));
	log_write(conn->set.log, LOG_LEVEL_INFO, conn->set.side,
	    "logged in as '%s'%s%s, %s", conn->set.user,
	    conn->set.as ? " for " : "", conn->set.as ? conn->set.as : "",
	    imap_auth_name(conn->login.auth));
	return logged_in(conn);
}

/* Refused, the session is still the admin's: nothing may be read or written
 * with it (F049). */
static int on_proxyauth_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	if (cmd->condition != IMAP_CONDITION_OK)
		return error_set(err, ERROR_AUTH, "auth.proxy",
		    "PROXYAUTH to '%s' refused: '%s'; nothing was done as '%s'",
		    conn->set.proxy_auth, cmd->reply, conn->set.user);
	log_write(conn->set.log, LOG_LEVEL_INFO, conn->set.side,
	    "acting as '%s' by PROXYAUTH", conn->set.proxy_auth);
	conn->login.proxy_done = true;
	imap_caps_reset(&conn->caps); // they may be others
	return logged_in(conn);
}

/* Before the login we need the list; after it we can do without extensions. */
static int on_capability_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	enum imap_refusal refusal = imap_refusal_of(cmd);
	bool is_told = cmd->condition == IMAP_CONDITION_OK && conn->caps.known;

	if (refusal == IMAP_REFUSAL_THROTTLED ||
	    refusal == IMAP_REFUSAL_TEMPORARY)
		return error_set(err, ERROR_IO, "auth.unavailable",
		    "CAPABILITY refused for now: '%s'", cmd->reply);
	if (conn->state == IMAP_CONN_CAPABILITY) {
		if (is_told)
			return after_capabilities(conn, err);
		return error_set(err, ERROR_PROTOCOL, "proto.capability",
		    "the server does not tell its capabilities: '%s'",
		    cmd->reply);
	}
	if (!is_told) {
		log_write(conn->set.log, LOG_LEVEL_WARNING, conn->set.side,
		    "the server does not tell its capabilities: '%s'; no extension is used",
		    cmd->reply);
		imap_caps_reset(&conn->caps);
		conn->caps.known = true;
	}
	return logged_in(conn);
}

static int on_starttls_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	const struct transport_tls_settings tls = {
	    .host = conn->set.host,
	    .verify = conn->set.tls_verify,
	    .ca_file = conn->set.ca_file,
	    .pin = conn->set.pin,
	};

	if (cmd->condition != IMAP_CONDITION_OK)
		return error_set(err, ERROR_TLS, "tls.required",
		    "STARTTLS refused: '%s'; no password sent", cmd->reply);
	if (stream_start_tls(conn->stream, &tls, err) < 0)
		return -1;
	imap_conn_set_state(conn, IMAP_CONN_HANDSHAKE);
	return 0;
}

/* Refused (F033: active already, or announced and not known), the session goes
 * on as it is. */
static int on_compress_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	if (cmd->condition != IMAP_CONDITION_OK) {
		imap_caps_drop(&conn->caps, IMAP_CAP_COMPRESS_DEFLATE);
		log_write(conn->set.log, LOG_LEVEL_INFO, conn->set.side,
		    "COMPRESS refused: '%s'; going on without", cmd->reply);
		return logged_in(conn);
	}
	if (stream_start_deflate(conn->stream, err) < 0)
		return -1;
	conn->compress_new = true;
	log_write(conn->set.log, LOG_LEVEL_INFO, conn->set.side,
	    "the connection is compressed");
	return logged_in(conn);
}

int imap_session_on_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	switch (cmd->op) {
	case IMAP_OP_STARTTLS:
		return on_starttls_done(conn, cmd, err);
	case IMAP_OP_LOGIN:
		return on_login_done(conn, cmd, err);
	case IMAP_OP_CAPABILITY:
		return on_capability_done(conn, cmd, err);
	case IMAP_OP_PROXYAUTH:
		return on_proxyauth_done(conn, cmd, err);
	case IMAP_OP_COMPRESS:
		return on_compress_done(conn, cmd, err);
	default:
		return 0; // NOOP, ID
	}
}

int imap_session_on_established(struct imap_conn *conn, struct error *err)
{
	char text[96];

	(void)err;
	if (conn->is_tls || conn->state == IMAP_CONN_HANDSHAKE) {
		stream_describe(conn->stream, text, sizeof(text));
		log_write(conn->set.log, LOG_LEVEL_INFO, conn->set.side,
		    "%s, certificate %s", text,
		    conn->set.tls_verify ? "verified" : "NOT verified");
	}
	if (conn->state == IMAP_CONN_HANDSHAKE) {
		conn->is_tls = true;
		// what was announced in clear text does not count (F026)
		return ask_capabilities(conn, IMAP_CONN_CAPABILITY);
	}
	imap_conn_set_state(conn, IMAP_CONN_GREETING);
	return 0;
}
