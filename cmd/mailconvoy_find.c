// SPDX-License-Identifier: MIT
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/privileges.h"
#include "orchestrator/rundir.h"

const char *mailconvoy_find_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

int mailconvoy_find_failed(const struct error *err, int code)
{
	char shown[ERROR_TEXT_BYTES * 2];

	(void)fprintf(stderr, "mailconvoy: %s\n",
	    text_escape(err->text, strlen(err->text), shown, sizeof(shown)));
	// out of memory is that, wherever it happens
	return err->kind == ERROR_INTERNAL ? EXIT_CODE_INTERNAL : code;
}

/* ----------------------------------------------------------------- plan */

enum terminal_colour mailconvoy_find_colour(const struct mailconvoy_options *o)
{
	const char *word = mailconvoy_options_value(o, MAILCONVOY_COLOR);

	if (!word || strcmp(word, "auto") == 0)
		return TERMINAL_COLOUR_AUTO;
	return strcmp(word, "always") == 0 ? TERMINAL_COLOUR_ALWAYS
					   : TERMINAL_COLOUR_NEVER;
}

int mailconvoy_find_class(enum plan_diag_class c)
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

/* Root is not the one who goes on. */
static bool must_change(const struct plan *plan)
{
	return plan->user && geteuid() == 0;
}

static struct plan *load(const struct mailconvoy_options *o, const char *path,
    const struct plan_choice *choice, size_t *warnings_out, int *code_out)
{
	struct plan_diag *diag = plan_diag_new();
	struct plan *plan = plan_load_choice(path, choice, diag);

	*warnings_out = plan_diag_warnings(diag);
	// root reads it once more as the plan's user, who is told then
	if (!plan || (*warnings_out > 0 && !must_change(plan)))
		plan_diag_print(diag, stderr,
		    terminal_wants_colour(
			mailconvoy_find_colour(o), STDERR_FILENO));
	if (!plan) {
		size_t errors = plan_diag_errors(diag);
		*code_out = mailconvoy_find_class(plan_diag_get_class(diag));
		(void)fprintf(stderr,
		    "%s: %zu error%s, %zu warning%s. Nothing was started.\n",
		    path, errors, mailconvoy_find_plural(errors), *warnings_out,
		    mailconvoy_find_plural(*warnings_out));
	}
	plan_diag_free(diag);
	return plan;
}

static struct plan *find_plan(const struct mailconvoy_options *o,
    const char *path, const struct plan_choice *choice, size_t *warnings_out,
    int *code_out)
{
	struct plan *plan = load(o, path, choice, warnings_out, code_out);
	struct error err;

	if (!plan || !must_change(plan))
		return plan;
	int rc = privileges_become(plan->user, plan->state_dir, &err);
	plan_free(plan);
	if (rc < 0) {
		*code_out =
		    mailconvoy_find_failed(&err, (int)exit_code_of_error(&err));
		return NULL;
	}
	// again: what this user may not read is told now, not in mid run
	return load(o, path, choice, warnings_out, code_out);
}

struct plan *mailconvoy_find_plan(const struct mailconvoy_options *o,
    const char *path, size_t *warnings_out, int *code_out)
{
	const struct plan_choice choice = {
	    NULL, mailconvoy_options_value(o, MAILCONVOY_STATE_DIR)};

	return find_plan(o, path, &choice, warnings_out, code_out);
}

struct plan *mailconvoy_find_plan_choice(const struct mailconvoy_options *o,
    const struct plan_choice *choice, size_t *warnings_out, int *code_out)
{
	return find_plan(o, o->arguments[0], choice, warnings_out, code_out);
}

/* ------------------------------------------------------------------ run */

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

/* "FOLDER/(any)/runs", where nothing else stands for another letter. Heap. */
static char *pattern_of(const char *folder)
{
	char *pattern = mem_try_calloc(strlen(folder) * 2 + 8, 1);
	size_t n = 0;

	for (const char *p = folder; pattern && *p; p++) {
		if (strchr("*?[\\", *p))
			pattern[n++] = '\\';
		pattern[n++] = *p;
	}
	if (pattern)
		(void)memcpy(pattern + n, "/*/runs", 8);
	return pattern;
}

/* Runs of a state directory: the newest of the only plan there is. */
static int find_here(const char *folder, struct rundir *dir)
{
	glob_t found = {0};
	int code = EXIT_CODE_USAGE;
	char *pattern = pattern_of(folder);

	int rc = pattern ? glob(pattern, 0, NULL, &found) : GLOB_NOSPACE;
	free(pattern);
	if (rc == 0 && found.gl_pathc == 1) {
		size_t len = strlen(found.gl_pathv[0]) - strlen("/runs");
		*dir = (struct rundir){.lock_fd = -1};
		dir->state = mem_try_strndup(found.gl_pathv[0], len);
		if (dir->state && rundir_find_latest(dir))
			code = EXIT_CODE_OK;
	}
	for (size_t i = 0; rc == 0 && found.gl_pathc > 1 && i < found.gl_pathc;
	     i++)
		(void)fprintf(stderr, "mailconvoy: a plan has runs in %s\n",
		    found.gl_pathv[i]);
	globfree(&found);
	return code;
}

int mailconvoy_find_run(const struct mailconvoy_options *o, struct rundir *dir)
{
	const char *path = o->arguments[0];
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	struct error err;

	if (!path) {
		const char *folder =
		    mailconvoy_options_value(o, MAILCONVOY_STATE_DIR);
		if (find_here(folder ? folder : "state", dir) == EXIT_CODE_OK)
			return EXIT_CODE_OK;
		return mailconvoy_options_usage(
		    "which plan or run? Not exactly one plan has runs in %s",
		    folder ? folder : "./state");
	}
	if (is_run_directory(path, dir))
		return EXIT_CODE_OK;
	struct plan *plan = mailconvoy_find_plan(o, path, &warnings, &code);
	if (!plan)
		return code;
	if (rundir_init(dir, plan, &err) < 0) {
		code = mailconvoy_find_failed(&err, EXIT_CODE_LOCAL);
	} else if (!rundir_find_latest(dir)) {
		(void)error_set(&err, ERROR_USAGE, "run.none",
		    "the plan '%s' has no run yet: mailconvoy run %s",
		    plan->name, plan->typed);
		code = mailconvoy_find_failed(&err, EXIT_CODE_NO_INPUT);
	}
	plan_free(plan);
	return code;
}
