// SPDX-License-Identifier: MIT
#include "engine/io/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/pace.h"
#include "engine/io/transport.h"

enum {
	WINDOW_BYTES = 128 * 1024,
	STAGE_BYTES = 256 * 1024,
	GATHER_PARTS = 64,
	SMALL_MAX_BYTES = 64 * 1024 * 1024 /* commands, never bodies */
};

enum segment_kind {
	SEGMENT_SMALL,
	SEGMENT_REF,
	SEGMENT_FILE
};

struct segment {
	enum segment_kind kind;
	const char *ref;
	int fd;
	uint64_t offset, len;
};

struct stream {
	struct transport *transport;
	bool is_tls, is_deflated;
	bool no_send_file; /* it did not work once */
	/* input */
	size_t in_at, in_len;
	/* output */
	struct buf small;         /* bytes of the SMALL segments, in order */
	struct segment *segments; /* first `seg_at` are gone */
	size_t seg_at, seg_count, seg_cap;
	char *stage; /* of the FILE segment at the front */
	size_t stage_at, stage_len;
	uint64_t queued, written;
	struct pace_line pace;
	int64_t held_until_us; /* 0: not held */
	char window[WINDOW_BYTES];
};

struct stream *stream_new(struct transport *transport)
{
	struct stream *s = mem_alloc(sizeof(*s));

	memset(s, 0, offsetof(struct stream, window));
	s->transport = transport;
	buf_init(&s->small, SMALL_MAX_BYTES);
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	if (s->transport)
		s->transport->ops->free(s->transport);
	buf_wipe(&s->small);
	free(s->segments);
	free(s->stage);
	free(s);
}

void stream_release(struct stream *s)
{
	s->transport->ops->release(s->transport);
}

int stream_establish(struct stream *s, struct error *err)
{
	return s->transport->ops->establish(s->transport, err);
}

int stream_start_tls(struct stream *s,
    const struct transport_tls_settings *settings, struct error *err)
{
	if (s->in_at < s->in_len)
		return error_set(err, ERROR_TLS, "tls.injection",
		    "the server sent data between STARTTLS and TLS: somebody may be in the line");
	bug_if(stream_has_output(s));
	struct transport *below = s->transport;
	s->transport = NULL;
	s->transport = transport_tls_new(below, settings, err);
	s->is_tls = true;
	return s->transport ? 0 : -1;
}

int stream_start_deflate(struct stream *s, struct error *err)
{
	struct transport *below = s->transport;

	bug_if(stream_has_output(s) || s->is_deflated);
	s->transport = NULL;
	s->transport = transport_deflate_new(
	    below, s->window + s->in_at, s->in_len - s->in_at, err);
	s->in_at = s->in_len = 0;
	s->is_deflated = true;
	return s->transport ? 0 : -1;
}

int64_t stream_rtt_us(const struct stream *s)
{
	return transport_rtt_us(s->transport->fd);
}

size_t stream_unacked(const struct stream *s)
{
	return transport_unacked(s->transport->fd);
}

void stream_set_pace(struct stream *s, const struct pace_line *line)
{
	s->pace = *line;
}

bool stream_is_held(const struct stream *s)
{
	return s->held_until_us > 0 && clock_us() < s->held_until_us;
}

int stream_poll(
    const struct stream *s, bool reading, short *events_out, bool *ready_out)
{
	const struct transport *t = s->transport;
	bool held = stream_is_held(s);

	reading = reading && !held;
	*events_out = t->ops->events(t, reading, stream_has_output(s) && !held);
	*ready_out = reading && t->ops->has_pending(t);
	return t->fd;
}

int64_t stream_deadline_ms(const struct stream *s)
{
	int64_t deadline = s->transport->ops->deadline_ms(s->transport);

	if (!stream_is_held(s))
		return deadline;
	int64_t free_at = s->held_until_us / 1000 + 1;
	return free_at < deadline ? free_at : deadline;
}

/* Reading and writing together: what one direction used up the other one does
 * not have. */
static void hold(struct stream *s, int64_t until_us)
{
	if (until_us > s->held_until_us)
		s->held_until_us = until_us;
}

int stream_fill(struct stream *s, struct error *err)
{
	bug_if(s->in_at < s->in_len);
	s->in_at = s->in_len = 0;
	if (stream_is_held(s))
		return 0;
	ssize_t n = s->transport->ops->read(
	    s->transport, s->window, pace_step(&s->pace, WINDOW_BYTES), err);
	if (n == TRANSPORT_AGAIN)
		return 0;
	if (n == 0)
		return error_set(err, ERROR_IO, "net.closed",
		    "the server closed the connection");
	if (n < 0)
		return -1;
	s->in_len = (size_t)n;
	hold(s, pace_charge_read(&s->pace, (uint64_t)n, clock_us()));
	return 1;
}

const char *stream_input(const struct stream *s, size_t *len_out)
{
	*len_out = s->in_len - s->in_at;
	return s->window + s->in_at;
}

void stream_consume(struct stream *s, size_t len)
{
	bug_if(len > s->in_len - s->in_at);
	s->in_at += len;
}

static void add_segment(struct stream *s, struct segment segment)
{
	if (segment.len == 0)
		return;
	if (s->seg_at == s->seg_count)
		s->seg_at = s->seg_count = 0;
	if (s->seg_at > 64 && s->seg_at * 2 > s->seg_count) {
		s->seg_count -= s->seg_at;
		bug_if(!s->segments);
		memmove(s->segments, s->segments + s->seg_at,
		    s->seg_count * sizeof(segment));
		s->seg_at = 0;
	}
	s->segments =
	    mem_grow(s->segments, &s->seg_cap, s->seg_count, sizeof(segment));
	s->segments[s->seg_count++] = segment;
	s->queued += segment.len;
}

