// SPDX-License-Identifier: MIT
#include "engine/sync/sync_target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_refusal.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_extras.h"
#include "engine/sync/sync_flags.h"
#include "engine/sync/sync_queue.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_scan.h"
#include "engine/sync/sync_target_private.h"

enum {
	SCANS_MAX = 16, /* under way at once */
	EVENTS_A_STEP = 256,
	LOOK_AGAIN_MS = 1000, /* at the latest: other lanes wake us */
	FLAGS_MAX_BYTES = 64 * 1024
};

struct sync_target *sync_target_new(
    struct sync_shared *shared, const struct imap_conn_settings *settings)
{
	struct sync_target *dst = mem_calloc(1, sizeof(*dst));

	dst->shared = shared;
	dst->conn = imap_conn_new(settings);
	dst->inventory = mem_calloc(1, sizeof(*dst->inventory));
	sync_inventory_init(dst->inventory);
	dst->sent_tail = &dst->sent;
	dst->too_big_bytes = UINT64_MAX;
	sync_owners_init(&dst->extras.owners, shared->job);
	return dst;
}

static void free_list(struct message_list *list)
{
	struct sync_message *m;

	while ((m = message_list_take(list)))
		sync_message_free(m);
}

void sync_target_free(struct sync_target *dst)
{
	if (!dst)
		return;
	imap_conn_free(dst->conn);
	sync_extras_write_release(dst);
	sync_append_reset(dst);
	free_list(&dst->pending);
	free_list(&dst->doubts);
	sync_mirror_release(dst);
	for (size_t i = 0; i < dst->box_count; i++) {
		sync_index_release(&dst->boxes[i].index);
		free(dst->boxes[i].flags.list);
		free(dst->boxes[i].create_words);
		sync_uids_release(&dst->boxes[i].recall.wanted);
	}
	free(dst->boxes);
	free(dst->flags.list);
	sync_index_release(&dst->found);
	if (dst->inventory)
		sync_inventory_release(dst->inventory);
	free(dst->inventory);
	free(dst);
}

bool sync_target_is_settled(const struct sync_target *dst)
{
	// of what a former run had sent nothing is known before it is quiet
	return sync_target_is_answered(dst) &&
	       (dst->shared->lane > 0 || dst->quiet == TARGET_QUIET_SURE);
}

bool sync_target_is_answered(const struct sync_target *dst)
{
	return dst->sent_count == 0 && dst->doubts.count == 0;
}

const struct error *sync_target_error(const struct sync_target *dst)
{
	return dst->has_error ? &dst->error : NULL;
}

bool sync_target_is_transient(const struct imap_cmd *cmd)
{
	enum imap_refusal refusal = imap_refusal_of(cmd);

	return refusal == IMAP_REFUSAL_THROTTLED ||
	       refusal == IMAP_REFUSAL_TEMPORARY ||
	       refusal == IMAP_REFUSAL_DAILY_LIMIT;
}

bool sync_target_says_gone(const struct imap_cmd *cmd)
{
	return imap_refusal_of(cmd) == IMAP_REFUSAL_GONE;
}

struct imap_cmd *sync_target_command(
    struct sync_target *dst, int op, struct target_box *box, const char *verb)
{
	struct imap_cmd *cmd = imap_conn_command(dst->conn, op, box, verb);

	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, box->m->target);
	return cmd;
}

void sync_target_refuse_box(struct sync_target *dst, struct target_box *box,
    const char *step, const char *words)
{
	const struct sync_refusal refusal = {.side = "target",
	    .step = step,
	    .reason = tally_refusal_name(TALLY_REFUSED_MAILBOX),
	    .words = words,
	    .mailbox = box->m};

	if (box->state == TARGET_BOX_REFUSED)
		return;
	box->state = TARGET_BOX_REFUSED;
	if (!sync_ledger_set_state(
		dst->shared->ledger, box->m->number, SYNC_LEDGER_REFUSED))
		return;
	box->m->by_target.extra[TALLY_MAILBOXES_FAILED]++;
	sync_reporter_refused(dst->shared->reporter, &refusal);
	sync_exchange_offer_index(dst->shared->exchange, box->m->number, NULL);
}

