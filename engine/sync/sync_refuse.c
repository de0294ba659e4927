// SPDX-License-Identifier: MIT
/*
 * What the target does not take.  A refused batch is looked for, then sent in
 * halves down to the refused message; that one is tried in other forms
 * (sync_ladder), and named in the end.  One message never stops the others,
 * but a mailbox that takes none is given up.
 */
#include "engine/sync/sync_target_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_refusal.h"
#include "engine/sync/sync_ladder.h"
#include "engine/sync/sync_queue.h"
#include "engine/sync/sync_repair.h"
#include "engine/sync/sync_reporter.h"

enum {
	TRIES_MAX = 4, /* of a message the server cannot take now */
	HOLD_MS = 250, /* after the first of them; then twice as long */
	WORDS_BYTES = 1024,
	ID_BYTES = 201
};

/* So many in a row: the rest of the mailbox is not tried (F111). Messages come
 * in the order of their UIDs, but are given up after those behind them. */
static void count_in_row(
    struct sync_target *dst, struct target_box *box, uint32_t uid)
{
	char words[120];

	unsigned in_row =
	    sync_ledger_refused(dst->shared->ledger, box->m->number, uid);
	if (in_row < dst->shared->job->options.errors_max)
		return;
	(void)snprintf(words, sizeof(words),
	    "%u messages in a row were refused: the rest is not tried (--errorsMax)",
	    in_row);
	sync_target_refuse_box(dst, box, "APPEND", words);
}

void sync_refuse_message(struct sync_target *dst, struct sync_message *m,
    enum tally_refusal c, const char *step, const char *words)
{
	char date[IMAP_DATE_BYTES] = "", id[ID_BYTES];
	struct sync_refusal refusal = {.side = "target",
	    .step = step,
	    .reason = tally_refusal_name(c),
	    .words = words,
	    .mailbox = m->mailbox,
	    .uid = m->uid,
	    .size = m->bytes,
	    .date = date,
	    .message_id = id};

	m->mailbox->by_target.refused[c]++;
	dst->progress++;
	// of a mailbox that is refused as a whole one line is enough
	if (c != TALLY_REFUSED_MAILBOX) {
		sync_message_id(m, id, sizeof(id));
		if (m->date[0]) // without its quotes
			(void)snprintf(date, sizeof(date), "%.*s",
			    (int)strlen(m->date) - 2, m->date + 1);
		sync_reporter_refused(dst->shared->reporter, &refusal);
	}
	sync_queue_release(dst->shared->queue, m);
}

void sync_refuse_won(struct sync_target *dst, const struct sync_message *m)
{
	uint64_t *extra = m->mailbox->by_target.extra;
	char how[200];

	extra[TALLY_REPAIRED]++;
	if (m->rungs & (1u << SYNC_RUNG_KEYWORDS))
		extra[TALLY_FLAGS_DROPPED] += m->keywords_sent;
	sync_reporter_repaired(dst->shared->reporter, m->mailbox, m->uid,
	    sync_ladder_text(m->rungs, how, sizeof(how)),
	    m->first_words ? m->first_words : "");
}

/* The session ends for it, and perhaps the run. */
static int come_back_later(struct sync_target *dst, const struct imap_cmd *cmd)
{
	const struct sync_retry_refusal refusal = {.side = "target",
	    .verb = imap_cmd_verb(cmd),
	    .meaning = imap_refusal_of(cmd),
	    .words = imap_cmd_reply(cmd),
	    .now_wall_ms = clock_wall_ms()};

	return sync_retry_later(&dst->retry, &refusal, &dst->error);
}

/* The server's own trouble: a pause, and the same again in this session. False
 * when that was done often enough (F119). */
static bool hold(
    struct sync_target *dst, struct sync_message *m, const struct imap_cmd *cmd)
{
	if (!m || imap_refusal_of(cmd) != IMAP_REFUSAL_TEMPORARY ||
	    m->tries >= TRIES_MAX || imap_refusal_wait_ms(imap_cmd_reply(cmd)))
		return false;
	int64_t wait = (int64_t)HOLD_MS << m->tries++;
	dst->hold_until_ms = clock_ms() + wait;
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "APPEND refused for now: '%s'; again in %lld ms",
	    imap_cmd_reply(cmd), (long long)wait);
	return true;
}

