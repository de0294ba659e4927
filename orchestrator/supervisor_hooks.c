// SPDX-License-Identifier: MIT
#include "orchestrator/supervisor_hooks.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "orchestrator/journal.h"
#include "orchestrator/supervisor_private.h"

enum {
	FACTS = 10
};

static const char *const names[] = {
    "hook.before_run", "hook.after_run", "hook.after_account"};

static const struct plan_hook *hook_of(
    const struct supervisor *s, enum supervisor_hooks_kind kind)
{
	const struct plan_hooks *all = &s->plan->hooks;
	const struct plan_hook *const hooks[] = {
	    &all->before_run, &all->after_run, &all->after_account};

	return hooks[kind];
}

static bool has(const struct supervisor *s, enum supervisor_hooks_kind kind)
{
	return !s->is_dry && hook_of(s, kind)->argc > 0;
}

static void warn(struct supervisor *s, const char *why, const char *text)
{
	(void)journal_rule(s->journal, "hook", why, text);
	progress_note(&s->progress, "WARNING", "%s: %s", why, text);
}

/* ---- what they are told ---- */

static void account_facts(struct supervisor *s, char *facts[FACTS], size_t *n)
{
	const struct supervisor_hooks_result *r = &s->hooks.now;
	const struct plan_account *a = &s->plan->accounts[r->account];
	char *log = rundir_log_path(&s->dir, a->slug, r->attempt);

	facts[(*n)++] = mem_try_printf("MAILCONVOY_ACCOUNT=%s", a->id);
	facts[(*n)++] = mem_try_printf("MAILCONVOY_OUTCOME=%s", r->outcome);
	facts[(*n)++] = mem_try_printf("MAILCONVOY_EXIT=%d", r->exit);
	facts[(*n)++] = mem_try_printf("MAILCONVOY_ATTEMPT=%u", r->attempt);
	facts[(*n)++] = mem_try_printf("MAILCONVOY_LOG=%s", log ? log : "");
	free(log);
}

/* Returns how many; a NULL among them: out of memory. */
static size_t fill_facts(struct supervisor *s, char *facts[FACTS])
{
	size_t n = 0;

	facts[n++] = mem_try_printf("MAILCONVOY_RUN=%s", s->dir.id);
	facts[n++] = mem_try_printf("MAILCONVOY_RUN_DIR=%s", s->dir.path);
	facts[n++] = mem_try_printf("MAILCONVOY_PLAN=%s", s->plan->path);
	if (s->hooks.kind == SUPERVISOR_HOOKS_AFTER_ACCOUNT)
		account_facts(s, facts, &n);
	if (s->hooks.kind == SUPERVISOR_HOOKS_AFTER_RUN) {
		char *report = rundir_report_path(&s->dir, "report.jsonl.gz");
		facts[n++] =
		    mem_try_printf("MAILCONVOY_EXIT=%d", s->hooks.code);
		facts[n++] = mem_try_printf(
		    "MAILCONVOY_REPORT=%s", report ? report : "");
		free(report);
	}
	return n;
}

static char **make_environment(
    struct supervisor *s, char *const *facts, size_t fact_count)
{
	size_t count = 0, n = 0;

	for (size_t i = 0; i < fact_count; i++)
		if (!facts[i])
			return NULL;
	while (s->command_env[count])
		count++;
	char **env = mem_try_calloc(count + fact_count + 1, sizeof(*env));
	for (size_t i = 0; env && i < fact_count; i++)
		env[n++] = facts[i];
	// ours are facts, those of a run around us are not
	for (size_t i = 0; env && i < count; i++)
		if (strncmp(s->command_env[i], "MAILCONVOY_", 11) != 0)
			env[n++] = s->command_env[i];
	return env;
}

/* ---- running one ---- */

