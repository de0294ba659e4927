// SPDX-License-Identifier: MIT
/* A state file in a folder of its own, for the tests of sync_state. */
#ifndef TESTS_UNIT_SUPPORT_STATE_FIXTURE_H
#define TESTS_UNIT_SUPPORT_STATE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/sync/sync_state.h"

#define STATE_FIXTURE_PAIR "a:143 x > b:143 y"

extern char state_fixture_folder[];
extern char state_fixture_path[64];
extern struct error state_fixture_err; /* of the last call */

void state_fixture_set_up(void);
void state_fixture_tear_down(void);

/* Opens it; the verdict must be this one. */
struct sync_state *state_fixture_open_as(enum sync_state_verdict wanted);

/* Opens it for this pair; none is given, for this reason. */
void state_fixture_refused_as(
    enum sync_state_verdict wanted, const char *pair_key);

struct sync_state_box state_fixture_sample_box(uint32_t n);
struct sync_state_intent state_fixture_sample_intent(
    uint32_t uidnext, uint32_t count);
bool state_fixture_is_same_box(
    const struct sync_state_box *a, const struct sync_state_box *b);

/* One mailbox and `count` pairs (n, 10 n), an intent every `step`; and how many
 * of these pairs are there, all of them right. */
void state_fixture_fill(
    struct sync_state *state, uint32_t count, uint32_t step);
size_t state_fixture_count_right_pairs(struct sync_state *state);

/* Files as a whole, and what SQL does to one. */
char *state_fixture_read_all(const char *name, size_t *len);
void state_fixture_write_all(const char *name, const void *bytes, size_t len);
void state_fixture_run_sql(const char *name, const char *sql);

#endif
