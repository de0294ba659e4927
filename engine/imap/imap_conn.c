// SPDX-License-Identifier: MIT
/*
 * Sending and receiving of one session.  Answers are matched to commands by
 * tag; data belong to the oldest command under way, for servers execute in
 * order.  A reply to a tag not sent, a `+` nobody waits for, or a BAD to a
 * command with a non-synchronizing literal end the session at once: after such
 * a BAD some servers go on to read the message's text as commands.
 */
#include "engine/imap/imap_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/base/text.h"
#include "engine/imap/imap_conn_private.h"
#include "engine/io/stream.h"
#include "engine/io/transport.h"

/* A quiet session is kept alive well before the usual 30 minutes. */
enum {
	KEEP_ALIVE_MS = 120 * 1000,
	FILLS_MAX = 64,     /* of the window, in one call without an event */
	USELESS_FACTOR = 30 /* time-outs of chatter without an answer */
};

static const char *const state_names[] = {"closed", "connecting", "greeting",
    "capability", "starttls", "handshake", "login", "proxyauth",
    "capability after login", "compress", "ready"};
_Static_assert(
    ARRAY_LEN(state_names) == IMAP_CONN_STATES, "a name for every state");

struct imap_conn *imap_conn_new(const struct imap_conn_settings *settings)
{
	struct imap_conn *conn = mem_calloc(1, sizeof(*conn));

	conn->set = *settings;
	conn->set.port = imap_session_port(settings);
	conn->tail = &conn->head;
	imap_reader_init(&conn->reader, &imap_reader_default_limits);
	return conn;
}

void imap_conn_free(struct imap_conn *conn)
{
	if (!conn)
		return;
	imap_conn_close(conn);
	imap_reader_release(&conn->reader);
	free(conn);
}

void imap_conn_set_state(struct imap_conn *conn, enum imap_conn_state to)
{
	if (log_enabled(conn->set.log, LOG_LEVEL_TRACE))
		log_write(conn->set.log, LOG_LEVEL_TRACE, conn->set.side,
		    "session %s -> %s", state_names[conn->state],
		    state_names[to]);
	conn->state = to;
	if (to == IMAP_CONN_READY)
		stream_set_pace(conn->stream, &conn->set.pace);
}

int imap_conn_error_where(const struct imap_conn *conn, struct error *err)
{
	return error_prefix(err, "%s %s:%u", conn->set.side, conn->set.host,
	    (unsigned)conn->set.port);
}

void imap_conn_close(struct imap_conn *conn)
{
	stream_free(conn->stream);
	conn->stream = NULL;
	imap_cmd_free(conn->ended);
	conn->ended = NULL;
	while (conn->head) {
		struct imap_cmd *cmd = conn->head;
		conn->head = cmd->next;
		imap_cmd_free(cmd);
	}
	conn->tail = &conn->head;
	conn->commands = conn->done = 0;
	imap_reader_reset(&conn->reader);
	imap_caps_reset(&conn->caps);
	imap_auth_release(conn);
	conn->is_tls = false;
	conn->compress_new = false;
	conn->announce_ready = false;
	conn->paused = false;
	if (conn->state != IMAP_CONN_CLOSED)
		imap_conn_set_state(conn, IMAP_CONN_CLOSED);
}

static void new_tag_prefix(struct imap_conn *conn)
{
	unsigned char random[3];

	hash_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		conn->tag_prefix[i] = (char)('a' + random[i] % 26);
	conn->tag_count = 0;
}

int imap_conn_open(struct imap_conn *conn, struct error *err)
{
	const struct imap_conn_settings *set = &conn->set;
	const struct transport_tls_settings tls = {.host = set->host,
	    .verify = set->tls_verify,
	    .ca_file = set->ca_file,
	    .pin = set->pin};

	bug_if(conn->state != IMAP_CONN_CLOSED);
	if (imap_auth_prepare(conn, err) < 0)
		return error_prefix(err, "%s", set->side);
	new_tag_prefix(conn);
	conn->progress_ms = clock_ms();
	conn->setup_deadline_ms = conn->progress_ms + set->timeout_ms;
	conn->written_seen = 0;
	struct transport *transport =
	    transport_tcp_new(set->host, set->port, err);
	struct stream *stream = transport ? stream_new(transport) : NULL;
	// by the stream, which says of what kind the connection is
	conn->is_tls = imap_session_is_implicit(set);
	if (stream && conn->is_tls && stream_start_tls(stream, &tls, err) < 0) {
		stream_free(stream);
		stream = NULL;
	}
	if (!stream)
		return imap_conn_error_where(conn, err);
	conn->stream = stream;
	imap_conn_set_state(conn, IMAP_CONN_CONNECTING);
	return 0;
}

