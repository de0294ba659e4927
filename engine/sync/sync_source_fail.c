// SPDX-License-Identifier: MIT
/* A mailbox of the source that cannot be copied, or not by this lane. */
#include "engine/sync/sync_ledger.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_source_private.h"

/* Its commands under way still refer to it; their answers do not count. */
static void close_failed(struct sync_source *src, struct source_box *box)
{
	if (box->state == SOURCE_BOX_SCANNING ||
	    box->state == SOURCE_BOX_SCANNED)
		src->scan_entries -= sync_source_expected(box);
	for (size_t i = 0; i < box->todo_count; i++)
		box->todo[i].state = TODO_DONE;
	box->todo_open = 0;
	box->todo_next = box->todo_count;
	sync_source_count_done(src, box);
}

void sync_source_fail(struct sync_source *src, struct source_box *box,
    enum source_failure failure, const char *step, const char *words)
{
	struct tally *t = &box->m->by_source;
	uint64_t open = 0;

	if (box->is_failed || box->state == SOURCE_BOX_DONE)
		return;
	box->is_failed = true;
	if (failure != SOURCE_FAILURE_TARGET && !box->m->refusal)
		sync_compare_object(src, box, "it could not be read");
	if (failure == SOURCE_FAILURE_GONE)
		atomic_store(&src->shared->changed, true);
	if (failure != SOURCE_FAILURE_TARGET && src->shared->lane > 0) {
		sync_slots_leave(src, box, words);
		close_failed(src, box);
		return;
	}
	if (box->state == SOURCE_BOX_READY) {
		open = box->todo_open;
	} else {
		open = sync_source_expected(box) > box->taken_count
			   ? sync_source_expected(box) - box->taken_count
			   : 0;
		if (!box->m->has_status)
			open = 0;
		t->source += open;
	}
	if (failure == SOURCE_FAILURE_GONE) {
		char shown[SYNC_MAILBOX_SHOWN];
		t->vanished += open;
		sync_reporter_warn(src->shared->reporter, "source",
		    "source.mailbox_gone", "mailbox %s went away meanwhile: %s",
		    sync_mailbox_shown(box->m, shown), words);
	} else {
		t->refused[TALLY_REFUSED_MAILBOX] += open;
	}
	// said once, though several lanes may find it out
	if (failure == SOURCE_FAILURE_REFUSED &&
	    sync_ledger_refuse_source(src->shared->ledger, box->m->number)) {
		const struct sync_refusal refusal = {.side = "source",
		    .step = step,
		    .reason = tally_refusal_name(TALLY_REFUSED_MAILBOX),
		    .words = words,
		    .mailbox = box->m};
		t->extra[TALLY_MAILBOXES_FAILED]++;
		sync_reporter_refused(src->shared->reporter, &refusal);
	}
	close_failed(src, box);
}
