// SPDX-License-Identifier: MIT
/*
 * Messages to the target: batches of MULTIAPPEND where the server can, several
 * under way.  What a server's extension does not do right is left out for the
 * rest of the run.
 */
#include "engine/sync/sync_target_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_seqset.h"
#include "engine/sync/sync_ladder.h"
#include "engine/sync/sync_marker.h"
#include "engine/sync/sync_pairing.h"
#include "engine/sync/sync_queue.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_state.h"

enum {
	BATCHES_MAX = 3,         /* MULTIAPPENDs under way */
	BATCHES_NEEDED_MAX = 60, /* full ones before larger ones are tried */
	SINGLES_MAX = 64,        /* APPENDs of one message under way */
	SYNC_ABOVE_BYTES = 1024 * 1024,
	TEXT_MAX_BYTES = 512 * 1024 /* of one command, without bodies */
};

void message_list_init(struct message_list *list)
{
	*list = (struct message_list){0};
}

void message_list_add(struct message_list *list, struct sync_message *m)
{
	m->next = NULL;
	if (list->head)
		*list->tail = m;
	else
		list->head = m;
	list->tail = &m->next;
	list->count++;
}

void message_list_add_front(struct message_list *list, struct sync_message *m)
{
	m->next = list->head;
	if (!list->head)
		list->tail = &m->next;
	list->head = m;
	list->count++;
}

void message_list_prepend(struct message_list *list, struct message_list *front)
{
	if (!front->head)
		return;
	*front->tail = list->head;
	if (!list->head)
		list->tail = front->tail;
	list->head = front->head;
	list->count += front->count;
	message_list_init(front);
}

struct sync_message *message_list_take(struct message_list *list)
{
	struct sync_message *m = list->head;

	if (m) {
		list->head = m->next;
		m->next = NULL;
		list->count--;
	}
	return m;
}

struct target_box *sync_target_box(
    struct sync_target *dst, const struct sync_message *m)
{
	return sync_lane_box(dst, m);
}

bool sync_append_is_idle(const struct sync_target *dst)
{
	return dst->pending.count == 0 && dst->sent_count == 0 &&
	       dst->doubts.count == 0;
}

void sync_append_copied(struct sync_target *dst, struct sync_message *m)
{
	struct tally *t = &m->mailbox->by_target;

	t->copied++;
	dst->has_set_aside = false;
	sync_ledger_copied(dst->shared->ledger, m->mailbox->number, m->uid);
	if (m->rungs)
		sync_refuse_won(dst, m);
	t->bytes_copied += m->bytes;
	dst->progress++;
	atomic_fetch_add(&dst->shared->copied, 1);
	atomic_fetch_add(&dst->shared->bytes_copied, m->bytes);
	sync_queue_release(dst->shared->queue, m);
}

/* ------------------------------------------------------------ sending */

/* Does the mailbox keep this flag? */
static bool keeps(const struct target_flags *flags, const char *flag,
    size_t len, bool without_keywords)
{
	char wanted[300];

	if (flag[0] != '\\' && without_keywords)
		return false;
	if (!flags->is_known || (flag[0] != '\\' && flags->any_keyword))
		return true;
	(void)snprintf(wanted, sizeof(wanted), " %.*s ", (int)len, flag);
	return strcasestr(flags->list, wanted) != NULL;
}

static void put_flags(struct sync_target *dst, struct imap_cmd *cmd,
    const struct target_box *box, struct sync_message *m)
{
	const struct target_flags *flags =
	    box->flags.is_known ? &box->flags : &dst->flags;
	bool no_keywords = m->rungs & (1u << SYNC_RUNG_KEYWORDS);
	unsigned keywords = 0;
	bool any = false;

	for (const char *p = m->flags; *p;) {
		size_t len = strcspn(p, " ");
		if (keeps(flags, p, len, no_keywords)) {
			imap_cmd_text(
			    cmd, "%s%.*s", any ? " " : " (", (int)len, p);
			any = true;
			keywords += *p != '\\';
		} else if (!m->flags_counted) {
			m->mailbox->by_target.extra[TALLY_FLAGS_DROPPED]++;
			m->flags_not_kept++;
		}
		p += len;
		p += *p == ' ';
	}
	if (any)
		imap_cmd_text(cmd, ")");
	m->flags_counted = true;
	if (!no_keywords)
		m->keywords_sent = keywords;
}

/* Is the server asked before this one is sent? So when one of its size, or a
 * smaller one, was refused for that. */
static bool goes_alone(
    const struct sync_target *dst, const struct sync_message *m)
{
	return m->synchronize || m->bytes >= dst->too_big_bytes;
}