/* What follows its end, good or not. */
static void ended(struct supervisor *s, bool is_good, const char *how)
{
	struct supervisor_hooks *h = &s->hooks;
	char text[256];

	if (h->kind == SUPERVISOR_HOOKS_AFTER_ACCOUNT)
		(void)snprintf(text, sizeof(text), "%s: the hook %s",
		    s->plan->accounts[h->now.account].id, how);
	else
		(void)snprintf(text, sizeof(text), "the hook %s", how);
	if (h->kind != SUPERVISOR_HOOKS_BEFORE_RUN) {
		if (!is_good)
			warn(s, names[h->kind], text);
		return;
	}
	h->holds = false;
	// stopped by the operator it has not said no
	if (!is_good && !s->sched.stopped)
		supervisor_rules_end(s, names[h->kind], text);
}

static void start(struct supervisor *s, enum supervisor_hooks_kind kind)
{
	const struct plan_hook *hook = hook_of(s, kind);
	char *facts[FACTS] = {NULL};
	struct error err = {0};

	s->hooks.kind = kind;
	size_t count = fill_facts(s, facts);
	char **env = make_environment(s, facts, count);
	if (!env)
		(void)error_set(
		    &err, ERROR_INTERNAL, "local.memory", "out of memory");
	int rc = env ? hook_start(&s->hooks.hook, hook->argv, env, -1,
			   hook->timeout_ms, &err)
		     : -1;
	for (size_t i = 0; i < count; i++)
		free(facts[i]);
	free(env);
	if (rc < 0)
		ended(s, false, err.text);
}

static void open_log(struct supervisor *s)
{
	struct error err = {0};
	char *path = mem_try_printf("%s/hooks.log", s->dir.path);

	s->hooks.log.left = HOOK_LOG_MAX_BYTES;
	if (path)
		s->hooks.log.fd = fd_open_private(path, 0, &err);
	if (s->hooks.log.fd < 0)
		warn(s, "hook.log", path ? err.text : "out of memory");
	free(path);
}

void supervisor_hooks_begin(struct supervisor *s)
{
	struct supervisor_hooks *h = &s->hooks;
	bool mails = !s->is_dry && s->plan->notify.sendmail;

	h->next_mail_ms = CLOCK_NEVER;
	if (mails && s->plan->notify.report_every_ms > 0)
		h->next_mail_ms =
		    clock_ms() + (int64_t)s->plan->notify.report_every_ms;
	if (mails || has(s, SUPERVISOR_HOOKS_BEFORE_RUN) ||
	    has(s, SUPERVISOR_HOOKS_AFTER_RUN) ||
	    has(s, SUPERVISOR_HOOKS_AFTER_ACCOUNT))
		open_log(s);
	if (!has(s, SUPERVISOR_HOOKS_BEFORE_RUN))
		return;
	h->holds = true;
	start(s, SUPERVISOR_HOOKS_BEFORE_RUN);
}

bool supervisor_hooks_holds(const struct supervisor *s)
{
	return s->hooks.holds;
}

/* The oldest gives way: the later ones are nearer to what is now. */
void supervisor_hooks_result(
    struct supervisor *s, size_t account, const char *outcome, int exit)
{
	struct supervisor_hooks *h = &s->hooks;
	char text[256];

	if (!has(s, SUPERVISOR_HOOKS_AFTER_ACCOUNT))
		return;
	if (h->count == SUPERVISOR_HOOKS_QUEUE) {
		(void)snprintf(text, sizeof(text),
		    "%s: not run, %d accounts wait for the hook already",
		    s->plan->accounts[h->queue[h->first].account].id,
		    SUPERVISOR_HOOKS_QUEUE);
		warn(s, "hook.dropped", text);
		h->first = (h->first + 1) % SUPERVISOR_HOOKS_QUEUE;
		h->count--;
	}
	h->queue[(h->first + h->count++) % SUPERVISOR_HOOKS_QUEUE] =
	    (struct supervisor_hooks_result){
		account, outcome, exit, s->standings[account].attempt};
}

/* ---- the loop ---- */

size_t supervisor_hooks_polls(const struct supervisor *s, struct pollfd *out)
{
	const struct hook *all[] = {&s->hooks.hook, &s->hooks.mail};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i]->pid > 0 && all[i]->out_fd >= 0)
			out[n++] = (struct pollfd){all[i]->out_fd, POLLIN, 0};
	return n;
}

