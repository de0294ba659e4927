// SPDX-License-Identifier: MIT
/*
 * What a plan says about a run as a whole: limits, hours, retries, when to give
 * up, what may be deleted, who is told.  Knows nothing of accounts.
 *
 * Problems: those of plan_schema_read, E0102 something is missing, E0134 a
 * command that cannot be one, E0135 time zone, E0136 address, E0137 window.
 */
#ifndef CONFIG_PLAN_RUN_H
#define CONFIG_PLAN_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "config/plan_schema.h"

struct plan;
struct plan_build;
struct plan_yaml_node;

/* The nodes as written; NULL: not given. */
struct plan_run_nodes {
	const struct plan_yaml_node *timezone, *limits, *schedule, *retry,
	    *halt, *deletes, *hooks, *notify, *report, *log;
};

/* The built-in values. */
void plan_run_init(struct plan *plan);

void plan_run_read(struct plan_build *b, const struct plan_run_nodes *nodes);

/* A command: a list of texts, put into the arena with a NULL behind. A path
 * with a slash counts from the plan's directory. 0, or -1 after a problem. */
int plan_run_argv(struct plan_build *b, const struct plan_yaml_node *list,
    const char *where, char ***argv_out, size_t *argc_out);

enum plan_run_part {
	PLAN_RUN_LIMITS,
	PLAN_RUN_SCHEDULE,
	PLAN_RUN_RETRY,
	PLAN_RUN_HALT,
	PLAN_RUN_DELETES,
	PLAN_RUN_HOOKS,
	PLAN_RUN_NOTIFY,
	PLAN_RUN_REPORT,
	PLAN_RUN_LOG,
	PLAN_RUN_PARTS
};

/* The keys, as the plan's top names them. */
extern const struct plan_schema plan_run_schemas[PLAN_RUN_PARTS];

#endif
