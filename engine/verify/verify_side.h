// SPDX-License-Identifier: MIT
/*
 * One side of a comparison: a session that lists its mailboxes one behind the
 * other, in a pipeline, digests what comes, and opens again when it is lost.
 * Stepped by a loop; never blocks; changes nothing on its server.
 */
#ifndef ENGINE_VERIFY_VERIFY_SIDE_H
#define ENGINE_VERIFY_VERIFY_SIDE_H

#include <poll.h>
#include <stdint.h>

#include "engine/verify/verify_board.h"

struct verify_side;

enum verify_step {
	VERIFY_STEP_IDLE,
	VERIFY_STEP_WORKED,
	VERIFY_STEP_ENDED
};

/* The board is borrowed. */
struct verify_side *verify_side_new(
    struct verify_board *board, enum verify_side_name name);
void verify_side_free(struct verify_side *side);

enum verify_step verify_side_step(struct verify_side *side);
void verify_side_poll(
    struct verify_side *side, struct pollfd *out, int64_t *deadline_ms);

/* Why it ended early, or NULL. */
const struct error *verify_side_error(const struct verify_side *side);

#endif
