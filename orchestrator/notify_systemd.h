// SPDX-License-Identifier: MIT
/*
 * Tells systemd how a service stands (sd_notify, by hand: the protocol is a
 * datagram to $NOTIFY_SOCKET).  Without that variable all of it does nothing.
 */
#ifndef ORCHESTRATOR_NOTIFY_SYSTEMD_H
#define ORCHESTRATOR_NOTIFY_SYSTEMD_H

#include <stdbool.h>

enum {
	NOTIFY_STATUS_BYTES = 256
};

struct notify_systemd {
	int fd; /* -1: nobody listens */
	char last[NOTIFY_STATUS_BYTES];
};

/* Reads $NOTIFY_SOCKET: a path, or "@name" of the abstract kind. */
void notify_systemd_open(struct notify_systemd *n);
void notify_systemd_close(struct notify_systemd *n);

bool notify_systemd_is_open(const struct notify_systemd *n);

/* Never block; what is not taken is lost. */
void notify_systemd_ready(struct notify_systemd *n);
void notify_systemd_stopping(struct notify_systemd *n);

/* One line; the same one again is not sent. */
void notify_systemd_status(struct notify_systemd *n, const char *text);

#endif