bool imap_conn_is_ready(const struct imap_conn *conn)
{
	return conn->state == IMAP_CONN_READY;
}

size_t imap_conn_commands(const struct imap_conn *conn)
{
	return conn->commands;
}

struct imap_caps *imap_conn_caps(struct imap_conn *conn)
{
	return &conn->caps;
}

const char *imap_conn_greeting(const struct imap_conn *conn)
{
	return conn->greeting;
}

size_t imap_conn_unsent_bytes(const struct imap_conn *conn)
{
	if (!conn->stream)
		return 0;
	return (
	    size_t)(stream_queued(conn->stream) - stream_written(conn->stream));
}

/* ------------------------------------------------------------ sending */

static enum imap_literal_mode literal_mode(const struct imap_conn *conn)
{
	// only what was announced after login, on this very connection
	if (!conn->set.literal_plus || conn->state != IMAP_CONN_READY)
		return IMAP_LITERAL_SYNC;
	if (imap_caps_has(&conn->caps, IMAP_CAP_LITERAL_PLUS))
		return IMAP_LITERAL_PLUS;
	if (imap_caps_has(&conn->caps, IMAP_CAP_LITERAL_MINUS))
		return IMAP_LITERAL_MINUS;
	return IMAP_LITERAL_SYNC;
}

struct imap_cmd *imap_conn_command(
    struct imap_conn *conn, int op, void *context, const char *verb)
{
	struct imap_cmd *cmd =
	    imap_cmd_new(literal_mode(conn), op, context, verb);

	cmd->is_traced = log_enabled(conn->set.log, LOG_LEVEL_DEBUG);
	(void)snprintf(cmd->tag, sizeof(cmd->tag), "%.3s%u", conn->tag_prefix,
	    ++conn->tag_count);
	imap_cmd_text(cmd, "%s %s", cmd->tag, verb);
	return cmd;
}

static void put_part(struct imap_conn *conn, const struct imap_cmd *cmd,
    const struct imap_part *part)
{
	if (part->kind == IMAP_PART_TEXT)
		stream_put(conn->stream, cmd->text.data + part->text_at,
		    (size_t)part->len);
	else if (part->kind == IMAP_PART_REF)
		stream_put_ref(conn->stream, part->bytes, (size_t)part->len);
	else
		stream_put_file(conn->stream, part->fd, 0, part->len);
}

/* Hands parts to the stream up to the next wait. True: all of the command. */
static bool pump_command(
    struct imap_conn *conn, struct imap_cmd *cmd, bool may_pass_wait)
{
	if (!cmd->started)
		log_write(conn->set.log, LOG_LEVEL_DEBUG, conn->set.side,
		    "> %s", cmd->trace.data);
	if (!cmd->started)
		cmd->begin_at = stream_queued(conn->stream);
	cmd->started = true;
	while (cmd->part_at < cmd->part_count) {
		const struct imap_part *part = &cmd->parts[cmd->part_at];
		if (part->wait_before && !may_pass_wait)
			return false;
		may_pass_wait = false;
		put_part(conn, cmd, part);
		cmd->part_at++;
	}
	cmd->end_at = stream_queued(conn->stream);
	return true;
}

void imap_conn_answer(
    struct imap_conn *conn, struct imap_cmd *cmd, const char *line, size_t len)
{
	log_write(conn->set.log, LOG_LEVEL_DEBUG, conn->set.side,
	    "> <secret>, %zu bytes", len);
	imap_cmd_answer(cmd, line, len);
	(void)pump_command(conn, cmd, true);
}

static void pump(struct imap_conn *conn)
{
	for (struct imap_cmd *cmd = conn->head; cmd; cmd = cmd->next)
		if (cmd->part_at < cmd->part_count &&
		    !pump_command(conn, cmd, false))
			return;
}

void imap_conn_send(struct imap_conn *conn, struct imap_cmd *cmd)
{
	imap_cmd_end(cmd);
	if (conn->commands == 0)
		conn->progress_ms = conn->useful_ms =
		    clock_ms(); // now it begins
	*conn->tail = cmd;
	conn->tail = &cmd->next;
	conn->commands++;
	if (conn->commands == 1 || cmd != conn->head)
		pump(conn);
}

