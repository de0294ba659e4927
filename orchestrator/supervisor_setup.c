// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/secret_env.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/account_secrets.h"
#include "orchestrator/journal.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_files.h"
#include "orchestrator/report_out.h"
#include "orchestrator/report_settings.h"
#include "orchestrator/sched_order.h"
#include "orchestrator/select.h"
#include "orchestrator/spawn.h"
#include "orchestrator/supervisor.h"
#include "orchestrator/supervisor_private.h"

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "local.memory", "out of memory");
}

/* ------------------------------------------------------------ selection */

static bool is_class(const char *word, size_t len)
{
	static const char *const more[] = {"crash", "pending", "failed"};
	size_t count = 0;
	const struct exit_code_info *table = exit_code_table(&count);

	for (size_t i = 0; i < count; i++)
		if (table[i].engine_text &&
		    text_equal_fold(
			table[i].outcome, strlen(table[i].outcome), word, len))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		if (text_equal_fold(more[i], strlen(more[i]), word, len))
			return true;
	return false;
}

bool supervisor_check_only(const char *only, const char **bad_out)
{
	for (const char *p = only;; p++) {
		size_t len = strcspn(p, ",");
		if (!is_class(p, len)) {
			*bad_out = p;
			return false;
		}
		p += len;
		if (*p == '\0')
			return true;
	}
}

static bool is_selected(const char *only, const char *outcome)
{
	if (!only)
		return true;
	for (const char *p = only;; p++) {
		size_t len = strcspn(p, ",");
		if (text_equal_fold(p, len, outcome, strlen(outcome)) ||
		    (text_equal_fold(p, len, "failed", 6) &&
			supervisor_is_failed(outcome)))
			return true;
		p += len;
		if (*p == '\0')
			return false;
	}
}

/* --------------------------------------------------------------- the run */

static int open_journal(struct supervisor *s,
    const struct journal_extent *extent, struct error *err)
{
	char *path = rundir_journal_path(&s->dir);

	if (!path)
		return no_memory(err);
	s->journal =
	    journal_open(path, s->dir.id, extent->good_bytes, extent->seq, err);
	free(path);
	if (s->journal)
		journal_tee(s->journal, progress_journal_line, &s->progress);
	return s->journal ? 0 : -1;
}

static int read_before(struct supervisor *s, struct error *err)
{
	char *path = rundir_journal_path(&s->dir);

	s->before = path ? journal_read(path, err) : NULL;
	if (!path)
		(void)no_memory(err);
	free(path);
	return s->before ? 0 : -1;
}

/* Nothing is deleted that nobody has seen. Before a run is made, so that none
 * is left behind. */
static int find_approval(struct supervisor *s,
    const struct supervisor_options *options, int *exit_out, struct error *err)
{
	s->approval = options->approval;
	if (s->is_dry || s->approval ||
	    !approval_is_needed(s->plan, options->select))
		return 0;
	int rc = s->before ? approval_read_run(
				 &s->own_approval, &s->dir, s->plan, err)
			   : 0;
	if (rc < 0) {
		*exit_out = EXIT_CODE_CONFIG;
		return -1;
	}
	if (rc > 0) {
		s->approval = &s->own_approval;
		return 0;
	}
	*exit_out = EXIT_CODE_USAGE;
	return error_set(err, ERROR_USAGE, "delete.unapproved",
	    "nobody has approved what syncDst deletes: mailconvoy preview %s -o FILE, then --approved FILE",
	    s->plan->typed);
}

/* What was approved now is kept for those who go on. */
static int begin(struct supervisor *s, const struct supervisor_options *options,
    const struct journal_extent *extent, struct error *err)
{
	if (!s->is_dry && options->approval &&
	    approval_store(options->approval, &s->dir, err) < 0)
		return -1;
	return open_journal(s, extent, err);
}

static bool is_of_pass(const struct journal_run *run, const struct plan *plan)
{
	return journal_is_of_pass(run, plan->pass ? plan->pass->name : NULL);
}

/* What was done in one pass is not done in another: a run is of one. */
static int other_pass(const struct journal_run *run, struct error *err)
{
	return error_set(err, ERROR_USAGE, "run.pass",
	    "the last run, %s, is %s%s: resume goes on with that, run begins another",
	    run->run_id, run->pass[0] ? "of the pass " : "of no pass",
	    run->pass);
}

