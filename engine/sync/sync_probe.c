// SPDX-License-Identifier: MIT
#include "engine/sync/sync_probe_private.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_conn.h"
#include "engine/imap/imap_refusal.h"
#include "engine/imap/imap_search.h"
#include "engine/sync/sync_accounting.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_mapping.h"
#include "engine/sync/sync_surplus.h"

enum {
	OP_INVENTORY = 0, /* and the next ones */
	OP_EXAMINE = SYNC_INVENTORY_OPS,
	OP_SAMPLE,
	OP_QUOTA,
	OP_LOOK_EXAMINE,
	OP_LOOK_SEARCH
};

enum {
	EVENTS_A_STEP = 256,
	SAMPLE_MESSAGES = 200, /* whose sizes stand for the others */
	LOOKS_MAX = 1000,      /* mailboxes searched for big messages */
	FLIGHT_MAX = 100,
	STOPS_MAX = 2,
	PATIENCE = 10 /* time-outs until a look has lasted too long */
};

/* ------------------------------------------------------------ commands */

static void send(struct probe_side *side, struct imap_cmd *cmd)
{
	imap_conn_send(side->conn, cmd);
	side->pending++;
}

/* Of another account ("~user/") the quota of our own INBOX says nothing. */
static bool may_ask_quota(
    const struct probe_run *p, const struct probe_side *side)
{
	const char *prefix = p->options->target_prefix;

	return side->is_target && !(prefix && prefix[0] == '~') &&
	       imap_caps_has(imap_conn_caps(side->conn), IMAP_CAP_QUOTA);
}

static void start_listing(struct probe_run *p, struct probe_side *side)
{
	static char inbox[] = "INBOX";
	static char *const only_inbox[] = {inbox};
	const struct job_options *o = p->options;
	struct sync_inventory_scope scope = {.with_size = true,
	    .with_limit = side->is_target,
	    .reference = side->is_target ? o->target_prefix : o->source_prefix};

	if (!side->is_target) {
		bool only_new = o->lists == 0 && o->mode == JOB_MODE_SRC_NEW;
		scope.patterns = only_new ? only_inbox : o->list;
		scope.count = only_new ? 1 : o->lists;
	}
	side->phase = PROBE_PHASE_LISTING;
	(void)snprintf(side->greeting, sizeof(side->greeting), "%s",
	    imap_conn_greeting(side->conn));
	if (may_ask_quota(p, side)) {
		struct imap_cmd *cmd = imap_conn_command(
		    side->conn, OP_QUOTA, NULL, "GETQUOTAROOT");
		imap_cmd_text(cmd, " INBOX");
		send(side, cmd);
	}
	sync_inventory_start(
	    &side->inventory, side->conn, OP_INVENTORY, &scope);
}

static const struct sync_box *box_to_open(struct probe_side *side)
{
	const struct sync_box *box =
	    sync_inventory_find(&side->inventory, "INBOX");

	if (box && box->is_selectable)
		return box;
	for (size_t i = 0; i < side->inventory.count; i++)
		if (side->inventory.boxes[i].is_selectable)
			return &side->inventory.boxes[i];
	return NULL;
}

/* Login says that we may come in, this that we may read. */
static void open_inbox(struct probe_side *side)
{
	const struct sync_box *box = box_to_open(side);

	side->was_listed = true;
	side->phase = PROBE_PHASE_INBOX;
	if (!box)
		return;
	struct imap_cmd *cmd =
	    imap_conn_command(side->conn, OP_EXAMINE, NULL, "EXAMINE");
	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, box->name);
	send(side, cmd);
}

/* Where nobody tells sizes, some messages stand for all. */
static void sample(struct probe_side *side)
{
	uint32_t last = side->exists;
	uint32_t first =
	    last > SAMPLE_MESSAGES ? last - SAMPLE_MESSAGES + 1 : 1;

	if (last == 0 ||
	    imap_caps_has(imap_conn_caps(side->conn), IMAP_CAP_STATUS_SIZE))
		return;
	struct imap_cmd *cmd =
	    imap_conn_command(side->conn, OP_SAMPLE, NULL, "FETCH");
	imap_cmd_text(
	    cmd, " %" PRIu32 ":%" PRIu32 " (RFC822.SIZE)", first, last);
	send(side, cmd);
}