static void put_message(struct sync_target *dst, struct imap_cmd *cmd,
    const struct target_box *box, struct sync_message *m)
{
	const struct imap_caps *caps = imap_conn_caps(dst->conn);
	bool large =
	    m->bytes > SYNC_ABOVE_BYTES &&
	    (caps->append_limit == UINT64_MAX || m->bytes > caps->append_limit);
	bool sync = goes_alone(dst, m) || dst->no_literal_plus || large ||
		    sync_new_uid_on_trial(dst, box, m);

	put_flags(dst, cmd, box, m);
	if (m->date[0] && !(m->rungs & (1u << SYNC_RUNG_DATE)))
		imap_cmd_text(cmd, " %s", m->date);
	sync_new_uid_put(dst, cmd, box, m);
	imap_cmd_text(cmd, " ");
	if (m->spool_fd >= 0)
		imap_cmd_body_file(cmd, m->spool_fd, m->bytes, sync);
	else
		imap_cmd_body(cmd, m->body, (size_t)m->bytes, sync);
}

static bool may_batch(const struct sync_target *dst)
{
	const struct imap_caps *caps = imap_conn_caps(dst->conn);

	return !dst->no_multiappend && !dst->no_literal_plus &&
	       dst->shared->job->options.literal_plus &&
	       imap_caps_has(caps, IMAP_CAP_MULTIAPPEND) &&
	       imap_caps_has(caps, IMAP_CAP_LITERAL_PLUS);
}

/* May the message be there already, and was not looked for? */
static bool must_be_sought(
    const struct sync_target *dst, const struct sync_message *m)
{
	return !m->was_sought &&
	       (m->is_sought || sync_ledger_has_strangers(
				    dst->shared->ledger, m->mailbox->number));
}

/* Sends the first message, and those of its mailbox behind it, to be looked for
 * among what somebody else appended. */
static bool seek_first(struct sync_target *dst, const struct target_box *box)
{
	bool any = false;

	while (dst->pending.head && must_be_sought(dst, dst->pending.head) &&
	       sync_target_box(dst, dst->pending.head) == box) {
		dst->pending.head->was_sought = true;
		message_list_add(
		    &dst->doubts, message_list_take(&dst->pending));
		any = true;
	}
	return any;
}

/* What a message adds to a command beside its body. */
static size_t text_bytes_of(const struct sync_message *m)
{
	enum {
		DATE_AND_LITERAL_BYTES = 80
	};

	return strlen(m->flags) + DATE_AND_LITERAL_BYTES;
}

/* How many of the pending messages, from the first, one APPEND takes now. */
static size_t batch_size(const struct sync_target *dst, bool *is_full_out)
{
	const struct sync_message *first = dst->pending.head;
	uint64_t max_bytes = sync_lane_store_bytes(dst), bytes = first->bytes;
	size_t max = sync_lane_store_max(dst), count = 1,
	       text = text_bytes_of(first);

	*is_full_out = true;
	if (!may_batch(dst) || goes_alone(dst, first) ||
	    first->bytes > SYNC_ABOVE_BYTES)
		return 1;
	if (first->batch_max && first->batch_max < max)
		max = first->batch_max;
	if (dst->batch_limit && dst->batch_limit < max)
		max = dst->batch_limit;
	for (const struct sync_message *m = first->next; m; m = m->next) {
		if (count == max || m->mailbox != first->mailbox ||
		    must_be_sought(dst, m) || goes_alone(dst, m) ||
		    m->bytes > SYNC_ABOVE_BYTES ||
		    bytes + m->bytes > max_bytes ||
		    text + text_bytes_of(m) > TEXT_MAX_BYTES ||
		    (m->batch_max && m->batch_max <= count))
			return count;
		bytes += m->bytes;
		text += text_bytes_of(m);
		count++;
	}
	*is_full_out = count == max;
	return count;
}

/* Before the first APPEND leaves the state file must know of it: a run that is
 * killed leaves a server that may still store. */
static bool may_begin(struct sync_target *dst)
{
	const struct sync_state_intent intent = {
	    .uidvalidity = 1, .uidnext = 1, .count = 1};

	if (!dst->shared->state || dst->has_intent)
		return true;
	dst->has_error = sync_state_intend(dst->shared->state, "", "", &intent,
			     &dst->error) < 0;
	dst->has_intent = !dst->has_error;
	return dst->has_intent;
}

static void send_batch(struct sync_target *dst, struct target_box *box,
    size_t count, uint32_t floor)
{
	struct append_batch *b = mem_calloc(1, sizeof(*b));
	struct imap_cmd *cmd =
	    imap_conn_command(dst->conn, TARGET_OP_APPEND, b, "APPEND");

	b->box = box;
	b->tail = &b->head;
	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, box->m->target);
	while (b->count < count) {
		struct sync_message *m = message_list_take(&dst->pending);
		if (!m->floor || m->generation != box->generation)
			m->floor = floor;
		m->generation = box->generation;
		put_message(dst, cmd, box, m);
		*b->tail = m;
		b->tail = &m->next;
		b->count++;
		b->bytes += m->bytes;
	}
	*dst->sent_tail = b;
	dst->sent_tail = &b->next;
	dst->sent_count++;
	sync_marker_sending(dst->shared->marker);
	b->sent_ms = clock_ms();
	imap_conn_send(dst->conn, cmd);
	step_point("append.queued");
}

