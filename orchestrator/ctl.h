// SPDX-License-Identifier: MIT
/*
 * The door through which an operator speaks to a running batch: a UNIX socket
 * in the directory of the run, 0600, one line in, one line out.  Knows nothing
 * of what the lines mean.
 *
 * An answer begins with "ok", "usage" or "refused".
 */
#ifndef ORCHESTRATOR_CTL_H
#define ORCHESTRATOR_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/ctl_command.h"

struct error;
struct pollfd;

enum {
	CTL_CLIENTS = 4, /* at once; others wait in the queue */
	CTL_POLLS = CTL_CLIENTS + 1,
	CTL_PATIENCE_MS = 5000, /* until the line is there */
	CTL_DEAF_MS = 1000,     /* short of descriptors: nobody is let in */
	CTL_ANSWER_BYTES = 1024,
	CTL_ASK_MS = 15000 /* until the answer is there */
};

struct ctl_client {
	int fd; /* -1: free */
	int64_t deadline_ms;
	size_t len;
	char line[CTL_COMMAND_MAX];
};

struct ctl {
	int dir_fd, listen_fd; /* -1: closed */
	int64_t deaf_ms;       /* nobody is let in before */
	struct ctl_client clients[CTL_CLIENTS];
};

/* Fills answer with a text of one line, without its end. */
typedef void ctl_fn(
    const char *line, size_t len, char answer[CTL_ANSWER_BYTES], void *context);

void ctl_init(struct ctl *c);

/* Makes <dir>/ctl.sock; one that is left over is removed: the caller holds the
 * lock of the plan. */
int ctl_open(struct ctl *c, const char *dir, struct error *err)
    __attribute__((warn_unused_result));

/* Removes the socket too. */
void ctl_close(struct ctl *c);

/* What to wait for: at most CTL_POLLS. */
size_t ctl_polls(const struct ctl *c, struct pollfd *out);
int64_t ctl_deadline(const struct ctl *c);

/* Takes what came, answers, hangs up on who is too slow. Never blocks. */
void ctl_turn(struct ctl *c, const struct pollfd *polls, size_t count,
    ctl_fn *fn, void *context);

/* The other side: asks the supervisor of a run. -1: nobody is there, or no
 * answer came. */
int ctl_ask(const char *dir, const char *line, char out[CTL_ANSWER_BYTES],
    struct error *err) __attribute__((warn_unused_result));

#endif
