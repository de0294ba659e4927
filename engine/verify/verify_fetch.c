// SPDX-License-Identifier: MIT
/*
 * The messages of one mailbox after the other.  What a server does not give
 * with all the others is asked for in small sets, then alone: only what does
 * not come then is unreadable.
 */
#include "engine/verify/verify_side_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_date.h"
#include "engine/imap/imap_refusal.h"
#include "engine/imap/imap_seqset.h"

enum {
	SET_MAX_BYTES = 7000, /* of a command line */
	REST_SET = 50,        /* messages asked for once more, together */
	ALONE_MAX = 500,      /* the same, one by one */
	WAIT_MAX_MS = 15 * 60 * 1000
};

/* Stages of reading a mailbox, or bodies of it. */
enum round {
	ROUND_ALL,
	ROUND_UIDS,
	ROUND_SETS,
	ROUND_ALONE
};

static struct verify_half *half_of(
    const struct verify_side *side, struct verify_box *box)
{
	return &box->half[side->name];
}

static enum job_verify level_of(
    const struct verify_side *side, const struct verify_box *box)
{
	const struct job_options *o = &side->board->job->options;

	if (box->is_bare)
		return JOB_VERIFY_OFF;
	// of a sample the bodies are read when pairs are known
	if (o->verify == JOB_VERIFY_BODY && o->verify_sample < 100)
		return JOB_VERIFY_DIGEST;
	return o->verify;
}

static const char *items_of(enum job_verify level)
{
	switch (level) {
	case JOB_VERIFY_COUNT:
		return "(UID FLAGS)";
	case JOB_VERIFY_DIGEST:
		return "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])";
	case JOB_VERIFY_BODY:
		return "(UID FLAGS INTERNALDATE BODY.PEEK[])";
	case JOB_VERIFY_OFF:
		break;
	}
	return "(UID FLAGS INTERNALDATE RFC822.SIZE)";
}

/* ------------------------------------------------------------- sending */

static void examine(struct verify_side *side, struct verify_box *box)
{
	if (side->selected == box)
		return;
	struct imap_cmd *cmd =
	    imap_conn_command(side->conn, VERIFY_OP_EXAMINE, box, "EXAMINE");
	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, half_of(side, box)->name);
	imap_conn_send(side->conn, cmd);
	side->selected = box;
}

static void send_fetch(struct verify_side *side, struct verify_box *box,
    enum verify_op op, const char *set, const char *items)
{
	struct imap_cmd *cmd =
	    imap_conn_command(side->conn, (int)op, box, "UID FETCH");

	imap_cmd_text(cmd, " %s %s", set, items);
	imap_conn_send(side->conn, cmd);
	half_of(side, box)->pending++;
}

/* Commands for ascending UIDs, at most `each` in one. */
static void send_sets(struct verify_side *side, struct verify_box *box,
    enum verify_op op, const uint32_t *uids, size_t count, size_t each,
    const char *items)
{
	struct buf set;

	examine(side, box);
	buf_init(&set, SET_MAX_BYTES + 64);
	for (size_t at = 0; at < count;) {
		size_t n = count - at < each ? count - at : each;
		buf_reset(&set);
		at += imap_seqset_format(&set, uids + at, n, SET_MAX_BYTES);
		send_fetch(side, box, op, set.data, items);
	}
	buf_release(&set);
}

/* Asks for those that did not come; false: there are none, or too many. */
static bool send_rest(
    struct verify_side *side, struct verify_box *box, size_t each)
{
	const struct verify_list *l = &half_of(side, box)->list;
	uint32_t *uids = mem_calloc(l->count + 1, sizeof(*uids));
	size_t count = 0;

	for (size_t i = 0; i < l->count; i++)
		if (l->entries[i].marks & VERIFY_MARK_UNREADABLE)
			uids[count++] = l->entries[i].uid;
	bool go = count > 0 && (each > 1 || count <= ALONE_MAX);
	if (go)
		send_sets(side, box, VERIFY_OP_REST, uids, count, each,
		    items_of(level_of(side, box)));
	free(uids);
	return go;
}

