// SPDX-License-Identifier: MIT
#include "engine/sync/sync_state.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "tests/unit/support/state_fixture.h"

TestSuite(
    sync_state, .init = state_fixture_set_up, .fini = state_fixture_tear_down);

Test(sync_state, gives_back_what_was_put)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	struct sync_state_box box = state_fixture_sample_box(7),
			      read = {.present = 99};
	struct sync_state_pair pairs[] = {{5, 50}, {3, 30}, {9, 0}, {5, 51}};
	struct sync_state_pair *loaded;
	struct sync_state_intent intent = {2007, 10, 4}, got;

	cr_assert_eq(
	    sync_state_put(state, "INBOX", "IN", &box, &state_fixture_err), 0);
	cr_assert_eq(sync_state_add_pairs(
			 state, "INBOX", "IN", pairs, 4, &state_fixture_err),
	    0);
	cr_assert_eq(sync_state_intend(
			 state, "INBOX", "IN", &intent, &state_fixture_err),
	    0);
	sync_state_close(state);
	state = state_fixture_open_as(SYNC_STATE_OLD);
	cr_assert(sync_state_find(state, "INBOX", "IN", &read));
	cr_assert(state_fixture_is_same_box(&read, &box));
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

Test(sync_state, keeps_odd_names_apart)
{
	char *long_name = calloc(1, 65537), *longer = calloc(1, 65538);
	memset(long_name, 'x', 65536);
	memset(longer, 'x', 65537);
	const char *names[][2] = {{"", ""}, {"a", "bc"}, {"ab", "c"},
	    {"\xff\xfe\x80", "\xc3("}, {"'; DROP TABLE pairs; --", "\"[]`"},
	    {"\n\r\t\x01", "%s%n"}, {long_name, "x"}, {long_name, longer},
	    {longer, long_name}, {"inbox", "INBOX"}, {"INBOX", "inbox"}};
	size_t count = sizeof(names) / sizeof(names[0]);
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);

	for (uint32_t i = 0; i < count; i++) {
		struct sync_state_box box = state_fixture_sample_box(i);
		struct sync_state_pair pair = {i + 1, i + 2};
		cr_assert_eq(sync_state_put(state, names[i][0], names[i][1],
				 &box, &state_fixture_err),
		    0);
		cr_assert_eq(sync_state_add_pairs(state, names[i][0],
				 names[i][1], &pair, 1, &state_fixture_err),
		    0);
	}
	sync_state_close(state);
	state = state_fixture_open_as(SYNC_STATE_OLD);
	for (uint32_t i = 0; i < count; i++) {
		struct sync_state_box box = state_fixture_sample_box(i), read;
		struct sync_state_pair *pair;
		cr_assert(
		    sync_state_find(state, names[i][0], names[i][1], &read));
		cr_assert(state_fixture_is_same_box(&read, &box));
		cr_assert_eq(sync_state_load_pairs(
				 state, names[i][0], names[i][1], &pair),
		    1);
		cr_assert_eq(pair->source_uid, i + 1);
		free(pair);
	}
	sync_state_close(state);
	free(long_name);
	free(longer);
}

/* F188, F189 */
Test(sync_state, another_uidvalidity_drops_the_pairs)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	struct sync_state_box box = state_fixture_sample_box(1);

	for (int side = 0; side < 2; side++) {
		state_fixture_fill(state, 100, 1000);
		cr_assert_eq(sync_state_put(state, "INBOX", "IN", &box,
				 &state_fixture_err),
		    0);
		cr_assert_eq(state_fixture_count_right_pairs(state), 100);
		*(side ? &box.source.uidvalidity : &box.target.uidvalidity) =
		    77;
		cr_assert_eq(sync_state_put(state, "INBOX", "IN", &box,
				 &state_fixture_err),
		    0);
		cr_assert_eq(state_fixture_count_right_pairs(state), 0);
		box = state_fixture_sample_box(1);
	}
	box.target.uidvalidity = 0; // not told: nothing can hold for it
	cr_assert_eq(
	    sync_state_put(state, "INBOX", "IN", &box, &state_fixture_err), 0);
	struct sync_state_pair pair = {1, 10};
	cr_assert_eq(sync_state_add_pairs(
			 state, "INBOX", "IN", &pair, 1, &state_fixture_err),
	    0);
	cr_assert_eq(sync_state_add_pairs(
			 state, "never", "put", &pair, 1, &state_fixture_err),
	    0);
	cr_assert_eq(state_fixture_count_right_pairs(state), 0);
	sync_state_close(state);
}

