// SPDX-License-Identifier: MIT
#include "engine/sync/sync_retry.h"

#include <string.h>

#include "engine/base/error.h"

enum {
	FIRST_WAIT_MS = 250,
	MAX_WAIT_MS = 8000,
	AFTER_TIMEOUT_MS = 2000
};

/* A broken stream may be an accident; what a peer is, is none. */
static bool may_pass(const struct error *err)
{
	return err->kind == ERROR_IO || err->kind == ERROR_TIMEOUT ||
	       strcmp(err->reason, "proto.bad_literal") == 0 ||
	       strcmp(err->reason, "proto.sync") == 0 ||
	       strcmp(err->reason, "proto.syntax") == 0;
}

int64_t sync_retry_wait_ms(
    struct sync_retry *r, const struct error *err, uint64_t progress)
{
	if (!r->was_ready || !may_pass(err))
		return -1;
	if (progress != r->progress_seen)
		r->failures = 0;
	r->progress_seen = progress;
	if (++r->failures >= SYNC_RETRY_MAX)
		return -1;
	int64_t wait = (int64_t)FIRST_WAIT_MS << (r->failures - 1);
	if (wait > MAX_WAIT_MS)
		wait = MAX_WAIT_MS;
	// the server may still be working on what we gave up waiting for
	if (err->kind == ERROR_TIMEOUT && wait < AFTER_TIMEOUT_MS)
		wait = AFTER_TIMEOUT_MS;
	return wait;
}