void sync_target_set_ready(struct sync_target *dst, struct target_box *box)
{
	box->state = TARGET_BOX_READY;
	(void)sync_ledger_set_state(
	    dst->shared->ledger, box->m->number, SYNC_LEDGER_READY);
}

void sync_target_set_uidvalidity(
    struct sync_target *dst, struct target_box *box, uint32_t uidvalidity)
{
	box->uidvalidity = uidvalidity;
	sync_ledger_set_uidvalidity(
	    dst->shared->ledger, box->m->number, uidvalidity);
}

static bool is_mirror(const struct sync_target *dst)
{
	return dst->shared->job->options.mode == JOB_MODE_DST;
}

static bool start_scans(struct sync_target *dst)
{
	bool worked = false;

	sync_recall_target_take(dst);
	for (; dst->next_scan < dst->box_count; dst->next_scan++) {
		struct target_box *box = &dst->boxes[dst->next_scan];
		if (!box->needs_scan || box->scan != TARGET_SCAN_NONE ||
		    box->state == TARGET_BOX_REFUSED)
			continue;
		if (dst->scans >= SCANS_MAX ||
		    !sync_exchange_has_room(dst->shared->exchange))
			break;
		box->scan = TARGET_SCAN_RUNNING;
		box->prefix_pending = 0;
		if (is_mirror(dst) && !box->index.flags)
			box->index.flags = sync_flags_new();
		sync_index_reset(&box->index);
		dst->scans++;
		dst->flags_asked = true;
		box->modseq = 0;
		imap_conn_send(dst->conn,
		    sync_target_command(dst, TARGET_OP_SELECT, box, "SELECT"));
		if (!sync_recall_target_start(dst, box))
			sync_scan_list(dst->conn, TARGET_OP_SCAN, box, 1, true);
		worked = true;
	}
	return worked;
}

/* ------------------------------------------------------------ events */

/* `mailbox` SIZE_MAX: of those that are not asked. */
static void keep_flags(struct sync_target *dst, struct target_flags *flags,
    size_t mailbox, struct imap_str list)
{
	struct imap_cursor c = {list.s, list.s + list.len};
	struct imap_str flag, inner;
	struct buf text;

	if (!imap_list_text(&c, &inner))
		return;
	c = (struct imap_cursor){inner.s, inner.s + inner.len};
	buf_init(&text, FLAGS_MAX_BYTES);
	flags->is_known = buf_puts(&text, " ") == 0;
	flags->any_keyword = false;
	for (;;) {
		(void)imap_space(&c);
		if (!imap_atom(&c, &flag))
			break;
		if (imap_str_is(flag, "\\*"))
			flags->any_keyword = true;
		else if (buf_printf(&text, "%.*s ", (int)flag.len, flag.s) < 0)
			break;
	}
	free(flags->list);
	flags->list = buf_detach(&text);
	buf_release(&text);
	if (flags->is_known)
		sync_ledger_set_flags(dst->shared->ledger, mailbox, flags->list,
		    flags->any_keyword);
}

void sync_target_on_select_data(struct sync_target *dst, struct target_box *box,
    const struct imap_response *r)
{
	uint64_t n = 0;

	if (r->kind == IMAP_RESPONSE_NUMBER && imap_str_is(r->word, "EXISTS") &&
	    r->number <= UINT32_MAX)
		box->index.exists = (uint32_t)r->number;
	if (r->kind != IMAP_RESPONSE_STATUS || !r->code.s)
		return;
	if (imap_str_is(r->code, "UIDNOTSTICKY"))
		box->recall.is_unsteady = true;
	if (imap_str_is(r->code, "HIGHESTMODSEQ") && !box->modseq)
		(void)text_parse_u64(
		    r->code_args.s, r->code_args.len, UINT64_MAX, &box->modseq);
	if (imap_str_is(r->code, "PERMANENTFLAGS")) {
		keep_flags(dst, &box->flags, box->m->number, r->code_args);
		if (!dst->flags.is_known)
			keep_flags(dst, &dst->flags, SIZE_MAX, r->code_args);
	} else if (text_parse_u64(
		       r->code_args.s, r->code_args.len, UINT32_MAX, &n)) {
		if (imap_str_is(r->code, "UIDVALIDITY"))
			box->index.uidvalidity = (uint32_t)n;
		if (imap_str_is(r->code, "UIDVALIDITY") && !box->uidvalidity)
			sync_target_set_uidvalidity(dst, box, (uint32_t)n);
		else if (imap_str_is(r->code, "UIDNEXT"))
			sync_ledger_set_mark(dst->shared->ledger,
			    box->m->number, (uint32_t)n, true);
	}
}