void imap_conn_keep_alive(struct imap_conn *conn)
{
	if (conn->state == IMAP_CONN_READY && conn->commands == 0 &&
	    clock_ms() - conn->progress_ms > KEEP_ALIVE_MS)
		imap_conn_send(
		    conn, imap_conn_command(conn, IMAP_OP_NOOP, NULL, "NOOP"));
}

void imap_conn_logout(struct imap_conn *conn)
{
	struct error ignored;

	if (conn->state == IMAP_CONN_READY && conn->commands == 0) {
		imap_conn_send(conn,
		    imap_conn_command(conn, IMAP_OP_NOOP, NULL, "LOGOUT"));
		// nothing depends on it: the answer is not waited for
		(void)stream_flush(conn->stream, &ignored);
		step_point("imap.logout");
		stream_release(conn->stream);
	}
	imap_conn_close(conn);
}

/* ------------------------------------------------------------ receiving */

static int out_of_step(struct error *err, const char *what)
{
	return error_set(err, ERROR_PROTOCOL, "proto.sync",
	    "the server and we are out of step: %s", what);
}

static int on_continue(
    struct imap_conn *conn, const struct imap_response *r, struct error *err)
{
	struct imap_cmd *login = conn->head;

	if (conn->state == IMAP_CONN_LOGIN && conn->login.sasl && login &&
	    !login->done && login->end_at <= stream_written(conn->stream))
		return imap_auth_on_challenge(conn, login, r, err);
	for (struct imap_cmd *cmd = conn->head; cmd; cmd = cmd->next) {
		if (cmd->part_at == cmd->part_count)
			continue;
		if (cmd->done || !cmd->started ||
		    !cmd->parts[cmd->part_at].wait_before)
			break;
		if (pump_command(conn, cmd, true))
			pump(conn);
		return 0;
	}
	return out_of_step(err, "a continuation nobody waits for");
}

/* Commands may end in another order, but not around one that opens a mailbox:
 * whose messages were these? (RFC 3501, 5.5) */
static bool is_out_of_order(
    const struct imap_conn *conn, const struct imap_cmd *cmd)
{
	for (const struct imap_cmd *c = conn->head; c != cmd; c = c->next)
		if (!c->done && (c->opens_mailbox || cmd->opens_mailbox))
			return true;
	return false;
}

static int on_tagged(
    struct imap_conn *conn, const struct imap_response *r, struct error *err)
{
	struct imap_cmd *cmd = conn->head;

	while (cmd && (cmd->done || !imap_str_is(r->tag, cmd->tag)))
		cmd = cmd->next;
	// its first byte must have left: a tag can be guessed (F025)
	if (!cmd || !cmd->started ||
	    cmd->begin_at >= stream_begun(conn->stream))
		return out_of_step(err, "an answer to a command never sent");
	if (is_out_of_order(conn, cmd))
		return out_of_step(
		    err, "answers in another order than mailboxes are opened");
	conn->compress_new = false;
	step_point("imap.answer");
	imap_cmd_finish(cmd, r);
	const struct imap_str words = imap_response_words(r);
	(void)imap_auth_show(
	    conn, words.s, words.len, cmd->reply, sizeof(cmd->reply));
	conn->done++;
	log_write(conn->set.log, LOG_LEVEL_DEBUG, conn->set.side, "< %s %s %s",
	    cmd->tag,
	    cmd->condition == IMAP_CONDITION_OK   ? "OK"
	    : cmd->condition == IMAP_CONDITION_NO ? "NO"
						  : "BAD",
	    cmd->reply);
	if (imap_auth_check_connected(conn, cmd, err) < 0)
		return -1;
	if (cmd->condition == IMAP_CONDITION_BAD && cmd->has_free_literal)
		return error_set(err, ERROR_PROTOCOL, "proto.bad_literal",
		    "%s answered BAD: '%s'", cmd->verb, cmd->reply);
	if (cmd->part_at < cmd->part_count) {
		// nor was done what it was not told
		if (!cmd->parts[cmd->part_at].wait_before ||
		    cmd->condition == IMAP_CONDITION_OK)
			return out_of_step(err, "an answer before the command");
		// refused instead of "+": nothing more of it may be sent
		cmd->part_at = cmd->part_count;
		cmd->end_at = stream_queued(conn->stream);
		pump(conn);
	} else if (cmd->condition == IMAP_CONDITION_OK &&
		   cmd->end_at > stream_begun(conn->stream)) {
		return out_of_step(err, "an answer before the command");
	}
	return 0;
}