Test(sync_state, forgets_a_mailbox_and_no_other)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	struct sync_state_box box = state_fixture_sample_box(2);
	struct sync_state_intent intent = state_fixture_sample_intent(1, 1);

	state_fixture_fill(state, 5000, 1000);
	cr_assert_eq(
	    sync_state_put(state, "b", "b", &box, &state_fixture_err), 0);
	cr_assert_eq(
	    sync_state_forget(state, "INBOX", "IN", &state_fixture_err), 0);
	cr_assert_not(sync_state_find(state, "INBOX", "IN", &box));
	cr_assert_not(sync_state_has_intent(state, "INBOX", "IN", &intent));
	cr_assert_not(sync_state_any_intent(state));
	cr_assert_eq(state_fixture_count_right_pairs(state), 0);
	cr_assert(sync_state_find(state, "b", "b", &box));
	sync_state_close(state);
}

/* F096-F101: what may have arrived is known from the lowest UID on. */
Test(sync_state, an_intent_grows_until_it_is_settled)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	struct sync_state_intent a = {5, 100, 3}, b = {5, 90, 4}, c = {6, 7, 1};
	struct sync_state_intent got = {0};

	cr_assert_not(sync_state_has_intent(state, "m", "m", &got));
	cr_assert_eq(
	    sync_state_intend(state, "m", "m", &a, &state_fixture_err), 0);
	cr_assert_eq(
	    sync_state_intend(state, "m", "m", &b, &state_fixture_err), 0);
	cr_assert_eq(
	    sync_state_intend(state, "m", "m", &a, &state_fixture_err), 0);
	cr_assert(sync_state_has_intent(state, "m", "m", &got));
	cr_assert(got.uidnext == 90 && got.count == 10);
	cr_assert_eq(
	    sync_state_intend(state, "m", "m", &c, &state_fixture_err), 0);
	cr_assert(sync_state_has_intent(state, "m", "m", &got));
	cr_assert(got.uidvalidity == 6 && got.uidnext == 7 && got.count == 1);
	cr_assert(sync_state_any_intent(state));
	cr_assert_eq(
	    sync_state_settled(state, "m", "m", &state_fixture_err), 0);
	cr_assert_eq(
	    sync_state_settled(state, "none", "none", &state_fixture_err), 0);
	cr_assert_not(sync_state_any_intent(state));
	sync_state_close(state);
}

Test(sync_state, drops_what_vanished)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	uint32_t kept[6000];
	size_t n = 0;

	state_fixture_fill(state, 10000, 3000);
	for (uint32_t uid = 1; uid <= 10000; uid++)
		if (uid > 4096 && uid % 2 == 0)
			kept[n++] = uid;
	cr_assert_eq(sync_state_drop_missing(
			 state, "INBOX", "IN", kept, n, &state_fixture_err),
	    0);
	cr_assert_eq(state_fixture_count_right_pairs(state), n);
	cr_assert_eq(sync_state_drop_missing(
			 state, "INBOX", "IN", kept, 0, &state_fixture_err),
	    0);
	cr_assert_eq(state_fixture_count_right_pairs(state), 0);
	sync_state_close(state);
}

Test(sync_state, many_small_commits_become_few_chunks)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	struct sync_state_box box = state_fixture_sample_box(1);

	state_fixture_fill(state, 5000, 10);
	cr_assert_eq(
	    sync_state_put(state, "INBOX", "IN", &box, &state_fixture_err), 0);
	cr_assert_eq(state_fixture_count_right_pairs(state), 5000);
	sync_state_close(state);
	state_fixture_run_sql(state_fixture_path,
	    "CREATE TEMP TABLE t(n CHECK(n = 2));"
	    "INSERT INTO t SELECT count(*) FROM pairs");
	state = state_fixture_open_as(SYNC_STATE_OLD);
	cr_assert_eq(state_fixture_count_right_pairs(state), 5000);
	sync_state_close(state);
}

/* ---------------------------------------------------------------- verdicts */

static void refused_and_untouched(
    enum sync_state_verdict wanted, const char *pair_key)
{
	size_t before_len, after_len;
	char *before = state_fixture_read_all(state_fixture_path, &before_len);

	state_fixture_refused_as(wanted, pair_key);
	char *after = state_fixture_read_all(state_fixture_path, &after_len);
	cr_assert_eq(before_len, after_len);
	cr_assert_eq(memcmp(before, after, before_len), 0);
	free(before);
	free(after);
}

/* F169: another account */
Test(sync_state, leaves_the_file_of_another_account_alone)
{
	sync_state_close(state_fixture_open_as(SYNC_STATE_NEW));
	refused_and_untouched(SYNC_STATE_OTHER_ACCOUNT, "somebody else");
	refused_and_untouched(SYNC_STATE_OTHER_ACCOUNT, "");
	sync_state_close(state_fixture_open_as(SYNC_STATE_OLD));
}

/* F169: another version */
Test(sync_state, leaves_the_file_of_a_newer_version_alone)
{
	sync_state_close(state_fixture_open_as(SYNC_STATE_NEW));
	state_fixture_run_sql(state_fixture_path, "PRAGMA user_version=2");
	refused_and_untouched(SYNC_STATE_NEWER_VERSION, STATE_FIXTURE_PAIR);
}

