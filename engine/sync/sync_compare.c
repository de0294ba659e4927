// SPDX-License-Identifier: MIT
/*
 * A mailbox that was listed, beside what the target holds: what is to be
 * fetched, what a mirror has to change there, and whether it may delete.
 */
#include "engine/sync/sync_source_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_date.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_flags.h"
#include "engine/sync/sync_orders.h"
#include "engine/sync/sync_pairing.h"
#include "engine/sync/sync_reporter.h"

bool sync_compare_is_mirror(const struct sync_source *src)
{
	return src->shared->job->options.mode == JOB_MODE_DST;
}

/* What a mirror may not be sure of: the first reason is kept. */
void sync_compare_object(
    struct sync_source *src, const struct source_box *box, const char *why)
{
	char shown[100];

	if (src->objection[0])
		return;
	(void)text_escape(
	    box->m->source, strlen(box->m->source), shown, sizeof(shown));
	(void)snprintf(src->objection, sizeof(src->objection),
	    "mailbox '%s' of the source: %s", shown, why);
	if (src->shared->pool)
		sync_pool_object(src->shared->pool, src->objection);
}

/* A server that lists less than it counts hides mail: say so. */
void sync_compare_check_listing(struct sync_source *src, struct source_box *box)
{
	// what it never told cannot be checked
	if (box->with_keys && !box->exists_told)
		sync_compare_object(
		    src, box, "it does not tell how many messages it holds");
	size_t listed = box->index.count + box->index.old.count;
	if (listed >= box->exists)
		return;
	char shown[200];
	(void)text_escape(
	    box->m->source, strlen(box->m->source), shown, sizeof(shown));
	atomic_store(&src->shared->changed, true);
	sync_compare_object(src, box, "it lists fewer messages than it counts");
	sync_reporter_warn(src->shared->reporter, "source", "source.hidden",
	    "mailbox '%s': the server counts %u messages but lists only %zu",
	    shown, box->exists, listed);
}

bool sync_compare_has_less(
    const struct sync_source *src, const struct source_box *box)
{
	bool is_less = !box->todo && box->exists_told && box->m->has_status &&
		       box->exists < box->m->messages;

	if (is_less)
		atomic_store(&src->shared->changed, true);
	return is_less;
}

/* The instant of the newest message there; says so when it lies ahead, for
 * then nothing may seem new for long (F195). */
static int64_t newest_of(struct sync_source *src, const struct source_box *box)
{
	const struct sync_index *index = &box->target_index;
	int64_t newest = INT64_MIN;

	for (size_t i = 0; i < index->count; i++) {
		int64_t date = index->entries[i].date;
		if (date != SYNC_INDEX_NO_DATE &&
		    imap_date_packed_seconds(date) > newest)
			newest = imap_date_packed_seconds(date);
	}
	char shown[SYNC_MAILBOX_SHOWN];

	if (newest > (int64_t)time(NULL))
		sync_reporter_warn(src->shared->reporter, "source",
		    "source.future",
		    "mailbox %s: the newest message of the target has a date in the future: older ones are not copied by syncSrcNew",
		    sync_mailbox_shown(box->m, shown));
	return newest;
}

void sync_compare_box(struct sync_source *src, struct source_box *box)
{
	struct sync_pairs pairs = box->recall.used;
	size_t known = pairs.count;
	bool mirror = sync_compare_is_mirror(src);

	// those of former runs that were of no use would be there twice
	if (!box->m->recall || box->recall.is_void)
		sync_pairing_forget(src->shared->pairing, box->m);
	box->recall.used = (struct sync_pairs){0};
	pairs.without_deleted = !mirror;
	(void)sync_diff(&box->index, &box->target_index,
	    mirror || src->shared->pairing ? &pairs : NULL);
	if (mirror)
		sync_recall_source_keep_deleted(src, box, &pairs);
	if (pairs.count > known)
		sync_pairing_add_all(src->shared->pairing, box->m,
		    box->target_index.uidvalidity, pairs.list + known,
		    pairs.count - known);
	if (src->shared->job->options.mode == JOB_MODE_SRC_NEW)
		box->newest = newest_of(src, box);
	if (box->index.keyless > 0 || box->target_index.keyless > 0)
		sync_compare_object(
		    src, box, "the start of some messages was not told");
	if (mirror) {
		struct sync_orders *orders =
		    sync_orders_new(&box->index, &box->target_index, &pairs);
		box->m->is_mirrored =
		    !orders && !sync_flags_is_lost(box->index.flags) &&
		    !sync_flags_is_lost(box->target_index.flags);
		if (orders)
			sync_exchange_offer_orders(
			    src->shared->exchange, box->m->number, orders);
	}
	free(pairs.list);
}

