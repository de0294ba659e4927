// SPDX-License-Identifier: MIT
#include "cmd/mailconvoy_options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "config/value.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/supervisor.h"

enum {
	JOBS_MAX = 4096,
	INTERVAL_MAX = 24 * 60 * 60,
	LETTER_BASE = 256, /* of options without a letter, for getopt_long */
	LETTERS_MAX = 3 * MAILCONVOY_OPTIONS + 2
};

static const struct mailconvoy_verb verbs[] = {
    {"check", "PLAN", 1, 1, mailconvoy_check,
	"checks the plan; with --connect also\nwhat it is about. Changes nothing",
	NULL},
    {"preview", "PLAN", 1, 1, mailconvoy_preview,
	"what a run would copy, change and\ndelete; changes nothing", NULL},
    {"run", "PLAN", 1, 1, mailconvoy_run, "runs it; an unfinished run goes on",
	NULL},
    {"resume", "PLAN", 1, 1, mailconvoy_run_resume,
	"runs what is not finished or failed", NULL},
    {"status", "[PLAN|RUN]", 0, 1, mailconvoy_status,
	"how the last run stands, also while it\nruns", NULL},
    {"ctl", "PLAN|RUN COMMAND", 2, 2, mailconvoy_ctl,
	"asks a running batch: pause, resume,\ndrain, stop, jobs=N, bw=RATE,\nserver.NAME.connections=N, skip=ID,\nretry=ID",
	"pause resume drain stop jobs= bw= server. skip= retry="},
    {"report", "PLAN|RUN", 1, 1, mailconvoy_report,
	"writes the report of the last run", NULL},
    {"verify", "PLAN", 1, 1, mailconvoy_verify,
	"are both sides the same? Changes\nnothing; exit 0 when they are, 1 when\nnot",
	NULL},
    {"ack", "PLAN|RUN ID", 2, 2, mailconvoy_ack,
	"takes an account's result as it is: it\ncounts no more for the exit code",
	NULL},
    {"show", "PLAN ID", 2, 2, mailconvoy_show,
	"the settings of one account, and\nwhence each comes", NULL},
    {"explain", "[CODE|REASON]", 0, 1, mailconvoy_explain,
	"what E0107 or auth.rejected means, and\nwhat to do", NULL},
    {"init", "", 0, 0, mailconvoy_init,
	"writes a plan to begin with, an accounts\nfile and the passwords beside it",
	NULL},
    {"schema", "", 0, 0, mailconvoy_schema,
	"the JSON Schema of plans, for editors", NULL},
    {"help", "[COMMAND]", 0, 1, mailconvoy_help,
	"this text, or what one command takes", NULL},
};

/* The verbs that take a selection. */
#define SELECTING "run resume check preview verify"

