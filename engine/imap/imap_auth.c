// SPDX-License-Identifier: MIT
/*
 * Login: which mechanism, the dialogue with the server, what a refusal means,
 * and that our secret is not shown when a server repeats it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/imap/imap_conn_private.h"
#include "engine/imap/imap_quote.h"
#include "engine/imap/imap_refusal.h"
#include "engine/imap/imap_sasl.h"
#include "engine/io/stream.h"

enum {
	COVER_MIN_BYTES = 3, /* less would cover ordinary words */
	QUOTED_MAX_BYTES = 4096
};

static const struct {
	const char *name;
	enum imap_cap cap;
	bool has_as; /* can open another one's mailbox */
} mechanisms[IMAP_AUTHS] = {
    [IMAP_AUTH_AUTO] = {"auto", IMAP_CAPS, false},
    [IMAP_AUTH_LOGIN] = {"LOGIN", IMAP_CAPS, false},
    [IMAP_AUTH_PLAIN] = {"PLAIN", IMAP_CAP_AUTH_PLAIN, true},
    [IMAP_AUTH_CRAM_MD5] = {"CRAM-MD5", IMAP_CAP_AUTH_CRAM_MD5, false},
    [IMAP_AUTH_SCRAM_SHA_1] = {"SCRAM-SHA-1", IMAP_CAP_AUTH_SCRAM_SHA_1, true},
    [IMAP_AUTH_SCRAM_SHA_256] = {"SCRAM-SHA-256", IMAP_CAP_AUTH_SCRAM_SHA_256,
	true},
    [IMAP_AUTH_XOAUTH2] = {"XOAUTH2", IMAP_CAP_AUTH_XOAUTH2, true},
    [IMAP_AUTH_OAUTHBEARER] = {"OAUTHBEARER", IMAP_CAP_AUTH_OAUTHBEARER, true},
    [IMAP_AUTH_OAUTH] = {"OAuth", IMAP_CAPS, true},
    [IMAP_AUTH_EXTERNAL] = {"EXTERNAL", IMAP_CAP_AUTH_EXTERNAL, true},
};

const char *imap_auth_name(enum imap_auth auth)
{
	bug_if((unsigned)auth >= IMAP_AUTHS);
	return mechanisms[auth].name;
}

static bool is_oauth(enum imap_auth auth)
{
	return auth == IMAP_AUTH_XOAUTH2 || auth == IMAP_AUTH_OAUTHBEARER ||
	       auth == IMAP_AUTH_OAUTH;
}

static const struct secret *secret_of(const struct imap_conn *conn)
{
	if (is_oauth(conn->set.auth) && conn->set.token_file)
		return &conn->login.token;
	return conn->set.password;
}

/* ------------------------------------------------------------ before */

static int check_name(const char *what, const char *name, struct error *err)
{
	if (name && strpbrk(name, "\r\n"))
		return error_set(err, ERROR_CONFIG, "config.user",
		    "the %s holds a line end: not sent", what);
	return 0;
}

static int check_password(const struct secret *secret, struct error *err)
{
	if (secret->len > 0 && (memchr(secret->bytes, '\r', secret->len) ||
				   memchr(secret->bytes, '\n', secret->len) ||
				   memchr(secret->bytes, '\0', secret->len)))
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "the password holds a line end or NUL: not sent");
	return 0;
}

static int check_token(
    const struct imap_conn *conn, const struct secret *token, struct error *err)
{
	const char *file = conn->set.token_file;

	if (token->len == 0)
		return error_set(
		    err, ERROR_CONFIG, "config.secret", "there is no token");
	for (size_t i = 0; i < token->len; i++)
		if (token->bytes[i] <= ' ' || token->bytes[i] >= 0x7f)
			return error_set(err, ERROR_CONFIG, "config.secret",
			    "the token%s%s holds characters no token has",
			    file ? " in " : "", file ? file : "");
	return 0;
}