static uint32_t again_uid(
    const struct verify_side *side, const struct verify_box *box, size_t n)
{
	const struct verify_list *l = &box->half[side->name].list;

	return l->entries[box->again[n].entry[side->name]].uid;
}

/* The numbers of what is read again in the order of their UIDs: the entries
 * are, so their indexes do. */
static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool send_again(
    struct verify_side *side, struct verify_box *box, size_t each)
{
	struct verify_half *half = half_of(side, box);
	uint32_t *uids = mem_calloc(box->again_count + 1, sizeof(*uids));
	size_t count = 0;

	for (size_t i = 0; i < box->again_count; i++)
		if (!box->again[i].got[side->name])
			uids[count++] = box->again[i].entry[side->name];
	qsort(uids, count, sizeof(*uids), by_index);
	for (size_t i = 0; i < count; i++)
		uids[i] = half->list.entries[uids[i]].uid;
	bool go = count > 0 && (each > 1 || count <= ALONE_MAX);
	if (go)
		send_sets(side, box, VERIFY_OP_AGAIN, uids, count, each,
		    "(UID BODY.PEEK[])");
	free(uids);
	return go;
}

void verify_fetch_start(struct verify_side *side, struct verify_box *box)
{
	struct verify_half *half = half_of(side, box);
	char set[24];

	half->pending = 0;
	half->round = ROUND_ALL;
	if (half->is_reading) {
		if (!send_again(side, box, REST_SET))
			bug_if(box->again_count == 0);
		if (half->pending > 0)
			return;
		// all had come when the session was lost
		examine(side, box);
		send_fetch(side, box, VERIFY_OP_AGAIN, "1", "(UID)");
		return;
	}
	(void)snprintf(set, sizeof(set), "%" PRIu32 ":*",
	    half->list.highest_uid < UINT32_MAX ? half->list.highest_uid + 1
						: UINT32_MAX);
	examine(side, box);
	send_fetch(
	    side, box, VERIFY_OP_LIST, set, items_of(level_of(side, box)));
}

/* ------------------------------------------------------------ the end */

static void leave(struct verify_side *side, const struct verify_box *box)
{
	size_t kept = 0;

	for (size_t i = 0; i < side->flight_count; i++)
		if (side->flight[i] != box)
			side->flight[kept++] = side->flight[i];
	side->flight_count = kept;
	side->progress++;
}

/* Given to the board: from here on it belongs to others. */
static void done(struct verify_side *side, struct verify_box *box)
{
	struct verify_half *half = half_of(side, box);
	bool was_reading = half->is_reading;

	leave(side, box);
	half->is_reading = false;
	if (was_reading)
		verify_board_read_again(side->board, box, side->name);
	else
		verify_board_listed(side->board, box, side->name);
}

void verify_fetch_fail(
    struct verify_side *side, struct verify_box *box, const char *words)
{
	struct verify_half *half = half_of(side, box);

	if (half->failure)
		return;
	half->failure = mem_printf("the %s: %s", side->word, words);
	// answers that still come find it in no flight
	done(side, box);
}

static bool is_in_flight(
    const struct verify_side *side, const struct verify_box *box)
{
	for (size_t i = 0; i < side->flight_count; i++)
		if (side->flight[i] == box)
			return true;
	return false;
}

static void next_round(
    struct verify_side *side, struct verify_box *box, bool was_refused)
{
	struct verify_half *half = half_of(side, box);