static const struct mailconvoy_option table[] = {
    {"jobs", MAILCONVOY_JOBS, 'j', MAILCONVOY_VALUE_NUMBER, "N",
	"run resume check preview verify", NULL, JOBS_MAX,
	"accounts at a time, instead of the\nplan's number"},
    {"new-run", MAILCONVOY_NEW_RUN, '\0', MAILCONVOY_VALUE_NONE, NULL, "run",
	NULL, 0, "starts anew even when the last run is\nunfinished"},
    {"dry-run", MAILCONVOY_DRY_RUN, '\0', MAILCONVOY_VALUE_NONE, NULL, "run",
	NULL, 0,
	"looks at both sides and changes\nnothing; counts for no other run"},
    {"approved", MAILCONVOY_APPROVED, '\0', MAILCONVOY_VALUE_TEXT, "FILE",
	"run resume", NULL, 0,
	"of preview -o: a mirror deletes what\nstands there and nothing more"},
    {"no-input", MAILCONVOY_NO_INPUT, '\0', MAILCONVOY_VALUE_NONE, NULL,
	"run resume", NULL, 0, "never asks anything"},
    {"only", MAILCONVOY_ONLY, '\0', MAILCONVOY_VALUE_OUTCOMES, "LIST", "resume",
	"pending failed ok partial changed deferred interrupted usage internal quota local temp proto auth config crash",
	0,
	"outcomes to run again: pending,\nfailed, interrupted, temp, auth,\npartial, quota, crash, ..."},
    {"reason", MAILCONVOY_LIKE, '\0', MAILCONVOY_VALUE_TEXT, "PATTERN",
	"resume", NULL, 0,
	"only accounts that ended with such a\nreason (auth.*); * and ? match; may be\nrepeated"},
    {"order", MAILCONVOY_ORDER, '\0', MAILCONVOY_VALUE_WORD, "WORD",
	"run resume", "plan largest shuffle failed_first", 0,
	"plan, largest, shuffle or failed_first,\ninstead of the plan's order"},
    {"window", MAILCONVOY_WINDOW, '\0', MAILCONVOY_VALUE_NONE, NULL,
	"run resume", NULL, 0,
	"ends with the plan's window (3) instead\nof waiting for the next one"},
    {"max-duration", MAILCONVOY_MAX_DURATION, '\0', MAILCONVOY_VALUE_DURATION,
	"TIME", "run resume", NULL, 0,
	"after so long (8h30m) nothing more is\nstarted, and it ends with 3"},
    {"bwlimit", MAILCONVOY_BWLIMIT, '\0', MAILCONVOY_VALUE_RATE, "RATE",
	"run resume", NULL, 0,
	"bytes a second read from all sources\ntogether (40MiB/s), instead of the plan's"},
    {"output", MAILCONVOY_OUTPUT, 'o', MAILCONVOY_VALUE_WORD, "WORD",
	"check show", "table json", 0, "table or json"},
    {"output", MAILCONVOY_FORMAT, 'o', MAILCONVOY_VALUE_WORD, "WORD", "status",
	"table wide json jsonl csv name", 0,
	"table, wide, json, jsonl, csv or name"},
    {"output", MAILCONVOY_FILE, 'o', MAILCONVOY_VALUE_TEXT, "FILE", "preview",
	NULL, 0, "preview: writes it there as JSON, for run\n--approved"},
    {"level", MAILCONVOY_LEVEL, '\0', MAILCONVOY_VALUE_WORD, "WORD", "verify",
	"count digest body", 0,
	"count: how many messages; digest:\nheaders, sizes, flags, dates (default);\nbody: every byte"},
    {"sample", MAILCONVOY_SAMPLE, '\0', MAILCONVOY_VALUE_TEXT, "N%", "verify",
	NULL, 0, "body: so many of a hundred"},
    {"diff", MAILCONVOY_DIFF, '\0', MAILCONVOY_VALUE_NONE, NULL, "verify", NULL,
	0,
	"a line each difference: - + * !, and =\nfor mailboxes that are equal"},
    {"sizes", MAILCONVOY_SIZES, '\0', MAILCONVOY_VALUE_NONE, NULL, "preview",
	NULL, 0, "by numbers and sizes of mailboxes only,\nquickly"},
    {"names", MAILCONVOY_NAMES, '\0', MAILCONVOY_VALUE_NONE, NULL, "preview",
	NULL, 0, "also which mailboxes get another name, or\ncannot have one"},
    {"exit-code", MAILCONVOY_EXIT_CODE, '\0', MAILCONVOY_VALUE_NONE, NULL,
	"preview", NULL, 0, "exit 1 when there is anything to do"},
    {"output", MAILCONVOY_DIRECTORY, 'o', MAILCONVOY_VALUE_TEXT, "DIR", "init",
	NULL, 0, "init: where the files go (default: here)"},
    {"from", MAILCONVOY_FROM, '\0', MAILCONVOY_VALUE_TEXT, "FILE", "init", NULL,
	0, "the accounts of users.txt, of imapsync\nor of Exchange"},
    {"pass", MAILCONVOY_PASS, '\0', MAILCONVOY_VALUE_TEXT, "NAME",
	"check preview run resume show verify", NULL, 0, "a pass of the plan"},
    {"state-dir", MAILCONVOY_STATE_DIR, '\0', MAILCONVOY_VALUE_TEXT, "DIR",
	"check preview run resume status ctl report verify ack", NULL, 0,
	"where runs are kept, instead of the\nplan's state_dir"},
    {"origin", MAILCONVOY_ORIGIN, '\0', MAILCONVOY_VALUE_NONE, NULL, "show",
	NULL, 0, "where each setting stands"},
    {"connect", MAILCONVOY_CONNECT, '\0', MAILCONVOY_VALUE_NONE, NULL, "check",
	NULL, 0,
	"logs in to both sides of every account\nand looks: go or no-go, and why"},
    {"strict", MAILCONVOY_STRICT, '\0', MAILCONVOY_VALUE_NONE, NULL, "check",
	NULL, 0, "warnings count as errors"},
    {"watch", MAILCONVOY_WATCH, '\0', MAILCONVOY_VALUE_NONE, NULL, "status",
	NULL, 0, "again and again until the run ends"},
    {"filter", MAILCONVOY_FILTER, '\0', MAILCONVOY_VALUE_TEXT, "KEY=VALUE",
	"status", NULL, 0,
	"only accounts of which this is true;\n`*` and `?` match; may be repeated"},
    {"sort-by", MAILCONVOY_SORT_BY, '\0', MAILCONVOY_VALUE_TEXT, "COLUMN",
	"status", NULL, 0, "\"-COLUMN\" for the greatest first"},
    {"no-headers", MAILCONVOY_NO_HEADERS, '\0', MAILCONVOY_VALUE_NONE, NULL,
	"status", NULL, 0, "accounts only"},
    {"jsonl", MAILCONVOY_JSONL, '\0', MAILCONVOY_VALUE_TEXT, "FILE", "report",
	NULL, 0, "where the report goes (default: the\nrun's directory)"},
    {"csv", MAILCONVOY_CSV, '\0', MAILCONVOY_VALUE_TEXT, "FILE", "report", NULL,
	0, "one row an account, for spreadsheets"},
    {"html", MAILCONVOY_HTML, '\0', MAILCONVOY_VALUE_TEXT, "FILE", "report",
	NULL, 0, "all of it as one page, for people"},
    {"todo", MAILCONVOY_TODO, '\0', MAILCONVOY_VALUE_TEXT, "FILE", "report",
	NULL, 0,
	"the accounts that need somebody, as the\naccounts file of a next run"},
    {"users-dir", MAILCONVOY_USERS_DIR, '\0', MAILCONVOY_VALUE_TEXT, "DIR",
	"report", NULL, 0, "a text and a page for the owner of each\naccount"},
    {"user", MAILCONVOY_USER, '\0', MAILCONVOY_VALUE_TEXT, "ID", "report", NULL,
	0, "a text about this account instead"},
    {"reason", MAILCONVOY_REASON, '\0', MAILCONVOY_VALUE_TEXT, "TEXT", "ack",
	NULL, 0, "why; it stands in journal and reports"},
    {"account", MAILCONVOY_ACCOUNT, '\0', MAILCONVOY_VALUE_TEXT, "ID",
	SELECTING, NULL, 0,
	"only this account; * and ? match;\nmay be repeated"},
    {"group", MAILCONVOY_GROUP, '\0', MAILCONVOY_VALUE_TEXT, "NAME", SELECTING,
	NULL, 0, "only accounts of this group;\nmay be repeated"},
    {"accounts-from", MAILCONVOY_ACCOUNTS_FROM, '\0', MAILCONVOY_VALUE_TEXT,
	"FILE", SELECTING, NULL, 0, "only the accounts in FILE, one a line"},
    {"limit", MAILCONVOY_LIMIT, '\0', MAILCONVOY_VALUE_NUMBER, "N", SELECTING,
	NULL, UINT32_MAX, "only the first N of what is to be done"},
    {"progress", MAILCONVOY_PROGRESS, '\0', MAILCONVOY_VALUE_WORD, "WORD",
	"run resume", "auto tty plain json quiet", 0,
	"auto, tty, plain, json or quiet"},
    {"interval", MAILCONVOY_INTERVAL, '\0', MAILCONVOY_VALUE_NUMBER, "SECONDS",
	"run resume", NULL, INTERVAL_MAX, "between two summaries (60)"},
    {"quiet", MAILCONVOY_QUIET, 'q', MAILCONVOY_VALUE_NONE, NULL, "run resume",
	NULL, 0, "errors and the result only"},
    {"verbose", MAILCONVOY_VERBOSE, 'v', MAILCONVOY_VALUE_NONE, NULL,
	"run resume", NULL, 0, "what was refused too, as it happens"},
    {"color", MAILCONVOY_COLOR, '\0', MAILCONVOY_VALUE_WORD, "WORD",
	"check preview run resume status ctl report verify ack show init",
	"auto always never", 0, "auto, always or never"},
    {"help", MAILCONVOY_HELP, 'h', MAILCONVOY_VALUE_NONE, NULL, NULL, NULL, 0,
	"this text"},
    {"version", MAILCONVOY_VERSION_TEXT, 'V', MAILCONVOY_VALUE_NONE, NULL, NULL,
	NULL, 0, "the version"},
};

