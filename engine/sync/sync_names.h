// SPDX-License-Identifier: MIT
/*
 * Mailbox names from one server to the other. Pure.
 *
 * In this order: INBOX is INBOX; --source, or else the source's personal
 * namespace, is taken off; a --renameMailbox rule; otherwise the guide's notes
 * (leading `.` and `~`, spaces at the ends, `\ # "`, the endings .mbox .mdir
 * .mslc), then separators level by level, then what is no modified UTF-7 is
 * made so; last --target, or else the target's personal namespace, is put
 * before it.
 *
 * --source is taken off as plain text, also when it ends inside a level:
 * without its separator "abc" makes "/x" of "abc/x" and "d" of "abcd".
 *
 * Names stay in modified UTF-7; the separator is ASCII and never inside an
 * encoded run.
 */
#ifndef ENGINE_SYNC_SYNC_NAMES_H
#define ENGINE_SYNC_SYNC_NAMES_H

#include <stdbool.h>

struct job_options;

/* How a server builds names. */
struct sync_naming {
	const char *prefix; /* personal namespace: "" or "INBOX." */
	char separator;     /* NUL: flat */
};

bool sync_names_is_inbox(const char *name);

/* Does `name` begin with `prefix`? A first level INBOX in any spelling. */
bool sync_names_begins(const char *name, const char *prefix);

/* The name as listed, without --source or the personal namespace; points into
 * `source`. */
const char *sync_names_plain(const char *source, const struct sync_naming *from,
    const struct job_options *options);

/* `*` and `?` also match the separator; INBOX as the first level of a pattern
 * matches any spelling. */
bool sync_names_match(const char *pattern, const char *name, char separator);

/* The target's name as a heap string; NULL when nothing of it is left, or when
 * it would be the real INBOX's. A renamed one is as the user wrote it; what a
 * `*` stands for comes from the source and is translated like other names. */
char *sync_names_map(const char *source, const struct sync_naming *from,
    const struct sync_naming *to, const struct job_options *options);

#endif
