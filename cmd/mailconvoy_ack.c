// SPDX-License-Identifier: MIT
/* mailconvoy ack: somebody has seen an account's result and takes it. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/journal.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_files.h"
#include "orchestrator/rundir.h"

enum {
	REASON_MAX = 500,
	NAME_BYTES = 128,
	PASSWD_BYTES = 4096
};

/* Who types this: the login name, or the number where it has none. */
static void find_user(char out[NAME_BYTES])
{
	char room[PASSWD_BYTES];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(getuid(), &entry, room, sizeof(room), &found) == 0 &&
	    found)
		(void)snprintf(out, NAME_BYTES, "%s", found->pw_name);
	else
		(void)snprintf(out, NAME_BYTES, "uid %u", (unsigned)getuid());
}

/* 0, or the exit code after a message. */
static int check(const struct journal_account *a, const char *id)
{
	struct error err;

	if (!a || a->is_dropped)
		(void)error_set(&err, ERROR_USAGE, "ack.account",
		    "the run has no account '%s'", id);
	else if (a->state != JOURNAL_ENDED || !a->is_final)
		(void)error_set(&err, ERROR_USAGE, "ack.open",
		    "account '%s' has no result yet: there is nothing to acknowledge",
		    id);
	else if (a->batch == EXIT_CODE_OK)
		(void)error_set(&err, ERROR_USAGE, "ack.good",
		    "account '%s' is done: there is nothing to acknowledge",
		    id);
	else
		return EXIT_CODE_OK;
	return mailconvoy_find_failed(&err, EXIT_CODE_NO_INPUT);
}

static int append(const struct journal_run *run, const char *journal,
    const struct journal_ack *ack, struct error *err)
{
	struct journal *j = journal_open(
	    journal, run->run_id, run->extent.good_bytes, run->extent.seq, err);

	if (!j)
		return -1;
	int rc = journal_acknowledge(j, ack);
	if (rc < 0)
		(void)journal_failed(j, err);
	journal_close(j);
	return rc;
}

/* What the run's exit code is without this account. */
static int exit_without(struct journal_run *run, struct journal_account *a)
{
	int batch = a->batch;

	a->batch = EXIT_CODE_OK;
	int code = journal_exit(run);
	a->batch = batch;
	return code;
}

static int acknowledge(const struct rundir *dir, const char *journal,
    const char *id, const char *reason)
{
	struct error err = {0};
	char by[NAME_BYTES];
	struct journal_run *run = journal_read(journal, &err);
	char *reports = rundir_report_path(dir, ".");
	int code = EXIT_CODE_LOCAL;

	if (!run || !reports) {
		code = mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
		goto out;
	}
	struct journal_account *a = journal_find(run, id);
	code = check(a, id);
	if (code != EXIT_CODE_OK)
		goto out;
	find_user(by);
	const struct journal_ack ack = {
	    a->id, by, reason, a->attempt, exit_without(run, a)};
	if (append(run, journal, &ack, &err) < 0) {
		code = mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
		goto out;
	}
	(void)printf(
	    "%s: %s, %s: acknowledged by %s; exit code of the run: %d\n", a->id,
	    a->outcome, grade_name(a->grade), by, ack.exit);
	if (report_files_all(journal, reports, &err) < 0)
		code = mailconvoy_find_failed(&err, EXIT_CODE_CANNOT_CREATE);
out:
	free(reports);
	journal_run_free(run);
	return code;
}

int mailconvoy_ack(const struct mailconvoy_options *o)
{
	const char *reason = mailconvoy_options_value(o, MAILCONVOY_REASON);
	struct rundir dir = {.lock_fd = -1};
	struct error err;

	if (!reason || !reason[strspn(reason, " \t\r\n")])
		return mailconvoy_options_usage("'ack' wants --reason TEXT");
	if (strlen(reason) > REASON_MAX)
		return mailconvoy_options_usage(
		    "--reason wants at most %d bytes", REASON_MAX);
	int code = mailconvoy_find_run(o, &dir);
	if (code == EXIT_CODE_OK && rundir_lock(&dir, &err) < 0)
		code = mailconvoy_find_failed(
		    &err, strcmp(err.reason, "state.locked") == 0
			      ? EXIT_CODE_TEMPORARY
			      : EXIT_CODE_LOCAL);
	if (code == EXIT_CODE_OK) {
		char *journal = rundir_journal_path(&dir);
		code = journal
			   ? acknowledge(&dir, journal, o->arguments[1], reason)
			   : EXIT_CODE_LOCAL;
		free(journal);
	}
	rundir_release(&dir);
	return code;
}
