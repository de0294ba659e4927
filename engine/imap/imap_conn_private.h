// SPDX-License-Identifier: MIT
/* A session from inside: for imap_conn.c, imap_session.c, imap_auth.c. */
#ifndef ENGINE_IMAP_IMAP_CONN_PRIVATE_H
#define ENGINE_IMAP_IMAP_CONN_PRIVATE_H

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
	IMAP_CONN_CAPABILITY_AFTER, /* login */
	IMAP_CONN_READY,
	IMAP_CONN_STATES
};

/* Commands of the session itself; the caller's ops are not negative. */
enum {
	IMAP_OP_CAPABILITY = -1,
	IMAP_OP_STARTTLS = -2,
	IMAP_OP_LOGIN = -3,
	IMAP_OP_NOOP = -4
};

struct imap_conn {
	struct imap_conn_settings set;
	enum imap_conn_state state;
	struct stream *stream;
	struct imap_reader reader;
	struct imap_caps caps;
	bool is_tls;
	bool announce_ready;
	bool has_more; /* the window may hold more events */
	char tag_prefix[4];
	unsigned tag_count;
	unsigned continuations; /* of the present command, against floods */
	struct imap_cmd *head, **tail; /* not ended, oldest first */
	struct imap_cmd *ended;        /* reported, to be freed */
	size_t commands;
	struct buf auth_reply; /* text of a challenge during login */
	/* time */
	int64_t setup_deadline_ms; /* total, while not ready */
	int64_t useful_ms;         /* last one that was more than chatter */
	int64_t progress_ms;       /* last sign of life of either direction */
	uint64_t written_seen;
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
bool imap_session_is_implicit(const struct imap_conn_settings *set);

/* Sends the login command the capabilities allow. */
int imap_auth_start(struct imap_conn *conn, struct error *err);

/* A server may echo what we sent: covers our secret in its answer, plain and as
 * it went over the wire, before anybody logs it. */
void imap_auth_redact(const struct imap_conn *conn, char *bytes, size_t len);

/* Turns a refused login into an error by the server's code and text. */
int imap_auth_refused(const struct imap_conn *conn, const struct imap_cmd *cmd,
    struct error *err);

#endif
