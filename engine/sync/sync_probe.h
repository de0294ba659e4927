// SPDX-License-Identifier: MIT
/*
 * A look at both sides of an account: log in, list, ask for sizes, quota and
 * limits, open INBOX (EXAMINE), map the names.  Nothing is compared, nothing
 * is changed, no message is read; a few flights of commands in all.  A side
 * that fails leaves the other one its look, and no session is opened twice: a
 * password that was refused is not tried again.
 *
 * Tells one `probe` record for each side and one for both together, `refused`
 * for each name that cannot be used, and, of a mirror, `would_delete` for each
 * mailbox that only the target has.
 */
#ifndef ENGINE_SYNC_SYNC_PROBE_H
#define ENGINE_SYNC_SYNC_PROBE_H

#include <stddef.h>

struct imap_conn_settings;
struct job_options;
struct log;
struct sync_reporter;
struct sync_result;

struct sync_probe_io {
	struct log *log;
	struct sync_reporter *reporter;
	const int *stop_fds; /* readable or closed: stop; -1: none */
	size_t stop_count;   /* at most 2 */
};

/* Blocks until both sides are done, and tells the end. */
void sync_probe_run(const struct job_options *options,
    const struct imap_conn_settings *source,
    const struct imap_conn_settings *target, const struct sync_probe_io *io,
    struct sync_result *result);

#endif
