// SPDX-License-Identifier: MIT
/* What the builders of a plan share while it is being made; private to
 * config/plan*.c. */
#ifndef CONFIG_PLAN_BUILD_H
#define CONFIG_PLAN_BUILD_H

#include <stddef.h>

#include "config/input.h"
#include "config/plan.h"
#include "config/plan_account.h"

struct arena;
struct plan_diag;
struct plan_schema;
struct plan_yaml_node;

struct plan_build {
	struct plan *plan;
	struct arena *arena; /* the plan's */
	struct plan_diag *diag;
	const struct plan_choice *choice;
	const char *dir;       /* absolute; relative paths count from here */
	const char *dir_shown; /* as in the plan's path; NULL: none there */
	struct plan_account_layer defaults;
	struct plan_account_layer *groups;         /* as many as the plan's */
	const struct plan_yaml_node *pass_options; /* of the chosen pass */
	const char *pass_options_name;
	struct plan_account_base *bases;
	size_t account_cap;
	struct input table; /* the accounts file, for its source lines */
	const struct plan_yaml_node *text_secret; /* first one in the plan */
};

/* The keys of the plan's top. */
extern const struct plan_schema plan_top_schema;

/* A path that counts from the plan's directory, made absolute. */
char *plan_build_path(const struct plan_build *b, const char *path);

#endif
