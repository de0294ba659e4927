// SPDX-License-Identifier: MIT
/* mailconvoy status: how a run stands. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/rundir.h"
#include "orchestrator/status_file.h"
#include "orchestrator/status_list.h"

enum {
	WATCH_MS = 2000,
	COLUMNS_MIN = 20
};

static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 ||
	    size.ws_col < COLUMNS_MIN)
		return 0;
	return size.ws_col;
}

/* Is it written all at once, a picture that is drawn over does not flicker. */
static void redraw(const char *text)
{
	(void)fputs("\x1b[H", stdout);
	for (; *text; text++) {
		if (*text == '\n')
			(void)fputs("\x1b[K", stdout);
		(void)fputc(*text, stdout);
	}
	(void)fputs("\x1b[J", stdout);
	(void)fflush(stdout);
}

/* One look. *live_out: is its supervisor at work? */
static int look(const struct rundir *dir, const char *journal,
    const struct status_choice *choice, bool draw, bool *live_out)
{
	struct error err = {0};
	char *text = NULL;
	size_t len = 0;
	// before the journal: an end in between is no lie then
	*live_out = rundir_is_locked(dir);
	struct journal_run *run = journal_read(journal, &err);
	struct json_t *now = *live_out ? status_file_read(dir->path) : NULL;
	FILE *drawn = draw ? open_memstream(&text, &len) : NULL;
	FILE *out = draw ? drawn : stdout;
	int rc = -1;

	if (run && out)
		rc = status_list_print(run, *live_out, now, choice, out, &err);
	else if (run)
		(void)error_set(
		    &err, ERROR_INTERNAL, "local.memory", "out of memory");
	if (drawn && fclose(drawn) == 0 && rc == 0)
		redraw(text);
	free(text);
	status_file_free(now);
	journal_run_free(run);
	return rc == 0 ? EXIT_CODE_OK
		       : mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
}

/* Until the supervisor has ended. */
static int watch(
    const struct rundir *dir, const char *journal, struct status_choice *choice)
{
	bool draw = isatty(STDOUT_FILENO) == 1, live = false;
	int code;

	if (draw)
		(void)fputs("\x1b[2J", stdout);
	for (;;) {
		choice->columns = draw ? terminal_columns() : 0;
		code = look(dir, journal, choice, draw, &live);
		if (code != EXIT_CODE_OK || !live || fflush(stdout) != 0)
			return code;
		(void)poll(NULL, 0, WATCH_MS);
	}
}

static int collect_filters(
    const struct mailconvoy_options *o, const char **filters)
{
	const char *filter;
	size_t at = 0;
	int count = 0;

	while ((filter = mailconvoy_options_next(o, MAILCONVOY_FILTER, &at)) !=
	       NULL)
		filters[count++] = filter;
	return count;
}

int mailconvoy_status(const struct mailconvoy_options *o)
{
	const char *format = mailconvoy_options_value(o, MAILCONVOY_FORMAT);
	const char *filters[MAILCONVOY_GIVEN_MAX];
	struct status_choice choice = {
	    .format = status_list_format(format ? format : "table"),
	    .filters = filters,
	    .filter_count = (size_t)collect_filters(o, filters),
	    .sort_by = mailconvoy_options_value(o, MAILCONVOY_SORT_BY),
	    .no_headers = mailconvoy_options_has(o, MAILCONVOY_NO_HEADERS),
	};
	struct rundir dir = {.lock_fd = -1};
	struct error err = {0};
	bool live = false;

	if (status_list_check(&choice, &err) < 0)
		return mailconvoy_options_usage("%s", err.text);
	int code = mailconvoy_find_run(o, &dir);
	char *journal = code == EXIT_CODE_OK ? rundir_journal_path(&dir) : NULL;
	if (journal)
		code = mailconvoy_options_has(o, MAILCONVOY_WATCH)
			   ? watch(&dir, journal, &choice)
			   : look(&dir, journal, &choice, false, &live);
	free(journal);
	rundir_release(&dir);
	return code;
}