const struct mailconvoy_verb *mailconvoy_options_verbs(size_t *count_out)
{
	*count_out = ARRAY_LEN(verbs);
	return verbs;
}

const struct mailconvoy_option *mailconvoy_options_table(size_t *count_out)
{
	*count_out = ARRAY_LEN(table);
	return table;
}

int mailconvoy_options_usage(const char *format, ...)
{
	char text[512], shown[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)fprintf(stderr, "mailconvoy: %s\nTry 'mailconvoy --help'.\n",
	    text_escape(text, strlen(text), shown, sizeof(shown)));
	return EXIT_CODE_USAGE;
}

/* -------------------------------------------------------------- reading */

const char *mailconvoy_options_next(const struct mailconvoy_options *o,
    enum mailconvoy_option_id id, size_t *at)
{
	while (*at < o->given_count) {
		const struct mailconvoy_given *g = &o->given[(*at)++];
		if (g->id == id)
			return g->value;
	}
	return NULL;
}

const char *mailconvoy_options_value(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id)
{
	const char *last = NULL, *value;
	size_t at = 0;

	while ((value = mailconvoy_options_next(o, id, &at)) != NULL)
		last = value;
	return last;
}

bool mailconvoy_options_has(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id)
{
	return mailconvoy_options_value(o, id) != NULL;
}

