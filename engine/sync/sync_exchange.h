// SPDX-License-Identifier: MIT
/*
 * The index hand-over, target to source: the target's inventory, then for each
 * mailbox what it holds, or that it cannot be used; back goes the plan, once,
 * and what belongs to a mailbox beside its messages.  Bounded in entries and
 * bytes.  Safe for two threads.
 */
#ifndef ENGINE_SYNC_SYNC_EXCHANGE_H
#define ENGINE_SYNC_SYNC_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

struct sync_exchange;
struct sync_extras;
struct sync_index;
struct sync_inventory;
struct sync_orders;
struct sync_plan;
struct sync_uids;
struct sync_wake;

struct sync_exchange *sync_exchange_new(
    struct sync_wake *source, struct sync_wake *target);
void sync_exchange_free(struct sync_exchange *x);

/* Target: gives its inventory away. Source: takes it, or NULL. */
void sync_exchange_offer_inventory(
    struct sync_exchange *x, struct sync_inventory *inventory);
struct sync_inventory *sync_exchange_take_inventory(struct sync_exchange *x);

/* Source: publishes the plan, which it goes on to own. Target: NULL or it. */
void sync_exchange_publish_plan(
    struct sync_exchange *x, struct sync_plan *plan);
struct sync_plan *sync_exchange_plan(struct sync_exchange *x);

/* Target: what a mailbox holds; the entries move. `index` NULL: the mailbox
 * cannot be used, nothing of it shall be fetched. */
void sync_exchange_offer_index(
    struct sync_exchange *x, size_t mailbox, struct sync_index *index);

/* Is there room for another index? One is always taken. */
bool sync_exchange_has_room(struct sync_exchange *x);

/* Source: the next one. *usable_out false: the mailbox cannot be used. */
bool sync_exchange_take_index(struct sync_exchange *x, size_t *mailbox_out,
    bool *usable_out, struct sync_index *index_out);

/* Source: more keys of a mailbox whose index was handed over without some: those
 * of these UIDs (ascending; the list moves), or, NULL, of all. The target answers
 * with another index. Target: the next wish, or false; *all_out: all. */
void sync_exchange_want_keys(
    struct sync_exchange *x, size_t mailbox, struct sync_uids *uids);
bool sync_exchange_take_want(struct sync_exchange *x, size_t *mailbox_out,
    bool *all_out, struct sync_uids *uids_out);

/* Source: what a mirror has to change in a mailbox (moves); and, when all of
 * the source was listed, why nothing may be deleted ("" when it may).
 * Target: the next orders, or NULL; NULL as long as nothing was said. */
void sync_exchange_offer_orders(
    struct sync_exchange *x, size_t mailbox, struct sync_orders *orders);
struct sync_orders *sync_exchange_take_orders(
    struct sync_exchange *x, size_t *mailbox_out);
void sync_exchange_allow_deleting(
    struct sync_exchange *x, const char *objection);
const char *sync_exchange_objection(struct sync_exchange *x);
/* Source: gives away what else belongs to a mailbox. Target: takes it, or NULL.
 * Bounded in bytes: without room the source shall not ask for more. */
void sync_exchange_offer_extras(
    struct sync_exchange *x, struct sync_extras *extras);
struct sync_extras *sync_exchange_take_extras(struct sync_exchange *x);
bool sync_exchange_has_extras(struct sync_exchange *x);
bool sync_exchange_has_extras_room(struct sync_exchange *x);

/* Either side ended the run early: both shall end. */
void sync_exchange_stop(struct sync_exchange *x);
bool sync_exchange_is_stopped(struct sync_exchange *x);

#endif
