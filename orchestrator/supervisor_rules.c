// SPDX-License-Identifier: MIT
/* The plan's rules for the whole run: windows, duration, room, too many
 * failures.  A rule that ends the run leaves it to be gone on with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "orchestrator/disk.h"
#include "orchestrator/halt.h"
#include "orchestrator/journal.h"
#include "orchestrator/memory.h"
#include "orchestrator/supervisor.h"
#include "orchestrator/supervisor_private.h"
#include "orchestrator/window.h"

enum {
	ROOM_EVERY_MS = 1000,
	/* the clock on the wall may be set, and the machine may sleep */
	WINDOW_EVERY_MS = 60 * 1000
};

/* The plan as it was read last: its limits and log level count, nothing else of it. */
static const struct plan *rules_of(const struct supervisor *s)
{
	return s->rules.reread ? s->rules.reread : s->plan;
}

void supervisor_rules_init(
    struct supervisor *s, const struct supervisor_options *options)
{
	uint64_t duration = options->max_duration_ms
				? options->max_duration_ms
				: s->plan->limits.max_duration_ms;

	s->rules = (struct supervisor_rules){
	    .next_ms = INT64_MIN,
	    .end_ms = duration ? clock_ms() + (int64_t)duration : CLOCK_NEVER,
	    .ends_with_window = options->ends_with_window,
	    .bandwidth = options->bandwidth,
	    .has_bandwidth = options->bandwidth > 0,
	};
	if (s->plan->timezone) {
		(void)setenv("TZ", s->plan->timezone, 1);
		tzset();
	}
}

/* Engines end at the next safe point; what they did not come to waits. */
static void stop_all(struct supervisor *s, const char *reason, const char *text)
{
	for (size_t i = 0; i < s->slot_count; i++) {
		struct slot *slot = &s->slots[i];
		if (supervisor_slot_is_unstarted(slot))
			supervisor_slot_event(s, slot, SLOT_ON_STOP);
		else if (slot->state == SLOT_RUNNING)
			supervisor_slot_put_off(s, slot, reason, text);
	}
}

static void end_run(
    struct supervisor *s, const char *why, const char *text, enum plan_stop how)
{
	s->rules.ended = why;
	sched_stop(&s->sched);
	(void)journal_rule(s->journal, "run.halt", why, text);
	progress_note(&s->progress, "WARNING", "%s: nothing more is started%s",
	    text,
	    how == PLAN_STOP_STOP ? ", engines end at the next safe point"
				  : ", running accounts finish");
	if (how == PLAN_STOP_STOP) {
		stop_all(s, why, text);
		return;
	}
	for (size_t i = 0; i < s->slot_count; i++)
		if (supervisor_slot_is_unstarted(&s->slots[i]))
			supervisor_slot_event(s, &s->slots[i], SLOT_ON_STOP);
}

void supervisor_rules_end(
    struct supervisor *s, const char *why, const char *text)
{
	end_run(s, why, text, PLAN_STOP_DRAIN);
}

static void watch_duration(struct supervisor *s, int64_t now)
{
	if (now >= s->rules.end_ms && !s->rules.ended)
		end_run(s, "duration.end", "the run's time is over",
		    PLAN_STOP_DRAIN);
	else if (s->rules.end_ms < s->rules.next_ms)
		s->rules.next_ms = s->rules.end_ms;
}

/* ---------------------------------------------------------------- windows */

static void close_window(struct supervisor *s, int64_t change_wall_ms)
{
	const struct plan_schedule *schedule = &rules_of(s)->schedule;
	char when[CLOCK_TEXT_BYTES], text[96];

	if (s->rules.ends_with_window) {
		end_run(s, "window.end", "the window is over",
		    schedule->at_window_end);
		return;
	}
	clock_format(change_wall_ms, when);
	(void)snprintf(text, sizeof(text), "outside of the windows until %s",
	    change_wall_ms == INT64_MAX ? "for ever" : when);
	s->rules.is_window_closed = true;
	(void)journal_rule(s->journal, "run.hold", "window.end", text);
	progress_note(&s->progress, "INFO", "%s: nothing is started", text);
	if (schedule->at_window_end == PLAN_STOP_STOP)
		stop_all(s, "window.end", text);
}

static void open_window(struct supervisor *s, const char *why)
{
	if (!s->rules.is_window_closed)
		return;
	s->rules.is_window_closed = false;
	(void)journal_rule(s->journal, "run.go", "window.begin", why);
	progress_note(&s->progress, "INFO", "%s: accounts start", why);
}

