// SPDX-License-Identifier: MIT
/* mailconvoy preview: what would be done. */
#include <stdio.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/preflight.h"
#include "orchestrator/preview.h"
#include "orchestrator/select.h"
#include "orchestrator/supervisor.h"

static int show(const struct mailconvoy_options *o,
    const struct preflight *found, const struct select_rules *select, int code)
{
	const char *file = mailconvoy_options_value(o, MAILCONVOY_FILE);
	bool by_sizes = mailconvoy_options_has(o, MAILCONVOY_SIZES);
	struct preview preview;
	struct error err;

	if (preview_make(&preview, found, select, !by_sizes, &err) < 0)
		return mailconvoy_find_failed(&err, EXIT_CODE_INTERNAL);
	if (file && preview_write(&preview, file, &err) < 0)
		code = mailconvoy_find_failed(&err, EXIT_CODE_CANNOT_CREATE);
	else
		preview_print(&preview, file,
		    mailconvoy_options_has(o, MAILCONVOY_NAMES), stdout);
	// what nobody could look at needs a look
	if (code == EXIT_CODE_OK &&
	    (preview.unknown > 0 ||
		(mailconvoy_options_has(o, MAILCONVOY_EXIT_CODE) &&
		    preview_has_work(&preview))))
		code = EXIT_CODE_PARTIAL;
	preview_release(&preview);
	return code;
}

static int preview(const struct mailconvoy_options *o, const struct plan *plan,
    const struct select_rules *select)
{
	bool by_sizes = mailconvoy_options_has(o, MAILCONVOY_SIZES);
	const struct supervisor_options how = {
	    .look = by_sizes, .dry_run = true, .select = select};
	struct preflight found = {0};
	int code = mailconvoy_check_look(o, plan, &how, &found);

	if (found.accounts)
		code = show(o, &found, select, code);
	preflight_release(&found);
	return code;
}

int mailconvoy_preview(const struct mailconvoy_options *o)
{
	struct select_rules select = {0};
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	const struct plan_choice choice = {
	    mailconvoy_options_value(o, MAILCONVOY_PASS),
	    mailconvoy_options_value(o, MAILCONVOY_STATE_DIR)};

	if (mailconvoy_options_has(o, MAILCONVOY_NAMES) &&
	    mailconvoy_options_has(o, MAILCONVOY_SIZES))
		return mailconvoy_options_usage(
		    "--names goes through all mailboxes, --sizes does not: one of them");
	struct plan *plan =
	    mailconvoy_find_plan_choice(o, &choice, &warnings, &code);

	if (!plan)
		return code;
	code = mailconvoy_select(o, plan, &select);
	if (code == EXIT_CODE_OK)
		code = preview(o, plan, &select);
	select_release(&select);
	plan_free(plan);
	return code;
}