/* ------------------------------------------------------------ answers */

static int on_examined(struct probe_side *side, const struct imap_cmd *cmd)
{
	if (imap_cmd_condition(cmd) == IMAP_CONDITION_OK) {
		sample(side);
		return 0;
	}
	// some make it with the first message
	if (side->is_target && imap_refusal_of(cmd) == IMAP_REFUSAL_GONE)
		return 0;
	(void)error_set(&side->error, ERROR_SERVER_NO, "folder.inbox",
	    "%s: INBOX cannot be opened: '%s'", side->name,
	    imap_cmd_reply(cmd));
	if (imap_refusal_of(cmd) == IMAP_REFUSAL_TEMPORARY ||
	    imap_refusal_of(cmd) == IMAP_REFUSAL_THROTTLED)
		side->error.retry = ERROR_RETRY_LATER;
	return -1;
}

static void on_sampled(struct probe_side *side, const struct imap_response *r)
{
	struct imap_fetch f;

	if (r->kind != IMAP_RESPONSE_NUMBER || !imap_str_is(r->word, "FETCH") ||
	    !imap_fetch_parse(r->rest, &f) || !f.has_size ||
	    side->sample_count >= SAMPLE_MESSAGES || f.size > INT64_MAX / 1024)
		return;
	side->sample_count++;
	side->sample_bytes += f.size;
}

static void on_found(struct probe_look *look, const struct imap_response *r)
{
	if (r->kind != IMAP_RESPONSE_DATA ||
	    (!imap_str_is(r->word, "SEARCH") &&
		!imap_str_is(r->word, "ESEARCH")))
		return;
	look->found = imap_search_count(r->word, r->rest);
	if (look->m->has_status && look->found > look->m->messages)
		look->found = look->m->messages;
}

static int on_done(
    struct probe_run *p, struct probe_side *side, struct imap_cmd *cmd)
{
	struct probe_look *look = imap_cmd_context(cmd);
	bool failed = imap_cmd_condition(cmd) != IMAP_CONDITION_OK;

	side->pending--;
	if (imap_cmd_op(cmd) == OP_EXAMINE)
		return on_examined(side, cmd);
	if (look && failed)
		look->is_failed = p->is_too_big_unknown = true;
	return 0;
}

static int on_inventory(struct probe_side *side, const struct imap_event *event)
{
	int rc = sync_inventory_on_event(
	    &side->inventory, side->conn, OP_INVENTORY, event, &side->error);

	if (rc < 0)
		return error_prefix(&side->error, "%s", side->name);
	if (rc == 1)
		open_inbox(side);
	return 0;
}

static int on_event(struct probe_run *p, struct probe_side *side,
    const struct imap_event *event)
{
	bool done = event->kind == IMAP_EVENT_DONE;
	const struct imap_cmd *cmd = done ? event->cmd : event->head;
	const struct imap_response *r = &event->response;

	if (event->kind == IMAP_EVENT_READY) {
		start_listing(p, side);
		return 0;
	}
	if (!cmd || imap_cmd_op(cmd) < 0)
		return 0;
	if (imap_cmd_op(cmd) < OP_EXAMINE)
		return on_inventory(side, event);
	if (done)
		return on_done(p, side, event->cmd);
	if (event->kind != IMAP_EVENT_UNTAGGED)
		return 0; // nobody asked for a body
	if (imap_cmd_op(cmd) == OP_EXAMINE && r->kind == IMAP_RESPONSE_NUMBER &&
	    imap_str_is(r->word, "EXISTS") && r->number <= UINT32_MAX)
		side->exists = (uint32_t)r->number;
	else if (imap_cmd_op(cmd) == OP_SAMPLE)
		on_sampled(side, r);
	else if (imap_cmd_op(cmd) == OP_QUOTA &&
		 r->kind == IMAP_RESPONSE_DATA && imap_str_is(r->word, "QUOTA"))
		(void)imap_quota_add(&side->quota, r->rest); // or none is known
	else if (imap_cmd_op(cmd) == OP_LOOK_SEARCH)
		on_found(imap_cmd_context(cmd), r);
	return 0;
}