int imap_auth_prepare(struct imap_conn *conn, struct error *err)
{
	const struct imap_conn_settings *set = &conn->set;
	bool exposed = false;

	imap_auth_release(conn);
	if (check_name("user name", set->user, err) < 0 ||
	    check_name("name to act as", set->as, err) < 0 ||
	    check_name("name for PROXYAUTH", set->proxy_auth, err) < 0)
		return -1;
	if (!is_oauth(set->auth))
		return check_password(set->password, err);
	// the file may hold a newer token than at the last session (F048)
	if (set->token_file && secret_from_file(&conn->login.token,
				   set->token_file, &exposed, err) < 0)
		return -1;
	if (exposed && !conn->told_exposed)
		log_write(set->log, LOG_LEVEL_WARNING, set->side,
		    "the token file '%s' can be read by others",
		    set->token_file);
	conn->told_exposed = conn->told_exposed || exposed;
	return check_token(conn, secret_of(conn), err);
}

void imap_auth_release(struct imap_conn *conn)
{
	struct imap_login *login = &conn->login;

	imap_sasl_free(login->sasl);
	secret_release(&login->token);
	for (size_t i = 0; i < login->form_count; i++)
		secret_release(&login->forms[i]);
	*login = (struct imap_login){.auth = IMAP_AUTH_AUTO};
}

/* ------------------------------------------------------------ redaction */

static void remember(struct imap_conn *conn, const char *bytes, size_t len)
{
	struct imap_login *login = &conn->login;

	bug_if(login->form_count == ARRAY_LEN(login->forms));
	secret_set(&login->forms[login->form_count++], bytes, len);
}

/* LOGIN sends `"` and `\` escaped. */
static void remember_quoted(struct imap_conn *conn, const struct secret *secret)
{
	struct buf quoted;

	if (secret->len == 0 ||
	    imap_quote_form(secret->bytes, secret->len) != IMAP_QUOTE_QUOTED)
		return;
	buf_init(&quoted, QUOTED_MAX_BYTES);
	bug_if(imap_quote_append(&quoted, secret->bytes, secret->len) < 0);
	remember(conn, quoted.data + 1, quoted.len - 2);
	buf_wipe(&quoted);
}

static void cover(char *bytes, size_t len, const struct secret *secret)
{
	char *found = bytes;

	if (!secret->bytes || secret->len < COVER_MIN_BYTES)
		return;
	while ((found = memmem(found, len - (size_t)(found - bytes),
		    secret->bytes, secret->len))) {
		memset(found, '*', secret->len);
		found += secret->len;
	}
}

void imap_auth_redact(const struct imap_conn *conn, char *bytes, size_t len)
{
	const struct imap_login *login = &conn->login;

	// the longest forms first: they may hold the shorter ones
	for (size_t i = 0; i < login->form_count; i++)
		cover(bytes, len, &login->forms[i]);
	cover(bytes, len, &login->token);
	cover(bytes, len, conn->set.password);
}

const char *imap_auth_show(const struct imap_conn *conn, const char *bytes,
    size_t len, char *out, size_t max)
{
	struct secret copy = {0};

	secret_set(&copy, bytes, len);
	imap_auth_redact(conn, copy.bytes, copy.len);
	(void)text_escape(copy.bytes, copy.len, out, max);
	secret_release(&copy);
	return out;
}

/* ------------------------------------------------------------ choice */

static bool offers(const struct imap_caps *caps, enum imap_auth auth)
{
	return imap_caps_has(caps, mechanisms[auth].cap);
}

/* LOGIN has no charset: 8-bit may arrive as something else. */
static bool is_ascii(const struct imap_conn_settings *set)
{
	for (const char *p = set->user; *p; p++)
		if ((unsigned char)*p >= 0x80)
			return false;
	for (size_t i = 0; i < set->password->len; i++)
		if ((unsigned char)set->password->bytes[i] >= 0x80)
			return false;
	return true;
}

static enum imap_auth choose_auto(
    const struct imap_conn_settings *set, const struct imap_caps *caps)
{
	static const enum imap_auth others[] = {
	    IMAP_AUTH_SCRAM_SHA_256, IMAP_AUTH_SCRAM_SHA_1, IMAP_AUTH_CRAM_MD5};

	bool has_login = !imap_caps_has(caps, IMAP_CAP_LOGINDISABLED);

	if (offers(caps, IMAP_AUTH_PLAIN))
		return IMAP_AUTH_PLAIN;
	if (has_login && !set->as && is_ascii(set))
		return IMAP_AUTH_LOGIN;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (offers(caps, others[i]) &&
		    (!set->as || mechanisms[others[i]].has_as))
			return others[i];
	return IMAP_AUTH_LOGIN;
}