uint64_t mailconvoy_options_number(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id)
{
	const char *value = mailconvoy_options_value(o, id);
	uint64_t n = 0;

	return value && text_parse_u64(value, strlen(value), UINT64_MAX, &n)
		   ? n
		   : 0;
}

uint64_t mailconvoy_options_rate(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id)
{
	const char *value = mailconvoy_options_value(o, id);
	uint64_t bytes = 0;

	return value && value_rate(value, strlen(value), &bytes) == VALUE_OK
		   ? bytes
		   : 0;
}

uint64_t mailconvoy_options_duration(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id)
{
	const char *value = mailconvoy_options_value(o, id);
	uint64_t ms = 0;

	return value && value_duration(value, strlen(value), &ms) == VALUE_OK
		   ? ms
		   : 0;
}

/* -------------------------------------------------------------- parsing */

/* Is it one of these words, which stand between blanks? */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (*words) {
		size_t n = strcspn(words, " ");
		if (n == len && memcmp(words, word, n) == 0)
			return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

/* `label` is where the value stands. 0, or the exit code after a message. */
static int check_value(const struct mailconvoy_option *option,
    const char *label, const char *value)
{
	uint64_t n = 0;
	const char *bad = NULL;

	switch (option->value) {
	case MAILCONVOY_VALUE_NONE:
	case MAILCONVOY_VALUE_TEXT:
		return 0;
	case MAILCONVOY_VALUE_NUMBER:
		if (text_parse_u64(value, strlen(value), option->max, &n) &&
		    n > 0)
			return 0;
		return mailconvoy_options_usage(
		    "%s wants a number from 1 to %llu, not '%s'", label,
		    (unsigned long long)option->max, value);
	case MAILCONVOY_VALUE_WORD:
		if (has_word(option->words, value))
			return 0;
		return mailconvoy_options_usage("%s wants one of: %s; not '%s'",
		    label, option->words, value);
	case MAILCONVOY_VALUE_DURATION:
		if (value_duration(value, strlen(value), &n) == VALUE_OK &&
		    n > 0)
			return 0;
		return mailconvoy_options_usage(
		    "%s wants a time such as 90s or 8h30m, not '%s'", label,
		    value);
	case MAILCONVOY_VALUE_RATE:
		if (value_rate(value, strlen(value), &n) == VALUE_OK && n > 0)
			return 0;
		return mailconvoy_options_usage(
		    "%s wants a rate such as 500kB/s or 40MiB/s, not '%s'",
		    label, value);
	case MAILCONVOY_VALUE_OUTCOMES:
		if (supervisor_check_only(value, &bad))
			return 0;
		return mailconvoy_options_usage(
		    "%s: '%s' does not start with an outcome", label, bad);
	}
	return 0;
}

static int letter_of(const struct mailconvoy_option *option)
{
	return option->letter ? option->letter : LETTER_BASE + (int)option->id;
}

static const struct mailconvoy_option *find_letter(int letter)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (letter_of(&table[i]) == letter)
			return &table[i];
	return NULL;
}

