// SPDX-License-Identifier: MIT
/*
 * Which account is next, how many connections it is given, and what follows an
 * attempt.  Pure: time comes in as an argument, randomness from a seed; knows
 * nothing of processes.
 */
#ifndef ORCHESTRATOR_SCHED_H
#define ORCHESTRATOR_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/contract/exit_code.h"
#include "orchestrator/login_guard.h"
#include "orchestrator/sched_server.h"

enum {
	/* of a wait: there is no further attempt */
	SCHED_WAIT_DONE = -1, /* the account has its result */
	SCHED_WAIT_LEFT = -2, /* it is left for another run */
	/* a server that says "later" but not when means tomorrow */
	SCHED_DEFER_MS = 24 * 60 * 60 * 1000
};

/* Of an account whose login no other one has. */
#define SCHED_OWN_LOGIN UINT32_MAX

struct sched_config {
	unsigned jobs;           /* at most so many at once */
	uint64_t start_delay_ms; /* between two starts */
	unsigned attempts;       /* for temporary failures, first included */
	uint64_t backoff_ms;
	double factor;
	uint64_t max_wait_ms;
	unsigned jitter_percent;
	uint64_t seed; /* of the jitter */
	/* borrowed by sched_init; none: one server without limits */
	const struct sched_server_config *servers;
	size_t server_count;
	size_t login_count;  /* logins that several accounts share */
	size_t target_count; /* targets that several accounts share */
	/* nobody waits for a server: what fails is given up at once */
	bool is_look;
};

/* What an account asks for. */
struct sched_want {
	uint32_t servers[2];  /* source, target; may be the same one */
	uint32_t connections; /* at each of them, at most; 0 counts as 1 */
	uint32_t logins[2];   /* shared ones, or SCHED_OWN_LOGIN */
	/* a shared one, from 1: one account of it runs at a time; 0: its own */
	uint32_t target;
};

enum sched_state {
	SCHED_SKIPPED, /* not to be run */
	SCHED_PENDING,
	SCHED_RUNNING,
	SCHED_WAITING,  /* for its time to be tried again */
	SCHED_AT_END,   /* for all the others */
	SCHED_DEFERRED, /* as WAITING, but the batch does not wait for it */
	SCHED_LEFT,     /* not in this run: its server or login was given up */
	SCHED_DONE
};

/* What an attempt said about one of its servers. */
enum sched_sign {
	SCHED_SIGN_NONE,
	SCHED_SIGN_WORKED,
	SCHED_SIGN_FAILED,  /* unreachable, unavailable, throttled */
	SCHED_SIGN_REFUSED, /* it works, but not with this login */
};

struct sched_result {
	enum exit_retry retry;
	enum sched_sign signs[2]; /* source, target */
	int64_t asked_ms;         /* the server's own wait; 0: none */
	/* one of our rules stopped it: it lost nothing and goes on later */
	bool is_put_off;
};

struct sched_account {
	enum sched_state state;
	struct sched_want want;
	uint32_t pair;
	size_t rank;          /* in the order of sched_add */
	size_t next;          /* with the same servers; SIZE_MAX: none */
	unsigned tries;       /* attempts that ended, of this supervisor */
	unsigned failures;    /* temporary ones among them */
	unsigned deferrals;   /* that the batch waited for */
	unsigned connections; /* RUNNING: given at each server */
	bool retried_once;    /* after an internal error or a crash */
	bool second_pass;     /* ran again at the end */
	bool is_skipped;      /* RUNNING: its last attempt, whatever comes */
	bool is_probe[2];     /* RUNNING: tells whether a server is back */
	int64_t not_before;   /* WAITING, DEFERRED */
	/* the last failure: a server's, and in which row of its failures */
	uint32_t blamed;
	unsigned streak;
	bool is_blamed;
};

/* Accounts with the same two servers. */
struct sched_pair {
	uint32_t servers[2];
	size_t first, last; /* no pending one stands before `first` */
	size_t pending;
};

struct sched {
	struct sched_config config;
	struct sched_account *accounts;
	size_t count, added;
	struct sched_server *servers;
	size_t server_count;
	struct login_guard *logins;
	bool *busy_targets; /* target_count + 1 */
	struct sched_pair *pairs;
	size_t pair_count;
	size_t by_state[SCHED_DONE + 1];
	int64_t next_start; /* no start before it */
	int64_t hold_until; /* the same, by one of our rules */
	bool stopped;       /* nothing is started any more */
	uint64_t random;
};

/* All accounts are SKIPPED until sched_add. -1: out of memory. */
int sched_init(struct sched *s, const struct sched_config *config, size_t count)
    __attribute__((warn_unused_result));
void sched_release(struct sched *s);

/* In the order in which they are added they are started. `want` NULL: one
 * connection at the first server for each side. */
void sched_add(struct sched *s, size_t account, const struct sched_want *want);

/* Takes the next account that may start now, and connections for it (NULL: not
 * asked). false: none. */
bool sched_take(struct sched *s, int64_t now_ms, size_t *account_out,
    unsigned *connections_out);

/* Gives back one that was taken but could not be started; it stays next, and
 * nothing is started for wait_ms. */
void sched_put_back(
    struct sched *s, size_t account, int64_t now_ms, int64_t wait_ms);

/* Nothing is started before that time: a window, memory. A later call may take
 * it back. */
void sched_hold(struct sched *s, int64_t until_ms);

/* When sched_take may give something without any other event; INT64_MAX:
 * never. */
int64_t sched_wake(const struct sched *s, int64_t now_ms);

/*
 * An attempt ended. Returns how long until the next attempt (0: at once, or as
 * soon as its server is back) or one of SCHED_WAIT. For EXIT_RETRY_AT_END the
 * wait is not known: 0 is returned. An attempt that failed while its server was
 * being left alone is not counted, nor are those that led to it.
 */
int64_t sched_ended(struct sched *s, size_t account,
    const struct sched_result *result, int64_t now_ms);

/* It is known to have got through to both of its servers: one that tries need
 * not end before others follow it. */
void sched_alive(struct sched *s, size_t account);

/* The next server whose breaker has changed since this was asked last; false:
 * none. */
bool sched_changed(struct sched *s, size_t *server_out);

/* Is not to be run any more; one that runs gets no further attempt. false: it
 * was not to be run. */
bool sched_skip(struct sched *s, size_t account);

/* Runs as if it never had: one that does not run now. `want` counts for one
 * that was never added. A server that was given up is tried once more. */
void sched_again(struct sched *s, size_t account, const struct sched_want *want,
    int64_t now_ms);

/* Starts nothing more. */
void sched_stop(struct sched *s);

/* Nothing runs, nothing will. */
bool sched_is_over(const struct sched *s);

#endif
