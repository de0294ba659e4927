// SPDX-License-Identifier: MIT
/*
 * Whether a lost session is opened again, and when: only for what may pass by
 * itself, with growing waits, and not for ever without progress. Pure.
 */
#ifndef ENGINE_SYNC_SYNC_RETRY_H
#define ENGINE_SYNC_SYNC_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct error;

enum {
	SYNC_RETRY_MAX = 5
};

struct sync_retry {
	unsigned failures; /* in a row without progress */
	uint64_t progress_seen;
	bool was_ready; /* a first login that fails is not repeated here */
};

/* Milliseconds to wait before the next session, or -1: give up. `progress` is
 * any number that grows when something was done. */
int64_t sync_retry_wait_ms(
    struct sync_retry *r, const struct error *err, uint64_t progress);

#endif
