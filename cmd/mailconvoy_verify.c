// SPDX-License-Identifier: MIT
/* mailconvoy verify: are both sides the same? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/job.h"
#include "orchestrator/account_job.h"
#include "orchestrator/privileges.h"
#include "orchestrator/select.h"
#include "orchestrator/supervisor.h"
#include "orchestrator/verify_batch.h"

static int show(const struct plan *plan, const char *journal,
    const struct select_rules *select, bool diff, int code)
{
	struct verify_batch found;
	struct error err;

	if (verify_batch_read(&found, journal, plan, &err) < 0)
		return mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
	if (diff && verify_batch_print_diff(&found, stdout, &err) < 0)
		code = mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
	verify_batch_print(&found, select, stdout);
	(void)printf("  journal  %s\n", journal);
	verify_batch_release(&found);
	return code;
}

static int compare(const struct plan *plan, const struct select_rules *select,
    unsigned jobs, const struct account_job_verify *how)
{
	char *journal = NULL;
	const struct supervisor_options options = {.jobs = jobs,
	    .select = select,
	    .verify = how,
	    .journal_out = &journal};
	struct error err;
	int code = supervisor_run(plan, &options, &err);

	if (err.kind != ERROR_NONE)
		(void)mailconvoy_find_failed(&err, code);
	else if (journal)
		code = show(plan, journal, select, how->diff, code);
	free(journal);
	return code;
}

/* What the chosen pass asks for. */
static enum job_verify level_of(const struct plan *plan)
{
	static const enum job_verify levels[] = {
	    [PLAN_VERIFY_NONE] = JOB_VERIFY_OFF,
	    [PLAN_VERIFY_COUNT] = JOB_VERIFY_COUNT,
	    [PLAN_VERIFY_DIGEST] = JOB_VERIFY_DIGEST,
	    [PLAN_VERIFY_BODY] = JOB_VERIFY_BODY,
	};

	return plan->pass ? levels[plan->pass->verify] : JOB_VERIFY_OFF;
}

int mailconvoy_verify_pass(
    const struct plan *plan, const struct select_rules *select, unsigned jobs)
{
	const struct account_job_verify how = {
	    .level = level_of(plan), .sample = 100};

	if (how.level == JOB_VERIFY_OFF)
		return EXIT_CODE_OK;
	return compare(plan, select, jobs, &how);
}

/* "10%" or "10"; 0: no number from 1 to 100. */
static unsigned sample_of(const char *text)
{
	size_t len = strlen(text);
	uint64_t n = 0;

	if (len > 0 && text[len - 1] == '%')
		len--;
	return text_parse_u64(text, len, 100, &n) ? (unsigned)n : 0;
}

int mailconvoy_verify(const struct mailconvoy_options *o)
{
	const char *level = mailconvoy_options_value(o, MAILCONVOY_LEVEL);
	const char *sample = mailconvoy_options_value(o, MAILCONVOY_SAMPLE);
	struct account_job_verify how = {
	    .level = level ? (enum job_verify)job_verify_parse(level)
			   : JOB_VERIFY_DIGEST,
	    .sample = sample ? sample_of(sample) : 100,
	    .diff = mailconvoy_options_has(o, MAILCONVOY_DIFF)};
	struct select_rules select = {0};
	struct error err;
	size_t warnings = 0;
	int code = EXIT_CODE_OK;

	if (how.sample == 0)
		return mailconvoy_options_usage(
		    "--sample wants a percentage from 1%% to 100%%, not '%s'",
		    sample);
	if (sample && !level)
		how.level = JOB_VERIFY_BODY;
	if (sample && how.level != JOB_VERIFY_BODY)
		return mailconvoy_options_usage(
		    "--sample is for --level body, not '%s'", level);
	const struct plan_choice choice = {
	    mailconvoy_options_value(o, MAILCONVOY_PASS),
	    mailconvoy_options_value(o, MAILCONVOY_STATE_DIR)};
	struct plan *plan =
	    mailconvoy_find_plan_choice(o, &choice, &warnings, &code);
	if (!plan)
		return code;
	if (!level && !sample && level_of(plan) != JOB_VERIFY_OFF)
		how.level = level_of(plan);
	if (plan->user && privileges_check(plan->user, &err) < 0)
		code = mailconvoy_find_failed(&err, EXIT_CODE_CONFIG);
	if (code == EXIT_CODE_OK)
		code = mailconvoy_select(o, plan, &select);
	if (code == EXIT_CODE_OK)
		code = compare(plan, &select,
		    (unsigned)mailconvoy_options_number(o, MAILCONVOY_JOBS),
		    &how);
	select_release(&select);
	plan_free(plan);
	return code;
}
