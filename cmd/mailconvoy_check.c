// SPDX-License-Identifier: MIT
/* mailconvoy check: is the plan good? */
#include <stdio.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "engine/contract/exit_code.h"

int mailconvoy_check(const struct mailconvoy_options *o)
{
	const char *format = mailconvoy_options_value(o, MAILCONVOY_OUTPUT);
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	const struct plan_choice choice = {
	    mailconvoy_options_value(o, MAILCONVOY_PASS)};

	if (format && strcmp(format, "json") == 0)
		return mailconvoy_check_json(o->arguments[0], &choice);
	struct plan *plan = mailconvoy_find_plan_choice(
	    o->arguments[0], &choice, &warnings, &code);

	if (!plan)
		return code;
	(void)printf(
	    "%s: %zu account%s, %zu server%s, %zu warning%s (digest %s)\n",
	    plan->path, plan->account_count,
	    mailconvoy_find_plural(plan->account_count), plan->server_count,
	    mailconvoy_find_plural(plan->server_count), warnings,
	    mailconvoy_find_plural(warnings), plan->digest);
	plan_free(plan);
	return code;
}
