// SPDX-License-Identifier: MIT
#include "engine/sync/sync_surplus.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_mapping.h"

/* Mailboxes as "INBOX A:s A/B:n": s subscribed, l subscribed only, n
 * \Noselect, m listed but missing. */
static void fill(struct sync_inventory *inv, const char *text)
{
	sync_inventory_init(inv);
	inv->separator = '/';
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, " "), name = strcspn(p, ": ");
		char flags[8] = "";
		if (len > name)
			(void)snprintf(flags, sizeof(flags), "%.*s",
			    (int)(len - name - 1), p + name + 1);
		bool listed = !strchr(flags, 'l');
		bool plain = !strchr(flags, 'n') && !strchr(flags, 'm');
		inv->boxes = mem_grow(
		    inv->boxes, &inv->cap, inv->count, sizeof(*inv->boxes));
		inv->boxes[inv->count++] = (struct sync_box){
		    .name = mem_strndup(p, name),
		    .is_listed = listed,
		    .is_selectable = listed && plain,
		    .is_missing = strchr(flags, 'm') != NULL,
		    .is_subscribed = !listed || strchr(flags, 's'),
		    .has_status = true,
		    .messages = 3,
		    .uidnext = 4,
		    .uidvalidity = 5,
		};
		p += len;
		p += *p == ' ';
	}
	inv->sorted = true; // rows are written in order
}

struct row {
	char source[60], target[60];
	char list, skip[12], prefix[12];
	bool no_subscription, lsub_failed, list_odd;
	char surplus[80]; /* "-A" removed, "0A" emptied, "~A" unsubscribed */
};

ParameterizedTestParameters(sync_surplus, what_the_source_does_not_have)
{
	static struct row rows[] = {
	    {.source = "INBOX", .target = "INBOX"},
	    {.source = "INBOX", .target = "INBOX X", .surplus = "-X "},
	    {.source = "INBOX X", .target = "INBOX X"},
	    /* children before their parents */
	    {.source = "INBOX",
		.target = "INBOX A A/B A/B/C",
		.surplus = "-A/B/C -A/B -A "},
	    /* F075: INBOX never; a parent of what stays is emptied */
	    {.source = "A", .target = "A INBOX"},
	    {.source = "A/B INBOX", .target = "A A/B INBOX", .surplus = "0A "},
	    {.source = "A:n A/B INBOX",
		.target = "A A/B INBOX",
		.surplus = "0A "},
	    /* \Noselect is no mailbox; what is missing is not sure */
	    {.source = "INBOX", .target = "A:n INBOX"},
	    {.source = "A:n INBOX", .target = "A INBOX", .surplus = "-A "},
	    {.source = "A:m INBOX", .target = "A INBOX"},
	    /* names are compared as they are mapped */
	    {.source = ".x INBOX", .target = "INBOX _x"},
	    /* --list leaves mailboxes alone */
	    {.source = "INBOX", .target = "INBOX X:s", .list = 'y'},
	    {.source = "INBOX",
		.target = "INBOX:s X:s",
		.list = 'y',
		.surplus = "~INBOX "},
	    /* --skipMailbox */
	    {.source = "INBOX Junk", .target = "INBOX Junk", .skip = "Junk"},
	    {.source = "INBOX", .target = "INBOX Junk:s", .skip = "Ju*"},
	    /* subscriptions */
	    {.source = "INBOX", .target = "INBOX:s", .surplus = "~INBOX "},
	    {.source = "INBOX:s", .target = "INBOX:s"},
	    {.source = "INBOX X:l", .target = "INBOX X:l"},
	    {.source = "INBOX", .target = "INBOX X:l", .surplus = "~X "},
	    {.source = "INBOX", .target = "INBOX X:s", .surplus = "-~X "},
	    {.source = "INBOX", .target = "INBOX:s", .no_subscription = true},
	    /* LSUB was refused: nothing is known */
	    {.source = "INBOX", .target = "INBOX:s", .lsub_failed = true},
	    /* F057, F061: a line of LIST that is not understood may be X */
	    {.source = "INBOX", .target = "INBOX:s X:s", .list_odd = true},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_surplus, what_the_source_does_not_have)
{
	struct sync_inventory source, target;
	struct job job;
	struct buf text;
	char *one[1] = {row->skip}, *all[1] = {row->skip};

	job_init(&job);
	fill(&source, row->source);
	fill(&target, row->target);
	source.subscriptions_failed = row->lsub_failed;
	job.options.subscription = !row->no_subscription;
	if (row->skip[0]) {
		job.options.skip_mailbox = one;
		job.options.skip_mailboxes = 1;
	}
	if (row->list) {
		job.options.list = all;
		job.options.lists = 1;
	}
	struct sync_plan *plan = sync_mapping(&source, &target, &job.options);
	source.unusable_count = row->list_odd;
	sync_surplus_find(plan, &source, &target, &job.options);
	source.unusable_count = 0;
	buf_init(&text, 1000);
	for (size_t i = 0; i < plan->surplus_count; i++) {
		const struct sync_surplus *s = &plan->surplus[i];
		cr_assert_eq(buf_printf(&text, "%s%s%s%s ",
				 s->remove ? "-" : "", s->empty ? "0" : "",
				 s->unsubscribe ? "~" : "", s->name),
		    0);
	}
	cr_assert_str_eq(text.len ? text.data : "", row->surplus);
	buf_release(&text);
	sync_plan_free(plan);
	sync_inventory_release(&source);
	sync_inventory_release(&target);
	job.options.skip_mailbox = job.options.list = NULL;
	job.options.skip_mailboxes = job.options.lists = 0;
	job_release(&job);
}
