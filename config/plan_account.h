// SPDX-License-Identifier: MIT
/*
 * One account: what it says, laid over its groups and the defaults, turned into
 * values.  Knows nothing of the other accounts.
 *
 * Problems: E0202 id, E0205 server, E0206 something is missing, E0208 as,
 * E0212 placeholder, E0214 token, E0218 prefix, E0221 group; those of
 * plan_side, plan_secret and plan_options.
 */
#ifndef CONFIG_PLAN_ACCOUNT_H
#define CONFIG_PLAN_ACCOUNT_H

#include <stdint.h>

#include "config/plan.h"
#include "config/plan_side.h"

struct plan_build;
struct plan_schema;
struct plan_yaml_node;

enum {
	PLAN_ACCOUNT_PRIORITY_MAX = 1000000
};

/* What several accounts have in common. */
struct plan_account_layer {
	struct plan_side source, target;
	const struct plan_yaml_node *options;
	const char *name; /* of the options in messages */
};

struct plan_account_layer_nodes {
	const struct plan_yaml_node *source, *target, *options;
};

/* Options that all accounts between two servers begin with. */
struct plan_account_base {
	const struct plan_server *source, *target;
	struct plan_options options;
	struct plan_account_base *next;
};

/* Checks it even when no account uses it. The plan's servers are there. */
void plan_account_read_layer(struct plan_build *b,
    const struct plan_account_layer_nodes *nodes, const char *where,
    struct plan_account_layer *out);

/* Reads `defaults:` into the build. */
void plan_account_read_defaults(
    struct plan_build *b, const struct plan_yaml_node *map);

/* Reads one account and adds it; NULL after a problem. It may move when
 * another one is added. Defaults, groups and pass are there. */
struct plan_account *plan_account_read(
    struct plan_build *b, const struct plan_yaml_node *map, const char *where);

/* The keys of an account and of defaults. */
extern const struct plan_schema plan_account_schema;
extern const struct plan_schema plan_account_default_schema;

#endif
