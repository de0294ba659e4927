// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/journal.h"
#include "orchestrator/supervisor_private.h"

enum {
	RUNNING_SHOWN = 50 /* by SIGUSR1 */
};

/* --------------------------------------------------------------- stages */

void supervisor_operator_send(
    struct supervisor *s, enum slot_event event, bool unstarted)
{
	for (size_t i = 0; i < s->slot_count; i++)
		if (!unstarted || supervisor_slot_is_unstarted(&s->slots[i]))
			supervisor_slot_event(s, &s->slots[i], event);
}

static void enter(
    struct supervisor *s, enum stage stage, const char *who, const char *by)
{
	static const char *const texts[] = {
	    [STAGE_DRAIN] =
		"nothing more is started, running accounts finish; again to stop them",
	    [STAGE_STOP] = "engines end at the next safe point; again to kill",
	    [STAGE_KILL] = "engines are killed",
	};
	static const char *const names[] = {[STAGE_DRAIN] = "drain",
	    [STAGE_STOP] = "stop",
	    [STAGE_KILL] = "kill"};

	s->stage = stage;
	progress_note(&s->progress, "WARNING", "%s: %s", who, texts[stage]);
	(void)journal_operator(s->journal, names[stage], by, NULL);
	sched_stop(&s->sched);
	supervisor_operator_send(s, SLOT_ON_STOP, stage == STAGE_DRAIN);
	if (stage == STAGE_KILL)
		supervisor_operator_send(s, SLOT_ON_KILL, false);
}

void supervisor_operator_escalate(struct supervisor *s, const char *who)
{
	enum stage next = s->stage < STAGE_KILL ? s->stage + 1 : STAGE_KILL;

	enter(s, next, who, "signal");
}

/* ------------------------------------------------------------- commands */

