// SPDX-License-Identifier: MIT
/* The options that select accounts, the same for every command. */
#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/select.h"

int mailconvoy_select(const struct mailconvoy_options *o,
    const struct plan *plan, struct select_rules *out)
{
	const char *value;
	struct error err;
	size_t at = 0;

	*out = (struct select_rules){
	    .limit = mailconvoy_options_number(o, MAILCONVOY_LIMIT)};
	out->patterns =
	    mem_try_calloc(o->given_count + 1, sizeof(*out->patterns));
	out->groups = mem_try_calloc(o->given_count + 1, sizeof(*out->groups));
	if (!out->patterns || !out->groups) {
		(void)error_set(
		    &err, ERROR_INTERNAL, "local.memory", "out of memory");
		return mailconvoy_find_failed(&err, EXIT_CODE_INTERNAL);
	}
	while ((value = mailconvoy_options_next(o, MAILCONVOY_ACCOUNT, &at)))
		out->patterns[out->pattern_count++] = value;
	at = 0;
	while ((value = mailconvoy_options_next(o, MAILCONVOY_GROUP, &at)))
		out->groups[out->group_count++] = value;
	at = 0;
	while (
	    (value = mailconvoy_options_next(o, MAILCONVOY_ACCOUNTS_FROM, &at)))
		if (select_read_ids(out, value, &err) < 0)
			return mailconvoy_find_failed(
			    &err, err.kind == ERROR_USAGE ? EXIT_CODE_USAGE
							  : EXIT_CODE_NO_INPUT);
	if (select_check(out, plan, &err) < 0)
		return mailconvoy_find_failed(&err, EXIT_CODE_USAGE);
	return EXIT_CODE_OK;
}