/* ------------------------------------------------------- big messages */

static bool may_hold_big(const struct sync_mailbox *m)
{
	// SEARCH knows no larger number
	return !m->refusal && m->append_limit < UINT32_MAX &&
	       !(m->has_status && m->messages == 0) &&
	       !(m->has_size && m->bytes <= m->append_limit);
}

static void choose_looks(struct probe_run *p)
{
	const struct sync_plan *plan = p->plan;

	p->looks = mem_calloc(LOOKS_MAX, sizeof(*p->looks));
	for (size_t i = 0; i < plan->count; i++) {
		if (!may_hold_big(&plan->mailboxes[i]))
			continue;
		if (p->look_count == LOOKS_MAX) {
			p->is_too_big_unknown = true;
			return;
		}
		p->looks[p->look_count++].m = &plan->mailboxes[i];
	}
}

static void send_look(struct probe_side *side, struct probe_look *look)
{
	bool counts =
	    imap_caps_has(imap_conn_caps(side->conn), IMAP_CAP_ESEARCH);
	struct imap_cmd *cmd =
	    imap_conn_command(side->conn, OP_LOOK_EXAMINE, look, "EXAMINE");

	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, look->m->source);
	send(side, cmd);
	cmd = imap_conn_command(side->conn, OP_LOOK_SEARCH, look, "SEARCH");
	imap_cmd_text(cmd, "%s LARGER %" PRIu64,
	    counts ? " RETURN (COUNT)" : "", look->m->append_limit);
	send(side, cmd);
}

/* ------------------------------------------------------------ the loop */

static void leave(struct probe_side *side)
{
	imap_conn_logout(side->conn);
	side->phase = PROBE_PHASE_ENDED;
}

static void fail(struct probe_side *side)
{
	imap_conn_close(side->conn);
	side->phase = PROBE_PHASE_FAILED;
}

static bool is_over(const struct probe_side *side)
{
	return side->phase == PROBE_PHASE_ENDED ||
	       side->phase == PROBE_PHASE_FAILED;
}

/* Both have listed: names, and what has to be looked for on the source. */
static void meet(struct probe_run *p)
{
	p->plan = sync_mapping(
	    &p->source.inventory, &p->target.inventory, p->options);
	if (p->options->mode == JOB_MODE_DST)
		sync_surplus_find(p->plan, &p->source.inventory,
		    &p->target.inventory, p->options);
	choose_looks(p);
	leave(&p->target);
	p->source.phase = PROBE_PHASE_SEARCHING;
}

static void advance(struct probe_run *p)
{
	struct probe_side *s = &p->source, *t = &p->target;
	struct probe_side *sides[] = {s, t};

	for (size_t i = 0; i < ARRAY_LEN(sides); i++)
		if (sides[i]->phase == PROBE_PHASE_INBOX &&
		    sides[i]->pending == 0)
			sides[i]->phase = PROBE_PHASE_LISTED;
	if (s->phase == PROBE_PHASE_LISTED && t->phase == PROBE_PHASE_LISTED)
		meet(p);
	else if (s->phase == PROBE_PHASE_LISTED && is_over(t))
		leave(s);
	else if (t->phase == PROBE_PHASE_LISTED && is_over(s))
		leave(t);
	if (s->phase != PROBE_PHASE_SEARCHING)
		return;
	while (p->next_look < p->look_count && s->pending < FLIGHT_MAX)
		send_look(s, &p->looks[p->next_look++]);
	if (s->pending == 0)
		leave(s);
}

static bool step(struct probe_run *p, struct probe_side *side)
{
	struct imap_event event;
	bool worked = false;

	if (is_over(side))
		return false;
	if (side->phase == PROBE_PHASE_OPENING) {
		side->phase = PROBE_PHASE_LISTING;
		if (imap_conn_open(side->conn, &side->error) < 0)
			fail(side);
		return true;
	}
	for (int i = 0; i < EVENTS_A_STEP; i++) {
		int rc = imap_conn_next(side->conn, &event, &side->error);
		if (rc == 0)
			break;
		if (rc < 0 || on_event(p, side, &event) < 0) {
			fail(side);
			return true;
		}
		worked = true;
	}
	imap_conn_keep_alive(side->conn);
	if (imap_conn_flush(side->conn, &side->error) < 0)
		fail(side);
	return worked;
}

