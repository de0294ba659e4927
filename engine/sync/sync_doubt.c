// SPDX-License-Identifier: MIT
/*
 * Doubts: an APPEND whose answer never came, or a batch that was refused as a
 * whole, may have stored messages.  Before anything is sent again the target
 * is asked what has arrived at or above the UIDNEXT known before, and keys are
 * matched as multisets: what we know to be ours from before does not count.
 */
#include "engine/sync/sync_target_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/sync/sync_pairing.h"
#include "engine/sync/sync_scan.h"

enum {
	DEATHS_MAX = 3,
	/* A connection that breaks between us leaves a server that may still
	 * store what it has read: it is given so long before we look. */
	AFTER_LOSS_MS = 2000,
	LOOK_AGAIN_MS = 1000, /* at the latest: we are woken */
	/* A look that took so long tells of a server that hung: what it has
	 * read before may be stored just behind its answer. */
	LATE_MS = 3000,
	LATE_LOOKS_MAX = 3
};

int sync_doubt_remember(struct sync_target *dst, struct target_box *box,
    const struct sync_message *m)
{
	struct sync_key key;

	if (sync_message_key(m, &key, &dst->error) < 0)
		return -1;
	sync_ledger_add_key(dst->shared->ledger, box->m->number, &key);
	return 0;
}

/* Where those in doubt there may be: what was sent is at or above its floor,
 * what only somebody else may have sent at or above the mark. */
static uint32_t lowest_floor(
    const struct sync_target *dst, const struct target_box *box)
{
	uint32_t mark = sync_ledger_mark(dst->shared->ledger, box->m->number);
	uint32_t lowest = UINT32_MAX;

	for (const struct sync_message *m = dst->doubts.head; m; m = m->next) {
		if (m->mailbox->number != box->m->number)
			continue;
		bool was_sent_here =
		    m->floor && m->generation == box->generation;
		uint32_t floor = was_sent_here ? m->floor : mark;
		if (floor < lowest)
			lowest = floor;
	}
	return lowest > 0 ? lowest : 1;
}

static void send_select(struct sync_target *dst, struct target_box *box)
{
	struct imap_cmd *cmd = imap_conn_command(
	    dst->conn, TARGET_OP_DOUBT_SELECT, box, "EXAMINE");
	uint32_t end = 0, next = 0;

	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, box->m->target);
	imap_conn_send(dst->conn, cmd);
	// what is surely ours need not be listed again for every batch
	if (sync_ledger_strangers(
		dst->shared->ledger, box->m->number, &end, &next) &&
	    dst->looking_from < end)
		sync_scan_without(dst->conn, TARGET_OP_DOUBT_SCAN, box,
		    dst->looking_from, end, next);
	else
		sync_scan_list(dst->conn, TARGET_OP_DOUBT_SCAN, box,
		    dst->looking_from, true);
}

bool sync_doubt_work(struct sync_target *dst)
{
	if (dst->doubts.count == 0)
		return false;
	if (dst->looking || dst->sent_count > 0)
		return true; // answers under way may settle some
	if (clock_ms() < dst->search_from_ms)
		return true; // the server may still be storing
	struct target_box *box = sync_target_box(dst, dst->doubts.head);
	dst->searching = box;
	if (!sync_ledger_begin_search(
		dst->shared->ledger, box->m->number, dst->shared->lane)) {
		dst->look_again_ms = clock_ms() + LOOK_AGAIN_MS;
		return true;
	}
	dst->looking = box;
	dst->looking_from = lowest_floor(dst, box);
	dst->looking_since_ms = clock_ms();
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "looking for %zu messages in doubt, from uid %" PRIu32,
	    dst->doubts.count, dst->looking_from);
	sync_index_reset(&dst->found);
	dst->found_prefix_pending = 0;
	dst->looking_is_gone = false;
	send_select(dst, dst->looking);
	return true;
}

int64_t sync_doubt_deadline_ms(const struct sync_target *dst)
{
	if (dst->doubts.count == 0 || dst->looking || dst->sent_count > 0)
		return CLOCK_NEVER;
	return dst->searching ? dst->look_again_ms : dst->search_from_ms;
}

static void end_search(struct sync_target *dst)
{
	if (dst->searching)
		sync_ledger_end_search(dst->shared->ledger,
		    dst->searching->m->number, dst->shared->lane);
	dst->looking = dst->searching = NULL;
}

void sync_doubt_reset(struct sync_target *dst)
{
	if (dst->doubts.count > 0)
		dst->search_from_ms = clock_ms() + AFTER_LOSS_MS;
	end_search(dst);
	sync_index_reset(&dst->found);
}