static void ask_prefixes(struct sync_target *dst, struct target_box *box)
{
	// the mailbox may not be selected any more: other scans went out
	imap_conn_send(dst->conn,
	    sync_target_command(dst, TARGET_OP_SELECT, box, "SELECT"));
	box->prefix_pending = sync_scan_prefixes(
	    dst->conn, TARGET_OP_SCAN_PREFIX, box, &box->index);
}

/* What arrives from now on is above the highest one listed. */
static void note_uidnext(struct sync_target *dst, struct target_box *box)
{
	uint32_t highest = sync_index_highest(&box->index);

	if (box->index.is_part || highest == 0)
		return;
	box->m->target_highest_uid = highest;
	sync_ledger_set_mark(
	    dst->shared->ledger, box->m->number, highest + 1, false);
}

/* What is not listed would be copied again: listed once more, then refused. */
static void on_hidden(struct sync_target *dst, struct target_box *box)
{
	dst->scans--;
	if (!box->was_relisted) {
		box->was_relisted = true;
		box->scan = TARGET_SCAN_NONE;
		dst->next_scan = 0;
		return;
	}
	box->scan = TARGET_SCAN_DONE;
	sync_target_refuse_box(dst, box, "UID FETCH",
	    "the server lists fewer messages than it counts: what it hides would be copied again");
}

/* The listing has come; false when it begins anew, or ends the mailbox. */
static bool on_listed(struct sync_target *dst, struct target_box *box)
{
	sync_index_finish(&box->index);
	if (!sync_recall_target_on_listed(dst, box))
		return false;
	if (!box->index.is_part &&
	    box->index.count + box->index.old.count < box->index.exists) {
		on_hidden(dst, box);
		return false;
	}
	note_uidnext(dst, box);
	if (box->index.keyless > 0)
		ask_prefixes(dst, box);
	return true;
}

static void on_scan_done(
    struct sync_target *dst, struct target_box *box, const struct imap_cmd *cmd)
{
	int op = imap_cmd_op(cmd);

	if (box->scan != TARGET_SCAN_RUNNING)
		return;
	if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK &&
	    op != TARGET_OP_SCAN_OLD) {
		box->scan = TARGET_SCAN_DONE;
		dst->scans--;
		sync_target_refuse_box(
		    dst, box, imap_cmd_verb(cmd), imap_cmd_reply(cmd));
		return;
	}
	bool is_list = op == TARGET_OP_SCAN || op == TARGET_OP_SCAN_OLD;
	if (is_list && !sync_recall_target_has_all(box, cmd))
		return;
	if (!is_list)
		box->prefix_pending--;
	bool is_listed =
	    is_list || (op == TARGET_OP_SCAN_MORE && box->prefix_pending == 0);
	if (is_listed && !on_listed(dst, box))
		return;
	if (box->prefix_pending > 0)
		return;
	box->scan = TARGET_SCAN_DONE;
	dst->scans--;
	dst->progress++;
	if (box->recall.is_unsteady)
		box->index.uidvalidity = 0;
	if (box->index.flags)
		sync_flags_set_kept(box->index.flags,
		    box->flags.is_known ? box->flags.list : NULL,
		    box->flags.any_keyword);
	sync_exchange_offer_index(
	    dst->shared->exchange, box->m->number, &box->index);
}

static int on_fetch(struct sync_target *dst, struct target_box *box, int op,
    const struct imap_response *r)
{
	struct imap_fetch f;

	if (r->kind == IMAP_RESPONSE_DATA)
		sync_recall_target_on_data(box, r);
	if (r->kind != IMAP_RESPONSE_NUMBER || !imap_str_is(r->word, "FETCH"))
		return 0;
	if (!imap_fetch_parse(r->rest, &f))
		return error_set(&dst->error, ERROR_PROTOCOL, "proto.syntax",
		    "target: a FETCH response cannot be read");
	if (op == TARGET_OP_SCAN_PREFIX) {
		sync_index_add_prefix(&box->index, &f);
		return 0;
	}
	if (!sync_recall_target_on_fetch(box, &f))
		sync_index_add(&box->index, &f, true);
	return sync_index_check(&box->index, &dst->error);
}

