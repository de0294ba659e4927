// SPDX-License-Identifier: MIT
#include "tests/unit/support/state_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char state_fixture_folder[] = "/tmp/test-state.XXXXXX";
char state_fixture_path[64];
struct error state_fixture_err;

void state_fixture_set_up(void)
{
	cr_assert_not_null(mkdtemp(state_fixture_folder));
	(void)snprintf(state_fixture_path, sizeof(state_fixture_path),
	    "%s/state", state_fixture_folder);
}

void state_fixture_tear_down(void)
{
	static const char *const ends[] = {"", "-wal", "-journal", ".lock",
	    ".broken", ".broken-wal", ".broken-journal", ".other"};
	char name[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(
		    name, sizeof(name), "%s%s", state_fixture_path, ends[i]);
		(void)unlink(name);
	}
	(void)rmdir(state_fixture_folder);
}

struct sync_state *state_fixture_open_as(enum sync_state_verdict wanted)
{
	enum sync_state_verdict verdict;
	struct sync_state *state = sync_state_open(state_fixture_path,
	    STATE_FIXTURE_PAIR, NULL, &verdict, &state_fixture_err);

	cr_assert_eq(
	    verdict, wanted, "verdict %d: %s", verdict, state_fixture_err.text);
	return state;
}

struct sync_state_box state_fixture_sample_box(uint32_t n)
{
	return (struct sync_state_box){
	    .source = {1000 + n, 2 + n, n, UINT64_MAX - n},
	    .target = {2000 + n, 3 + n, n, n},
	    .present = n,
	    .deleted = 2,
	    .complete = n % 2 == 1};
}

static bool state_fixture_is_same_side(
    const struct sync_state_side *a, const struct sync_state_side *b)
{
	return a->uidvalidity == b->uidvalidity && a->uidnext == b->uidnext &&
	       a->messages == b->messages &&
	       a->highestmodseq == b->highestmodseq;
}

bool state_fixture_is_same_box(
    const struct sync_state_box *a, const struct sync_state_box *b)
{
	return state_fixture_is_same_side(&a->source, &b->source) &&
	       state_fixture_is_same_side(&a->target, &b->target) &&
	       a->present == b->present && a->deleted == b->deleted &&
	       a->complete == b->complete;
}

struct sync_state_intent state_fixture_sample_intent(
    uint32_t uidnext, uint32_t count)
{
	return (struct sync_state_intent){2001, uidnext, count};
}

/* A state with one mailbox and `count` pairs (n, 10 n), `step` at a time. */
void state_fixture_fill(struct sync_state *state, uint32_t count, uint32_t step)
{
	struct sync_state_box box = state_fixture_sample_box(1);
	struct sync_state_intent intent = state_fixture_sample_intent(1, step);

	cr_assert_eq(
	    sync_state_put(state, "INBOX", "IN", &box, &state_fixture_err), 0);
	for (uint32_t i = 1; i <= count; i++) {
		struct sync_state_pair pair = {i, 10 * i};
		cr_assert_eq(sync_state_add_pairs(state, "INBOX", "IN", &pair,
				 1, &state_fixture_err),
		    0, "%s", state_fixture_err.text);
		if (i % step == 0)
			cr_assert_eq(sync_state_intend(state, "INBOX", "IN",
					 &intent, &state_fixture_err),
			    0);
	}
}

size_t state_fixture_count_right_pairs(struct sync_state *state)
{
	struct sync_state_pair *pairs;
	size_t n = sync_state_load_pairs(state, "INBOX", "IN", &pairs);

	for (size_t i = 0; i < n; i++) {
		cr_assert_neq(pairs[i].source_uid, 0);
		cr_assert_eq(pairs[i].target_uid, 10 * pairs[i].source_uid);
		cr_assert(
		    i == 0 || pairs[i - 1].source_uid < pairs[i].source_uid);
	}
	free(pairs);
	return n;
}

char *state_fixture_read_all(const char *name, size_t *len)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	cr_assert(fd >= 0 && fstat(fd, &st) == 0);
	char *bytes = calloc(1, (size_t)st.st_size + 1);
	cr_assert_eq(read(fd, bytes, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	*len = (size_t)st.st_size;
	return bytes;
}

void state_fixture_write_all(const char *name, const void *bytes, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	(void)close(fd);
}

void state_fixture_run_sql(const char *name, const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(name, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
	    sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

void state_fixture_refused_as(
    enum sync_state_verdict wanted, const char *pair_key)
{
	enum sync_state_verdict verdict;

	cr_assert_null(sync_state_open(
	    state_fixture_path, pair_key, NULL, &verdict, &state_fixture_err));
	cr_assert_eq(
	    verdict, wanted, "verdict %d: %s", verdict, state_fixture_err.text);
	cr_assert_neq(state_fixture_err.text[0], '\0');
}
