// SPDX-License-Identifier: MIT
/*
 * The changes of a mirror (syncDst), when all else is done: flags, messages,
 * mailboxes and subscriptions that the source does not have.  One mailbox
 * after the other: SELECT, and only when it is still the one that was listed
 * (UIDVALIDITY) its STOREs and UID EXPUNGE behind it.
 *
 * Nothing is deleted unless the source was listed to the end, and never more
 * than the ceiling allows.
 */
#include "engine/sync/sync_target_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/contract/record.h"
#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_seqset.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_extras.h"
#include "engine/sync/sync_orders.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_surplus.h"

enum {
	SET_MAX_BYTES = 7000,
	FLIGHT_MAX = 200,
	/* without a ceiling of its own, a mirror that would take away more
	 * than half of so many messages asks for --force (F194) */
	BRAKE_MESSAGES = 100
};

static const struct job_options *options(const struct sync_target *dst)
{
	return &dst->shared->job->options;
}

static const char *shown(const char *name, char *out, size_t max)
{
	return text_escape(name, strlen(name), out, max);
}

void sync_mirror_release(struct sync_target *dst)
{
	for (size_t i = 0; i < dst->box_count; i++)
		sync_orders_free(dst->boxes[i].orders);
	free(dst->mirror.items);
}

/* ------------------------------------------------------------ judgement */

static void take_orders(struct sync_target *dst)
{
	struct sync_orders *orders;
	size_t number = 0;

	while ((
	    orders = sync_exchange_take_orders(dst->shared->exchange, &number)))
		dst->boxes[number].orders = orders;
}

static uint64_t deletions(const struct sync_target *dst)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < dst->box_count; i++)
		if (dst->boxes[i].orders)
			sum += dst->boxes[i].orders->gone_count;
	for (size_t i = 0; i < dst->plan->surplus_count; i++) {
		const struct sync_surplus *s = &dst->plan->surplus[i];
		if (s->remove || s->empty)
			sum += s->messages;
	}
	return sum;
}

static size_t removals(const struct sync_target *dst)
{
	size_t count = 0;

	for (size_t i = 0; i < dst->plan->surplus_count; i++)
		count += dst->plan->surplus[i].remove;
	return count;
}

/* Why nothing may be deleted, or an empty text. */
static void judge(
    const struct sync_target *dst, uint64_t count, char *why, size_t max)
{
	const struct job_options *o = options(dst);
	const char *objection = sync_exchange_objection(dst->shared->exchange);
	uint64_t all = dst->plan->target_messages;

	why[0] = '\0';
	if (!objection || objection[0])
		(void)snprintf(why, max, "%s",
		    objection ? objection : "the source was not listed");
	else if (o->max_delete != JOB_NO_LIMIT && count > o->max_delete)
		(void)snprintf(why, max,
		    "%" PRIu64 " messages would go, --maxDelete allows %u",
		    count, o->max_delete);
	else if (o->max_delete_mailboxes != JOB_NO_LIMIT &&
		 removals(dst) > o->max_delete_mailboxes)
		(void)snprintf(why, max,
		    "%zu mailboxes would go, %u are allowed", removals(dst),
		    o->max_delete_mailboxes);
	else if (o->max_delete_percent != JOB_NO_LIMIT &&
		 count * 100 > all * o->max_delete_percent)
		(void)snprintf(why, max,
		    "%" PRIu64 " of %" PRIu64
		    " messages would go, --maxDelete allows %u%%",
		    count, all, o->max_delete_percent);
	else if (o->max_delete == JOB_NO_LIMIT &&
		 o->max_delete_percent == JOB_NO_LIMIT && !o->force &&
		 count > BRAKE_MESSAGES && count > all / 2)
		(void)snprintf(why, max,
		    "%" PRIu64 " of %" PRIu64
		    " messages would go: --force or --maxDelete allows it",
		    count, all);
}

