// SPDX-License-Identifier: MIT
/*
 * What both sides of a run have in common.  All of it is constant while they
 * run, safe for two threads by itself (queue, exchange, log), or atomic.
 */
#ifndef ENGINE_SYNC_SYNC_SHARED_H
#define ENGINE_SYNC_SYNC_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "engine/imap/imap_conn.h"
#include "engine/sync/sync_wake.h"

struct job;
struct log;
struct sync_exchange;
struct sync_ledger;
struct sync_marker;
struct sync_pairing;
struct sync_pool;
struct sync_queue;
struct sync_reporter;
struct sync_state;

struct sync_shared {
	const struct job *job;
	struct log *log;
	struct sync_reporter *reporter;
	struct sync_queue *queue;
	struct sync_exchange *exchange;
	struct sync_ledger *ledger;   /* of all lanes */
	struct sync_pool *pool;       /* the same; NULL: there is one only */
	unsigned lane;                /* 0: the leader */
	atomic_bool is_open;          /* of a further lane: it connects */
	struct sync_state *state;     /* NULL: none */
	bool state_is_old;            /* of a former run, not made now */
	struct sync_pairing *pairing; /* of all lanes; NULL: no state */
	struct sync_marker *marker;   /* NULL: none, nothing is appended */
	struct sync_wake source_wake, target_wake;
	atomic_bool interrupted; /* stop cleanly, now */
	atomic_bool changed;     /* another pass will find work */
	atomic_bool
	    needs_look; /* something was not done, and it was said why */
	/* for progress only */
	atomic_uint_fast64_t seen, copied, present, expected;
	atomic_uint_fast64_t bytes_copied, expected_bytes;
	_Atomic(char *) at_mailbox; /* of the source; lives as long as the
					     run; NULL: none yet */
};

/* What a step of a side did. */
enum sync_step {
	SYNC_STEP_IDLE,
	SYNC_STEP_WORKED,
	SYNC_STEP_ENDED
};

#endif
