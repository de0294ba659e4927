// SPDX-License-Identifier: MIT
/* mailconvoy run and resume. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/approval.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/privileges.h"
#include "orchestrator/rundir.h"
#include "orchestrator/select.h"
#include "orchestrator/supervisor.h"

static void read_progress(
    const struct mailconvoy_options *o, struct progress_options *out)
{
	const char *word = mailconvoy_options_value(o, MAILCONVOY_PROGRESS);

	if (word)
		out->mode = progress_find_mode(word);
	if (mailconvoy_options_has(o, MAILCONVOY_QUIET))
		out->mode = PROGRESS_QUIET;
	out->colour = mailconvoy_find_colour(o);
	out->verbose = mailconvoy_options_has(o, MAILCONVOY_VERBOSE);
	out->interval_ms =
	    (int64_t)mailconvoy_options_number(o, MAILCONVOY_INTERVAL) * 1000;
}

/* How many; they are put into `out`, which has room for all that is given. */
static size_t read_reasons(
    const struct mailconvoy_options *o, const char *out[MAILCONVOY_GIVEN_MAX])
{
	const char *value;
	size_t n = 0, at = 0;

	while ((value = mailconvoy_options_next(o, MAILCONVOY_LIKE, &at)))
		out[n++] = value;
	return n;
}

static int supervise(const struct mailconvoy_options *o,
    const struct plan *plan, const struct select_rules *select,
    const struct approval *approval, bool resume)
{
	struct supervisor_options options = {
	    .resume = resume,
	    .select = select,
	    .approval = approval,
	    .new_run = mailconvoy_options_has(o, MAILCONVOY_NEW_RUN),
	    .dry_run = mailconvoy_options_has(o, MAILCONVOY_DRY_RUN),
	    .jobs = (unsigned)mailconvoy_options_number(o, MAILCONVOY_JOBS),
	    .only = mailconvoy_options_value(o, MAILCONVOY_ONLY),
	    .ends_with_window = mailconvoy_options_has(o, MAILCONVOY_WINDOW),
	    .max_duration_ms =
		mailconvoy_options_duration(o, MAILCONVOY_MAX_DURATION),
	    .bandwidth = mailconvoy_options_rate(o, MAILCONVOY_BWLIMIT),
	    .out = stdout,
	};
	struct error err;

	const char *reasons[MAILCONVOY_GIVEN_MAX];
	uint64_t *sizes = NULL;

	read_progress(o, &options.progress);
	options.reasons = reasons;
	options.reason_count = read_reasons(o, reasons);
	int code = mailconvoy_sizes(o, plan, &options, &sizes);
	if (code != EXIT_CODE_OK) {
		free(options.logins);
		return code;
	}
	options.sizes = sizes;
	code = supervisor_run(plan, &options, &err);
	free(sizes);
	free(options.logins);
	if (err.kind != ERROR_NONE)
		return mailconvoy_find_failed(&err, code);
	// what was copied is compared when all of it has its result
	if (!options.dry_run &&
	    (code == EXIT_CODE_OK || code == EXIT_CODE_PARTIAL ||
		code == EXIT_CODE_CHANGED))
		code = exit_code_worse(
		    code, mailconvoy_verify_pass(plan, select, options.jobs));
	return code;
}

/* Instead of the plan's. */
static void set_order(const struct mailconvoy_options *o, struct plan *plan)
{
	static const char *const words[] = {
	    [PLAN_ORDER_PLAN] = "plan",
	    [PLAN_ORDER_LARGEST] = "largest",
	    [PLAN_ORDER_SHUFFLE] = "shuffle",
	    [PLAN_ORDER_FAILED_FIRST] = "failed_first",
	};
	const char *word = mailconvoy_options_value(o, MAILCONVOY_ORDER);

	for (size_t i = 0; word && i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i]) == 0)
			plan->schedule.order = (enum plan_order)i;
}

/* Heap, or NULL: none, or no run. What is wrong is told by whoever looks next.
 */
static char *pass_of_last_run(const struct mailconvoy_options *o)
{
	const struct plan_choice choice = {
	    NULL, mailconvoy_options_value(o, MAILCONVOY_STATE_DIR)};
	struct plan_diag *diag = plan_diag_new();
	struct plan *plan = plan_load_choice(o->arguments[0], &choice, diag);
	struct rundir dir = {.lock_fd = -1};
	struct journal_run *last = NULL;
	char *journal = NULL, *pass = NULL;
	struct error ignored;

	if (plan && rundir_init(&dir, plan, &ignored) == 0 &&
	    rundir_find_latest(&dir))
		journal = rundir_journal_path(&dir);
	if (journal)
		last = journal_read(journal, &ignored);
	if (last && last->pass[0])
		pass = mem_try_strdup(last->pass);
	journal_run_free(last);
	free(journal);
	rundir_release(&dir);
	plan_free(plan);
	plan_diag_free(diag);
	return pass;
}

static int run_pass(
    const struct mailconvoy_options *o, const char *pass, bool resume)
{
	const struct plan_choice choice = {
	    pass, mailconvoy_options_value(o, MAILCONVOY_STATE_DIR)};
	struct select_rules select = {0};
	struct approval approval = {0};
	bool approved = false;
	size_t warnings = 0;
	struct error err;
	int code = EXIT_CODE_OK;
	struct plan *plan =
	    mailconvoy_find_plan_choice(o, &choice, &warnings, &code);

	if (!plan)
		return code;
	set_order(o, plan);
	if (plan->user && privileges_check(plan->user, &err) < 0)
		code = mailconvoy_find_failed(&err, EXIT_CODE_CONFIG);
	if (code == EXIT_CODE_OK)
		code = mailconvoy_select(o, plan, &select);
	if (code == EXIT_CODE_OK)
		code =
		    mailconvoy_approve(o, plan, &select, &approval, &approved);
	if (code == EXIT_CODE_OK)
		code = supervise(
		    o, plan, &select, approved ? &approval : NULL, resume);
	approval_release(&approval);
	select_release(&select);
	plan_free(plan);
	return code;
}

/* What is resumed goes on in its own pass. */
static int run(const struct mailconvoy_options *o, bool resume)
{
	const char *given = mailconvoy_options_value(o, MAILCONVOY_PASS);
	char *own = resume && !given ? pass_of_last_run(o) : NULL;
	int code = run_pass(o, own ? own : given, resume);

	free(own);
	return code;
}

int mailconvoy_run(const struct mailconvoy_options *o)
{
	return run(o, false);
}

int mailconvoy_run_resume(const struct mailconvoy_options *o)
{
	return run(o, true);
}