/* The mailbox is not there: made again, once; what was sent before that is
 * sent again (F106). */
static bool try_create(struct sync_target *dst, struct target_box *box,
    const struct sync_message *m)
{
	if (m->generation < box->generation)
		return true;
	if (box->generation > 0)
		return false;
	box->generation++;
	box->create = true;
	box->state = TARGET_BOX_NEW;
	box->uidvalidity = 0;
	sync_ledger_reset(dst->shared->ledger, box->m->number);
	(void)sync_ledger_set_state(
	    dst->shared->ledger, box->m->number, SYNC_LEDGER_NEW);
	dst->next_setup = 0;
	atomic_store(&dst->shared->changed, true);
	return true;
}

/* ------------------------------------------------------------ ladder */

/* 1 the body is another one, 0 it is as it was, -1. */
static int repair(struct sync_target *dst, struct sync_message *m)
{
	char shown[SYNC_MAILBOX_SHOWN];
	uint64_t before = m->bytes;
	unsigned what = 0;

	if (m->rungs & (1u << SYNC_RUNG_FROM_LINE))
		what |= SYNC_REPAIR_FROM_LINE;
	if (m->rungs & (1u << SYNC_RUNG_WRAP))
		what |= SYNC_REPAIR_WRAP;
	switch (sync_message_repair(m, what, &dst->error)) {
	case SYNC_MESSAGE_REPAIR_DONE:
		if (m->bytes > before && m->spool_fd < 0) {
			uint64_t now = m->reserved + (m->bytes - before);
			sync_queue_resize(dst->shared->queue, m->reserved, now);
			m->reserved = now;
		}
		return 1;
	case SYNC_MESSAGE_REPAIR_OTHER:
		log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
		    "mailbox %s, uid %" PRIu32
		    ": not repaired, the next run would take it for another message",
		    sync_mailbox_shown(m->mailbox, shown), m->uid);
		return 0;
	case SYNC_MESSAGE_REPAIR_FAILED:
		return -1;
	case SYNC_MESSAGE_REPAIR_NONE:
		break;
	}
	return 0;
}

/* Gives the message another form by this rung: 1 done, 0 it makes none, -1. */
static int climb(
    struct sync_target *dst, struct sync_message *m, enum sync_rung rung)
{
	unsigned bit = 1u << rung;
	int rc = 0;

	m->rungs_tried |= bit;
	switch (rung) {
	case SYNC_RUNG_KEYWORDS:
		rc = m->keywords_sent > 0;
		break;
	case SYNC_RUNG_DATE:
		rc = m->date[0] != '\0';
		break;
	case SYNC_RUNG_BYTES:
	case SYNC_RUNG_FROM_LINE:
	case SYNC_RUNG_WRAP:
		m->rungs |= bit;
		rc = repair(dst, m);
		break;
	case SYNC_RUNGS:
		break;
	}
	m->rungs = rc == 1 ? m->rungs | bit : m->rungs & ~bit;
	return rc;
}

/* The next form of the message: 1 to be sent again, 0 none is left, -1. */
static int next_form(struct sync_target *dst, struct sync_message *m,
    enum imap_refusal refusal, const char *words)
{
	bool may_wrap =
	    dst->shared->job->options.long_lines == JOB_LONG_LINES_WRAP;
	enum sync_rung rung;
	char how[200], shown[SYNC_MAILBOX_SHOWN];
	int rc = 0;

	if (!m->first_words)
		m->first_words = mem_strdup(words);
	while (rc == 0) {
		rung = sync_ladder_next(refusal, m->rungs_tried, may_wrap);
		if (rung == SYNC_RUNGS)
			return 0;
		rc = climb(dst, m, rung);
	}
	if (rc == 1)
		log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
		    "mailbox %s, uid %" PRIu32 " refused ('%s'): sent again %s",
		    sync_mailbox_shown(m->mailbox, shown), m->uid, words,
		    sync_ladder_text(m->rungs, how, sizeof(how)));
	return rc;
}

