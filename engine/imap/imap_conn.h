// SPDX-License-Identifier: MIT
/*
 * One IMAP session: connect, TLS, greeting, login, then commands in a pipeline.
 * Stepped by a poll loop, never blocks; every wait has a deadline.  The caller
 * pulls events; nothing is called back.  Knows no mailboxes and no messages.
 */
#ifndef ENGINE_IMAP_IMAP_CONN_H
#define ENGINE_IMAP_IMAP_CONN_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/pace.h"
#include "engine/imap/imap_cmd.h"
#include "engine/imap/imap_syntax.h"

struct error;
struct imap_caps;
struct log;
struct secret;

enum imap_tls {
	IMAP_TLS_AUTO,
	IMAP_TLS_IMPLICIT,
	IMAP_TLS_STARTTLS,
	IMAP_TLS_NONE
};

enum imap_auth {
	IMAP_AUTH_AUTO, /* what the server offers, PLAIN first */
	IMAP_AUTH_LOGIN,
	IMAP_AUTH_PLAIN,
	IMAP_AUTH_CRAM_MD5,
	IMAP_AUTH_SCRAM_SHA_1,
	IMAP_AUTH_SCRAM_SHA_256,
	IMAP_AUTH_XOAUTH2,
	IMAP_AUTH_OAUTHBEARER,
	IMAP_AUTH_OAUTH, /* of the two before, the one that is offered */
	IMAP_AUTH_EXTERNAL,
	IMAP_AUTHS
};

enum imap_compress {
	IMAP_COMPRESS_AUTO, /* when the server is far away */
	IMAP_COMPRESS_ON,   /* when it can */
	IMAP_COMPRESS_OFF
};

/* Borrowed by the connection for its life. */
struct imap_conn_settings {
	const char *side; /* "source" or "target", for log and errors */
	const char *host;
	uint16_t port; /* 0: by tls */
	enum imap_tls tls;
	bool tls_verify;
	const char *ca_file, *pin;
	enum imap_auth auth;
	const char *user, *as;
	const struct secret *password; /* or the token, without token_file */
	const char *proxy_auth;        /* PROXYAUTH to this user, or NULL */
	const char *token_file; /* read anew for every session, or NULL */
	bool literal_plus;      /* false: synchronizing literals only */
	enum imap_compress compress;
	struct pace_line pace; /* counts from the login on */
	uint32_t timeout_ms;
	struct log *log;
};

enum imap_event_kind {
	IMAP_EVENT_READY,    /* logged in; commands go from now on */
	IMAP_EVENT_UNTAGGED, /* response; head: the oldest command under way */
	IMAP_EVENT_BODY_BEGIN, /* a message body of `bytes` comes */
	IMAP_EVENT_BODY_DATA,  /* data, data_len */
	IMAP_EVENT_BODY_END,
	IMAP_EVENT_DONE /* cmd has ended and all of it was written; it is
			   freed at the next call */
};

struct imap_event {
	enum imap_event_kind kind;
	struct imap_response response;
	const struct imap_cmd *head; /* may be NULL */
	struct imap_cmd *cmd;
	uint64_t bytes;
	const char *data;
	size_t data_len;
};

struct imap_conn;

struct imap_conn *imap_conn_new(const struct imap_conn_settings *settings);
void imap_conn_free(struct imap_conn *conn);

/* Starts a session, the first or a new one after a failure. What cannot be
 * sent (CR, LF, NUL) and a bad token file are refused before anything goes. */
int imap_conn_open(struct imap_conn *conn, struct error *err)
    __attribute__((warn_unused_result));

/* Drops connection and commands at once; fine in every state. */
void imap_conn_close(struct imap_conn *conn);

/* What to poll for, and until when; `reading` false leaves input (and the
 * deadline for it) alone: the caller has no room. */
void imap_conn_poll(struct imap_conn *conn, bool reading, struct pollfd *out,
    int64_t *deadline_ms);

/*
 * The next event: 1, 0 none now (poll), -1 the session is lost (close it).
 * Also writes what can be written. Response strings live until the next call.
 */
int imap_conn_next(struct imap_conn *conn, struct imap_event *event,
    struct error *err) __attribute__((warn_unused_result));

/* Writes what can be written without reading. */
int imap_conn_flush(struct imap_conn *conn, struct error *err)
    __attribute__((warn_unused_result));

/* Begins a command with its verb ("UID FETCH"); imap_conn_send sends it behind
 * those before it. Only when ready. */
struct imap_cmd *imap_conn_command(
    struct imap_conn *conn, int op, void *context, const char *verb);
void imap_conn_send(struct imap_conn *conn, struct imap_cmd *cmd);

/* Sends NOOP when nothing went for long; its end is not reported. */
void imap_conn_keep_alive(struct imap_conn *conn);

/* Sends LOGOUT and closes without waiting for the answer. */
void imap_conn_logout(struct imap_conn *conn);

bool imap_conn_is_ready(const struct imap_conn *conn);
size_t imap_conn_commands(const struct imap_conn *conn); /* not ended */
size_t imap_conn_unsent_bytes(const struct imap_conn *conn);
struct imap_caps *imap_conn_caps(struct imap_conn *conn);

/* First line of the server, escaped. */
const char *imap_conn_greeting(const struct imap_conn *conn);

#endif
