// SPDX-License-Identifier: MIT
/*
 * This process gives up what it does not need, for good (Landlock, Linux 5.13
 * and later): files it was not told of, programs, TCP to other ports.  What is
 * open already stays usable.  Older kernels and other systems confine less, or
 * nothing; confine_seal() tells how much.
 *
 *   confine_begin(&c); confine_read(&c, "/etc"); ... confine_seal(&c, &what);
 *
 * After confine_begin() every path and port must be named that is still to be
 * opened.  Nothing is given up before confine_seal().
 */
#ifndef ENGINE_BASE_CONFINE_H
#define ENGINE_BASE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct confine {
	int fd;         /* of the rules; -1: none, or one of them failed */
	int failed;     /* errno of that one */
	int version;    /* of the kernel's interface; 0: none */
	bool has_ports; /* it knows of TCP ports */
};

enum confine_verdict {
	CONFINE_DONE,
	CONFINE_DONE_WITHOUT_PORTS, /* files only */
	CONFINE_UNKNOWN,            /* the kernel cannot do it */
	CONFINE_FAILED              /* errno tells why; nothing was given up */
};

void confine_begin(struct confine *c);

/* A file, or a folder with all below it.  What is not there is left out. */
void confine_read(struct confine *c, const char *path);

/* A folder in which files may be made, changed and removed. */
void confine_write(struct confine *c, const char *folder);

/* A TCP port, on every host: the kernel knows no hosts. */
void confine_connect(struct confine *c, uint16_t port);

/* From here on only what was named; also for threads to come, and for good. */
enum confine_verdict confine_seal(struct confine *c);

#endif
