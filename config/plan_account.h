// SPDX-License-Identifier: MIT
/*
 * One account: what it says, laid over the defaults, turned into values.
 * Knows nothing of the other accounts.
 *
 * Problems: E0202 id, E0205 server, E0206 something is missing, E0208 as,
 * E0212 placeholder, E0214 token, E0218 prefix, E0305 and E0306 secret, W0301 secret cut short.
 */
#ifndef CONFIG_PLAN_ACCOUNT_H
#define CONFIG_PLAN_ACCOUNT_H

#include <stdint.h>

#include "config/plan.h"

struct plan_build;
struct plan_yaml_node;

/* Values as written; NULL: not given. */
struct plan_account_side {
	const struct plan_yaml_node *server, *user, *login, *as, *proxy_auth;
	const struct plan_yaml_node *prefix;
	const struct plan_yaml_node *password; /* or token */
	const struct plan_yaml_node *token;    /* the password is one */
	uint32_t auth;                         /* enum plan_auth */
	struct plan_secret secret;
};

struct plan_account_raw {
	const struct plan_yaml_node *id, *user;
	const struct plan_yaml_node *password; /* of both sides */
	struct plan_account_side source, target;
	struct plan_options options;
	struct plan_place place;
	unsigned width;
};

/* A side that says nothing. */
void plan_account_side_init(struct plan_account_side *side);

/* Reads `defaults:`. */
void plan_account_read_defaults(struct plan_build *b,
    const struct plan_yaml_node *map, struct plan_account_raw *out);

/* Reads one element of `accounts:` and adds it. */
void plan_account_read(struct plan_build *b, const struct plan_yaml_node *map,
    size_t index, const struct plan_account_raw *defaults);

/*
 * Lays an account's own sides over the defaults: what `own` leaves NULL comes
 * from the defaults.  An account that brings a password of its own, but no login,
 * no `as` and no `proxy_auth`, logs in as itself: the administrator's login and
 * auth of the defaults belong to the defaults' password.  So does the auth of a
 * token to the token.
 */
void plan_account_inherit(
    struct plan_account_side *own, const struct plan_account_side *from);

/* Builds the account and appends it to the plan. */
void plan_account_add(struct plan_build *b, const struct plan_account_raw *raw);

#endif