bool mailconvoy_options_takes(
    const struct mailconvoy_verb *verb, const struct mailconvoy_option *option)
{
	return !option->verbs || has_word(option->verbs, verb->name);
}

/* What an option given by its first row means to this verb; NULL: nothing. */
static const struct mailconvoy_option *find_meaning(
    enum mailconvoy_option_id first, const struct mailconvoy_verb *verb)
{
	size_t i = 0;

	while (table[i].id != first)
		i++;
	for (const char *name = table[i].name; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0 &&
		    mailconvoy_options_takes(verb, &table[i]))
			return &table[i];
	return NULL;
}

static const char *name_of(enum mailconvoy_option_id id)
{
	size_t i = 0;

	while (table[i].id != id)
		i++;
	return table[i].name;
}

const struct mailconvoy_verb *mailconvoy_options_verb(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* What getopt_long wants to know. */
static void make_getopt(
    struct option names[MAILCONVOY_OPTIONS + 1], char letters[LETTERS_MAX])
{
	size_t n = 0;

	letters[n++] = ':'; // the messages are ours
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		bool has_value = table[i].value != MAILCONVOY_VALUE_NONE;
		names[i] = (struct option){table[i].name,
		    has_value ? required_argument : no_argument, NULL,
		    letter_of(&table[i])};
		if (!table[i].letter)
			continue;
		letters[n++] = table[i].letter;
		if (has_value)
			letters[n++] = ':';
	}
	letters[n] = '\0';
	names[ARRAY_LEN(table)] = (struct option){0};
}

static int take(struct mailconvoy_options *o, int letter, const char *value)
{
	const struct mailconvoy_option *option = find_letter(letter);

	if (!option)
		return mailconvoy_options_usage("unknown option");
	if (option->id == MAILCONVOY_VERSION_TEXT) {
		(void)printf("mailconvoy %s\n", MAILCONVOY_VERSION);
		return EXIT_CODE_OK;
	}
	if (o->given_count == MAILCONVOY_GIVEN_MAX)
		return mailconvoy_options_usage("too many options");
	o->given[o->given_count++] =
	    (struct mailconvoy_given){option->id, value ? value : ""};
	return -1;
}

/* Do the parts belong together? Only now the verb is known, and with it what
 * an option means. */
static int check_together(struct mailconvoy_options *o, size_t count)
{
	const struct mailconvoy_verb *verb = o->verb;
	char label[MAILCONVOY_VARIABLE_BYTES];

	for (size_t i = 0; i < o->given_count; i++) {
		struct mailconvoy_given *g = &o->given[i];
		const struct mailconvoy_option *option =
		    find_meaning(g->id, verb);
		if (!option)
			return mailconvoy_options_usage(
			    "'%s' does not take --%s", verb->name,
			    name_of(g->id));
		(void)snprintf(label, sizeof(label), "--%s", option->name);
		int code = check_value(option, label, g->value);
		if (code != 0)
			return code;
		g->id = option->id;
	}
	if (count < verb->arguments_min)
		return mailconvoy_options_usage(
		    "'%s' wants %s", verb->name, verb->arguments);
	return -1;
}