static void tell_other_pass(struct supervisor *s)
{
	const struct journal_run *run = s->before;

	if (!run->is_complete && !is_of_pass(run, s->plan))
		progress_note(&s->progress, "WARNING",
		    "run %s (%s%s) is left unfinished", run->run_id,
		    run->pass[0] ? "pass " : "no pass", run->pass);
}

bool supervisor_goes_on(const struct journal_run *last, const struct plan *plan,
    const struct supervisor_options *options)
{
	return !options->new_run && !options->dry_run && !options->look &&
	       !options->verify && is_of_pass(last, plan) &&
	       (options->resume || !last->is_complete);
}

/* Finds the run that goes on or makes a new one. */
static int choose_run(struct supervisor *s,
    const struct supervisor_options *options, int *exit_out, struct error *err)
{
	const struct journal_extent none = {0};

	if (!options->new_run && !s->is_dry && rundir_find_latest(&s->dir)) {
		*exit_out = EXIT_CODE_LOCAL;
		if (read_before(s, err) < 0)
			return -1;
		if (options->resume && !is_of_pass(s->before, s->plan)) {
			*exit_out = EXIT_CODE_USAGE;
			return other_pass(s->before, err);
		}
		if (supervisor_goes_on(s->before, s->plan, options))
			return find_approval(s, options, exit_out, err) < 0
				   ? -1
				   : begin(s, options, &s->before->extent, err);
		tell_other_pass(s);
		s->earlier = s->before;
		s->before = NULL;
	} else if (options->resume) {
		*exit_out = EXIT_CODE_NO_INPUT;
		return error_set(err, ERROR_USAGE, "run.none",
		    "there is no run to resume: start one with 'mailconvoy run %s'",
		    s->plan->typed);
	}
	if (find_approval(s, options, exit_out, err) < 0)
		return -1;
	*exit_out = EXIT_CODE_CANNOT_CREATE;
	if (rundir_create(&s->dir, err) < 0)
		return -1;
	return begin(s, options, &none, err);
}

/* ------------------------------------------------------------- accounts */

static bool has_reason(
    const struct journal_account *a, const struct supervisor_options *options)
{
	for (size_t i = 0; i < options->reason_count; i++)
		if (a && a->reason &&
		    text_wildcard(options->reasons[i], a->reason))
			return true;
	return options->reason_count == 0;
}

static bool has_other_settings(
    const struct journal_account *a, const struct plan_account *account)
{
	return a && a->attempt > 0 && strcmp(a->digest, account->digest) != 0;
}

/* `run` leaves results alone, also bad ones; `resume` is there for them. */
bool supervisor_must_run(const struct journal_account *a,
    const struct plan_account *account,
    const struct supervisor_options *options)
{
	if (!has_reason(a, options))
		return false;
	if (!a || a->attempt == 0)
		return is_selected(options->only, "pending");
	const char *outcome = journal_outcome(a);
	if (has_other_settings(a, account) &&
	    is_selected(options->only, outcome))
		return true;
	if (a->state == JOURNAL_ENDED && strcmp(outcome, "ok") == 0)
		return false;
	if (a->ack_by && !options->only)
		return false; // taken as it is, until somebody asks for it
	if (a->state == JOURNAL_ENDED && a->is_final && !options->resume)
		return false;
	return is_selected(options->only, outcome);
}

static int stand(struct standing *standing, const struct journal_account *a)
{
	standing->outcome = a ? journal_outcome(a) : "pending";
	standing->attempt = a ? a->attempt : 0;
	if (!a || a->state != JOURNAL_ENDED)
		return 0;
	standing->is_acked = a->ack_by != NULL;
	standing->batch = standing->is_acked ? EXIT_CODE_OK : a->batch;
	standing->is_final = a->is_final;
	if (standing->batch == EXIT_CODE_OK)
		return 0;
	standing->reason = mem_try_strdup(a->reason);
	standing->text = mem_try_strdup(a->text);
	return standing->reason && standing->text ? 0 : -1;
}

/* What the last run knows of an account: this one's journal, when it goes on,
 * or that of the run before it. */
static const struct journal_account *last_known(
    const struct supervisor *s, const char *id)
{
	const struct journal_run *run = s->before ? s->before : s->earlier;

	return run ? journal_find(run, id) : NULL;
}