Test(sync_state, leaves_what_is_not_ours_alone)
{
	static const char *const contents[] = {"x", "my thesis, chapter one",
	    "SQLite format 3", "SQLite format 3x and then something else"};

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		state_fixture_write_all(
		    state_fixture_path, contents[i], strlen(contents[i]));
		refused_and_untouched(SYNC_STATE_FOREIGN, STATE_FIXTURE_PAIR);
	}
	(void)unlink(state_fixture_path);
	state_fixture_run_sql(state_fixture_path,
	    "PRAGMA journal_mode=WAL; CREATE TABLE t(a);"
	    "INSERT INTO t VALUES(1)");
	refused_and_untouched(SYNC_STATE_FOREIGN, STATE_FIXTURE_PAIR);
}

/* F169, F171, F174: empty, zero bytes, deleted, a lock file left behind */
Test(sync_state, begins_anew_over_nothing)
{
	static const char zeros[10000];
	struct stat st;

	state_fixture_write_all(state_fixture_path, "", 0);
	sync_state_close(state_fixture_open_as(SYNC_STATE_NEW));
	cr_assert(
	    stat(state_fixture_path, &st) == 0 && (st.st_mode & 0777) == 0600);
	state_fixture_write_all(state_fixture_path, zeros, sizeof(zeros));
	sync_state_close(state_fixture_open_as(SYNC_STATE_TORN));
	sync_state_close(state_fixture_open_as(SYNC_STATE_OLD));
	(void)unlink(state_fixture_path);
	sync_state_close(state_fixture_open_as(SYNC_STATE_NEW));
}

/* F213: Names of mailboxes are nobody else's business. */
Test(sync_state, becomes_private)
{
	struct stat st;

	sync_state_close(state_fixture_open_as(SYNC_STATE_NEW));
	cr_assert_eq(chmod(state_fixture_path, 0644), 0);
	sync_state_close(state_fixture_open_as(SYNC_STATE_OLD));
	cr_assert_eq(stat(state_fixture_path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
}

/* F202, F203, F172 */
Test(sync_state, refuses_what_is_no_plain_file)
{
	char other[80], wal[80], in_no_folder[96];
	enum sync_state_verdict verdict;

	(void)snprintf(other, sizeof(other), "%s.other", state_fixture_path);
	(void)snprintf(wal, sizeof(wal), "%s-wal", state_fixture_path);
	(void)snprintf(in_no_folder, sizeof(in_no_folder), "%s/no/state",
	    state_fixture_folder);
	state_fixture_write_all(other, "", 0);
	cr_assert_eq(symlink(other, state_fixture_path), 0);
	state_fixture_refused_as(SYNC_STATE_FAILED, STATE_FIXTURE_PAIR);
	cr_assert_eq(unlink(state_fixture_path), 0);
	cr_assert_eq(link(other, state_fixture_path), 0);
	state_fixture_refused_as(SYNC_STATE_FAILED, STATE_FIXTURE_PAIR);
	cr_assert_eq(unlink(state_fixture_path), 0);
	cr_assert_eq(mkfifo(state_fixture_path, 0600), 0);
	state_fixture_refused_as(SYNC_STATE_FAILED, STATE_FIXTURE_PAIR);
	cr_assert_eq(unlink(state_fixture_path), 0);
	cr_assert_eq(mkdir(state_fixture_path, 0700), 0);
	state_fixture_refused_as(SYNC_STATE_FAILED, STATE_FIXTURE_PAIR);
	cr_assert_eq(rmdir(state_fixture_path), 0);
	cr_assert_eq(symlink(other, wal), 0);
	state_fixture_refused_as(SYNC_STATE_FAILED, STATE_FIXTURE_PAIR);
	cr_assert_eq(state_fixture_err.kind, ERROR_OS);
	cr_assert_null(sync_state_open(in_no_folder, STATE_FIXTURE_PAIR, NULL,
	    &verdict, &state_fixture_err));
	cr_assert_eq(verdict, SYNC_STATE_FAILED);
	cr_assert_eq(state_fixture_err.kind, ERROR_OS);
}

Test(sync_state, a_folder_may_be_a_symbolic_link)
{
	enum sync_state_verdict verdict;
	char link_name[80], through[96];

	(void)snprintf(
	    link_name, sizeof(link_name), "%s.other", state_fixture_path);
	(void)snprintf(through, sizeof(through), "%s/state", link_name);
	cr_assert_eq(symlink(state_fixture_folder, link_name), 0);
	struct sync_state *state = sync_state_open(
	    through, STATE_FIXTURE_PAIR, NULL, &verdict, &state_fixture_err);
	cr_assert_eq(verdict, SYNC_STATE_NEW, "%s", state_fixture_err.text);
	sync_state_close(state);
	sync_state_close(state_fixture_open_as(SYNC_STATE_OLD));
}
