// SPDX-License-Identifier: MIT
/*
 * Bodies: batches of UIDs are asked for, at least two under way, and taken by
 * UID in whatever order they come.  A batch that is refused is halved down to
 * the message that cannot be had; one that is missing is asked for once more.
 */
#include "engine/sync/sync_source_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/imap/imap_refusal.h"
#include "engine/imap/imap_seqset.h"
#include "engine/sync/sync_queue.h"
#include "engine/sync/sync_reporter.h"

enum {
	BATCHES_AHEAD = 4,
	BATCHES_SHARED = 2,
	DEATHS_MAX = 3,
	SET_MAX_BYTES = 7000
};

#define MEBIBYTE (UINT64_C(1) << 20)

static const char items[] = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])";

bool sync_fetch_has_room(const struct sync_source *src)
{
	const struct job_options *o = &src->shared->job->options;

	if (src->is_careful)
		return src->asked_messages == 0;
	// what one lane has asked for the others cannot take
	if (src->shared->pool)
		return src->asked_messages <
			   (size_t)BATCHES_SHARED * o->fetch_max &&
		       src->asked_bytes < o->fetch_size_max * MEBIBYTE;
	return src->asked_messages < (size_t)BATCHES_AHEAD * o->fetch_max &&
	       src->asked_bytes <
		   BATCHES_AHEAD * (o->fetch_size_max * MEBIBYTE);
}

static struct fetch_batch *new_batch(
    struct sync_source *src, struct source_box *box, size_t max_items)
{
	struct fetch_batch *b = mem_calloc(1, sizeof(*b));

	b->box = box;
	b->items = mem_calloc(max_items, sizeof(struct todo *));
	b->next = src->batches;
	src->batches = b;
	box->batches++;
	return b;
}

static void free_batch(struct sync_source *src, struct fetch_batch *b)
{
	struct fetch_batch **link = &src->batches;

	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	b->box->batches--;
	src->asked_messages -= b->count;
	src->asked_bytes -= b->bytes;
	free(b->items);
	free(b);
}

static void add_item(
    struct sync_source *src, struct fetch_batch *b, struct todo *t)
{
	t->state = TODO_ASKED;
	b->items[b->count++] = t;
	b->bytes += t->size;
	src->asked_messages++;
	src->asked_bytes += t->size;
}

static void send_batch(struct sync_source *src, struct fetch_batch *b)
{
	struct buf set;
	uint32_t *uids = mem_calloc(b->count, sizeof(*uids));

	for (size_t i = 0; i < b->count; i++)
		uids[i] = b->items[i]->uid;
	buf_init(&set, SET_MAX_BYTES + 64);
	bug_if(imap_seqset_format(&set, uids, b->count, SET_MAX_BYTES) !=
	       b->count);
	sync_source_examine(src, b->box);
	struct imap_cmd *cmd =
	    imap_conn_command(src->conn, SOURCE_OP_FETCH, b, "UID FETCH");
	imap_cmd_text(cmd, " %s %s", set.data, items);
	imap_conn_send(src->conn, cmd);
	buf_release(&set);
	free(uids);
}

bool sync_fetch_next(struct sync_source *src, struct source_box *box)
{
	const struct job_options *o = &src->shared->job->options;
	/* a set of single numbers must fit into a command line */
	size_t max = o->fetch_max < SET_MAX_BYTES / 11 ? o->fetch_max
						       : SET_MAX_BYTES / 11;
	uint64_t max_bytes = o->fetch_size_max * MEBIBYTE;

	if (src->is_careful)
		max = 1;
	while (box->todo_next < box->todo_count &&
	       box->todo[box->todo_next].state != TODO_OPEN)
		box->todo_next++;
	if (box->todo_next == box->todo_count)
		return false;
	struct fetch_batch *b = new_batch(src, box, max);
	while (box->todo_next < box->todo_count && b->count < max) {
		struct todo *t = &box->todo[box->todo_next];
		if (b->count > 0 && b->bytes + t->size > max_bytes)
			break;
		// a server answers by UID, whatever the order of the question
		if (b->count > 0 && t->uid < b->items[b->count - 1]->uid)
			break;
		if (t->state == TODO_OPEN)
			add_item(src, b, t);
		box->todo_next++;
	}
	send_batch(src, b);
	return true;
}