/* Takes one unpaired entry with this key out of what was found, with `date`
 * only one of that date: its UID, 0: there is none. */
static uint32_t take_key(
    struct sync_index *found, const struct sync_key *key, const int64_t *date)
{
	for (size_t i = 0; i < found->count; i++) {
		struct sync_entry *e = &found->entries[i];
		if (!e->is_present && (!date || e->date == *date) &&
		    memcmp(&e->key, key, sizeof(*key)) == 0) {
			e->is_present = 1;
			return e->uid;
		}
	}
	return 0;
}

/* Its date as in a listing; without one any other will do. */
static int64_t date_of(const struct sync_message *m)
{
	size_t len = strlen(m->date);
	struct imap_date d;

	return len > 2 && imap_date_parse(m->date + 1, len - 2, &d)
		   ? imap_date_pack(&d)
		   : SYNC_INDEX_NO_DATE;
}

/* Not there: it is sent again, or set aside when it ended three sessions. Two
 * of those in a row, and it is the server that does not work. */
static int send_again(
    struct sync_target *dst, struct sync_message *m, struct message_list *again)
{
	if (m->deaths < DEATHS_MAX) {
		message_list_add(again, m);
		return 0;
	}
	if (dst->has_set_aside) {
		m->deaths = 0;
		message_list_add(again, m);
		dst->is_hopeless = true;
		return error_set(&dst->error, ERROR_IO, "target.unstable",
		    "target: the server ends the session at every message");
	}
	dst->has_set_aside = true;
	sync_refuse_message(dst, m, TALLY_REFUSED_APPEND, "APPEND",
	    "the server ended the session each time it was sent");
	return 0;
}

/* Counts what of those in doubt for this box was found; the others stay. Copies
 * of one message are told apart by their dates, where that is possible. */
static int take_found(struct sync_target *dst, struct target_box *box,
    bool by_date, uint64_t *found_inout)
{
	struct message_list others;
	struct sync_message *m;

	message_list_init(&others);
	while ((m = message_list_take(&dst->doubts))) {
		int64_t date = date_of(m);
		struct sync_key key;
		uint32_t uid = 0;
		if (sync_target_box(dst, m) == box) {
			if (sync_message_key(m, &key, &dst->error) < 0) {
				message_list_add_front(&dst->doubts, m);
				message_list_prepend(&dst->doubts, &others);
				return -1;
			}
			uid =
			    take_key(&dst->found, &key, by_date ? &date : NULL);
		}
		if (uid == 0) {
			message_list_add(&others, m);
			continue;
		}
		sync_ledger_claim(dst->shared->ledger, box->m->number, uid);
		sync_pairing_add(dst->shared->pairing, m->mailbox,
		    sync_ledger_uidvalidity(
			dst->shared->ledger, box->m->number),
		    m->uid, uid);
		sync_append_copied(dst, m);
		++*found_inout;
	}
	dst->doubts = others;
	return 0;
}

static int settle(struct sync_target *dst, struct target_box *box)
{
	struct message_list others, again;
	struct sync_message *m;
	uint64_t found = 0;
	int rc = 0;

	message_list_init(&others);
	message_list_init(&again);
	dst->late_looks = 0;
	sync_ledger_sift(dst->shared->ledger, box->m->number, &dst->found);
	if (take_found(dst, box, true, &found) < 0 ||
	    take_found(dst, box, false, &found) < 0)
		return -1;
	while ((m = message_list_take(&dst->doubts))) {
		if (sync_target_box(dst, m) == box)
			rc |= send_again(dst, m, &again);
		else
			message_list_add(&others, m);
	}
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "%" PRIu64 " of them had arrived, %zu are sent again", found,
	    again.count);
	dst->doubts = others;
	message_list_prepend(&dst->pending, &again);
	end_search(dst);
	return rc;
}

/* Was the server kept from answering? Then it is looked again a while later. */
static bool is_late(struct sync_target *dst)
{
	if (clock_ms() - dst->looking_since_ms < LATE_MS ||
	    dst->late_looks >= LATE_LOOKS_MAX)
		return false;
	dst->late_looks++;
	return true;
}

/* Only what is at or above the mark: "n:*" always gives the last message. */
static void drop_older(struct sync_index *found, uint32_t uidnext)
{
	size_t kept = 0;

	for (size_t i = 0; i < found->count; i++)
		if (found->entries[i].uid >= uidnext)
			found->entries[kept++] = found->entries[i];
	found->count = kept;
}

/* Does the server know less than it told before (APPENDUID, on any connection),
 * so that what it lists proves nothing? Another session may show more. */
