// SPDX-License-Identifier: MIT
/*
 * A loopback TCP relay that behaves like a long, narrow or broken line.
 *
 *   netdelay -u PORT [-l PORT] [-d MS] [-r BYTES] [-c N] [-C N] [-s N] [-S N]
 *            [-n CONNECTIONS]
 *
 *   -u  port of 127.0.0.1 to relay to; -l  port to listen on (0: any free one)
 *   -d  hold every byte for so many milliseconds: a round trip takes twice that
 *   -r  bytes a second, per direction and connection
 *   -c  reset the connection after N bytes from server to client; -C  the same
 *       from client to server
 *   -s  pass nothing more after N bytes from server to client, but stay
 *       connected; -S  the same from client to server
 *   -n  only the first CONNECTIONS connections have the faults of -c to -S
 *
 * Prints "port N" when it listens.  Ends with TERM, or when its standard input
 * closes.  A tool of the tests: limits are fixed, memory is not bounded by more
 * than WINDOW a direction.
 */
#ifndef _GNU_SOURCE
#	define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 64 * 1024,
	WINDOW = 8 * 1024 * 1024,
	LINES_MAX = 1000
};

/* Bytes under way, with the time they arrive at. */
struct block {
	struct block *next;
	int64_t due_us;
	size_t len, done;
	char bytes[];
};

/* One direction of a line. */
struct way {
	int from, to;
	struct block *first, **end;
	size_t held;
	int64_t passed;       /* bytes taken in so far */
	int64_t reset_after;  /* -1: never */
	int64_t silent_after; /* -1: never */
	int64_t free_us;      /* when -r lets the next byte go */
	bool resetting;       /* reset once nothing is held any more */
	bool ended, closed;
};

struct line {
	struct way up, down;
	bool broken;
};

static struct {
	int64_t delay_us, rate;
	int64_t reset_down, reset_up, silent_down, silent_up;
	int listen_port, server_port, faulty;
} options = {
    .reset_down = -1,
    .reset_up = -1,
    .silent_down = -1,
    .silent_up = -1,
    .faulty = -1,
};

static struct line *lines[LINES_MAX];
static size_t line_count;

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void way_init(
    struct way *w, int from, int to, int64_t reset_after, int64_t silent_after)
{
	*w = (struct way){.from = from,
	    .to = to,
	    .reset_after = reset_after,
	    .silent_after = silent_after};
	w->end = &w->first;
}

/* Puts bytes on the way; they arrive after the delay and at the rate. */
static void way_hold(struct way *w, const char *bytes, size_t len)
{
	struct block *b = malloc(sizeof(*b) + len);
	int64_t start = now_us();

	if (b == NULL)
		fail("malloc");
	if (options.rate > 0) {
		if (w->free_us > start)
			start = w->free_us;
		start += (int64_t)len * 1000000 / options.rate;
		w->free_us = start;
	}
	b->next = NULL;
	b->due_us = start + options.delay_us;
	b->len = len;
	b->done = 0;
	memcpy(b->bytes, bytes, len);
	*w->end = b;
	w->end = &b->next;
	w->held += len;
}

/* Reads what is there; false when the line is to be reset. */
static bool way_take(struct way *w)
{
	static char bytes[BLOCK];

	while (!w->ended && !w->resetting && w->held < WINDOW) {
		ssize_t n = recv(w->from, bytes, sizeof(bytes), 0);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0) {
			w->ended = true;
			return true;
		}
		int64_t before = w->passed;
		w->passed += n;
		if (w->reset_after >= 0 && w->passed >= w->reset_after) {
			// what is under way arrives in order, then the reset
			w->resetting = true;
			if (w->reset_after > before)
				way_hold(w, bytes,
				    (size_t)(w->reset_after - before));
			return true;
		}
		if (w->silent_after >= 0 && w->passed > w->silent_after) {
			n = before < w->silent_after
				? (ssize_t)(w->silent_after - before)
				: 0;
		}
		if (n > 0)
			way_hold(w, bytes, (size_t)n);
	}
	return true;
}

/*
 * Sends what is due.  *wait_us: time until more is due, -1 when nothing is
 * held, -2 when the receiver is slow.  False when the line is to be reset.
 */
static bool way_give(struct way *w, int64_t *wait_us)
{
	*wait_us = -1;
	while (w->first != NULL) {
		struct block *b = w->first;
		int64_t early = b->due_us - now_us();

		if (early > 0) {
			*wait_us = early;
			return true;
		}
		ssize_t n = send(
		    w->to, b->bytes + b->done, b->len - b->done, MSG_NOSIGNAL);
		if (n < 0) {
			*wait_us = -2;
			return errno == EAGAIN || errno == EINTR;
		}
		b->done += (size_t)n;
		w->held -= (size_t)n;
		if (b->done < b->len)
			continue;
		w->first = b->next;
		if (w->first == NULL)
			w->end = &w->first;
		free(b);
	}
	if (w->resetting)
		return false;
	if (w->ended && !w->closed) {
		(void)shutdown(w->to, SHUT_WR);
		w->closed = true;
	}
	return true;
}

