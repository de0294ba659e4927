// SPDX-License-Identifier: MIT
#include "engine/sync/sync_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_caps.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_extras.h"
#include "engine/sync/sync_flags.h"
#include "engine/sync/sync_known.h"
#include "engine/sync/sync_ledger.h"
#include "engine/sync/sync_mapping.h"
#include "engine/sync/sync_queue.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_scan.h"
#include "engine/sync/sync_source_private.h"
#include "engine/sync/sync_surplus.h"

enum {
	SCAN_ENTRIES_MAX = 20000, /* listed ahead; one mailbox always goes */
	COMMANDS_MAX = 128,       /* under way at once */
	TRIES_MAX = 3,            /* of a mailbox that is refused for now */
	LOOK_AGAIN_MS = 250,      /* for a part of the pool */
	EVENTS_A_STEP = 256
};

struct sync_source *sync_source_new(
    struct sync_shared *shared, const struct imap_conn_settings *settings)
{
	struct sync_source *src = mem_calloc(1, sizeof(*src));

	src->shared = shared;
	src->conn = imap_conn_new(settings);
	sync_inventory_init(&src->inventory);
	sync_owners_init(&src->extras.owners, shared->job);
	return src;
}

void sync_source_free(struct sync_source *src)
{
	if (!src)
		return;
	imap_conn_free(src->conn);
	for (size_t i = 0; i < src->box_count; i++) {
		sync_index_release(&src->boxes[i].index);
		sync_index_release(&src->boxes[i].target_index);
		free(src->boxes[i].todo);
		free(src->boxes[i].taken);
		sync_recall_source_release(&src->boxes[i]);
		sync_extras_free(src->boxes[i].extras);
	}
	free(src->boxes);
	sync_inventory_release(&src->inventory);
	sync_slots_release(src);
	sync_plan_free(src->plan);
	free(src);
}

const struct error *sync_source_error(const struct sync_source *src)
{
	return src->has_error ? &src->error : NULL;
}

struct sync_plan *sync_source_plan(struct sync_source *src)
{
	return src->plan;
}

static struct imap_cmd *command(
    struct sync_source *src, int op, struct source_box *box, const char *verb)
{
	return imap_conn_command(src->conn, op, box, verb);
}

void sync_source_examine(struct sync_source *src, struct source_box *box)
{
	const struct source_box *now = src->selected;

	// another part of the same mailbox needs no answer of its own
	if (now == box || (now && now->m == box->m && box->todo))
		return;
	struct imap_cmd *cmd = command(src, SOURCE_OP_EXAMINE, box, "EXAMINE");
	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, box->m->source);
	imap_conn_send(src->conn, cmd);
	src->selected = box;
	atomic_store(&src->shared->at_mailbox, box->m->source);
}

void sync_source_count_done(struct sync_source *src, struct source_box *box)
{
	box->state = SOURCE_BOX_DONE;
	if (box->is_slot)
		src->slots_open--;
	else
		src->boxes_done++;
}

void sync_source_box_done(struct sync_source *src, struct source_box *box)
{
	bug_if(box->state == SOURCE_BOX_DONE);
	sync_source_count_done(src, box);
	src->progress++;
	sync_index_release(&box->index);
	sync_index_release(&box->target_index);
	sync_recall_source_release(box);
	free(box->todo);
	box->todo = NULL;
	box->todo_count = 0;
}

/* ------------------------------------------------------------ listing */

uint64_t sync_source_expected(const struct source_box *box)
{
	return box->m->has_status ? box->m->messages : 1;
}

void sync_source_scan(struct sync_source *src, struct source_box *box)
{
	box->state = SOURCE_BOX_SCANNING;
	box->with_keys = !box->m->is_cold;
	box->prefix_pending = 0;
	box->exists_told = false;
	if (sync_compare_is_mirror(src) && box->with_keys && !box->index.flags)
		box->index.flags = sync_flags_new();
	sync_index_reset(&box->index);
	src->scan_entries += sync_source_expected(box);
	sync_source_examine(src, box);
	if (!sync_recall_source_start(src, box))
		sync_scan_list(
		    src->conn, SOURCE_OP_SCAN, box, 1, box->with_keys);
}