static void delete_nothing(struct sync_target *dst, const char *why)
{
	bool any = false;

	for (size_t i = 0; i < dst->box_count; i++) {
		struct sync_orders *o = dst->boxes[i].orders;
		any |= o && o->gone_count > 0;
		if (o)
			o->gone_count = 0;
	}
	for (size_t i = 0; i < dst->plan->surplus_count; i++) {
		struct sync_surplus *s = &dst->plan->surplus[i];
		any |= s->remove || s->empty || s->unsubscribe;
		s->remove = s->empty = s->unsubscribe = false;
	}
	if (!any)
		return;
	atomic_store(&dst->shared->needs_look, true);
	sync_reporter_warn(dst->shared->reporter, "target", "mirror.ceiling",
	    "nothing was deleted: %s", why);
}

/* The target takes a name that it does not list for one it has (upper and lower
 * case, say): what seems too much may be the counterpart of that (F065). Or it
 * refuses a name: what seems too much may hold that mail by an older one. */
static void keep_surplus(struct sync_target *dst)
{
	bool has_alias = false, has_refused = false, any = false;

	for (size_t i = 0; i < dst->box_count; i++) {
		struct target_box *box = &dst->boxes[i];
		(void)sync_lane_learn(dst, box);
		has_alias |= box->probe_found || box->is_alias;
		has_refused |=
		    box->state == TARGET_BOX_REFUSED && !box->m->refusal;
	}
	bool keep = has_alias || has_refused;
	for (size_t i = 0; keep && i < dst->plan->surplus_count; i++) {
		struct sync_surplus *s = &dst->plan->surplus[i];
		any |= s->remove || s->empty || s->unsubscribe;
		s->remove = s->empty = s->unsubscribe = false;
	}
	if (!any)
		return;
	atomic_store(&dst->shared->needs_look, true);
	sync_reporter_warn(dst->shared->reporter, "target", "mirror.alias",
	    "no mailbox was deleted: the target %s",
	    has_alias ? "has one by a name that it does not list"
		      : "refused one, and may have its mail by another name");
}

static void add_item(struct sync_target *dst, struct mirror_item item)
{
	struct target_mirror *m = &dst->mirror;

	m->items = mem_resize(m->items, m->count + 1, sizeof(*m->items));
	m->items[m->count++] = item;
}

static struct tally *tally_of(
    struct sync_target *dst, const struct mirror_item *item)
{
	return item->box ? &item->box->m->by_target : &dst->plan->beside;
}

static const char *name_of(const struct mirror_item *item)
{
	if (item->box)
		return item->box->m->target;
	return item->surplus ? item->surplus->name : ""; // one of both is there
}

static void tell_deletion(const struct sync_target *dst, const char *name,
    bool whole, uint64_t messages)
{
	const struct record record = {.event = RECORD_WOULD_DELETE,
	    .target = (char *)(uintptr_t)name,
	    .step = (char *)(uintptr_t)(whole ? "DELETE" : "EXPUNGE"),
	    .expected = messages};

	if (whole || messages > 0)
		sync_reporter_send(dst->shared->reporter, &record);
}

/* What a run without changes would have done. */
static void pretend(struct sync_target *dst)
{
	char name[200];

	for (size_t i = 0; i < dst->mirror.count; i++) {
		struct mirror_item *item = &dst->mirror.items[i];
		struct tally *t = tally_of(dst, item);
		size_t flags = item->box ? item->box->orders->flag_count : 0;
		size_t gone = item->box ? item->box->orders->gone_count
					: item->surplus->messages;
		t->extra[TALLY_FLAGS_CHANGED] += flags;
		t->extra[TALLY_DELETED] += gone;
		tell_deletion(dst, name_of(item), false, gone);
		log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
		    "mailbox '%s': would change the flags of %zu messages and delete %zu",
		    shown(name_of(item), name, sizeof(name)), flags, gone);
	}
	for (size_t i = 0; i < dst->plan->surplus_count; i++) {
		const struct sync_surplus *s = &dst->plan->surplus[i];
		struct tally *t = &dst->plan->beside;
		if (s->remove) {
			t->extra[TALLY_DELETED] += s->messages;
			tell_deletion(dst, s->name, true, s->messages);
		}
		t->extra[TALLY_MAILBOXES_DELETED] += s->remove;
		t->extra[TALLY_UNSUBSCRIBED] += s->unsubscribe;
		if (s->remove || s->unsubscribe)
			log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
			    "mailbox '%s': would be %s%s%s (%" PRIu32
			    " messages)",
			    shown(s->name, name, sizeof(name)),
			    s->remove ? "deleted" : "",
			    s->remove && s->unsubscribe ? " and " : "",
			    s->unsubscribe ? "unsubscribed" : "", s->messages);
	}
	dst->mirror.phase = MIRROR_DONE;
}

