// SPDX-License-Identifier: MIT
#include "engine/sync/sync_exchange.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/mem.h"
#include "engine/sync/sync_extras.h"
#include "engine/sync/sync_index.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_orders.h"
#include "engine/sync/sync_uids.h"
#include "engine/sync/sync_wake.h"

/* Entries that wait to be taken: 32 bytes each. */
enum {
	ENTRIES_MAX = 50000,
	EXTRAS_MAX_BYTES = 2 * 1024 * 1024
};

struct offer {
	struct offer *next;
	size_t mailbox;
	bool usable;
	struct sync_index index;
};

struct want {
	struct want *next;
	size_t mailbox;
	bool all;
	struct sync_uids uids;
};

struct order_offer {
	struct order_offer *next;
	size_t mailbox;
	struct sync_orders *orders;
};

struct sync_exchange {
	pthread_mutex_t mutex;
	struct sync_wake *source, *target;
	struct sync_inventory *inventory;
	struct sync_plan *plan;
	struct offer *head, **tail;
	size_t entries;
	struct want *wants, **wants_tail;
	struct order_offer *orders, **orders_tail;
	char *objection; /* NULL: nothing said yet */
	struct sync_extras *extras, **extras_tail;
	size_t extras_bytes;
	atomic_bool stopped;
};

struct sync_exchange *sync_exchange_new(
    struct sync_wake *source, struct sync_wake *target)
{
	struct sync_exchange *x = mem_calloc(1, sizeof(*x));

	(void)pthread_mutex_init(&x->mutex, NULL);
	x->source = source;
	x->target = target;
	x->tail = &x->head;
	x->wants_tail = &x->wants;
	x->orders_tail = &x->orders;
	x->extras_tail = &x->extras;
	atomic_init(&x->stopped, false);
	return x;
}

void sync_exchange_free(struct sync_exchange *x)
{
	if (!x)
		return;
	while (x->head) {
		struct offer *o = x->head;
		x->head = o->next;
		sync_index_release(&o->index);
		free(o);
	}
	while (x->wants) {
		struct want *w = x->wants;
		x->wants = w->next;
		sync_uids_release(&w->uids);
		free(w);
	}
	while (x->orders) {
		struct order_offer *o = x->orders;
		x->orders = o->next;
		sync_orders_free(o->orders);
		free(o);
	}
	free(x->objection);
	while (x->extras) {
		struct sync_extras *extras = x->extras;
		x->extras = extras->next;
		sync_extras_free(extras);
	}
	if (x->inventory) {
		sync_inventory_release(x->inventory);
		free(x->inventory);
	}
	(void)pthread_mutex_destroy(&x->mutex);
	free(x);
}

void sync_exchange_offer_inventory(
    struct sync_exchange *x, struct sync_inventory *inventory)
{
	(void)pthread_mutex_lock(&x->mutex);
	x->inventory = inventory;
	(void)pthread_mutex_unlock(&x->mutex);
	sync_wake_signal(x->source);
}

struct sync_inventory *sync_exchange_take_inventory(struct sync_exchange *x)
{
	(void)pthread_mutex_lock(&x->mutex);
	struct sync_inventory *inventory = x->inventory;
	x->inventory = NULL;
	(void)pthread_mutex_unlock(&x->mutex);
	return inventory;
}

void sync_exchange_publish_plan(struct sync_exchange *x, struct sync_plan *plan)
{
	(void)pthread_mutex_lock(&x->mutex);
	x->plan = plan;
	(void)pthread_mutex_unlock(&x->mutex);
	sync_wake_signal(x->target);
}

struct sync_plan *sync_exchange_plan(struct sync_exchange *x)
{
	(void)pthread_mutex_lock(&x->mutex);
	struct sync_plan *plan = x->plan;
	(void)pthread_mutex_unlock(&x->mutex);
	return plan;
}

void sync_exchange_offer_index(
    struct sync_exchange *x, size_t mailbox, struct sync_index *index)
{
	struct offer *o = mem_calloc(1, sizeof(*o));

	o->mailbox = mailbox;
	o->usable = index != NULL;
	if (index) {
		o->index = *index;
		*index = (struct sync_index){0};
	}
	(void)pthread_mutex_lock(&x->mutex);
	x->entries += o->index.count;
	*x->tail = o;
	x->tail = &o->next;
	(void)pthread_mutex_unlock(&x->mutex);
	sync_wake_signal(x->source);
}

bool sync_exchange_has_room(struct sync_exchange *x)
{
	(void)pthread_mutex_lock(&x->mutex);
	bool room = x->entries < ENTRIES_MAX;
	(void)pthread_mutex_unlock(&x->mutex);
	return room;
}