static bool is_behind(const struct sync_target *dst,
    const struct target_box *box, const struct imap_response *r)
{
	uint64_t n = 0;

	return r->kind == IMAP_RESPONSE_STATUS &&
	       imap_str_is(r->code, "UIDNEXT") &&
	       text_parse_u64(
		   r->code_args.s, r->code_args.len, UINT32_MAX, &n) &&
	       n > 0 &&
	       (n < dst->looking_from ||
		   n <= sync_ledger_top(dst->shared->ledger, box->m->number));
}

static int on_untagged(struct sync_target *dst, struct target_box *box, int op,
    const struct imap_response *r)
{
	char shown[SYNC_MAILBOX_SHOWN];
	struct imap_fetch f;
	uint64_t n = 0;

	if (op == TARGET_OP_DOUBT_SELECT && r->kind == IMAP_RESPONSE_STATUS &&
	    imap_str_is(r->code, "UIDVALIDITY") &&
	    text_parse_u64(r->code_args.s, r->code_args.len, UINT32_MAX, &n) &&
	    n > 0) { // 0 is none (F077)
		uint32_t known = sync_ledger_uidvalidity(
		    dst->shared->ledger, box->m->number);
		if (known && known != n)
			return error_set(&dst->error, ERROR_SERVER_NO,
			    "target.changed",
			    "target: mailbox %s was made anew while messages were in doubt: run again",
			    sync_mailbox_shown(box->m, shown));
		sync_target_set_uidvalidity(dst, box, (uint32_t)n);
	}
	if (op == TARGET_OP_DOUBT_SELECT && is_behind(dst, box, r))
		return error_set(&dst->error, ERROR_IO, "target.doubt",
		    "target: mailbox %s shows less (UIDNEXT) than was stored there: what is in doubt cannot be looked for",
		    sync_mailbox_shown(box->m, shown));
	if (op == TARGET_OP_DOUBT_SELECT && r->kind == IMAP_RESPONSE_NUMBER &&
	    imap_str_is(r->word, "EXISTS") && r->number <= UINT32_MAX)
		dst->found.exists = (uint32_t)r->number;
	if (op == TARGET_OP_DOUBT_SELECT || r->kind != IMAP_RESPONSE_NUMBER ||
	    !imap_str_is(r->word, "FETCH"))
		return 0;
	if (!imap_fetch_parse(r->rest, &f))
		return error_set(&dst->error, ERROR_PROTOCOL, "proto.syntax",
		    "target: a FETCH response cannot be read");
	if (op == TARGET_OP_DOUBT_SCAN)
		sync_index_add(&dst->found, &f, true);
	else
		sync_index_add_prefix(&dst->found, &f);
	return sync_index_check(&dst->found, &dst->error);
}

/* A search that was refused proves nothing: only a mailbox that is gone holds
 * nothing. Anything else is asked again in another session. */
static int on_refused(struct sync_target *dst, const struct imap_cmd *cmd)
{
	if (imap_cmd_op(cmd) == TARGET_OP_DOUBT_SELECT &&
	    sync_target_says_gone(cmd)) {
		dst->looking_is_gone = true;
		return 0;
	}
	if (imap_cmd_op(cmd) == TARGET_OP_DOUBT_SCAN && dst->looking_is_gone)
		return 0;
	return error_set(&dst->error, ERROR_IO, "target.doubt",
	    "target: cannot look for messages in doubt: '%s'",
	    imap_cmd_reply(cmd));
}

int sync_doubt_on_event(struct sync_target *dst, const struct imap_event *event,
    const struct imap_cmd *cmd)
{
	struct target_box *box = imap_cmd_context(cmd);
	int op = imap_cmd_op(cmd);

	if (event->kind == IMAP_EVENT_UNTAGGED)
		return on_untagged(dst, box, op, &event->response);
	if (event->kind != IMAP_EVENT_DONE)
		return 0;
	if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK &&
	    on_refused(dst, cmd) < 0)
		return -1;
	if (op == TARGET_OP_DOUBT_SELECT)
		return 0;
	if (op == TARGET_OP_DOUBT_SCAN) {
		if (dst->looking_is_gone)
			sync_index_reset(&dst->found);
		sync_index_finish(&dst->found);
		drop_older(&dst->found, dst->looking_from);
		dst->found_prefix_pending = sync_scan_prefixes(
		    dst->conn, TARGET_OP_DOUBT_PREFIX, box, &dst->found);
	} else {
		dst->found_prefix_pending--;
	}
	if (dst->found_prefix_pending > 0)
		return 0;
	if (is_late(dst)) {
		sync_doubt_reset(dst);
		return 0;
	}
	return settle(dst, box);
}
