// SPDX-License-Identifier: MIT
#include "engine/sync/sync_mapping.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_names.h"
#include "engine/sync/sync_surplus.h"

void sync_plan_free(struct sync_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		free(plan->mailboxes[i].source);
		free(plan->mailboxes[i].target);
		free(plan->mailboxes[i].refusal);
	}
	for (size_t i = 0; i < plan->surplus_count; i++)
		free(plan->surplus[i].name);
	free(plan->surplus);
	free(plan->mailboxes);
	free(plan);
}

char *sync_mapping_name(const char *name, const struct sync_inventory *source,
    const struct sync_inventory *target, const struct job_options *options)
{
	const struct sync_naming from = {source->prefix, source->separator};
	const struct sync_naming to = {target->prefix, target->separator};

	(void)options;
	return sync_names_map(name, &from, &to);
}

bool sync_mapping_is_skipped(const struct job_options *options,
    const struct sync_inventory *inventory, const char *name)
{
	(void)inventory;
	for (size_t i = 0; i < options->skip_mailboxes; i++) {
		const char *pattern = options->skip_mailbox[i];
		if (text_wildcard(pattern, name) ||
		    (sync_names_is_inbox(pattern) && sync_names_is_inbox(name)))
			return true;
	}
	return false;
}

static void fill_target(struct sync_mailbox *m, const struct sync_box *box,
    struct sync_inventory *target, const struct job_options *options)
{
	struct sync_box *found = sync_inventory_find(target, m->target);
	bool exists = found && found->is_listed && found->is_selectable;
	bool is_inbox = sync_names_is_inbox(m->target);

	// a parent that only holds children becomes a mailbox by CREATE
	m->create = !exists && !is_inbox;
	m->subscribe = options->subscription && box->is_subscribed &&
		       !(found && found->is_subscribed);
	m->is_cold =
	    m->create || (found && found->has_status && found->messages == 0);
	m->target_messages = found ? found->messages : 0;
	m->target_uidnext = found ? found->uidnext : m->create ? 1 : 0;
	m->target_uidvalidity = found ? found->uidvalidity : 0;
}

static void add_mailbox(struct sync_plan *plan, const struct sync_box *box,
    struct sync_inventory *source, struct sync_inventory *target,
    const struct job_options *options)
{
	struct sync_mailbox *m = &plan->mailboxes[plan->count];

	*m = (struct sync_mailbox){
	    .number = plan->count,
	    .source = mem_strdup(box->name),
	    .target = sync_mapping_name(box->name, source, target, options),
	    .has_status = box->has_status,
	    .has_size = box->has_size,
	    .messages = box->messages,
	    .uidvalidity = box->uidvalidity,
	    .bytes = box->bytes,
	};
	plan->count++;
	if (m->target)
		fill_target(m, box, target, options);
	else
		m->refusal = mem_strdup("nothing is left of its name");
}

static int by_target(const void *a, const void *b)
{
	const struct sync_mailbox *const *x = a, *const *y = b;
	int order = strcmp((*x)->target, (*y)->target);

	if (order == 0)
		order = (*x)->number > (*y)->number ? 1 : -1;
	return order;
}

/* The first of equal targets stays; an unchanged name goes before others. */
static void refuse_collisions(struct sync_plan *plan)
{
	struct sync_mailbox **sorted =
	    mem_calloc(plan->count, sizeof(struct sync_mailbox *));
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->mailboxes[i].target)
			sorted[count++] = &plan->mailboxes[i];
	if (count > 1)
		qsort(sorted, count, sizeof(struct sync_mailbox *), by_target);
	for (size_t i = 0; i < count;) {
		size_t end = i + 1;
		struct sync_mailbox *keeper = sorted[i];
		while (end < count &&
		       strcmp(sorted[end]->target, sorted[i]->target) == 0) {
			if (strcmp(sorted[end]->source, sorted[end]->target) ==
			    0)
				keeper = sorted[end];
			end++;
		}
		for (; i < end; i++)
			if (sorted[i] != keeper)
				sorted[i]->refusal = mem_printf(
				    "its name on the target, '%s', is that of another mailbox",
				    sorted[i]->target);
	}
	free(sorted);
}

struct sync_plan *sync_mapping(struct sync_inventory *source,
    struct sync_inventory *target, const struct job_options *options)
{
	struct sync_plan *plan = mem_calloc(1, sizeof(*plan));

	plan->mailboxes = mem_calloc(source->count, sizeof(*plan->mailboxes));
	for (size_t i = 0; i < source->count; i++) {
		const struct sync_box *box = &source->boxes[i];
		if (!box->is_selectable ||
		    sync_inventory_is_foreign(source, box->name))
			continue;
		if (sync_mapping_is_skipped(options, source, box->name))
			plan->skipped++;
		else
			add_mailbox(plan, box, source, target, options);
	}
	refuse_collisions(plan);
	return plan;
}
