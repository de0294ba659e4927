// SPDX-License-Identifier: MIT
/*
 * The settings of one account as they count, and where each comes from.  Never
 * shows a secret.
 */
#ifndef CONFIG_PLAN_SHOW_H
#define CONFIG_PLAN_SHOW_H

#include "config/plan.h"

struct plan_show_setting {
	const char *key, *value;
	struct plan_place place; /* line 0: it is written nowhere */
	const char
	    *note; /* "group vip, also_skip_mailbox", "built-in"; or "" */
};

typedef void plan_show_fn(void *arg, const struct plan_show_setting *setting);

/* Calls `take` for each setting that has a value; what it is given lives until
 * it returns. */
void plan_show(const struct plan *plan, const struct plan_account *account,
    plan_show_fn *take, void *arg);

#endif
