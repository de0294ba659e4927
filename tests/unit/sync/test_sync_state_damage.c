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

TestSuite(sync_state_damage, .init = state_fixture_set_up,
    .fini = state_fixture_tear_down);

/* ---------------------------------------------------------------- damage */

/* Whatever was done to the files: it opens or is moved aside, and what it says
 * is right. Returns whether the pairs were still there. */
static bool is_right_or_absent(enum sync_state_verdict *verdict)
{
	struct sync_state_box box = state_fixture_sample_box(1), read;
	struct sync_state_intent intent;
	struct sync_state *state = sync_state_open(state_fixture_path,
	    STATE_FIXTURE_PAIR, NULL, verdict, &state_fixture_err);

	if (!state) {
		cr_assert_eq(*verdict, SYNC_STATE_FOREIGN, "verdict %d: %s",
		    *verdict, state_fixture_err.text);
		return false;
	}
	size_t n = state_fixture_count_right_pairs(state);
	bool has_box = sync_state_find(state, "INBOX", "IN", &read);
	if (has_box)
		cr_assert(state_fixture_is_same_box(&read, &box));
	else
		cr_assert_eq(n, 0);
	if (sync_state_has_intent(state, "INBOX", "IN", &intent))
		cr_assert(intent.uidvalidity == 2001 && intent.uidnext == 1);
	state_fixture_fill(state, 10, 5);
	cr_assert(state_fixture_count_right_pairs(state) >= 10);
	sync_state_close(state);
	return n > 0;
}

enum damage {
	CUT,
	ZEROS,
	NOISE,
	DAMAGES
};

static size_t damage(char *copy, size_t len, size_t at, enum damage how)
{
	size_t end = at + 512 < len ? at + 512 : len;

	if (how == CUT)
		return at;
	for (size_t i = at; i < end; i++)
		copy[i] = how == ZEROS ? '\0' : (char)(i * 31 + 7);
	return len;
}

/* F169: cut, blank or overwritten at every sector */
Test(sync_state_damage, a_torn_file_never_lies, .timeout = 120)
{
	enum sync_state_verdict verdict;
	size_t len, survived = 0, torn = 0;
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);

	state_fixture_fill(
	    state, 200, 25); // some small chunks, and two of several pages
	state_fixture_fill(state, 3000, 1500);
	sync_state_close(state);
	char *good = state_fixture_read_all(state_fixture_path, &len),
	     *copy = malloc(len);
	for (int how = 0; how < DAMAGES; how++) {
		for (size_t at = 0; at < len; at += 512) {
			memcpy(copy, good, len);
			state_fixture_write_all(state_fixture_path, copy,
			    damage(copy, len, at, (enum damage)how));
			survived += is_right_or_absent(&verdict);
			cr_assert(verdict != SYNC_STATE_FOREIGN || at == 0);
			torn += verdict == SYNC_STATE_TORN;
		}
	}
	cr_assert(survived > 0 && torn > 0);
	free(good);
	free(copy);
}

/* As a killed engine leaves it: the log is still there. */
static pid_t child_that_fills(void)
{
	pid_t child = fork();

	if (child == 0) {
		state_fixture_fill(
		    state_fixture_open_as(SYNC_STATE_NEW), 600, 25);
		(void)raise(SIGKILL);
	}
	(void)waitpid(child, NULL, 0);
	return child;
}

Test(sync_state_damage, a_torn_log_never_lies, .timeout = 120)
{
	enum sync_state_verdict verdict;
	char wal[80];
	size_t len, wal_len;

	(void)snprintf(wal, sizeof(wal), "%s-wal", state_fixture_path);
	(void)child_that_fills();
	char *good = state_fixture_read_all(state_fixture_path, &len),
	     *log = state_fixture_read_all(wal, &wal_len);
	char *copy = malloc(wal_len);
	for (int how = 0; how < DAMAGES; how++) {
		for (size_t at = 0; at < wal_len; at += 512 * 7) {
			memcpy(copy, log, wal_len);
			state_fixture_write_all(state_fixture_path, good, len);
			state_fixture_write_all(wal, copy,
			    damage(copy, wal_len, at, (enum damage)how));
			(void)is_right_or_absent(&verdict);
			cr_assert_eq(verdict, SYNC_STATE_OLD);
		}
	}
	free(good);
	free(log);
	free(copy);
}

