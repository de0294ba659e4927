// SPDX-License-Identifier: MIT
#include "orchestrator/notify_systemd.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/base/fd.h"

void notify_systemd_open(struct notify_systemd *n)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = name ? strlen(name) : 0;

	*n = (struct notify_systemd){.fd = -1};
	// anything else, vsock for one, is of newer systems than ours
	if (len < 2 || (name[0] != '/' && name[0] != '@') ||
	    len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     len + (name[0] == '/'));
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd >= 0 &&
	    connect(n->fd, (const struct sockaddr *)&address, size) < 0)
		fd_close(&n->fd);
}

void notify_systemd_close(struct notify_systemd *n)
{
	fd_close(&n->fd);
}

bool notify_systemd_is_open(const struct notify_systemd *n)
{
	return n->fd >= 0;
}

static void tell(const struct notify_systemd *n, const char *text)
{
	if (n->fd >= 0)
		(void)send(
		    n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void notify_systemd_ready(struct notify_systemd *n)
{
	tell(n, "READY=1");
}

void notify_systemd_stopping(struct notify_systemd *n)
{
	tell(n, "STOPPING=1");
}

void notify_systemd_status(struct notify_systemd *n, const char *text)
{
	char line[NOTIFY_STATUS_BYTES + 16];

	if (n->fd < 0 || strcmp(text, n->last) == 0)
		return;
	(void)snprintf(n->last, sizeof(n->last), "%s", text);
	(void)snprintf(line, sizeof(line), "STATUS=%s", n->last);
	tell(n, line);
}
