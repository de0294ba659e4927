// SPDX-License-Identifier: MIT
#include "engine/sync/sync_mapping.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_acl.h"
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
		free(plan->mailboxes[i].recall);
	}
	for (size_t i = 0; i < plan->surplus_count; i++)
		free(plan->surplus[i].name);
	free(plan->surplus);
	for (size_t i = 0; i < plan->skipped; i++)
		free(plan->left_out[i].name);
	free(plan->left_out);
	free(plan->mailboxes);
	free(plan);
}

char *sync_mapping_name(const struct sync_box *box,
    const struct sync_inventory *source, const struct sync_inventory *target,
    const struct job_options *options)
{
	const struct sync_naming from = {source->prefix,
	    box->separator ? box->separator : source->separator};
	const struct sync_naming to = {target->prefix, target->separator};

	return sync_names_map(box->name, &from, &to, options);
}

bool sync_mapping_is_skipped(const struct job_options *options,
    const struct sync_inventory *inventory, const char *name)
{
	const struct sync_naming from = {
	    inventory->prefix, inventory->separator};
	const char *plain = sync_names_plain(name, &from, options);

	for (size_t i = 0; i < options->skip_mailboxes; i++) {
		const char *pattern = options->skip_mailbox[i];
		if (sync_names_match(pattern, name, from.separator) ||
		    sync_names_match(pattern, plain, from.separator))
			return true;
	}
	return false;
}

static void leave_out(struct sync_plan *plan, const char *name, const char *why)
{
	plan->left_out[plan->skipped++] =
	    (struct sync_left_out){.name = mem_strdup(name), .why = why};
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
	m->target_modseq = found ? found->modseq : 0;
	m->append_limit = target->caps.append_limit;
	if (found && found->has_append_limit &&
	    found->append_limit < m->append_limit)
		m->append_limit = found->append_limit;
}

/* What cannot be used on the target under this name; NULL: nothing. */
static char *why_not_there(
    const struct sync_mailbox *m, const struct sync_inventory *target)
{
	const char *why = sync_inventory_why_unusable(target, m->target);

	if (why)
		return mem_printf(
		    "its name on the target, '%s', is that of a mailbox that cannot be used: %s",
		    m->target, why);
	if (sync_inventory_is_foreign(target, m->target))
		return mem_printf(
		    "its name on the target, '%s', lies in a namespace of others",
		    m->target);
	return NULL;
}

static void add_mailbox(struct sync_plan *plan, const struct sync_box *box,
    struct sync_inventory *source, struct sync_inventory *target,
    const struct job_options *options)
{
	char *name = sync_mapping_name(box, source, target, options);

	const struct sync_naming from = {source->prefix, source->separator};

	if (!name && options->source_prefix &&
	    sync_names_plain(box->name, &from, options)[0] == '\0') {
		leave_out(plan, box->name,
		    "nothing is left of its name without the prefix");
		return;
	}
	struct sync_mailbox *m = &plan->mailboxes[plan->count];
	*m = (struct sync_mailbox){
	    .number = plan->count,
	    .source = mem_strdup(box->name),
	    .target = name,
	    .has_status = box->has_status,
	    .has_size = box->has_size,
	    .messages = box->messages,
	    .uidnext = box->uidnext,
	    .uidvalidity = box->uidvalidity,
	    .bytes = box->bytes,
	    .modseq = box->modseq,
	};
	plan->count++;
	if (m->target) {
		m->refusal = why_not_there(m, target);
		fill_target(m, box, target, options);
	} else {
		m->refusal = mem_strdup("nothing is left of its name");
	}
}

static void add_unusable(
    struct sync_plan *plan, const struct sync_unusable *unusable)
{
	struct sync_mailbox *m = &plan->mailboxes[plan->count];

	*m = (struct sync_mailbox){
	    .number = plan->count,
	    .source = mem_strdup(unusable->name),
	    .refusal = mem_strdup(unusable->why),
	};
	plan->count++;
}

static int by_target(const void *a, const void *b)
{
	const struct sync_mailbox *const *x = a, *const *y = b;
	int order = strcmp((*x)->target, (*y)->target);

	if (order == 0)
		order = (*x)->number > (*y)->number ? 1 : -1;
	return order;
}

