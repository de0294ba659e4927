// SPDX-License-Identifier: MIT
/*
 * Is somebody else still appending?  When an engine is killed, its server goes
 * on with the commands it has already received, while the next engine may look
 * at mailboxes that seem empty.  So before the first APPEND into an account
 * that a former run may have touched, the counters of its mailboxes must have
 * stood still for a while.  A mailbox that moved is not trusted: every message
 * for it is looked for among what arrived before it is sent.
 *
 * A server that keeps us waiting carries out nothing of the others either, so the
 * while counts from its last answer: Dovecot hangs for over a minute on the lock
 * of a process that was killed, and then stores what was given up long ago. And
 * the while is longer where answers are slow: processes of a machine that has
 * more to do than it can wait for their turn, also those with what was sent. What
 * a line or a disk is slow to take is seen in the answers to APPEND alone: the
 * marker of the killed run tells how long it waited for those.
 *
 * A marker (sync_marker), or an intent in the state file, is a run that ended
 * without an answer to everything.  Where there is none and the folder of markers
 * can be trusted, nobody is waited for; but when a state file tells how the
 * target was left, so it must stand, for markers tell nothing of other machines.
 *
 * Where markers tell nothing, an empty account of which no mailbox but INBOX
 * exists needs no wait: a run that makes mailboxes appends nothing before its
 * first CREATE was answered, so that would be visible.
 */
#include "engine/sync/sync_target_private.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_known.h"
#include "engine/sync/sync_marker.h"
#include "engine/sync/sync_names.h"
#include "engine/sync/sync_state.h"

enum {
	ROUNDS_MAX = 8,
	UNDER_WAY_MS = 1000,
	SLOW_FACTOR = 20,   // a process that answers late may also be late
	SLOW_MAX_MS = 8000, // to store
	STORE_FACTOR = 3,   // than the slowest answer to a killed run
	STORE_MAX_MS = 30000,
	STORE_UNKNOWN_MS = 3000, // it was killed before its first answer
	LATE_MS = 3000 // an answer after that tells of a server that hung
};

static enum sync_marker_verdict marker_of(const struct sync_target *dst)
{
	return dst->shared->marker ? sync_marker_verdict(dst->shared->marker)
				   : SYNC_MARKER_UNKNOWN;
}

/* Is a run known that ended without all its answers? One over INBOX alone makes
 * no other mailbox. */
static bool was_under_way(const struct sync_target *dst)
{
	return marker_of(dst) == SYNC_MARKER_LEFT ||
	       (dst->shared->state &&
		   sync_state_any_intent(dst->shared->state));
}

/* How long the target may take to store what a killed run had sent. */
static int64_t storing_ms(const struct sync_target *dst)
{
	int64_t left =
	    dst->shared->marker ? sync_marker_left_ms(dst->shared->marker) : 0;

	if (!was_under_way(dst))
		return 0;
	if (left == 0)
		return STORE_UNKNOWN_MS;
	return left < STORE_MAX_MS / STORE_FACTOR ? left * STORE_FACTOR
						  : STORE_MAX_MS;
}

/* How long a busy server must stand still: as its slowest answers have it. */
static int64_t under_way_ms(const struct sync_target *dst)
{
	int64_t slow = dst->quiet_slowest_ms * SLOW_FACTOR;
	int64_t storing = storing_ms(dst);

	if (slow > SLOW_MAX_MS)
		slow = SLOW_MAX_MS;
	if (slow < UNDER_WAY_MS)
		slow = UNDER_WAY_MS;
	return slow > storing ? slow : storing;
}

/* Nobody can know better than marker and file that there is something to wait
 * for. */
static int64_t settle_ms(const struct sync_target *dst)
{
	uint32_t asked = dst->shared->job->options.settle_ms;
	int64_t known = under_way_ms(dst);

	if (asked == JOB_SETTLE_AUTO)
		return known;
	return asked < known && was_under_way(dst) ? known : asked;
}

/* Does the state file say that the last run had an answer to everything? It
 * does not know of a run with another file, or with none: only a target that
 * stands as it was left can do without the wait. */
static bool ended_well(const struct sync_target *dst)
{
	const struct sync_shared *shared = dst->shared;

	if (!shared->state || !shared->state_is_old)
		return false;
	for (size_t i = 0; i < dst->box_count; i++)
		if (!sync_known_is_as_left(dst->boxes[i].m, shared->state))
			return false;
	return true;
}

static bool is_fresh(const struct sync_target *dst)
{
	size_t others = 0, existing = 0;
	bool has_mail = false;

	for (size_t i = 0; i < dst->box_count; i++) {
		const struct sync_mailbox *m = dst->boxes[i].m;
		if (!m->target || m->refusal)
			continue;
		has_mail |= m->target_messages > 0;
		if (sync_names_is_inbox(m->target))
			continue;
		others++;
		existing += !m->create;
	}
	return others > 0 && existing == 0 && !has_mail;
}

/* Do markers say that no run was killed? A target that does not stand as our
 * state file left it says that somebody was there of whom they cannot tell. */