static void try_ready(struct sync_source *src, struct source_box *box)
{
	if (box->state != SOURCE_BOX_SCANNED)
		return;
	if (box->with_keys) {
		if (!box->has_target_index ||
		    !sync_recall_source_ready(src, box))
			return;
		sync_compare_box(src, box);
	}
	sync_compare_make_todo(src, box);
}

/* ------------------------------------------------------------ events */

static void on_examine_data(
    struct source_box *box, const struct imap_response *r, bool *moved_out)
{
	uint64_t n = 0;

	*moved_out = false;
	if (r->kind == IMAP_RESPONSE_NUMBER && imap_str_is(r->word, "EXISTS") &&
	    r->number <= UINT32_MAX) {
		box->exists = box->index.exists = (uint32_t)r->number;
		box->exists_told = true;
	}
	if (r->kind == IMAP_RESPONSE_STATUS &&
	    imap_str_is(r->code, "UIDNOTSTICKY"))
		box->recall.is_unsteady = true;
	if (r->kind != IMAP_RESPONSE_STATUS ||
	    !imap_str_is(r->code, "UIDVALIDITY") ||
	    !text_parse_u64(r->code_args.s, r->code_args.len, UINT32_MAX, &n) ||
	    n == 0) // is none (F077)
		return;
	uint32_t known =
	    box->uidvalidity ? box->uidvalidity : box->m->uidvalidity;
	*moved_out = known != 0 && known != (uint32_t)n;
	if (!*moved_out)
		box->uidvalidity = (uint32_t)n; // else of another mailbox
}

static void ask_prefixes(struct sync_source *src, struct source_box *box)
{
	if (!box->with_keys || box->index.keyless == 0)
		return;
	sync_source_examine(src, box);
	box->prefix_pending = sync_scan_prefixes(
	    src->conn, SOURCE_OP_SCAN_PREFIX, box, &box->index);
}

/* The listing has come; false when it begins anew. */
static bool on_listed(struct sync_source *src, struct source_box *box)
{
	sync_index_finish(&box->index);
	if (!sync_recall_source_on_listed(src, box))
		return false;
	box->m->highest_uid = sync_index_highest(&box->index);
	sync_compare_check_listing(src, box);
	ask_prefixes(src, box);
	return true;
}

static void on_scan_done(
    struct sync_source *src, struct source_box *box, const struct imap_cmd *cmd)
{
	int op = imap_cmd_op(cmd);

	if (box->is_failed)
		return;
	// some servers refuse to list an empty mailbox
	bool is_empty =
	    op == SOURCE_OP_SCAN && box->exists_told && box->exists == 0;
	if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK && !is_empty &&
	    op != SOURCE_OP_SCAN_OLD) {
		sync_source_fail(src, box, SOURCE_FAILURE_REFUSED,
		    imap_cmd_verb(cmd), imap_cmd_reply(cmd));
		return;
	}
	if (op == SOURCE_OP_SCAN || op == SOURCE_OP_SCAN_OLD) {
		if (box->state != SOURCE_BOX_SCANNING ||
		    !sync_recall_source_has_all(box, cmd) ||
		    !on_listed(src, box))
			return;
	} else if (--box->prefix_pending == 0 && op == SOURCE_OP_SCAN_MORE) {
		sync_recall_source_on_more(src, box);
		ask_prefixes(src, box);
	}
	if (box->prefix_pending > 0)
		return;
	src->progress++;
	box->state = SOURCE_BOX_SCANNED;
	try_ready(src, box);
}

static int on_box_untagged(struct sync_source *src, struct source_box *box,
    int op, const struct imap_response *r)
{
	struct imap_fetch f;
	bool moved = false;

	if (op == SOURCE_OP_EXAMINE) {
		on_examine_data(box, r, &moved);
		if (moved)
			sync_slots_fail(src, box, SOURCE_FAILURE_GONE,
			    "it was made anew meanwhile (UIDVALIDITY changed)");
		return 0;
	}
	if (!box->is_failed && r->kind == IMAP_RESPONSE_DATA)
		sync_recall_source_on_data(box, r);
	if (box->is_failed || r->kind != IMAP_RESPONSE_NUMBER ||
	    !imap_str_is(r->word, "FETCH"))
		return 0;
	if (!imap_fetch_parse(r->rest, &f))
		return error_set(&src->error, ERROR_PROTOCOL, "proto.syntax",
		    "source: a FETCH response cannot be read");
	if (op == SOURCE_OP_SCAN_PREFIX) {
		sync_index_add_prefix(&box->index, &f);
		return 0;
	}
	if (!sync_recall_source_on_fetch(box, &f))
		sync_index_add(&box->index, &f, box->with_keys);
	return sync_index_check(&box->index, &src->error);
}

