// SPDX-License-Identifier: MIT
/*
 * The supervisor's command line.  Everything it prints about a plan or a run
 * it prints here or in progress; the work is done in orchestrator/.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report.h"
#include "orchestrator/rundir.h"
#include "orchestrator/supervisor.h"

enum {
	JOBS_MAX = 4096
};

struct command_line {
	const char *verb, *plan;
	bool new_run, dry_run;
	unsigned jobs;
	const char *only, *format, *jsonl, *user;
};

struct verb {
	const char *name;
	const char *options; /* the letters it takes */
	int (*run)(const struct command_line *c);
};

/* ---------------------------------------------------------------- texts */

static const char help_text[] =
    "mailconvoy - moves many mail accounts from one IMAP server to another\n"
    "\n"
    "Examples:\n"
    "  mailconvoy check plan.yaml                  is the plan good? (offline)\n"
    "  mailconvoy run plan.yaml                    copy all accounts\n"
    "  mailconvoy run plan.yaml -j 8               eight at a time\n"
    "  mailconvoy status plan.yaml                 how far is it?\n"
    "  mailconvoy resume plan.yaml --only auth     only the refused log-ins\n"
    "  mailconvoy report plan.yaml --user anna     what happened to one account\n"
    "\n"
    "Commands:\n"
    "  check PLAN                    checks the plan, starts nothing\n"
    "  run PLAN [--new-run|--dry-run] [-j N]\n"
    "                                runs it; an unfinished run goes on\n"
    "  resume PLAN [--only CLASS,...] [-j N]\n"
    "                                runs what is not finished or failed\n"
    "  status PLAN|RUN [-o table|json]\n"
    "                                how the last run stands, also while it runs\n"
    "  report PLAN|RUN [--jsonl FILE.gz] [--user ID]\n"
    "                                writes the report of the last run\n"
    "  help                          this text\n"
    "\n"
    "Options:\n"
    "  -j, --jobs N      accounts at a time, instead of the plan's number\n"
    "      --new-run     starts anew even when the last run is unfinished\n"
    "      --dry-run     looks at both sides and changes nothing; counts for\n"
    "                    no other run\n"
    "      --only LIST   outcomes to run again: pending, failed, interrupted,\n"
    "                    temp, auth, partial, quota, crash, ...\n"
    "  -o, --output WORD table or json\n"
    "      --jsonl FILE  where the report goes (default: the run's directory)\n"
    "      --user ID     a text about this account instead\n"
    "  -h, --help        this text\n"
    "  -V, --version     the version\n"
    "\n"
    "PLAN is a YAML file, RUN the directory of a run.\n"
    "^C once: nothing more is started; twice: engines stop; three times: killed.\n"
    "MAILCONVOY_ENGINE names another engine than the one beside this program.\n"
    "\n"
    "Exit codes:\n";

static int print_help(const struct command_line *c)
{
	size_t count = 0;
	const struct exit_code_info *table = exit_code_table(&count);

	(void)c;
	(void)fputs(help_text, stdout);
	for (size_t i = 0; i < count; i++)
		if (table[i].supervisor_text)
			(void)printf("  %2d  %s\n", (int)table[i].code,
			    table[i].supervisor_text);
	return EXIT_CODE_OK;
}

__attribute__((format(printf, 1, 2))) static int usage_error(
    const char *format, ...)
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

static int report_error(const struct error *err, int code)
{
	char shown[ERROR_TEXT_BYTES * 2];

	(void)fprintf(stderr, "mailconvoy: %s\n",
	    text_escape(err->text, strlen(err->text), shown, sizeof(shown)));
	return code;
}

/* ----------------------------------------------------------------- plan */

static bool wants_colour(void)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if ((none && none[0]) || (term && strcmp(term, "dumb") == 0))
		return false;
	return isatty(STDERR_FILENO) == 1;
}