static void fill_item(const struct supervisor *s, size_t i,
    const uint64_t *sizes, struct sched_order_item *item)
{
	const struct plan_account *account = &s->plan->accounts[i];
	const struct journal_account *a = last_known(s, account->id);
	bool has_ended = a && a->state == JOURNAL_ENDED;

	*item = (struct sched_order_item){.account = i,
	    .priority = account->priority,
	    .is_size_known = has_ended && a->tally.source > 0,
	    .size = has_ended ? a->tally.source : 0,
	    .has_failed =
		has_ended && supervisor_is_failed(journal_outcome(a))};
	if (!item->is_size_known && sizes && sizes[i] != UINT64_MAX) {
		item->is_size_known = true;
		item->size = sizes[i];
	}
}

static int64_t wall_of(const char *text)
{
	struct tm t = {0};

	return strptime(text, "%Y-%m-%dT%H:%M:%S", &t)
		   ? (int64_t)timegm(&t) * 1000
		   : 0;
}

static void remember_bytes(struct supervisor *s, size_t i)
{
	const struct journal_account *a =
	    last_known(s, s->plan->accounts[i].id);

	if (a && a->bytes_total > 0)
		daily_add(&s->standings[i].daily, a->bytes_total,
		    wall_of(a->ended[0] ? a->ended : a->started));
}

/* In the plan's order; which ones run is in `items`. */
static size_t select_accounts(struct supervisor *s,
    const struct supervisor_options *options, struct sched_order_item *items)
{
	const struct select_rules *rules = options->select;
	size_t selected = 0;

	for (size_t i = 0; i < s->plan->account_count; i++) {
		const struct plan_account *account = &s->plan->accounts[i];
		struct journal_account *a =
		    s->before ? journal_find(s->before, account->id) : NULL;
		if (stand(&s->standings[i], a) < 0)
			return SIZE_MAX;
		remember_bytes(s, i);
		if (a && !options->approval) {
			s->standings[i].deleted = a->deleted_total;
			s->standings[i].mailboxes_deleted =
			    a->mailboxes_deleted_total;
		}
		if (!a || a->is_dropped ||
		    (a->attempt == 0 &&
			strcmp(a->digest, account->digest) != 0))
			(void)journal_planned(s->journal, account);
		if (!select_matches(rules, account)) {
			s->standings[i].is_left_out = true;
			continue;
		}
		if (!supervisor_must_run(a, account, options))
			continue;
		if (has_other_settings(a, account))
			progress_note(&s->progress, "INFO",
			    "account=%s has other settings than in its last attempt: it runs again",
			    account->id);
		fill_item(s, i, options->sizes, &items[selected++]);
	}
	return selected;
}

/* Those behind --limit are no part of the result. */
static void add_account(struct supervisor *s, size_t account, bool is_wanted)
{
	struct standing *standing = &s->standings[account];

	standing->is_left_out = !is_wanted;
	if (!is_wanted)
		return;
	standing->is_final = standing->is_acked = false;
	standing->is_selected = true;
	sched_add(&s->sched, account, &s->wants[account]);
}

static int schedule_accounts(struct supervisor *s,
    const struct supervisor_options *options, size_t *selected_out)
{
	static const enum sched_order orders[] = {
	    [PLAN_ORDER_PLAN] = SCHED_ORDER_PLAN,
	    [PLAN_ORDER_LARGEST] = SCHED_ORDER_LARGEST,
	    [PLAN_ORDER_SHUFFLE] = SCHED_ORDER_SHUFFLE,
	    [PLAN_ORDER_FAILED_FIRST] = SCHED_ORDER_FAILED_FIRST,
	};
	struct sched_order_item *items =
	    mem_try_calloc(s->plan->account_count, sizeof(*items));
	size_t count = items ? select_accounts(s, options, items) : SIZE_MAX;
	const struct select_rules *rules = options->select;
	size_t first = SIZE_MAX; // all of them

	if (count != SIZE_MAX) {
		sched_order_sort(items, count, orders[s->plan->schedule.order],
		    sched_order_seed(s->dir.id));
		if (rules && rules->limit > 0 && rules->limit < count)
			first = rules->limit;
		for (size_t i = 0; i < count; i++)
			add_account(s, items[i].account, i < first);
	}
	free(items);
	*selected_out = first < count ? first : count;
	return count == SIZE_MAX ? -1 : 0;
}