static int on_box_event(struct sync_source *src, const struct imap_event *event,
    const struct imap_cmd *cmd)
{
	struct source_box *box = imap_cmd_context(cmd);
	int op = imap_cmd_op(cmd);

	if (event->kind == IMAP_EVENT_UNTAGGED)
		return on_box_untagged(src, box, op, &event->response);
	if (event->kind != IMAP_EVENT_DONE)
		return 0;
	if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK && !box->is_failed &&
	    sync_fetch_is_transient(cmd) && ++box->tries < TRIES_MAX)
		return sync_fetch_come_back_later(src, cmd);
	if (op != SOURCE_OP_EXAMINE)
		on_scan_done(src, box, cmd);
	else if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK)
		sync_slots_fail(src, box,
		    imap_cmd_has_code(cmd, "NONEXISTENT")
			? SOURCE_FAILURE_GONE
			: SOURCE_FAILURE_REFUSED,
		    imap_cmd_reply(cmd));
	else if (sync_compare_has_less(src, box) && src->shared->lane > 0)
		sync_slots_fail(src, box, SOURCE_FAILURE_GONE,
		    "it holds fewer messages than it did");
	return 0;
}

static int on_inventory_event(
    struct sync_source *src, const struct imap_event *event)
{
	int rc = sync_inventory_on_event(&src->inventory, src->conn,
	    SOURCE_OP_INVENTORY, event, &src->error);

	if (rc < 0)
		return error_prefix(&src->error, "source");
	if (rc == 1) {
		src->phase = SOURCE_PHASE_AWAIT_TARGET;
		src->has_inventory = true;
		src->progress++;
	}
	return 0;
}

static void start_inventory(struct sync_source *src)
{
	static char inbox[] = "INBOX";
	static char *const only_inbox[] = {inbox};
	const struct job_options *o = &src->shared->job->options;
	struct sync_inventory_scope scope = {.reference = o->source_prefix,
	    .patterns = o->list,
	    .count = o->lists,
	    .with_size = true,
	    .with_modseq = src->shared->state && sync_compare_is_mirror(src)};

	if (o->lists == 0 && o->mode == JOB_MODE_SRC_NEW) {
		scope.patterns =
		    only_inbox; // the guide: "--list INBOX" is implied
		scope.count = 1;
	}
	sync_inventory_start(
	    &src->inventory, src->conn, SOURCE_OP_INVENTORY, &scope);
}

static int on_ready(struct sync_source *src)
{
	src->retry.was_ready = true;
	if (src->shared->lane > 0) {
		src->phase = SOURCE_PHASE_COPY;
		return 0;
	}
	if (src->has_inventory) {
		src->phase =
		    src->plan ? SOURCE_PHASE_COPY : SOURCE_PHASE_AWAIT_TARGET;
		return 0;
	}
	src->phase = SOURCE_PHASE_INVENTORY;
	start_inventory(src);
	return 0;
}

static int on_event(struct sync_source *src, const struct imap_event *event)
{
	const struct imap_cmd *cmd =
	    event->kind == IMAP_EVENT_DONE ? event->cmd : event->head;

	if (event->kind == IMAP_EVENT_READY)
		return on_ready(src);
	if (event->kind == IMAP_EVENT_UNTAGGED &&
	    event->response.kind == IMAP_RESPONSE_DATA &&
	    sync_extras_read_on_data(src, &event->response))
		return 0;
	if (event->kind == IMAP_EVENT_BODY_BEGIN ||
	    event->kind == IMAP_EVENT_BODY_DATA ||
	    event->kind == IMAP_EVENT_BODY_END)
		return sync_fetch_on_event(src, event);
	if (!cmd || imap_cmd_op(cmd) < 0)
		return 0;
	if (imap_cmd_op(cmd) < SOURCE_OP_EXAMINE)
		return on_inventory_event(src, event);
	if (imap_cmd_op(cmd) == SOURCE_OP_FETCH)
		return sync_fetch_on_event(src, event);
	if (imap_cmd_op(cmd) > SOURCE_OP_FETCH) {
		if (event->kind == IMAP_EVENT_DONE)
			sync_extras_read_on_done(src, cmd);
		return 0;
	}
	return on_box_event(src, event, cmd);
}