static void begin(struct sync_target *dst)
{
	char why[300];

	take_orders(dst);
	keep_surplus(dst);
	judge(dst, deletions(dst), why, sizeof(why));
	if (why[0])
		delete_nothing(dst, why);
	for (size_t i = 0; i < dst->box_count; i++) {
		struct target_box *box = &dst->boxes[i];
		const struct sync_orders *o = box->orders;
		if (o && (o->flag_count > 0 || o->gone_count > 0))
			add_item(dst, (struct mirror_item){.box = box,
					  .uidvalidity = box->uidvalidity});
	}
	for (size_t i = 0; i < dst->plan->surplus_count; i++) {
		struct sync_surplus *s = &dst->plan->surplus[i];
		if (s->empty && s->messages > 0)
			add_item(dst, (struct mirror_item){.surplus = s,
					  .uidvalidity = s->uidvalidity});
	}
	dst->mirror.phase = MIRROR_CHANGING;
	if (options(dst)->dry_run)
		pretend(dst);
}

/* ------------------------------------------------------------ commands */

static struct imap_cmd *command(struct sync_target *dst, int op, void *context,
    const char *verb, const char *name)
{
	struct imap_cmd *cmd = imap_conn_command(dst->conn, op, context, verb);

	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, name);
	return cmd;
}

static void send(struct sync_target *dst, struct imap_cmd *cmd)
{
	imap_conn_send(dst->conn, cmd);
	dst->mirror.pending++;
}

static bool is_conditional(
    const struct sync_target *dst, const struct mirror_item *item)
{
	return item->box && item->box->modseq > 0 &&
	       imap_caps_has(imap_conn_caps(dst->conn), IMAP_CAP_CONDSTORE);
}

/* Sends commands for as many of the UIDs as one set holds; returns how many. */
static size_t send_set(struct sync_target *dst, struct mirror_item *item,
    const uint32_t *uids, size_t count, const char *flags)
{
	struct buf set;

	buf_init(&set, SET_MAX_BYTES + 64);
	size_t n = imap_seqset_format(&set, uids, count, SET_MAX_BYTES);
	struct imap_cmd *cmd = imap_conn_command(dst->conn,
	    flags ? TARGET_OP_MIRROR_FLAGS : TARGET_OP_MIRROR_EXPUNGE, item,
	    flags ? "UID STORE" : "UID EXPUNGE");
	imap_cmd_text(cmd, " %s", set.data);
	// what others change meanwhile is theirs (F123)
	if (flags && flags[0] != '+' && is_conditional(dst, item))
		imap_cmd_text(
		    cmd, " (UNCHANGEDSINCE %" PRIu64 ")", item->box->modseq);
	if (flags)
		imap_cmd_text(cmd, " %s", flags);
	send(dst, cmd);
	buf_release(&set);
	return n;
}

static void send_flags(struct sync_target *dst, struct mirror_item *item)
{
	const struct sync_orders *o = item->box->orders;
	uint32_t *uids = mem_calloc(o->flag_count, sizeof(*uids));

	for (size_t i = 0; i < o->flag_count;) {
		uint32_t set = o->flags[i].set;
		size_t count = 0, sent = 0;
		while (i < o->flag_count && o->flags[i].set == set)
			uids[count++] = o->flags[i++].uid;
		char *flags = mem_printf("FLAGS.SILENT (%s)", o->sets[set]);
		while (sent < count)
			sent += send_set(
			    dst, item, uids + sent, count - sent, flags);
		free(flags);
	}
	free(uids);
}