/* By name: servers answer STATUS while longer commands go on. False: not one
 * of ours. */
static bool on_status(struct sync_target *dst, const struct imap_cmd *oldest,
    const struct imap_response *r)
{
	struct target_box *box = NULL;
	int op = imap_cmd_op(oldest);
	struct imap_status s;

	if (op < TARGET_OP_CREATE || op >= TARGET_OP_MIRROR_LOOK ||
	    !imap_str_is(r->word, "STATUS"))
		return false;
	if (!imap_status_parse(r->rest, &s) || !s.has_messages)
		return true;
	if (op == TARGET_OP_QUIET || op == TARGET_OP_PROBE)
		box = imap_cmd_context(oldest);
	if (box && !sync_extras_is_mailbox(s.name, box->m->target))
		box = NULL;
	for (size_t i = 0; i < dst->box_count && !box; i++)
		if (dst->boxes[i].m->target &&
		    sync_extras_is_mailbox(s.name, dst->boxes[i].m->target))
			box = &dst->boxes[i];
	if (box && box->is_probing) {
		box->probe_found = true;
		box->probe_messages = s.messages;
	} else if (box && dst->quiet == TARGET_QUIET_ASKED) {
		sync_quiet_on_status(dst, box, &s);
	}
	return true;
}

static int on_untagged(struct sync_target *dst, struct target_box *box, int op,
    const struct imap_response *r)
{
	if (op >= TARGET_OP_SCAN && op <= TARGET_OP_SCAN_PREFIX)
		return on_fetch(dst, box, op, r);
	if (op == TARGET_OP_SELECT)
		sync_target_on_select_data(dst, box, r);
	return 0;
}

static void on_subscribe_refused(
    struct sync_target *dst, struct target_box *box, const struct imap_cmd *cmd)
{
	char shown[SYNC_MAILBOX_SHOWN];

	box->m->by_target.extra[TALLY_REFUSED_EXTRAS]++;
	sync_reporter_warn(dst->shared->reporter, "target",
	    "folder.subscription", "mailbox %s: SUBSCRIBE refused: '%s'",
	    sync_mailbox_shown(box->m, shown), imap_cmd_reply(cmd));
}

static int on_done(
    struct sync_target *dst, struct target_box *box, const struct imap_cmd *cmd)
{
	bool is_ok = imap_cmd_condition(cmd) == IMAP_CONDITION_OK;

	switch ((enum target_op)imap_cmd_op(cmd)) {
	case TARGET_OP_CREATE:
		return sync_setup_on_created(dst, box, cmd);
	case TARGET_OP_PROBE:
		sync_setup_on_probed(dst, box);
		break;
	case TARGET_OP_SUBSCRIBE:
		box->subscribe_answered = true;
		if (is_ok)
			box->m->by_target.extra[TALLY_SUBSCRIBED]++;
		else
			on_subscribe_refused(dst, box, cmd);
		break;
	case TARGET_OP_SPECIAL_USE:
		sync_setup_on_use(dst, box, cmd);
		break;
	case TARGET_OP_SELECT:
		dst->flags_answered = true;
		if (!is_ok && box->scan == TARGET_SCAN_RUNNING) {
			box->scan = TARGET_SCAN_DONE;
			dst->scans--;
			sync_target_refuse_box(
			    dst, box, "SELECT", imap_cmd_reply(cmd));
		}
		break;
	case TARGET_OP_SCAN:
	case TARGET_OP_SCAN_OLD:
	case TARGET_OP_SCAN_MORE:
	case TARGET_OP_SCAN_PREFIX:
		on_scan_done(dst, box, cmd);
		break;
	case TARGET_OP_QUIET_NOOP:
		sync_quiet_on_noop(dst);
		break;
	case TARGET_OP_QUIET:
		sync_quiet_on_done(dst);
		break;
	case TARGET_OP_INVENTORY:
	case TARGET_OP_GETACL:
	case TARGET_OP_GETMETADATA:
	case TARGET_OP_SETACL:
	case TARGET_OP_SETMETADATA:
	case TARGET_OP_APPEND:
	case TARGET_OP_DOUBT_SELECT:
	case TARGET_OP_DOUBT_SCAN:
	case TARGET_OP_DOUBT_PREFIX:
	case TARGET_OP_MIRROR_LOOK:
	case TARGET_OP_MIRROR_SELECT:
	case TARGET_OP_MIRROR_FLAGS:
	case TARGET_OP_MIRROR_EXPUNGE:
	case TARGET_OP_MIRROR_DELETE:
	case TARGET_OP_MIRROR_UNSUBSCRIBE:
	case TARGET_OP_FORCE_SELECT:
	case TARGET_OP_FORCE_FETCH:
	case TARGET_OP_FORCE_STORE:
		break; // not here
	}
	return 0;
}