static void drop_accounts(struct supervisor *s)
{
	for (size_t i = 0; s->before && i < s->before->count; i++) {
		const struct journal_account *a = &s->before->accounts[i];
		if (a->is_dropped || plan_find_account(s->plan, a->id))
			continue;
		progress_note(&s->progress, "WARNING",
		    "account=%s is no longer in the plan: dropped", a->id);
		(void)journal_dropped(s->journal, a->id);
	}
}

/* --------------------------------------------------------------- system */

/* nohup, or a shell's job in the background: what was ignored stays so. */
static bool is_ignored(int number)
{
	struct sigaction now;

	return number != SIGCHLD && sigaction(number, NULL, &now) == 0 &&
	       now.sa_handler == SIG_IGN;
}

static int set_signals(struct supervisor *s, struct error *err)
{
	static const int caught[] = {
	    SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGTSTP, SIGCHLD};
	static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGTTOU};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction standard = {.sa_handler = SIG_DFL};
	struct rlimit files;
	sigset_t mask;

	(void)sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_LEN(caught); i++)
		if (!is_ignored(caught[i]))
			(void)sigaddset(&mask, caught[i]);
	// ignored it would be reaped behind our back
	(void)sigaction(SIGCHLD, &standard, NULL);
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); // two for each slot
	}
	s->signal_fd = -1;
	if (sigprocmask(SIG_BLOCK, &mask, NULL) == 0)
		s->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return error_set_errno(err, ERROR_OS, "local.descriptors",
		    "cannot set up signals");
	return 0;
}

static int64_t stall_from_environment(void)
{
	const char *text = getenv("MAILCONVOY_STALL_MS");
	uint64_t ms = 0;

	if (!text || !text_parse_u64(text, strlen(text), INT32_MAX, &ms))
		return 0;
	return (int64_t)ms;
}

/* The minute of a look is not over yet. */
static void count_logins(
    struct supervisor *s, const struct supervisor_options *options)
{
	size_t count = options->logins_before;

	for (size_t i = 0; options->logins && i < s->sched.config.login_count;
	     i++) {
		unsigned refused = options->logins[i].refused;
		s->sched.logins[i].refused = refused < LOGIN_GUARD_REFUSED_MAX
						 ? refused
						 : LOGIN_GUARD_REFUSED_MAX - 1;
	}
	for (size_t i = 0; i < s->sched.server_count; i++) {
		struct sched_server *server = &s->sched.servers[i];
		unsigned limit = server->config.logins_per_minute;
		unsigned used = count < limit ? (unsigned)count : limit;
		sched_server_take(server, used, clock_ms());
		sched_server_give(server, used);
		server->peak = 0;
	}
}

static int make_schedule(
    struct supervisor *s, struct sched_config *config, struct error *err)
{
	struct sched_server_config *servers = supervisor_servers_new(s->plan);
	int rc = -1;

	s->wants = supervisor_servers_wants(s, &config->login_count);
	config->servers = servers;
	config->server_count = s->plan->server_count;
	config->target_count = s->plan->target_groups;
	hash_random(&config->seed, sizeof(config->seed));
	if (servers && s->wants)
		rc = sched_init(&s->sched, config, s->plan->account_count);
	free(servers);
	return rc < 0 ? no_memory(err) : 0;
}

