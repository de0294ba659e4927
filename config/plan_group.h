// SPDX-License-Identifier: MIT
/*
 * Groups and passes: named layers between the defaults and the accounts.
 *
 * Problems: those of plan_schema_read and plan_account_read_layer, E0220 name,
 * E0222 no such pass.
 */
#ifndef CONFIG_PLAN_GROUP_H
#define CONFIG_PLAN_GROUP_H

struct plan_build;
struct plan_schema;
struct plan_yaml_node;

/* Reads `groups:` into the plan and the build. The servers are there. */
void plan_group_read(struct plan_build *b, const struct plan_yaml_node *map);

/* Reads `passes:` and takes the one named `chosen`; NULL: none is. */
void plan_group_read_passes(
    struct plan_build *b, const struct plan_yaml_node *map, const char *chosen);

/* The keys of a group and of a pass. */
extern const struct plan_schema plan_group_schema;
extern const struct plan_schema plan_group_pass_schema;

#endif
