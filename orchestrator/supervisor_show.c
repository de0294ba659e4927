// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/status_file.h"
#include "orchestrator/supervisor_private.h"

enum {
	SHOW_EVERY_MS = 250,
	FILE_EVERY_MS = 1000,
	FILE_AT_END_MS = 100 /* many may end in a moment */
};

int supervisor_show_init(struct supervisor *s, struct error *err)
{
	struct supervisor_show *show = &s->show;

	for (size_t i = 0; s->before && i < s->before->count; i++) {
		show->before_copied += s->before->accounts[i].copied_total;
		show->before_bytes += s->before->accounts[i].bytes_total;
	}
	show->now = (struct snapshot){
	    .copied = show->before_copied,
	    .plan = s->plan->name,
	    .run_id = s->dir.id,
	    .pass = s->plan->pass ? s->plan->pass->name : NULL,
	    .is_dry = s->is_dry,
	    .started_ms = clock_wall_ms(),
	    .accounts = mem_try_calloc(
		s->slot_count + 1, sizeof(struct snapshot_account)),
	    .servers = mem_try_calloc(
		s->plan->server_count + 1, sizeof(struct snapshot_server)),
	    .server_count = s->plan->server_count,
	};
	notify_systemd_open(&show->systemd);
	notify_systemd_ready(&show->systemd);
	if (!show->now.accounts || !show->now.servers)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	return 0;
}

void supervisor_show_release(struct supervisor *s)
{
	free(s->show.now.accounts);
	free(s->show.now.servers);
	s->show.now.accounts = NULL;
	s->show.now.servers = NULL;
	notify_systemd_close(&s->show.systemd);
}

static const char *stage_name(enum stage stage)
{
	switch (stage) {
	case STAGE_RUN:
		return "run";
	case STAGE_DRAIN:
		return "drain";
	case STAGE_STOP:
		return "stop";
	case STAGE_KILL:
		return "kill";
	}
	return "run";
}

static void count_accounts(const struct supervisor *s, struct snapshot *now)
{
	now->class_count = 0;
	for (size_t i = 0; i < s->plan->account_count; i++) {
		const char *name = s->standings[i].outcome;
		if (s->standings[i].is_left_out)
			continue; // not asked for: no part of the batch
		// nothing waits any more
		switch (
		    now->has_ended ? SCHED_DONE : s->sched.accounts[i].state) {
		case SCHED_RUNNING:
			name = "running";
			break;
		case SCHED_WAITING:
		case SCHED_AT_END:
			name = "retrying";
			break;
		case SCHED_PENDING:
			name = "waiting";
			break;
		case SCHED_DEFERRED:
			name = "deferred";
			break;
		case SCHED_LEFT:
		case SCHED_SKIPPED:
		case SCHED_DONE:
			break;
		}
		snapshot_count(now, name);
	}
	now->running = s->sched.by_state[SCHED_RUNNING];
	now->waiting = s->sched.by_state[SCHED_PENDING];
	now->retrying = s->sched.by_state[SCHED_WAITING] +
			s->sched.by_state[SCHED_AT_END] +
			s->sched.by_state[SCHED_DEFERRED];
	now->done =
	    s->sched.by_state[SCHED_DONE] + s->sched.by_state[SCHED_LEFT];
	now->total = now->done + now->running + now->waiting + now->retrying;
}

static struct snapshot_server *server_of(const struct supervisor *s,
    struct snapshot *now, const struct plan_server *server)
{
	return &now->servers[server - s->plan->servers];
}

static void count_servers(const struct supervisor *s, struct snapshot *now)
{
	for (size_t i = 0; i < s->plan->server_count; i++) {
		const struct sched_server *server = &s->sched.servers[i];
		now->servers[i] = (struct snapshot_server){
		    .name = s->plan->servers[i].name,
		    .limit = server->config.connections,
		    .has_breaker = server->breaker.config.after > 0,
		    .is_open = server->breaker.state != BREAKER_CLOSED,
		};
	}
	for (size_t i = 0; i < s->slot_count; i++) {
		const struct slot *slot = &s->slots[i];
		if (slot->pid <= 0)
			continue;
		const struct plan_account *a =
		    &s->plan->accounts[slot->account];
		unsigned count = s->sched.accounts[slot->account].connections;
		server_of(s, now, a->source.server)->source += count;
		server_of(s, now, a->target.server)->target += count;
	}
}

