// SPDX-License-Identifier: MIT
/*
 * Secrets as a plan writes them: text, or a mapping that says where one is.
 * Reads none; config/secret_source.h does.
 *
 * Problems: those of plan_schema_read, E0134 command, E0212 placeholder, E0305
 * source, E0306 text, W0301 text cut short.
 */
#ifndef CONFIG_PLAN_SECRET_H
#define CONFIG_PLAN_SECRET_H

#include <stdbool.h>

struct plan_build;
struct plan_schema;
struct plan_secret;
struct plan_yaml_node;

/* Reads it as written; its placeholders stay: each account has its own. NONE
 * after a problem. */
void plan_secret_read(struct plan_build *b, const struct plan_yaml_node *node,
    const char *where, struct plan_secret *out);

/* Text with its placeholders replaced, in the plan's arena or the text itself;
 * NULL after a problem, which it has reported. */
typedef char *plan_secret_expand_fn(void *arg, const char *text);

/* Makes it an account's own. `user` is for what stands in a path. False after a
 * problem at `node`. */
bool plan_secret_build(struct plan_build *b, const struct plan_yaml_node *node,
    const char *user, plan_secret_expand_fn *expand, void *arg,
    struct plan_secret *secret);

/* The keys of the mapping. */
extern const struct plan_schema plan_secret_schema;

#endif
