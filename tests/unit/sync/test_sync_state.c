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
	    ".broken", ".broken-wal", ".broken-journal", ".other"};
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

static struct sync_state_intent sample_intent(uint32_t uidnext, uint32_t count)
{
	return (struct sync_state_intent){2001, uidnext, count};
}

/* A state with one mailbox and `count` pairs (n, 10 n), `step` at a time. */
static void fill(struct sync_state *state, uint32_t count, uint32_t step)
{
	struct sync_state_box box = sample_box(1);
	struct sync_state_intent intent = sample_intent(1, step);

	cr_assert_eq(sync_state_put(state, "INBOX", "IN", &box, &err), 0);
	for (uint32_t i = 1; i <= count; i++) {
		struct sync_state_pair pair = {i, 10 * i};
		cr_assert_eq(
		    sync_state_add_pairs(state, "INBOX", "IN", &pair, 1, &err),
		    0, "%s", err.text);
		if (i % step == 0)
			cr_assert_eq(sync_state_intend(
					 state, "INBOX", "IN", &intent, &err),
			    0);
	}
}

static size_t count_right_pairs(struct sync_state *state)
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

static char *read_all(const char *name, size_t *len)
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

static void write_all(const char *name, const void *bytes, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	(void)close(fd);
}

static void run_sql(const char *name, const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(name, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
	    sqlite3_errmsg(db));
	(void)sqlite3_close(db);
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
	struct sync_state *state = open_as(SYNC_STATE_NEW);

	for (uint32_t i = 0; i < count; i++) {
		struct sync_state_box box = sample_box(i);
		struct sync_state_pair pair = {i + 1, i + 2};
		cr_assert_eq(
		    sync_state_put(state, names[i][0], names[i][1], &box, &err),
		    0);
		cr_assert_eq(sync_state_add_pairs(state, names[i][0],
				 names[i][1], &pair, 1, &err),
		    0);
	}
	sync_state_close(state);
	state = open_as(SYNC_STATE_OLD);
	for (uint32_t i = 0; i < count; i++) {
		struct sync_state_box box = sample_box(i), read;
		struct sync_state_pair *pair;
		cr_assert(
		    sync_state_find(state, names[i][0], names[i][1], &read));
		cr_assert(is_same_box(&read, &box));
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
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	struct sync_state_box box = sample_box(1);

	for (int side = 0; side < 2; side++) {
		fill(state, 100, 1000);
		cr_assert_eq(
		    sync_state_put(state, "INBOX", "IN", &box, &err), 0);
		cr_assert_eq(count_right_pairs(state), 100);
		*(side ? &box.source.uidvalidity : &box.target.uidvalidity) =
		    77;
		cr_assert_eq(
		    sync_state_put(state, "INBOX", "IN", &box, &err), 0);
		cr_assert_eq(count_right_pairs(state), 0);
		box = sample_box(1);
	}
	box.target.uidvalidity = 0; // not told: nothing can hold for it
	cr_assert_eq(sync_state_put(state, "INBOX", "IN", &box, &err), 0);
	struct sync_state_pair pair = {1, 10};
	cr_assert_eq(
	    sync_state_add_pairs(state, "INBOX", "IN", &pair, 1, &err), 0);
	cr_assert_eq(
	    sync_state_add_pairs(state, "never", "put", &pair, 1, &err), 0);
	cr_assert_eq(count_right_pairs(state), 0);
	sync_state_close(state);
}

Test(sync_state, forgets_a_mailbox_and_no_other)
{
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	struct sync_state_box box = sample_box(2);
	struct sync_state_intent intent = sample_intent(1, 1);

	fill(state, 5000, 1000);
	cr_assert_eq(sync_state_put(state, "b", "b", &box, &err), 0);
	cr_assert_eq(sync_state_forget(state, "INBOX", "IN", &err), 0);
	cr_assert_not(sync_state_find(state, "INBOX", "IN", &box));
	cr_assert_not(sync_state_has_intent(state, "INBOX", "IN", &intent));
	cr_assert_not(sync_state_any_intent(state));
	cr_assert_eq(count_right_pairs(state), 0);
	cr_assert(sync_state_find(state, "b", "b", &box));
	sync_state_close(state);
}

/* F096-F101: what may have arrived is known from the lowest UID on. */
Test(sync_state, an_intent_grows_until_it_is_settled)
{
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	struct sync_state_intent a = {5, 100, 3}, b = {5, 90, 4}, c = {6, 7, 1};
	struct sync_state_intent got = {0};

	cr_assert_not(sync_state_has_intent(state, "m", "m", &got));
	cr_assert_eq(sync_state_intend(state, "m", "m", &a, &err), 0);
	cr_assert_eq(sync_state_intend(state, "m", "m", &b, &err), 0);
	cr_assert_eq(sync_state_intend(state, "m", "m", &a, &err), 0);
	cr_assert(sync_state_has_intent(state, "m", "m", &got));
	cr_assert(got.uidnext == 90 && got.count == 10);
	cr_assert_eq(sync_state_intend(state, "m", "m", &c, &err), 0);
	cr_assert(sync_state_has_intent(state, "m", "m", &got));
	cr_assert(got.uidvalidity == 6 && got.uidnext == 7 && got.count == 1);
	cr_assert(sync_state_any_intent(state));
	cr_assert_eq(sync_state_settled(state, "m", "m", &err), 0);
	cr_assert_eq(sync_state_settled(state, "none", "none", &err), 0);
	cr_assert_not(sync_state_any_intent(state));
	sync_state_close(state);
}

Test(sync_state, drops_what_vanished)
{
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	uint32_t kept[6000];
	size_t n = 0;

	fill(state, 10000, 3000);
	for (uint32_t uid = 1; uid <= 10000; uid++)
		if (uid > 4096 && uid % 2 == 0)
			kept[n++] = uid;
	cr_assert_eq(
	    sync_state_drop_missing(state, "INBOX", "IN", kept, n, &err), 0);
	cr_assert_eq(count_right_pairs(state), n);
	cr_assert_eq(
	    sync_state_drop_missing(state, "INBOX", "IN", kept, 0, &err), 0);
	cr_assert_eq(count_right_pairs(state), 0);
	sync_state_close(state);
}

Test(sync_state, many_small_commits_become_few_chunks)
{
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	struct sync_state_box box = sample_box(1);

	fill(state, 5000, 10);
	cr_assert_eq(sync_state_put(state, "INBOX", "IN", &box, &err), 0);
	cr_assert_eq(count_right_pairs(state), 5000);
	sync_state_close(state);
	run_sql(path, "CREATE TEMP TABLE t(n CHECK(n = 2));"
		      "INSERT INTO t SELECT count(*) FROM pairs");
	state = open_as(SYNC_STATE_OLD);
	cr_assert_eq(count_right_pairs(state), 5000);
	sync_state_close(state);
}

/* ---------------------------------------------------------------- verdicts */

static void refused_as(enum sync_state_verdict wanted, const char *pair_key)
{
	enum sync_state_verdict verdict;

	cr_assert_null(sync_state_open(path, pair_key, NULL, &verdict, &err));
	cr_assert_eq(verdict, wanted, "verdict %d: %s", verdict, err.text);
	cr_assert_neq(err.text[0], '\0');
}

static void refused_and_untouched(
    enum sync_state_verdict wanted, const char *pair_key)
{
	size_t before_len, after_len;
	char *before = read_all(path, &before_len);

	refused_as(wanted, pair_key);
	char *after = read_all(path, &after_len);
	cr_assert_eq(before_len, after_len);
	cr_assert_eq(memcmp(before, after, before_len), 0);
	free(before);
	free(after);
}

/* F169: another account */
Test(sync_state, leaves_the_file_of_another_account_alone)
{
	sync_state_close(open_as(SYNC_STATE_NEW));
	refused_and_untouched(SYNC_STATE_OTHER_ACCOUNT, "somebody else");
	refused_and_untouched(SYNC_STATE_OTHER_ACCOUNT, "");
	sync_state_close(open_as(SYNC_STATE_OLD));
}

/* F169: another version */
Test(sync_state, leaves_the_file_of_a_newer_version_alone)
{
	sync_state_close(open_as(SYNC_STATE_NEW));
	run_sql(path, "PRAGMA user_version=2");
	refused_and_untouched(SYNC_STATE_NEWER_VERSION, PAIR);
}

Test(sync_state, leaves_what_is_not_ours_alone)
{
	static const char *const contents[] = {"x", "my thesis, chapter one",
	    "SQLite format 3", "SQLite format 3x and then something else"};

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		write_all(path, contents[i], strlen(contents[i]));
		refused_and_untouched(SYNC_STATE_FOREIGN, PAIR);
	}
	(void)unlink(path);
	run_sql(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(a);"
		      "INSERT INTO t VALUES(1)");
	refused_and_untouched(SYNC_STATE_FOREIGN, PAIR);
}