static bool host_ends_in(const char *host, const char *domain)
{
	size_t len = strlen(host), tail = strlen(domain);

	return len >= tail && text_equal_fold_z(host + len - tail, domain) &&
	       (len == tail || host[len - tail - 1] == '.');
}

static enum imap_auth choose_oauth(
    const struct imap_conn_settings *set, const struct imap_caps *caps)
{
	static const char *const older[] = {
	    "outlook.com", "office365.com", "gmail.com", "googlemail.com"};
	bool prefers_older = false;

	for (size_t i = 0; i < ARRAY_LEN(older); i++)
		if (host_ends_in(set->host, older[i]))
			prefers_older = true;
	if (offers(caps, IMAP_AUTH_XOAUTH2) &&
	    (prefers_older || !offers(caps, IMAP_AUTH_OAUTHBEARER)))
		return IMAP_AUTH_XOAUTH2;
	return IMAP_AUTH_OAUTHBEARER;
}

enum imap_auth imap_auth_choose(
    const struct imap_conn_settings *set, const struct imap_caps *caps)
{
	if (set->auth == IMAP_AUTH_AUTO)
		return choose_auto(set, caps);
	if (set->auth == IMAP_AUTH_OAUTH)
		return choose_oauth(set, caps);
	return set->auth;
}

static int check_login(const struct imap_conn *conn, struct error *err)
{
	if (conn->set.as && conn->set.auth == IMAP_AUTH_LOGIN)
		return error_set(err, ERROR_CONFIG, "auth.mechanism",
		    "acting as '%s' is not possible with LOGIN", conn->set.as);
	if (conn->set.as)
		return error_set(err, ERROR_CONFIG, "auth.mechanism",
		    "acting as '%s' needs AUTHENTICATE PLAIN, which the server does not offer",
		    conn->set.as);
	if (!imap_caps_has(&conn->caps, IMAP_CAP_LOGINDISABLED))
		return 0;
	if (conn->is_tls)
		return error_set(err, ERROR_CONFIG, "auth.mechanism",
		    "the server takes no LOGIN (LOGINDISABLED): another mechanism is needed");
	return error_set(err, ERROR_TLS, "tls.required",
	    "the server takes no password on this connection (LOGINDISABLED): use TLS");
}

static int choose(struct imap_conn *conn, struct error *err)
{
	enum imap_auth asked = conn->set.auth;
	enum imap_auth auth = imap_auth_choose(&conn->set, &conn->caps);

	conn->login.auth = auth;
	conn->login.may_login =
	    asked == IMAP_AUTH_AUTO && auth == IMAP_AUTH_PLAIN &&
	    !conn->set.as &&
	    !imap_caps_has(&conn->caps, IMAP_CAP_LOGINDISABLED);
	if (auth == IMAP_AUTH_LOGIN)
		return check_login(conn, err);
	// PLAIN is tried where it was asked for: some forget to announce it
	if (auth == IMAP_AUTH_PLAIN || offers(&conn->caps, auth))
		return 0;
	return error_set(err, ERROR_CONFIG, "auth.mechanism",
	    "the server does not offer %s", mechanisms[asked].name);
}

/* ------------------------------------------------------------ dialogue */

static void send_login(struct imap_conn *conn)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, IMAP_OP_LOGIN, NULL, "LOGIN");

	remember_quoted(conn, conn->set.password);
	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, conn->set.user);
	imap_cmd_text(cmd, " ");
	imap_cmd_secret(cmd, conn->set.password);
	imap_conn_send(conn, cmd);
}

/* The next message of the mechanism in base64. */
static int next_line(struct imap_conn *conn, const struct secret *challenge,
    struct secret *out, struct error *err)
{
	struct secret message = {0};

	if (imap_sasl_step(conn->login.sasl, challenge->bytes, challenge->len,
		&message, err) < 0)
		return -1;
	imap_sasl_encode(message.bytes, message.len, out);
	// a name is no secret, nor is the dummy of OAuth
	if (message.len > 1 && conn->login.auth != IMAP_AUTH_EXTERNAL) {
		remember(conn, out->bytes, out->len);
		remember(conn, message.bytes, message.len);
	}
	secret_release(&message);
	return 0;
}