/* syncSrcNew leaves out what is older than the target's newest. */
static bool is_older(const struct sync_source *src,
    const struct source_box *box, const struct sync_entry *e)
{
	return src->shared->job->options.mode == JOB_MODE_SRC_NEW &&
	       box->with_keys && e->date != SYNC_INDEX_NO_DATE &&
	       imap_date_packed_seconds(e->date) < box->newest;
}

/* What was not listed, because it has a pair or is marked. */
static void count_known(struct sync_source *src, const struct source_box *box)
{
	const struct source_recall *r = &box->recall;
	struct tally *t = &box->m->by_source;

	t->source += r->present + r->marked + r->vanished;
	t->present += r->present;
	t->skipped[TALLY_SKIP_DELETED] += r->marked;
	t->vanished += r->vanished;
	atomic_fetch_add(&src->shared->seen, r->present + r->marked);
}

/* The listing (and, when compared, is_present) becomes the list to fetch. With
 * syncSrcNew the oldest come first: what a run leaves that is killed must not be
 * older than what it has brought, or the next one would leave it out. */
void sync_compare_make_todo(struct sync_source *src, struct source_box *box)
{
	struct tally *t = &box->m->by_source;
	struct sync_shared *shared = src->shared;
	uint64_t bytes = 0;

	src->scan_entries -= sync_source_expected(box);
	count_known(src, box);
	box->todo = mem_calloc(box->index.count, sizeof(*box->todo));
	if (shared->job->options.mode == JOB_MODE_SRC_NEW)
		sync_index_sort_by_date(&box->index);
	for (size_t i = 0; i < box->index.count; i++) {
		const struct sync_entry *e = &box->index.entries[i];
		if (sync_fetch_was_taken(box, e->uid))
			continue; // came by a direct fetch and is counted
		t->source++;
		if (e->is_deleted) {
			t->skipped[TALLY_SKIP_DELETED]++;
		} else if (e->is_present) {
			t->present++;
		} else if (is_older(src, box, e)) {
			t->skipped[TALLY_SKIP_OLDER]++;
		} else if (sync_fetch_is_too_big(src, box, e)) {
			t->refused[TALLY_REFUSED_TOO_BIG]++;
		} else if (src->shared->job->options.dry_run) {
			t->copied++;
			t->bytes_copied += e->size;
		} else {
			bytes += e->size;
			box->todo[box->todo_count++] =
			    (struct todo){.uid = e->uid, .size = e->size};
		}
	}
	atomic_fetch_add(&shared->seen, box->index.count);
	atomic_fetch_add(&shared->present, t->present);
	atomic_fetch_add(&shared->expected, box->todo_count);
	atomic_fetch_add(&shared->expected_bytes, bytes);
	box->m->bytes_asked = bytes;
	box->m->is_listed = true;
	box->todo_open = box->todo_count;
	box->todo_next = 0;
	sync_index_release(&box->index);
	sync_index_release(&box->target_index);
	box->state = SOURCE_BOX_READY;
	if (box->todo_count > 0 && sync_slots_may_give(src, box))
		sync_slots_give(src, box);
	else if (box->todo_count == 0)
		sync_source_box_done(src, box);
}

/* All of the source was listed, to the last mailbox: what the target has
 * beyond that may go. */
void sync_compare_allow_deleting(struct sync_source *src)
{
	uint64_t seen = 0;

	if (src->shared->pool)
		sync_pool_objection(src->shared->pool, src->objection);
	for (size_t i = 0; i < src->plan->count; i++)
		seen += src->plan->mailboxes[i].by_source.source;
	if (!src->objection[0] && seen == 0 && src->plan->target_messages > 0 &&
	    !src->shared->job->options.force)
		(void)snprintf(src->objection, sizeof(src->objection),
		    "the source holds no message at all: --force lets it empty the target");
	sync_exchange_allow_deleting(src->shared->exchange, src->objection);
}
