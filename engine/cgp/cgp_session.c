// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_session.h"

#include <poll.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/cgp/cgp_cli.h"
#include "engine/io/stream.h"
#include "engine/io/transport.h"

enum {
	STOPS_MAX = 8,
	/* A server that sends a byte now and then: so many times the time-out
	 * for one reply as a whole. */
	WHOLE_REPLY_TIMES = 10,
	GOODBYE_MS = 2000,
	SHOWN_BYTES = 256
};

static void trace(const struct cgp_session *s, const char *arrow,
    const char *bytes, size_t len)
{
	char shown[SHOWN_BYTES];

	if (!s->set->log || !log_enabled(s->set->log, LOG_LEVEL_TRACE))
		return;
	log_write(s->set->log, LOG_LEVEL_TRACE, s->set->side, "cli %s %s",
	    arrow, text_escape(bytes, len, shown, sizeof(shown)));
}

/* ------------------------------------------------------------- waiting */

static nfds_t stops_of(const struct cgp_session *s, struct pollfd *fds)
{
	bug_if(s->set->stops > STOPS_MAX);
	for (size_t i = 0; i < s->set->stops; i++)
		fds[i] = (struct pollfd){
		    .fd = s->set->stop_fds[i], .events = POLLIN};
	return (nfds_t)s->set->stops;
}

/* The word to stop, and the deadline. */
static int check(
    const struct cgp_session *s, int64_t deadline, struct error *err)
{
	struct pollfd fds[STOPS_MAX];
	nfds_t n = stops_of(s, fds);

	if (n > 0 && poll(fds, n, 0) > 0)
		return error_set(
		    err, ERROR_INTERRUPTED, "interrupted", "told to stop");
	if (clock_ms() >= deadline)
		return error_set(err, ERROR_TIMEOUT, "net.timeout",
		    "no progress within the time-out");
	return 0;
}

/* Until the stream is worth a look; -1 stopped or past the deadline. */
static int wait_ready(const struct cgp_session *s, bool reading,
    int64_t deadline, struct error *err)
{
	struct pollfd fds[1 + STOPS_MAX];
	bool pending = false;
	int64_t own = stream_deadline_ms(s->stream);

	fds[0] = (struct pollfd){.fd = -1};
	fds[0].fd = stream_poll(s->stream, reading, &fds[0].events, &pending);
	nfds_t n = 1 + stops_of(s, fds + 1);
	int ms = clock_poll_ms(own < deadline ? own : deadline);
	(void)poll(fds, n, pending ? 0 : ms); // EINTR: look again
	return check(s, deadline, err);
}

static int establish(struct cgp_session *s, struct error *err)
{
	int64_t deadline = clock_ms() + s->set->timeout_ms;

	for (;;) {
		int rc = stream_establish(s->stream, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (wait_ready(s, false, deadline, err) < 0)
			return -1;
	}
}

static int flush(struct cgp_session *s, struct error *err)
{
	int64_t deadline = clock_ms() + s->set->timeout_ms;

	for (;;) {
		uint64_t before = stream_written(s->stream);
		if (stream_flush(s->stream, err) < 0)
			return -1;
		if (!stream_has_output(s->stream))
			return 0;
		if (stream_written(s->stream) > before)
			deadline = clock_ms() + s->set->timeout_ms;
		if (wait_ready(s, false, deadline, err) < 0)
			return -1;
	}
}

/* The next reply: 0 or -1. */
static int receive(
    struct cgp_session *s, uint32_t timeout_ms, struct error *err)
{
	int64_t now = clock_ms(), idle = now + timeout_ms;
	int64_t whole = now + (int64_t)timeout_ms * WHOLE_REPLY_TIMES;

	for (;;) {
		size_t had = 0;
		const char *at = stream_input(s->stream, &had);
		size_t left = had;
		int rc = cgp_reply_feed(&s->reply, &at, &left, err);
		stream_consume(s->stream, had - left);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		rc = stream_fill(s->stream, err);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			// who never pauses must not keep us from the clock
			idle = clock_ms() + timeout_ms;
			rc = check(s, whole, err);
		} else {
			rc = wait_ready(
			    s, true, idle < whole ? idle : whole, err);
		}
		if (rc < 0)
			return -1;
	}
}

