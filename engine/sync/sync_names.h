// SPDX-License-Identifier: MIT
/*
 * Mailbox names from one server to the other. Pure.
 *
 * The guide's notes (leading `.` and `~`, spaces at the ends, `\ # "`, the
 * endings .mbox .mdir .mslc), then separators level by level, then personal
 * namespaces.  Names stay in modified UTF-7; the separator is ASCII and never
 * inside an encoded run.
 */
#ifndef ENGINE_SYNC_SYNC_NAMES_H
#define ENGINE_SYNC_SYNC_NAMES_H

#include <stdbool.h>

/* How a server builds names. */
struct sync_naming {
	const char *prefix; /* personal namespace: "" or "INBOX." */
	char separator;     /* NUL: flat */
};

bool sync_names_is_inbox(const char *name);

/* The target's name as a heap string; NULL when nothing of it is left. */
char *sync_names_map(const char *source, const struct sync_naming *from,
    const struct sync_naming *to);

#endif
