// SPDX-License-Identifier: MIT
/*
 * Two inventories and the options become the plan of a run. Pure.
 *
 * Two source mailboxes that map to one target are found here, before any
 * CREATE: the first keeps the name, the other is refused, never merged.
 */
#ifndef ENGINE_SYNC_SYNC_MAPPING_H
#define ENGINE_SYNC_SYNC_MAPPING_H

#include <stdbool.h>

struct job_options;
struct sync_box;
struct sync_inventory;
struct sync_plan;

/* Heap; free with sync_plan_free. The inventories stay as they are. */
struct sync_plan *sync_mapping(struct sync_inventory *source,
    struct sync_inventory *target, const struct job_options *options);

/* The target's name of a source mailbox as a heap string; NULL: it has none. */
char *sync_mapping_name(const struct sync_box *box,
    const struct sync_inventory *source, const struct sync_inventory *target,
    const struct job_options *options);

/* Does --skipMailbox leave it out, as listed or without its prefix? */
bool sync_mapping_is_skipped(const struct job_options *options,
    const struct sync_inventory *inventory, const char *name);

#endif
