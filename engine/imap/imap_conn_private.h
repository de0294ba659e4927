// SPDX-License-Identifier: MIT
/* A session from inside: for imap_conn.c, imap_session.c, imap_auth*.c. */
#ifndef ENGINE_IMAP_IMAP_CONN_PRIVATE_H
#define ENGINE_IMAP_IMAP_CONN_PRIVATE_H

#include "engine/base/secret.h"
#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_cmd_private.h"
#include "engine/imap/imap_conn.h"
#include "engine/imap/imap_reader.h"

enum imap_conn_state {
	IMAP_CONN_CLOSED,
	IMAP_CONN_CONNECTING,
	IMAP_CONN_GREETING,
	IMAP_CONN_CAPABILITY, /* before login */
	IMAP_CONN_STARTTLS,
	IMAP_CONN_HANDSHAKE, /* after STARTTLS */
	IMAP_CONN_LOGIN,
	IMAP_CONN_PROXYAUTH,
	IMAP_CONN_CAPABILITY_AFTER, /* login */
	IMAP_CONN_COMPRESS,
	IMAP_CONN_READY,
	IMAP_CONN_STATES
};

/* Commands of the session itself; the caller's ops are not negative. */
enum {
	IMAP_OP_CAPABILITY = -1,
	IMAP_OP_STARTTLS = -2,
	IMAP_OP_LOGIN = -3,
	IMAP_OP_NOOP = -4,
	IMAP_OP_PROXYAUTH = -5,
	IMAP_OP_ID = -6,
	IMAP_OP_COMPRESS = -7
};

enum {
	IMAP_LOGIN_ROUNDS = 10, /* challenges answered */
	IMAP_LOGIN_FORMS = 2 * IMAP_LOGIN_ROUNDS + 4,
	IMAP_LOGIN_SAID_BYTES = 240
};

/* The login of the present session. */
struct imap_login {
	enum imap_auth auth;    /* chosen; never AUTO or OAUTH */
	struct imap_sasl *sasl; /* of AUTHENTICATE, NULL for LOGIN */
	unsigned rounds;
	bool may_login; /* LOGIN may follow a PLAIN the server cannot do */
	bool proxy_done;
	bool id_sent;
	bool compress_asked;
	struct secret token; /* from the token file */
	/* every form of the secret that went out, for imap_auth_redact */
	struct secret forms[IMAP_LOGIN_FORMS];
	size_t form_count;
	/* what an OAuth server said about the token, decoded and escaped */
	char said[IMAP_LOGIN_SAID_BYTES];
};

struct imap_conn {
	struct imap_conn_settings set;
	enum imap_conn_state state;
	struct stream *stream;
	struct imap_reader reader;
	struct imap_caps caps;
	bool is_tls;
	bool compress_new; /* begun, and nothing was answered since */
	bool announce_ready;
	bool has_more; /* the window may hold more events */
	char tag_prefix[4];
	unsigned tag_count;
	struct imap_cmd *head, **tail; /* not ended, oldest first */
	struct imap_cmd *ended;        /* reported, to be freed */
	size_t commands;
	size_t done; /* of these, answered but not yet reported */
	struct imap_login login;
	bool told_exposed; /* that others can read the token file */
	/* time */
	int64_t setup_deadline_ms; /* total, while not ready */
	int64_t useful_ms;         /* last one that was more than chatter */
	int64_t progress_ms;       /* last sign of life of either direction */
	uint64_t written_seen;
	/* What the peer had not acknowledged when the silence since
	 * looked_ms was looked at. */
	size_t unacked;
	int64_t looked_ms;
	bool paused;
	char greeting[160];
};

void imap_conn_set_state(struct imap_conn *conn, enum imap_conn_state to);
int imap_conn_error_where(const struct imap_conn *conn, struct error *err);

/* Consumes a response while not ready. 0 or -1. */
int imap_session_on_response(
    struct imap_conn *conn, const struct imap_response *r, struct error *err);

/* A command of the session has ended. */
int imap_session_on_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err);

/* The transport is established. */
int imap_session_on_established(struct imap_conn *conn, struct error *err);

uint16_t imap_session_port(const struct imap_conn_settings *set);
/* NetEase refuses SELECT to clients that did not say who they are, though it
 * does not always announce ID. */
bool imap_session_wants_id(const char *host);
bool imap_session_is_implicit(const struct imap_conn_settings *set);

/* Sends more of a command whose sending had ended: the answer to a challenge,
 * with its line end; the log shows <secret>. */
void imap_conn_answer(
    struct imap_conn *conn, struct imap_cmd *cmd, const char *line, size_t len);

/* Before connecting: refuses what cannot be sent, reads the token file. */
int imap_auth_prepare(struct imap_conn *conn, struct error *err);

/* Forgets secrets and state of the login. */
void imap_auth_release(struct imap_conn *conn);

/* The mechanism for this server, never AUTO or OAUTH; it may be one that the
 * server does not offer. */
enum imap_auth imap_auth_choose(
    const struct imap_conn_settings *set, const struct imap_caps *caps);

/* Sends the login command the capabilities allow. */
int imap_auth_start(struct imap_conn *conn, struct error *err);

/* A continuation of AUTHENTICATE: sends the answer. */
int imap_auth_on_challenge(struct imap_conn *conn, struct imap_cmd *cmd,
    const struct imap_response *r, struct error *err);

/* The login command has ended: 1 logged in, 0 another one was sent, -1. */
int imap_auth_on_done(
    struct imap_conn *conn, const struct imap_cmd *cmd, struct error *err);

/* "PLAIN" */
const char *imap_auth_name(enum imap_auth auth);

/* A server may echo what we sent: covers our secret in its answer, plain and as
 * it went over the wire, before anybody logs it. */
void imap_auth_redact(const struct imap_conn *conn, char *bytes, size_t len);

/* What a server said, to be shown: covered first, then escaped and cut, as no
 * secret is found any more in what lost its end or has a backslash doubled.
 * Returns `out`. */
const char *imap_auth_show(const struct imap_conn *conn, const char *bytes,
    size_t len, char *out, size_t max);

/* Exchange logs users in whose mailbox it cannot open, and then answers BAD to
 * everything (F050): -1 when this is such an answer. */
int imap_auth_check_connected(const struct imap_conn *conn,
    const struct imap_cmd *cmd, struct error *err);

#endif
