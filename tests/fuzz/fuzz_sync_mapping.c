// SPDX-License-Identifier: MIT
/* The mailboxes of a source, a line each, behind a first byte that chooses the
 * servers: no two get one name on the target, none is created that is there,
 * and every one is in the plan or left out with a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	BOXES_MAX = 64
};

static int by_name(const void *a, const void *b)
{
	const struct sync_box *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Each name once, as LIST gives them; with `third` every third one only. */
static void take(struct sync_inventory *inv, const char *lines, char separator,
    const char *prefix, bool third)
{
	unsigned line = 0;

	sync_inventory_init(inv);
	free(inv->prefix);
	inv->prefix = mem_strdup(prefix);
	inv->separator = separator;
	while (*lines && inv->count < BOXES_MAX) {
		size_t len = strcspn(lines, "\n");
		if (len > 0 && (!third || line++ % 3 == 0)) {
			inv->boxes = mem_grow(inv->boxes, &inv->cap, inv->count,
			    sizeof(*inv->boxes));
			inv->boxes[inv->count++] =
			    (struct sync_box){.name = mem_strndup(lines, len),
				.is_listed = true,
				.is_selectable = true,
				.separator = separator};
		}
		lines += len + (lines[len] == '\n');
	}
	if (inv->count == 0)
		return;
	qsort(inv->boxes, inv->count, sizeof(*inv->boxes), by_name);
	size_t kept = 1;
	for (size_t i = 1; i < inv->count; i++) {
		if (strcmp(inv->boxes[i].name, inv->boxes[kept - 1].name) != 0)
			inv->boxes[kept++] = inv->boxes[i];
		else
			free(inv->boxes[i].name);
	}
	inv->count = kept;
	inv->sorted = true;
}

static void check(
    const struct sync_plan *plan, struct sync_inventory *target, size_t listed)
{
	bug_if(plan->count + plan->skipped > listed);
	for (size_t i = 0; i < plan->count; i++) {
		const struct sync_mailbox *m = &plan->mailboxes[i];
		bug_if(!m->target && !m->refusal);
		if (m->refusal)
			continue;
		bug_if(m->create && sync_inventory_find(target, m->target));
		bug_if(m->create && text_equal_fold_z(m->target, "INBOX"));
		for (size_t j = 0; j < i; j++) {
			const struct sync_mailbox *n = &plan->mailboxes[j];
			if (n->refusal)
				continue;
			bug_if(strcmp(m->target, n->target) == 0);
			bug_if(text_equal_fold_z(m->target, n->target) &&
			       !m->has_case_twin && !n->has_case_twin);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char separators[] = {'/', '.', '\0', '\\'};
	static const char *const prefixes[] = {"", "INBOX."};
	struct sync_inventory source, target;
	struct job_options options = {.subscription = true};

	if (size == 0)
		return 0;
	unsigned how = data[0];
	char *lines = mem_strndup((const char *)data + 1, size - 1);
	take(
	    &source, lines, separators[how % 4], prefixes[how >> 4 & 1], false);
	take(&target, lines, separators[how / 4 % 4], prefixes[how >> 5 & 1],
	    true);
	options.mode = how & 64 ? JOB_MODE_DST : JOB_MODE_SRC_ALL;
	struct sync_plan *plan = sync_mapping(&source, &target, &options);
	check(plan, &target, source.count);
	sync_plan_free(plan);
	sync_inventory_release(&source);
	sync_inventory_release(&target);
	free(lines);
	return 0;
}