bool sync_fetch_may_go_direct(
    const struct sync_source *src, const struct source_box *box)
{
	const struct job_options *o = &src->shared->job->options;
	const struct sync_mailbox *m = box->m;

	// syncSrcNew must know the dates before
	return m->is_cold && !o->dry_run && o->mode != JOB_MODE_SRC_NEW &&
	       m->has_status && m->has_size && !box->no_direct &&
	       !src->is_careful && m->messages <= o->fetch_max &&
	       m->bytes <= o->fetch_size_max * MEBIBYTE;
}

void sync_fetch_direct(struct sync_source *src, struct source_box *box)
{
	struct fetch_batch *b = new_batch(src, box, 1);

	b->is_direct = true;
	b->count = box->m->messages;
	b->bytes = box->m->bytes;
	src->asked_messages += b->count;
	src->asked_bytes += b->bytes;
	box->state = SOURCE_BOX_DIRECT;
	sync_source_examine(src, box);
	struct imap_cmd *cmd =
	    imap_conn_command(src->conn, SOURCE_OP_FETCH, b, "UID FETCH");
	imap_cmd_text(cmd, " 1:* %s", items);
	imap_conn_send(src->conn, cmd);
}

bool sync_fetch_is_too_big(struct sync_source *src,
    const struct source_box *box, const struct sync_entry *e)
{
	char words[120], quoted[IMAP_DATE_BYTES] = "", date[IMAP_DATE_BYTES];
	struct sync_refusal refusal = {.side = "target",
	    .step = "APPEND",
	    .reason = tally_refusal_name(TALLY_REFUSED_TOO_BIG),
	    .words = words,
	    .mailbox = box->m,
	    .uid = e->uid,
	    .size = e->size};

	if (e->size <= box->m->append_limit)
		return false;
	(void)snprintf(words, sizeof(words),
	    "the server takes messages up to %" PRIu64
	    " bytes (APPENDLIMIT), not fetched",
	    box->m->append_limit);
	if (e->date != SYNC_INDEX_NO_DATE) {
		const struct imap_date d = imap_date_unpack(e->date);
		if (imap_date_format(&d, quoted)) {
			(void)snprintf(date, sizeof(date), "%.*s",
			    (int)strlen(quoted) - 2, quoted + 1);
			refusal.date = date;
		}
	}
	sync_reporter_refused(src->shared->reporter, &refusal);
	return true;
}

/* ------------------------------------------------------------ incoming */

static void drop_incoming(struct sync_source *src)
{
	struct incoming *in = &src->in;

	if (in->message) {
		sync_message_free(in->message);
		sync_queue_unreserve(src->shared->queue, in->reserved);
	}
	*in = (struct incoming){0};
}

/* Room first, then memory or a file for the body. */
static int start_incoming(struct sync_source *src)
{
	struct incoming *in = &src->in;
	struct sync_queue *queue = src->shared->queue;
	uint64_t need = in->announced + 2;

	in->is_waiting = !sync_queue_reserve(queue, need);
	if (in->is_waiting)
		return 0;
	in->reserved = need;
	in->message = sync_message_new(in->announced,
	    need > sync_queue_spool_above(queue),
	    src->shared->job->options.long_lines, &src->error);
	if (in->message) {
		in->message->reserved = need;
		return 0;
	}
	sync_queue_unreserve(queue, need);
	return -1;
}

bool sync_fetch_is_blocked(struct sync_source *src)
{
	if (!src->in.is_waiting)
		return false;
	if (start_incoming(src) < 0) {
		src->has_error = true;
		return false;
	}
	return src->in.is_waiting;
}