/* Nothing is started any more, but what runs may have to end with the window.
 */
static void watch_last_window(struct supervisor *s, int64_t now)
{
	const struct plan_schedule *schedule = &rules_of(s)->schedule;

	if (schedule->window_count == 0 || s->is_look ||
	    s->rules.is_window_closed ||
	    schedule->at_window_end != PLAN_STOP_STOP)
		return;
	int64_t wall = clock_wall_ms();
	if (window_find(schedule->windows, schedule->window_count, wall) < 0) {
		s->rules.is_window_closed = true;
		progress_note(&s->progress, "INFO",
		    "the window is over: engines end at the next safe point");
		stop_all(s, "window.end", "the window is over");
		return;
	}
	int64_t wait =
	    window_change_ms(schedule->windows, schedule->window_count, wall);
	wait = wait == INT64_MAX || wait - wall > WINDOW_EVERY_MS
		   ? WINDOW_EVERY_MS
		   : wait - wall + 1;
	if (now + wait < s->rules.next_ms)
		s->rules.next_ms = now + wait;
}

/* Until when nothing may be started; INT64_MIN: now is fine. */
static int64_t watch_window(struct supervisor *s, int64_t now)
{
	const struct plan_schedule *schedule = &rules_of(s)->schedule;
	int64_t wall = clock_wall_ms();

	// a look is short, and made by somebody who waits for it
	if (s->is_look)
		return INT64_MIN;
	if (schedule->window_count == 0) {
		open_window(s, "there are no windows any more");
		return INT64_MIN;
	}
	bool is_open =
	    window_find(schedule->windows, schedule->window_count, wall) >= 0;
	int64_t change =
	    window_change_ms(schedule->windows, schedule->window_count, wall);
	int64_t wait = change == INT64_MAX || change - wall > WINDOW_EVERY_MS
			   ? WINDOW_EVERY_MS
			   : change - wall + 1;
	if (now + wait < s->rules.next_ms)
		s->rules.next_ms = now + wait;
	if (!is_open && !s->rules.is_window_closed)
		close_window(s, change);
	if (is_open)
		open_window(s, "a window begins");
	return is_open ? INT64_MIN : now + wait;
}

/* ------------------------------------------------------------------- room */

/* Something of this machine that engines need, and that may run short. */
struct room {
	const char *what, *low, *free; /* the words of the last two: reasons */
	uint64_t floor, available;     /* bytes; floor 0: it is not watched */
};

/* Until when nothing may be started; INT64_MIN: there is enough. */
static int64_t watch_room(
    struct supervisor *s, int64_t now, const struct room *r, bool *is_low_io)
{
	bool is_low = r->available < r->floor;
	char text[96];

	if (r->floor > 0 && now + ROOM_EVERY_MS < s->rules.next_ms)
		s->rules.next_ms = now + ROOM_EVERY_MS;
	if (is_low != *is_low_io) {
		*is_low_io = is_low;
		(void)snprintf(text, sizeof(text),
		    "%llu MiB of %s are left, %llu are wanted",
		    (unsigned long long)(r->available >> 20), r->what,
		    (unsigned long long)(r->floor >> 20));
		(void)journal_rule(s->journal, is_low ? "run.hold" : "run.go",
		    is_low ? r->low : r->free, text);
		progress_note(&s->progress, is_low ? "WARNING" : "INFO",
		    "%s: accounts %s", text, is_low ? "wait" : "start again");
	}
	return is_low ? now + ROOM_EVERY_MS : INT64_MIN;
}

static int64_t watch_memory(struct supervisor *s, int64_t now)
{
	struct room r = {"memory", "memory.low", "memory.free",
	    rules_of(s)->limits.min_free_memory, 0};

	if (r.floor == 0 && !s->rules.is_memory_low)
		return INT64_MIN;
	r.available = memory_available();
	return watch_room(s, now, &r, &s->rules.is_memory_low);
}

