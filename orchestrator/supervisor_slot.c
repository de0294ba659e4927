// SPDX-License-Identifier: MIT
#include "orchestrator/supervisor_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/contract/job.h"
#include "engine/contract/record.h"
#include "orchestrator/account_job.h"
#include "orchestrator/account_secrets.h"
#include "orchestrator/journal.h"
#include "orchestrator/spawn.h"

static const struct plan_account *account_of(
    const struct supervisor *s, const struct slot *slot)
{
	return &s->plan->accounts[slot->account];
}

static void wipe_job(struct slot *slot)
{
	job_wipe_line(slot->job_line, slot->job_len);
	slot->job_line = NULL;
	slot->job_len = slot->job_sent = 0;
}

void supervisor_slot_reset(struct slot *slot)
{
	wipe_job(slot);
	fd_close(&slot->job_fd);
	fd_close(&slot->record_fd);
	fd_close(&slot->lock_fd);
	collect_release(&slot->collect);
	account_secrets_free(slot->secrets);
	*slot = (struct slot){.job_fd = -1,
	    .record_fd = -1,
	    .lock_fd = -1,
	    .deadline_ms = CLOCK_NEVER,
	    .limit_ms = CLOCK_NEVER};
	collect_init(&slot->collect);
}

static int64_t stall_ms(const struct supervisor *s, const struct slot *slot)
{
	int64_t timeout = (int64_t)account_of(s, slot)->options.timeout_ms;

	if (s->stall_ms > 0)
		return s->stall_ms;
	if (s->plan->limits.stall_timeout_ms > 0)
		return (int64_t)s->plan->limits.stall_timeout_ms;
	return timeout * 3 > STALL_MS ? timeout * 3 : STALL_MS;
}

/* It gave a sign of life. */
static void extend(const struct supervisor *s, struct slot *slot)
{
	slot->deadline_ms = clock_ms() + stall_ms(s, slot);
	if (slot->limit_ms < slot->deadline_ms)
		slot->deadline_ms = slot->limit_ms;
}

void supervisor_slot_grace(const struct supervisor *s, struct slot *slot)
{
	if (slot->state == SLOT_RUNNING)
		extend(s, slot);
}

static void stop_by_rule(struct supervisor *s, struct slot *slot,
    enum exit_code code, const char *reason, const char *text)
{
	collect_verdict(&slot->verdict, code, reason, text);
	slot->cause = COLLECT_CAUSE_RULE;
	supervisor_slot_event(s, slot, SLOT_ON_STOP);
}

void supervisor_slot_put_off(struct supervisor *s, struct slot *slot,
    const char *reason, const char *text)
{
	slot->is_put_off = true;
	stop_by_rule(s, slot, EXIT_CODE_INTERRUPTED, reason, text);
}

/* -------------------------------------------------- bytes of a day */

/* All that write to its target share what that allows. */
static struct daily used_of_target(
    const struct supervisor *s, size_t number, int64_t wall_ms)
{
	uint32_t group = s->plan->accounts[number].target_group;
	struct daily sum = {0};

	if (group == 0)
		return s->standings[number].daily;
	for (size_t i = 0; i < s->plan->account_count; i++)
		if (s->plan->accounts[i].target_group == group)
			daily_join(&sum, &s->standings[i].daily, wall_ms);
	return sum;
}

static bool has_no_bytes_left(const struct supervisor *s,
    const struct slot *slot, uint64_t more, struct verdict *out)
{
	const struct plan_account *a = account_of(s, slot);
	uint64_t from = a->source.server->limits.per_account_daily;
	uint64_t to = a->target.server->limits.per_account_daily;
	struct daily used = s->standings[slot->account].daily;
	int64_t wall = clock_wall_ms();

	if (!daily_is_reached(&used, more, from, wall)) {
		if (to == 0)
			return false;
		used = used_of_target(s, slot->account, wall);
		if (!daily_is_reached(&used, more, to, wall))
			return false;
	}
	collect_verdict(out, EXIT_CODE_DEFERRED, "limit.daily",
	    "the bytes of a day that the plan allows this account are used up");
	out->retry_after_ms = (uint64_t)daily_wait_ms(&used, wall);
	return true;
}