static int on_inventory_event(
    struct sync_target *dst, const struct imap_event *event)
{
	int rc = sync_inventory_on_event(
	    dst->inventory, dst->conn, TARGET_OP_INVENTORY, event, &dst->error);

	if (rc < 0)
		return error_prefix(&dst->error, "target");
	if (rc == 1) {
		dst->phase = TARGET_PHASE_AWAIT_PLAN;
		dst->has_inventory = true;
		dst->progress++;
		sync_exchange_offer_inventory(
		    dst->shared->exchange, dst->inventory);
		dst->inventory = NULL;
	}
	return 0;
}

static int on_ready(struct sync_target *dst)
{
	dst->retry.was_ready = true;
	if (dst->shared->lane > 0) {
		sync_lane_begin(dst);
		dst->phase = TARGET_PHASE_COPY;
		return 0;
	}
	if (dst->has_inventory) {
		dst->phase =
		    dst->plan ? TARGET_PHASE_COPY : TARGET_PHASE_AWAIT_PLAN;
		return 0;
	}
	dst->phase = TARGET_PHASE_INVENTORY;
	const struct sync_inventory_scope scope = {
	    .reference = dst->shared->job->options.target_prefix,
	    .with_modseq = dst->shared->state && is_mirror(dst)};
	sync_inventory_start(
	    dst->inventory, dst->conn, TARGET_OP_INVENTORY, &scope);
	return 0;
}

static int on_event(struct sync_target *dst, const struct imap_event *event)
{
	const struct imap_cmd *cmd =
	    event->kind == IMAP_EVENT_DONE ? event->cmd : event->head;

	if (event->kind == IMAP_EVENT_READY)
		return on_ready(dst);
	if (!cmd || imap_cmd_op(cmd) < 0)
		return 0;
	if (event->kind == IMAP_EVENT_UNTAGGED && dst->shared->lane == 0 &&
	    event->response.kind == IMAP_RESPONSE_DATA &&
	    (sync_extras_write_on_data(dst, &event->response) ||
		on_status(dst, cmd, &event->response)))
		return 0;
	int op = imap_cmd_op(cmd);
	if (op < TARGET_OP_CREATE)
		return on_inventory_event(dst, event);
	if (op >= TARGET_OP_FORCE_SELECT)
		return sync_force_index_on_event(dst, event, cmd);
	if (op >= TARGET_OP_MIRROR_LOOK)
		return sync_mirror_on_event(dst, event, cmd);
	if (op >= TARGET_OP_DOUBT_SELECT)
		return sync_doubt_on_event(dst, event, cmd);
	if (op == TARGET_OP_APPEND)
		return event->kind == IMAP_EVENT_DONE
			   ? sync_append_on_done(dst, cmd)
			   : 0;
	if (op >= TARGET_OP_GETACL && op <= TARGET_OP_SETMETADATA) {
		if (event->kind == IMAP_EVENT_DONE)
			sync_extras_write_on_done(dst, cmd);
		return 0;
	}
	if (event->kind == IMAP_EVENT_DONE)
		return on_done(dst, imap_cmd_context(cmd), cmd);
	if (event->kind == IMAP_EVENT_UNTAGGED)
		return on_untagged(
		    dst, imap_cmd_context(cmd), op, &event->response);
	return 0;
}

