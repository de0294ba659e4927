// SPDX-License-Identifier: MIT
/*
 * A small file that stands while a run is at work on an account pair: held by a
 * lock, removed when every APPEND was answered.  One that is found without a
 * lock was left by a run that was killed, or that ended in doubt: the server
 * may still obey what that run had sent.  It also tells whether that run had
 * sent anything, and how long answers took: one that was killed before its first
 * APPEND leaves nothing to wait for.
 *
 * It lies in a folder that is ours alone: mailconvoy in $XDG_RUNTIME_DIR, else
 * in /run/user/UID, else /tmp/mailconvoy-UID.  It tells nothing of runs of
 * other users, on other machines, or from before the folder was made: such a
 * folder comes and goes with a login, a service or a boot.
 */
#ifndef ENGINE_SYNC_SYNC_MARKER_H
#define ENGINE_SYNC_SYNC_MARKER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct log;
struct sync_marker;

enum sync_marker_verdict {
	SYNC_MARKER_FREE,   /* no former run left anything under way */
	SYNC_MARKER_LEFT,   /* one was killed, or ended in doubt */
	SYNC_MARKER_UNKNOWN /* the folder is new, or could not be used */
};

/*
 * Takes the marker of the pair, which `pair_key` names. NULL only when another
 * engine copies the same pair now: ERROR_IO, "local.locked". Without a folder
 * the run goes on, unmarked.
 */
struct sync_marker *sync_marker_take(const char *pair_key, struct log *log,
    struct error *err) __attribute__((warn_unused_result));

/* Where markers lie; makes the folder when it is missing. False: nowhere. */
bool sync_marker_folder(char path[PATH_MAX]);

/* What was found. */
enum sync_marker_verdict sync_marker_verdict(const struct sync_marker *marker);

/* Of runs that left it: how long the slowest answer to an APPEND took. 0 when
 * none came. */
int64_t sync_marker_left_ms(const struct sync_marker *marker);

/* An APPEND is about to be sent; one was answered after this time. NULL is fine.
 * From any thread. */
void sync_marker_sending(struct sync_marker *marker);
void sync_marker_answered(struct sync_marker *marker, int64_t took_ms);

/* NULL is fine. A marker that stays tells the next run to wait. */
void sync_marker_release(struct sync_marker *marker, bool stays);

#endif
