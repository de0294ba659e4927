// SPDX-License-Identifier: MIT
#include "orchestrator/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

static const char socket_name[] = "ctl.sock";

/* A path of a socket ends after 107 bytes, that of a directory does not: where
 * it is too long, the way goes through the open directory. */
static int make_address(const char *dir, int dir_fd, struct sockaddr_un *out)
{
	int n;

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(
	    out->sun_path, sizeof(out->sun_path), "%s/%s", dir, socket_name);
	if (n >= 0 && (size_t)n < sizeof(out->sun_path))
		return 0;
	n = snprintf(out->sun_path, sizeof(out->sun_path),
	    "/proc/self/fd/%d/%s", dir_fd, socket_name);
	return n >= 0 && (size_t)n < sizeof(out->sun_path) ? 0 : -1;
}

static int open_dir(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void ctl_init(struct ctl *c)
{
	*c = (struct ctl){.dir_fd = -1, .listen_fd = -1};
	for (size_t i = 0; i < CTL_CLIENTS; i++)
		c->clients[i].fd = -1;
}

static int bind_socket(struct ctl *c, const char *dir)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	c->listen_fd = fd;
	if (fd < 0 || make_address(dir, c->dir_fd, &address) < 0)
		return -1;
	(void)unlinkat(c->dir_fd, socket_name, 0); // of one that was killed
	// before bind, so that it is never open to others
	if (fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(c->dir_fd, socket_name, 0600, 0) < 0)
		return -1;
	return listen(fd, CTL_CLIENTS);
}

int ctl_open(struct ctl *c, const char *dir, struct error *err)
{
	c->dir_fd = open_dir(dir);
	if (c->dir_fd >= 0 && bind_socket(c, dir) == 0)
		return 0;
	(void)error_set_errno(err, ERROR_OS, "local.descriptors",
	    "cannot make '%s/%s'", dir, socket_name);
	ctl_close(c);
	return -1;
}

static void hang_up(struct ctl_client *client)
{
	fd_close(&client->fd);
	client->len = 0;
}

void ctl_close(struct ctl *c)
{
	for (size_t i = 0; i < CTL_CLIENTS; i++)
		hang_up(&c->clients[i]);
	if (c->listen_fd >= 0 && c->dir_fd >= 0)
		(void)unlinkat(c->dir_fd, socket_name, 0);
	fd_close(&c->listen_fd);
	fd_close(&c->dir_fd);
}

static struct ctl_client *free_client(const struct ctl *c)
{
	for (size_t i = 0; i < CTL_CLIENTS; i++)
		if (c->clients[i].fd < 0)
			return (struct ctl_client *)&c->clients[i];
	return NULL;
}