static int on_bye(
    struct imap_conn *conn, const struct imap_response *r, struct error *err)
{
	const struct imap_str words = imap_response_words(r);
	char shown[160];

	return error_set(err, ERROR_IO, "net.bye",
	    "the server ended the session: '%s'",
	    imap_auth_show(conn, words.s, words.len, shown, sizeof(shown)));
}

/* Not amid the login only what is shown as the server's words, so that no
 * number that looks like a password is covered. NULL: all of it is shown. */
static void redact_words(struct imap_conn *conn, const struct imap_response *r)
{
	struct buf *bytes = &conn->reader.response;

	if (!r)
		imap_auth_redact(conn, bytes->data, bytes->len);
	else if ((r->kind == IMAP_RESPONSE_STATUS ||
		     r->kind == IMAP_RESPONSE_TAGGED) &&
		 r->text.s)
		imap_auth_redact(conn, r->text.s, r->text.len);
}

static int on_response(
    struct imap_conn *conn, struct imap_event *event, struct error *err)
{
	struct imap_response *r = &event->response;
	struct buf *bytes = &conn->reader.response;
	char shown[120];

	if (conn->state == IMAP_CONN_GREETING) {
		// up to a literal, whose mark is ours; it may know our secret
		// from the session before
		(void)imap_auth_show(conn, bytes->data,
		    strnlen(bytes->data, bytes->len), conn->greeting,
		    sizeof(conn->greeting));
	}
	bool is_response = imap_response_parse(bytes->data, bytes->len, r);
	// a challenge is not shown, and must stay what it is
	if (conn->state >= IMAP_CONN_LOGIN && conn->state < IMAP_CONN_READY &&
	    !(is_response && r->kind == IMAP_RESPONSE_CONTINUE))
		imap_auth_redact(conn, bytes->data, bytes->len);
	else
		redact_words(conn, is_response ? r : NULL);
	if (!is_response) {
		if (conn->state == IMAP_CONN_GREETING)
			r->kind = IMAP_RESPONSE_DATA; // no greeting
		else if (bytes->len == 0)
			return 0; // an empty line is harmless
		else
			return error_set(err, ERROR_PROTOCOL, "proto.syntax",
			    "not an IMAP response: '%s'",
			    text_escape(
				bytes->data, bytes->len, shown, sizeof(shown)));
	}
	if (conn->state < IMAP_CONN_READY &&
	    imap_session_on_response(conn, r, err) < 0)
		return -1;
	if (r->kind != IMAP_RESPONSE_STATUS)
		conn->useful_ms = clock_ms();
	if (r->kind == IMAP_RESPONSE_CONTINUE)
		return on_continue(conn, r, err);
	if (r->kind == IMAP_RESPONSE_TAGGED)
		return on_tagged(conn, r, err);
	if (conn->state < IMAP_CONN_READY)
		return 0;
	if (r->kind == IMAP_RESPONSE_STATUS &&
	    r->condition == IMAP_CONDITION_BYE)
		return on_bye(conn, r, err);
	if (r->kind == IMAP_RESPONSE_DATA && imap_str_is(r->word, "CAPABILITY"))
		imap_caps_parse(
		    &conn->caps, r->rest.p, (size_t)(r->rest.end - r->rest.p));
	event->kind = IMAP_EVENT_UNTAGGED;
	event->head = conn->head;
	return 1;
}

/* The oldest ended command whose bytes are all written, if it is due. */
static bool take_ended(struct imap_conn *conn, struct imap_cmd **out)
{
	if (conn->done == 0)
		return false; // asked at every event, of many commands
	for (struct imap_cmd **link = &conn->head; *link;
	     link = &(*link)->next) {
		struct imap_cmd *cmd = *link;
		if (!cmd->done || cmd->end_at > stream_written(conn->stream))
			continue;
		*link = cmd->next;
		if (!*link)
			conn->tail = link;
		conn->commands--;
		conn->done--;
		*out = cmd;
		return true;
	}
	return false;
}