/* The first pending message cannot be sent: true when that settles it. */
static bool settle_first(struct sync_target *dst, const struct target_box *box)
{
	const struct imap_caps *caps = imap_conn_caps(dst->conn);
	struct sync_message *m = dst->pending.head;
	uint64_t limit = m->mailbox->append_limit < caps->append_limit
			     ? m->mailbox->append_limit
			     : caps->append_limit;
	char words[120];

	if (box->state == TARGET_BOX_REFUSED) {
		sync_refuse_message(dst, message_list_take(&dst->pending),
		    TALLY_REFUSED_MAILBOX, "APPEND", "mailbox refused");
		return true;
	}
	if (m->bytes > limit) {
		(void)snprintf(words, sizeof(words),
		    "the server takes messages up to %" PRIu64
		    " bytes (APPENDLIMIT), not sent",
		    limit);
		sync_refuse_message(dst, message_list_take(&dst->pending),
		    TALLY_REFUSED_TOO_BIG, "APPEND", words);
		return true;
	}
	return false;
}

void sync_append_take(struct sync_target *dst)
{
	struct sync_message *m;

	while ((m = sync_queue_pop(dst->shared->queue)))
		message_list_add(&dst->pending, m);
}

/* May messages go into this mailbox now? */
static bool is_open(struct sync_target *dst, const struct target_box *box)
{
	return box->state == TARGET_BOX_READY && sync_lane_may_append(dst) &&
	       (!dst->flags_asked || dst->flags_answered) &&
	       // see sync_quiet: a CREATE comes first
	       (!dst->create_sent || dst->create_answered);
}

/* How many messages go next; 0: none before an answer. */
static size_t count_next(struct sync_target *dst, struct target_box *box)
{
	bool is_full = false;
	bool careful = dst->is_careful ||
		       sync_new_uid_on_trial(dst, box, dst->pending.head);
	size_t most = careful ? 1 : may_batch(dst) ? BATCHES_MAX : SINGLES_MAX;

	if (dst->sent_count >= most)
		return 0;
	if (careful)
		return 1;
	size_t count = batch_size(dst, &is_full);
	// while answers are awaited a part of a batch may still grow
	return is_full || dst->sent_count == 0 ? count : 0;
}

bool sync_append_work(struct sync_target *dst)
{
	bool worked = false;

	if (clock_ms() < dst->hold_until_ms)
		return false;
	while (dst->pending.count > 0 && dst->doubts.count == 0) {
		struct target_box *box =
		    sync_target_box(dst, dst->pending.head);
		uint32_t floor = 0;
		(void)sync_lane_learn(dst, box);
		if (settle_first(dst, box)) {
			worked = true;
			continue;
		}
		if (!is_open(dst, box))
			break;
		if (seek_first(dst, box))
			return true;
		size_t count = count_next(dst, box);
		if (count == 0)
			break;
		if (!may_begin(dst))
			return true;
		if (!sync_ledger_begin_append(dst->shared->ledger,
			box->m->number, dst->shared->lane, &floor))
			break; // another connection searches there
		send_batch(dst, box, count, floor);
		worked = true;
	}
	return worked;
}

/* ------------------------------------------------------------ answers */

static void unlink_batch(struct sync_target *dst, struct append_batch *b)
{
	struct append_batch **link = &dst->sent;

	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	if (!*link)
		dst->sent_tail = link;
	dst->sent_count--;
	sync_ledger_end_append(
	    dst->shared->ledger, b->box->m->number, dst->shared->lane);
}

static struct sync_message *take_of(struct append_batch *b)
{
	struct sync_message *m = b->head;

	if (m) {
		b->head = m->next;
		m->next = NULL;
	}
	return m;
}

/* Notes which messages these became. `last` is 0 when the UIDs are not told, or
 * not consistent; when a number goes back, the server may mean another order. */
static void note_pairs(struct sync_target *dst, const struct append_batch *b,
    const struct imap_cmd *cmd, uint32_t last)
{
	uint32_t validity =
	    sync_ledger_uidvalidity(dst->shared->ledger, b->box->m->number);
	uint32_t low = 0, high = 0;
	struct imap_seqset_reader r;
	char *set = NULL;
	bool is_told = false;

	if (!dst->shared->pairing)
		return;
	if (last > 0) {
		validity =
		    (uint32_t)strtoull(imap_cmd_code_args(cmd), &set, 10);
		is_told = imap_seqset_ascends(++set);
	}
	if (is_told)
		imap_seqset_reader_init(&r, set, strlen(set));
	for (const struct sync_message *m = b->head; m; m = m->next) {
		if (is_told && (low == 0 || low++ == high))
			bug_if(imap_seqset_next(&r, &low, &high) != 1);
		sync_pairing_add(
		    dst->shared->pairing, m->mailbox, validity, m->uid, low);
	}
}