/* ------------------------------------------------------------ work */

static void tell_plan(const struct sync_source *src)
{
	const struct sync_plan *plan = src->plan;
	char shown[200];

	for (size_t i = 0; i < plan->skipped; i++) {
		const char *name = plan->left_out[i].name;
		(void)text_escape(name, strlen(name), shown, sizeof(shown));
		log_write(src->shared->log, LOG_LEVEL_INFO, "source",
		    "mailbox '%s' left out: %s", shown, plan->left_out[i].why);
	}
	log_write(src->shared->log, LOG_LEVEL_INFO, "source",
	    "%zu mailboxes to copy, %zu left out", plan->count, plan->skipped);
	if (plan->count == 0 && plan->skipped == 0)
		sync_reporter_warn(src->shared->reporter, "source",
		    "source.empty", "the source lists no mailbox to copy");
}

/* A mailbox is divided only where the target tells which UIDs are ours, and not
 * when it shall keep those of the source, which go up, nor when the oldest must
 * come first (sync_compare_make_todo). */
static void share_plan(struct sync_source *src, bool has_uids)
{
	const struct job_options *o = &src->shared->job->options;
	const char *text = o->new_uid_template;

	sync_pool_set_plan(src->shared->pool, src->plan);
	if (!has_uids || (o->new_uid && text && text[0]) ||
	    o->mode == JOB_MODE_SRC_NEW)
		sync_pool_keep_whole(src->shared->pool);
}

static void make_plan(struct sync_source *src, struct sync_inventory *target)
{
	const struct job_options *o = &src->shared->job->options;

	bool has_uids = imap_caps_has(&target->caps, IMAP_CAP_UIDPLUS);

	src->plan = sync_mapping(&src->inventory, target, o);
	if (src->shared->state)
		sync_known_find(src->plan, src->shared->state, o);
	if (sync_compare_is_mirror(src))
		sync_surplus_find(src->plan, &src->inventory, target, o);
	sync_inventory_release(target);
	free(target);
	sync_inventory_release(&src->inventory);
	sync_ledger_open(src->shared->ledger, src->plan->count);
	src->box_count = src->plan->count;
	src->boxes = mem_calloc(src->box_count, sizeof(*src->boxes));
	for (size_t i = 0; i < src->box_count; i++) {
		struct source_box *box = &src->boxes[i];
		box->m = &src->plan->mailboxes[i];
		if (box->m->refusal) {
			sync_source_fail(src, box, SOURCE_FAILURE_REFUSED,
			    "names", box->m->refusal);
			continue;
		}
		box->m->by_source.extra[TALLY_MAILBOXES] = 1;
		if (box->m->is_unchanged) {
			box->m->by_source.source = box->m->messages;
			box->m->by_source.present = box->m->messages;
			atomic_fetch_add(&src->shared->seen, box->m->messages);
			atomic_fetch_add(
			    &src->shared->present, box->m->messages);
			sync_source_box_done(src, box);
			continue;
		}
		// a mirror looks all the same: what is left there goes away
		if (box->m->has_status && box->m->messages == 0 &&
		    (!sync_compare_is_mirror(src) || box->m->is_cold))
			sync_source_box_done(src, box);
	}
	tell_plan(src);
	if (src->shared->pool)
		share_plan(src, has_uids);
	sync_exchange_publish_plan(src->shared->exchange, src->plan);
	src->phase = SOURCE_PHASE_COPY;
}

static bool take_indexes(struct sync_source *src)
{
	struct sync_index index;
	size_t number = 0;
	bool usable = false, any = false;

	while (sync_exchange_take_index(
	    src->shared->exchange, &number, &usable, &index)) {
		struct source_box *box = &src->boxes[number];
		any = true;
		if (box->state == SOURCE_BOX_DONE) {
			sync_index_release(&index);
		} else if (usable) {
			sync_recall_source_take_index(box, &index);
			try_ready(src, box);
		} else {
			// the target has said why; what is not handed over yet
			// is counted here
			sync_source_fail(
			    src, box, SOURCE_FAILURE_TARGET, "target", "");
		}
	}
	return any;
}

