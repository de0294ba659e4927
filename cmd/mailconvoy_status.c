// SPDX-License-Identifier: MIT
/* mailconvoy status: how a run stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report.h"
#include "orchestrator/rundir.h"

int mailconvoy_status(const struct mailconvoy_options *o)
{
	const char *format = mailconvoy_options_value(o, MAILCONVOY_OUTPUT);
	struct rundir dir = {.lock_fd = -1};
	struct error err;
	int code = mailconvoy_find_run(o->arguments[0], &dir);
	char *path = code == EXIT_CODE_OK ? rundir_journal_path(&dir) : NULL;

	if (path) {
		bool live = rundir_is_locked(&dir);
		struct journal_run *run_state = journal_read(path, &err);
		if (!run_state)
			code = mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
		else if (format && strcmp(format, "json") == 0)
			(void)report_status_json(run_state, live, stdout);
		else
			(void)report_status_table(run_state, live, stdout);
		journal_run_free(run_state);
	}
	free(path);
	rundir_release(&dir);
	return code;
}
