// SPDX-License-Identifier: MIT
/* Before anything is deleted: a file that says what, or a person. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/approval.h"
#include "orchestrator/select.h"

enum {
	ANSWER_BYTES = 128 /* a plan's name has at most 64 */
};

static size_t count_mirrors(
    const struct plan *plan, const struct select_rules *select)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->account_count; i++)
		n += plan->accounts[i].options.mode == PLAN_MODE_DST &&
		     select_matches(select, &plan->accounts[i]);
	return n;
}

static void print_ceilings(const struct plan_deletes *d)
{
	if (d->max_per_account != PLAN_NO_LIMIT)
		(void)fprintf(stderr, ", at most %u messages",
		    (unsigned)d->max_per_account);
	if (d->max_percent != PLAN_NO_LIMIT)
		(void)fprintf(
		    stderr, ", at most %u %%", (unsigned)d->max_percent);
}

/* Is the plan's name typed? */
static bool ask(const struct plan *plan, const struct select_rules *select)
{
	char answer[ANSWER_BYTES];

	(void)fprintf(stderr,
	    "%zu accounts are made a mirror (syncDst): what the source does not have is deleted on the target",
	    count_mirrors(plan, select));
	print_ceilings(&plan->deletes);
	(void)fprintf(stderr,
	    " of each account.\nSee what it is: mailconvoy preview %s\nType the plan's name (%s) to go on: ",
	    plan->typed, plan->name);
	(void)fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return strcmp(answer, plan->name) == 0;
}

static int refuse(const struct plan *plan, const char *why)
{
	(void)fprintf(stderr,
	    "mailconvoy: %s; nothing was started.\n"
	    "See and approve what is deleted:\n"
	    "  mailconvoy preview %s -o FILE\n"
	    "  mailconvoy run %s --approved FILE\n",
	    why, plan->typed, plan->typed);
	return EXIT_CODE_USAGE;
}

int mailconvoy_approve(const struct mailconvoy_options *o,
    const struct plan *plan, const struct select_rules *select,
    struct approval *out, bool *found_out)
{
	const char *file = mailconvoy_options_value(o, MAILCONVOY_APPROVED);
	bool resume = strcmp(o->verb->name, "resume") == 0;
	struct error err;

	*found_out = false;
	if (file) {
		if (approval_read(out, file, plan, &err) < 0)
			return mailconvoy_find_failed(&err,
			    err.kind == ERROR_CONFIG ? EXIT_CODE_CONFIG
						     : EXIT_CODE_NO_INPUT);
		*found_out = true;
		return EXIT_CODE_OK;
	}
	if (mailconvoy_options_has(o, MAILCONVOY_DRY_RUN) ||
	    !approval_is_needed(plan, select))
		return EXIT_CODE_OK;
	if (!mailconvoy_options_has(o, MAILCONVOY_NEW_RUN) &&
	    approval_is_stored(plan, select, resume))
		return EXIT_CODE_OK;
	if (mailconvoy_options_has(o, MAILCONVOY_NO_INPUT) ||
	    isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
		return refuse(
		    plan, "nobody has approved what syncDst would delete");
	if (!ask(plan, select))
		return refuse(plan, "that is not the plan's name");
	if (approval_by_name(out, plan, select, &err) < 0)
		return mailconvoy_find_failed(&err, EXIT_CODE_INTERNAL);
	*found_out = true;
	return EXIT_CODE_OK;
}
