// SPDX-License-Identifier: MIT
/* The engine's options as keys of a plan. */
#ifndef CONFIG_PLAN_OPTIONS_H
#define CONFIG_PLAN_OPTIONS_H

struct plan_build;
struct plan_options;
struct plan_schema;
struct plan_yaml_node;

/* The built-in values. */
void plan_options_init(struct plan_options *options);

/* Lays a mapping `options:` over what is in `options`. Problems: those of
 * plan_schema_read and plan_names, E0213 a queue that cannot hold one fetch,
 * E0216 UID template. */
void plan_options_read(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, struct plan_options *options);

/* The keys of `options:`. */
extern const struct plan_schema plan_options_schema;

#endif
