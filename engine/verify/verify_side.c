// SPDX-License-Identifier: MIT
#include "engine/verify/verify_side.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/verify/verify_side_private.h"

enum {
	FAILURES_MAX = 5, /* lost sessions in a row without progress */
	TRIES_MAX = 3,    /* the same in one mailbox */
	FIRST_WAIT_MS = 250,
	MAX_WAIT_MS = 8000,
	EVENTS_A_STEP = 256
};

_Static_assert((int)JOB_TLS_NONE == (int)IMAP_TLS_NONE &&
		   (int)JOB_AUTH_EXTERNAL == (int)IMAP_AUTH_EXTERNAL &&
		   (int)JOB_SWITCH_OFF == (int)IMAP_COMPRESS_OFF,
    "words of a job stand in the order of those of a connection");

static struct imap_conn_settings settings_of(const struct job *job,
    const struct job_endpoint *e, const char *word, struct log *log)
{
	return (struct imap_conn_settings){
	    .side = word,
	    .host = e->host,
	    .port = e->port,
	    .tls = (enum imap_tls)e->tls,
	    .tls_verify = e->tls_verify,
	    .ca_file = e->ca_file,
	    .pin = e->pin,
	    .auth = (enum imap_auth)e->auth,
	    .user = e->user,
	    .as = e->as,
	    .password = &e->password,
	    .proxy_auth = e->proxy_auth,
	    .token_file = e->token_file,
	    .literal_plus = job->options.literal_plus,
	    .compress = (enum imap_compress)job->options.compress,
	    .timeout_ms = job->options.timeout_ms,
	    .pace = e->pace,
	    .log = log,
	};
}

struct verify_side *verify_side_new(
    struct verify_board *board, enum verify_side_name name)
{
	struct verify_side *side = mem_calloc(1, sizeof(*side));
	const struct job *job = board->job;

	side->name = name;
	side->word = name == VERIFY_SOURCE ? "source" : "target";
	side->board = board;
	side->settings = settings_of(job,
	    name == VERIFY_SOURCE ? &job->source : &job->target, side->word,
	    board->log);
	side->conn = imap_conn_new(&side->settings);
	side->canon = verify_canon_new(job->options.long_lines);
	return side;
}

void verify_side_free(struct verify_side *side)
{
	if (!side)
		return;
	imap_conn_free(side->conn);
	verify_canon_free(side->canon);
	free(side);
}

const struct error *verify_side_error(const struct verify_side *side)
{
	return side->has_error ? &side->error : NULL;
}

/* ------------------------------------------------------------ sessions */

/* A broken stream may be an accident; what a peer is, is none. */
static bool may_pass(const struct error *err)
{
	return err->kind == ERROR_IO || err->kind == ERROR_TIMEOUT ||
	       strcmp(err->reason, "proto.sync") == 0 ||
	       strcmp(err->reason, "proto.syntax") == 0;
}

/* Milliseconds until the next session; -1: there is none. */
static int64_t wait_ms(struct verify_side *side)
{
	int64_t asked = side->asked_ms;

	side->asked_ms = 0;
	if (!side->was_ready || !may_pass(&side->error))
		return -1;
	if (side->progress != side->progress_seen)
		side->failures = 0;
	side->progress_seen = side->progress;
	if (++side->failures >= FAILURES_MAX)
		return -1;
	int64_t wait = (int64_t)FIRST_WAIT_MS << (side->failures - 1);
	if (wait > MAX_WAIT_MS)
		wait = MAX_WAIT_MS;
	return asked > wait ? asked : wait;
}

/* A mailbox that ends every session must not keep us from the others. */
static void blame(struct verify_side *side)
{
	struct verify_box *box = side->flight[0];

	if (!side->is_ready || side->flight_count == 0)
		return;
	struct verify_half *half = &box->half[side->name];
	if (side->progress != half->progress_seen)
		half->tries = 0;
	half->progress_seen = side->progress;
	if (++half->tries < TRIES_MAX)
		return;
	side->progress++;
	verify_fetch_fail(side, box, side->error.text);
}

static void on_lost(struct verify_side *side)
{
	imap_conn_close(side->conn);
	side->selected = NULL;
	side->has_digest = false;
	if (may_pass(&side->error))
		blame(side);
	side->is_ready = false;
	int64_t wait = wait_ms(side);
	if (wait < 0) {
		side->has_error = true;
		return;
	}
	log_write(side->board->log, LOG_LEVEL_WARNING, side->word,
	    "%s; connecting again in %lld ms", side->error.text,
	    (long long)wait);
	side->phase = VERIFY_PHASE_PAUSED;
	side->again_at_ms = clock_ms() + wait;
}

static void start_inventory(struct verify_side *side)
{
	static char inbox[] = "INBOX";
	static char *const only_inbox[] = {inbox};
	const struct job_options *o = &side->board->job->options;
	struct sync_inventory_scope scope = {.reference = o->target_prefix};

	if (side->name == VERIFY_SOURCE) {
		scope =
		    (struct sync_inventory_scope){.reference = o->source_prefix,
			.patterns = o->list,
			.count = o->lists};
		if (o->lists == 0 && o->mode == JOB_MODE_SRC_NEW) {
			scope.patterns = only_inbox; // as the copy does
			scope.count = 1;
		}
	}
	side->phase = VERIFY_PHASE_INVENTORY;
	sync_inventory_start(&side->board->inventory[side->name], side->conn,
	    VERIFY_OP_INVENTORY, &scope);
}