/* Starts the next mailbox; false when there is none or no room. */
static bool start_next_box(struct sync_source *src)
{
	for (size_t i = src->first_open; i < src->box_count; i++) {
		struct source_box *box = &src->boxes[i];
		if (box->state == SOURCE_BOX_DONE && i == src->first_open)
			src->first_open++;
		if (box->state != SOURCE_BOX_WAITING)
			continue;
		if (sync_fetch_may_go_direct(src, box)) {
			if (sync_slots_may_give(src, box)) {
				sync_slots_give(src, box);
				return true;
			}
			if (!sync_fetch_has_room(src))
				return false;
			sync_fetch_direct(src, box);
			return true;
		}
		if (src->scan_entries > 0 &&
		    src->scan_entries + sync_source_expected(box) >
			SCAN_ENTRIES_MAX)
			return false;
		sync_source_scan(src, box);
		return true;
	}
	return false;
}

static bool has_open_todo(const struct source_box *box)
{
	return box->state == SOURCE_BOX_READY &&
	       box->todo_next < box->todo_count;
}

/* A box to fetch from: the selected one first, it costs no EXAMINE. */
static struct source_box *next_fetchable(const struct sync_source *src)
{
	if (src->selected && has_open_todo(src->selected))
		return src->selected;
	for (size_t i = src->first_open; i < src->box_count; i++)
		if (has_open_todo(&src->boxes[i]))
			return &src->boxes[i];
	return NULL;
}

/* Several lanes: what the others wait for comes first. */
static bool schedule_shared(struct sync_source *src)
{
	struct sync_pool *pool = src->shared->pool;
	bool worked = false;

	while (imap_conn_commands(src->conn) < COMMANDS_MAX) {
		struct source_box *box = NULL;
		if (src->shared->lane == 0 && !sync_pool_is_stuffed(pool) &&
		    start_next_box(src)) {
			worked = true;
			continue;
		}
		if (!sync_fetch_has_room(src))
			break;
		box = sync_slots_fetchable(src);
		if (box)
			worked |= sync_fetch_next(src, box);
		else if (sync_slots_take(src))
			worked = true;
		else
			break;
	}
	if (src->shared->lane == 0 && src->boxes_done == src->box_count)
		sync_pool_close(pool);
	return worked;
}

static bool schedule(struct sync_source *src)
{
	bool worked = false;

	if (src->shared->pool)
		return schedule_shared(src);

	while (imap_conn_commands(src->conn) < COMMANDS_MAX) {
		struct source_box *box = next_fetchable(src);
		if (box) {
			if (!sync_fetch_has_room(src))
				break;
			worked |= sync_fetch_next(src, box);
		} else if (start_next_box(src)) {
			worked = true;
		} else {
			break;
		}
	}
	return worked;
}

static bool is_complete(const struct sync_source *src)
{
	if (src->shared->pool && !sync_slots_are_over(src))
		return false;
	if (src->shared->lane > 0)
		return !src->batches;
	return src->plan && src->boxes_done == src->box_count &&
	       !src->batches && sync_extras_read_is_done(src);
}

static void end(struct sync_source *src)
{
	src->phase = SOURCE_PHASE_ENDED;
	if (src->has_error || atomic_load(&src->shared->interrupted) ||
	    sync_exchange_is_stopped(src->shared->exchange)) {
		sync_fetch_reset(src);
		imap_conn_close(src->conn);
		sync_exchange_stop(src->shared->exchange);
	} else {
		imap_conn_logout(src->conn);
		if (src->shared->lane == 0 && is_complete(src))
			sync_compare_allow_deleting(src);
	}
	sync_queue_finish(src->shared->queue);
}

static void stop_scan(struct sync_source *src, struct source_box *box)
{
	if (box->state != SOURCE_BOX_SCANNING)
		return;
	src->scan_entries -= sync_source_expected(box);
	box->state = SOURCE_BOX_WAITING;
}

/* The session is lost: what it was doing starts over in the next one. */
static void on_lost(struct sync_source *src)
{
	sync_extras_read_reset(src);
	int64_t wait =
	    sync_retry_wait_ms(&src->retry, &src->error, src->progress);

	src->has_lost = true;
	sync_fetch_reset(src);
	src->has_lost = false;
	imap_conn_close(src->conn);
	src->selected = NULL;
	for (size_t i = 0; i < src->box_count; i++)
		stop_scan(src, &src->boxes[i]);
	for (size_t i = 0; src->slots && i < SYNC_SLOTS; i++)
		stop_scan(src, &src->slots[i]);
	if (wait < 0 || src->is_hopeless) {
		src->has_error = true;
		return;
	}
	log_write(src->shared->log, LOG_LEVEL_WARNING, "engine",
	    "%s; connecting again in %lld ms", src->error.text,
	    (long long)wait);
	src->phase = SOURCE_PHASE_PAUSED;
	src->again_at_ms = clock_ms() + wait;
}