/* Where states, journal and logs are written. */
static int64_t watch_disk(struct supervisor *s, int64_t now)
{
	struct room r = {"disk", "disk.low", "disk.free",
	    rules_of(s)->limits.min_free_disk, 0};

	if (r.floor == 0 && !s->rules.is_disk_low)
		return INT64_MIN;
	r.available = disk_available(s->dir.state);
	return watch_room(s, now, &r, &s->rules.is_disk_low);
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* -------------------------------------------------------------- bandwidth */

int supervisor_rules_share(struct supervisor *s, struct error *err)
{
	size_t servers = s->plan->server_count;

	s->pace_fd = pace_share(&s->pace, 1 + servers, err);
	if (s->pace_fd < 0)
		return -1;
	for (size_t i = 0; i < servers; i++)
		s->pace[1 + i].rate = s->plan->servers[i].limits.bandwidth;
	return 0;
}

/* What holds now: the command line's, or the first rate whose window it is. */
static void watch_bandwidth(struct supervisor *s, int64_t now)
{
	const struct plan_limits *limits = &rules_of(s)->limits;
	uint64_t rate = limits->bandwidth;
	int64_t wall = clock_wall_ms();
	bool found = false;

	for (size_t i = 0; i < limits->rate_count && !s->rules.has_bandwidth;
	     i++) {
		const struct plan_rate *r = &limits->rates[i];
		int64_t change = window_change_ms(&r->window, 1, wall);
		int64_t wait =
		    change == INT64_MAX || change - wall > WINDOW_EVERY_MS
			? WINDOW_EVERY_MS
			: change - wall + 1;
		if (now + wait < s->rules.next_ms)
			s->rules.next_ms = now + wait;
		if (!found && window_find(&r->window, 1, wall) >= 0) {
			rate = r->bandwidth;
			found = true;
		}
	}
	s->pace[0].rate = s->rules.has_bandwidth ? s->rules.bandwidth : rate;
}

uint64_t supervisor_rules_set_bandwidth(struct supervisor *s, uint64_t rate)
{
	uint64_t before = s->pace[0].rate;

	s->rules.bandwidth = rate;
	s->rules.has_bandwidth = true;
	s->pace[0].rate = rate;
	return before;
}

bool supervisor_rules_is_verbose(const struct supervisor *s)
{
	return rules_of(s)->log.level == PLAN_LOG_DEBUG;
}

void supervisor_rules_reread(struct supervisor *s, struct plan *plan)
{
	for (size_t i = 0; i < s->plan->server_count; i++) {
		for (size_t j = 0; j < plan->server_count; j++) {
			const struct plan_server *server = &plan->servers[j];
			if (strcmp(s->plan->servers[i].name, server->name) != 0)
				continue;
			s->pace[1 + i].rate = server->limits.bandwidth;
			supervisor_operator_set_connections(
			    s, i, server->limits.connections, "plan");
		}
	}
	plan_free(s->rules.reread);
	s->rules.reread = plan;
	s->rules.next_ms = INT64_MIN;
}

void supervisor_rules_release(struct supervisor *s)
{
	plan_free(s->rules.reread);
	s->rules.reread = NULL;
}

void supervisor_rules_tick(struct supervisor *s)
{
	int64_t now = clock_ms();

	if (now < s->rules.next_ms)
		return;
	s->rules.next_ms = CLOCK_NEVER;
	watch_bandwidth(s, now);
	if (s->sched.stopped) {
		watch_last_window(s, now);
		return;
	}
	watch_duration(s, now);
	if (s->sched.stopped)
		return;
	int64_t window = watch_window(s, now);
	int64_t memory = watch_memory(s, now);
	int64_t disk = watch_disk(s, now);
	sched_hold(&s->sched, later_of(window, later_of(memory, disk)));
}

int64_t supervisor_rules_deadline(const struct supervisor *s)
{
	return s->rules.next_ms;
}

/* --------------------------------------------------------------- failures */

void supervisor_rules_again(struct supervisor *s, size_t account)
{
	struct standing *st = &s->standings[account];

	if (!st->is_counted)
		return;
	st->is_counted = false;
	s->rules.finished--;
	s->rules.failed -= supervisor_is_failed(st->outcome);
}

void supervisor_rules_finished(struct supervisor *s, size_t account)
{
	bool has_failed = supervisor_is_failed(s->standings[account].outcome);
	const struct plan_halt *halt = &rules_of(s)->halt;
	const struct halt_config config = {
	    halt->failures, halt->percent, halt->min_finished};
	char text[96];

	s->standings[account].is_counted = true;
	s->rules.finished++;
	s->rules.failed += has_failed;
	// a look is there to find all that fails
	if (!has_failed || s->is_look || s->verify || s->sched.stopped ||
	    !halt_is_reached(&config, s->rules.finished, s->rules.failed))
		return;
	(void)snprintf(text, sizeof(text),
	    "%zu of %zu finished accounts failed", s->rules.failed,
	    s->rules.finished);
	end_run(s, "halt.failures", text, halt->action);
}