/* \Deleted and UID EXPUNGE of exactly these. Without UIDPLUS a plain EXPUNGE
 * would take away what others have marked: they stay marked (F124). */
static bool may_expunge(
    struct sync_target *dst, const struct mirror_item *item, size_t count)
{
	char name[200];

	if (imap_caps_has(imap_conn_caps(dst->conn), IMAP_CAP_UIDPLUS))
		return true;
	sync_reporter_warn(dst->shared->reporter, "target", "mirror.expunge",
	    "mailbox '%s': %zu messages are only marked as deleted, the server has no UIDPLUS",
	    shown(name_of(item), name, sizeof(name)), count);
	return false;
}

static void send_deletes(struct sync_target *dst, struct mirror_item *item)
{
	const struct sync_orders *o = item->box->orders;
	size_t marked = 0, gone = 0;

	while (marked < o->unmarked_count)
		marked += send_set(dst, item, o->gone + marked,
		    o->unmarked_count - marked, "+FLAGS.SILENT (\\Deleted)");
	if (!may_expunge(dst, item, o->gone_count))
		return;
	while (gone < o->gone_count) {
		size_t end = gone < o->unmarked_count ? o->unmarked_count
						      : o->gone_count;
		gone += send_set(dst, item, o->gone + gone, end - gone, NULL);
	}
}

static void send_clear(struct sync_target *dst, struct mirror_item *item)
{
	uint32_t below = item->surplus->uidnext;

	if (below < 2)
		return;
	struct imap_cmd *cmd = imap_conn_command(
	    dst->conn, TARGET_OP_MIRROR_FLAGS, item, "UID STORE");
	imap_cmd_text(
	    cmd, " 1:%" PRIu32 " +FLAGS.SILENT (\\Deleted)", below - 1);
	send(dst, cmd);
	if (!may_expunge(dst, item, item->surplus->messages))
		return;
	cmd = imap_conn_command(
	    dst->conn, TARGET_OP_MIRROR_EXPUNGE, item, "UID EXPUNGE");
	imap_cmd_text(cmd, " 1:%" PRIu32, below - 1);
	send(dst, cmd);
}

static void send_changes(struct sync_target *dst, struct mirror_item *item)
{
	if (item->surplus) {
		send_clear(dst, item);
		return;
	}
	const struct sync_orders *o = item->box->orders;
	if (o->flag_count > 0)
		send_flags(dst, item);
	if (o->gone_count > 0)
		send_deletes(dst, item);
}

/* ------------------------------------------------------------ work */

/* Before a mailbox goes it must be as it was listed: asks for it (F192). */
static void look(struct sync_target *dst)
{
	struct target_mirror *m = &dst->mirror;

	for (; m->at < dst->plan->surplus_count && m->pending < FLIGHT_MAX;
	     m->at++) {
		struct sync_surplus *s = &dst->plan->surplus[m->at];
		if (!s->remove)
			continue;
		s->was_seen_again = false;
		struct imap_cmd *cmd =
		    command(dst, TARGET_OP_MIRROR_LOOK, s, "STATUS", s->name);
		imap_cmd_text(cmd, " (MESSAGES UIDNEXT UIDVALIDITY)");
		send(dst, cmd);
	}
	if (m->pending > 0)
		return;
	m->phase = MIRROR_REMOVING;
	m->at = 0;
}

static void change(struct sync_target *dst)
{
	struct target_mirror *m = &dst->mirror;

	if (m->pending > 0)
		return;
	while (m->at < m->count && m->items[m->at].is_done)
		m->at++;
	if (m->at == m->count) {
		m->phase = MIRROR_LOOKING;
		m->at = 0;
		return;
	}
	struct mirror_item *item = &m->items[m->at];
	if (item->was_selected) {
		item->is_done = true; // all its commands were answered
		return;
	}
	item->was_moved = true; // until it says that it was not
	send(dst, command(dst, TARGET_OP_MIRROR_SELECT, item, "SELECT",
		      name_of(item)));
}

