// SPDX-License-Identifier: MIT
#include "engine/verify/verify_plan.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_mapping.h"
#include "engine/sync/sync_names.h"
#include "engine/verify/verify_board.h"

/* Names on the target that something on the source stands for. */
struct names {
	char **list;
	size_t count;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct names counterparts(
    struct verify_board *b, const struct job_options *options)
{
	const struct sync_inventory *from = &b->inventory[VERIFY_SOURCE];
	struct names out = {.list = mem_calloc(from->count, sizeof(char *))};

	for (size_t i = 0; i < from->count; i++) {
		char *name = sync_mapping_name(&from->boxes[i], from,
		    &b->inventory[VERIFY_TARGET], options);
		if (name)
			out.list[out.count++] = name;
	}
	if (out.count > 1)
		qsort(out.list, out.count, sizeof(char *), by_text);
	return out;
}

static bool has(const struct names *names, const char *name)
{
	return names->count > 0 && bsearch(&name, names->list, names->count,
				       sizeof(char *), by_text) != NULL;
}

static struct verify_box *add_box(struct verify_board *b)
{
	struct verify_box *box = &b->boxes[b->count++];

	*box = (struct verify_box){0};
	for (int s = 0; s < VERIFY_SIDES; s++)
		verify_list_init(&box->half[s].list);
	return box;
}

/* Nothing is read where there is nothing. */
static void set_half(struct verify_half *half, const struct sync_box *found)
{
	half->expected = found && found->has_status ? found->messages : 0;
	if (!found || (found->has_status && found->messages == 0))
		half->state = VERIFY_HALF_DONE;
}

static void add_mailbox(struct verify_board *b, const struct sync_mailbox *m)
{
	struct sync_inventory *to = &b->inventory[VERIFY_TARGET];
	struct sync_box *target =
	    m->target && !m->create ? sync_inventory_find(to, m->target) : NULL;
	struct verify_box *box = add_box(b);

	box->half[VERIFY_SOURCE].name = mem_strdup(m->source);
	box->half[VERIFY_SOURCE].uidvalidity = m->uidvalidity;
	if (m->target)
		box->half[VERIFY_TARGET].name = mem_strdup(m->target);
	if (m->refusal || m->create) {
		box->refusal = mem_strdup(
		    m->refusal ? m->refusal : "it is not on the target");
		box->tally.n[VERIFY_COUNT_FOLDERS_MISSING]++;
	}
	if (m->target && strcmp(m->source, m->target) != 0)
		box->tally.n[VERIFY_COUNT_NAMES]++;
	if (m->refusal) {
		// its target is another mailbox's, or it cannot be named
		box->tally.n[VERIFY_COUNT_SOURCE] = m->messages;
		box->tally.n[VERIFY_COUNT_MISSING] = m->messages;
		return;
	}
	set_half(&box->half[VERIFY_SOURCE],
	    sync_inventory_find(&b->inventory[VERIFY_SOURCE], m->source));
	set_half(&box->half[VERIFY_TARGET], target);
	box->is_bare = m->create ||
		       box->half[VERIFY_TARGET].state == VERIFY_HALF_DONE ||
		       box->half[VERIFY_SOURCE].state == VERIFY_HALF_DONE;
	box->is_listed = box->half[VERIFY_SOURCE].state != VERIFY_HALF_DONE ||
			 box->half[VERIFY_TARGET].state != VERIFY_HALF_DONE;
}

/* Is all of the target compared, so that what lies beside is too much? */
static bool is_whole(const struct job_options *o)
{
	const char *part = o->source_prefix;

	return o->lists == 0 && o->mode != JOB_MODE_SRC_NEW &&
	       !(part && part[0] && part[0] != '~' && !o->target_prefix);
}

static void add_extra(struct verify_board *b, const struct job_options *o)
{
	struct sync_inventory *to = &b->inventory[VERIFY_TARGET];
	struct names known = counterparts(b, o);

	for (size_t i = 0; i < to->count; i++) {
		const struct sync_box *box = &to->boxes[i];
		if (!box->is_listed || !box->is_selectable ||
		    sync_names_is_inbox(box->name) ||
		    sync_inventory_is_foreign(to, box->name) ||
		    (o->target_prefix &&
			!sync_names_begins(box->name, o->target_prefix)) ||
		    sync_mapping_is_skipped(o, to, box->name) ||
		    has(&known, box->name))
			continue;
		struct verify_box *extra = add_box(b);
		extra->half[VERIFY_TARGET].name = mem_strdup(box->name);
		extra->tally.n[VERIFY_COUNT_FOLDERS_EXTRA] = 1;
		extra->tally.n[VERIFY_COUNT_TARGET] = box->messages;
		extra->tally.n[VERIFY_COUNT_EXTRA] = box->messages;
	}
	for (size_t i = 0; i < known.count; i++)
		free(known.list[i]);
	free(known.list);
}

static void tell_left_out(struct verify_board *b, const struct sync_plan *plan)
{
	char shown[200];

	for (size_t i = 0; i < plan->skipped; i++) {
		const char *name = plan->left_out[i].name;
		log_write(b->log, LOG_LEVEL_INFO, "source",
		    "mailbox '%s' left out: %s",
		    text_escape(name, strlen(name), shown, sizeof(shown)),
		    plan->left_out[i].why);
	}
	log_write(b->log, LOG_LEVEL_INFO, "engine",
	    "%zu mailboxes to compare, %zu left out", b->count, plan->skipped);
}

void verify_plan_make(struct verify_board *b)
{
	const struct job_options *o = &b->job->options;
	struct sync_inventory *from = &b->inventory[VERIFY_SOURCE];
	struct sync_inventory *to = &b->inventory[VERIFY_TARGET];
	struct sync_plan *plan = sync_mapping(from, to, o);

	b->boxes = mem_calloc(plan->count + to->count, sizeof(*b->boxes));
	for (size_t i = 0; i < plan->count; i++)
		add_mailbox(b, &plan->mailboxes[i]);
	if (is_whole(o))
		add_extra(b, o);
	tell_left_out(b, plan);
	sync_plan_free(plan);
}
