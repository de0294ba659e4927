// SPDX-License-Identifier: MIT
/*
 * Whether a lost session is opened again, and when: only for what may pass by
 * itself, with growing waits or as long as the server asks, and not for ever
 * without progress. Pure.
 */
#ifndef ENGINE_SYNC_SYNC_RETRY_H
#define ENGINE_SYNC_SYNC_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/imap/imap_refusal.h"

struct error;

enum {
	SYNC_RETRY_MAX = 5,
	SYNC_RETRY_WAIT_MAX_MS = 15 * 60 * 1000 /* asked for; longer: the run
						   ends */
};

struct sync_retry {
	unsigned failures; /* in a row without progress */
	uint64_t progress_seen;
	bool was_ready;    /* a first login that fails is not repeated here */
	uint32_t asked_ms; /* what the server asks us to wait; 0: nothing */
};

/* A command that the server refused for now. */
struct sync_retry_refusal {
	const char *side, *verb;
	enum imap_refusal meaning;
	const char *words;
	int64_t now_wall_ms;
};

/* The session has to end for it: -1 with the error that says so. When the
 * server asks for a long wait, or means tomorrow, it ends the run. */
int sync_retry_later(struct sync_retry *r,
    const struct sync_retry_refusal *refusal, struct error *err);

/* Milliseconds to wait before the next session, or -1: give up. `progress` is
 * any number that grows when something was done. */
int64_t sync_retry_wait_ms(
    struct sync_retry *r, const struct error *err, uint64_t progress);

#endif