/* ------------------------------------------------------------ life */

static bool take_plan(struct sync_target *dst)
{
	struct sync_plan *plan = sync_exchange_plan(dst->shared->exchange);

	if (!plan)
		return false;
	dst->plan = plan;
	dst->box_count = plan->count;
	dst->boxes = mem_calloc(plan->count, sizeof(*dst->boxes));
	for (size_t i = 0; i < plan->count; i++) {
		struct target_box *box = &dst->boxes[i];
		box->m = &plan->mailboxes[i];
		box->create = box->m->create;
		sync_ledger_set_mark(
		    dst->shared->ledger, i, box->m->target_uidnext, true);
		sync_target_set_uidvalidity(
		    dst, box, box->m->target_uidvalidity);
		box->status_messages = box->m->target_messages;
		box->status_uidnext = box->m->target_uidnext;
		box->needs_scan =
		    !box->m->is_cold && !box->m->refusal &&
		    !box->m->is_unchanged &&
		    (is_mirror(dst) ||
			!(box->m->has_status && box->m->messages == 0));
	}
	sync_quiet_init(dst);
	dst->phase = TARGET_PHASE_COPY;
	return true;
}

static void end(struct sync_target *dst)
{
	dst->phase = TARGET_PHASE_ENDED;
	sync_doubt_reset(dst); // others wait for the end of a search
	if (dst->has_error) {
		imap_conn_close(dst->conn);
		sync_append_reset(dst);
		sync_exchange_stop(dst->shared->exchange);
	} else {
		imap_conn_logout(dst->conn);
	}
}

static void on_lost(struct sync_target *dst)
{
	sync_extras_write_on_limit(dst);
	int64_t wait =
	    sync_retry_wait_ms(&dst->retry, &dst->error, dst->progress);

	imap_conn_close(dst->conn);
	sync_append_reset(dst);
	sync_doubt_reset(dst);
	sync_quiet_reset(dst);
	sync_mirror_reset(dst);
	sync_force_index_reset(dst);
	sync_extras_write_reset(dst);
	for (size_t i = 0; i < dst->box_count; i++) {
		struct target_box *box = &dst->boxes[i];
		if (box->state == TARGET_BOX_CREATING)
			box->state = TARGET_BOX_NEW;
		box->is_probing = false;
		if (box->subscribed && !box->subscribe_answered) {
			box->subscribed = false;
			if (box->state == TARGET_BOX_READY && !box->create)
				box->state = TARGET_BOX_NEW;
		}
		if (box->scan == TARGET_SCAN_RUNNING)
			box->scan = TARGET_SCAN_NONE;
	}
	dst->next_setup = dst->next_scan = 0;
	dst->scans = 0;
	dst->flags_asked = dst->flags_answered;
	dst->create_sent = dst->create_answered;
	if (wait < 0 || dst->is_hopeless) {
		dst->has_error = true;
		return;
	}
	log_write(dst->shared->log, LOG_LEVEL_WARNING, "engine",
	    "%s; connecting again in %lld ms", dst->error.text,
	    (long long)wait);
	dst->phase = TARGET_PHASE_PAUSED;
	dst->again_at_ms = clock_ms() + wait;
}

static bool read_events(struct sync_target *dst)
{
	struct imap_event event;
	bool worked = false;

	for (int i = 0; i < EVENTS_A_STEP; i++) {
		int rc = imap_conn_next(dst->conn, &event, &dst->error);
		if (rc == 0)
			break;
		if (rc < 0 || on_event(dst, &event) < 0) {
			on_lost(dst);
			return true;
		}
		worked = true;
	}
	return worked;
}

static bool open_session(struct sync_target *dst)
{
	if (dst->phase == TARGET_PHASE_OPENING && dst->shared->lane > 0 &&
	    !atomic_load(&dst->shared->is_open))
		return false;
	if (dst->phase == TARGET_PHASE_PAUSED && clock_ms() < dst->again_at_ms)
		return false;
	dst->phase = TARGET_PHASE_INVENTORY;
	if (imap_conn_open(dst->conn, &dst->error) < 0)
		on_lost(dst);
	return true;
}

