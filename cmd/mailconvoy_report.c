// SPDX-License-Identifier: MIT
/* mailconvoy report: what a run did, from its journal. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/report.h"
#include "orchestrator/rundir.h"

static int write_report(const struct mailconvoy_options *o, const char *journal,
    const char *standard)
{
	const char *user = mailconvoy_options_value(o, MAILCONVOY_USER);
	const char *path = mailconvoy_options_value(o, MAILCONVOY_JSONL);
	struct error err;

	if (user) {
		if (report_user(journal, user, stdout, &err) == 0)
			return EXIT_CODE_OK;
		return mailconvoy_find_failed(&err, err.kind == ERROR_USAGE
							? EXIT_CODE_NO_INPUT
							: EXIT_CODE_LOCAL);
	}
	if (!path)
		path = standard;
	if (report_write(journal, path, &err) < 0)
		return mailconvoy_find_failed(&err, EXIT_CODE_CANNOT_CREATE);
	(void)printf("%s\n", path);
	return EXIT_CODE_OK;
}

int mailconvoy_report(const struct mailconvoy_options *o)
{
	struct rundir dir = {.lock_fd = -1};
	int code = mailconvoy_find_run(o->arguments[0], &dir);

	if (code == EXIT_CODE_OK) {
		char *journal = rundir_journal_path(&dir);
		char *standard = rundir_report_path(&dir, "report.jsonl.gz");
		if (journal && standard)
			code = write_report(o, journal, standard);
		free(journal);
		free(standard);
	}
	rundir_release(&dir);
	return code;
}
