// SPDX-License-Identifier: MIT
/*
 * Where a plan keeps its state:
 *
 *   <state_dir>/<name>/lock                     one supervisor at a time
 *   <state_dir>/<name>/accounts/<slug>/lock     one engine at a time
 *   <state_dir>/<name>/accounts/<slug>/state.db what it remembers
 *   <state_dir>/<name>/runs/<UTC>-<4 hex>/journal.jsonl, logs/, report/
 *   <state_dir>/<name>/dry-runs/...             the same, of dry runs
 *   <state_dir>/<name>/checks/...               the same, of check --connect
 *   <state_dir>/<name>/verifies/...             the same, of verify
 *
 * Directories 0700, files 0600.
 */
#ifndef ORCHESTRATOR_RUNDIR_H
#define ORCHESTRATOR_RUNDIR_H

#include <stdbool.h>

struct error;
struct plan;

struct rundir {
	char *state;  /* <state_dir>/<name> */
	char *id;     /* of the run */
	char *path;   /* of the run */
	bool is_dry;  /* among the dry runs, which no other run goes on with */
	bool is_look; /* the same, among the checks */
	bool is_verify; /* the same, among the comparisons */
	int lock_fd;
};

/* Paths only; nothing is made. NULL state: out of memory. */
int rundir_init(struct rundir *dir, const struct plan *plan, struct error *err)
    __attribute__((warn_unused_result));
void rundir_release(struct rundir *dir);

/* Makes the state directory and takes the plan's lock. Reason "state.locked"
 * when another supervisor has it; the text names it. */
int rundir_lock(struct rundir *dir, struct error *err)
    __attribute__((warn_unused_result));

/* Does a supervisor hold the plan's lock now? */
bool rundir_is_locked(const struct rundir *dir);

/* Selects the newest run that has a journal. false: there is none. */
bool rundir_find_latest(struct rundir *dir);

/* Makes a new run, named after the time, later than all others. */
int rundir_create(struct rundir *dir, struct error *err)
    __attribute__((warn_unused_result));

/* Heap strings, NULL when out of memory. */
char *rundir_journal_path(const struct rundir *dir);
char *rundir_report_path(const struct rundir *dir, const char *file);
char *rundir_log_path(
    const struct rundir *dir, const char *slug, unsigned attempt);

/* What its engines remember between runs. */
char *rundir_state_path(const struct rundir *dir, const char *slug);

/*
 * Takes the account's lock: 1 taken (*fd_out), 0 another engine has it, -1.
 */
int rundir_lock_account(const struct rundir *dir, const char *slug, int *fd_out,
    struct error *err) __attribute__((warn_unused_result));

#endif