/* F169, F171, F174: empty, zero bytes, deleted, a lock file left behind */
Test(sync_state, begins_anew_over_nothing)
{
	static const char zeros[10000];
	struct stat st;

	write_all(path, "", 0);
	sync_state_close(open_as(SYNC_STATE_NEW));
	cr_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	write_all(path, zeros, sizeof(zeros));
	sync_state_close(open_as(SYNC_STATE_TORN));
	sync_state_close(open_as(SYNC_STATE_OLD));
	(void)unlink(path);
	sync_state_close(open_as(SYNC_STATE_NEW));
}

/* F202, F203, F172 */
Test(sync_state, refuses_what_is_no_plain_file)
{
	char other[80], wal[80], in_no_folder[96];
	enum sync_state_verdict verdict;

	(void)snprintf(other, sizeof(other), "%s.other", path);
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	(void)snprintf(in_no_folder, sizeof(in_no_folder), "%s/no/state", dir);
	write_all(other, "", 0);
	cr_assert_eq(symlink(other, path), 0);
	refused_as(SYNC_STATE_FAILED, PAIR);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(link(other, path), 0);
	refused_as(SYNC_STATE_FAILED, PAIR);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	refused_as(SYNC_STATE_FAILED, PAIR);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkdir(path, 0700), 0);
	refused_as(SYNC_STATE_FAILED, PAIR);
	cr_assert_eq(rmdir(path), 0);
	cr_assert_eq(symlink(other, wal), 0);
	refused_as(SYNC_STATE_FAILED, PAIR);
	cr_assert_eq(err.kind, ERROR_OS);
	cr_assert_null(
	    sync_state_open(in_no_folder, PAIR, NULL, &verdict, &err));
	cr_assert_eq(verdict, SYNC_STATE_FAILED);
	cr_assert_eq(err.kind, ERROR_OS);
}

