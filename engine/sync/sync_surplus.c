// SPDX-License-Identifier: MIT
#include "engine/sync/sync_surplus.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_mapping.h"
#include "engine/sync/sync_names.h"

/* Names on the target that have a counterpart on the source. */
struct names {
	char **list;
	size_t count;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every mailbox of the source counts, also one that is skipped or could not be
 * looked at; or every subscription. */
static struct names counterparts(const struct sync_inventory *source,
    const struct sync_inventory *target, const struct job_options *options,
    bool subscriptions)
{
	struct names out = {.list = mem_calloc(source->count, sizeof(char *))};

	for (size_t i = 0; i < source->count; i++) {
		const struct sync_box *box = &source->boxes[i];
		if (subscriptions ? !box->is_subscribed
				  : !box->is_selectable && !box->is_missing)
			continue;
		char *name = sync_mapping_name(box, source, target, options);
		if (name)
			out.list[out.count++] = name;
	}
	if (out.count > 1)
		qsort(out.list, out.count, sizeof(char *), by_text);
	return out;
}

static void release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static bool has(const struct names *names, const char *name)
{
	return names->count > 0 && bsearch(&name, names->list, names->count,
				       sizeof(char *), by_text) != NULL;
}

/* The first name at or behind `name` in order. */
static size_t lower_bound(const struct names *names, const char *name)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(names->list[mid], name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Does any name that stays lie below this one? */
static bool has_children(
    const struct names *names, const char *name, char separator)
{
	if (!separator)
		return false;
	char *below = mem_printf("%s%c", name, separator);
	size_t at = lower_bound(names, below);
	bool found = at < names->count &&
		     strncmp(names->list[at], below, strlen(below)) == 0;
	free(below);
	return found;
}

static struct sync_surplus *add(
    struct sync_plan *plan, const struct sync_box *box)
{
	plan->surplus = mem_resize(
	    plan->surplus, plan->surplus_count + 1, sizeof(*plan->surplus));
	struct sync_surplus *s = &plan->surplus[plan->surplus_count++];
	*s = (struct sync_surplus){
	    .name = mem_strdup(box->name),
	    .messages = box->messages,
	    .uidnext = box->uidnext,
	    .uidvalidity = box->uidvalidity,
	};
	return s;
}

/* Does nothing of ours ever go there? A server need not care for the reference
 * that LIST gave it. */
static bool is_outside(
    const struct job_options *options, const struct sync_box *box)
{
	return options->target_prefix &&
	       !sync_names_begins(box->name, options->target_prefix);
}

/* Is only a part of the source compared with all of the target? What lies
 * beside that part is then nobody's surplus. Another account ("~user/") is a
 * whole one. */
static bool is_narrowed(const struct job_options *options)
{
	const char *part = options->source_prefix;

	return options->lists > 0 ||
	       (part && part[0] && part[0] != '~' && !options->target_prefix);
}

static bool may_be_removed(const struct sync_inventory *target,
    const struct sync_box *box, const struct names *kept,
    const struct job_options *options)
{
	const char *prefix = options->target_prefix;
	size_t n = prefix ? strlen(prefix) : 0;

	return !is_narrowed(options) && !is_outside(options, box) &&
	       box->is_listed && box->is_selectable &&
	       !sync_names_is_inbox(box->name + n) && !has(kept, box->name) &&
	       !sync_inventory_is_foreign(target, box->name) &&
	       !sync_mapping_is_skipped(options, target, box->name) &&
	       !sync_mapping_is_skipped(options, target, box->name + n);
}

static bool may_be_unsubscribed(const struct sync_inventory *target,
    const struct sync_box *box, const struct names *kept,
    const struct names *subscribed, const struct job_options *options)
{
	return box->is_subscribed && !has(subscribed, box->name) &&
	       !is_outside(options, box) &&
	       (!is_narrowed(options) || has(kept, box->name)) &&
	       !sync_inventory_is_foreign(target, box->name) &&
	       !sync_mapping_is_skipped(options, target, box->name);
}

/* What stays on the target, sorted: for some servers DELETE takes along what
 * lies below. Names are borrowed. */
static struct names staying(const struct sync_inventory *target,
    const struct names *kept, const struct job_options *options)
{
	struct names out = {
	    .list = mem_calloc(kept->count + target->count, sizeof(char *))};

	for (size_t i = 0; i < kept->count; i++)
		out.list[out.count++] = kept->list[i];
	for (size_t i = 0; i < target->count; i++) {
		const struct sync_box *box = &target->boxes[i];
		if (box->is_selectable &&
		    !may_be_removed(target, box, kept, options))
			out.list[out.count++] = box->name;
	}
	if (out.count > 1)
		qsort(out.list, out.count, sizeof(char *), by_text);
	return out;
}

static int children_first(const void *a, const void *b)
{
	const struct sync_surplus *x = a, *y = b;

	return strcmp(y->name, x->name);
}

void sync_surplus_find(struct sync_plan *plan, struct sync_inventory *source,
    struct sync_inventory *target, const struct job_options *options)
{
	struct names kept = counterparts(source, target, options, false);
	struct names subscribed = counterparts(source, target, options, true);
	struct names stay = staying(target, &kept, options);

	for (size_t i = 0; i < target->count; i++) {
		const struct sync_box *box = &target->boxes[i];
		// a line of LIST that could not be used may be its counterpart
		bool remove = source->unusable_count == 0 &&
			      may_be_removed(target, box, &kept, options);
		bool unsubscribe = options->subscription &&
				   source->unusable_count == 0 &&
				   !source->subscriptions_failed &&
				   may_be_unsubscribed(target, box, &kept,
				       &subscribed, options);
		plan->target_messages += box->has_status ? box->messages : 0;
		if (!remove && !unsubscribe)
			continue;
		struct sync_surplus *s = add(plan, box);
		s->unsubscribe = unsubscribe;
		s->empty =
		    remove && has_children(&stay, box->name, target->separator);
		s->remove = remove && !s->empty;
	}
	if (plan->surplus_count > 1)
		qsort(plan->surplus, plan->surplus_count,
		    sizeof(*plan->surplus), children_first);
	free(stay.list);
	release(&kept);
	release(&subscribed);
}
