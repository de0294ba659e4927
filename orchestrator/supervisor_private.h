// SPDX-License-Identifier: MIT
/* Shared by the files of the supervisor only. */
#ifndef ORCHESTRATOR_SUPERVISOR_PRIVATE_H
#define ORCHESTRATOR_SUPERVISOR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "engine/base/pace.h"
#include "orchestrator/approval.h"
#include "orchestrator/collect.h"
#include "orchestrator/ctl.h"
#include "orchestrator/daily.h"
#include "orchestrator/notify_systemd.h"
#include "orchestrator/progress.h"
#include "orchestrator/rundir.h"
#include "orchestrator/sched.h"
#include "orchestrator/slot.h"
#include "orchestrator/snapshot.h"
#include "orchestrator/supervisor_hooks.h"

struct account_secrets;
struct journal;
struct journal_run;
struct plan;
struct error;

enum {
	LOCK_RETRY_MS = 200,      /* an old engine may still be dying */
	LOCK_PATIENCE_MS = 60000, /* then the account is put off */
	STOP_TERM_MS = 10000,     /* job pipe closed until SIGTERM */
	TERM_KILL_MS = 20000,     /* SIGTERM until SIGKILL */
	STALL_MS =
	    15 * 60 * 1000, /* without a record; more for long timeouts */
	JOURNAL_PROGRESS_MS = 30000,
	START_FAILURES_MAX = 3, /* in a row, then nothing is started any more */
	LOCAL_FAILURES_MAX = 3, /* in a row: disk, descriptors */
	FORK_WAIT_MS = 1000,
	FORK_WAIT_DOUBLINGS = 5,
	SUPERVISOR_OPERATOR_POLLS = CTL_POLLS + 1, /* and the keys */
	SLOTS_MIN = 256, /* room for accounts at a time */
	DRAIN_READS = 64 /* of 16 KiB; a grandchild may write for ever */
};

/* How far the operator went. */
enum stage {
	STAGE_RUN,
	STAGE_DRAIN, /* nothing is started */
	STAGE_STOP,  /* engines end cleanly */
	STAGE_KILL
};

struct slot {
	enum slot_state state;
	size_t account; /* in the plan */
	pid_t pid;      /* 0: none */
	int job_fd, record_fd, lock_fd;
	struct account_secrets *secrets; /* SECRETS; NULL: none */
	char *job_line; /* secrets: wiped as soon as it is written */
	size_t job_len, job_sent;
	struct collect collect;
	enum collect_cause cause;
	int wait_status;
	int64_t deadline_ms;      /* of the state */
	int64_t lock_deadline_ms; /* LOCKING */
	int64_t started_ms;
	int64_t limit_ms;         /* the account's own time is over then */
	unsigned connections;     /* at each of its servers */
	int64_t next_progress_ms; /* into the journal */
	bool has_verdict;         /* without a child */
	struct verdict verdict;   /* also of COLLECT_CAUSE_RULE */
	bool is_put_off;          /* that one: it goes on in this run */
	bool is_skipped;          /* by the operator: not to be put back */
};

/* What is known of an account of the plan. */
struct standing {
	unsigned attempt; /* the last one */
	const char *outcome;
	int batch;
	/* in this run, since that was approved */
	uint64_t deleted, mailboxes_deleted;
	bool is_final, is_selected;
	bool is_acked;    /* somebody takes that result: it does not count */
	bool is_left_out; /* by --account and the like: no part of the result */
	bool is_counted;  /* among rules.finished */
	char *reason, *text; /* of a failure, for the last lines; may be NULL */
	struct daily daily;
};

/* supervisor_rules.c */
struct supervisor_rules {
	int64_t next_ms;    /* when to look again */
	int64_t end_ms;     /* of the run; CLOCK_NEVER */
	uint64_t bandwidth; /* instead of the plan's, 0 is none */
	bool has_bandwidth;
	struct plan *reread; /* NULL: the plan was not read again */
	bool ends_with_window, is_window_closed;
	bool is_memory_low, is_disk_low;
	size_t finished, failed; /* accounts of this supervisor */
	const char *ended;       /* the rule that ended the run, or NULL */
};

/* What others are shown. */
struct supervisor_show {
	struct snapshot now;
	struct snapshot_rate rate;
	uint64_t before_copied, before_bytes; /* of earlier supervisors */
	uint64_t seen_ends;
	int64_t next_ms, next_file_ms;
	struct notify_systemd systemd;
	bool is_stopping; /* systemd knows */
	bool has_failed;  /* to write the files: said once */
};

struct supervisor {
	const struct plan *plan;
	FILE *out; /* for the last lines; NULL: none */
	struct rundir dir;
	struct journal *journal;
	struct journal_run *before;  /* the run as we found it, or NULL */
	struct journal_run *earlier; /* the one before a new one, or NULL */
	struct sched sched;
	struct sched_want *wants;   /* one for each account of the plan */
	struct standing *standings; /* one for each account of the plan */
	struct slot *slots;
	size_t slot_count;
	struct pollfd *polls;
	size_t *poll_slots;
	struct progress progress;
	struct supervisor_rules rules;
	/* shared with all engines: the first of the run, one for each server */
	struct pace_bucket *pace;
	int pace_fd;
	const struct approval *approval; /* NULL: nothing may be deleted */
	struct approval own_approval;    /* read from the run's directory */
	struct supervisor_show show;
	struct supervisor_hooks hooks;
	char *engine;
	char **command_env; /* of the commands of the plan */
	int signal_fd;
	enum stage stage;
	unsigned start_failures; /* in a row */
	unsigned shortages;      /* of processes or descriptors, in a row */
	unsigned local_failures; /* in a row */
	bool cannot_start, is_journal_lost, is_dry;
	bool is_look;      /* is_dry too */
	bool is_paused;    /* by the operator: nothing is started */
	bool has_own_jobs; /* from the command line */
	bool had_terminal; /* when it began */
	struct ctl ctl;
	const struct account_job_verify *verify; /* is_dry too; or NULL */
	int64_t stall_ms; /* 0: by the account's time-out */
};