/* A hostile or rotten file with sound pages. */
Test(sync_state_damage, rows_that_were_changed_are_forgotten)
{
	static const char *const changes[] = {
	    "UPDATE mailbox SET source_uidnext = source_uidnext + 1",
	    "UPDATE mailbox SET intent_count = 0",
	    "UPDATE mailbox SET target_messages = 1 << 33",
	    "UPDATE mailbox SET digest = NULL",
	    "UPDATE mailbox SET flags = 'x'",
	    "UPDATE mailbox SET key = zeroblob(16)",
	    "UPDATE pairs SET target_uidvalidity = 1",
	    "UPDATE pairs SET uids = zeroblob(length(uids))",
	    "UPDATE pairs SET uids = substr(uids, 1, 12)",
	    "UPDATE pairs SET uids = zeroblob(900000)",
	    "UPDATE pairs SET uids = ''",
	    "UPDATE pairs SET uids = NULL, digest = 7",
	    "UPDATE pairs SET chunk = chunk + 1000",
	    "UPDATE pairs SET chunk = 'a' || chunk",
	    "UPDATE pairs SET chunk = chunk + 9000000000",
	    "UPDATE pairs SET key = zeroblob(16)",
	    "DELETE FROM mailbox",
	};
	enum sync_state_verdict verdict;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		(void)unlink(state_fixture_path);
		struct sync_state *state =
		    state_fixture_open_as(SYNC_STATE_NEW);
		state_fixture_fill(state, 100, 10);
		sync_state_close(state);
		state_fixture_run_sql(state_fixture_path, changes[i]);
		cr_assert_not(is_right_or_absent(&verdict), "%s", changes[i]);
		cr_assert_eq(verdict, SYNC_STATE_OLD, "%s", changes[i]);
	}
}

Test(sync_state_damage, a_schema_that_is_not_ours_is_damage)
{
	static const char *const changes[] = {"CREATE TABLE t(a)",
	    "DROP TABLE pairs", "CREATE VIEW v AS SELECT 1",
	    "CREATE TRIGGER t AFTER INSERT ON mailbox BEGIN SELECT 1; END",
	    "DELETE FROM meta", "UPDATE meta SET value='x' WHERE name='pair'",
	    "PRAGMA user_version=0"};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		(void)unlink(state_fixture_path);
		sync_state_close(state_fixture_open_as(SYNC_STATE_NEW));
		state_fixture_run_sql(state_fixture_path, changes[i]);
		sync_state_close(state_fixture_open_as(SYNC_STATE_TORN));
		sync_state_close(state_fixture_open_as(SYNC_STATE_OLD));
	}
}

/* ---------------------------------------------------------------- processes */

/* F173 */
Test(sync_state_damage, a_second_engine_is_turned_away, .timeout = 20)
{
	struct sync_state_intent intent = state_fixture_sample_intent(1, 1);
	char text[32], byte;
	int ready[2];

	cr_assert_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct sync_state *state =
		    state_fixture_open_as(SYNC_STATE_NEW);
		// another descriptor of the file comes and goes
		(void)close(open(state_fixture_path, O_RDONLY | O_CLOEXEC));
		if (sync_state_intend(
			state, "a", "a", &intent, &state_fixture_err) < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	for (int i = 0; i < 3; i++) {
		state_fixture_refused_as(SYNC_STATE_LOCKED, STATE_FIXTURE_PAIR);
		cr_assert_eq(state_fixture_err.kind, ERROR_IO);
		cr_assert_eq(state_fixture_err.retry, ERROR_RETRY_LATER);
		cr_assert_str_eq(state_fixture_err.reason, "local.locked");
		(void)snprintf(text, sizeof(text), "pid %ld ", (long)child);
		cr_assert_not_null(strstr(state_fixture_err.text, text), "%s",
		    state_fixture_err.text);
		cr_assert_not_null(
		    strstr(state_fixture_err.text, state_fixture_path));
	}
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_OLD);
	cr_assert(sync_state_has_intent(state, "a", "a", &intent));
	state_fixture_refused_as(SYNC_STATE_LOCKED,
	    STATE_FIXTURE_PAIR); // also from the same process
	sync_state_close(state);
}

