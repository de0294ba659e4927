// SPDX-License-Identifier: MIT
/* mailconvoy run and resume. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/approval.h"
#include "orchestrator/select.h"
#include "orchestrator/supervisor.h"

static bool read_progress(
    const struct mailconvoy_options *o, struct progress_options *out)
{
	const char *word = mailconvoy_options_value(o, MAILCONVOY_PROGRESS);

	if (!word)
		word = getenv("MAILCONVOY_PROGRESS");
	if (word && word[0])
		out->mode = progress_find_mode(word);
	if (mailconvoy_options_has(o, MAILCONVOY_QUIET))
		out->mode = PROGRESS_QUIET;
	out->colour = mailconvoy_find_colour(o);
	out->verbose = mailconvoy_options_has(o, MAILCONVOY_VERBOSE);
	out->interval_ms =
	    (int64_t)mailconvoy_options_number(o, MAILCONVOY_INTERVAL) * 1000;
	return out->mode != PROGRESS_MODES;
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

	if (!read_progress(o, &options.progress))
		return mailconvoy_options_usage(
		    "MAILCONVOY_PROGRESS: auto, tty, plain, json or quiet");
	int code = supervisor_run(plan, &options, &err);
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

static int run(const struct mailconvoy_options *o, bool resume)
{
	const struct plan_choice choice = {
	    mailconvoy_options_value(o, MAILCONVOY_PASS)};
	struct select_rules select = {0};
	struct approval approval = {0};
	bool approved = false;
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	struct plan *plan = mailconvoy_find_plan_choice(
	    o->arguments[0], &choice, &warnings, &code);

	if (!plan)
		return code;
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

int mailconvoy_run(const struct mailconvoy_options *o)
{
	return run(o, false);
}

int mailconvoy_run_resume(const struct mailconvoy_options *o)
{
	return run(o, true);
}
