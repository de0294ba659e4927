// SPDX-License-Identifier: MIT
#include "engine/sync/sync_state.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"

#define PAIR "a:143 x > b:143 y"

static char dir[] = "/tmp/test-state.XXXXXX";
static char path[64];
static struct error err;

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/state", dir);
}

static void tear_down(void)
{
	static const char *const ends[] = {"", "-wal", "-journal", ".lock",
	    ".broken", ".broken-wal", ".broken-journal"};
	char name[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void)unlink(name);
	}
	(void)rmdir(dir);
}

TestSuite(sync_state, .init = set_up, .fini = tear_down);

static struct sync_state *open_as(enum sync_state_verdict wanted)
{
	enum sync_state_verdict verdict;
	struct sync_state *state =
	    sync_state_open(path, PAIR, NULL, &verdict, &err);

	cr_assert_eq(verdict, wanted, "verdict %d: %s", verdict, err.text);
	return state;
}

static struct sync_state_box sample_box(uint32_t n)
{
	return (struct sync_state_box){
	    .source = {1000 + n, 2 + n, n, UINT64_MAX - n},
	    .target = {2000 + n, 3 + n, n, n},
	    .present = n,
	    .deleted = 2,
	    .complete = n % 2 == 1};
}

static bool is_same_side(
    const struct sync_state_side *a, const struct sync_state_side *b)
{
	return a->uidvalidity == b->uidvalidity && a->uidnext == b->uidnext &&
	       a->messages == b->messages &&
	       a->highestmodseq == b->highestmodseq;
}

static bool is_same_box(
    const struct sync_state_box *a, const struct sync_state_box *b)
{
	return is_same_side(&a->source, &b->source) &&
	       is_same_side(&a->target, &b->target) &&
	       a->present == b->present && a->deleted == b->deleted &&
	       a->complete == b->complete;
}

Test(sync_state, gives_back_what_was_put)
{
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	struct sync_state_box box = sample_box(7), read = {.present = 99};
	struct sync_state_pair pairs[] = {{5, 50}, {3, 30}, {9, 0}, {5, 51}};
	struct sync_state_pair *loaded;
	struct sync_state_intent intent = {2007, 10, 4}, got;

	cr_assert_eq(sync_state_put(state, "INBOX", "IN", &box, &err), 0);
	cr_assert_eq(
	    sync_state_add_pairs(state, "INBOX", "IN", pairs, 4, &err), 0);
	cr_assert_eq(sync_state_intend(state, "INBOX", "IN", &intent, &err), 0);
	sync_state_close(state);
	state = open_as(SYNC_STATE_OLD);
	cr_assert(sync_state_find(state, "INBOX", "IN", &read));
	cr_assert(is_same_box(&read, &box));
	cr_assert_not(sync_state_find(state, "INBOX", "INX", &read));
	cr_assert_eq(sync_state_load_pairs(state, "INBOX", "IN", &loaded), 3);
	cr_assert_eq(loaded[0].source_uid, 3);
	cr_assert_eq(loaded[1].target_uid, 51);
	cr_assert_eq(loaded[2].target_uid, 0);
	free(loaded);
	cr_assert(sync_state_any_intent(state));
	cr_assert(sync_state_has_intent(state, "INBOX", "IN", &got));
	cr_assert(
	    got.uidvalidity == 2007 && got.uidnext == 10 && got.count == 4);
	sync_state_close(state);
}