Test(sync_state_damage, another_program_finds_it_locked)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(state_fixture_path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "DELETE FROM meta", NULL, NULL, NULL),
	    SQLITE_BUSY);
	(void)sqlite3_close(db);
	sync_state_close(state);
}

enum {
	ROUND_PAIRS = 7
};

/* Round n intends from UID 70 n + 10 on, tells n, then adds its pairs. */
static void write_rounds(int out)
{
	struct sync_state_box box = state_fixture_sample_box(1);
	enum sync_state_verdict verdict;
	struct sync_state *state = sync_state_open(state_fixture_path,
	    STATE_FIXTURE_PAIR, NULL, &verdict, &state_fixture_err);

	if (!state ||
	    sync_state_put(state, "INBOX", "IN", &box, &state_fixture_err) < 0)
		_exit(1);
	for (uint32_t n = 0;; n++) {
		uint32_t first = n * ROUND_PAIRS + 1;
		struct sync_state_intent intent =
		    state_fixture_sample_intent(first * 10, ROUND_PAIRS);
		if (sync_state_intend(
			state, "INBOX", "IN", &intent, &state_fixture_err) < 0)
			_exit(1);
		if (write(out, &n, sizeof(n)) != sizeof(n))
			_exit(1);
		for (uint32_t i = first; i < first + ROUND_PAIRS; i++) {
			struct sync_state_pair pair = {i, i * 10};
			if (sync_state_add_pairs(state, "INBOX", "IN", &pair, 1,
				&state_fixture_err) < 0)
				_exit(1);
		}
		if (sync_state_settled(
			state, "INBOX", "IN", &state_fixture_err) < 0)
			_exit(1);
	}
}

static void check_after_kill(bool has_round, uint32_t last)
{
	struct sync_state_intent intent;
	enum sync_state_verdict verdict;
	struct sync_state *state = sync_state_open(state_fixture_path,
	    STATE_FIXTURE_PAIR, NULL, &verdict, &state_fixture_err);

	cr_assert_not_null(
	    state, "verdict %d: %s", verdict, state_fixture_err.text);
	size_t n = state_fixture_count_right_pairs(state);
	if (has_round) {
		cr_assert_eq(verdict, SYNC_STATE_OLD);
		cr_assert(n >= last * ROUND_PAIRS);
		cr_assert_eq(n % ROUND_PAIRS, 0);
		// the last that was told, unless all of it is stored
		if (n == last * ROUND_PAIRS) {
			cr_assert(sync_state_has_intent(
			    state, "INBOX", "IN", &intent));
			cr_assert(
			    intent.uidnext == (last * ROUND_PAIRS + 1) * 10);
		}
	}
	sync_state_close(state);
}

/* F096, F099: whatever was told before the kill is there after it */
Test(sync_state_damage, survives_a_kill_at_any_moment, .timeout = 60)
{
	for (unsigned i = 0; i < 120; i++) {
		uint32_t last = 0, got;
		bool has_round = false;
		int rounds[2];
		(void)unlink(state_fixture_path);
		cr_assert_eq(pipe(rounds), 0);
		pid_t child = fork();
		if (child == 0)
			write_rounds(rounds[1]);
		(void)close(rounds[1]);
		(void)usleep(i * 397 % 50000);
		cr_assert_eq(kill(child, SIGKILL), 0);
		while (read(rounds[0], &got, sizeof(got)) == sizeof(got)) {
			last = got;
			has_round = true;
		}
		(void)close(rounds[0]);
		cr_assert_eq(waitpid(child, NULL, 0), child);
		check_after_kill(has_round, last);
	}
}

