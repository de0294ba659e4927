// SPDX-License-Identifier: MIT
#include "tests/unit/support/cgp_mock.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/cgp/cgp_cli.h"
#include "engine/io/transport.h"

struct mocked {
	struct transport base;
	struct cgp_mock *mock;
	struct buf in, out; /* from the client, to it */
	bool is_closing;
};

/* The descriptor can be read while there is something to read. */
static void say(struct mocked *m, const char *reply)
{
	if (!reply)
		return;
	if (reply[0] == '\0')
		m->is_closing = true;
	cr_assert_eq(buf_puts(&m->out, reply), 0);
	fd_event_signal(m->base.fd);
}

static void hear(struct mocked *m, size_t len)
{
	struct cgp_mock *mock = m->mock;
	const struct cgp_mock_step *step = &mock->steps[mock->at];
	const char *line = m->in.data;

	if (!step->expect || len < 2 || strlen(step->expect) != len - 2 ||
	    memcmp(step->expect, line, len - 2) != 0 ||
	    memcmp(line + len - 2, "\r\n", 2) != 0) {
		(void)snprintf(mock->problem, sizeof(mock->problem),
		    "step %zu: '%.*s'", mock->at, (int)len, line);
		m->is_closing = true;
		fd_event_signal(m->base.fd);
		return;
	}
	mock->at++;
	say(m, step->reply);
}

static int mock_establish(struct transport *t, struct error *err)
{
	(void)t, (void)err;
	return 1;
}

static ssize_t mock_read(
    struct transport *t, void *to, size_t len, struct error *err)
{
	struct mocked *m = (struct mocked *)t;
	size_t n = m->out.len < len ? m->out.len : len;

	(void)err;
	if (m->mock->chunk && n > m->mock->chunk)
		n = m->mock->chunk;
	if (n == 0)
		return m->is_closing ? 0 : TRANSPORT_AGAIN;
	memcpy(to, m->out.data, n);
	buf_consume(&m->out, n);
	if (m->out.len == 0 && !m->is_closing)
		fd_event_drain(t->fd);
	return (ssize_t)n;
}

static ssize_t mock_write(struct transport *t, const struct iovec *parts,
    int count, struct error *err)
{
	struct mocked *m = (struct mocked *)t;
	size_t total = 0;
	char *end;

	(void)err;
	for (int i = 0; i < count; i++) {
		cr_assert_eq(
		    buf_append(&m->in, parts[i].iov_base, parts[i].iov_len), 0);
		total += parts[i].iov_len;
	}
	while ((end = memchr(m->in.data, '\n', m->in.len)) && !m->is_closing) {
		size_t len = (size_t)(end - m->in.data) + 1;
		hear(m, len);
		buf_consume(&m->in, len);
	}
	return (ssize_t)total;
}

static short mock_events(const struct transport *t, bool reading, bool writing)
{
	(void)t;
	return (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0));
}

static bool mock_has_pending(const struct transport *t)
{
	(void)t;
	return false;
}

static int64_t mock_deadline_ms(const struct transport *t)
{
	(void)t;
	return CLOCK_NEVER;
}

static void mock_free(struct transport *t)
{
	struct mocked *m = (struct mocked *)t;

	m->mock->open--;
	fd_close(&t->fd);
	buf_release(&m->in);
	buf_release(&m->out);
	free(m);
}

static void mock_release(struct transport *t)
{
	((struct mocked *)t)->mock->released++;
}

static const struct transport_ops mock_ops = {
    .establish = mock_establish,
    .read = mock_read,
    .write = mock_write,
    .events = mock_events,
    .has_pending = mock_has_pending,
    .deadline_ms = mock_deadline_ms,
    .free = mock_free,
    .release = mock_release,
};

struct transport *cgp_mock_connect(
    const struct cgp_cli_settings *set, struct error *err)
{
	struct cgp_mock *mock = set->connect_argument;
	const struct cgp_mock_step *step = &mock->steps[mock->at];

	if (step->expect || !step->reply) {
		(void)snprintf(mock->problem, sizeof(mock->problem),
		    "step %zu: a connection", mock->at);
		(void)error_set(err, ERROR_IO, "net.refused", "refused");
		return NULL;
	}
	struct mocked *m = mem_calloc(1, sizeof(*m));
	m->base = (struct transport){.ops = &mock_ops, .fd = fd_event()};
	m->mock = mock;
	buf_init(&m->in, 1 << 20);
	buf_init(&m->out, 1 << 26);
	mock->at++;
	mock->open++;
	mock->connections++;
	say(m, step->reply);
	return &m->base;
}

void cgp_mock_check(const struct cgp_mock *mock)
{
	const struct cgp_mock_step *step = &mock->steps[mock->at];

	cr_assert_str_eq(mock->problem, "");
	cr_assert(!step->expect && !step->reply, "not reached: step %zu, '%s'",
	    mock->at, step->expect ? step->expect : "a connection");
	cr_assert_eq(mock->open, 0);
}