static void way_free(struct way *w)
{
	while (w->first != NULL) {
		struct block *next = w->first->next;

		free(w->first);
		w->first = next;
	}
}

static void line_free(struct line *l)
{
	const struct linger hard = {1, 0};

	if (l->broken) {
		(void)setsockopt(
		    l->up.from, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		(void)setsockopt(
		    l->up.to, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	}
	(void)close(l->up.from);
	(void)close(l->up.to);
	way_free(&l->up);
	way_free(&l->down);
	free(l);
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};

	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static void prepare(int fd)
{
	const int on = 1;

	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void accept_line(int listening)
{
	struct sockaddr_in to = loopback(options.server_port);
	int client = accept(listening, NULL, NULL);

	if (client < 0)
		return;
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct line *l = calloc(1, sizeof(*l));
	if (server < 0 || l == NULL)
		fail("netdelay");
	if (line_count == LINES_MAX ||
	    connect(server, (struct sockaddr *)&to, sizeof(to)) < 0) {
		(void)close(client);
		(void)close(server);
		free(l);
		return;
	}
	prepare(client);
	prepare(server);
	bool faulty = options.faulty != 0;
	if (options.faulty > 0)
		options.faulty--;
	way_init(&l->up, client, server, faulty ? options.reset_up : -1,
	    faulty ? options.silent_up : -1);
	way_init(&l->down, server, client, faulty ? options.reset_down : -1,
	    faulty ? options.silent_down : -1);
	lines[line_count++] = l;
}

/* Moves the bytes of all lines; returns the longest sleep in us, -1: any. */
static int64_t move_lines(void)
{
	int64_t sleep_us = -1;

	for (size_t i = 0; i < line_count;) {
		struct line *l = lines[i];
		int64_t wait[2] = {-1, -1};

		l->broken = !(way_take(&l->up) && way_take(&l->down) &&
			      way_give(&l->up, &wait[0]) &&
			      way_give(&l->down, &wait[1]));
		if (l->broken || (l->up.closed && l->down.closed)) {
			line_free(l);
			lines[i] = lines[--line_count];
			continue;
		}
		for (int k = 0; k < 2; k++)
			if (wait[k] >= 0 &&
			    (sleep_us < 0 || wait[k] < sleep_us))
				sleep_us = wait[k];
		i++;
	}
	return sleep_us;
}

static short wanted(const struct way *in, const struct way *out, int64_t now)
{
	short events = 0;

	if (!in->ended && in->held < WINDOW)
		events |= POLLIN;
	if (out->first != NULL && out->first->due_us <= now)
		events |= POLLOUT;
	return events;
}

static void serve(int listening)
{
	static struct pollfd fds[2 + 2 * LINES_MAX];

	for (;;) {
		int64_t sleep_us = move_lines(), now = now_us();
		nfds_t n = 0;

		fds[n++] = (struct pollfd){.fd = listening, .events = POLLIN};
		fds[n++] =
		    (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
		for (size_t i = 0; i < line_count; i++) {
			const struct way *up = &lines[i]->up;
			const struct way *down = &lines[i]->down;
			short a = wanted(up, down, now);
			short b = wanted(down, up, now);

			fds[n++] = (struct pollfd){
			    .fd = a ? up->from : -1, .events = a};
			fds[n++] = (struct pollfd){
			    .fd = b ? down->from : -1, .events = b};
		}
		struct timespec t = {
		    sleep_us / 1000000, sleep_us % 1000000 * 1000};
		if (ppoll(fds, n, sleep_us < 0 ? NULL : &t, NULL) < 0)
			continue;
		if (fds[0].revents & POLLIN)
			accept_line(listening);
		char byte;
		if (fds[1].revents && read(STDIN_FILENO, &byte, 1) <= 0)
			return;
	}
}

static void read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "l:u:d:r:c:C:s:S:n:")) != -1) {
		int64_t value = optarg ? strtoll(optarg, NULL, 10) : 0;

		switch (c) {
		case 'l':
			options.listen_port = (int)value;
			break;
		case 'u':
			options.server_port = (int)value;
			break;
		case 'd':
			options.delay_us = value * 1000;
			break;
		case 'r':
			options.rate = value;
			break;
		case 'c':
			options.reset_down = value;
			break;
		case 'C':
			options.reset_up = value;
			break;
		case 's':
			options.silent_down = value;
			break;
		case 'S':
			options.silent_up = value;
			break;
		case 'n':
			options.faulty = (int)value;
			break;
		default:
			exit(64);
		}
	}
	if (options.server_port == 0) {
		(void)fprintf(stderr, "netdelay: -u PORT is needed\n");
		exit(64);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	const int on = 1;

	read_options(argc, argv);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listening < 0)
		fail("socket");
	(void)setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	a = loopback(options.listen_port);
	if (bind(listening, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(listening, 512) < 0 ||
	    getsockname(listening, (struct sockaddr *)&a, &len) < 0)
		fail("listen");
	(void)printf("port %d\n", ntohs(a.sin_port));
	(void)fflush(stdout);
	serve(listening);
	return 0;
}