/* F199, F201: the disk takes no more */
Test(sync_state_damage, a_failed_write_is_remembered, .timeout = 60)
{
	struct rlimit limit;
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	struct sync_state_box box = state_fixture_sample_box(1);
	struct sync_state_intent intent = state_fixture_sample_intent(1, 1);
	int rc = 0;

	state_fixture_fill(state, 100, 50);
	cr_assert_eq(sync_state_flush(state, &state_fixture_err), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = 256 * 1024;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; rc == 0 && i < 1000; i++)
		rc = sync_state_intend(
		    state, "INBOX", "IN", &intent, &state_fixture_err);
	cr_assert_eq(rc, -1);
	cr_assert_eq(state_fixture_err.kind, ERROR_OS);
	cr_assert_not_null(strstr(state_fixture_err.text, state_fixture_path),
	    "%s", state_fixture_err.text);
	limit.rlim_cur = before;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	error_clear(&state_fixture_err);
	cr_assert_eq(
	    sync_state_put(state, "b", "b", &box, &state_fixture_err), -1);
	cr_assert_eq(state_fixture_err.kind, ERROR_OS);
	cr_assert_eq(sync_state_flush(state, &state_fixture_err), -1);
	sync_state_close(state);
	state = state_fixture_open_as(SYNC_STATE_OLD);
	cr_assert_eq(state_fixture_count_right_pairs(state), 100);
	cr_assert(sync_state_has_intent(state, "INBOX", "IN", &intent));
	sync_state_close(state);
}

/* F172: no room to begin with */
Test(sync_state_damage, a_full_disk_is_told_at_the_open)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	sync_state_close(state_fixture_open_as(SYNC_STATE_NEW));
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 100;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	state_fixture_refused_as(SYNC_STATE_FAILED, STATE_FIXTURE_PAIR);
	cr_assert_eq(state_fixture_err.kind, ERROR_OS);
	cr_assert_eq(unlink(state_fixture_path), 0);
	state_fixture_refused_as(SYNC_STATE_FAILED, STATE_FIXTURE_PAIR);
	cr_assert_eq(state_fixture_err.kind, ERROR_OS);
}

/* ---------------------------------------------------------------- threads */

static void *add_many(void *arg)
{
	struct sync_state *state = arg;
	struct sync_state_intent intent = state_fixture_sample_intent(1, 50);
	struct error mine;
	intptr_t rc = 0;

	for (uint32_t i = 1; i <= 5000; i++) {
		struct sync_state_pair pair = {i, 10 * i};
		rc |=
		    sync_state_add_pairs(state, "INBOX", "IN", &pair, 1, &mine);
		if (i % 50 == 0)
			rc |= sync_state_intend(
			    state, "INBOX", "IN", &intent, &mine);
	}
	return (void *)rc;
}

static void *look_and_put(void *arg)
{
	struct sync_state *state = arg;
	struct sync_state_box box;
	struct error mine;
	char name[16];
	intptr_t rc = 0;

	for (uint32_t i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "box%u", i % 50);
		box = state_fixture_sample_box(i);
		rc |= sync_state_put(state, name, name, &box, &mine);
		rc |= !sync_state_find(state, name, name, &box);
		struct sync_state_pair *pairs;
		(void)sync_state_load_pairs(state, "INBOX", "IN", &pairs);
		free(pairs);
	}
	return (void *)rc;
}

Test(sync_state_damage, serves_two_threads, .timeout = 60)
{
	struct sync_state *state = state_fixture_open_as(SYNC_STATE_NEW);
	pthread_t a, b;
	void *rc_a, *rc_b;

	state_fixture_fill(state, 1, 1);
	cr_assert_eq(pthread_create(&a, NULL, add_many, state), 0);
	cr_assert_eq(pthread_create(&b, NULL, look_and_put, state), 0);
	cr_assert_eq(pthread_join(a, &rc_a), 0);
	cr_assert_eq(pthread_join(b, &rc_b), 0);
	cr_assert(!rc_a && !rc_b);
	cr_assert_eq(state_fixture_count_right_pairs(state), 5000);
	sync_state_close(state);
}