static bool work(struct sync_source *src)
{
	bool worked = false;

	if (src->phase == SOURCE_PHASE_AWAIT_TARGET && !src->plan) {
		struct sync_inventory *target =
		    sync_exchange_take_inventory(src->shared->exchange);
		if (target) {
			make_plan(src, target);
			worked = true;
		}
	}
	if (src->phase != SOURCE_PHASE_COPY)
		return worked;
	if (src->shared->lane > 0)
		return schedule(src);
	worked |= take_indexes(src);
	// rights and annotations only when there is nothing better to send
	if (schedule(src))
		return true;
	if (imap_conn_commands(src->conn) < COMMANDS_MAX)
		worked |= sync_extras_read_work(src);
	return worked;
}

static bool read_events(struct sync_source *src)
{
	struct imap_event event;
	bool worked = false;

	for (int i = 0; i < EVENTS_A_STEP && !src->has_error; i++) {
		if (sync_fetch_is_blocked(src))
			break;
		int rc = imap_conn_next(src->conn, &event, &src->error);
		if (rc == 0)
			break;
		if (rc < 0 || on_event(src, &event) < 0) {
			on_lost(src);
			return true;
		}
		worked = true;
	}
	return worked;
}

/* A further lane connects when there is enough to do. */
static bool may_open(struct sync_source *src)
{
	struct sync_shared *shared = src->shared;

	if (shared->lane == 0 || atomic_load(&shared->is_open))
		return true;
	if (!sync_pool_wants(shared->pool, shared->lane))
		return false;
	atomic_store(&shared->is_open, true);
	sync_wake_signal(&shared->target_wake);
	return true;
}

static bool open_session(struct sync_source *src)
{
	if (src->phase == SOURCE_PHASE_OPENING && !may_open(src))
		return false;
	if (src->phase == SOURCE_PHASE_PAUSED && clock_ms() < src->again_at_ms)
		return false;
	src->phase = SOURCE_PHASE_INVENTORY;
	if (imap_conn_open(src->conn, &src->error) < 0)
		on_lost(src);
	return true;
}

enum sync_step sync_source_step(struct sync_source *src)
{
	struct sync_shared *shared = src->shared;
	bool worked = false;

	if (src->phase == SOURCE_PHASE_ENDED)
		return SYNC_STEP_ENDED;
	if (src->has_error || atomic_load(&shared->interrupted) ||
	    sync_exchange_is_stopped(shared->exchange) || is_complete(src)) {
		end(src);
		return SYNC_STEP_ENDED;
	}
	if (src->phase == SOURCE_PHASE_OPENING ||
	    src->phase == SOURCE_PHASE_PAUSED)
		return open_session(src) ? SYNC_STEP_WORKED : SYNC_STEP_IDLE;
	worked |= read_events(src);
	if (src->phase == SOURCE_PHASE_PAUSED || src->has_error)
		return SYNC_STEP_WORKED;
	worked |= work(src);
	imap_conn_keep_alive(src->conn);
	if (imap_conn_flush(src->conn, &src->error) < 0) {
		on_lost(src);
		worked = true;
	}
	return worked ? SYNC_STEP_WORKED : SYNC_STEP_IDLE;
}

void sync_source_poll(
    struct sync_source *src, struct pollfd *out, int64_t *deadline_ms)
{
	if (src->phase == SOURCE_PHASE_PAUSED) {
		*out = (struct pollfd){.fd = -1};
		*deadline_ms = src->again_at_ms;
		return;
	}
	imap_conn_poll(src->conn, !src->in.is_waiting, out, deadline_ms);
	if (src->shared->pool) {
		int64_t part = sync_pool_deadline_ms(src->shared->pool);
		int64_t soon = clock_ms() + LOOK_AGAIN_MS;
		// whose time has come waits for room, or came just now
		if (part <= clock_ms())
			part = soon;
		if (part < *deadline_ms)
			*deadline_ms = part;
	}
}