/* ------------------------------------------------------------- words */

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

/* Servers repeat what they do not understand. */
static void redact(const struct cgp_session *s)
{
	const struct secret *password = s->set->password;

	if (password->bytes)
		cover(s->reply.text, s->reply.len, password->bytes,
		    password->len);
	cover(s->reply.text, s->reply.len, s->digest, strlen(s->digest));
}

const char *cgp_session_words(
    const struct cgp_session *s, char *out, size_t max)
{
	redact(s);
	return text_escape(s->reply.text, s->reply.len, out, max);
}

static int next_reply(struct cgp_session *s, struct error *err)
{
	char line[SHOWN_BYTES];

	if (receive(s, s->set->timeout_ms, err) < 0)
		return -1;
	if (s->reply.code == CGP_REPLY_DATA) {
		(void)snprintf(
		    line, sizeof(line), "201 <%zu bytes>", s->reply.len);
	} else {
		redact(s);
		(void)snprintf(
		    line, sizeof(line), "%u %s", s->reply.code, s->reply.text);
	}
	trace(s, "<-", line, strlen(line));
	return 0;
}

int cgp_session_command(
    struct cgp_session *s, const char *shown, struct error *err)
{
	trace(s, "->", shown, strlen(shown));
	if (buf_puts(&s->command, "\r\n") < 0)
		return error_set(err, ERROR_LIMIT, "cli.limit",
		    "the command %s is too long", shown);
	stream_put(s->stream, s->command.data, s->command.len);
	buf_wipe(&s->command);
	return flush(s, err) < 0 || next_reply(s, err) < 0 ? -1 : 0;
}

/* ------------------------------------------------------------- login */

static int refused(const struct cgp_session *s, enum error_kind kind,
    const char *reason, const char *what, struct error *err)
{
	char words[SHOWN_BYTES];

	return error_set(err, kind, reason, "%s: '%u %s'", what, s->reply.code,
	    cgp_session_words(s, words, sizeof(words)));
}

/* A user name goes bare into a line and ends at the first blank, a password at
 * the end of the line: what would end them early is not sent. */