/* ------------------------------------------------------------ verdicts */

static enum tally_refusal class_of(enum imap_refusal refusal)
{
	switch ((int)refusal) {
	case IMAP_REFUSAL_TOO_BIG:
		return TALLY_REFUSED_TOO_BIG;
	case IMAP_REFUSAL_CONTENT:
		return TALLY_REFUSED_CONTENT;
	case IMAP_REFUSAL_VIRUS:
		return TALLY_REFUSED_VIRUS;
	case IMAP_REFUSAL_NO_PERMISSION:
		return TALLY_REFUSED_PERMISSION;
	default:
		return TALLY_REFUSED_APPEND;
	}
}

/* The message is given up; of several refusals the first is told too. */
static void give_up(struct sync_target *dst, struct target_box *box,
    struct sync_message *m, const struct imap_cmd *cmd)
{
	enum tally_refusal c = class_of(imap_refusal_of(cmd));
	const char *words = imap_cmd_reply(cmd);
	char both[WORDS_BYTES];

	if (c == TALLY_REFUSED_TOO_BIG && m->bytes < dst->too_big_bytes)
		dst->too_big_bytes = m->bytes;
	if (box->state == TARGET_BOX_REFUSED)
		c = TALLY_REFUSED_MAILBOX; // given up meanwhile
	if (m->first_words && strcmp(m->first_words, words) != 0) {
		(void)snprintf(both, sizeof(both), "%.*s; at first: %.*s",
		    WORDS_BYTES / 2 - 16, words, WORDS_BYTES / 2 - 16,
		    m->first_words);
		words = both;
	}
	uint32_t uid = m->uid;
	sync_refuse_message(dst, m, c, imap_cmd_verb(cmd), words);
	count_in_row(dst, box, uid);
}

static int on_full(struct sync_target *dst, const struct imap_cmd *cmd)
{
	return error_set(&dst->error, ERROR_QUOTA, "quota.target",
	    "target: the account is full: '%s'; give it more room, then run again",
	    imap_cmd_reply(cmd));
}

int sync_refuse_single(struct sync_target *dst, struct target_box *box,
    struct sync_message *m, const struct imap_cmd *cmd)
{
	enum imap_refusal refusal = imap_refusal_of(cmd);
	const char *words = imap_cmd_reply(cmd);
	// a fault of the server at one message for ever is that message's
	bool is_spent =
	    imap_cmd_has_code(cmd, "SERVERBUG") && m->tries >= TRIES_MAX;
	int rc = 0;

	if (refusal == IMAP_REFUSAL_QUOTA) {
		message_list_add_front(&dst->pending, m);
		return on_full(dst, cmd);
	}
	if (sync_target_is_transient(cmd) && !is_spent) {
		rc = hold(dst, m, cmd) ? 0 : come_back_later(dst, cmd);
		message_list_add_front(&dst->pending, m);
		return rc;
	}
	if (refusal == IMAP_REFUSAL_GONE && dst->shared->lane > 0) {
		sync_lane_give(dst, m, true); // only the leader makes it again
		return 0;
	}
	if (refusal == IMAP_REFUSAL_GONE && try_create(dst, box, m))
		rc = 1;
	else if (box->state != TARGET_BOX_REFUSED)
		rc = next_form(dst, m, refusal, words);
	if (rc != 0)
		message_list_add_front(&dst->pending, m);
	else
		give_up(dst, box, m, cmd);
	return rc < 0 ? -1 : 0;
}

/* Some of it may be there all the same (F100). */
int sync_refuse_batch(
    struct sync_target *dst, struct append_batch *b, const struct imap_cmd *cmd)
{
	unsigned half = (unsigned)(b->count / 2);
	struct sync_message *first = b->head;

	while (b->head) {
		struct sync_message *m = b->head;
		b->head = m->next;
		m->batch_max = half;
		message_list_add(&dst->doubts, m);
	}
	if (sync_target_is_transient(cmd))
		return hold(dst, first, cmd) ? 0 : come_back_later(dst, cmd);
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "a batch of %zu was refused ('%s'): sent again in halves", b->count,
	    imap_cmd_reply(cmd));
	return 0;
}