static void remove_surplus(struct sync_target *dst)
{
	struct target_mirror *m = &dst->mirror;

	for (; m->at < dst->plan->surplus_count && m->pending < FLIGHT_MAX;
	     m->at++) {
		struct sync_surplus *s = &dst->plan->surplus[m->at];
		if (s->unsubscribe)
			send(dst, command(dst, TARGET_OP_MIRROR_UNSUBSCRIBE, s,
				      "UNSUBSCRIBE", s->name));
		if (s->remove)
			send(dst, command(dst, TARGET_OP_MIRROR_DELETE, s,
				      "DELETE", s->name));
	}
	if (m->pending == 0)
		m->phase = MIRROR_DONE;
}

bool sync_mirror_is_done(const struct sync_target *dst)
{
	return options(dst)->mode != JOB_MODE_DST ||
	       dst->mirror.phase == MIRROR_DONE;
}

bool sync_mirror_work(struct sync_target *dst)
{
	enum mirror_phase before = dst->mirror.phase;
	size_t pending = dst->mirror.pending, at = dst->mirror.at;

	if (sync_mirror_is_done(dst))
		return false;
	switch (before) {
	case MIRROR_WAITING:
		if (sync_target_is_copied(dst))
			begin(dst);
		break;
	case MIRROR_LOOKING:
		look(dst);
		break;
	case MIRROR_CHANGING:
		change(dst);
		break;
	case MIRROR_REMOVING:
		remove_surplus(dst);
		break;
	case MIRROR_DONE:
		break;
	}
	return dst->mirror.phase != before || dst->mirror.pending != pending ||
	       dst->mirror.at != at;
}

/* ------------------------------------------------------------ events */

/* By name: a server may answer in another order than it was asked. */
static void on_look(struct sync_target *dst, struct sync_surplus *s,
    const struct imap_status *now)
{
	if (!sync_extras_is_mailbox(now->name, s->name))
		s = NULL;
	for (size_t i = 0; i < dst->plan->surplus_count && !s; i++)
		if (sync_extras_is_mailbox(
			now->name, dst->plan->surplus[i].name))
			s = &dst->plan->surplus[i];
	if (!s)
		return;
	bool same =
	    now->messages == s->messages &&
	    (!s->uidnext || !now->has_uidnext || now->uidnext == s->uidnext) &&
	    (!s->uidvalidity || !now->has_uidvalidity ||
		now->uidvalidity == s->uidvalidity);

	s->was_seen_again = same;
}

static void on_untagged(struct sync_target *dst, int op, void *context,
    const struct imap_response *r)
{
	struct imap_status status;
	struct mirror_item *item = context;
	uint64_t n = 0;

	if (op == TARGET_OP_MIRROR_LOOK && r->kind == IMAP_RESPONSE_DATA &&
	    imap_str_is(r->word, "STATUS") &&
	    imap_status_parse(r->rest, &status) && status.has_messages)
		on_look(dst, context, &status);
	if (op == TARGET_OP_MIRROR_SELECT && r->kind == IMAP_RESPONSE_STATUS &&
	    imap_str_is(r->code, "UIDVALIDITY") &&
	    text_parse_u64(r->code_args.s, r->code_args.len, UINT32_MAX, &n))
		item->was_moved = !item->uidvalidity || n != item->uidvalidity;
}

static void on_looked(
    struct sync_target *dst, struct sync_surplus *s, const struct imap_cmd *cmd)
{
	char name[200];

	// gone: by a DELETE perhaps whose answer was lost
	if (s->was_seen_again || sync_target_says_gone(cmd))
		return;
	s->remove = s->unsubscribe = false;
	atomic_store(&dst->shared->changed, true);
	log_write(dst->shared->log, LOG_LEVEL_WARNING, "target",
	    "mailbox '%s' changed while we ran: it is not deleted this time",
	    shown(s->name, name, sizeof(name)));
}