static int allocate(struct supervisor *s,
    const struct supervisor_options *options, struct error *err)
{
	const struct plan_retry *r = &s->plan->retry;
	struct sched_config config = {
	    .jobs = options->jobs ? options->jobs : s->plan->limits.jobs,
	    .start_delay_ms = s->plan->limits.start_delay_ms,
	    .attempts = options->look ? 1 : r->attempts,
	    .backoff_ms = r->backoff_ms,
	    .factor = r->factor,
	    .max_wait_ms = r->max_wait_ms,
	    .jitter_percent = r->jitter_percent,
	    .is_look = options->look,
	};
	size_t accounts = s->plan->account_count;

	if (config.jobs == 0)
		config.jobs = 1;
	// room for more: the operator may raise it
	size_t room = config.jobs > SLOTS_MIN ? config.jobs : SLOTS_MIN;
	s->slot_count = room < accounts ? room : accounts;
	s->has_own_jobs = options->jobs > 0;
	s->slots = mem_try_calloc(s->slot_count, sizeof(*s->slots));
	// its engine's two, or those of its commands
	size_t polls = ACCOUNT_SECRETS_POLLS * s->slot_count + 1;
	s->polls = mem_try_calloc(
	    polls + SUPERVISOR_OPERATOR_POLLS + SUPERVISOR_HOOKS_POLLS,
	    sizeof(*s->polls));
	s->poll_slots = mem_try_calloc(polls, sizeof(*s->poll_slots));
	s->standings = mem_try_calloc(accounts, sizeof(*s->standings));
	if (make_schedule(s, &config, err) < 0 || !s->slots || !s->polls ||
	    !s->poll_slots || !s->standings) {
		s->slot_count = 0;
		return no_memory(err);
	}
	count_logins(s, options);
	for (size_t i = 0; i < s->slot_count; i++) {
		// descriptor 0 is not the slot's to close
		s->slots[i].job_fd = s->slots[i].record_fd = -1;
		s->slots[i].lock_fd = -1;
		supervisor_slot_reset(&s->slots[i]);
	}
	return 0;
}

/* What counts from now on, for reports that are made later. */
static int record_settings(const struct supervisor *s, struct error *err)
{
	char *path = mem_try_printf("%s/%s", s->dir.path, REPORT_SETTINGS_FILE);

	report_out_sweep(s->dir.path);
	int rc =
	    path ? report_settings_write(path, s->plan, err) : no_memory(err);

	free(path);
	return rc;
}

static int plan_the_run(struct supervisor *s,
    const struct supervisor_options *options, struct error *err)
{
	const struct journal_start start = {
	    s->before != NULL, s->is_dry, s->sched.config.jobs};

	(void)journal_run_start(s->journal, s->plan, &start);
	for (size_t i = 0; i < s->plan->server_count; i++) {
		const struct plan_server *server = &s->plan->servers[i];
		(void)journal_server(s->journal, server->name, server->host,
		    server->limits.connections);
	}
	if (!s->is_dry && options->approval)
		(void)journal_operator(s->journal, "approve", "preview", NULL);
	if (s->before)
		progress_note(&s->progress, "INFO", "%s run %s",
		    s->before->is_complete ? "resuming"
					   : "continuing unfinished",
		    s->dir.id);
	else
		progress_note(&s->progress, "INFO", "%s %s",
		    s->is_look  ? "looking at both sides, nothing is changed:"
		    : s->verify ? "comparing both sides, nothing is changed:"
		    : s->is_dry ? "dry run, nothing is changed:"
				: "new run",
		    s->dir.id);
	drop_accounts(s);
	size_t selected = 0;
	if (schedule_accounts(s, options, &selected) < 0)
		return no_memory(err);
	progress_note(&s->progress, "INFO", "%zu of %zu accounts are to be run",
	    selected, s->plan->account_count);
	return journal_failed(s->journal, err) ? -1 : record_settings(s, err);
}

int supervisor_setup(struct supervisor *s,
    const struct supervisor_options *options, int *exit_out, struct error *err)
{
	s->dir.lock_fd = -1;
	ctl_init(&s->ctl);
	s->show.systemd.fd = -1;
	s->hooks.log.fd = -1;
	s->stall_ms = stall_from_environment();
	progress_init(
	    &s->progress, STDERR_FILENO, &options->progress, clock_ms());
	supervisor_rules_init(s, options);
	*exit_out = EXIT_CODE_LOCAL;
	s->engine = spawn_engine_path(err);
	s->command_env = secret_env_new(s->plan);
	if (!s->command_env)
		return no_memory(err);
	if (!s->engine || allocate(s, options, err) < 0 ||
	    set_signals(s, err) < 0 || supervisor_rules_share(s, err) < 0 ||
	    rundir_init(&s->dir, s->plan, err) < 0)
		return -1;
	s->is_look = s->dir.is_look = options->look;
	s->verify = options->verify;
	s->dir.is_verify = options->verify != NULL;
	s->is_dry = s->dir.is_dry =
	    options->dry_run || options->look || options->verify;
	if (rundir_lock(&s->dir, err) < 0) {
		*exit_out = strcmp(err->reason, "state.locked") == 0
				? EXIT_CODE_TEMPORARY
				: EXIT_CODE_CANNOT_CREATE;
		return -1;
	}
	if (choose_run(s, options, exit_out, err) < 0)
		return -1;
	*exit_out = EXIT_CODE_LOCAL;
	if (plan_the_run(s, options, err) < 0 ||
	    supervisor_show_init(s, err) < 0)
		return -1;
	supervisor_operator_init(s);
	supervisor_hooks_begin(s);
	return 0;
}

