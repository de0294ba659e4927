// SPDX-License-Identifier: MIT
/*
 * The accounts file of a plan: each row becomes a mapping as it could stand
 * under `accounts:`, so that both mean the same.
 *
 * Problems: E0102 no path, E0304 exposed, E0401 file, those of accounts_file
 * and plan_account.
 */
#ifndef CONFIG_PLAN_TABLE_H
#define CONFIG_PLAN_TABLE_H

struct plan_build;
struct plan_schema;
struct plan_yaml_node;

/* Reads `accounts_file:` and the file it names. */
void plan_table_read(struct plan_build *b, const struct plan_yaml_node *map);

/* The keys of `accounts_file:`. */
extern const struct plan_schema plan_table_schema;

#endif