bool sync_target_is_copied(const struct sync_target *dst)
{
	return dst->phase == TARGET_PHASE_COPY &&
	       sync_queue_is_finished(dst->shared->queue) &&
	       sync_append_is_idle(dst) && imap_conn_commands(dst->conn) == 0 &&
	       dst->next_setup == dst->box_count &&
	       sync_extras_write_is_idle(dst);
}

static bool work(struct sync_target *dst)
{
	bool worked = false;

	if (dst->phase == TARGET_PHASE_AWAIT_PLAN)
		worked |= take_plan(dst);
	if (dst->phase != TARGET_PHASE_COPY)
		return worked;
	if (dst->shared->lane > 0)
		return sync_lane_work(dst);
	worked |= sync_setup_work(dst);
	worked |= start_scans(dst);
	worked |= sync_extras_write_work(dst);
	sync_append_take(dst);
	if (sync_lane_is_waited_for(dst) && sync_quiet_work(dst))
		return worked;
	sync_lane_let_go(dst);
	if (!sync_doubt_work(dst))
		worked |= sync_append_work(dst);
	worked |= sync_mirror_work(dst);
	worked |= sync_force_index_work(dst);
	return worked;
}

static bool is_complete(const struct sync_target *dst)
{
	if (dst->shared->lane > 0)
		return sync_lane_is_complete(dst);
	return sync_target_is_copied(dst) && sync_mirror_is_done(dst) &&
	       sync_force_index_is_done(dst);
}

/* Told to stop: nothing new is sent, what is under way is waited for. */
static bool is_stopped(const struct sync_target *dst)
{
	bool told = atomic_load(&dst->shared->interrupted) ||
		    sync_exchange_is_stopped(dst->shared->exchange);

	return told &&
	       (dst->sent_count == 0 || dst->phase == TARGET_PHASE_PAUSED);
}

enum sync_step sync_target_step(struct sync_target *dst)
{
	bool worked = false;

	if (dst->phase == TARGET_PHASE_ENDED)
		return SYNC_STEP_ENDED;
	if (dst->has_error || is_complete(dst) || is_stopped(dst)) {
		end(dst);
		return SYNC_STEP_ENDED;
	}
	if (dst->phase == TARGET_PHASE_OPENING ||
	    dst->phase == TARGET_PHASE_PAUSED)
		return open_session(dst) ? SYNC_STEP_WORKED : SYNC_STEP_IDLE;
	worked |= read_events(dst);
	if (dst->phase == TARGET_PHASE_PAUSED || dst->has_error)
		return SYNC_STEP_WORKED;
	if (!atomic_load(&dst->shared->interrupted) &&
	    !sync_exchange_is_stopped(dst->shared->exchange))
		worked |= work(dst);
	imap_conn_keep_alive(dst->conn);
	if (imap_conn_flush(dst->conn, &dst->error) < 0) {
		on_lost(dst);
		worked = true;
	}
	return worked || is_complete(dst) ? SYNC_STEP_WORKED : SYNC_STEP_IDLE;
}

void sync_target_poll(
    struct sync_target *dst, struct pollfd *out, int64_t *deadline_ms)
{
	if (dst->phase == TARGET_PHASE_PAUSED) {
		*out = (struct pollfd){.fd = -1};
		*deadline_ms = dst->again_at_ms;
		return;
	}
	imap_conn_poll(dst->conn, true, out, deadline_ms);
	if (dst->phase != TARGET_PHASE_COPY)
		return; // nothing else is due before the session is there
	if (dst->shared->pool && dst->pending.count > 0 &&
	    dst->sent_count == 0 && clock_ms() + LOOK_AGAIN_MS < *deadline_ms)
		*deadline_ms = clock_ms() + LOOK_AGAIN_MS; // for other lanes
	if (sync_quiet_deadline_ms(dst) < *deadline_ms)
		*deadline_ms = sync_quiet_deadline_ms(dst);
	if (sync_doubt_deadline_ms(dst) < *deadline_ms)
		*deadline_ms = sync_doubt_deadline_ms(dst);
	if (dst->hold_until_ms > clock_ms() &&
	    dst->hold_until_ms < *deadline_ms)
		*deadline_ms = dst->hold_until_ms;
}
