// SPDX-License-Identifier: MIT
/*
 * The seam between a stream of bytes and what carries it: TCP, TLS over TCP,
 * DEFLATE over either, a script in tests.  Never blocks; knows no IMAP.
 */
#ifndef ENGINE_IO_TRANSPORT_H
#define ENGINE_IO_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct error;
struct transport;

enum {
	TRANSPORT_AGAIN = -2, /* nothing now: wait for transport_events */
	TRANSPORT_UNFIT = -3  /* send_file: not this one, write its bytes */
};

struct transport_ops {
	/* 1 established, 0 wait, -1 failed. */
	int (*establish)(struct transport *t, struct error *err);
	/* Bytes read (0: orderly end), TRANSPORT_AGAIN, -1 failed. */
	ssize_t (*read)(
	    struct transport *t, void *to, size_t len, struct error *err);
	/* Bytes written (less than asked for is fine), AGAIN, -1. After AGAIN
	 * the next call begins with the same bytes. */
	ssize_t (*write)(struct transport *t, const struct iovec *parts,
	    int count, struct error *err);
	/* The same with bytes of a file, which must not change until the peer has
	 * them; or UNFIT. NULL: a transport that must see what it sends. */
	ssize_t (*send_file)(struct transport *t, int fd, uint64_t offset,
	    uint64_t len, struct error *err);
	/* What poll shall wait for; 0 with has_pending: do not wait. */
	short (*events)(const struct transport *t, bool reading, bool writing);
	bool (*has_pending)(const struct transport *t);
	/* When establish shall be called again without an event. */
	int64_t (*deadline_ms)(const struct transport *t);
	/* Drops the connection hard, so that the peer stops at once with what it
	 * has not read; after release it is closed in the orderly way. */
	void (*free)(struct transport *t);
	void (*release)(struct transport *t);
};

struct transport {
	const struct transport_ops *ops;
	int fd; /* for poll; may change while establishing */
};

/* Resolves (the only call that may wait, within the resolver's own limits) and
 * starts to connect; every address is tried in turn, a few seconds each. */
struct transport *transport_tcp_new(
    const char *host, uint16_t port, struct error *err);

/* Acknowledges at once what was read from this socket. For transports. */
void transport_ack_now(int fd);

struct transport_tls_settings {
	const char *host; /* name the certificate must carry */
	bool verify;
	const char *ca_file; /* NULL: the system's */
	const char *pin;     /* hex SHA-256 of the public key, or NULL */
};

/* TLS as the client over `below`, which it owns from now on (on failure it is
 * freed). Establish does the handshake and checks the certificate. */
struct transport *transport_tls_new(struct transport *below,
    const struct transport_tls_settings *settings, struct error *err);

/* "TLSv1.3, TLS_AES_256_GCM_SHA384" of an established TLS transport. */
void transport_tls_describe(const struct transport *t, char *out, size_t max);

/* Shortest round trip seen on this socket, by the kernel's account; -1: not
 * known, or the peer is this machine. */
int64_t transport_rtt_us(int fd);

/* Bytes that were written to this socket and that the peer's machine has not
 * acknowledged. */
size_t transport_unacked(int fd);

/* DEFLATE (RFC 4978) over `below`, established, which it owns from now on (on
 * failure it is freed). `received`: compressed bytes that came already. Memory
 * is fixed, whatever the peer sends. A block is written when all that stands
 * for it was written below. */
struct transport *transport_deflate_new(struct transport *below,
    const void *received, size_t len, struct error *err);

/* Length of a block that is under way: the peer may know some of it. */
size_t transport_deflate_begun(const struct transport *t);

#endif
