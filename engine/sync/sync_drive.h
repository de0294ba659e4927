// SPDX-License-Identifier: MIT
/*
 * Steps the lanes of a run until all have ended: a lane is a pair of
 * connections, source and target, with a queue between them.  The leader, lane
 * 0, has a thread for each side, further lanes one each; with --noThreads one
 * loop drives all.  Watches for the word to stop and tells how far we are.
 */
#ifndef ENGINE_SYNC_SYNC_DRIVE_H
#define ENGINE_SYNC_SYNC_DRIVE_H

#include "engine/base/error.h"
#include "engine/sync/sync_shared.h"

struct sync_run_io;
struct sync_source;
struct sync_target;

struct sync_lane {
	struct sync_shared shared;
	struct sync_source *source;
	struct sync_target *target;
	char source_name[16], target_name[16]; /* for the log: "source#2" */
	struct error fatal; /* of a further lane: it ended the run */
};

/* Until both sides of all lanes have ended. A further lane that fails gives its
 * work back; that is said, but no error. */
void sync_drive(
    struct sync_lane *lanes, unsigned count, const struct sync_run_io *io);

#endif