static void watch_bytes(struct supervisor *s, struct slot *slot)
{
	if (slot->state != SLOT_RUNNING ||
	    !has_no_bytes_left(
		s, slot, slot->collect.tally.bytes_copied, &slot->verdict))
		return;
	slot->cause = COLLECT_CAUSE_RULE;
	supervisor_slot_event(s, slot, SLOT_ON_STOP);
}

/* ------------------------------------------------------------- records */

struct record_context {
	struct supervisor *s;
	struct slot *slot;
};

static void on_record(const struct record *r, void *context)
{
	const struct record_context *c = context;
	struct slot *slot = c->slot;
	int64_t now = clock_ms();

	if (r->event == RECORD_PROGRESS) {
		sched_alive(&c->s->sched, slot->account);
		if (now < slot->next_progress_ms)
			return;
		slot->next_progress_ms = now + JOURNAL_PROGRESS_MS;
	}
	progress_record(&c->s->progress, account_of(c->s, slot)->id, r);
	// a failure is kept by the journal and looked for by the loop
	step_point("record.read");
	(void)journal_record(c->s->journal, account_of(c->s, slot)->id,
	    c->s->standings[slot->account].attempt, r);
}

/* One read. 1: there may be more, 0: nothing now, -1: the end. */
static int read_some(struct supervisor *s, struct slot *slot)
{
	struct record_context context = {s, slot};
	char bytes[16 * 1024];
	ssize_t n = read(slot->record_fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return errno == EINTR;
	if (n <= 0) {
		collect_finish(&slot->collect);
		fd_close(&slot->record_fd);
		return -1;
	}
	if (slot->state == SLOT_RUNNING)
		extend(s, slot);
	(void)collect_feed(
	    &slot->collect, bytes, (size_t)n, on_record, &context);
	return n == (ssize_t)sizeof(bytes);
}

/* A child that is broken must end; its bytes are still taken, so that it does
 * not wait for room in the pipe. */
void supervisor_slot_readable(struct supervisor *s, struct slot *slot)
{
	bool was_broken = slot->collect.broken;

	(void)read_some(s, slot);
	if (slot->collect.broken && !was_broken)
		supervisor_slot_event(s, slot, SLOT_ON_BROKEN);
	else
		watch_bytes(s, slot);
}

/* After the child is dead: what is in the pipe counts, what a grandchild may
 * write later does not. */
static void drain(struct supervisor *s, struct slot *slot)
{
	for (size_t i = 0; slot->record_fd >= 0 && i < DRAIN_READS; i++)
		if (read_some(s, slot) <= 0)
			break;
	collect_finish(&slot->collect);
	fd_close(&slot->record_fd);
}

void supervisor_slot_writable(struct slot *slot)
{
	ssize_t n = write(slot->job_fd, slot->job_line + slot->job_sent,
	    slot->job_len - slot->job_sent);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		slot->job_sent += (size_t)n;
	if (n <= 0 || slot->job_sent == slot->job_len)
		wipe_job(slot);
	// half a job: its end makes the child end, and that tells how
	if (n <= 0)
		fd_close(&slot->job_fd);
}

/* --------------------------------------------------------------- start */

static void give_up(struct supervisor *s, struct slot *slot,
    enum exit_code code, const struct error *err)
{
	collect_verdict(&slot->verdict, code, err->reason, err->text);
	slot->has_verdict = true;
	supervisor_slot_event(s, slot, SLOT_ON_FAILED);
}

static void begin_attempt(
    struct supervisor *s, struct slot *slot, const char *log)
{
	struct standing *standing = &s->standings[slot->account];

	standing->attempt++;
	if (slot->started_ms == 0)
		slot->started_ms = clock_ms();
	(void)journal_account_start(s->journal, account_of(s, slot),
	    standing->attempt, slot->connections, log);
}

/* Short of processes, descriptors or memory: that passes when others end. When
 * there are none, it is tried a few times. */
static bool is_short(struct supervisor *s, const struct error *err)
{
	if (err->retry != ERROR_RETRY_LATER)
		return false;
	return ++s->shortages < START_FAILURES_MAX ||
	       s->sched.by_state[SCHED_RUNNING] > 1;
}

static void put_back(
    struct supervisor *s, struct slot *slot, const struct error *err)
{
	unsigned doublings = s->shortages - 1;

	if (doublings > FORK_WAIT_DOUBLINGS)
		doublings = FORK_WAIT_DOUBLINGS;
	progress_note(&s->progress, "WARNING",
	    "account=%s waits to be started: %s", account_of(s, slot)->id,
	    err->text);
	sched_put_back(&s->sched, slot->account, clock_ms(),
	    (int64_t)FORK_WAIT_MS << doublings);
	supervisor_slot_reset(slot);
}

/* Also those that share its target must be at rest: this supervisor runs none
 * of them, but an engine of one that was killed may not have ended yet. */
static int lock_target(
    const struct supervisor *s, struct slot *slot, struct error *err)
{
	const struct plan_account *a = account_of(s, slot);
	int rc = rundir_lock_account(&s->dir, a->slug, &slot->lock_fd, err);

	for (size_t i = 0;
	     rc > 0 && a->target_group > 0 && i < s->plan->account_count; i++) {
		const struct plan_account *other = &s->plan->accounts[i];
		int fd = -1;
		if (other == a || other->target_group != a->target_group)
			continue;
		rc = rundir_lock_account(&s->dir, other->slug, &fd, err);
		fd_close(&fd);
	}
	if (rc <= 0)
		fd_close(&slot->lock_fd);
	return rc;
}

static void do_lock(struct supervisor *s, struct slot *slot)
{
	struct error err = {0};
	int64_t now = clock_ms();
	int rc = lock_target(s, slot, &err);

	if (slot->lock_deadline_ms == 0)
		slot->lock_deadline_ms = now + LOCK_PATIENCE_MS;
	if (rc > 0) {
		supervisor_slot_event(s, slot, SLOT_ON_LOCKED);
	} else if (rc == 0 && now < slot->lock_deadline_ms) {
		slot->deadline_ms = now + LOCK_RETRY_MS;
	} else if (rc < 0 && is_short(s, &err)) {
		put_back(s, slot, &err);
	} else {
		if (rc == 0)
			(void)error_set(&err, ERROR_TIMEOUT, "state.locked",
			    "another engine still works on this account%s",
			    account_of(s, slot)->target_group ? " or its target"
							      : "");
		begin_attempt(s, slot, "");
		give_up(s, slot,
		    rc == 0 ? EXIT_CODE_TEMPORARY : EXIT_CODE_LOCAL, &err);
	}
}

/* The engine cannot be run: counted as a start failure, not as a result of
 * this account alone. */
static void cannot_start(
    struct supervisor *s, struct slot *slot, const struct error *err)
{
	struct verdict *v = &slot->verdict;

	*v = (struct verdict){.outcome = "crash",
	    .exit = 127,
	    .batch = EXIT_CODE_PARTIAL,
	    .retry = EXIT_RETRY_ONCE,
	    .start_failure = true,
	    .side = COLLECT_SIDE_NONE};
	(void)snprintf(v->reason, sizeof(v->reason), "crash.start");
	(void)snprintf(
	    v->text, sizeof(v->text), "could not start: %s", err->text);
	slot->has_verdict = true;
	supervisor_slot_event(s, slot, SLOT_ON_FAILED);
}

static int spawn(
    struct supervisor *s, struct slot *slot, const char *log, struct error *err)
{
	struct spawned child;
	int log_fd = fd_open_private(log, 0, err);

	if (log_fd < 0)
		return -1;
	const struct spawn_request request = {s->engine,
	    account_of(s, slot)->id, log, log_fd, slot->lock_fd, s->pace_fd};
	step_point("spawn.begin");
	int rc = spawn_engine(&request, &child, err);
	step_point("spawn.end");
	fd_close(&log_fd);
	if (rc < 0)
		return -1;
	fd_close(&slot->lock_fd); // the child holds it now
	slot->pid = child.pid;
	slot->job_fd = child.job_fd;
	slot->record_fd = child.record_fd;
	if (s->plan->limits.account_timeout_ms > 0)
		slot->limit_ms =
		    clock_ms() + (int64_t)s->plan->limits.account_timeout_ms;
	extend(s, slot);
	return 0;
}

static uint32_t what_is_left(uint32_t approved, uint64_t done)
{
	if (approved == PLAN_NO_LIMIT)
		return approved;
	return done < approved ? approved - (uint32_t)done : 0;
}

/* May it be run at all, and what may it still delete? 1: not more than *out,
 * 0: as the plan says, -1: it is not run. */
static int find_approved(const struct supervisor *s, size_t number,
    struct approval_account *out, struct error *err)
{
	const struct plan_account *account = &s->plan->accounts[number];
	const struct standing *standing = &s->standings[number];
	const struct approval_account *found = NULL;

	if (s->is_dry || account->options.mode != PLAN_MODE_DST)
		return 0;
	if (s->approval)
		found = approval_find(s->approval, account);
	if (!found)
		return error_set(err, ERROR_CONFIG, "delete.unapproved",
		    "not run: what it would delete is not approved; preview it, then give --approved");
	*out = *found;
	out->messages = what_is_left(found->messages, standing->deleted);
	out->mailboxes =
	    what_is_left(found->mailboxes, standing->mailboxes_deleted);
	return 1;
}

/* It is told what is wrong before an engine, or a command, is started. */
static bool is_refused(struct supervisor *s, struct slot *slot)
{
	struct approval_account approved;
	struct error err = {0};

	if (has_no_bytes_left(s, slot, 0, &slot->verdict)) {
		begin_attempt(s, slot, "");
		slot->has_verdict = true;
		supervisor_slot_event(s, slot, SLOT_ON_FAILED);
		return true;
	}
	if (find_approved(s, slot->account, &approved, &err) >= 0)
		return false;
	begin_attempt(s, slot, "");
	give_up(s, slot, EXIT_CODE_CONFIG, &err);
	return true;
}

static void do_secrets(struct supervisor *s, struct slot *slot)
{
	struct error err = {0};

	slot->started_ms = clock_ms();
	slot->deadline_ms = CLOCK_NEVER;
	if (is_refused(s, slot))
		return;
	slot->secrets =
	    account_secrets_start(account_of(s, slot), s->command_env);
	if (!slot->secrets) {
		(void)error_set(
		    &err, ERROR_INTERNAL, "local.memory", "out of memory");
		begin_attempt(s, slot, "");
		give_up(s, slot, EXIT_CODE_LOCAL, &err);
		return;
	}
	if (account_secrets_is_done(slot->secrets))
		supervisor_slot_event(s, slot, SLOT_ON_READY);
	else
		slot->deadline_ms = account_secrets_deadline(slot->secrets);
}

static void do_cut(struct slot *slot)
{
	account_secrets_cut(slot->secrets, clock_ms());
	slot->deadline_ms = account_secrets_deadline(slot->secrets);
}

static void do_spawn(struct supervisor *s, struct slot *slot)
{
	const struct plan_account *account = account_of(s, slot);
	const struct standing *standing = &s->standings[slot->account];
	struct approval_account approved;
	struct error err = {0};
	char *state = rundir_state_path(&s->dir, account->slug);
	struct account_job_attempt attempt = {
	    .last_outcome = standing->attempt > 0 ? standing->outcome : NULL,
	    .state_file = s->is_look || s->verify ? NULL : state,
	    .dry_run = s->is_dry,
	    .verbose = supervisor_rules_is_verbose(s),
	    .connections = slot->connections,
	    .pace_fd = SPAWN_PACE_FD,
	    .source_bucket = 1 + s->wants[slot->account].servers[0],
	    .target_bucket = 1 + s->wants[slot->account].servers[1],
	    .probe = s->is_look,
	    .verify = s->verify,
	    .secrets = slot->secrets,
	};
	char *log = rundir_log_path(
	    &s->dir, account->slug, s->standings[slot->account].attempt + 1);

	begin_attempt(s, slot, log ? log : "");
	if (!log || !state) {
		(void)error_set(
		    &err, ERROR_INTERNAL, "local.memory", "out of memory");
		give_up(s, slot, EXIT_CODE_LOCAL, &err);
		free(log);
		free(state);
		return;
	}
	int found = find_approved(s, slot->account, &approved, &err);
	attempt.approved = found > 0 ? &approved : NULL;
	if (found >= 0)
		slot->job_line =
		    account_job_line(account, &attempt, &slot->job_len, &err);
	free(state);
	account_secrets_free(slot->secrets);
	slot->secrets = NULL;
	bool has_job = slot->job_line;
	if (has_job && spawn(s, slot, log, &err) == 0) {
		s->shortages = 0;
		supervisor_slot_writable(slot); // most jobs fit the pipe
	} else if (is_short(s, &err)) {
		s->standings[slot->account].attempt--;
		put_back(s, slot, &err);
	} else if (!has_job) {
		give_up(s, slot,
		    err.kind == ERROR_OS || err.kind == ERROR_INTERNAL
			? EXIT_CODE_LOCAL
			: EXIT_CODE_CONFIG,
		    &err);
	} else if (err.kind == ERROR_OS && err.retry == ERROR_RETRY_NEVER &&
		   err.reason[0] == 'l') {
		give_up(s, slot, EXIT_CODE_LOCAL, &err); // its log file
	} else {
		cannot_start(s, slot, &err);
	}
	free(log);
}

/* ----------------------------------------------------------------- end */

static void count_start(
    struct supervisor *s, const struct verdict *v, const char *account)
{
	if (!v->start_failure) {
		s->start_failures = 0;
		return;
	}
	if (++s->start_failures < START_FAILURES_MAX || s->cannot_start)
		return;
	s->cannot_start = true;
	sched_stop(&s->sched);
	progress_note(&s->progress, "ERROR",
	    "%u engines in a row did not start, the last for account=%s: nothing more is started",
	    s->start_failures, account);
}

/* A full disk or no descriptors is nobody's account: the others would only meet
 * it too. */
static void count_local(
    struct supervisor *s, const struct verdict *v, const char *account)
{
	if (v->exit != EXIT_CODE_LOCAL) {
		s->local_failures = 0;
		return;
	}
	if (++s->local_failures < LOCAL_FAILURES_MAX || s->sched.stopped)
		return;
	sched_stop(&s->sched);
	progress_note(&s->progress, "ERROR",
	    "%u accounts in a row met an error of this machine, the last account=%s: nothing more is started",
	    s->local_failures, account);
}

static void remember(struct standing *standing, const struct verdict *v)
{
	standing->outcome = v->outcome;
	standing->batch = v->batch;
	free(standing->reason);
	free(standing->text);
	standing->reason = standing->text = NULL;
	if (v->batch != EXIT_CODE_OK) {
		standing->reason = mem_try_strdup(v->reason);
		standing->text = mem_try_strdup(v->text);
	}
}

/* What the schedule makes of it. */
static int64_t tell_schedule(
    struct supervisor *s, struct slot *slot, const struct verdict *v)
{
	struct standing *standing = &s->standings[slot->account];
	bool is_put_off = slot->is_put_off && v->retry == EXIT_RETRY_RESUME;
	struct sched_result ended;

	supervisor_servers_result(v, is_put_off, &ended);
	int64_t wait =
	    sched_ended(&s->sched, slot->account, &ended, clock_ms());
	remember(standing, v);
	daily_add(&standing->daily, slot->collect.tally.bytes_copied,
	    clock_wall_ms());
	standing->is_final =
	    wait == SCHED_WAIT_DONE && v->retry != EXIT_RETRY_RESUME;
	// whatever would follow waits for resume
	return s->sched.stopped || wait < 0 ? -1 : wait;
}

static void publish(
    struct supervisor *s, struct slot *slot, const struct verdict *v)
{
	struct standing *standing = &s->standings[slot->account];
	const struct plan_account *account = account_of(s, slot);
	uint64_t duration = (uint64_t)(clock_ms() - slot->started_ms);

	count_start(s, v, account->id);
	count_local(s, v, account->id);
	int64_t wait = tell_schedule(s, slot, v);
	standing->deleted += slot->collect.tally.extra[TALLY_DELETED];
	standing->mailboxes_deleted +=
	    slot->collect.tally.extra[TALLY_MAILBOXES_DELETED];
	const struct journal_result result = {account, standing->attempt, v,
	    &slot->collect.tally, duration, wait, standing->is_final};
	const struct progress_end line = {account->id, v, &slot->collect.tally,
	    standing->attempt, duration, wait};
	(void)journal_account_end(s->journal, &result);
	progress_account_end(&s->progress, &line);
	supervisor_servers_tell(s, slot->account);
	if (!standing->is_final)
		return;
	supervisor_hooks_result(s, slot->account, v->outcome, v->exit);
	supervisor_rules_finished(s, slot->account);
}

static void do_finish(struct supervisor *s, struct slot *slot)
{
	struct verdict v;

	if (slot->pid == 0 && !slot->has_verdict) {
		// stopped before its engine was started: it never began
		sched_put_back(&s->sched, slot->account, clock_ms(), 0);
		if (slot->is_skipped)
			(void)sched_skip(&s->sched, slot->account);
		supervisor_slot_reset(slot);
		return;
	}
	if (slot->has_verdict) {
		v = slot->verdict;
	} else {
		drain(s, slot);
		collect_judge(
		    &slot->collect, slot->wait_status, slot->cause, &v);
		if (slot->cause == COLLECT_CAUSE_RULE &&
		    v.exit == EXIT_CODE_INTERRUPTED)
			v = slot->verdict;
	}
	step_point("slot.ended");
	publish(s, slot, &v);
	supervisor_slot_reset(slot);
}

/* -------------------------------------------------------------- events */

static void signal_group(const struct slot *slot, int number)
{
	// the leader is not reaped yet, so the number is still its own
	if (slot->pid > 0)
		(void)kill(-slot->pid, number);
}

static void act(
    struct supervisor *s, struct slot *slot, enum slot_action action)
{
	switch (action) {
	case SLOT_DO_NOTHING:
		break;
	case SLOT_DO_LOCK:
		do_lock(s, slot);
		break;
	case SLOT_DO_SECRETS:
		do_secrets(s, slot);
		break;
	case SLOT_DO_CUT:
		do_cut(slot);
		break;
	case SLOT_DO_SPAWN:
		do_spawn(s, slot);
		break;
	case SLOT_DO_CLOSE_JOB:
		wipe_job(slot);
		fd_close(&slot->job_fd);
		slot->deadline_ms = clock_ms() + STOP_TERM_MS;
		break;
	case SLOT_DO_TERM:
		wipe_job(slot);
		fd_close(&slot->job_fd);
		signal_group(slot, SIGTERM);
		slot->deadline_ms = clock_ms() + TERM_KILL_MS;
		break;
	case SLOT_DO_KILL:
		signal_group(slot, SIGKILL);
		if (slot->secrets)
			account_secrets_stop(slot->secrets);
		slot->deadline_ms = CLOCK_NEVER;
		break;
	case SLOT_DO_FINISH:
		do_finish(s, slot);
		break;
	case SLOT_DO_BUG:
	case SLOT_ACTIONS:
		mem_bug(__FILE__, __LINE__, "an event that cannot happen");
		break;
	}
}

void supervisor_slot_event(
    struct supervisor *s, struct slot *slot, enum slot_event event)
{
	if (slot->state == SLOT_RUNNING && event == SLOT_ON_TIMER) {
		if (slot->limit_ms <= clock_ms()) {
			stop_by_rule(s, slot, EXIT_CODE_TEMPORARY,
			    "account.timeout",
			    "the account's time was over before it was done");
			return;
		}
		slot->cause = COLLECT_CAUSE_STALLED;
	}
	struct slot_step step = slot_step(slot->state, event);

	if (slot->pid > 0 && slot->cause == COLLECT_CAUSE_OWN &&
	    (event == SLOT_ON_STOP || event == SLOT_ON_KILL))
		slot->cause = COLLECT_CAUSE_OPERATOR;
	// before the action: it may send the next event
	slot->state = step.next;
	act(s, slot, step.action);
}

bool supervisor_slot_has(const struct slot *slot, pid_t pid)
{
	return slot->pid == pid ||
	       (slot->secrets && account_secrets_has(slot->secrets, pid));
}

void supervisor_slot_reaped(
    struct supervisor *s, struct slot *slot, pid_t pid, int status)
{
	if (slot->pid == pid) {
		slot->wait_status = status;
		supervisor_slot_event(s, slot, SLOT_ON_REAPED);
		return;
	}
	account_secrets_reaped(slot->secrets, pid, status);
	slot->deadline_ms = account_secrets_deadline(slot->secrets);
	if (account_secrets_is_done(slot->secrets))
		supervisor_slot_event(s, slot, SLOT_ON_REAPED);
}

bool supervisor_slot_is_unstarted(const struct slot *slot)
{
	return slot->state == SLOT_LOCKING || slot->state == SLOT_SECRETS;
}
