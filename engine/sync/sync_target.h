// SPDX-License-Identifier: MIT
/*
 * The target side: inventories, creates and subscribes, tells the source what
 * its mailboxes hold, and appends what comes through the queue.  A message is
 * counted as copied only after the tagged OK of its APPEND, or when it was
 * found on the target.  Stepped by a poll loop.
 */
#ifndef ENGINE_SYNC_SYNC_TARGET_H
#define ENGINE_SYNC_SYNC_TARGET_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/sync/sync_shared.h"

struct error;
struct sync_target;

struct sync_target *sync_target_new(
    struct sync_shared *shared, const struct imap_conn_settings *settings);
void sync_target_free(struct sync_target *dst);

/* Does what can be done now. */
enum sync_step sync_target_step(struct sync_target *dst);

/* What to poll for when a step was idle. */
void sync_target_poll(
    struct sync_target *dst, struct pollfd *out, int64_t *deadline_ms);

/* After the end: has the server answered for all that was appended, by this run
 * and by those before? */
bool sync_target_is_settled(const struct sync_target *dst);

/* The same of this run alone: a former one may have something under way. */
bool sync_target_is_answered(const struct sync_target *dst);

/* After the end: NULL when all went well. */
const struct error *sync_target_error(const struct sync_target *dst);

/* After the end of a further lane: what was not answered for goes back to the
 * pool; how many messages. */
size_t sync_target_give_back(struct sync_target *dst);

#endif