	if (half->is_reading) {
		if (half->round != ROUND_ALL || !send_again(side, box, 1)) {
			done(side, box);
			return;
		}
		half->round = ROUND_ALONE;
		return;
	}
	verify_list_finish(&half->list);
	switch (half->round++) {
	case ROUND_ALL:
		if (half->list.exists == 0 ||
		    (half->list.count >= half->list.exists && !was_refused &&
			!half->has_gaps))
			break;
		half->has_gaps = true; // also for a session to come
		half->known = half->list.count;
		examine(side, box);
		send_fetch(
		    side, box, VERIFY_OP_UIDS, "1:*", items_of(JOB_VERIFY_OFF));
		return;
	case ROUND_UIDS:
		if (was_refused) {
			verify_fetch_fail(side, box,
			    "it holds messages that the server does not list");
			return;
		}
		if (send_rest(side, box, REST_SET))
			return;
		break;
	case ROUND_SETS:
		if (send_rest(side, box, 1))
			return;
		break;
	default:
		break;
	}
	done(side, box);
}

/* ------------------------------------------------------------ answers */

static int later(struct verify_side *side, const struct imap_cmd *cmd)
{
	enum imap_refusal meaning = imap_refusal_of(cmd);

	side->asked_ms = imap_refusal_wait_ms(imap_cmd_reply(cmd));
	if (meaning == IMAP_REFUSAL_DAILY_LIMIT || side->asked_ms > WAIT_MAX_MS)
		return error_set(&side->error, ERROR_DEFERRED, "throttle.daily",
		    "%s: %s refused, a limit is reached: '%s'; run again later",
		    side->word, imap_cmd_verb(cmd), imap_cmd_reply(cmd));
	return error_set(&side->error, ERROR_IO, "throttle",
	    "%s: %s refused for now: '%s'", side->word, imap_cmd_verb(cmd),
	    imap_cmd_reply(cmd));
}

/* A server that has trouble of its own with one message says so each time:
 * from the second time on it is asked for each of them. */
static bool is_transient(struct verify_half *half, const struct imap_cmd *cmd)
{
	enum imap_refusal meaning = imap_refusal_of(cmd);

	if (meaning == IMAP_REFUSAL_TEMPORARY)
		return half->troubles++ == 0;
	return meaning == IMAP_REFUSAL_THROTTLED ||
	       meaning == IMAP_REFUSAL_DAILY_LIMIT;
}

static int on_done(struct verify_side *side, struct imap_cmd *cmd)
{
	struct verify_box *box = imap_cmd_context(cmd);
	bool was_refused = imap_cmd_condition(cmd) != IMAP_CONDITION_OK;

	if (!is_in_flight(side, box))
		return 0;
	struct verify_half *half = half_of(side, box);
	if (was_refused && is_transient(half, cmd))
		return later(side, cmd);
	if (imap_cmd_op(cmd) == VERIFY_OP_EXAMINE) {
		if (was_refused)
			verify_fetch_fail(side, box, imap_cmd_reply(cmd));
		return 0;
	}
	half->has_refusal |= was_refused;
	if (--half->pending > 0)
		return 0;
	was_refused = half->has_refusal;
	half->has_refusal = false;
	next_round(side, box, was_refused);
	return 0;
}

static void on_examined(struct verify_side *side, struct verify_box *box,
    const struct imap_response *r)
{
	struct verify_half *half = half_of(side, box);
	uint64_t n = 0;

	if (r->kind == IMAP_RESPONSE_NUMBER && imap_str_is(r->word, "EXISTS") &&
	    r->number <= UINT32_MAX) {
		half->list.exists = (uint32_t)r->number;
		return;
	}
	if (r->kind != IMAP_RESPONSE_STATUS)
		return;
	if (imap_str_is(r->code, "PERMANENTFLAGS"))
		verify_flags_set_kept(&half->list.flags, r->code_args);
	if (!imap_str_is(r->code, "UIDVALIDITY") ||
	    !text_parse_u64(r->code_args.s, r->code_args.len, UINT32_MAX, &n))
		return;
	if (half->uidvalidity && half->uidvalidity != (uint32_t)n) {
		verify_fetch_fail(side, box,
		    "it was made anew meanwhile (UIDVALIDITY changed)");
		return;
	}
	half->uidvalidity = (uint32_t)n;
}