static int send_authenticate(struct imap_conn *conn, struct error *err)
{
	const struct imap_conn_settings *set = &conn->set;
	const struct imap_sasl_settings sasl = {
	    .mechanism = mechanisms[conn->login.auth].name,
	    .user = set->user,
	    .as = set->as,
	    .host = set->host,
	    .port = set->port,
	    .secret = secret_of(conn),
	};
	const struct secret nothing = {.bytes = (char *)(uintptr_t) ""};
	struct secret line = {0};
	char verb[32];

	conn->login.sasl = imap_sasl_new(&sasl, err);
	if (!conn->login.sasl)
		return -1;
	(void)snprintf(verb, sizeof(verb), "AUTHENTICATE %s", sasl.mechanism);
	bool is_initial = imap_caps_has(&conn->caps, IMAP_CAP_SASL_IR) &&
			  imap_sasl_is_client_first(conn->login.sasl);
	if (is_initial && next_line(conn, &nothing, &line, err) < 0)
		return -1;
	struct imap_cmd *cmd =
	    imap_conn_command(conn, IMAP_OP_LOGIN, NULL, verb);
	if (is_initial) {
		imap_cmd_text(cmd, " ");
		imap_cmd_secret_text(
		    cmd, line.len ? line.bytes : "=", line.len ? line.len : 1);
	}
	imap_conn_send(conn, cmd);
	secret_release(&line);
	return 0;
}

int imap_auth_start(struct imap_conn *conn, struct error *err)
{
	imap_conn_set_state(conn, IMAP_CONN_LOGIN);
	if (choose(conn, err) < 0)
		return -1;
	if (conn->login.auth != IMAP_AUTH_LOGIN)
		return send_authenticate(conn, err);
	send_login(conn);
	return 0;
}

/* Keeps what an OAuth server says about the token, for the error to come. */
static void keep_said(struct imap_conn *conn, const struct imap_str *text,
    const struct secret *decoded)
{
	struct imap_login *login = &conn->login;
	const char *bytes = decoded->bytes ? decoded->bytes : text->s;
	size_t len = decoded->bytes ? decoded->len : text->len;

	(void)imap_auth_show(
	    conn, bytes ? bytes : "", len, login->said, sizeof(login->said));
}

/* "*" ends the exchange; the session is dropped after it. Returns -1. */
static int cancel(struct imap_conn *conn, struct imap_cmd *cmd)
{
	struct error ignored;

	imap_conn_answer(conn, cmd, "*", 1);
	(void)stream_flush(conn->stream, &ignored);
	return -1;
}

/* The challenge as the mechanism wants it; a client that speaks first is
 * asked to with a line whose text means nothing. */
static int read_challenge(struct imap_conn *conn, const struct imap_str *text,
    struct secret *out, struct error *err)
{
	struct imap_login *login = &conn->login;
	bool is_first = login->rounds == 1 && login->form_count == 0;

	if (is_first && imap_sasl_is_client_first(login->sasl)) {
		secret_set(out, "", 0);
		return 0;
	}
	int rc = text->s ? imap_sasl_decode(text->s, text->len, out)
			 : imap_sasl_decode("", 0, out);
	if (is_oauth(login->auth)) {
		keep_said(conn, text, out);
		return 0;
	}
	if (rc < 0)
		return error_set(err, ERROR_PROTOCOL, "proto.sasl",
		    "%s: the server's challenge is no base64",
		    mechanisms[login->auth].name);
	return 0;
}

int imap_auth_on_challenge(struct imap_conn *conn, struct imap_cmd *cmd,
    const struct imap_response *r, struct error *err)
{
	struct secret challenge = {0}, line = {0};
	int rc = 0;

	if (++conn->login.rounds > IMAP_LOGIN_ROUNDS)
		rc = error_set(err, ERROR_PROTOCOL, "proto.sasl",
		    "the server did not come to an end after %d challenges",
		    IMAP_LOGIN_ROUNDS);
	if (rc == 0)
		rc = read_challenge(conn, &r->text, &challenge, err);
	if (rc == 0)
		rc = next_line(conn, &challenge, &line, err);
	if (rc == 0)
		imap_conn_answer(conn, cmd, line.bytes, line.len);
	else
		rc = cancel(conn, cmd);
	secret_release(&challenge);
	secret_release(&line);
	return rc;
}