static int check_settings(const struct cgp_cli_settings *set, struct error *err)
{
	const struct secret *password = set->password;

	for (const char *p = set->user; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return error_set(err, ERROR_CONFIG, "cli.user",
			    "the user name holds a blank or control byte that the CLI cannot take");
	if (set->user[0] == '\0' || !password->bytes || password->len == 0)
		return error_set(err, ERROR_CONFIG, "cli.user",
		    "the CLI needs a user name and a password");
	if (memchr(password->bytes, '\r', password->len) ||
	    memchr(password->bytes, '\n', password->len) ||
	    memchr(password->bytes, '\0', password->len))
		return error_set(err, ERROR_CONFIG, "cli.password",
		    "the password holds a line end that the CLI cannot take");
	return 0;
}

/* "<...>" of the greeting; the last one, where APOP has it. */
static const char *find_challenge(const char *text, size_t *len_out)
{
	const char *open = strrchr(text, '<');
	const char *close = open ? strchr(open, '>') : NULL;

	if (!close || close == open + 1)
		return NULL;
	*len_out = (size_t)(close - open) + 1;
	return open;
}

static int login_apop(
    struct cgp_session *s, const char *challenge, size_t len, struct error *err)
{
	const struct secret *password = s->set->password;

	if (hash_md5_hex(
		challenge, len, password->bytes, password->len, s->digest) < 0)
		return error_set(err, ERROR_INTERNAL, "cli.md5",
		    "the library of this system does not do MD5, which APOP needs");
	if (buf_printf(&s->command, "APOP %s %s", s->set->user, s->digest) < 0)
		return error_set(
		    err, ERROR_CONFIG, "cli.user", "the user name is too long");
	if (cgp_session_command(s, "APOP <user> <secret>", err) < 0)
		return -1;
	if (s->reply.code == CGP_REPLY_OK)
		return 0;
	return refused(s, ERROR_AUTH, "auth.rejected",
	    "login to the CLI refused; check that the password can be used for APOP there, it was not tried again",
	    err);
}

static int login_clear(struct cgp_session *s, struct error *err)
{
	const struct secret *password = s->set->password;

	if (!s->set->allow_clear_text)
		return error_set(err, ERROR_TLS, "cli.clear_text",
		    "the CLI offers no APOP, and the password is not sent in clear text");
	if (buf_printf(&s->command, "USER %s", s->set->user) < 0)
		return error_set(
		    err, ERROR_CONFIG, "cli.user", "the user name is too long");
	if (cgp_session_command(s, "USER <user>", err) < 0)
		return -1;
	if (s->reply.code != CGP_REPLY_PASSWORD)
		return refused(s, ERROR_AUTH, "auth.rejected",
		    "login to the CLI refused", err);
	if (buf_puts(&s->command, "PASS ") < 0 ||
	    buf_append(&s->command, password->bytes, password->len) < 0)
		return error_set(err, ERROR_CONFIG, "cli.password",
		    "the password is too long for the CLI");
	if (cgp_session_command(s, "PASS <secret>", err) < 0)
		return -1;
	if (s->reply.code == CGP_REPLY_OK)
		return 0;
	return refused(s, ERROR_AUTH, "auth.rejected",
	    "login to the CLI refused; check user name and password, it was not tried again",
	    err);
}

static int login(struct cgp_session *s, struct error *err)
{
	size_t len = 0;

	if (next_reply(s, err) < 0)
		return -1;
	if (s->reply.code != CGP_REPLY_OK)
		return refused(s, ERROR_IO, "cli.greeting",
		    "the CLI takes no connection now", err);
	const char *challenge = find_challenge(s->reply.text, &len);
	return challenge ? login_apop(s, challenge, len, err)
			 : login_clear(s, err);
}

static int start_inline(struct cgp_session *s, struct error *err)
{
	if (buf_puts(&s->command, "INLINE") < 0 ||
	    cgp_session_command(s, "INLINE", err) < 0)
		return -1;
	if (s->reply.code != CGP_REPLY_OK)
		return refused(s, ERROR_SERVER_NO, "cli.inline",
		    "the CLI does not send data inline: too old", err);
	cgp_reply_limit(&s->reply, CGP_SESSION_DATA_MAX);
	return 0;
}

static struct transport *connect_to(
    const struct cgp_cli_settings *set, struct error *err)
{
	if (set->connect)
		return set->connect(set, err);
	return transport_tcp_new(
	    set->host, set->port ? set->port : CGP_CLI_PORT, err);
}

int cgp_session_open(struct cgp_session *s, const struct cgp_cli_settings *set,
    struct error *err)
{
	struct transport *transport;

	*s = (struct cgp_session){.set = set};
	if (check_settings(set, err) < 0)
		return -1;
	transport = connect_to(set, err);
	if (!transport)
		return -1;
	s->stream = stream_new(transport);
	cgp_reply_init(&s->reply, CGP_SESSION_REPLY_MAX);
	buf_init(&s->command, CGP_SESSION_COMMAND_MAX);
	if (establish(s, err) < 0 || login(s, err) < 0 ||
	    start_inline(s, err) < 0) {
		cgp_session_close(s, false);
		return -1;
	}
	return 0;
}

void cgp_session_close(struct cgp_session *s, bool politely)
{
	struct error ignored;

	buf_wipe(&s->command);
	if (politely && buf_puts(&s->command, "QUIT\r\n") == 0) {
		trace(s, "->", "QUIT", strlen("QUIT"));
		stream_put(s->stream, s->command.data, s->command.len);
		// all is done: a goodbye that fails changes nothing
		if (flush(s, &ignored) == 0)
			(void)receive(s, GOODBYE_MS, &ignored);
		stream_release(s->stream);
	}
	buf_wipe(&s->command);
	stream_free(s->stream);
	cgp_reply_release(&s->reply);
	explicit_bzero(s->digest, sizeof(s->digest));
}
