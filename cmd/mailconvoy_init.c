// SPDX-License-Identifier: MIT
/* mailconvoy init: a plan to begin with. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "config/plan_diag.h"
#include "config/plan_init.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"

/* What was written must be a good plan. */
static int check(const struct mailconvoy_options *o, const char *path)
{
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	struct plan *plan = mailconvoy_find_plan(o, path, &warnings, &code);

	if (plan)
		(void)printf("%s: %zu account%s. Next: look at it, then\n"
			     "  mailconvoy check %s\n",
		    path, plan->account_count,
		    mailconvoy_find_plural(plan->account_count), path);
	plan_free(plan);
	return code;
}

static int failed(const struct mailconvoy_options *o, struct plan_diag *diag,
    const struct error *err)
{
	const char *from = mailconvoy_options_value(o, MAILCONVOY_FROM);

	if (err->kind == ERROR_NONE) {
		plan_diag_print(diag, stderr,
		    terminal_wants_colour(
			mailconvoy_find_colour(o), STDERR_FILENO));
		(void)fprintf(stderr, "%s: %zu error%s. Nothing was written.\n",
		    from, plan_diag_errors(diag),
		    mailconvoy_find_plural(plan_diag_errors(diag)));
		return EXIT_CODE_CONFIG;
	}
	if (from && access(from, F_OK) != 0)
		return mailconvoy_find_failed(err, EXIT_CODE_NO_INPUT);
	return mailconvoy_find_failed(err, err->kind == ERROR_CONFIG
					       ? EXIT_CODE_CONFIG
					       : EXIT_CODE_CANNOT_CREATE);
}

int mailconvoy_init(const struct mailconvoy_options *o)
{
	const char *directory =
	    mailconvoy_options_value(o, MAILCONVOY_DIRECTORY);
	const char *from = mailconvoy_options_value(o, MAILCONVOY_FROM);
	struct plan_diag *diag = plan_diag_new();
	struct plan_init_result result = {0};
	struct error err;
	int code = plan_init_write(
	    directory ? directory : ".", from, diag, &result, &err);

	code = code == 0 ? check(o, result.plan_path) : failed(o, diag, &err);
	free(result.plan_path);
	plan_diag_free(diag);
	return code;
}