static int by_target_without_case(const void *a, const void *b)
{
	const struct sync_mailbox *const *x = a, *const *y = b;

	return strcasecmp((*x)->target, (*y)->target);
}

/* A server that folds case takes both for one: CREATE will tell (F065). */
static void mark_case_twins(struct sync_mailbox **sorted, size_t count)
{
	struct sync_mailbox *last = NULL;

	if (count > 1)
		qsort(sorted, count, sizeof(struct sync_mailbox *),
		    by_target_without_case);
	for (size_t i = 0; i < count; i++) {
		if (sorted[i]->refusal)
			continue;
		if (last && strcasecmp(last->target, sorted[i]->target) == 0)
			last->has_case_twin = sorted[i]->has_case_twin = true;
		last = sorted[i];
	}
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
			if (sorted[i] != keeper && !sorted[i]->refusal)
				sorted[i]->refusal = mem_printf(
				    "its name on the target, '%s', is that of another mailbox",
				    sorted[i]->target);
	}
	mark_case_twins(sorted, count);
	free(sorted);
}

/* Uses that are one mailbox of the owner's own; the others are virtual on most
 * servers, views of what lies elsewhere. */
enum {
	USES_COPIED = IMAP_USE_ARCHIVE | IMAP_USE_DRAFTS | IMAP_USE_JUNK |
		      IMAP_USE_SENT | IMAP_USE_TRASH
};

/* A use is given to a mailbox we make, and to one mailbox only. */
static void choose_uses(struct sync_plan *plan, struct sync_inventory *source,
    const struct sync_inventory *target)
{
	unsigned taken = 0;

	for (size_t i = 0; i < target->count; i++)
		taken |= target->boxes[i].uses;
	for (size_t i = 0; i < plan->count; i++) {
		struct sync_mailbox *m = &plan->mailboxes[i];
		const struct sync_box *box =
		    sync_inventory_find(source, m->source);
		if (!m->create || m->refusal || !box)
			continue;
		m->uses = box->uses & USES_COPIED & ~taken;
		taken |= m->uses;
	}
}

static void choose_extras(struct sync_plan *plan, struct sync_inventory *source,
    const struct sync_inventory *target, const struct job_options *options)
{
	const struct imap_caps *from = &source->caps, *to = &target->caps;

	if (options->special_use)
		choose_uses(plan, source, target);
	plan->with_acl = options->acl && imap_caps_has(from, IMAP_CAP_ACL) &&
			 imap_caps_has(to, IMAP_CAP_ACL);
	plan->with_annotations = options->metadata &&
				 imap_caps_has(from, IMAP_CAP_METADATA) &&
				 imap_caps_has(to, IMAP_CAP_METADATA);
	// all of RFC 4314 know these four, whatever they announce
	if (imap_caps_has(to, IMAP_CAP_RIGHTS))
		plan->target_rights = to->rights | imap_acl_rights("texk", 4);
}

struct sync_plan *sync_mapping(struct sync_inventory *source,
    struct sync_inventory *target, const struct job_options *options)
{
	struct sync_plan *plan = mem_calloc(1, sizeof(*plan));

	plan->mailboxes = mem_calloc(
	    source->count + source->unusable_count, sizeof(*plan->mailboxes));
	plan->left_out = mem_calloc(source->count, sizeof(*plan->left_out));
	for (size_t i = 0; i < source->count; i++) {
		const struct sync_box *box = &source->boxes[i];
		if (sync_inventory_is_foreign(source, box->name) ||
		    (!box->is_selectable && !box->is_missing))
			continue;
		if (box->is_missing)
			leave_out(plan, box->name,
			    "it is listed, but STATUS does not find it");
		else if (sync_mapping_is_skipped(options, source, box->name))
			leave_out(plan, box->name, "--skipMailbox");
		else
			add_mailbox(plan, box, source, target, options);
	}
	for (size_t i = 0; i < source->unusable_count; i++)
		add_unusable(plan, &source->unusable[i]);
	refuse_collisions(plan);
	choose_extras(plan, source, target, options);
	return plan;
}
