// SPDX-License-Identifier: MIT
/*
 * What the parts of the library of failing calls share.  Hidden: it is preloaded, and
 * must not stand in the place of names that programs have.
 */
#ifndef TESTS_SUPPORT_FAILING_CALLS_H
#define TESTS_SUPPORT_FAILING_CALLS_H

#include <stdbool.h>

#define CALLER __builtin_return_address(0)

enum family {
	MEMORY,  /* asked for by the program itself */
	LIBRARY, /* asked for by a library, libc included */
	READ,    /* of plain files */
	RECEIVE, /* of all else */
	WRITE,
	SEND,
	SYNC,
	RENAME,
	OPEN,
	PROCESS,
	THREAD,
	DESCRIPTOR, /* sockets, pipes and what else has no name */
	CONNECT,
	MAP,
	TRUNCATE,
	UNLINK,
	RANDOM,
	MKDIR,
	LOCK,
	STAT,
	CHMOD,
	POLL,
	WAIT,
	RESOLVE,
	FAMILIES
};

#pragma GCC visibility push(hidden)

/* Counts the call; true: it is to fail, errno is set. */
bool calls_fails(enum family family, const void *caller);

/* With CALLS_STUTTER every other time, then errno is EINTR. */
bool calls_is_interrupted(void);

/* The call of that name behind ours. */
void *calls_next(const char *name);

#pragma GCC visibility pop

#endif