/* Reports ended commands; 1 an event, 0 none, -1. */
static int report_ended(
    struct imap_conn *conn, struct imap_event *event, struct error *err)
{
	imap_cmd_free(conn->ended);
	conn->ended = NULL;
	while (take_ended(conn, &conn->ended)) {
		if (conn->ended->op >= 0) {
			event->kind = IMAP_EVENT_DONE;
			event->cmd = conn->ended;
			return 1;
		}
		if (imap_session_on_done(conn, conn->ended, err) < 0)
			return -1;
		imap_cmd_free(conn->ended);
		conn->ended = NULL;
	}
	return 0;
}

static int on_reader(struct imap_conn *conn, enum imap_reader_event what,
    struct imap_event *event, struct error *err)
{
	event->head = conn->head;
	switch (what) {
	case IMAP_READER_RESPONSE:
		return on_response(conn, event, err);
	case IMAP_READER_BODY_BEGIN:
		event->kind = IMAP_EVENT_BODY_BEGIN;
		event->bytes = conn->reader.body_bytes;
		break;
	case IMAP_READER_BODY_DATA:
		conn->useful_ms = conn->progress_ms;
		event->kind = IMAP_EVENT_BODY_DATA;
		event->data = conn->reader.data;
		event->data_len = conn->reader.data_len;
		break;
	case IMAP_READER_BODY_END:
		event->kind = IMAP_EVENT_BODY_END;
		break;
	case IMAP_READER_MORE:
		return 0;
	case IMAP_READER_ERROR:
		return -1;
	}
	if (conn->state != IMAP_CONN_READY)
		return error_set(err, ERROR_PROTOCOL, "proto.syntax",
		    "a message before the login");
	return 1;
}

/* On a slow line the last megabytes lie in the kernel: that the peer goes on
 * acknowledging them is progress, though we write and read nothing (F147).
 * Looked at in the middle of a silence and at its end. */
static bool is_taken(struct imap_conn *conn, int64_t now)
{
	if (now < conn->progress_ms + conn->set.timeout_ms / 2)
		return false;
	size_t unacked = stream_unacked(conn->stream);
	bool fewer =
	    conn->looked_ms == conn->progress_ms && unacked < conn->unacked;
	if (fewer)
		conn->progress_ms = conn->useful_ms = now;
	if (conn->looked_ms != conn->progress_ms)
		conn->unacked = unacked;
	conn->looked_ms = conn->progress_ms;
	return fewer;
}

static int check_deadline(struct imap_conn *conn, struct error *err)
{
	int64_t now = clock_ms();
	bool ready = conn->state == IMAP_CONN_READY;
	int64_t limit = ready ? conn->progress_ms + conn->set.timeout_ms
			      : conn->setup_deadline_ms;
	const char *step = state_names[conn->state];

	if (ready &&
	    (conn->commands == 0 || conn->paused || is_taken(conn, now)))
		return 0;
	// untagged OKs are signs of life, but not for ever (F085)
	int64_t useless =
	    conn->useful_ms + (int64_t)conn->set.timeout_ms * USELESS_FACTOR;
	if (ready && useless < limit)
		limit = useless;
	if (now < limit)
		return 0;
	if (conn->head)
		step = conn->head->verb;
	return error_set(err, ERROR_TIMEOUT, "net.timeout",
	    "no answer within %u s, step %s%s", conn->set.timeout_ms / 1000,
	    step,
	    conn->state == IMAP_CONN_GREETING && !conn->is_tls
		? " (does this port want TLS from the start?)"
		: "");
}

/* 1 established now or before, 0 not yet, -1. */
static int establish(struct imap_conn *conn, struct error *err)
{
	if (conn->state != IMAP_CONN_CONNECTING &&
	    conn->state != IMAP_CONN_HANDSHAKE)
		return 1;
	int rc = stream_establish(conn->stream, err);
	if (rc == 1 && imap_session_on_established(conn, err) < 0)
		return -1;
	return rc;
}

int imap_conn_flush(struct imap_conn *conn, struct error *err)
{
	if (!conn->stream || conn->state == IMAP_CONN_CONNECTING ||
	    conn->state == IMAP_CONN_HANDSHAKE)
		return 0;
	if (stream_flush(conn->stream, err) < 0)
		return imap_conn_error_where(conn, err);
	if (stream_written(conn->stream) != conn->written_seen) {
		step_point("imap.written");
		conn->written_seen = stream_written(conn->stream);
		conn->progress_ms = conn->useful_ms = clock_ms();
	}
	return 0;
}