static void on_selected(struct sync_target *dst, struct mirror_item *item,
    const struct imap_cmd *cmd)
{
	bool is_ok = imap_cmd_condition(cmd) == IMAP_CONDITION_OK;
	bool wanted = !item->surplus || item->surplus->empty;
	char name[200];

	item->was_selected = true;
	if (!wanted)
		return;
	if (is_ok && !item->was_moved && !imap_cmd_has_code(cmd, "READ-ONLY")) {
		send_changes(dst, item);
		return;
	}
	atomic_store(&dst->shared->changed, true);
	sync_reporter_warn(dst->shared->reporter, "target", "mirror.mailbox",
	    "mailbox '%s' is left as it is: %s",
	    shown(name_of(item), name, sizeof(name)),
	    !is_ok            ? imap_cmd_reply(cmd)
	    : item->was_moved ? "it was made anew meanwhile"
			      : "the server opens it for reading only");
}

/* One command of a mailbox was refused: what it would have done is not. */
static void on_refused(struct sync_target *dst, const char *name,
    struct tally *t, const struct imap_cmd *cmd)
{
	char text[200];

	t->extra[TALLY_REFUSED_EXTRAS]++;
	atomic_store(&dst->shared->needs_look, true);
	sync_reporter_warn(dst->shared->reporter, "target", "mirror.refused",
	    "mailbox '%s': %s refused: '%s'", shown(name, text, sizeof(text)),
	    imap_cmd_verb(cmd), imap_cmd_reply(cmd));
}

static void on_surplus_done(
    struct sync_target *dst, struct sync_surplus *s, const struct imap_cmd *cmd)
{
	struct tally *t = &dst->plan->beside;
	bool is_delete = imap_cmd_op(cmd) == TARGET_OP_MIRROR_DELETE;
	char name[200];

	// what is gone already is as it should be
	if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK &&
	    !sync_target_says_gone(cmd)) {
		on_refused(dst, s->name, t, cmd);
	} else if (is_delete) {
		t->extra[TALLY_MAILBOXES_DELETED]++;
		t->extra[TALLY_DELETED] += s->messages;
		log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
		    "mailbox '%s' deleted with %" PRIu32
		    " messages: the source does not have it",
		    shown(s->name, name, sizeof(name)), s->messages);
	} else {
		t->extra[TALLY_UNSUBSCRIBED]++;
	}
	if (is_delete)
		s->remove = false; // never twice
	else
		s->unsubscribe = false;
}

static void tell_modified(
    struct sync_target *dst, const struct mirror_item *item)
{
	char name[200];

	if (item->modified == 0)
		return;
	atomic_store(&dst->shared->changed, true);
	sync_reporter_warn(dst->shared->reporter, "target", "mirror.modified",
	    "mailbox '%s': %s changed the flags of %zu messages meanwhile: left as they are",
	    shown(name_of(item), name, sizeof(name)),
	    item->in_doubt ? "the lost session or somebody else"
			   : "somebody else",
	    item->modified);
}

/* Counted once, by the last command that changes what is counted. */
static void count_changes(struct sync_target *dst, struct mirror_item *item)
{
	struct tally *t = tally_of(dst, item);
	const struct sync_orders *o = item->box ? item->box->orders : NULL;
	bool plus = imap_caps_has(imap_conn_caps(dst->conn), IMAP_CAP_UIDPLUS);
	size_t wanted = o ? o->flag_count : 0;
	size_t flags = wanted > item->modified ? wanted - item->modified : 0;
	char name[200];

	tell_modified(dst, item);
	if (item->is_refused)
		return;
	if (o)
		t->extra[TALLY_FLAGS_CHANGED] += flags;
	size_t gone = !plus ? 0 : o ? o->gone_count : item->surplus->messages;
	t->extra[TALLY_DELETED] += gone;
	dst->progress++;
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "mailbox '%s': flags of %zu messages changed, %zu deleted that the source does not have",
	    shown(name_of(item), name, sizeof(name)), flags, gone);
}

