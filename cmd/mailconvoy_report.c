// SPDX-License-Identifier: MIT
/* mailconvoy report: what a run did, from its journal. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/report.h"
#include "orchestrator/report_files.h"
#include "orchestrator/report_model.h"
#include "orchestrator/report_owner.h"
#include "orchestrator/rundir.h"

/* A file that is asked for by its name. */
static const struct {
	enum mailconvoy_option_id option;
	enum report_files_kind kind;
} wanted[] = {
    {MAILCONVOY_CSV, REPORT_FILES_ACCOUNTS},
    {MAILCONVOY_TODO, REPORT_FILES_TODO},
    {MAILCONVOY_HTML, REPORT_FILES_HTML},
};

static int print_user(const char *journal, const char *user)
{
	struct error err;

	if (report_user(journal, user, stdout, &err) == 0)
		return EXIT_CODE_OK;
	return mailconvoy_find_failed(&err,
	    err.kind == ERROR_USAGE ? EXIT_CODE_NO_INPUT : EXIT_CODE_LOCAL);
}

static int write_wanted(
    const struct mailconvoy_options *o, const struct report_model *m)
{
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const char *path =
		    mailconvoy_options_value(o, wanted[i].option);
		if (!path)
			continue;
		if (report_files_write(m, wanted[i].kind, path, &err) < 0)
			return mailconvoy_find_failed(
			    &err, EXIT_CODE_CANNOT_CREATE);
		(void)printf("%s\n", path);
	}
	const char *users = mailconvoy_options_value(o, MAILCONVOY_USERS_DIR);
	if (!users)
		return EXIT_CODE_OK;
	if (report_owner_write(m, users, &err) < 0)
		return mailconvoy_find_failed(&err, EXIT_CODE_CANNOT_CREATE);
	(void)printf("%s\n", users);
	return EXIT_CODE_OK;
}

/* Some, where the command line says. */
static int write_some(const struct mailconvoy_options *o, const char *journal)
{
	const char *jsonl = mailconvoy_options_value(o, MAILCONVOY_JSONL);
	struct error err;

	if (jsonl) {
		if (report_write(journal, jsonl, &err) < 0)
			return mailconvoy_find_failed(
			    &err, EXIT_CODE_CANNOT_CREATE);
		(void)printf("%s\n", jsonl);
	}
	struct report_model *m = report_model_read(journal, &err);
	if (!m)
		return mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
	int code = write_wanted(o, m);
	report_model_free(m);
	return code;
}

/* Root's files would be in the way of whoever works in the run's directory. */
static int refuse_others(const struct rundir *dir)
{
	struct stat st;
	struct error err;

	if (stat(dir->path, &st) < 0 || st.st_uid == geteuid())
		return EXIT_CODE_OK;
	(void)error_set(&err, ERROR_USAGE, "local.disk",
	    "'%s' belongs to another user: do it as that one, or say where the report goes",
	    dir->path);
	return mailconvoy_find_failed(&err, EXIT_CODE_CANNOT_CREATE);
}

/* All, into the run's directory. */
static int write_all(const char *journal, const struct rundir *dir)
{
	char *directory = rundir_report_path(dir, ".");
	char *page = rundir_report_path(dir, "report.html");
	char *lines = rundir_report_path(dir, "report.jsonl.gz");
	struct error err;
	int code = EXIT_CODE_LOCAL;

	if (directory && page && lines) {
		code = EXIT_CODE_OK;
		if (report_files_all(journal, directory, &err) < 0)
			code = mailconvoy_find_failed(
			    &err, EXIT_CODE_CANNOT_CREATE);
		else
			(void)printf("%s\n%s\n", page, lines);
	}
	free(directory);
	free(page);
	free(lines);
	return code;
}

static bool wants_some(const struct mailconvoy_options *o)
{
	bool some = mailconvoy_options_has(o, MAILCONVOY_JSONL) ||
		    mailconvoy_options_has(o, MAILCONVOY_USERS_DIR);

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		some |= mailconvoy_options_has(o, wanted[i].option);
	return some;
}

int mailconvoy_report(const struct mailconvoy_options *o)
{
	const char *user = mailconvoy_options_value(o, MAILCONVOY_USER);
	struct rundir dir = {.lock_fd = -1};
	int code = mailconvoy_find_run(o, &dir);

	if (code == EXIT_CODE_OK) {
		char *journal = rundir_journal_path(&dir);
		if (!journal)
			code = EXIT_CODE_LOCAL;
		else if (user)
			code = print_user(journal, user);
		else if (wants_some(o))
			code = write_some(o, journal);
		else if ((code = refuse_others(&dir)) == EXIT_CODE_OK)
			code = write_all(journal, &dir);
		free(journal);
	}
	rundir_release(&dir);
	return code;
}
