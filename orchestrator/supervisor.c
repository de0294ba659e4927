// SPDX-License-Identifier: MIT
#include "orchestrator/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "orchestrator/account_secrets.h"
#include "orchestrator/journal.h"
#include "orchestrator/supervisor_private.h"

enum {
	STARTS_PER_TURN = 8, /* so that records are read in between */
	NAP_MS = 1000,       /* poll failed for want of memory */
	STOPPED_MS = 2000    /* nobody is that late who was not stopped */
};

static struct slot *free_slot(struct supervisor *s)
{
	for (size_t i = 0; i < s->slot_count; i++)
		if (s->slots[i].state == SLOT_FREE)
			return &s->slots[i];
	return NULL;
}

static void start_accounts(struct supervisor *s)
{
	size_t account = 0;
	unsigned connections = 0;

	supervisor_rules_tick(s);
	if (supervisor_hooks_holds(s))
		return;
	for (int i = 0; i < STARTS_PER_TURN; i++) {
		struct slot *slot = free_slot(s);
		if (!slot || s->is_paused ||
		    !sched_take(&s->sched, clock_ms(), &account, &connections))
			return;
		slot->account = account;
		slot->connections = connections;
		supervisor_servers_tell(s, account);
		supervisor_slot_event(s, slot, SLOT_ON_ASSIGN);
	}
}

/* -------------------------------------------------------------- signals */

static struct slot *slot_of_pid(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->slot_count; i++)
		if (supervisor_slot_has(&s->slots[i], pid))
			return &s->slots[i];
	return NULL;
}

/* Looks first and reaps then: as long as the leader is a zombie its group's
 * number cannot be somebody else's, so what it left behind can be killed. */
static void reap(struct supervisor *s)
{
	for (;;) {
		siginfo_t info = {0};
		int status = 0;
		int rc = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
		if (rc < 0 && errno == EINTR)
			continue; // nobody would look again
		if (rc < 0 || info.si_pid == 0)
			return;
		struct slot *slot = slot_of_pid(s, info.si_pid);
		bool is_hook = supervisor_hooks_has(s, info.si_pid);
		if (slot || is_hook)
			(void)kill(-info.si_pid, SIGKILL);
		pid_t pid;
		do
			pid = waitpid(info.si_pid, &status, WNOHANG);
		while (pid < 0 && errno == EINTR);
		if (pid != info.si_pid)
			return;
		if (is_hook)
			supervisor_hooks_reaped(s, info.si_pid, status);
		else if (slot) // or not one of ours: an inherited child
			supervisor_slot_reaped(s, slot, info.si_pid, status);
	}
}

static void on_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;
	ssize_t n;

	while ((n = read(s->signal_fd, &info, sizeof(info))) ==
	       (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(s);
			break;
		default:
			supervisor_operator_signal(s, (int)info.ssi_signo);
			break;
		}
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		(void)poll(NULL, 0, NAP_MS);
		reap(s); // what ends must be seen all the same
	}
}

/* ----------------------------------------------------------------- loop */

static void on_deadlines(struct supervisor *s)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < s->slot_count; i++)
		if (s->slots[i].deadline_ms <= now)
			supervisor_slot_event(s, &s->slots[i], SLOT_ON_TIMER);
}

/* Stopped and continued, or frozen with all the engines: their silence meanwhile
 * says nothing. */
static void forgive_silence(struct supervisor *s, int64_t due_ms)
{
	if (due_ms == CLOCK_NEVER || clock_ms() - due_ms < STOPPED_MS)
		return;
	for (size_t i = 0; i < s->slot_count; i++)
		supervisor_slot_grace(s, &s->slots[i]);
}

/* What was copied but not written down is found by comparison next time; to go
 * on would only make that more. */
static void watch_journal(struct supervisor *s)
{
	struct error err = {0};

	if (s->is_journal_lost || !journal_failed(s->journal, &err))
		return;
	s->is_journal_lost = true;
	progress_note(
	    &s->progress, "ERROR", "%s: the batch is stopped", err.text);
	if (s->stage < STAGE_STOP)
		s->stage = STAGE_STOP;
	sched_stop(&s->sched);
	supervisor_operator_send(s, SLOT_ON_STOP, false);
}