/* The digest of what came with this answer: 1, 0 nothing came, -1 the server
 * has none for it (NIL). */
static int digest_of(struct verify_side *side, const struct imap_fetch *f,
    bool header, struct verify_digest *out)
{
	if (header) {
		if (!f->has_header)
			return 0;
		if (!f->header.s)
			return -1;
		verify_canon_header(
		    side->canon, f->header.s, f->header.len, out);
		return 1;
	}
	if (!f->has_body)
		return 0;
	if (f->body_streamed && side->has_digest) {
		*out = side->digest;
		return 1;
	}
	if (!f->body.s)
		return -1;
	verify_canon_begin(side->canon, true); // quoted: it is short
	verify_canon_add(side->canon, f->body.s, f->body.len);
	verify_canon_end(side->canon, out);
	return 1;
}

static uint32_t size_of(uint64_t bytes)
{
	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

static void fill(struct verify_half *half, const struct imap_fetch *f,
    struct verify_entry *e)
{
	struct imap_date date;
	bool deleted = false;

	*e = (struct verify_entry){.uid = f->uid,
	    .pair = VERIFY_NO_PAIR,
	    .seconds = VERIFY_NO_DATE,
	    .size = f->has_size ? size_of(f->size) : 0};
	if (f->has_flags)
		e->flags =
		    verify_flags_number(&half->list.flags, f->flags, &deleted);
	if (deleted)
		e->marks |= VERIFY_MARK_DELETED;
	if (f->has_date && f->date.s &&
	    imap_date_parse(f->date.s, f->date.len, &date))
		e->seconds = date.seconds;
}

/* Among the first `count`, which are in order. */
static struct verify_entry *find(
    struct verify_list *l, size_t count, uint32_t uid)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (l->entries[mid].uid == uid)
			return &l->entries[mid];
		if (l->entries[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* All at once: a message with what was asked for. */
static int on_listed(struct verify_side *side, struct verify_box *box,
    const struct imap_fetch *f)
{
	struct verify_half *half = half_of(side, box);
	enum job_verify level = level_of(side, box);
	struct verify_digest digest;
	struct verify_entry e;

	fill(half, f, &e);
	if (level == JOB_VERIFY_DIGEST || level == JOB_VERIFY_BODY) {
		int rc =
		    digest_of(side, f, level == JOB_VERIFY_DIGEST, &digest);
		if (rc == 0)
			return 0; // news of a message, unasked
		if (rc < 0)
			e.marks |= VERIFY_MARK_UNREADABLE;
		else
			verify_list_set_digest(&e, &digest);
		if (rc > 0 && level == JOB_VERIFY_BODY)
			e.size = size_of(
			    digest.bytes +
			    (digest.features & VERIFY_FEATURE_NO_LINE_END ? 2
									  : 0));
	}
	side->progress++;
	atomic_fetch_add(&side->board->messages, 1);
	return verify_list_add(&half->list, &e, &side->error);
}

/* What there is: those that are not listed yet have not come. */
static int on_uid(struct verify_side *side, struct verify_box *box,
    const struct imap_fetch *f)
{
	struct verify_half *half = half_of(side, box);
	enum job_verify level = level_of(side, box);
	struct verify_entry e;

	if (find(&half->list, half->known, f->uid))
		return 0;
	fill(half, f, &e);
	if (level == JOB_VERIFY_DIGEST || level == JOB_VERIFY_BODY)
		e.marks |= VERIFY_MARK_UNREADABLE;
	return verify_list_add(&half->list, &e, &side->error);
}

static void on_rest(struct verify_side *side, struct verify_box *box,
    const struct imap_fetch *f)
{
	struct verify_half *half = half_of(side, box);
	struct verify_entry *e = find(&half->list, half->list.count, f->uid);
	bool header = level_of(side, box) == JOB_VERIFY_DIGEST;
	struct verify_digest digest;

	if (!e || !(e->marks & VERIFY_MARK_UNREADABLE) ||
	    digest_of(side, f, header, &digest) <= 0)
		return;
	e->marks &= (uint16_t)~VERIFY_MARK_UNREADABLE;
	verify_list_set_digest(e, &digest);
	if (!header)
		e->size = size_of(
		    digest.bytes +
		    (digest.features & VERIFY_FEATURE_NO_LINE_END ? 2 : 0));
	side->progress++;
}

static void on_again(struct verify_side *side, struct verify_box *box,
    const struct imap_fetch *f)
{
	struct verify_digest digest;

	if (digest_of(side, f, false, &digest) <= 0)
		return;
	for (size_t i = 0; i < box->again_count; i++) {
		struct verify_again *a = &box->again[i];
		if (again_uid(side, box, i) != f->uid || a->got[side->name])
			continue;
		a->digest[side->name] = digest;
		a->got[side->name] = true;
		side->progress++;
		return;
	}
}

static int on_fetch(struct verify_side *side, struct verify_box *box, int op,
    const struct imap_response *r)
{
	struct imap_fetch f;

	if (!imap_fetch_parse(r->rest, &f))
		return error_set(&side->error, ERROR_PROTOCOL, "proto.syntax",
		    "%s: a FETCH response cannot be read", side->word);
	if (!f.has_uid)
		return 0;
	switch ((enum verify_op)op) {
	case VERIFY_OP_LIST:
		return on_listed(side, box, &f);
	case VERIFY_OP_UIDS:
		return on_uid(side, box, &f);
	case VERIFY_OP_REST:
		on_rest(side, box, &f);
		return 0;
	case VERIFY_OP_AGAIN:
		on_again(side, box, &f);
		return 0;
	case VERIFY_OP_INVENTORY:
	case VERIFY_OP_EXAMINE:
		break;
	}
	return 0;
}

static int on_untagged(struct verify_side *side, const struct imap_event *event)
{
	const struct imap_response *r = &event->response;
	const struct imap_cmd *cmd = event->head;
	int rc = 0;

	if (cmd && imap_cmd_op(cmd) >= VERIFY_OP_EXAMINE) {
		struct verify_box *box = imap_cmd_context(cmd);
		bool is_fetch = r->kind == IMAP_RESPONSE_NUMBER &&
				imap_str_is(r->word, "FETCH");
		if (!is_in_flight(side, box))
			rc = 0;
		else if (imap_cmd_op(cmd) == VERIFY_OP_EXAMINE)
			on_examined(side, box, r);
		else if (is_fetch)
			rc = on_fetch(side, box, imap_cmd_op(cmd), r);
	}
	side->has_digest = false;
	return rc;
}

int verify_fetch_on_event(
    struct verify_side *side, const struct imap_event *event)
{
	switch (event->kind) {
	case IMAP_EVENT_UNTAGGED:
		return on_untagged(side, event);
	case IMAP_EVENT_BODY_BEGIN:
		verify_canon_begin(side->canon,
		    event->head && imap_cmd_op(event->head) == VERIFY_OP_AGAIN);
		return 0;
	case IMAP_EVENT_BODY_DATA:
		verify_canon_add(side->canon, event->data, event->data_len);
		atomic_fetch_add(&side->board->bytes, event->data_len);
		return 0;
	case IMAP_EVENT_BODY_END:
		verify_canon_end(side->canon, &side->digest);
		side->has_digest = true;
		return 0;
	case IMAP_EVENT_DONE:
		if (imap_cmd_op(event->cmd) >= VERIFY_OP_EXAMINE)
			return on_done(side, event->cmd);
		return 0;
	case IMAP_EVENT_READY:
		break;
	}
	return 0;
}
