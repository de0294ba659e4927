// SPDX-License-Identifier: MIT
#include "engine/sync/sync_retry.h"

#include <string.h>

#include "engine/base/clock.h"
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

/* What the refusal makes of the run. */
static int judge(
    const struct sync_retry_refusal *refusal, int64_t asked, struct error *err)
{
	enum {
		MINUTE_MS = 60000
	};

	char when[CLOCK_TEXT_BYTES];

	if (refusal->meaning == IMAP_REFUSAL_DAILY_LIMIT)
		return error_set(err, ERROR_DEFERRED, "throttle.daily",
		    "%s: %s refused, a limit of the day is reached: '%s'; run again tomorrow",
		    refusal->side, refusal->verb, refusal->words);
	if (asked > SYNC_RETRY_WAIT_MAX_MS) {
		clock_format(refusal->now_wall_ms + asked, when);
		return error_set(err, ERROR_DEFERRED, "throttle.later",
		    "%s: %s refused, the server asks to wait %u minutes: '%s'; run again after %s",
		    refusal->side, refusal->verb,
		    (unsigned)((asked + MINUTE_MS - 1) / MINUTE_MS),
		    refusal->words, when);
	}
	return error_set(err, ERROR_IO, "throttle",
	    "%s: %s refused for now: '%s'", refusal->side, refusal->verb,
	    refusal->words);
}

int sync_retry_later(struct sync_retry *r,
    const struct sync_retry_refusal *refusal, struct error *err)
{
	r->asked_ms = imap_refusal_wait_ms(refusal->words);
	(void)judge(refusal, r->asked_ms, err);
	err->wait_ms = r->asked_ms;
	return -1;
}

int64_t sync_retry_wait_ms(
    struct sync_retry *r, const struct error *err, uint64_t progress)
{
	int64_t asked = r->asked_ms;

	r->asked_ms = 0;
	if (!r->was_ready || !may_pass(err))
		return -1;
	if (progress != r->progress_seen)
		r->failures = 0;
	r->progress_seen = progress;
	if (++r->failures >= SYNC_RETRY_MAX)
		return -1;
	if (asked > 0)
		return asked;
	int64_t wait = (int64_t)FIRST_WAIT_MS << (r->failures - 1);
	if (wait > MAX_WAIT_MS)
		wait = MAX_WAIT_MS;
	// the server may still be working on what we gave up waiting for
	if (err->kind == ERROR_TIMEOUT && wait < AFTER_TIMEOUT_MS)
		wait = AFTER_TIMEOUT_MS;
	return wait;
}