/* supervisor_slot.c: what happens to one slot. */
void supervisor_slot_event(
    struct supervisor *s, struct slot *slot, enum slot_event event);
void supervisor_slot_readable(struct supervisor *s, struct slot *slot);

/* Its process, the engine or a command, has ended and was reaped. */
void supervisor_slot_reaped(
    struct supervisor *s, struct slot *slot, pid_t pid, int status);
bool supervisor_slot_has(const struct slot *slot, pid_t pid);

/* It waits to be started: for its account, or for its passwords. */
bool supervisor_slot_is_unstarted(const struct slot *slot);
void supervisor_slot_writable(struct slot *slot);
void supervisor_slot_reset(struct slot *slot);

/* As if a running engine had given a sign of life just now. */
void supervisor_slot_grace(const struct supervisor *s, struct slot *slot);

/* One of our rules ends a running engine: it stops cleanly. Put off, it goes on
 * as soon as accounts are started again, and nothing is counted. */
void supervisor_slot_put_off(struct supervisor *s, struct slot *slot,
    const char *reason, const char *text);

/* supervisor_servers.c: heap, or NULL when out of memory. */
struct sched_server_config *supervisor_servers_new(const struct plan *plan);
struct sched_want *supervisor_servers_wants(
    struct supervisor *s, size_t *login_count_out);

/* What a verdict means for the schedule. */
void supervisor_servers_result(
    const struct verdict *v, bool is_put_off, struct sched_result *out);

/* Says what an account's start or end (SIZE_MAX: any sign of life) has changed
 * about servers and logins. */
void supervisor_servers_tell(struct supervisor *s, size_t account);

/* At most so many connections from now on, 0: as many as are wanted; what runs
 * keeps those it has. Returns what it was. */
unsigned supervisor_servers_set_connections(
    struct supervisor *s, size_t server, unsigned count);

/* supervisor_rules.c */
struct supervisor_options;
void supervisor_rules_init(
    struct supervisor *s, const struct supervisor_options *options);

/* Makes the buckets of bandwidth. */
int supervisor_rules_share(struct supervisor *s, struct error *err)
    __attribute__((warn_unused_result));

/* Before accounts are started. */
void supervisor_rules_tick(struct supervisor *s);
int64_t supervisor_rules_deadline(const struct supervisor *s);

/* Instead of the plan's, 0: none. Returns what it was. */
uint64_t supervisor_rules_set_bandwidth(struct supervisor *s, uint64_t rate);

/* The limits of this plan count from now on; takes it. */
void supervisor_rules_reread(struct supervisor *s, struct plan *plan);
void supervisor_rules_release(struct supervisor *s);
bool supervisor_rules_is_verbose(const struct supervisor *s);

/* A rule that is kept elsewhere ends the run: what runs finishes. */
void supervisor_rules_end(
    struct supervisor *s, const char *why, const char *text);

/* An account has its result. */
void supervisor_rules_finished(struct supervisor *s, size_t account);

/* It is run again: its result counts no more. */
void supervisor_rules_again(struct supervisor *s, size_t account);

/* supervisor_setup.c: before and after the loop. */
int supervisor_setup(struct supervisor *s,
    const struct supervisor_options *options, int *exit_out, struct error *err);
int supervisor_finish(struct supervisor *s);
void supervisor_release(struct supervisor *s);

/* supervisor_show.c: progress, status.json and the Prometheus file. */
int supervisor_show_init(struct supervisor *s, struct error *err)
    __attribute__((warn_unused_result));
void supervisor_show_release(struct supervisor *s);

/* Shows what is due; to be called once a turn. */
void supervisor_show(struct supervisor *s);
int64_t supervisor_show_deadline(const struct supervisor *s);

/* Looks at once. */
const struct snapshot *supervisor_show_take(struct supervisor *s);

/* The batch is over. */
void supervisor_show_end(struct supervisor *s, int code);

/* supervisor_operator.c: what the operator asks for, by signals and by ctl. */
struct pollfd;
void supervisor_operator_init(struct supervisor *s);
size_t supervisor_operator_polls(
    const struct supervisor *s, struct pollfd *out);
void supervisor_operator_turn(
    struct supervisor *s, const struct pollfd *polls, size_t count);
int64_t supervisor_operator_deadline(const struct supervisor *s);
void supervisor_operator_signal(struct supervisor *s, int number);

/* Drain, then stop, then kill. */
void supervisor_operator_escalate(struct supervisor *s, const char *who);

/* To all slots; `unstarted`: to those only whose engine is not started. */
void supervisor_operator_send(
    struct supervisor *s, enum slot_event event, bool unstarted);

/* `by`: "ctl", "key". */
void supervisor_operator_do(struct supervisor *s, const struct ctl_command *c,
    const char *by, char answer[CTL_ANSWER_BYTES]);
void supervisor_operator_set_jobs(
    struct supervisor *s, unsigned jobs, const char *by);
void supervisor_operator_set_connections(
    struct supervisor *s, size_t server, unsigned count, const char *by);

/* supervisor_end.c: what the operator reads when all is over, as the last of it
 * where the reports are (`is_reported`): first the page that people open. */
void supervisor_last_lines(
    const struct supervisor *s, int code, bool is_reported);

/* An outcome that needs a look: neither fine nor merely unfinished. */
bool supervisor_is_failed(const char *outcome);

#endif