void supervisor_release(struct supervisor *s)
{
	for (size_t i = 0; i < s->slot_count; i++)
		supervisor_slot_reset(&s->slots[i]);
	for (size_t i = 0; s->standings && i < s->plan->account_count; i++) {
		free(s->standings[i].reason);
		free(s->standings[i].text);
	}
	free(s->slots);
	free(s->polls);
	free(s->poll_slots);
	free(s->standings);
	free(s->wants);
	free(s->engine);
	free(s->command_env);
	approval_release(&s->own_approval);
	supervisor_show_release(s);
	supervisor_hooks_release(s);
	supervisor_rules_release(s);
	ctl_close(&s->ctl);
	progress_release(&s->progress);
	sched_release(&s->sched);
	journal_close(s->journal);
	journal_run_free(s->before);
	journal_run_free(s->earlier);
	fd_close(&s->signal_fd);
	fd_close(&s->pace_fd);
	rundir_release(&s->dir);
}

/* -------------------------------------------------------------- the end */

/* Not by the operator, but by a rule of ours or a server's word. */
static bool is_put_off(const struct supervisor *s, size_t account)
{
	enum sched_state state = s->sched.accounts[account].state;

	if (s->stage != STAGE_RUN)
		return false;
	return s->cannot_start || s->rules.ended || state == SCHED_DEFERRED ||
	       state == SCHED_LEFT ||
	       strcmp(s->standings[account].outcome, "deferred") == 0;
}

static int batch_code(const struct supervisor *s, bool *complete_out)
{
	int code = EXIT_CODE_OK;

	*complete_out = true;
	for (size_t i = 0; i < s->plan->account_count; i++) {
		const struct standing *st = &s->standings[i];
		if (st->is_final && !st->is_left_out)
			code = exit_code_worse(code, st->batch);
		*complete_out &= st->is_final;
		if (st->is_final || st->is_left_out)
			continue;
		code = exit_code_worse(code, is_put_off(s, i)
						 ? EXIT_CODE_DEFERRED
						 : EXIT_CODE_INTERRUPTED);
	}
	return s->is_journal_lost ? EXIT_CODE_LOCAL : code;
}

static const char *end_reason(const struct supervisor *s, bool complete)
{
	if (s->is_journal_lost)
		return "journal";
	if (s->stage != STAGE_RUN)
		return "operator";
	if (s->cannot_start)
		return "engine";
	if (s->rules.ended)
		return s->rules.ended;
	if (s->sched.by_state[SCHED_LEFT] > 0)
		return "servers";
	if (s->sched.by_state[SCHED_DEFERRED] > 0)
		return "deferred";
	return complete ? "finished" : "partly";
}

int supervisor_finish(struct supervisor *s)
{
	struct error err = {0};
	bool complete = false;
	int code = batch_code(s, &complete);

	progress_release(&s->progress);
	if (journal_run_end(
		s->journal, code, complete, end_reason(s, complete)) < 0 &&
	    !s->is_journal_lost) {
		s->is_journal_lost = true;
		code = EXIT_CODE_LOCAL;
		(void)journal_failed(s->journal, &err);
		progress_note(&s->progress, "ERROR", "%s", err.text);
	}
	char *journal = rundir_journal_path(&s->dir);
	char *directory = rundir_report_path(&s->dir, ".");
	bool reported = journal && directory &&
			report_files_all(journal, directory, &err) == 0;
	if (!reported) {
		progress_note(&s->progress, "ERROR", "no report: %s", err.text);
		code = exit_code_worse(code, EXIT_CODE_LOCAL);
	}
	supervisor_show_end(s, code);
	if (s->out)
		supervisor_last_lines(s, code, reported);
	free(journal);
	free(directory);
	return code;
}