static void wait(struct probe_run *p, int64_t deadline_ms)
{
	const struct sync_probe_io *io = p->io;
	struct probe_side *sides[] = {&p->source, &p->target};
	struct pollfd fds[2 + STOPS_MAX];
	nfds_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		int64_t own = CLOCK_NEVER;
		if (is_over(sides[i]))
			continue;
		imap_conn_poll(sides[i]->conn, true, &fds[n++], &own);
		if (own < deadline_ms)
			deadline_ms = own;
	}
	nfds_t stops = n;
	for (size_t i = 0; i < io->stop_count && i < STOPS_MAX; i++)
		fds[n++] =
		    (struct pollfd){.fd = io->stop_fds[i], .events = POLLIN};
	if (poll(fds, n, clock_poll_ms(deadline_ms)) <= 0)
		return;
	for (nfds_t i = stops; i < n; i++)
		p->interrupted |= fds[i].revents != 0;
}

static void run_out(struct probe_side *side)
{
	if (is_over(side))
		return;
	(void)error_set(&side->error, ERROR_TIMEOUT, "net.timeout",
	    "%s: the look took too long", side->name);
	fail(side);
}

static void drive(struct probe_run *p, uint32_t timeout_ms)
{
	int64_t end_ms = clock_ms() + (int64_t)timeout_ms * PATIENCE;

	while (
	    !p->interrupted && (!is_over(&p->source) || !is_over(&p->target))) {
		bool worked = step(p, &p->source);
		worked |= step(p, &p->target);
		advance(p);
		if (clock_ms() >= end_ms) {
			run_out(&p->source);
			run_out(&p->target);
		}
		// a server that never stops talking does not keep us from it
		if (!is_over(&p->source) || !is_over(&p->target))
			wait(p, worked ? 0 : end_ms);
	}
}

/* ----------------------------------------------------------- the result */

static void side_init(struct probe_side *side,
    const struct imap_conn_settings *settings, bool is_target)
{
	*side =
	    (struct probe_side){.name = settings->side, .is_target = is_target};
	side->conn = imap_conn_new(settings);
	sync_inventory_init(&side->inventory);
}

static void side_release(struct probe_side *side)
{
	imap_conn_free(side->conn);
	sync_inventory_release(&side->inventory);
}

static void judge(struct probe_run *p, struct sync_result *result)
{
	const struct probe_side *failed =
	    p->source.phase == PROBE_PHASE_FAILED   ? &p->source
	    : p->target.phase == PROBE_PHASE_FAILED ? &p->target
						    : NULL;

	*result = (struct sync_result){.exit = EXIT_CODE_OK};
	if (p->interrupted)
		(void)error_set(&result->error, ERROR_INTERRUPTED,
		    "operator.stop", "stopped before the end");
	else if (failed)
		result->error = failed->error;
	if (result->error.kind != ERROR_NONE)
		result->exit = exit_code_of_error(&result->error);
	else if (p->refused > 0)
		result->exit = EXIT_CODE_PARTIAL;
}

void sync_probe_run(const struct job_options *options,
    const struct imap_conn_settings *source,
    const struct imap_conn_settings *target, const struct sync_probe_io *io,
    struct sync_result *result)
{
	struct probe_run p = {.options = options, .io = io};
	int64_t start_ms = clock_ms();

	side_init(&p.source, source, false);
	side_init(&p.target, target, true);
	drive(&p, options->timeout_ms);
	if (!p.interrupted)
		sync_probe_report(&p);
	judge(&p, result);
	result->duration_ms = (uint64_t)(clock_ms() - start_ms);
	sync_probe_report_end(&p, result);
	sync_plan_free(p.plan);
	free(p.looks);
	side_release(&p.source);
	side_release(&p.target);
}