/* A port of TLS that was not greeted complains in TLS (F007). */
static bool is_tls_alert(const struct imap_conn *conn, char first)
{
	enum {
		ALERT = 0x15
	};

	return conn->state == IMAP_CONN_GREETING && !conn->is_tls &&
	       conn->reader.response.len == 0 && first == ALERT;
}

/* Feeds the reader from the window: 1 an event, 0 all is read, -1. */
static int read_window(
    struct imap_conn *conn, struct imap_event *event, struct error *err)
{
	size_t len = 0;
	const char *input = stream_input(conn->stream, &len);
	size_t before = len;

	if (len > 0 && is_tls_alert(conn, input[0]))
		return error_set(err, ERROR_TLS, "tls.expected",
		    "the server wants TLS from the start on this port: use implicit TLS");
	enum imap_reader_event what =
	    imap_reader_next(&conn->reader, &input, &len, err);

	stream_consume(conn->stream, before - len);
	conn->has_more = what != IMAP_READER_MORE;
	return on_reader(conn, what, event, err);
}

/* Reads from the transport: 1 there is something, 0 not now, -1. */
static int fill_window(struct imap_conn *conn, struct error *err)
{
	if (stream_flush(conn->stream, err) < 0)
		return -1;
	int rc = stream_fill(conn->stream, err);
	if (rc > 0)
		conn->progress_ms = clock_ms();
	else if (rc == 0 && stream_is_held(conn->stream))
		conn->progress_ms = conn->useful_ms = clock_ms();
	return rc;
}

static int next_event(
    struct imap_conn *conn, struct imap_event *event, struct error *err)
{
	int fills = 0;

	for (;;) {
		int rc = establish(conn, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return check_deadline(conn, err);
		rc = report_ended(conn, event, err);
		if (rc != 0)
			return rc;
		if (conn->announce_ready) {
			conn->announce_ready = false;
			event->kind = IMAP_EVENT_READY;
			return 1;
		}
		if (conn->state == IMAP_CONN_HANDSHAKE)
			continue;
		rc = read_window(conn, event, err);
		if (rc != 0)
			return rc;
		if (conn->has_more)
			continue;
		// a peer that never stops must not keep us from the clock
		if (fills++ == FILLS_MAX)
			break;
		rc = fill_window(conn, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
	}
	if (imap_conn_flush(conn, err) < 0)
		return -1;
	int rc = report_ended(conn, event, err);
	return rc ? rc : check_deadline(conn, err);
}

int imap_conn_next(
    struct imap_conn *conn, struct imap_event *event, struct error *err)
{
	*event = (struct imap_event){0};
	if (conn->paused) {
		conn->paused = false;
		conn->progress_ms = conn->useful_ms = clock_ms();
	}
	int rc = next_event(conn, event, err);
	// whatever it looks like, this is likely to be the reason (F035)
	if (rc < 0 && conn->compress_new)
		(void)error_prefix(err, "first answer after COMPRESS");
	if (rc < 0)
		(void)imap_conn_error_where(conn, err);
	return rc;
}

void imap_conn_poll(struct imap_conn *conn, bool reading, struct pollfd *out,
    int64_t *deadline_ms)
{
	bool input_waits = false;

	*out = (struct pollfd){.fd = -1};
	*deadline_ms = CLOCK_NEVER;
	if (conn->state == IMAP_CONN_CLOSED)
		return;
	conn->paused = !reading;
	out->fd =
	    stream_poll(conn->stream, reading, &out->events, &input_waits);
	if (conn->state != IMAP_CONN_READY)
		*deadline_ms = conn->setup_deadline_ms;
	else if (conn->commands > 0 && !conn->paused)
		*deadline_ms =
		    conn->progress_ms + (conn->looked_ms == conn->progress_ms
						? conn->set.timeout_ms
						: conn->set.timeout_ms / 2);
	else if (conn->commands == 0)
		*deadline_ms = conn->progress_ms + KEEP_ALIVE_MS + 1;
	if (stream_deadline_ms(conn->stream) < *deadline_ms)
		*deadline_ms = stream_deadline_ms(conn->stream);
	if (out->events == 0)
		out->fd = -1;
	if (input_waits)
		*deadline_ms = 0;
}
