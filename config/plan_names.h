// SPDX-License-Identifier: MIT
/*
 * Names and patterns of mailboxes as a plan writes them.  They go to the
 * engine as they stand; here is checked what can be known without a server.
 *
 * Problems: those of plan_schema_read, E0102 half a rename, E0217 renames that
 * cannot all be meant, E0218 prefix, W0219 letters no server lists.
 */
#ifndef CONFIG_PLAN_NAMES_H
#define CONFIG_PLAN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct plan_build;
struct plan_options;
struct plan_schema;
struct plan_yaml_node;

/* One pattern or a list of them; NULL and `[]`: none. Appends to *list, whose
 * old strings are shared and whose old array stays as it is. */
void plan_names_add(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, const char *key, char ***list, size_t *count);

/* A list of {from: OLD, to: NEW}; NULL: none. Goes before what is there, for the
 * first that matches counts; the old array stays as it is. */
void plan_names_add_renames(struct plan_build *b,
    const struct plan_yaml_node *n, const char *where, const char *key,
    struct plan_options *options);

/* The keys of one of them. */
extern const struct plan_schema plan_names_rename_schema;

/* May `prefix`, written at `n`, stand before names? */
bool plan_names_check_prefix(const struct plan_build *b,
    const struct plan_yaml_node *n, const char *where, const char *prefix);

#endif
