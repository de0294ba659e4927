// SPDX-License-Identifier: MIT
#include "orchestrator/sched.h"

#include <stdlib.h>

#include "engine/base/mem.h"

int sched_init(struct sched *s, const struct sched_config *config, size_t count)
{
	*s = (struct sched){
	    .config = *config,
	    .accounts = mem_try_calloc(count, sizeof(*s->accounts)),
	    .count = count,
	    .first_pending = count,
	    .next_start = INT64_MIN,
	    .random = config->seed | 1,
	};
	if (s->config.jobs == 0)
		s->config.jobs = 1;
	s->by_state[SCHED_SKIPPED] = count;
	return s->accounts ? 0 : -1;
}

void sched_release(struct sched *s)
{
	free(s->accounts);
	*s = (struct sched){0};
}

/* The one place that changes a state. */
static void set_state(struct sched *s, size_t i, enum sched_state state)
{
	s->by_state[s->accounts[i].state]--;
	s->by_state[state]++;
	s->accounts[i].state = state;
	if (state == SCHED_PENDING && i < s->first_pending)
		s->first_pending = i;
}

void sched_add(struct sched *s, size_t account)
{
	set_state(s, account, SCHED_PENDING);
}

void sched_stop(struct sched *s)
{
	s->stopped = true;
}

bool sched_is_over(const struct sched *s)
{
	if (s->by_state[SCHED_RUNNING] > 0)
		return false;
	return s->stopped || (s->by_state[SCHED_PENDING] == 0 &&
				 s->by_state[SCHED_WAITING] == 0 &&
				 s->by_state[SCHED_AT_END] == 0);
}

/* Pending ones first, in plan order, so that an account with trouble never
 * delays another; then those whose wait is over, longest due first. */
static bool find(struct sched *s, int64_t now_ms, size_t *out)
{
	if (s->by_state[SCHED_PENDING] > 0) {
		while (s->accounts[s->first_pending].state != SCHED_PENDING)
			s->first_pending++;
		*out = s->first_pending;
		return true;
	}
	bool found = false;
	if (s->by_state[SCHED_WAITING] > 0) {
		for (size_t i = 0; i < s->count; i++) {
			const struct sched_account *a = &s->accounts[i];
			if (a->state != SCHED_WAITING || a->not_before > now_ms)
				continue;
			if (!found ||
			    a->not_before < s->accounts[*out].not_before)
				*out = i;
			found = true;
		}
		return found;
	}
	if (s->by_state[SCHED_AT_END] == 0)
		return false;
	size_t first = s->count;
	for (size_t i = 0; i < s->count; i++) {
		const struct sched_account *a = &s->accounts[i];
		if (a->state == SCHED_RUNNING && !a->second_pass)
			return false; // the end has not come
		if (a->state == SCHED_AT_END && first == s->count)
			first = i;
	}
	*out = first;
	return true;
}

bool sched_take(struct sched *s, int64_t now_ms, size_t *account_out)
{
	size_t i = 0;

	if (s->stopped || s->by_state[SCHED_RUNNING] >= s->config.jobs ||
	    now_ms < s->next_start || !find(s, now_ms, &i))
		return false;
	if (s->accounts[i].state == SCHED_AT_END)
		s->accounts[i].second_pass = true;
	set_state(s, i, SCHED_RUNNING);
	s->next_start = now_ms + (int64_t)s->config.start_delay_ms;
	*account_out = i;
	return true;
}

void sched_put_back(
    struct sched *s, size_t account, int64_t now_ms, int64_t wait_ms)
{
	set_state(s, account, SCHED_PENDING);
	s->next_start = now_ms + wait_ms;
}

int64_t sched_wake(const struct sched *s, int64_t now_ms)
{
	int64_t wake = INT64_MAX;

	if (s->stopped || s->by_state[SCHED_RUNNING] >= s->config.jobs)
		return INT64_MAX; // an end comes first
	if (s->by_state[SCHED_PENDING] > 0)
		wake = now_ms;
	else if (s->by_state[SCHED_WAITING] > 0) {
		for (size_t i = 0; i < s->count; i++)
			if (s->accounts[i].state == SCHED_WAITING &&
			    s->accounts[i].not_before < wake)
				wake = s->accounts[i].not_before;
	} else if (s->by_state[SCHED_AT_END] > 0) {
		if (s->by_state[SCHED_RUNNING] > 0 && s->next_start <= now_ms)
			return INT64_MAX; // waits for the others
		wake = now_ms;
	}
	return wake != INT64_MAX && wake < s->next_start ? s->next_start : wake;
}

static double random_unit(struct sched *s)
{
	// xorshift64: spreads retries, guards nothing
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (double)(s->random >> 11) / (double)(1ULL << 53);
}

static int64_t backoff(struct sched *s, unsigned failures)
{
	const struct sched_config *c = &s->config;
	double wait = (double)c->backoff_ms;
	double max = (double)c->max_wait_ms;

	for (unsigned i = 1; i < failures && wait < max; i++)
		wait *= c->factor;
	if (wait > max)
		wait = max;
	double spread = wait * c->jitter_percent / 100;
	wait += (random_unit(s) * 2 - 1) * spread;
	return wait < 0 ? 0 : (int64_t)wait;
}

static int64_t again_at(
    struct sched *s, size_t account, int64_t now_ms, int64_t wait_ms)
{
	s->accounts[account].not_before = now_ms + wait_ms;
	set_state(s, account, SCHED_WAITING);
	return wait_ms;
}

int64_t sched_ended(
    struct sched *s, size_t account, enum exit_retry retry, int64_t now_ms)
{
	struct sched_account *a = &s->accounts[account];

	a->tries++;
	switch (retry) {
	case EXIT_RETRY_BACKOFF:
		if (++a->failures < s->config.attempts)
			return again_at(
			    s, account, now_ms, backoff(s, a->failures));
		break;
	case EXIT_RETRY_ONCE:
		if (!a->retried_once) {
			a->retried_once = true;
			return again_at(s, account, now_ms, 0);
		}
		break;
	case EXIT_RETRY_AT_END:
		if (!a->second_pass) {
			set_state(s, account, SCHED_AT_END);
			return 0;
		}
		break;
	case EXIT_RETRY_NEVER:
	case EXIT_RETRY_AT_TIME:
	case EXIT_RETRY_RESUME:
		break;
	}
	set_state(s, account, SCHED_DONE);
	return -1;
}