Test(sync_state, a_folder_may_be_a_symbolic_link)
{
	enum sync_state_verdict verdict;
	char link_name[80], through[96];

	(void)snprintf(link_name, sizeof(link_name), "%s.other", path);
	(void)snprintf(through, sizeof(through), "%s/state", link_name);
	cr_assert_eq(symlink(dir, link_name), 0);
	struct sync_state *state =
	    sync_state_open(through, PAIR, NULL, &verdict, &err);
	cr_assert_eq(verdict, SYNC_STATE_NEW, "%s", err.text);
	sync_state_close(state);
	sync_state_close(open_as(SYNC_STATE_OLD));
}

/* ---------------------------------------------------------------- damage */

/* Whatever was done to the files: it opens or is moved aside, and what it says
 * is right. Returns whether the pairs were still there. */
static bool is_right_or_absent(enum sync_state_verdict *verdict)
{
	struct sync_state_box box = sample_box(1), read;
	struct sync_state_intent intent;
	struct sync_state *state =
	    sync_state_open(path, PAIR, NULL, verdict, &err);

	if (!state) {
		cr_assert_eq(*verdict, SYNC_STATE_FOREIGN, "verdict %d: %s",
		    *verdict, err.text);
		return false;
	}
	size_t n = count_right_pairs(state);
	bool has_box = sync_state_find(state, "INBOX", "IN", &read);
	if (has_box)
		cr_assert(is_same_box(&read, &box));
	else
		cr_assert_eq(n, 0);
	if (sync_state_has_intent(state, "INBOX", "IN", &intent))
		cr_assert(intent.uidvalidity == 2001 && intent.uidnext == 1);
	fill(state, 10, 5);
	cr_assert(count_right_pairs(state) >= 10);
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
Test(sync_state, a_torn_file_never_lies, .timeout = 120)
{
	enum sync_state_verdict verdict;
	size_t len, survived = 0, torn = 0;
	struct sync_state *state = open_as(SYNC_STATE_NEW);

	fill(state, 200, 25); // some small chunks, and two of several pages
	fill(state, 3000, 1500);
	sync_state_close(state);
	char *good = read_all(path, &len), *copy = malloc(len);
	for (int how = 0; how < DAMAGES; how++) {
		for (size_t at = 0; at < len; at += 512) {
			memcpy(copy, good, len);
			write_all(path, copy,
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
		fill(open_as(SYNC_STATE_NEW), 600, 25);
		(void)raise(SIGKILL);
	}
	(void)waitpid(child, NULL, 0);
	return child;
}

Test(sync_state, a_torn_log_never_lies, .timeout = 120)
{
	enum sync_state_verdict verdict;
	char wal[80];
	size_t len, wal_len;

	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	(void)child_that_fills();
	char *good = read_all(path, &len), *log = read_all(wal, &wal_len);
	char *copy = malloc(wal_len);
	for (int how = 0; how < DAMAGES; how++) {
		for (size_t at = 0; at < wal_len; at += 512 * 7) {
			memcpy(copy, log, wal_len);
			write_all(path, good, len);
			write_all(wal, copy,
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
Test(sync_state, rows_that_were_changed_are_forgotten)
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
		(void)unlink(path);
		struct sync_state *state = open_as(SYNC_STATE_NEW);
		fill(state, 100, 10);
		sync_state_close(state);
		run_sql(path, changes[i]);
		cr_assert_not(is_right_or_absent(&verdict), "%s", changes[i]);
		cr_assert_eq(verdict, SYNC_STATE_OLD, "%s", changes[i]);
	}
}

Test(sync_state, a_schema_that_is_not_ours_is_damage)
{
	static const char *const changes[] = {"CREATE TABLE t(a)",
	    "DROP TABLE pairs", "CREATE VIEW v AS SELECT 1",
	    "CREATE TRIGGER t AFTER INSERT ON mailbox BEGIN SELECT 1; END",
	    "DELETE FROM meta", "UPDATE meta SET value='x' WHERE name='pair'",
	    "PRAGMA user_version=0"};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		(void)unlink(path);
		sync_state_close(open_as(SYNC_STATE_NEW));
		run_sql(path, changes[i]);
		sync_state_close(open_as(SYNC_STATE_TORN));
		sync_state_close(open_as(SYNC_STATE_OLD));
	}
}

/* ---------------------------------------------------------------- processes */

/* F173 */
Test(sync_state, a_second_engine_is_turned_away, .timeout = 20)
{
	struct sync_state_intent intent = sample_intent(1, 1);
	char text[32], byte;
	int ready[2];

	cr_assert_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct sync_state *state = open_as(SYNC_STATE_NEW);
		// another descriptor of the file comes and goes
		(void)close(open(path, O_RDONLY | O_CLOEXEC));
		if (sync_state_intend(state, "a", "a", &intent, &err) < 0)
			_exit(1);
		(void)write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	for (int i = 0; i < 3; i++) {
		refused_as(SYNC_STATE_LOCKED, PAIR);
		cr_assert_eq(err.kind, ERROR_IO);
		cr_assert_eq(err.retry, ERROR_RETRY_LATER);
		cr_assert_str_eq(err.reason, "local.locked");
		(void)snprintf(text, sizeof(text), "pid %ld ", (long)child);
		cr_assert_not_null(strstr(err.text, text), "%s", err.text);
		cr_assert_not_null(strstr(err.text, path));
	}
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	struct sync_state *state = open_as(SYNC_STATE_OLD);
	cr_assert(sync_state_has_intent(state, "a", "a", &intent));
	refused_as(SYNC_STATE_LOCKED, PAIR); // also from the same process
	sync_state_close(state);
}

Test(sync_state, another_program_finds_it_locked)
{
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
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
	struct sync_state_box box = sample_box(1);
	enum sync_state_verdict verdict;
	struct sync_state *state =
	    sync_state_open(path, PAIR, NULL, &verdict, &err);

	if (!state || sync_state_put(state, "INBOX", "IN", &box, &err) < 0)
		_exit(1);
	for (uint32_t n = 0;; n++) {
		uint32_t first = n * ROUND_PAIRS + 1;
		struct sync_state_intent intent =
		    sample_intent(first * 10, ROUND_PAIRS);
		if (sync_state_intend(state, "INBOX", "IN", &intent, &err) < 0)
			_exit(1);
		(void)write(out, &n, sizeof(n));
		for (uint32_t i = first; i < first + ROUND_PAIRS; i++) {
			struct sync_state_pair pair = {i, i * 10};
			if (sync_state_add_pairs(
				state, "INBOX", "IN", &pair, 1, &err) < 0)
				_exit(1);
		}
		if (sync_state_settled(state, "INBOX", "IN", &err) < 0)
			_exit(1);
	}
}

static void check_after_kill(bool has_round, uint32_t last)
{
	struct sync_state_intent intent;
	enum sync_state_verdict verdict;
	struct sync_state *state =
	    sync_state_open(path, PAIR, NULL, &verdict, &err);

	cr_assert_not_null(state, "verdict %d: %s", verdict, err.text);
	size_t n = count_right_pairs(state);
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
Test(sync_state, survives_a_kill_at_any_moment, .timeout = 60)
{
	for (unsigned i = 0; i < 120; i++) {
		uint32_t last = 0, got;
		bool has_round = false;
		int rounds[2];
		(void)unlink(path);
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
Test(sync_state, a_failed_write_is_remembered, .timeout = 60)
{
	struct rlimit limit;
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	struct sync_state_box box = sample_box(1);
	struct sync_state_intent intent = sample_intent(1, 1);
	int rc = 0;

	fill(state, 100, 50);
	cr_assert_eq(sync_state_flush(state, &err), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = 256 * 1024;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; rc == 0 && i < 1000; i++)
		rc = sync_state_intend(state, "INBOX", "IN", &intent, &err);
	cr_assert_eq(rc, -1);
	cr_assert_eq(err.kind, ERROR_OS);
	cr_assert_not_null(strstr(err.text, path), "%s", err.text);
	limit.rlim_cur = before;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	error_clear(&err);
	cr_assert_eq(sync_state_put(state, "b", "b", &box, &err), -1);
	cr_assert_eq(err.kind, ERROR_OS);
	cr_assert_eq(sync_state_flush(state, &err), -1);
	sync_state_close(state);
	state = open_as(SYNC_STATE_OLD);
	cr_assert_eq(count_right_pairs(state), 100);
	cr_assert(sync_state_has_intent(state, "INBOX", "IN", &intent));
	sync_state_close(state);
}

/* F172: no room to begin with */
Test(sync_state, a_full_disk_is_told_at_the_open)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	sync_state_close(open_as(SYNC_STATE_NEW));
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 100;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	refused_as(SYNC_STATE_FAILED, PAIR);
	cr_assert_eq(err.kind, ERROR_OS);
	cr_assert_eq(unlink(path), 0);
	refused_as(SYNC_STATE_FAILED, PAIR);
	cr_assert_eq(err.kind, ERROR_OS);
}

/* ---------------------------------------------------------------- threads */

static void *add_many(void *arg)
{
	struct sync_state *state = arg;
	struct sync_state_intent intent = sample_intent(1, 50);
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
		box = sample_box(i);
		rc |= sync_state_put(state, name, name, &box, &mine);
		rc |= !sync_state_find(state, name, name, &box);
		struct sync_state_pair *pairs;
		(void)sync_state_load_pairs(state, "INBOX", "IN", &pairs);
		free(pairs);
	}
	return (void *)rc;
}

Test(sync_state, serves_two_threads, .timeout = 60)
{
	struct sync_state *state = open_as(SYNC_STATE_NEW);
	pthread_t a, b;
	void *rc_a, *rc_b;

	fill(state, 1, 1);
	cr_assert_eq(pthread_create(&a, NULL, add_many, state), 0);
	cr_assert_eq(pthread_create(&b, NULL, look_and_put, state), 0);
	cr_assert_eq(pthread_join(a, &rc_a), 0);
	cr_assert_eq(pthread_join(b, &rc_b), 0);
	cr_assert(!rc_a && !rc_b);
	cr_assert_eq(count_right_pairs(state), 5000);
	sync_state_close(state);
}