static struct todo *find_item(const struct fetch_batch *b, uint32_t uid)
{
	size_t low = 0, high = b->is_direct ? 0 : b->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (b->items[mid]->uid == uid)
			return b->items[mid];
		if (b->items[mid]->uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool sync_fetch_was_taken(const struct source_box *box, uint32_t uid)
{
	for (size_t i = 0; i < box->taken_count; i++)
		if (box->taken[i] == uid)
			return true;
	return false;
}

/* Whether anybody waits for this UID: marks it taken. NULL: nobody does. */
static struct fetch_batch *claim(
    struct sync_source *src, const struct imap_cmd *head, uint32_t uid)
{
	if (!head || imap_cmd_op(head) != SOURCE_OP_FETCH)
		return NULL;
	struct fetch_batch *own = imap_cmd_context(head);
	if (own->box->is_failed)
		return NULL;
	if (own->is_direct) {
		struct source_box *box = own->box;
		if (sync_fetch_was_taken(box, uid))
			return NULL;
		box->taken = mem_grow(box->taken, &box->taken_cap,
		    box->taken_count, sizeof(*box->taken));
		box->taken[box->taken_count++] = uid;
		if (uid > box->m->highest_uid)
			box->m->highest_uid = uid;
		box->m->by_source.source++;
		atomic_fetch_add(&src->shared->seen, 1);
		return own;
	}
	for (struct fetch_batch *b = src->batches; b; b = b->next) {
		if (b->box->m != own->box->m)
			continue;
		struct todo *t = find_item(b, uid);
		if (!t || t->state != TODO_ASKED)
			continue;
		t->state = TODO_DONE;
		b->box->todo_open--;
		b->got++;
		return b;
	}
	return NULL;
}

static const char *shown_name(
    const struct source_box *box, char *out, size_t max)
{
	return text_escape(box->m->source, strlen(box->m->source), out, max);
}

static void refuse(struct sync_source *src, struct source_box *box,
    uint32_t uid, const char *step, const char *words)
{
	const struct sync_refusal refusal = {.side = "source",
	    .step = step,
	    .reason = tally_refusal_name(TALLY_REFUSED_SOURCE),
	    .words = words,
	    .mailbox = box->m,
	    .uid = uid};

	box->m->by_source.refused[TALLY_REFUSED_SOURCE]++;
	sync_reporter_refused(src->shared->reporter, &refusal);
}

/* A damaged message: what the server still tells of it goes into the list. */
static void refuse_nil(
    struct sync_source *src, struct source_box *box, const struct imap_fetch *f)
{
	char date[IMAP_DATE_BYTES] = "";
	const struct sync_refusal refusal = {.side = "source",
	    .step = "UID FETCH",
	    .reason = tally_refusal_name(TALLY_REFUSED_SOURCE),
	    .words = "the server has no body for it (NIL)",
	    .mailbox = box->m,
	    .uid = f->uid,
	    .date = date};
	struct imap_date d;

	if (f->has_date && f->date.s &&
	    imap_date_parse(f->date.s, f->date.len, &d))
		(void)snprintf(
		    date, sizeof(date), "%.*s", (int)f->date.len, f->date.s);
	box->m->by_source.refused[TALLY_REFUSED_SOURCE]++;
	sync_reporter_refused(src->shared->reporter, &refusal);
}

/* The body came inside the response, quoted, or there is none. */
static int take_inline(struct sync_source *src, struct imap_str body)
{
	src->in.announced = body.len;
	// small by nature: it stood in a response line
	sync_queue_reserve_over(src->shared->queue, body.len + 2);
	src->in.reserved = body.len + 2;
	src->in.message = sync_message_new(
	    body.len, false, src->shared->job->options.long_lines, &src->error);
	src->in.message->reserved = body.len + 2;
	return sync_message_add(src->in.message, body.s, body.len, &src->error);
}

static void hand_over(
    struct sync_source *src, struct source_box *box, const struct imap_fetch *f)
{
	char shown[200];
	struct sync_message *m = src->in.message;
	struct tally *t = &box->m->by_source;

	src->in = (struct incoming){0};
	src->progress++;
	src->is_careful = src->has_set_aside = false;
	m->mailbox = box->m;
	m->uid = f->uid;
	m->is_sought = box->is_sought;
	m->floor = box->floor;
	m->uidvalidity = box->uidvalidity;
	bool alive = !f->has_flags || sync_message_set_flags(m, f->flags);
	if (!sync_message_set_date(
		m, f->has_date ? f->date : (struct imap_str){0}))
		sync_reporter_warn(src->shared->reporter, "source",
		    "source.date",
		    "mailbox %s, uid %" PRIu32
		    ": no valid INTERNALDATE, copied without",
		    sync_mailbox_shown(box->m, shown), f->uid);
	bool too_long = m->rule == JOB_LONG_LINES_SKIP && m->long_lines > 0;
	if (!alive || too_long) {
		t->skipped[alive ? TALLY_SKIP_LONG_LINE : TALLY_SKIP_DELETED]++;
		sync_queue_release(src->shared->queue, m);
		return;
	}
	t->extra[TALLY_FLAGS_DROPPED] += m->flags_dropped;
	t->extra[TALLY_LINE_ENDS_ADDED] += m->line_end_added;
	if (m->long_lines > 0) {
		t->extra[TALLY_LONG_LINES] += m->long_lines;
		log_write(src->shared->log, LOG_LEVEL_WARNING, "source",
		    "mailbox '%s', uid %" PRIu32 ": %u lines over %d bytes %s",
		    shown_name(box, shown, sizeof(shown)), f->uid,
		    m->long_lines, SYNC_MESSAGE_LINE_MAX,
		    m->rule == JOB_LONG_LINES_KEEP ? "kept" : "cut");
	}
	sync_queue_push(src->shared->queue, m);
}

static int on_message(struct sync_source *src, const struct imap_event *event,
    const struct imap_fetch *f)
{
	bool is_lost = f->body_streamed && !src->in.message;
	struct fetch_batch *b =
	    f->has_uid && !is_lost ? claim(src, event->head, f->uid) : NULL;

	if (!b) {
		drop_incoming(src);
		return 0;
	}
	if (!f->body_streamed && !f->body.s) {
		drop_incoming(src);
		refuse_nil(src, b->box, f);
		return 0;
	}
	if (!f->body_streamed && take_inline(src, f->body) < 0)
		return -1;
	if (sync_message_finish(src->in.message, &src->error) < 0)
		return -1;
	hand_over(src, b->box, f);
	return 0;
}

/* ------------------------------------------------------------ endings */

/* May pass by itself: the whole session is retried later. */
bool sync_fetch_is_transient(const struct imap_cmd *cmd)
{
	switch ((int)imap_refusal_of(cmd)) {
	case IMAP_REFUSAL_THROTTLED:
	case IMAP_REFUSAL_TEMPORARY:
	case IMAP_REFUSAL_DAILY_LIMIT:
	case IMAP_REFUSAL_QUOTA: // of reading: a source cannot be full
		return true;
	default:
		return imap_cmd_has_code(cmd, "LIMIT");
	}
}

/* A limit of who knows what: of a message, to be found by halving (F095), but
 * not of two messages in a row. */
static bool is_limit_of_message(
    const struct sync_source *src, const struct imap_cmd *cmd)
{
	const struct fetch_batch *b = imap_cmd_context(cmd);
	enum imap_refusal refusal = imap_refusal_of(cmd);

	return imap_cmd_has_code(cmd, "LIMIT") &&
	       refusal != IMAP_REFUSAL_THROTTLED &&
	       (b->count > 1 || !src->has_set_aside);
}

int sync_fetch_come_back_later(
    struct sync_source *src, const struct imap_cmd *cmd)
{
	const struct sync_retry_refusal refusal = {.side = "source",
	    .verb = imap_cmd_verb(cmd),
	    .meaning = imap_refusal_of(cmd),
	    .words = imap_cmd_reply(cmd),
	    .now_wall_ms = clock_wall_ms()};

	return sync_retry_later(&src->retry, &refusal, &src->error);
}

static void ask_again(struct sync_source *src, struct source_box *box,
    struct todo **list, size_t count, bool is_again)
{
	struct fetch_batch *b = new_batch(src, box, count);

	b->is_again = is_again;
	for (size_t i = 0; i < count; i++)
		add_item(src, b, list[i]);
	send_batch(src, b);
}

static void on_missing(struct sync_source *src, struct fetch_batch *b)
{
	char shown[200];

	for (size_t i = 0; i < b->count; i++) {
		struct todo *t = b->items[i];
		if (t->state != TODO_ASKED)
			continue;
		if (!b->is_again) {
			ask_again(src, b->box, &t, 1, true);
			continue;
		}
		t->state = TODO_DONE;
		b->box->todo_open--;
		if (src->shared->lane > 0) {
			// it may lag behind what the first one sees
			sync_slots_leave_one(src, b->box, t);
			continue;
		}
		b->box->m->by_source.vanished++;
		log_write(src->shared->log, LOG_LEVEL_WARNING, "source",
		    "mailbox '%s', uid %" PRIu32 ": vanished meanwhile",
		    shown_name(b->box, shown, sizeof(shown)), t->uid);
	}
}

static void on_refused(
    struct sync_source *src, struct fetch_batch *b, const struct imap_cmd *cmd)
{
	struct todo **left = mem_calloc(b->count, sizeof(struct todo *));
	size_t count = 0;

	for (size_t i = 0; i < b->count; i++)
		if (b->items[i]->state == TODO_ASKED)
			left[count++] = b->items[i];
	if (count == 1) {
		left[0]->state = TODO_DONE;
		b->box->todo_open--;
		src->has_set_aside |= imap_cmd_has_code(cmd, "LIMIT");
		refuse(src, b->box, left[0]->uid, imap_cmd_verb(cmd),
		    imap_cmd_reply(cmd));
	} else if (count > 1) {
		ask_again(src, b->box, left, count / 2, false);
		ask_again(
		    src, b->box, left + count / 2, count - count / 2, false);
	}
	free(left);
}

static void on_direct_end(
    struct sync_source *src, struct source_box *box, bool is_ok)
{
	// what did not come by itself is looked for with a listing
	if (is_ok && box->taken_count >= box->exists) {
		sync_source_box_done(src, box);
		return;
	}
	box->no_direct = true;
	box->state = SOURCE_BOX_WAITING;
}

static int on_done(struct sync_source *src, const struct imap_cmd *cmd)
{
	struct fetch_batch *b = imap_cmd_context(cmd);
	struct source_box *box = b->box;
	bool is_ok = imap_cmd_condition(cmd) == IMAP_CONDITION_OK;
	bool is_direct = b->is_direct;

	if (!is_ok && !box->is_failed && sync_fetch_is_transient(cmd) &&
	    !is_limit_of_message(src, cmd))
		return sync_fetch_come_back_later(src, cmd);
	if (!box->is_failed && !is_direct) {
		if (is_ok)
			on_missing(src, b);
		else
			on_refused(src, b, cmd);
	}
	free_batch(src, b);
	if (box->is_failed)
		return 0;
	if (is_direct)
		on_direct_end(src, box, is_ok);
	else if (box->todo_open == 0 && box->batches == 0)
		sync_source_box_done(src, box);
	return 0;
}

int sync_fetch_on_event(struct sync_source *src, const struct imap_event *event)
{
	struct imap_fetch f;

	switch (event->kind) {
	case IMAP_EVENT_BODY_BEGIN:
		drop_incoming(src);
		src->in.announced = event->bytes;
		src->in.is_dropped =
		    !event->head || imap_cmd_op(event->head) != SOURCE_OP_FETCH;
		return src->in.is_dropped ? 0 : start_incoming(src);
	case IMAP_EVENT_BODY_DATA:
		if (!src->in.message)
			return 0;
		return sync_message_add(
		    src->in.message, event->data, event->data_len, &src->error);
	case IMAP_EVENT_UNTAGGED:
		if (event->response.kind != IMAP_RESPONSE_NUMBER ||
		    !imap_str_is(event->response.word, "FETCH"))
			return 0;
		if (!imap_fetch_parse(event->response.rest, &f))
			return error_set(&src->error, ERROR_PROTOCOL,
			    "proto.syntax",
			    "source: a FETCH response cannot be read");
		return f.has_body ? on_message(src, event, &f) : 0;
	case IMAP_EVENT_DONE:
		return on_done(src, event->cmd);
	case IMAP_EVENT_BODY_END:
	case IMAP_EVENT_READY:
		break;
	}
	return 0;
}

/* A message that was asked for alone and ended three sessions is set aside; two
 * of those in a row, and it is the server that does not work. */
static void count_death(struct sync_source *src)
{
	struct fetch_batch *b = src->batches;
	char words[ERROR_TEXT_BYTES + 64];

	if (!src->has_lost || !b || b->next || b->is_direct || b->count != 1 ||
	    b->items[0]->state != TODO_ASKED || b->box->is_failed)
		return;
	struct todo *t = b->items[0];
	if (src->poison_box != b->box->m || src->poison_uid != t->uid)
		src->poison_deaths = 0;
	src->poison_box = b->box->m;
	src->poison_uid = t->uid;
	if (++src->poison_deaths < DEATHS_MAX)
		return;
	src->is_hopeless = src->has_set_aside;
	if (src->is_hopeless)
		return;
	src->has_set_aside = true;
	src->progress++;
	t->state = TODO_DONE;
	b->box->todo_open--;
	(void)snprintf(words, sizeof(words),
	    "the session ended each time it was asked for: %s",
	    src->error.text);
	refuse(src, b->box, t->uid, "UID FETCH", words);
}

void sync_fetch_reset(struct sync_source *src)
{
	drop_incoming(src);
	count_death(src);
	src->is_careful |= src->batches != NULL;
	while (src->batches) {
		struct fetch_batch *b = src->batches;
		struct source_box *box = b->box;
		for (size_t i = 0; !b->is_direct && i < b->count; i++)
			if (b->items[i]->state == TODO_ASKED)
				b->items[i]->state = TODO_OPEN;
		box->todo_next = 0;
		if (b->is_direct && box->state == SOURCE_BOX_DIRECT) {
			box->no_direct = true;
			box->state = SOURCE_BOX_WAITING;
		}
		free_batch(src, b);
		// all of it had come, only the end of the command had not
		if (box->state == SOURCE_BOX_READY && box->todo_open == 0 &&
		    box->batches == 0)
			sync_source_box_done(src, box);
	}
}