int64_t supervisor_hooks_deadline(const struct supervisor *s)
{
	const struct hook *all[] = {&s->hooks.hook, &s->hooks.mail};
	int64_t next = s->hooks.is_over ? CLOCK_NEVER : s->hooks.next_mail_ms;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i]->pid > 0 && !all[i]->is_stopped &&
		    all[i]->deadline_ms < next)
			next = all[i]->deadline_ms;
	return next;
}

bool supervisor_hooks_has(const struct supervisor *s, pid_t pid)
{
	return s->hooks.hook.pid == pid || s->hooks.mail.pid == pid;
}

void supervisor_hooks_reaped(struct supervisor *s, pid_t pid, int status)
{
	struct supervisor_hooks *h = &s->hooks;
	char how[HOOK_TEXT_BYTES], text[HOOK_TEXT_BYTES + 16];

	if (h->hook.pid == pid) {
		hook_reaped(&h->hook, &h->log, status);
		ended(s, hook_is_good(&h->hook, how), how);
		return;
	}
	hook_reaped(&h->mail, &h->log, status);
	if (hook_is_good(&h->mail, how))
		return;
	(void)snprintf(text, sizeof(text), "sendmail %s", how);
	warn(s, "notify.sendmail", text);
}

static void start_next(struct supervisor *s)
{
	struct supervisor_hooks *h = &s->hooks;

	if (h->hook.pid > 0)
		return;
	if (h->count > 0) {
		h->now = h->queue[h->first];
		h->first = (h->first + 1) % SUPERVISOR_HOOKS_QUEUE;
		h->count--;
		start(s, SUPERVISOR_HOOKS_AFTER_ACCOUNT);
	} else if (h->is_after_run_due) {
		h->is_after_run_due = false;
		start(s, SUPERVISOR_HOOKS_AFTER_RUN);
	}
}

void supervisor_hooks_turn(struct supervisor *s)
{
	struct supervisor_hooks *h = &s->hooks;
	struct hook *all[] = {&h->hook, &h->mail};
	int64_t now = clock_ms();

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i]->pid <= 0)
			continue;
		hook_feed(all[i], &h->log);
		if (all[i]->deadline_ms <= now)
			hook_stop(all[i], true);
	}
	// nothing will be started: there is nothing to wait for
	if (h->holds && s->sched.stopped)
		hook_stop(&h->hook, false);
	start_next(s);
	if (!h->is_over && now >= h->next_mail_ms) {
		h->next_mail_ms =
		    now + (int64_t)s->plan->notify.report_every_ms;
		h->is_mail_due = true;
	}
	if (h->is_mail_due && h->mail.pid == 0) {
		h->is_mail_due = false;
		supervisor_mail_send(s);
	}
}

/* ---- the end ---- */

void supervisor_hooks_end(struct supervisor *s, int code)
{
	struct supervisor_hooks *h = &s->hooks;

	h->is_over = true;
	h->code = code;
	h->is_after_run_due = has(s, SUPERVISOR_HOOKS_AFTER_RUN);
	h->is_mail_due = !s->is_dry && s->plan->notify.sendmail;
	supervisor_hooks_turn(s);
}

bool supervisor_hooks_is_busy(const struct supervisor *s)
{
	const struct supervisor_hooks *h = &s->hooks;

	return h->hook.pid > 0 || h->mail.pid > 0 || h->count > 0 ||
	       h->is_after_run_due || h->is_mail_due;
}

void supervisor_hooks_give_up(struct supervisor *s)
{
	struct supervisor_hooks *h = &s->hooks;

	if (h->count > 0 || h->is_after_run_due || h->is_mail_due)
		warn(s, "hook.dropped",
		    "interrupted: hooks and mail that were due are not run");
	h->count = 0;
	h->is_after_run_due = h->is_mail_due = false;
	hook_stop(&h->hook, false);
	hook_stop(&h->mail, false);
}

void supervisor_hooks_release(struct supervisor *s)
{
	fd_close(&s->hooks.log.fd);
}