static int code_of_class(enum plan_diag_class c)
{
	switch (c) {
	case PLAN_DIAG_CONFIG:
		return EXIT_CODE_CONFIG;
	case PLAN_DIAG_NOT_FOUND:
		return EXIT_CODE_NO_INPUT;
	case PLAN_DIAG_EXPOSED:
		return EXIT_CODE_AUTH;
	}
	return EXIT_CODE_CONFIG;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* Prints what is wrong with it. NULL: *code_out is the exit code. */
static struct plan *load(const char *path, size_t *warnings_out, int *code_out)
{
	struct plan_diag *diag = plan_diag_new();
	struct plan *plan = plan_load(path, diag);

	*warnings_out = plan_diag_warnings(diag);
	if (!plan || *warnings_out > 0)
		plan_diag_print(diag, stderr, wants_colour());
	if (!plan) {
		size_t errors = plan_diag_errors(diag);
		*code_out = code_of_class(plan_diag_get_class(diag));
		(void)fprintf(stderr,
		    "%s: %zu error%s, %zu warning%s. Nothing was started.\n",
		    path, errors, plural(errors), *warnings_out,
		    plural(*warnings_out));
	}
	plan_diag_free(diag);
	return plan;
}

static int check(const struct command_line *c)
{
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	struct plan *plan = load(c->plan, &warnings, &code);

	if (!plan)
		return code;
	(void)printf(
	    "%s: %zu account%s, %zu server%s, %zu warning%s (digest %s)\n",
	    plan->path, plan->account_count, plural(plan->account_count),
	    plan->server_count, plural(plan->server_count), warnings,
	    plural(warnings), plan->digest);
	plan_free(plan);
	return code;
}

/* ------------------------------------------------------------------ run */

static int supervise(const struct command_line *c, bool resume)
{
	const struct supervisor_options options = {
	    resume, c->new_run, c->dry_run, c->jobs, c->only, stdout};
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	struct plan *plan = load(c->plan, &warnings, &code);
	struct error err;

	if (!plan)
		return code;
	code = supervisor_run(plan, &options, &err);
	if (err.kind != ERROR_NONE)
		(void)report_error(&err, code);
	plan_free(plan);
	return code;
}

static int run(const struct command_line *c)
{
	return supervise(c, false);
}

static int resume(const struct command_line *c)
{
	return supervise(c, true);
}

/* ------------------------------------------------- status and report */

/* The directory of a run given in place of a plan. */
static bool is_run_directory(const char *path, struct rundir *dir)
{
	struct stat st;
	char *journal = mem_try_printf("%s/journal.jsonl", path);
	bool is = journal && stat(journal, &st) == 0 && S_ISREG(st.st_mode);

	free(journal);
	if (!is)
		return false;
	*dir = (struct rundir){.lock_fd = -1};
	dir->path = mem_try_strdup(path);
	dir->state = mem_try_printf("%s/../..", path);
	return dir->path && dir->state;
}

/* 0, or the exit code after a message. */
static int find_run(const char *path, struct rundir *dir)
{
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	struct error err;

	if (is_run_directory(path, dir))
		return EXIT_CODE_OK;
	struct plan *plan = load(path, &warnings, &code);
	if (!plan)
		return code;
	if (rundir_init(dir, plan, &err) < 0) {
		code = report_error(&err, EXIT_CODE_LOCAL);
	} else if (!rundir_find_latest(dir)) {
		(void)error_set(&err, ERROR_USAGE, "run.none",
		    "the plan '%s' has no run yet: mailconvoy run %s",
		    plan->name, plan->path);
		code = report_error(&err, EXIT_CODE_NO_INPUT);
	}
	plan_free(plan);
	return code;
}

static int status(const struct command_line *c)
{
	struct rundir dir = {.lock_fd = -1};
	struct error err;
	int code = find_run(c->plan, &dir);
	char *path = code == EXIT_CODE_OK ? rundir_journal_path(&dir) : NULL;

	if (path) {
		bool live = rundir_is_locked(&dir);
		struct journal_run *run_state = journal_read(path, &err);
		if (!run_state)
			code = report_error(&err, EXIT_CODE_LOCAL);
		else if (strcmp(c->format, "json") == 0)
			(void)report_status_json(run_state, live, stdout);
		else
			(void)report_status_table(run_state, live, stdout);
		journal_run_free(run_state);
	}
	free(path);
	rundir_release(&dir);
	return code;
}

static int write_report(
    const struct command_line *c, const char *journal, const char *path)
{
	struct error err;

	if (c->user) {
		if (report_user(journal, c->user, stdout, &err) == 0)
			return EXIT_CODE_OK;
		return report_error(&err, err.kind == ERROR_USAGE
					      ? EXIT_CODE_NO_INPUT
					      : EXIT_CODE_LOCAL);
	}
	if (report_write(journal, path, &err) < 0)
		return report_error(&err, EXIT_CODE_CANNOT_CREATE);
	(void)printf("%s\n", path);
	return EXIT_CODE_OK;
}

static int report(const struct command_line *c)
{
	struct rundir dir = {.lock_fd = -1};
	int code = find_run(c->plan, &dir);

	if (code == EXIT_CODE_OK) {
		char *journal = rundir_journal_path(&dir);
		char *standard = rundir_report_path(&dir, "report.jsonl.gz");
		if (journal && standard)
			code = write_report(
			    c, journal, c->jsonl ? c->jsonl : standard);
		free(journal);
		free(standard);
	}
	rundir_release(&dir);
	return code;
}

/* --------------------------------------------------------- command line */

static const struct verb verbs[] = {
    {"check", "", check},
    {"run", "jnd", run},
    {"resume", "jc", resume},
    {"status", "o", status},
    {"report", "fu", report},
    {"help", "", print_help},
};

static const struct option long_options[] = {
    {"jobs", required_argument, NULL, 'j'},
    {"new-run", no_argument, NULL, 'n'},
    {"dry-run", no_argument, NULL, 'd'},
    {"only", required_argument, NULL, 'c'},
    {"output", required_argument, NULL, 'o'},
    {"jsonl", required_argument, NULL, 'f'},
    {"user", required_argument, NULL, 'u'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int take_option(struct command_line *c, int letter, const char *value)
{
	uint64_t n = 0;
	const char *bad = NULL;

	switch (letter) {
	case 'j':
		if (!text_parse_u64(value, strlen(value), JOBS_MAX, &n) ||
		    n == 0)
			return usage_error(
			    "--jobs wants a number from 1 to 4096, not '%s'",
			    value);
		c->jobs = (unsigned)n;
		return 0;
	case 'n':
		c->new_run = true;
		return 0;
	case 'd':
		c->dry_run = true;
		return 0;
	case 'c':
		if (!supervisor_check_only(value, &bad))
			return usage_error(
			    "--only: '%s' does not start with an outcome", bad);
		c->only = value;
		return 0;
	case 'o':
		if (strcmp(value, "table") != 0 && strcmp(value, "json") != 0)
			return usage_error(
			    "--output wants table or json, not '%s'", value);
		c->format = value;
		return 0;
	case 'f':
		c->jsonl = value;
		return 0;
	default:
		c->user = value;
		return 0;
	}
}

/* -1: go on; else the exit code. */
static int parse(struct command_line *c, int argc, char **argv)
{
	char seen[16] = "";
	int letter;

	opterr = 0; // the messages are ours
	while ((letter = getopt_long(
		    argc, argv, ":j:o:hV", long_options, NULL)) != -1) {
		if (letter == 'h')
			return print_help(c);
		if (letter == 'V') {
			(void)printf("mailconvoy %s\n", MAILCONVOY_VERSION);
			return EXIT_CODE_OK;
		}
		if (letter == '?')
			return usage_error(
			    "unknown option '%s'", argv[optind - 1]);
		if (letter == ':')
			return usage_error(
			    "option '%s' wants a value", argv[optind - 1]);
		if (take_option(c, letter, optarg) != 0)
			return EXIT_CODE_USAGE;
		size_t n = strlen(seen);
		if (n + 1 < sizeof(seen) && !strchr(seen, letter)) {
			seen[n] = (char)letter;
			seen[n + 1] = '\0';
		}
	}
	c->verb = optind < argc ? argv[optind++] : NULL;
	c->plan = optind < argc ? argv[optind++] : NULL;
	const struct verb *verb = find_verb(c->verb);
	if (!verb)
		return c->verb ? usage_error("unknown command '%s'", c->verb)
			       : usage_error("a command is missing");
	for (const char *s = seen; *s; s++)
		if (!strchr(verb->options, *s))
			return usage_error(
			    "'%s' does not take one of these options", c->verb);
	if (!c->plan && verb->run != print_help)
		return usage_error("'%s' wants a plan", c->verb);
	if (optind < argc)
		return usage_error("too many arguments: '%s'", argv[optind]);
	return -1;
}

int main(int argc, char **argv)
{
	struct command_line c = {.format = "table"};

	if (fd_fill_standard() < 0)
		return EXIT_CODE_LOCAL;
	secret_harden_process();
	int code = parse(&c, argc, argv);
	if (code < 0)
		code = find_verb(c.verb)->run(&c);
	if (fflush(stdout) != 0 || ferror(stdout))
		return code == EXIT_CODE_OK ? EXIT_CODE_LOCAL : code;
	return code;
}