static int64_t next_deadline(const struct supervisor *s)
{
	// until then nothing may start: there is nothing to wake up for
	bool is_held = s->is_paused || supervisor_hooks_holds(s);
	int64_t next =
	    is_held ? CLOCK_NEVER : sched_wake(&s->sched, clock_ms());

	for (size_t i = 0; i < s->slot_count; i++)
		if (s->slots[i].deadline_ms < next)
			next = s->slots[i].deadline_ms;
	if (supervisor_rules_deadline(s) < next)
		next = supervisor_rules_deadline(s);
	if (supervisor_show_deadline(s) < next)
		next = supervisor_show_deadline(s);
	if (supervisor_operator_deadline(s) < next)
		next = supervisor_operator_deadline(s);
	if (supervisor_hooks_deadline(s) < next)
		next = supervisor_hooks_deadline(s);
	return next;
}

static size_t fill_polls(struct supervisor *s)
{
	size_t n = 0;

	s->polls[n++] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	for (size_t i = 0; i < s->slot_count; i++) {
		const struct slot *slot = &s->slots[i];
		if (slot->record_fd >= 0) {
			s->poll_slots[n] = i;
			s->polls[n++] = (struct pollfd){
			    .fd = slot->record_fd, .events = POLLIN};
		}
		if (slot->job_fd >= 0 && slot->job_line) {
			s->poll_slots[n] = i;
			s->polls[n++] = (struct pollfd){
			    .fd = slot->job_fd, .events = POLLOUT};
		}
		if (!slot->secrets)
			continue;
		size_t more =
		    account_secrets_polls(slot->secrets, &s->polls[n]);
		while (more-- > 0)
			s->poll_slots[n++] = i;
	}
	return n;
}

/* A slot may be freed by an earlier descriptor of the same turn, and filled
 * again only by start_accounts: so a descriptor that still matches is ours. */
static void on_pipes(struct supervisor *s, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct slot *slot = &s->slots[s->poll_slots[i]];
		if (!s->polls[i].revents)
			continue;
		if (s->polls[i].fd == slot->record_fd)
			supervisor_slot_readable(s, slot);
		else if (s->polls[i].fd == slot->job_fd && slot->job_line)
			supervisor_slot_writable(slot);
		else if (slot->secrets)
			account_secrets_feed(slot->secrets, s->polls[i].fd);
	}
}

static void turn(struct supervisor *s)
{
	size_t count = fill_polls(s);
	struct pollfd *operator= s->polls + count;
	size_t more = supervisor_operator_polls(s, operator);
	size_t hooks = supervisor_hooks_polls(s, operator+ more);
	int64_t due = next_deadline(s);

	if (poll(s->polls, count + more + hooks, clock_poll_ms(due)) < 0) {
		if (errno != EINTR)
			(void)poll(NULL, 0, NAP_MS);
		return;
	}
	forgive_silence(s, due);
	on_pipes(s, count);
	if (s->polls[0].revents)
		on_signals(s);
	supervisor_operator_turn(s, operator, more);
	supervisor_hooks_turn(s);
	on_deadlines(s);
	supervisor_servers_tell(s, SIZE_MAX);
	watch_journal(s);
	supervisor_show(s);
}

/* When all is over but the hooks; the first signal ends them. */
static void last_turn(struct supervisor *s)
{
	struct signalfd_siginfo info;
	size_t count = 1 + supervisor_hooks_polls(s, s->polls + 1);

	s->polls[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	if (poll(s->polls, count, clock_poll_ms(supervisor_hooks_deadline(s))) <
		0 &&
	    errno != EINTR)
		(void)poll(NULL, 0, NAP_MS);
	while (
	    read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int number = (int)info.ssi_signo;
		if (number == SIGCHLD)
			reap(s);
		else if (number == SIGINT || number == SIGTERM)
			supervisor_hooks_give_up(s);
	}
	supervisor_hooks_turn(s);
}

int supervisor_run(const struct plan *plan,
    const struct supervisor_options *options, struct error *err)
{
	struct supervisor s = {
	    .plan = plan, .out = options->out, .signal_fd = -1, .pace_fd = -1};
	int code = 0;

	error_clear(err);
	if (supervisor_setup(&s, options, &code, err) == 0) {
		while (!sched_is_over(&s.sched) || supervisor_hooks_holds(&s)) {
			start_accounts(&s);
			if (!sched_is_over(&s.sched) ||
			    supervisor_hooks_holds(&s))
				turn(&s);
		}
		code = supervisor_finish(&s);
		supervisor_hooks_end(&s, code);
		while (supervisor_hooks_is_busy(&s))
			last_turn(&s);
		if (options->journal_out)
			*options->journal_out = rundir_journal_path(&s.dir);
		if (options->stopped_out)
			*options->stopped_out = s.stage != STAGE_RUN;
		if (options->logins_out) {
			*options->logins_out = s.sched.logins;
			s.sched.logins = NULL;
		}
	}
	supervisor_release(&s);
	return code;
}