static void on_ready(struct verify_side *side)
{
	side->was_ready = side->is_ready = true;
	if (!side->has_inventory) {
		start_inventory(side);
		return;
	}
	side->phase = VERIFY_PHASE_PLAN;
	for (size_t i = 0; i < side->flight_count; i++)
		verify_fetch_start(side, side->flight[i]);
}

static int on_inventory_event(
    struct verify_side *side, const struct imap_event *event)
{
	int rc = sync_inventory_on_event(&side->board->inventory[side->name],
	    side->conn, VERIFY_OP_INVENTORY, event, &side->error);

	if (rc < 0)
		return error_prefix(&side->error, "%s", side->word);
	if (rc == 1) {
		side->has_inventory = true;
		side->phase = VERIFY_PHASE_PLAN;
		side->progress++;
		verify_board_has_inventory(side->board, side->name);
	}
	return 0;
}

static int on_event(struct verify_side *side, const struct imap_event *event)
{
	const struct imap_cmd *cmd =
	    event->kind == IMAP_EVENT_DONE ? event->cmd : event->head;

	if (event->kind == IMAP_EVENT_READY) {
		on_ready(side);
		return 0;
	}
	if (cmd && imap_cmd_op(cmd) >= VERIFY_OP_INVENTORY &&
	    imap_cmd_op(cmd) < VERIFY_OP_EXAMINE)
		return on_inventory_event(side, event);
	return verify_fetch_on_event(side, event);
}

/* ---------------------------------------------------------------- work */

static bool take_work(struct verify_side *side)
{
	bool worked = false;

	while (side->flight_count < VERIFY_SIDE_FLIGHT_MAX) {
		struct verify_box *box =
		    verify_board_take_again(side->board, side->name);
		if (box)
			box->half[side->name].is_reading = true;
		else
			box = verify_board_next(
			    side->board, side->name, &side->cursor);
		if (!box)
			break;
		side->flight[side->flight_count++] = box;
		verify_fetch_start(side, box);
		worked = true;
	}
	return worked;
}

static bool read_events(struct verify_side *side)
{
	struct imap_event event;
	bool worked = false;

	for (int i = 0; i < EVENTS_A_STEP; i++) {
		int rc = imap_conn_next(side->conn, &event, &side->error);
		if (rc == 0)
			break;
		if (rc < 0 || on_event(side, &event) < 0) {
			on_lost(side);
			return true;
		}
		worked = true;
	}
	return worked;
}

static bool open_session(struct verify_side *side)
{
	if (side->phase == VERIFY_PHASE_PAUSED &&
	    clock_ms() < side->again_at_ms)
		return false;
	side->phase = VERIFY_PHASE_INVENTORY;
	if (imap_conn_open(side->conn, &side->error) < 0)
		on_lost(side);
	return true;
}

static enum verify_step end(struct verify_side *side)
{
	if (side->has_error || atomic_load(&side->board->stopped))
		imap_conn_close(side->conn);
	else
		imap_conn_logout(side->conn);
	if (side->has_error)
		verify_board_stop(side->board);
	side->phase = VERIFY_PHASE_ENDED;
	return VERIFY_STEP_ENDED;
}

enum verify_step verify_side_step(struct verify_side *side)
{
	if (side->phase == VERIFY_PHASE_ENDED)
		return VERIFY_STEP_ENDED;
	if (side->has_error || atomic_load(&side->board->stopped) ||
	    verify_board_is_complete(side->board))
		return end(side);
	if (side->phase == VERIFY_PHASE_OPENING ||
	    side->phase == VERIFY_PHASE_PAUSED)
		return open_session(side) ? VERIFY_STEP_WORKED
					  : VERIFY_STEP_IDLE;
	bool worked = read_events(side);
	if (side->has_error || side->phase == VERIFY_PHASE_PAUSED)
		return VERIFY_STEP_WORKED;
	if (side->phase == VERIFY_PHASE_PLAN &&
	    verify_board_has_plan(side->board)) {
		side->phase = VERIFY_PHASE_COMPARE;
		worked = true;
	}
	if (side->phase == VERIFY_PHASE_COMPARE)
		worked |= take_work(side);
	imap_conn_keep_alive(side->conn);
	if (imap_conn_flush(side->conn, &side->error) < 0) {
		on_lost(side);
		worked = true;
	}
	return worked ? VERIFY_STEP_WORKED : VERIFY_STEP_IDLE;
}

void verify_side_poll(
    struct verify_side *side, struct pollfd *out, int64_t *deadline_ms)
{
	if (side->phase == VERIFY_PHASE_PAUSED) {
		*out = (struct pollfd){.fd = -1};
		*deadline_ms = side->again_at_ms;
		return;
	}
	imap_conn_poll(side->conn, true, out, deadline_ms);
}