static bool is_unmarked(const struct sync_target *dst)
{
	return dst->shared->job->options.settle_ms == JOB_SETTLE_AUTO &&
	       marker_of(dst) == SYNC_MARKER_FREE && !dst->shared->state_is_old;
}

void sync_quiet_init(struct sync_target *dst)
{
	bool is_sure =
	    settle_ms(dst) == 0 ||
	    (!was_under_way(dst) &&
		(is_unmarked(dst) || is_fresh(dst) || ended_well(dst)));

	dst->quiet = is_sure ? TARGET_QUIET_SURE : TARGET_QUIET_UNKNOWN;
	dst->quiet_since_ms = clock_ms();
}

void sync_quiet_reset(struct sync_target *dst)
{
	if (dst->quiet == TARGET_QUIET_SURE)
		return;
	dst->quiet = TARGET_QUIET_UNKNOWN;
	dst->quiet_pending = 0;
	dst->quiet_since_ms = clock_ms();
}

static void ask_counters(struct sync_target *dst)
{
	for (size_t i = 0; i < dst->box_count; i++) {
		struct target_box *box = &dst->boxes[i];
		if ((box->m->create && !box->was_found) ||
		    box->state != TARGET_BOX_READY ||
		    (box->m->has_status && box->m->messages == 0))
			continue;
		struct imap_cmd *cmd = imap_conn_command(
		    dst->conn, TARGET_OP_QUIET, box, "STATUS");
		imap_cmd_text(cmd, " ");
		imap_cmd_string_z(cmd, box->m->target);
		imap_cmd_text(cmd, " (MESSAGES UIDNEXT)");
		imap_conn_send(dst->conn, cmd);
		dst->quiet_pending++;
	}
	if (dst->quiet_pending == 0)
		dst->quiet = TARGET_QUIET_SURE;
}

/* The mailbox that is open would be told as it was when the server last looked
 * (Dovecot), which it does for NOOP, but not before a STATUS behind that. */
static void ask(struct sync_target *dst)
{
	dst->quiet = TARGET_QUIET_ASKED;
	dst->quiet_moved = dst->quiet_late = false;
	dst->quiet_answer_ms = clock_ms();
	dst->quiet_waited_ms = dst->quiet_answer_ms - dst->quiet_since_ms;
	imap_conn_send(dst->conn,
	    imap_conn_command(dst->conn, TARGET_OP_QUIET_NOOP, NULL, "NOOP"));
}

bool sync_quiet_work(struct sync_target *dst)
{
	if (dst->quiet == TARGET_QUIET_UNKNOWN && dst->scans > 0)
		dst->quiet_since_ms = clock_ms();
	if (dst->quiet == TARGET_QUIET_UNKNOWN && dst->scans == 0 &&
	    clock_ms() - dst->quiet_since_ms >= settle_ms(dst))
		ask(dst);
	return dst->quiet != TARGET_QUIET_SURE;
}

int64_t sync_quiet_deadline_ms(const struct sync_target *dst)
{
	if (dst->quiet != TARGET_QUIET_UNKNOWN || !sync_lane_is_waited_for(dst))
		return CLOCK_NEVER;
	return dst->quiet_since_ms + settle_ms(dst);
}

void sync_quiet_on_status(struct sync_target *dst, struct target_box *box,
    const struct imap_status *s)
{
	uint32_t uidnext = s->has_uidnext ? s->uidnext : 0;
	bool moved =
	    s->messages != box->status_messages ||
	    (uidnext && box->status_uidnext && uidnext != box->status_uidnext);

	if (moved) {
		char shown[SYNC_MAILBOX_SHOWN];
		log_write(dst->shared->log, LOG_LEVEL_WARNING, "target",
		    "somebody else adds to mailbox %s: every message is looked for before it is sent",
		    sync_mailbox_shown(box->m, shown));
		dst->quiet_moved = true;
	}
	if (moved ||
	    sync_ledger_has_strangers(dst->shared->ledger, box->m->number))
		sync_ledger_set_strangers(
		    dst->shared->ledger, box->m->number, uidnext);
	box->status_messages = s->messages;
	box->status_uidnext = uidnext;
}

static void note_answer(struct sync_target *dst)
{
	int64_t now = clock_ms(), took = now - dst->quiet_answer_ms;

	// many that take their time together are no late one
	if (took >= LATE_MS)
		dst->quiet_late = true;
	if (took > dst->quiet_slowest_ms)
		dst->quiet_slowest_ms = took;
	dst->quiet_answer_ms = now;
}

void sync_quiet_on_noop(struct sync_target *dst)
{
	note_answer(dst);
	ask_counters(dst);
}

void sync_quiet_on_done(struct sync_target *dst)
{
	note_answer(dst);
	if (--dst->quiet_pending > 0)
		return;
	if (dst->quiet_waited_ms < settle_ms(dst))
		dst->quiet_late = true; // it waits too short for such a server
	// where mail keeps coming in, has_strangers is care enough
	bool is_over = (!dst->quiet_moved && !dst->quiet_late) ||
		       ++dst->quiet_rounds >= ROUNDS_MAX;
	dst->quiet = is_over ? TARGET_QUIET_SURE : TARGET_QUIET_UNKNOWN;
	dst->quiet_since_ms = dst->quiet_answer_ms;
}
