// SPDX-License-Identifier: MIT
/*
 * Which account is next, and what follows an attempt.  Pure: time comes in as
 * an argument, randomness from a seed; knows nothing of processes.
 */
#ifndef ORCHESTRATOR_SCHED_H
#define ORCHESTRATOR_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/contract/exit_code.h"

struct sched_config {
	unsigned jobs;           /* at most so many at once */
	uint64_t start_delay_ms; /* between two starts */
	unsigned attempts;       /* for temporary failures, first included */
	uint64_t backoff_ms;
	double factor;
	uint64_t max_wait_ms;
	unsigned jitter_percent;
	uint64_t seed; /* of the jitter */
};

enum sched_state {
	SCHED_SKIPPED, /* not to be run */
	SCHED_PENDING,
	SCHED_RUNNING,
	SCHED_WAITING, /* for its time to be tried again */
	SCHED_AT_END,  /* for all the others */
	SCHED_DONE
};

struct sched_account {
	enum sched_state state;
	unsigned tries;     /* attempts that ended, of this supervisor */
	unsigned failures;  /* temporary ones among them */
	bool retried_once;  /* after an internal error or a crash */
	bool second_pass;   /* ran again at the end */
	int64_t not_before; /* WAITING */
};

struct sched {
	struct sched_config config;
	struct sched_account *accounts;
	size_t count;
	size_t by_state[SCHED_DONE + 1];
	size_t first_pending; /* none stands before it */
	int64_t next_start;   /* no start before it */
	bool stopped;         /* nothing is started any more */
	uint64_t random;
};

/* All accounts are SKIPPED until sched_add. -1: out of memory. */
int sched_init(struct sched *s, const struct sched_config *config, size_t count)
    __attribute__((warn_unused_result));
void sched_release(struct sched *s);

void sched_add(struct sched *s, size_t account);

/* Takes the next account that may start now. false: none. */
bool sched_take(struct sched *s, int64_t now_ms, size_t *account_out);

/* Gives back one that was taken but could not be started; it stays next, and
 * nothing is started for wait_ms. */
void sched_put_back(
    struct sched *s, size_t account, int64_t now_ms, int64_t wait_ms);

/* When sched_take may give something without any other event; INT64_MAX:
 * never. */
int64_t sched_wake(const struct sched *s, int64_t now_ms);

/*
 * An attempt ended, with this retry class. Returns how long until the next
 * attempt (0: at once; -1: there is none, the account is done). For
 * EXIT_RETRY_AT_END the wait is not known: 0 is returned.
 */
int64_t sched_ended(
    struct sched *s, size_t account, enum exit_retry retry, int64_t now_ms);

/* Starts nothing more. */
void sched_stop(struct sched *s);

/* Nothing runs, nothing will. */
bool sched_is_over(const struct sched *s);

#endif
