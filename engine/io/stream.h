// SPDX-License-Identifier: MIT
/*
 * One connection as bytes: a fixed input window and a queue of output that
 * holds small bytes by copy, message bodies by reference and spooled bodies by
 * descriptor.  Never blocks; memory is bounded by the window, a staging block
 * and what the caller queues.  Knows no IMAP.
 */
#ifndef ENGINE_IO_STREAM_H
#define ENGINE_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct pace_line;
struct stream;
struct transport;
struct transport_tls_settings;

/* Owns the transport. */
struct stream *stream_new(struct transport *transport);

/* Drops the connection hard. */
void stream_free(struct stream *s);

/* Says goodbye, so that what was written still arrives; free it then. */
void stream_release(struct stream *s);

/* 1 established, 0 wait, -1 failed. */
int stream_establish(struct stream *s, struct error *err);

/* Puts TLS on top; the input window must be empty, else it is an attack or a
 * broken peer (FAULTS F024) and this fails. Establish again afterwards. */
int stream_start_tls(struct stream *s,
    const struct transport_tls_settings *settings, struct error *err);

/* Compresses both directions from now on; what the input window holds came
 * compressed. No output may wait. */
int stream_start_deflate(struct stream *s, struct error *err);

/* As transport_rtt_us, transport_unacked. */
int64_t stream_rtt_us(const struct stream *s);
size_t stream_unacked(const struct stream *s);

/* Descriptor and events for poll; *ready_out: input is waiting inside. */
int stream_poll(
    const struct stream *s, bool reading, short *events_out, bool *ready_out);
int64_t stream_deadline_ms(const struct stream *s);

/* From now on bytes are charged to these buckets, and nothing is read or
 * written before they allow it; stream_deadline_ms says when. */
void stream_set_pace(struct stream *s, const struct pace_line *line);

/* It is we who keep the line waiting. */
bool stream_is_held(const struct stream *s);

/* Reads once into the empty window. 1 got bytes, 0 none now, -1 failed (the
 * peer's orderly end is ERROR_IO "net.closed"). */
int stream_fill(struct stream *s, struct error *err);

/* What is in the window; stream_consume drops from its front. */
const char *stream_input(const struct stream *s, size_t *len_out);
void stream_consume(struct stream *s, size_t len);

/* Queue output: bytes are copied; a reference must stay valid until
 * stream_written has passed it; a file is read at `offset` as it is sent, and
 * what was sent of it must not be changed. */
void stream_put(struct stream *s, const void *bytes, size_t len);
void stream_put_ref(struct stream *s, const void *bytes, size_t len);
void stream_put_file(struct stream *s, int fd, uint64_t offset, uint64_t len);

/* Writes as much as goes now. 0 or -1. */
int stream_flush(struct stream *s, struct error *err);
bool stream_has_output(const struct stream *s);

/* Running totals of bytes queued and bytes handed to the system. */
uint64_t stream_queued(const struct stream *s);
uint64_t stream_written(const struct stream *s);

/* At least stream_written: what the peer may know of what was queued. */
uint64_t stream_begun(const struct stream *s);

/* Text of the TLS session, or "clear text"; before compression starts. */
void stream_describe(const struct stream *s, char *out, size_t max);

#endif