/* ------------------------------------------------------------ the end */

/* Refusals that are no judgement on the password. */
static bool is_temporary(const struct imap_cmd *cmd)
{
	enum imap_refusal refusal = imap_refusal_of(cmd);

	return refusal == IMAP_REFUSAL_THROTTLED ||
	       refusal == IMAP_REFUSAL_TEMPORARY ||
	       refusal == IMAP_REFUSAL_DAILY_LIMIT ||
	       imap_cmd_has_code(cmd, "LIMIT");
}

static int refer(
    const struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	const char *url = imap_cmd_code_args(cmd);
	char shown[200];

	return error_set(err, ERROR_AUTH, "auth.referral",
	    "the mail of '%s' is on another server, use that one: '%s' ('%s')",
	    conn->set.user, text_escape(url, strlen(url), shown, sizeof(shown)),
	    imap_cmd_reply(cmd));
}

static int refused(
    const struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	const struct imap_conn_settings *set = &conn->set;
	const char *words = imap_cmd_reply(cmd), *said = conn->login.said;

	if (imap_cmd_has_code(cmd, "REFERRAL"))
		return refer(conn, cmd, err);
	if (is_temporary(cmd)) {
		(void)error_set(err, ERROR_IO, "auth.unavailable",
		    "the server cannot log '%s' in now: '%s'", set->user,
		    words);
		err->wait_ms = imap_refusal_wait_ms(words);
		return -1;
	}
	if (imap_refusal_of(cmd) == IMAP_REFUSAL_TLS_NEEDED)
		return error_set(err, ERROR_TLS, "tls.required",
		    "the server wants TLS before a password: '%s'", words);
	if (is_oauth(conn->login.auth))
		return error_set(err, ERROR_AUTH, "auth.token",
		    "the token of '%s' was refused: %s%s'%s'; it may have expired or be for another user",
		    set->user, said, said[0] ? ", " : "", words);
	if (imap_cmd_has_code(cmd, "EXPIRED"))
		return error_set(err, ERROR_AUTH, "auth.expired",
		    "the password of '%s' has expired: '%s'", set->user, words);
	return error_set(err, ERROR_AUTH, "auth.rejected",
	    "login of '%s'%s%s refused: '%s'; check user name and password, it was not tried again",
	    set->user, set->as ? " as " : "", set->as ? set->as : "", words);
}

int imap_auth_on_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	struct imap_login *login = &conn->login;

	if (cmd->condition == IMAP_CONDITION_OK) {
		if (login->sasl && !imap_sasl_is_done(login->sasl))
			return error_set(err, ERROR_AUTH, "auth.server",
			    "%s: the server says yes before it has proved that it knows the password",
			    mechanisms[login->auth].name);
		return 1;
	}
	if (cmd->condition != IMAP_CONDITION_BAD || !login->may_login ||
	    is_temporary(cmd))
		return refused(conn, cmd, err);
	log_write(conn->set.log, LOG_LEVEL_INFO, conn->set.side,
	    "the server does not understand AUTHENTICATE PLAIN: LOGIN instead");
	login->may_login = false;
	login->auth = IMAP_AUTH_LOGIN;
	imap_sasl_free(login->sasl);
	login->sasl = NULL;
	send_login(conn);
	return 0;
}

int imap_auth_check_connected(
    const struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err)
{
	if (cmd->condition == IMAP_CONDITION_OK ||
	    conn->state <= IMAP_CONN_LOGIN ||
	    !strcasestr(imap_cmd_reply(cmd), "authenticated but not connected"))
		return 0;
	return error_set(err, ERROR_IO, "auth.not_connected",
	    "%s: '%s': the server has taken the login of '%s' but does not open the mailbox; the token may be for another user or without the right to use IMAP, or the password be wrong",
	    imap_cmd_verb(cmd), imap_cmd_reply(cmd), conn->set.user);
}
