// SPDX-License-Identifier: MIT
/* mailconvoy help, from the tables of commands and options. */
#include <stdio.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "engine/contract/exit_code.h"

enum {
	TEXT_COLUMN = 32,
	LINE_MAX_BYTES = 160
};

static const char head[] =
    "mailconvoy - moves many mail accounts from one IMAP server to another\n"
    "\n"
    "Examples:\n"
    "  mailconvoy check plan.yaml                  is the plan good? (offline)\n"
    "  mailconvoy check plan.yaml --connect        can every account be reached?\n"
    "  mailconvoy preview plan.yaml                what would be copied and deleted?\n"
    "  mailconvoy run plan.yaml                    copy all accounts\n"
    "  mailconvoy run plan.yaml -j 8               eight at a time\n"
    "  mailconvoy status plan.yaml                 how far is it?\n"
    "  mailconvoy resume plan.yaml --only auth     only the refused log-ins\n"
    "  mailconvoy report plan.yaml --user anna     what happened to one account\n"
    "\n"
    "Commands:\n";

static const char tail[] =
    "\n"
    "PLAN is a YAML file, RUN the directory of a run.\n"
    "^C once: nothing more is started; twice: engines stop; three times: killed.\n"
    "MAILCONVOY_ENGINE names another engine than the one beside this program.\n";

/* What is to be typed, and beside it what it does. */
static void print_row(const char *typed, const char *help)
{
	int column = printf("  %s", typed);

	if (column + 1 >= TEXT_COLUMN) {
		(void)printf("\n");
		column = 0;
	}
	while (*help) {
		int len = (int)strcspn(help, "\n");
		(void)printf("%*s%.*s\n", TEXT_COLUMN - column, "", len, help);
		column = 0;
		help += len + (help[len] == '\n');
	}
}

static void print_commands(void)
{
	size_t count = 0;
	const struct mailconvoy_verb *verbs = mailconvoy_options_verbs(&count);
	char typed[LINE_MAX_BYTES];

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(typed, sizeof(typed), "%s %s", verbs[i].name,
		    verbs[i].arguments);
		print_row(typed, verbs[i].help);
	}
}

/* Of one command, or all of them. */
static void print_options(const struct mailconvoy_verb *verb)
{
	size_t count = 0;
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);
	char typed[LINE_MAX_BYTES];

	for (size_t i = 0; i < count; i++) {
		const struct mailconvoy_option *o = &table[i];
		if (verb && !mailconvoy_options_takes(verb, o))
			continue;
		const char letter[] = {(char)(o->letter ? '-' : ' '),
		    (char)(o->letter ? o->letter : ' '),
		    (char)(o->letter ? ',' : ' '), '\0'};
		(void)snprintf(typed, sizeof(typed), "%s --%s%s%s", letter,
		    o->name, o->shown ? " " : "", o->shown ? o->shown : "");
		print_row(typed, o->help);
	}
}

static void print_variables(void)
{
	size_t count = 0;
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);
	char name[MAILCONVOY_VARIABLE_BYTES];

	(void)fputs(
	    "These stand for the options of their names when those are not given:\n",
	    stdout);
	for (size_t i = 0; i < count; i++)
		if (mailconvoy_options_variable(&table[i], name))
			(void)printf("  %s\n", name);
}

static int help_of(const char *name)
{
	const struct mailconvoy_verb *verb = mailconvoy_options_verb(name);
	char typed[LINE_MAX_BYTES];

	if (!verb)
		return mailconvoy_options_usage("unknown command '%s'", name);
	(void)snprintf(
	    typed, sizeof(typed), "mailconvoy %s %s", name, verb->arguments);
	print_row(typed, verb->help);
	(void)printf("\nOptions:\n");
	print_options(verb);
	return EXIT_CODE_OK;
}

int mailconvoy_help(const struct mailconvoy_options *o)
{
	size_t count = 0;
	const struct exit_code_info *table = exit_code_table(&count);

	if (o->arguments[0])
		return help_of(o->arguments[0]);
	(void)fputs(head, stdout);
	print_commands();
	(void)printf(
	    "\nOptions (mailconvoy COMMAND --help: those of one command):\n");
	print_options(NULL);
	(void)fputs(tail, stdout);
	print_variables();
	(void)fputs("\nExit codes:\n", stdout);
	for (size_t i = 0; i < count; i++)
		if (table[i].supervisor_text)
			(void)printf("  %2d  %s\n", (int)table[i].code,
			    table[i].supervisor_text);
	return EXIT_CODE_OK;
}
