// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/contract/record.h"
#include "orchestrator/collect.h"
#include "orchestrator/journal.h"
#include "orchestrator/journal_read.h"

#define RUN "20260301T200000Z-7f3a"

static char dir[] = "/tmp/test-journal.XXXXXX";
static char path[64];

static struct plan_account accounts[2] = {
    {.id = (char *)"anna", .slug = (char *)"anna-1", .digest = "d1"},
    {.id = (char *)"bob", .slug = (char *)"bob-2", .digest = "d2"}};
static const struct plan plan = {.path = (char *)"plan.yaml",
    .name = (char *)"demo",
    .digest = "dd",
    .accounts = accounts,
    .account_count = 2};

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/journal.jsonl", dir);
}

static void tear_down(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

TestSuite(journal, .init = set_up, .fini = tear_down);

static struct journal *open_new(void)
{
	struct error err;
	struct journal *j = journal_open(path, RUN, 0, 0, &err);

	cr_assert_not_null(j, "%s", err.text);
	cr_assert_eq(journal_run_start(
			 j, &plan, &(const struct journal_start){.jobs = 2}),
	    0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(journal_planned(j, &accounts[i]), 0);
	return j;
}

static void write_end(struct journal *j, int account, unsigned attempt,
    enum exit_code code, const struct tally *t)
{
	struct verdict v;

	collect_verdict(&v, code, "some.reason", "some \"text\"");
	const struct journal_result r = {&accounts[account], attempt, &v, t,
	    1500, code == EXIT_CODE_TEMPORARY ? 1000 : -1,
	    code != EXIT_CODE_TEMPORARY};
	cr_assert_eq(journal_account_end(j, &r), 0);
}

static struct journal_run *read_back(void)
{
	struct error err = {0};
	struct journal_run *run = journal_read(path, &err);

	cr_assert_not_null(run, "%s", err.text);
	return run;
}

static void append_bytes(const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
	(void)close(fd);
}

Test(journal, tells_how_accounts_stand)
{
	const struct tally first = {.source = 9,
			       .copied = 4,
			       .unreached = 5,
			       .bytes_copied = 40},
			   second = {.source = 9,
			       .copied = 5,
			       .present = 4,
			       .bytes_copied = 50};
	struct journal *j = open_new();

	cr_assert_eq(
	    journal_account_start(j, &accounts[0], 1, 1, "a.1.log"), 0);
	write_end(j, 0, 1, EXIT_CODE_TEMPORARY, &first);
	cr_assert_eq(
	    journal_account_start(j, &accounts[0], 2, 1, "a.2.log"), 0);
	write_end(j, 0, 2, EXIT_CODE_OK, &second);
	cr_assert_eq(journal_run_end(j, 4, false, "operator"), 0);
	journal_close(j);

	struct journal_run *run = read_back();
	cr_assert_str_eq(run->run_id, RUN);
	cr_assert_str_eq(run->plan, "demo");
	cr_assert_eq(run->count, 2);
	cr_assert(run->has_ended && !run->is_complete && run->exit == 4);
	const struct journal_account *a = journal_find(run, "anna");
	cr_assert_str_eq(journal_outcome(a), "ok");
	cr_assert(a->is_final && a->attempt == 2);
	cr_assert_str_eq(a->log, "a.2.log");
	cr_assert_str_eq(a->text, "some \"text\"");
	cr_assert_eq(a->tally.present, 4);
	cr_assert_eq(a->copied_total, 9); /* 4 and 5, not 4, 4 and 5 */
	cr_assert_eq(a->bytes_total, 90);
	cr_assert_eq(a->duration_ms, 3000);
	cr_assert_str_eq(journal_outcome(journal_find(run, "bob")), "pending");
	cr_assert_null(journal_find(run, "carol"));
	journal_run_free(run);
}

/* F178 */
Test(journal, an_attempt_without_end_is_interrupted)
{
	const struct record mailbox = {.event = RECORD_MAILBOX,
	    .mailbox = (char *)"INBOX",
	    .tally = {.source = 3, .copied = 3, .bytes_copied = 30}};
	struct journal *j = open_new();

	cr_assert_eq(journal_account_start(j, &accounts[1], 1, 1, "b.log"), 0);
	cr_assert_eq(journal_record(j, "bob", 1, &mailbox), 0);
	journal_close(j);

	struct journal_run *run = read_back();
	const struct journal_account *a = journal_find(run, "bob");
	cr_assert_str_eq(journal_outcome(a), "interrupted");
	cr_assert_not(a->is_final);
	cr_assert_eq(a->copied_total, 3);
	cr_assert_eq(a->bytes_total, 30);
	cr_assert_not(run->has_ended);
	journal_run_free(run);
}

/* F219: nothing was copied, and yet something is known of it; what was deleted
 * counts against an approval. */
Test(journal, an_attempt_that_copied_nothing_is_not_forgotten)
{
	const struct record mailbox = {.event = RECORD_MAILBOX,
	    .mailbox = (char *)"INBOX",
	    .tally = {
		.source = 9, .present = 9, .extra = {[TALLY_DELETED] = 5}}};
	struct journal *j = open_new();

	for (unsigned attempt = 1; attempt <= 2; attempt++) {
		cr_assert_eq(
		    journal_account_start(j, &accounts[1], attempt, 1, "b.log"),
		    0);
		cr_assert_eq(journal_record(j, "bob", attempt, &mailbox), 0);
	}
	journal_close(j);

	struct journal_run *run = read_back();
	const struct journal_account *a = journal_find(run, "bob");
	cr_assert_eq(a->tally.source, 9);
	cr_assert_eq(a->tally.present, 9);
	cr_assert_eq(a->deleted_total, 10);
	journal_run_free(run);
}

/* F213 */
Test(journal, is_private)
{
	struct stat st;

	journal_close(open_new());
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
}

/* F169: Cut at every byte it can still be read, and be gone on with. */
Test(journal, survives_a_cut_anywhere_in_the_last_line)
{
	struct journal *j = open_new();
	struct stat st;
	struct error err;

	journal_close(j);
	cr_assert_eq(stat(path, &st), 0);
	for (off_t size = st.st_size; size > st.st_size - 60; size--) {
		cr_assert_eq(truncate(path, size), 0);
		struct journal_run *run = read_back();
		bool whole = size == st.st_size;
		cr_assert_eq(run->count, whole ? 2 : 1, "%ld", (long)size);
		cr_assert_eq(run->extent.seq, whole ? 3 : 2);
		journal_run_free(run);
	}
	struct journal_run *run = read_back();
	j = journal_open(
	    path, RUN, run->extent.good_bytes, run->extent.seq, &err);
	cr_assert_eq(journal_planned(j, &accounts[1]), 0);
	journal_close(j);
	journal_run_free(run);
	run = read_back();
	cr_assert_eq(run->count, 2);
	journal_run_free(run);
}

struct damage_row {
	char bytes[100];
	int len;
	bool readable;
};

/* F169 */
ParameterizedTestParameters(journal, damage)
{
	static struct damage_row rows[] = {
	    {"{\"v\":1,", 7, true},         /* torn */
	    {"{\"v\":1,\n", 8, true},       /* torn, with a line end */
	    {"\0\0\0\0\0\0\0\0", 8, true},  /* as after a power loss */
	    {"garbage\nmore\n", 13, false}, /* two lines are too many */
	    {"{\"v\":2,\"seq\":4,\"ev\":\"x\"}\n", 25, false}, /* version */
	    {"{\"v\":1,\"seq\":9,\"ev\":\"x\"}\n", 25, false}, /* gap */
	    {"{\"v\":1,\"seq\":4,\"ev\":\"x\"}\n", 25, true},  /* new event */
	    {"\0\0\0\0\n{}\n", 8, false},
	};

	return cr_make_param_array(
	    struct damage_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct damage_row *row, journal, damage)
{
	struct error err = {0};

	journal_close(open_new());
	append_bytes(row->bytes, (size_t)row->len);
	struct journal_run *run = journal_read(path, &err);
	cr_assert_eq(run != NULL, row->readable, "%s", err.text);
	if (run)
		cr_assert_eq(run->count, 2);
	else
		cr_assert_str_eq(err.reason, "local.journal");
	journal_run_free(run);
}

/* F169 */
Test(journal, an_empty_file_holds_no_run)
{
	struct error err = {0};
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)close(fd);
	cr_assert_null(journal_read(path, &err));
	cr_assert_eq(err.kind, ERROR_OS);
}

/* F199, F201: It is told, and nothing is written behind it, not even where there
 * is room again: lines would be missing in between. */
Test(journal, a_failed_write_is_kept)
{
	struct error err = {0};
	struct journal *j = journal_open("/dev/full", RUN, 0, 0, &err);
	struct rlimit many;
	struct stat st;

	cr_assert_null(j); /* no plain file: refused at once */
	j = open_new();
	cr_assert_not(journal_failed(j, &err));
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &many), 0);
	const struct rlimit few = {
	    .rlim_cur = (rlim_t)st.st_size, .rlim_max = many.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &few), 0);
	cr_assert_eq(journal_planned(j, &accounts[1]), -1);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &many), 0);
	cr_assert(journal_failed(j, &err));
	cr_assert_eq(err.kind, ERROR_OS);
	cr_assert_str_eq(err.reason, "local.disk");
	cr_assert_eq(journal_planned(j, &accounts[1]), -1);
	journal_close(j);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq((rlim_t)st.st_size, few.rlim_cur);
}

Test(journal, dropped_accounts_are_marked)
{
	struct journal *j = open_new();

	cr_assert_eq(journal_dropped(j, "bob"), 0);
	journal_close(j);
	struct journal_run *run = read_back();
	cr_assert(journal_find(run, "bob")->is_dropped);
	cr_assert_not(journal_find(run, "anna")->is_dropped);
	journal_run_free(run);
}

Test(journal, finds_accounts_among_many)
{
	struct error err;
	struct journal *j = journal_open(path, RUN, 0, 0, &err);
	char id[32];

	cr_assert_eq(journal_run_start(
			 j, &plan, &(const struct journal_start){.jobs = 1}),
	    0);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(id, sizeof(id), "user%d", i);
		const struct plan_account a = {
		    .id = id, .slug = id, .digest = "d"};
		cr_assert_eq(journal_planned(j, &a), 0);
	}
	journal_close(j);
	struct journal_run *run = read_back();
	cr_assert_eq(run->count, 3000);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(id, sizeof(id), "user%d", i);
		cr_assert_eq(journal_find(run, id), &run->accounts[i]);
	}
	journal_run_free(run);
}
