// SPDX-License-Identifier: MIT
/* mailconvoy check: is the plan good, and what it is about? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/preflight.h"
#include "orchestrator/preflight_show.h"
#include "orchestrator/privileges.h"
#include "orchestrator/select.h"
#include "orchestrator/supervisor.h"

int mailconvoy_check_look(const struct mailconvoy_options *o,
    const struct plan *plan, const struct supervisor_options *how,
    struct preflight *out)
{
	char *journal = NULL;
	struct supervisor_options options = *how;
	struct error err;

	if (plan->user && privileges_check(plan->user, &err) < 0)
		return mailconvoy_find_failed(&err, EXIT_CODE_CONFIG);
	options.jobs = (unsigned)mailconvoy_options_number(o, MAILCONVOY_JOBS);
	options.journal_out = &journal;
	int code = supervisor_run(plan, &options, &err);
	if (err.kind != ERROR_NONE || !journal) {
		if (err.kind != ERROR_NONE)
			code = mailconvoy_find_failed(&err, code);
		return code == EXIT_CODE_OK ? EXIT_CODE_INTERNAL : code;
	}
	// results of accounts are told one by one; these end all of it
	bool stopped = code == EXIT_CODE_INTERNAL || code == EXIT_CODE_LOCAL ||
		       code == EXIT_CODE_INTERRUPTED;
	if (preflight_read(out, journal, plan, &err) < 0)
		code = mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
	else
		code = stopped ? code : EXIT_CODE_OK;
	free(journal);
	return code;
}

static int connect_all(const struct mailconvoy_options *o,
    const struct plan *plan, const struct select_rules *select)
{
	const struct supervisor_options how = {.look = true, .select = select};
	const char *format = mailconvoy_options_value(o, MAILCONVOY_OUTPUT);
	struct preflight found = {0};
	int code = mailconvoy_check_look(o, plan, &how, &found);

	if (found.accounts) {
		long no_go = format && strcmp(format, "json") == 0
				 ? preflight_show_json(&found, select, stdout)
				 : preflight_show_table(&found, select, stdout);
		if (no_go != 0)
			code = exit_code_worse(code,
			    no_go < 0 ? EXIT_CODE_INTERNAL : EXIT_CODE_PARTIAL);
	}
	preflight_release(&found);
	return code;
}

static int refuse_warnings(const struct plan *plan, size_t warnings)
{
	(void)fprintf(stderr,
	    "%s: with --strict %zu warning%s count%s as error%s. Nothing was started.\n",
	    plan->path, warnings, mailconvoy_find_plural(warnings),
	    warnings == 1 ? "s" : "", mailconvoy_find_plural(warnings));
	return EXIT_CODE_CONFIG;
}

int mailconvoy_check(const struct mailconvoy_options *o)
{
	const char *format = mailconvoy_options_value(o, MAILCONVOY_OUTPUT);
	bool connect = mailconvoy_options_has(o, MAILCONVOY_CONNECT);
	bool is_strict = mailconvoy_options_has(o, MAILCONVOY_STRICT);
	struct select_rules select = {0};
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	const struct plan_choice choice = {
	    mailconvoy_options_value(o, MAILCONVOY_PASS),
	    mailconvoy_options_value(o, MAILCONVOY_STATE_DIR)};

	if (!connect && format && strcmp(format, "json") == 0)
		return mailconvoy_check_json(
		    o->arguments[0], &choice, is_strict);
	struct plan *plan =
	    mailconvoy_find_plan_choice(o, &choice, &warnings, &code);

	if (!plan)
		return code;
	code = mailconvoy_select(o, plan, &select);
	if (code == EXIT_CODE_OK)
		(void)fprintf(connect ? stderr : stdout,
		    "%s: %zu account%s, %zu server%s, %zu warning%s (digest %s)\n",
		    plan->path, plan->account_count,
		    mailconvoy_find_plural(plan->account_count),
		    plan->server_count,
		    mailconvoy_find_plural(plan->server_count), warnings,
		    mailconvoy_find_plural(warnings), plan->digest);
	if (code == EXIT_CODE_OK && is_strict && warnings > 0)
		code = refuse_warnings(plan, warnings);
	if (code == EXIT_CODE_OK && connect)
		code = connect_all(o, plan, &select);
	select_release(&select);
	plan_free(plan);
	return code;
}