/* Which of them the server left as they were: "[MODIFIED 7,9]". */
static size_t count_modified(const struct imap_cmd *cmd)
{
	const char *args = imap_cmd_code_args(cmd);
	struct imap_seqset_reader r;
	uint32_t low = 0, high = 0;
	size_t count = 0;

	if (!imap_cmd_has_code(cmd, "MODIFIED"))
		return 0;
	imap_seqset_reader_init(&r, args, strlen(args));
	while (imap_seqset_next(&r, &low, &high) == 1)
		count += (size_t)(high - low) + 1;
	return count > 0 ? count : 1;
}

/* A command that changes messages has ended. */
static void on_changed(struct sync_target *dst, struct mirror_item *item,
    const struct imap_cmd *cmd)
{
	bool is_flags = imap_cmd_op(cmd) == TARGET_OP_MIRROR_FLAGS;
	size_t modified = is_flags ? count_modified(cmd) : 0;

	item->modified += modified;
	if (is_flags && imap_cmd_condition(cmd) == IMAP_CONDITION_BAD &&
	    is_conditional(dst, item)) {
		item->box->modseq = 0; // announced, but not working (F018)
		item->is_again = true;
	} else if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK &&
		   modified == 0 && !item->is_again) {
		on_refused(dst, name_of(item), tally_of(dst, item), cmd);
		item->is_refused = true;
	}
	if (dst->mirror.pending > 0)
		return;
	if (item->is_again) {
		item->was_selected = item->is_again = false;
		item->modified = 0;
	} else {
		count_changes(dst, item);
	}
}

static int on_done(struct sync_target *dst, const struct imap_cmd *cmd)
{
	struct mirror_item *item = imap_cmd_context(cmd);
	bool is_ok = imap_cmd_condition(cmd) == IMAP_CONDITION_OK;

	dst->mirror.pending--;
	if (!is_ok && sync_target_is_transient(cmd))
		return error_set(&dst->error, ERROR_IO, "throttle",
		    "target: %s refused for now: '%s'", imap_cmd_verb(cmd),
		    imap_cmd_reply(cmd));
	switch (imap_cmd_op(cmd)) {
	case TARGET_OP_MIRROR_LOOK:
		on_looked(dst, imap_cmd_context(cmd), cmd);
		break;
	case TARGET_OP_MIRROR_SELECT:
		on_selected(dst, item, cmd);
		break;
	case TARGET_OP_MIRROR_FLAGS:
	case TARGET_OP_MIRROR_EXPUNGE:
		on_changed(dst, item, cmd);
		break;
	default:
		on_surplus_done(dst, imap_cmd_context(cmd), cmd);
		break;
	}
	return 0;
}

int sync_mirror_on_event(struct sync_target *dst,
    const struct imap_event *event, const struct imap_cmd *cmd)
{
	if (event->kind == IMAP_EVENT_UNTAGGED)
		on_untagged(dst, imap_cmd_op(cmd), imap_cmd_context(cmd),
		    &event->response);
	return event->kind == IMAP_EVENT_DONE ? on_done(dst, cmd) : 0;
}

/* In the next session the step begins anew: all of it may be done twice. What
 * was looked at may have changed meanwhile. */
void sync_mirror_reset(struct sync_target *dst)
{
	struct target_mirror *m = &dst->mirror;

	m->pending = 0;
	if (m->phase == MIRROR_LOOKING || m->phase == MIRROR_REMOVING) {
		m->phase = MIRROR_LOOKING;
		m->at = 0;
	}
	for (size_t i = 0; i < m->count; i++) {
		if (m->items[i].was_selected && !m->items[i].is_done)
			m->items[i].in_doubt = true;
		m->items[i].was_selected = m->items[i].is_done;
		m->items[i].is_again = false;
		m->items[i].modified = 0;
	}
}