bool sync_exchange_take_index(struct sync_exchange *x, size_t *mailbox_out,
    bool *usable_out, struct sync_index *index_out)
{
	(void)pthread_mutex_lock(&x->mutex);
	struct offer *o = x->head;
	if (o) {
		x->head = o->next;
		if (!x->head)
			x->tail = &x->head;
		x->entries -= o->index.count;
	}
	(void)pthread_mutex_unlock(&x->mutex);
	if (!o)
		return false;
	*mailbox_out = o->mailbox;
	*usable_out = o->usable;
	*index_out = o->index;
	free(o);
	sync_wake_signal(x->target);
	return true;
}

void sync_exchange_want_keys(
    struct sync_exchange *x, size_t mailbox, struct sync_uids *uids)
{
	struct want *w = mem_calloc(1, sizeof(*w));

	w->mailbox = mailbox;
	w->all = uids == NULL;
	if (uids) {
		w->uids = *uids;
		*uids = (struct sync_uids){0};
	}
	(void)pthread_mutex_lock(&x->mutex);
	*x->wants_tail = w;
	x->wants_tail = &w->next;
	(void)pthread_mutex_unlock(&x->mutex);
	sync_wake_signal(x->target);
}

bool sync_exchange_take_want(struct sync_exchange *x, size_t *mailbox_out,
    bool *all_out, struct sync_uids *uids_out)
{
	(void)pthread_mutex_lock(&x->mutex);
	struct want *w = x->wants;
	if (w) {
		x->wants = w->next;
		if (!x->wants)
			x->wants_tail = &x->wants;
	}
	(void)pthread_mutex_unlock(&x->mutex);
	if (!w)
		return false;
	*mailbox_out = w->mailbox;
	*all_out = w->all;
	*uids_out = w->uids;
	free(w);
	return true;
}

void sync_exchange_offer_orders(
    struct sync_exchange *x, size_t mailbox, struct sync_orders *orders)
{
	struct order_offer *o = mem_calloc(1, sizeof(*o));

	o->mailbox = mailbox;
	o->orders = orders;
	(void)pthread_mutex_lock(&x->mutex);
	*x->orders_tail = o;
	x->orders_tail = &o->next;
	(void)pthread_mutex_unlock(&x->mutex);
}

struct sync_orders *sync_exchange_take_orders(
    struct sync_exchange *x, size_t *mailbox_out)
{
	struct sync_orders *orders = NULL;

	(void)pthread_mutex_lock(&x->mutex);
	struct order_offer *o = x->orders;
	if (o) {
		x->orders = o->next;
		if (!x->orders)
			x->orders_tail = &x->orders;
	}
	(void)pthread_mutex_unlock(&x->mutex);
	if (o) {
		*mailbox_out = o->mailbox;
		orders = o->orders;
		free(o);
	}
	return orders;
}

void sync_exchange_allow_deleting(
    struct sync_exchange *x, const char *objection)
{
	char *copy = mem_strdup(objection);

	(void)pthread_mutex_lock(&x->mutex);
	free(x->objection);
	x->objection = copy;
	(void)pthread_mutex_unlock(&x->mutex);
}

const char *sync_exchange_objection(struct sync_exchange *x)
{
	(void)pthread_mutex_lock(&x->mutex);
	const char *objection = x->objection;
	(void)pthread_mutex_unlock(&x->mutex);
	return objection;
}

void sync_exchange_offer_extras(
    struct sync_exchange *x, struct sync_extras *extras)
{
	extras->next = NULL;
	(void)pthread_mutex_lock(&x->mutex);
	x->extras_bytes += extras->bytes;
	*x->extras_tail = extras;
	x->extras_tail = &extras->next;
	(void)pthread_mutex_unlock(&x->mutex);
	sync_wake_signal(x->target);
}

struct sync_extras *sync_exchange_take_extras(struct sync_exchange *x)
{
	(void)pthread_mutex_lock(&x->mutex);
	struct sync_extras *extras = x->extras;
	if (extras) {
		x->extras = extras->next;
		if (!x->extras)
			x->extras_tail = &x->extras;
		x->extras_bytes -= extras->bytes;
	}
	(void)pthread_mutex_unlock(&x->mutex);
	if (extras)
		sync_wake_signal(x->source);
	return extras;
}

bool sync_exchange_has_extras(struct sync_exchange *x)
{
	(void)pthread_mutex_lock(&x->mutex);
	bool has = x->extras != NULL;
	(void)pthread_mutex_unlock(&x->mutex);
	return has;
}

bool sync_exchange_has_extras_room(struct sync_exchange *x)
{
	(void)pthread_mutex_lock(&x->mutex);
	bool room = x->extras_bytes < EXTRAS_MAX_BYTES;
	(void)pthread_mutex_unlock(&x->mutex);
	return room;
}

void sync_exchange_stop(struct sync_exchange *x)
{
	atomic_store(&x->stopped, true);
	sync_wake_signal(x->source);
	sync_wake_signal(x->target);
}

bool sync_exchange_is_stopped(struct sync_exchange *x)
{
	return atomic_load(&x->stopped);
}
