// SPDX-License-Identifier: MIT
/*
 * `source:` and `target:` as written, and how one is laid over another.  Knows
 * nothing of what the values mean.
 *
 * Problems: those of plan_schema_read and plan_secret, E0214 password and token.
 */
#ifndef CONFIG_PLAN_SIDE_H
#define CONFIG_PLAN_SIDE_H

#include <stdint.h>

#include "config/plan.h"

struct plan_build;
struct plan_schema;
struct plan_yaml_node;

/* Values as written; NULL: not given. */
struct plan_side {
	const struct plan_yaml_node *server, *user, *login, *as, *proxy_auth;
	const struct plan_yaml_node *prefix;
	const struct plan_yaml_node *password; /* or token */
	const struct plan_yaml_node *token;    /* the password is one */
	uint32_t auth;                         /* enum plan_auth */
	struct plan_secret secret;
};

/* Reads the mapping `where`.`name`; NULL: a side that says nothing. */
void plan_side_read(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, const char *name, struct plan_side *side);

/*
 * Lays a side over a more general one. What brings a password of its own, but
 * no login, no `as` and no `proxy_auth`, logs in as itself: the administrator's
 * login and auth of the other belong to the other's password. So does the auth
 * of a token to the token.
 */
void plan_side_inherit(struct plan_side *own, const struct plan_side *from);

/* After the last one: what was reset is not given, auth is a mechanism. */
void plan_side_finish(struct plan_side *side);

/* The keys. */
extern const struct plan_schema plan_side_schema;

#endif
