// SPDX-License-Identifier: MIT
/*
 * What an operator may ask of a running batch, as one line of text and as
 * values.  Pure.
 */
#ifndef ORCHESTRATOR_CTL_COMMAND_H
#define ORCHESTRATOR_CTL_COMMAND_H

#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	CTL_COMMAND_MAX = 512, /* bytes of a line */
	CTL_NAME_BYTES = 160,
	CTL_NUMBER_MAX = 4096
};

enum ctl_verb {
	CTL_PAUSE,
	CTL_RESUME,
	CTL_DRAIN,
	CTL_STOP,
	CTL_JOBS,        /* number */
	CTL_BANDWIDTH,   /* number: bytes a second; 0: no limit */
	CTL_CONNECTIONS, /* name of a server, number */
	CTL_SKIP,        /* name: an account */
	CTL_RETRY,       /* name: an account */
	CTL_VERBS
};

struct ctl_command {
	enum ctl_verb verb;
	uint64_t number;
	char name[CTL_NAME_BYTES];
};

/* "pause", "jobs=8", "bw=20MiB/s", "server.old.connections=4", "skip=anna". */
int ctl_command_parse(const char *line, size_t len, struct ctl_command *out,
    struct error *err) __attribute__((warn_unused_result));

/* "pause", "jobs", "bw", "connections", ... */
const char *ctl_command_name(enum ctl_verb verb);

#endif