static void add_account(
    const struct supervisor *s, const struct slot *slot, struct snapshot *now)
{
	const struct tally *t = &slot->collect.tally;

	now->accounts[now->account_count++] = (struct snapshot_account){
	    .id = s->plan->accounts[slot->account].id,
	    .mailbox = slot->collect.mailbox,
	    .state = slot_state_name(slot->state),
	    // it begins when its passwords are there
	    .attempt = s->standings[slot->account].attempt +
		       (slot->state == SLOT_SECRETS),
	    .copied = t->copied,
	    .expected = slot->collect.expected,
	    .bytes = t->bytes_copied,
	    .expected_bytes = slot->collect.expected_bytes,
	    .ms = clock_ms() - slot->started_ms,
	};
	now->copied += t->copied;
	now->bytes += t->bytes_copied;
}

const struct snapshot *supervisor_show_take(struct supervisor *s)
{
	struct snapshot *now = &s->show.now;
	uint64_t copied = now->copied;
	int64_t ms = clock_ms();

	now->stage = s->is_paused && s->stage == STAGE_RUN
			 ? "paused"
			 : stage_name(s->stage);
	now->updated_ms = clock_wall_ms();
	now->success_ms = s->progress.success_ms;
	now->passed_ms = ms - s->progress.started_ms;
	now->jobs = s->sched.config.jobs;
	now->copied = s->show.before_copied + s->progress.copied;
	now->bytes = s->show.before_bytes + s->progress.bytes;
	now->account_count = 0;
	for (size_t i = 0; i < s->slot_count; i++)
		if (s->slots[i].pid > 0 || s->slots[i].state == SLOT_SECRETS)
			add_account(s, &s->slots[i], now);
	if (now->copied > copied)
		now->progress_ms = now->updated_ms;
	count_accounts(s, now);
	count_servers(s, now);
	now->rate = snapshot_rate(&s->show.rate, now->bytes, ms);
	snapshot_eta(now);
	return now;
}

static void write_files(struct supervisor *s)
{
	struct error err = {0};

	// it can be made again: no reason to stop a batch
	if (status_file_write(s->dir.path, &s->show.now, &err) < 0 &&
	    !s->show.has_failed) {
		s->show.has_failed = true;
		progress_note(
		    &s->progress, "WARNING", "no status.json: %s", err.text);
	}
}

/* The summary as a line of `systemctl status`. */
static void tell_systemd(struct supervisor *s)
{
	struct notify_systemd *systemd = &s->show.systemd;
	const struct snapshot *now = &s->show.now;
	char text[NOTIFY_STATUS_BYTES], speed[32], left[32];

	if (!notify_systemd_is_open(systemd))
		return;
	if (s->stage != STAGE_RUN && !s->show.is_stopping) {
		s->show.is_stopping = true;
		notify_systemd_stopping(systemd);
	}
	(void)snprintf(text, sizeof(text),
	    "%s: %zu of %zu accounts done, %zu run, %s/s%s%s", now->stage,
	    now->done, now->total, now->running,
	    text_bytes(now->rate, speed, sizeof(speed)),
	    now->eta_by ? ", left " : "",
	    now->eta_by
		? snapshot_duration(now->eta_seconds, left, sizeof(left))
		: "");
	notify_systemd_status(systemd, text);
}

void supervisor_show(struct supervisor *s)
{
	struct supervisor_show *show = &s->show;
	int64_t now = clock_ms();

	if (show->seen_ends != s->progress.ends) {
		show->seen_ends = s->progress.ends;
		if (show->next_file_ms > now + FILE_AT_END_MS)
			show->next_file_ms = now + FILE_AT_END_MS;
	}
	if (s->progress.is_stale) // lines scrolled: the board comes back
		show->next_ms = now;
	if (now < show->next_ms && now < show->next_file_ms)
		return;
	(void)supervisor_show_take(s);
	if (now >= show->next_file_ms) {
		write_files(s);
		tell_systemd(s);
		show->next_file_ms = now + FILE_EVERY_MS;
	}
	if (now >= show->next_ms) {
		progress_tick(&s->progress, &show->now, now);
		show->next_ms = now + SHOW_EVERY_MS;
	}
}

int64_t supervisor_show_deadline(const struct supervisor *s)
{
	int64_t shown = s->show.next_ms;

	// nobody looks at a status line: the summary is enough
	if (progress_deadline(&s->progress) > shown)
		shown = progress_deadline(&s->progress);
	return shown < s->show.next_file_ms ? shown : s->show.next_file_ms;
}

void supervisor_show_end(struct supervisor *s, int code)
{
	struct snapshot *now = &s->show.now;

	now->has_ended = true;
	now->exit = code;
	(void)supervisor_show_take(s);
	now->stage = "ended";
	write_files(s);
	tell_systemd(s);
	if (!s->show.is_stopping)
		notify_systemd_stopping(&s->show.systemd);
}