/* ---------------------------------------------------------- environment */

/* "MAILCONVOY_MAX_DURATION" */
static void variable_of(
    const struct mailconvoy_option *option, char out[MAILCONVOY_VARIABLE_BYTES])
{
	(void)snprintf(
	    out, MAILCONVOY_VARIABLE_BYTES, "MAILCONVOY_%s", option->name);
	for (char *c = out; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

bool mailconvoy_options_variable(
    const struct mailconvoy_option *option, char out[MAILCONVOY_VARIABLE_BYTES])
{
	static const enum mailconvoy_option_id ids[] = {MAILCONVOY_JOBS,
	    MAILCONVOY_BWLIMIT, MAILCONVOY_MAX_DURATION, MAILCONVOY_NO_INPUT,
	    MAILCONVOY_STATE_DIR, MAILCONVOY_PROGRESS, MAILCONVOY_INTERVAL,
	    MAILCONVOY_COLOR};

	size_t i = 0;

	while (i < ARRAY_LEN(ids) && ids[i] != option->id)
		i++;
	if (i < ARRAY_LEN(ids))
		variable_of(option, out);
	return i < ARRAY_LEN(ids);
}

/* Of a switch. -1: it is neither. */
static int truth_of(const char *value)
{
	if (strcmp(value, "1") == 0 || strcmp(value, "true") == 0)
		return 1;
	return strcmp(value, "0") == 0 || strcmp(value, "false") == 0 ? 0 : -1;
}

/* What is not on the command line may stand in the environment. */
static int take_environment(struct mailconvoy_options *o)
{
	char name[MAILCONVOY_VARIABLE_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct mailconvoy_option *option = &table[i];
		if (!mailconvoy_options_takes(o->verb, option) ||
		    mailconvoy_options_has(o, option->id) ||
		    !mailconvoy_options_variable(option, name))
			continue;
		const char *value = getenv(name);
		if (!value || !value[0])
			continue; // empty: as if it were not there
		int truth = option->value == MAILCONVOY_VALUE_NONE
				? truth_of(value)
				: 1;
		if (truth < 0)
			return mailconvoy_options_usage(
			    "%s wants 1 or 0, not '%s'", name, value);
		int code = truth > 0 ? check_value(option, name, value) : 0;
		if (code != 0)
			return code;
		if (truth > 0 && o->given_count < MAILCONVOY_GIVEN_MAX)
			o->given[o->given_count++] =
			    (struct mailconvoy_given){option->id, value};
	}
	return -1;
}

int mailconvoy_options_parse(
    struct mailconvoy_options *o, int argc, char **argv)
{
	struct option names[MAILCONVOY_OPTIONS + 1];
	char letters[LETTERS_MAX];
	size_t count = 0;
	int letter;

	make_getopt(names, letters);
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (letter == '?')
			return mailconvoy_options_usage(
			    "unknown option '%s'", argv[optind - 1]);
		if (letter == ':')
			return mailconvoy_options_usage(
			    "option '%s' wants a value", argv[optind - 1]);
		int code = take(o, letter, optarg);
		if (code >= 0)
			return code;
	}
	if (mailconvoy_options_has(o, MAILCONVOY_HELP)) {
		o->arguments[0] = optind < argc ? argv[optind] : NULL;
		return mailconvoy_help(o);
	}
	if (optind == argc)
		return mailconvoy_options_usage("a command is missing");
	o->verb = mailconvoy_options_verb(argv[optind]);
	if (!o->verb)
		return mailconvoy_options_usage(
		    "unknown command '%s'", argv[optind]);
	while (++optind < argc) {
		if (count == o->verb->arguments_max)
			return mailconvoy_options_usage(
			    "too many arguments: '%s'", argv[optind]);
		o->arguments[count++] = argv[optind];
	}
	int code = check_together(o, count);
	return code < 0 ? take_environment(o) : code;
}
