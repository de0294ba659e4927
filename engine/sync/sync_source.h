// SPDX-License-Identifier: MIT
/*
 * The source side: inventories, lists what its mailboxes hold, takes out what
 * the target has already, and fetches the rest into the queue.  Opens
 * mailboxes with EXAMINE and reads with BODY.PEEK only: nothing on the source
 * ever changes.  Stepped by a poll loop.
 */
#ifndef ENGINE_SYNC_SYNC_SOURCE_H
#define ENGINE_SYNC_SYNC_SOURCE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/sync/sync_shared.h"

struct error;
struct sync_plan;
struct sync_source;

struct sync_source *sync_source_new(
    struct sync_shared *shared, const struct imap_conn_settings *settings);
void sync_source_free(struct sync_source *src);

/* Does what can be done now. */
enum sync_step sync_source_step(struct sync_source *src);

/* What to poll for when a step was idle. */
void sync_source_poll(
    struct sync_source *src, struct pollfd *out, int64_t *deadline_ms);

/* After the end: NULL when all went well, and the plan (may be NULL). */
const struct error *sync_source_error(const struct sync_source *src);
struct sync_plan *sync_source_plan(struct sync_source *src);

/* After the end of a further lane: what it has not fetched goes back to the
 * pool; how many parts. */
size_t sync_source_give_back(struct sync_source *src);

/* After the end of all lanes: adds what this one has done to the plan. */
void sync_source_merge(const struct sync_source *from, struct sync_plan *plan);

#endif