static void raise_limit(struct sync_target *dst, size_t stored)
{
	if (dst->batch_limit == 0 || stored < dst->batch_limit ||
	    ++dst->batch_full < dst->batch_needed)
		return;
	dst->batch_full = 0;
	dst->batch_limit = stored < sync_lane_store_max(dst) ? stored * 2 : 0;
}

static int on_ok(
    struct sync_target *dst, struct append_batch *b, const struct imap_cmd *cmd)
{
	struct target_box *box = b->box;
	uint32_t last = 0;
	struct sync_message *m;

	dst->is_careful = false;
	raise_limit(dst, b->count);
	if (imap_cmd_has_code(cmd, "APPENDUID"))
		last = sync_ledger_add_uids(dst->shared->ledger, box->m->number,
		    imap_cmd_code_args(cmd), b->count);
	note_pairs(dst, b, cmd, last);
	while ((m = take_of(b))) {
		if (!b->head)
			sync_new_uid_on_ok(dst, box, m, last);
		if (last == 0 && sync_doubt_remember(dst, box, m) < 0)
			return -1;
		sync_append_copied(dst, m);
	}
	return 0;
}

int sync_append_on_done(struct sync_target *dst, const struct imap_cmd *cmd)
{
	struct append_batch *b = imap_cmd_context(cmd);
	struct target_box *box = b->box;
	int rc = 0;

	sync_marker_answered(dst->shared->marker, clock_ms() - b->sent_ms);
	if (imap_cmd_condition(cmd) == IMAP_CONDITION_OK) {
		rc = on_ok(dst, b, cmd);
		if (rc < 0)
			return rc; // what is left of it is in doubt
	}
	unlink_batch(dst, b);
	if (b->count > 1 && b->head)
		rc = sync_refuse_batch(dst, b, cmd);
	else if (b->head && sync_new_uid_take_back(dst, b->head, cmd))
		message_list_add_front(&dst->pending, take_of(b));
	else if (b->head)
		rc = sync_refuse_single(dst, box, take_of(b), cmd);
	free(b);
	return rc;
}

/* A BAD behind a "{n+}" ended the session: one extension less from now on. */
static void learn_from_bad(
    struct sync_target *dst, const struct append_batch *first)
{
	if (strcmp(dst->error.reason, "proto.bad_literal") != 0 || !first)
		return;
	if (first->count > 1 && !dst->no_multiappend) {
		dst->no_multiappend = true;
		sync_reporter_warn(dst->shared->reporter, "target",
		    "proto.extension",
		    "the server announces MULTIAPPEND but answers BAD: not used any more");
	} else if (!dst->no_literal_plus) {
		dst->no_literal_plus = true;
		sync_reporter_warn(dst->shared->reporter, "target",
		    "proto.extension",
		    "the server answers BAD to LITERAL+: not used any more");
	}
}

/* A line that carries so much and no more would never carry the same again. */
static void lower_limit(struct sync_target *dst)
{
	size_t largest = 0;

	for (const struct append_batch *b = dst->sent; b; b = b->next)
		if (b->count > largest)
			largest = b->count;
	if (largest <= 1)
		return;
	dst->batch_limit = largest / 2;
	dst->batch_full = 0;
	if (dst->batch_needed < BATCHES_NEEDED_MAX)
		dst->batch_needed = dst->batch_needed * 2 + 1;
}

void sync_append_reset(struct sync_target *dst)
{
	struct message_list doubts;
	struct sync_message *m;

	learn_from_bad(dst, dst->sent);
	// only a message that was alone under way can have killed the session
	if (dst->sent_count == 1 && dst->sent->count == 1 &&
	    strcmp(dst->error.reason, "throttle") != 0)
		dst->sent->head->deaths++;
	dst->is_careful = true;
	lower_limit(dst);
	message_list_init(&doubts);
	while (dst->sent) {
		struct append_batch *b = dst->sent;
		dst->sent = b->next;
		sync_ledger_end_append(
		    dst->shared->ledger, b->box->m->number, dst->shared->lane);
		while ((m = take_of(b)))
			message_list_add(&doubts, m);
		free(b);
	}
	dst->sent_tail = &dst->sent;
	dst->sent_count = 0;
	while ((m = message_list_take(&dst->doubts)))
		message_list_add(&doubts, m);
	dst->doubts = doubts;
}