size_t ctl_polls(const struct ctl *c, struct pollfd *out)
{
	size_t n = 0;

	if (c->listen_fd >= 0 && free_client(c) && clock_ms() >= c->deaf_ms)
		out[n++] =
		    (struct pollfd){.fd = c->listen_fd, .events = POLLIN};
	for (size_t i = 0; i < CTL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			out[n++] = (struct pollfd){
			    .fd = c->clients[i].fd, .events = POLLIN};
	return n;
}

int64_t ctl_deadline(const struct ctl *c)
{
	int64_t next = clock_ms() < c->deaf_ms ? c->deaf_ms : CLOCK_NEVER;

	for (size_t i = 0; i < CTL_CLIENTS; i++)
		if (c->clients[i].fd >= 0 && c->clients[i].deadline_ms < next)
			next = c->clients[i].deadline_ms;
	return next;
}

/* The directory is ours alone; this holds where it was opened to others. */
static bool is_own(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* A fresh socket has room for an answer: what it does not take is lost. */
static void answer(struct ctl_client *client, const char *text)
{
	char line[CTL_ANSWER_BYTES + 1];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	if (n > 0)
		(void)send(client->fd, line,
		    (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	hang_up(client);
}

static void take_client(struct ctl *c)
{
	struct ctl_client *client = free_client(c);
	int fd = client ? accept4(c->listen_fd, NULL, NULL,
			      SOCK_CLOEXEC | SOCK_NONBLOCK)
			: -1;

	if (fd < 0) {
		// short of descriptors: it stands at the door until then
		if (errno != EAGAIN && errno != EINTR)
			c->deaf_ms = clock_ms() + CTL_DEAF_MS;
		return;
	}
	*client = (struct ctl_client){
	    .fd = fd, .deadline_ms = clock_ms() + CTL_PATIENCE_MS};
	if (!is_own(fd))
		answer(client, "refused this run belongs to another user");
}

static void take_bytes(struct ctl_client *client, ctl_fn *fn, void *context)
{
	char text[CTL_ANSWER_BYTES] = "";
	ssize_t n = recv(client->fd, client->line + client->len,
	    sizeof(client->line) - client->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(client);
		return;
	}
	client->len += (size_t)n;
	const char *end = memchr(client->line, '\n', client->len);
	if (end) {
		fn(client->line, (size_t)(end - client->line), text, context);
		answer(client, text);
	} else if (client->len == sizeof(client->line)) {
		answer(client, "usage the line is too long");
	}
}

void ctl_turn(struct ctl *c, const struct pollfd *polls, size_t count,
    ctl_fn *fn, void *context)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < count; i++) {
		if (!polls[i].revents)
			continue;
		for (size_t k = 0; k < CTL_CLIENTS; k++)
			if (c->clients[k].fd == polls[i].fd)
				take_bytes(&c->clients[k], fn, context);
	}
	for (size_t i = 0; i < count; i++)
		if (polls[i].revents && polls[i].fd == c->listen_fd)
			take_client(c);
	for (size_t k = 0; k < CTL_CLIENTS; k++)
		if (c->clients[k].fd >= 0 && c->clients[k].deadline_ms <= now)
			answer(&c->clients[k], "usage no line came in time");
}

/* ------------------------------------------------------- the other side */

/* Reads up to the line end or the end. */
static int read_answer(int fd, char out[CTL_ANSWER_BYTES])
{
	int64_t deadline = clock_ms() + CTL_ASK_MS;
	size_t len = 0;

	while (len < CTL_ANSWER_BYTES - 1) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		if (poll(&ready, 1, clock_poll_ms(deadline)) <= 0) {
			if (errno == EINTR && clock_ms() < deadline)
				continue;
			errno = ETIMEDOUT;
			return -1;
		}
		ssize_t n = recv(fd, out + len, CTL_ANSWER_BYTES - 1 - len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (memchr(out, '\n', len))
			break;
	}
	out[len] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (out[0])
		return 0;
	errno = ECONNRESET;
	return -1;
}

static int ask(int fd, const struct sockaddr_un *address, const char *line,
    char out[CTL_ANSWER_BYTES])
{
	char text[CTL_COMMAND_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s\n", line);

	if (n < 0 || n > CTL_COMMAND_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) <
		0 ||
	    send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		return -1;
	return read_answer(fd, out);
}

int ctl_ask(const char *dir, const char *line, char out[CTL_ANSWER_BYTES],
    struct error *err)
{
	struct sockaddr_un address;
	int dir_fd = open_dir(dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	// of connect, when its queue is full, and of send
	const struct timeval patience = {.tv_sec = CTL_ASK_MS / 1000};
	int rc = -1;

	if (dir_fd >= 0 && fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == 0 &&
	    make_address(dir, dir_fd, &address) == 0)
		rc = ask(fd, &address, line, out);
	if (rc < 0)
		(void)error_set_errno(err, ERROR_OS,
		    errno == ENOENT || errno == ECONNREFUSED ? "ctl.nobody"
							     : "ctl.failed",
		    "cannot ask the supervisor of '%s'", dir);
	fd_close(&fd);
	fd_close(&dir_fd);
	return rc;
}
