// SPDX-License-Identifier: MIT
/* mailconvoy ctl: asks the supervisor of a running batch. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/ctl.h"
#include "orchestrator/rundir.h"

/* The word at its head says how it went. */
static int code_of(const char *answer, const char **text_out)
{
	static const struct {
		const char *word;
		int code;
	} words[] = {{"ok", EXIT_CODE_OK}, {"usage", EXIT_CODE_USAGE},
	    {"refused", EXIT_CODE_PARTIAL}};

	size_t len = strcspn(answer, " ");

	*text_out = answer + len + (answer[len] == ' ');
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len &&
		    memcmp(words[i].word, answer, len) == 0)
			return words[i].code;
	return EXIT_CODE_PARTIAL;
}

static int ask(const struct rundir *dir, const char *command)
{
	char answer[CTL_ANSWER_BYTES], shown[4 * CTL_ANSWER_BYTES];
	const char *text = "";
	struct error err = {0};

	if (!rundir_is_locked(dir)) {
		(void)error_set(&err, ERROR_USAGE, "ctl.nobody",
		    "no supervisor works on this plan: see mailconvoy status");
		return mailconvoy_find_failed(&err, EXIT_CODE_NO_INPUT);
	}
	if (ctl_ask(dir->path, command, answer, &err) < 0)
		return mailconvoy_find_failed(&err,
		    strcmp(err.reason, "ctl.nobody") == 0 ? EXIT_CODE_NO_INPUT
							  : EXIT_CODE_LOCAL);
	int code = code_of(answer, &text);
	(void)text_escape(text, strlen(text), shown, sizeof(shown));
	(void)fprintf(code == EXIT_CODE_OK ? stdout : stderr, "%s%s\n",
	    code == EXIT_CODE_OK ? "" : "mailconvoy: ", shown);
	return code;
}

int mailconvoy_ctl(const struct mailconvoy_options *o)
{
	struct rundir dir = {.lock_fd = -1};
	struct ctl_command command;
	struct error err = {0};

	if (ctl_command_parse(
		o->arguments[1], strlen(o->arguments[1]), &command, &err) < 0)
		return mailconvoy_options_usage("%s", err.text);
	int code = mailconvoy_find_run(o, &dir);
	if (code == EXIT_CODE_OK)
		code = ask(&dir, o->arguments[1]);
	rundir_release(&dir);
	return code;
}
