// SPDX-License-Identifier: MIT
/*
 * The commands, each in its own file, and what they share.  Everything they
 * print about a plan or a run they print here or in progress; the work is done
 * in config/ and orchestrator/.
 */
#ifndef CMD_MAILCONVOY_COMMANDS_H
#define CMD_MAILCONVOY_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/plan_diag.h"
#include "orchestrator/terminal.h"

struct approval;
struct error;
struct mailconvoy_options;
struct plan;
struct plan_choice;
struct preflight;
struct rundir;
struct select_rules;
struct supervisor_options;

int mailconvoy_ack(const struct mailconvoy_options *o);
int mailconvoy_check(const struct mailconvoy_options *o);
int mailconvoy_ctl(const struct mailconvoy_options *o);
int mailconvoy_explain(const struct mailconvoy_options *o);
int mailconvoy_help(const struct mailconvoy_options *o);
int mailconvoy_init(const struct mailconvoy_options *o);
int mailconvoy_preview(const struct mailconvoy_options *o);
int mailconvoy_report(const struct mailconvoy_options *o);
int mailconvoy_run(const struct mailconvoy_options *o);
int mailconvoy_run_resume(const struct mailconvoy_options *o);
int mailconvoy_schema(const struct mailconvoy_options *o);
int mailconvoy_show(const struct mailconvoy_options *o);
int mailconvoy_status(const struct mailconvoy_options *o);
int mailconvoy_verify(const struct mailconvoy_options *o);

/* mailconvoy_verify.c */

/* What the pass of the plan wants compared at its end; EXIT_CODE_OK when that
 * is nothing. `jobs` 0: as the plan says. */
int mailconvoy_verify_pass(
    const struct plan *plan, const struct select_rules *select, unsigned jobs);

/* mailconvoy_check_json.c: prints the problems as records. The exit code. */
int mailconvoy_check_json(
    const char *path, const struct plan_choice *choice, bool is_strict);

/* mailconvoy_sizes.c: looks at the accounts of such a run that none has counted
 * yet, when their order needs that, and takes from `how` what that has used;
 * *sizes_out is heap, one for each account of the plan, or NULL. EXIT_CODE_OK,
 * or the code to end with; how->logins is the caller's to free. */
int mailconvoy_sizes(const struct mailconvoy_options *o,
    const struct plan *plan, struct supervisor_options *how,
    uint64_t **sizes_out);

/* mailconvoy_find.c */

/* The exit code of a plan with such errors. */
int mailconvoy_find_class(enum plan_diag_class c);

/* Loads a plan and prints what is wrong with it. NULL: *code_out is the exit
 * code. */
struct plan *mailconvoy_find_plan(const struct mailconvoy_options *o,
    const char *path, size_t *warnings_out, int *code_out);

/* That of the first argument, with what the command line says of it. */
struct plan *mailconvoy_find_plan_choice(const struct mailconvoy_options *o,
    const struct plan_choice *choice, size_t *warnings_out, int *code_out);

/* The directory of a run, or the last run of a plan, as the first argument
 * says; without one, of the only plan that has runs in ./state. 0, or the exit
 * code after a message. */
int mailconvoy_find_run(const struct mailconvoy_options *o, struct rundir *dir);

/* What --color says. */
enum terminal_colour mailconvoy_find_colour(const struct mailconvoy_options *o);

/* Prints the error; returns `code`. */
int mailconvoy_find_failed(const struct error *err, int code);

/* "s" or "". */
const char *mailconvoy_find_plural(size_t n);

/* mailconvoy_approve.c: what a run may delete, from --approved or a person at
 * the terminal; *found_out false: nothing was given and nothing is needed, or
 * the run that goes on has its own. 0, or the exit code after a message. */
int mailconvoy_approve(const struct mailconvoy_options *o,
    const struct plan *plan, const struct select_rules *select,
    struct approval *out, bool *found_out);

/* mailconvoy_check.c: runs engines that change nothing (how->look or dry_run)
 * and reads what they found; release it when out->accounts is set. The exit
 * code after a message when it could not be done to the end. */
int mailconvoy_check_look(const struct mailconvoy_options *o,
    const struct plan *plan, const struct supervisor_options *how,
    struct preflight *out);

/* mailconvoy_select.c: --account and the like, checked against the plan. 0, or
 * the exit code after a message; release `out` in any case. */
int mailconvoy_select(const struct mailconvoy_options *o,
    const struct plan *plan, struct select_rules *out);

#endif
