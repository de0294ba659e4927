// SPDX-License-Identifier: MIT
#include "engine/io/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> // netinet/tcp.h knows no tcpi_min_rtt
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

/* One dead address must not cost a whole time-out when there is another. */
enum {
	ADDRESS_TIMEOUT_MS = 5000,
	FILE_BYTES = 1024 * 1024 /* of a file in one go */
};

struct tcp {
	struct transport base;
	struct addrinfo *addresses, *next;
	char *where; /* "host:port" for messages */
	int64_t address_deadline_ms;
	int last_errno;
	bool connected;
};

static void tcp_tune(int fd)
{
	const int one = 1;
	const struct linger hard = {.l_onoff = 1, .l_linger = 0};

	// a killed process must not leave megabytes of commands behind in the
	// kernel that a server then obeys
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	// best effort: none of these decides whether the copy works
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

/* Starts the next address; -1 when none is left. */
static int tcp_start_next(struct tcp *tcp, struct error *err)
{
	char text[96];

	while (tcp->next) {
		const struct addrinfo *a = tcp->next;
		tcp->next = a->ai_next;
		fd_close(&tcp->base.fd);
		tcp->base.fd = socket(a->ai_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (tcp->base.fd < 0) {
			tcp->last_errno = errno;
			continue;
		}
		tcp_tune(tcp->base.fd);
		tcp->address_deadline_ms =
		    tcp->next ? clock_ms() + ADDRESS_TIMEOUT_MS : CLOCK_NEVER;
		if (connect(tcp->base.fd, a->ai_addr, a->ai_addrlen) == 0 ||
		    errno == EINPROGRESS)
			return 0;
		tcp->last_errno = errno;
	}
	return error_set(err, ERROR_IO,
	    tcp->last_errno == ECONNREFUSED ? "net.refused" : "net.connect",
	    "cannot connect to %s: %s", tcp->where,
	    text_errno(tcp->last_errno, text, sizeof(text)));
}

static int tcp_establish(struct transport *t, struct error *err)
{
	struct tcp *tcp = (struct tcp *)t;

	while (!tcp->connected) {
		struct pollfd p = {.fd = t->fd, .events = POLLOUT};
		if (poll(&p, 1, 0) == 0) {
			if (clock_ms() < tcp->address_deadline_ms)
				return 0;
			tcp->last_errno = ETIMEDOUT;
		} else {
			int code = 0;
			socklen_t len = sizeof(code);
			if (getsockopt(
				t->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
				code = errno;
			tcp->connected = code == 0;
			tcp->last_errno = code;
		}
		if (!tcp->connected && tcp_start_next(tcp, err) < 0)
			return -1;
	}
	return 1;
}

static ssize_t tcp_failed(const char *what, struct error *err)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return TRANSPORT_AGAIN;
	return error_set_errno(err, ERROR_IO, "net.reset", "%s", what);
}

/* A server that sends its answers in pieces, without TCP_NODELAY, waits with the
 * next piece for our ACK; we, with nothing to send, would delay that by 40 ms: at
 * every message (Courier). */
void transport_ack_now(int fd)
{
	const int one = 1;

	// best effort, and not for ever: the kernel falls back by itself
	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

static bool is_loopback(const struct sockaddr_storage *peer)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memcpy(&v4, peer, sizeof(v4));
	memcpy(&v6, peer, sizeof(v6));
	if (peer->ss_family == AF_INET)
		return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

/* The shortest, not the smoothed: a server's delayed ACKs are no distance. */
int64_t transport_rtt_us(int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t peer_len = sizeof(peer);
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	const size_t needed =
	    offsetof(struct tcp_info, tcpi_min_rtt) + sizeof(info.tcpi_min_rtt);

	if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0 ||
	    is_loopback(&peer) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    len < needed || info.tcpi_min_rtt == UINT32_MAX)
		return -1;
	return info.tcpi_min_rtt;
}

size_t transport_unacked(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes
							     : 0;
}

static ssize_t tcp_read(
    struct transport *t, void *to, size_t len, struct error *err)
{
	ssize_t n = recv(t->fd, to, len, 0);

	// as long as more is there, the server waits for nothing
	if (n > 0 && (size_t)n < len)
		transport_ack_now(t->fd);
	return n >= 0 ? n : tcp_failed("connection lost while reading", err);
}

static ssize_t tcp_write(struct transport *t, const struct iovec *parts,
    int count, struct error *err)
{
	const struct msghdr message = {
	    .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
	ssize_t n = sendmsg(t->fd, &message, MSG_NOSIGNAL);

	return n >= 0 ? n : tcp_failed("connection lost while writing", err);
}

static ssize_t tcp_send_file(struct transport *t, int fd, uint64_t offset,
    uint64_t len, struct error *err)
{
	off_t at = (off_t)offset;
	ssize_t n = sendfile(
	    t->fd, fd, &at, len < FILE_BYTES ? (size_t)len : FILE_BYTES);

	// whoever reads the file himself can say what is wrong with it
	if (n == 0 || (n < 0 && (errno == EINVAL || errno == ENOSYS ||
				    errno == EIO || errno == EOVERFLOW)))
		return TRANSPORT_UNFIT;
	return n > 0 ? n : tcp_failed("connection lost while writing", err);
}

static short tcp_events(const struct transport *t, bool reading, bool writing)
{
	const struct tcp *tcp = (const struct tcp *)t;

	if (!tcp->connected)
		return POLLOUT;
	return (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0));
}

static bool tcp_has_pending(const struct transport *t)
{
	(void)t;
	return false;
}

static int64_t tcp_deadline_ms(const struct transport *t)
{
	const struct tcp *tcp = (const struct tcp *)t;

	return tcp->connected ? CLOCK_NEVER : tcp->address_deadline_ms;
}

static void tcp_release(struct transport *t)
{
	const struct linger soft = {.l_onoff = 0};

	(void)setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &soft, sizeof(soft));
}

static void tcp_free(struct transport *t)
{
	struct tcp *tcp = (struct tcp *)t;

	fd_close(&t->fd);
	if (tcp->addresses)
		freeaddrinfo(tcp->addresses);
	free(tcp->where);
	free(tcp);
}

static const struct transport_ops tcp_ops = {
    .establish = tcp_establish,
    .read = tcp_read,
    .write = tcp_write,
    .send_file = tcp_send_file,
    .events = tcp_events,
    .has_pending = tcp_has_pending,
    .deadline_ms = tcp_deadline_ms,
    .free = tcp_free,
    .release = tcp_release,
};

static int resolve_failed(int rc, const char *host, struct error *err)
{
	bool again = rc == EAI_AGAIN;

	if (rc == EAI_MEMORY || (rc == EAI_SYSTEM && errno == ENOMEM))
		return error_set(err, ERROR_INTERNAL, "local.memory",
		    "out of memory: the host '%s'", host);
	if (rc == EAI_SYSTEM)
		return error_set_errno(err, ERROR_IO, "net.dns",
		    "cannot look for the host '%s'", host);
	return error_set(err, again ? ERROR_IO : ERROR_CONFIG, "net.dns",
	    "cannot find the host '%s': %s%s", host, gai_strerror(rc),
	    again ? "" : " (check the name)");
}

struct transport *transport_tcp_new(
    const char *host, uint16_t port, struct error *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
	struct addrinfo *addresses = NULL;
	char service[8];

	(void)snprintf(service, sizeof(service), "%u", (unsigned)port);
	int rc = getaddrinfo(host, service, &hints, &addresses);
	if (rc != 0) {
		(void)resolve_failed(rc, host, err);
		return NULL;
	}
	struct tcp *tcp = mem_calloc(1, sizeof(*tcp));
	tcp->base = (struct transport){.ops = &tcp_ops, .fd = -1};
	tcp->addresses = tcp->next = addresses;
	tcp->where = mem_printf("%s:%u", host, (unsigned)port);
	if (tcp_start_next(tcp, err) < 0) {
		tcp_free(&tcp->base);
		return NULL;
	}
	return &tcp->base;
}