static int say(char out[CTL_ANSWER_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns 0, so that a command ends with it. */
static int say(char out[CTL_ANSWER_BYTES], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(out, CTL_ANSWER_BYTES, format, args);
	va_end(args);
	return 0;
}

static void record(struct supervisor *s, const struct ctl_command *c,
    const char *by, const char *id)
{
	(void)journal_operator(s->journal, ctl_command_name(c->verb), by, id);
}

static int do_pause(struct supervisor *s, const struct ctl_command *c,
    const char *by, char *out)
{
	bool pause = c->verb == CTL_PAUSE;

	if (s->stage != STAGE_RUN || s->sched.stopped)
		return say(out,
		    "refused the batch is ending: when it is over, go on with resume");
	if (s->is_paused == pause)
		return say(out, "ok %s",
		    pause ? "it was paused already" : "it was not paused");
	s->is_paused = pause;
	record(s, c, by, NULL);
	progress_note(&s->progress, "INFO", "%s",
	    pause ? "paused: nothing is started, running accounts go on"
		  : "resumed: accounts are started again");
	return say(out, "ok %s, %zu accounts run",
	    pause ? "nothing more is started" : "accounts are started again",
	    s->sched.by_state[SCHED_RUNNING]);
}

static int do_stage(struct supervisor *s, const struct ctl_command *c,
    const char *by, char *out)
{
	bool drain = c->verb == CTL_DRAIN;
	enum stage stage = drain ? STAGE_DRAIN : STAGE_STOP;

	if (s->stage >= stage)
		return say(out, "ok it is so already");
	enter(s, stage, "operator", by);
	return say(out, "ok %s, %zu accounts run",
	    drain ? "nothing more is started" : "engines are asked to end",
	    s->sched.by_state[SCHED_RUNNING]);
}

void supervisor_operator_set_jobs(
    struct supervisor *s, unsigned jobs, const char *by)
{
	unsigned before = s->sched.config.jobs;

	if (jobs == before)
		return;
	s->sched.config.jobs = jobs;
	(void)journal_limit_change(s->journal, "jobs", before, jobs, by);
	progress_note(
	    &s->progress, "INFO", "jobs %u -> %u (%s)", before, jobs, by);
}

static int do_jobs(struct supervisor *s, const struct ctl_command *c,
    const char *by, char *out)
{
	unsigned before = s->sched.config.jobs;
	size_t room = s->slot_count;

	if (c->number > room)
		return say(out,
		    "refused at most %zu accounts at a time in this run", room);
	supervisor_operator_set_jobs(s, (unsigned)c->number, by);
	return say(out, "ok jobs %u -> %u", before, (unsigned)c->number);
}

static int do_bandwidth(struct supervisor *s, const struct ctl_command *c,
    const char *by, char *out)
{
	uint64_t before = supervisor_rules_set_bandwidth(s, c->number);

	(void)journal_limit_change(s->journal, "bw", before, c->number, by);
	progress_note(&s->progress, "INFO",
	    "bandwidth %" PRIu64 " -> %" PRIu64 " bytes a second (%s)", before,
	    c->number, by);
	return say(out, "ok bw %" PRIu64 " -> %" PRIu64 " bytes a second",
	    before, c->number);
}

static void name_connections(
    const struct supervisor *s, size_t server, char *out, size_t max)
{
	(void)snprintf(
	    out, max, "server.%s.connections", s->plan->servers[server].name);
}

void supervisor_operator_set_connections(
    struct supervisor *s, size_t server, unsigned count, const char *by)
{
	char name[CTL_NAME_BYTES + 32];
	unsigned before = supervisor_servers_set_connections(s, server, count);

	if (count == before)
		return;
	name_connections(s, server, name, sizeof(name));
	(void)journal_limit_change(s->journal, name, before, count, by);
	progress_note(
	    &s->progress, "INFO", "%s %u -> %u (%s)", name, before, count, by);
}

static int do_connections(struct supervisor *s, const struct ctl_command *c,
    const char *by, char *out)
{
	char name[CTL_NAME_BYTES + 32];
	size_t i = 0;

	while (i < s->plan->server_count &&
	       strcmp(s->plan->servers[i].name, c->name) != 0)
		i++;
	if (i == s->plan->server_count)
		return say(out, "usage the plan has no server '%s'", c->name);
	unsigned before = s->sched.servers[i].config.connections;
	supervisor_operator_set_connections(s, i, (unsigned)c->number, by);
	name_connections(s, i, name, sizeof(name));
	return say(out, "ok %s %u -> %" PRIu64, name, before, c->number);
}

static struct slot *slot_of_account(struct supervisor *s, size_t account)
{
	for (size_t i = 0; i < s->slot_count; i++)
		if (s->slots[i].state != SLOT_FREE &&
		    s->slots[i].account == account)
			return &s->slots[i];
	return NULL;
}

static int do_skip(struct supervisor *s, const struct ctl_command *c,
    const char *by, char *out)
{
	const struct plan_account *a = plan_find_account(s->plan, c->name);
	size_t i = a ? (size_t)(a - s->plan->accounts) : 0;

	if (!a)
		return say(out, "usage the plan has no account '%s'", c->name);
	struct slot *slot = slot_of_account(s, i);
	if (!sched_skip(&s->sched, i))
		return say(out, "refused %s is %s and does not run", a->id,
		    s->standings[i].outcome);
	record(s, c, by, a->id);
	progress_note(
	    &s->progress, "INFO", "account=%s is left out (%s)", a->id, by);
	if (!slot)
		return say(out, "ok %s is left out of this run", a->id);
	slot->is_skipped = true;
	supervisor_slot_event(s, slot, SLOT_ON_STOP);
	return say(out, "ok the engine of %s is asked to end", a->id);
}

static int do_retry(struct supervisor *s, const struct ctl_command *c,
    const char *by, char *out)
{
	const struct plan_account *a = plan_find_account(s->plan, c->name);
	size_t i = a ? (size_t)(a - s->plan->accounts) : 0;

	if (!a)
		return say(out, "usage the plan has no account '%s'", c->name);
	if (s->sched.stopped)
		return say(out,
		    "refused nothing is started any more: when it is over, go on with resume");
	if (slot_of_account(s, i))
		return say(out, "refused %s runs", a->id);
	if (strcmp(s->standings[i].outcome, "ok") == 0)
		return say(out, "refused %s is ok", a->id);
	sched_again(&s->sched, i, &s->wants[i], clock_ms());
	supervisor_rules_again(s, i);
	s->standings[i].is_final = s->standings[i].is_left_out = false;
	s->standings[i].is_acked = false;
	s->standings[i].is_selected = true;
	record(s, c, by, a->id);
	progress_note(
	    &s->progress, "INFO", "account=%s runs again (%s)", a->id, by);
	return say(out, "ok %s is next", a->id);
}

void supervisor_operator_do(struct supervisor *s, const struct ctl_command *c,
    const char *by, char answer[CTL_ANSWER_BYTES])
{
	static int (*const doers[])(struct supervisor * s,
	    const struct ctl_command *c, const char *by, char *out) = {
	    [CTL_PAUSE] = do_pause,
	    [CTL_RESUME] = do_pause,
	    [CTL_DRAIN] = do_stage,
	    [CTL_STOP] = do_stage,
	    [CTL_JOBS] = do_jobs,
	    [CTL_BANDWIDTH] = do_bandwidth,
	    [CTL_CONNECTIONS] = do_connections,
	    [CTL_SKIP] = do_skip,
	    [CTL_RETRY] = do_retry,
	};

	(void)doers[c->verb](s, c, by, answer);
}

static void on_line(
    const char *line, size_t len, char answer[CTL_ANSWER_BYTES], void *context)
{
	struct ctl_command command;
	struct error err = {0};

	if (ctl_command_parse(line, len, &command, &err) < 0)
		(void)say(answer, "usage %s", err.text);
	else
		supervisor_operator_do(context, &command, "ctl", answer);
}

/* -------------------------------------------------------------- signals */

/* Has a process a controlling terminal? It is taken away when that closes. */
static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	bool has = fd >= 0;

	fd_close(&fd);
	return has;
}

/* Limits are taken from the plan as it stands now, nothing else is: accounts
 * and settings are those with which the run began. */
static void reread(struct supervisor *s)
{
	struct plan_diag *diag = plan_diag_new();
	struct plan *plan = plan_load(s->plan->path, diag);

	if (!plan) {
		progress_note(&s->progress, "ERROR",
		    "%zu errors in the plan (see mailconvoy check): limits stay as they were",
		    plan_diag_errors(diag));
		plan_diag_free(diag);
		return;
	}
	progress_note(&s->progress, "INFO", "limits are read from the plan");
	unsigned jobs = plan->limits.jobs ? plan->limits.jobs : 1;
	if (jobs > s->slot_count)
		jobs = (unsigned)s->slot_count;
	if (!s->has_own_jobs) // the command line wins
		supervisor_operator_set_jobs(s, jobs, "plan");
	s->sched.config.start_delay_ms = plan->limits.start_delay_ms;
	supervisor_rules_reread(s, plan); // which it keeps
	plan_diag_free(diag);
}

static void tell(struct supervisor *s)
{
	const struct snapshot *now = supervisor_show_take(s);
	char bytes[32];

	progress_summary(&s->progress, now);
	for (size_t i = 0; i < now->account_count && i < RUNNING_SHOWN; i++) {
		const struct snapshot_account *a = &now->accounts[i];
		progress_note(&s->progress, "INFO",
		    "running account=%s state=%s mailbox=\"%s\" copied=%" PRIu64
		    "/%" PRIu64 " bytes=%s seconds=%" PRId64,
		    a->id, a->state, a->mailbox, a->copied, a->expected,
		    text_bytes(a->bytes, bytes, sizeof(bytes)), a->ms / 1000);
	}
}

/* As ^Z would have done; then it was continued. What engines said meanwhile is
 * still in their pipes: they were not silent. */
static void suspend(struct supervisor *s)
{
	int64_t before = clock_ms();

	progress_suspend(&s->progress);
	(void)raise(SIGSTOP);
	progress_continue(&s->progress);
	for (size_t i = 0; i < s->slot_count; i++)
		if (s->slots[i].deadline_ms != CLOCK_NEVER)
			s->slots[i].deadline_ms += clock_ms() - before;
}

void supervisor_operator_signal(struct supervisor *s, int number)
{
	switch (number) {
	case SIGINT:
		supervisor_operator_escalate(s, "interrupted");
		break;
	case SIGTERM:
		supervisor_operator_escalate(s, "asked to end");
		break;
	case SIGHUP:
		if (!s->had_terminal || has_terminal())
			reread(s);
		else if (s->stage == STAGE_RUN)
			supervisor_operator_escalate(s, "terminal closed");
		break;
	case SIGTSTP:
		suspend(s);
		break;
	case SIGUSR1:
		tell(s);
		break;
	default:
		break;
	}
}

/* ----------------------------------------------------------------- keys */

static void on_key(struct supervisor *s, char key)
{
	char answer[CTL_ANSWER_BYTES] = "";
	struct ctl_command c = {.number = s->sched.config.jobs};

	switch (key) {
	case 'p':
		c.verb = s->is_paused ? CTL_RESUME : CTL_PAUSE;
		break;
	case 'd':
		c.verb = CTL_DRAIN;
		break;
	case '+':
		c.verb = CTL_JOBS;
		c.number++;
		break;
	case '-':
		c.verb = CTL_JOBS;
		c.number -= c.number > 1;
		break;
	case '?':
		progress_note(&s->progress, "INFO",
		    "keys: p pause or go on, d drain, + - jobs, ^C end");
		return;
	default:
		return;
	}
	supervisor_operator_do(s, &c, "key", answer);
	if (strncmp(answer, "refused ", 8) == 0)
		progress_note(&s->progress, "WARNING", "%s", answer + 8);
}

/* ----------------------------------------------------------------- loop */

void supervisor_operator_init(struct supervisor *s)
{
	struct error err = {0};

	s->had_terminal = has_terminal();
	// a batch needs nobody to speak to it
	if (ctl_open(&s->ctl, s->dir.path, &err) < 0)
		progress_note(&s->progress, "WARNING", "no ctl: %s", err.text);
}

size_t supervisor_operator_polls(const struct supervisor *s, struct pollfd *out)
{
	size_t n = ctl_polls(&s->ctl, out);
	int fd = progress_key_fd(&s->progress);

	if (fd >= 0)
		out[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	return n;
}

void supervisor_operator_turn(
    struct supervisor *s, const struct pollfd *polls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (polls[i].revents &&
		    polls[i].fd == progress_key_fd(&s->progress))
			on_key(s, progress_key(&s->progress));
	ctl_turn(&s->ctl, polls, count, on_line, s);
}

int64_t supervisor_operator_deadline(const struct supervisor *s)
{
	return ctl_deadline(&s->ctl);
}