void stream_put(struct stream *s, const void *bytes, size_t len)
{
	// only commands of ours come here: their number is bounded by design
	bug_if(buf_append(&s->small, bytes, len) < 0);
	struct segment *last =
	    s->seg_count > s->seg_at ? &s->segments[s->seg_count - 1] : NULL;
	if (last && last->kind == SEGMENT_SMALL) {
		last->len += len;
		s->queued += len;
		return;
	}
	add_segment(s, (struct segment){.kind = SEGMENT_SMALL, .len = len});
}

void stream_put_ref(struct stream *s, const void *bytes, size_t len)
{
	add_segment(
	    s, (struct segment){.kind = SEGMENT_REF, .ref = bytes, .len = len});
}

void stream_put_file(struct stream *s, int fd, uint64_t offset, uint64_t len)
{
	add_segment(s,
	    (struct segment){
		.kind = SEGMENT_FILE, .fd = fd, .offset = offset, .len = len});
}

bool stream_has_output(const struct stream *s)
{
	return s->seg_at < s->seg_count;
}

uint64_t stream_queued(const struct stream *s)
{
	return s->queued;
}

uint64_t stream_written(const struct stream *s)
{
	return s->written;
}

uint64_t stream_begun(const struct stream *s)
{
	return s->written +
	       (s->is_deflated ? transport_deflate_begun(s->transport) : 0);
}

/* Reads the next block of the file segment at the front into the stage. */
static int stage_file(
    struct stream *s, const struct segment *front, struct error *err)
{
	if (s->stage_at < s->stage_len)
		return 0;
	if (!s->stage)
		s->stage = mem_alloc(STAGE_BYTES);
	size_t want =
	    front->len < STAGE_BYTES ? (size_t)front->len : STAGE_BYTES;
	ssize_t n = fd_read_at(front->fd, s->stage, want, (off_t)front->offset);
	if (n <= 0)
		return error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot read back a spooled message");
	s->stage_at = 0;
	s->stage_len = (size_t)n;
	return 0;
}

/* Gathers the segments at the front; a file segment ends the gathering. */
static int gather(struct stream *s, struct iovec parts[GATHER_PARTS],
    int *count_out, struct error *err)
{
	size_t small_at = 0;
	int count = 0;

	for (size_t i = s->seg_at; i < s->seg_count && count < GATHER_PARTS;
	     i++) {
		struct segment *g = &s->segments[i];
		struct iovec part = {.iov_len = (size_t)g->len};
		if (g->kind == SEGMENT_SMALL) {
			part.iov_base = s->small.data + small_at;
			small_at += (size_t)g->len;
		} else if (g->kind == SEGMENT_REF) {
			part.iov_base = (void *)(uintptr_t)g->ref;
		} else {
			if (count > 0)
				break;
			if (stage_file(s, g, err) < 0)
				return -1;
			part.iov_base = s->stage + s->stage_at;
			part.iov_len = s->stage_len - s->stage_at;
		}
		parts[count++] = part;
		if (g->kind == SEGMENT_FILE)
			break;
	}
	*count_out = count;
	return 0;
}

static void advance(struct stream *s, size_t n)
{
	s->written += n;
	while (n > 0) {
		struct segment *g = &s->segments[s->seg_at];
		size_t part = g->len < n ? (size_t)g->len : n;
		if (g->kind == SEGMENT_SMALL)
			buf_consume(&s->small, part);
		else if (g->kind == SEGMENT_REF)
			g->ref += part;
		else if (s->stage_at < s->stage_len)
			s->stage_at += part;
		g->offset += part;
		g->len -= part;
		n -= part;
		if (g->len == 0)
			s->seg_at++;
	}
}

/* May the segment at the front go from file to socket, past us? */
static bool is_file_to_send(const struct stream *s)
{
	return s->segments[s->seg_at].kind == SEGMENT_FILE &&
	       s->stage_at == s->stage_len && s->transport->ops->send_file &&
	       !s->no_send_file;
}

/* Bytes written, TRANSPORT_AGAIN, or -1. */
static ssize_t write_front(struct stream *s, struct error *err)
{
	struct transport *t = s->transport;
	struct iovec parts[GATHER_PARTS];
	int count = 0;

	if (is_file_to_send(s)) {
		const struct segment *front = &s->segments[s->seg_at];
		ssize_t n = t->ops->send_file(
		    t, front->fd, front->offset, front->len, err);
		if (n != TRANSPORT_UNFIT)
			return n;
		s->no_send_file = true;
	}
	if (gather(s, parts, &count, err) < 0)
		return -1;
	return t->ops->write(t, parts, count, err);
}

int stream_flush(struct stream *s, struct error *err)
{
	while (stream_has_output(s) && !stream_is_held(s)) {
		ssize_t n = write_front(s, err);
		if (n == TRANSPORT_AGAIN)
			return 0;
		if (n < 0)
			return -1;
		advance(s, (size_t)n);
		hold(s, pace_charge_written(&s->pace, (uint64_t)n, clock_us()));
	}
	return 0;
}

void stream_describe(const struct stream *s, char *out, size_t max)
{
	bug_if(s->is_deflated);
	if (s->is_tls)
		transport_tls_describe(s->transport, out, max);
	else
		(void)snprintf(out, max, "clear text");
}
