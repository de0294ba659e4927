// SPDX-License-Identifier: MIT
/* --copyMailboxClass as a part of a run: before and after both sides. */
#ifndef ENGINE_SYNC_SYNC_CLASS_RUN_H
#define ENGINE_SYNC_SYNC_CLASS_RUN_H

struct sync_class_run;
struct sync_plan;
struct sync_run_io;
struct sync_shared;

/* Reads the source's classes; NULL when not asked for or when they cannot be
 * had, which is warned of and loses no message. Blocks, as the other does. */
struct sync_class_run *sync_class_run_begin(
    struct sync_shared *shared, const struct sync_run_io *io);

/* Sets what differs on the target and counts it in plan->beside. */
void sync_class_run_end(struct sync_class_run *run, struct sync_shared *shared,
    struct sync_plan *plan);

void sync_class_run_free(struct sync_class_run *run);

#endif
