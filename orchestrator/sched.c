// SPDX-License-Identifier: MIT
#include "orchestrator/sched.h"

#include <stdlib.h>

#include "engine/base/mem.h"
#include "orchestrator/sched_private.h"

static int init_servers(struct sched *s)
{
	static const struct sched_server_config unlimited = {0};
	const struct sched_server_config *from = s->config.servers;
	size_t count = s->config.server_count;

	if (count == 0) {
		from = &unlimited;
		count = 1;
	}
	s->config.servers = NULL; // the caller's, from now on gone
	s->servers = mem_try_calloc(count, sizeof(*s->servers));
	if (!s->servers)
		return -1;
	for (; s->server_count < count; s->server_count++)
		if (sched_server_init(&s->servers[s->server_count],
			&from[s->server_count]) < 0)
			return -1;
	return 0;
}

int sched_init(struct sched *s, const struct sched_config *config, size_t count)
{
	*s = (struct sched){
	    .config = *config,
	    .accounts = mem_try_calloc(count, sizeof(*s->accounts)),
	    .pairs = mem_try_calloc(count, sizeof(*s->pairs)),
	    .logins = mem_try_calloc(config->login_count, sizeof(*s->logins)),
	    .busy_targets = mem_try_calloc(
		config->target_count + 1, sizeof(*s->busy_targets)),
	    .count = count,
	    .next_start = INT64_MIN,
	    .hold_until = INT64_MIN,
	    .random = config->seed | 1,
	};
	if (s->config.jobs == 0)
		s->config.jobs = 1;
	s->by_state[SCHED_SKIPPED] = count;
	if (!s->accounts || !s->pairs || !s->logins || !s->busy_targets)
		return -1;
	return init_servers(s);
}

void sched_release(struct sched *s)
{
	for (size_t i = 0; i < s->server_count; i++)
		sched_server_release(&s->servers[i]);
	free(s->servers);
	free(s->accounts);
	free(s->pairs);
	free(s->logins);
	free(s->busy_targets);
	*s = (struct sched){0};
}

void sched_set_state(struct sched *s, size_t i, enum sched_state state)
{
	struct sched_account *a = &s->accounts[i];
	struct sched_pair *p = &s->pairs[a->pair];

	s->by_state[a->state]--;
	s->by_state[state]++;
	if (a->want.target > 0 &&
	    (a->state == SCHED_RUNNING || state == SCHED_RUNNING))
		s->busy_targets[a->want.target] = state == SCHED_RUNNING;
	if (a->state == SCHED_PENDING)
		p->pending--;
	if (state == SCHED_PENDING) {
		p->pending++;
		if (a->rank < s->accounts[p->first].rank)
			p->first = i;
	}
	a->state = state;
}

static uint32_t pair_of(struct sched *s, const struct sched_want *want)
{
	for (size_t i = 0; i < s->pair_count; i++)
		if (s->pairs[i].servers[SCHED_SOURCE] ==
			want->servers[SCHED_SOURCE] &&
		    s->pairs[i].servers[SCHED_TARGET] ==
			want->servers[SCHED_TARGET])
			return (uint32_t)i;
	s->pairs[s->pair_count] =
	    (struct sched_pair){.servers = {want->servers[SCHED_SOURCE],
				    want->servers[SCHED_TARGET]},
		.first = SIZE_MAX};
	return (uint32_t)s->pair_count++;
}

void sched_add(struct sched *s, size_t account, const struct sched_want *want)
{
	static const struct sched_want plain = {
	    .connections = 1, .logins = {SCHED_OWN_LOGIN, SCHED_OWN_LOGIN}};
	struct sched_account *a = &s->accounts[account];

	a->want = want ? *want : plain;
	if (a->want.connections == 0)
		a->want.connections = 1;
	a->rank = s->added++;
	a->next = SIZE_MAX;
	a->pair = pair_of(s, &a->want);
	struct sched_pair *p = &s->pairs[a->pair];
	if (p->first == SIZE_MAX)
		p->first = account;
	else
		s->accounts[p->last].next = account;
	p->last = account;
	sched_set_state(s, account, SCHED_PENDING);
}

bool sched_skip(struct sched *s, size_t account)
{
	struct sched_account *a = &s->accounts[account];

	if (a->state == SCHED_SKIPPED || a->state == SCHED_DONE ||
	    a->state == SCHED_LEFT)
		return false;
	a->is_skipped = true;
	if (a->state != SCHED_RUNNING)
		sched_set_state(s, account, SCHED_SKIPPED);
	return true;
}

void sched_again(struct sched *s, size_t account, const struct sched_want *want,
    int64_t now_ms)
{
	struct sched_account *a = &s->accounts[account];

	a->tries = a->failures = a->deferrals = 0;
	a->retried_once = a->second_pass = a->is_skipped = false;
	a->is_blamed = false;
	if (a->want.connections == 0)
		sched_add(s, account, want); // it was not to be run before
	else
		sched_set_state(s, account, SCHED_PENDING);
	for (int side = 0; side < SCHED_SIDES; side++)
		breaker_again(
		    &s->servers[a->want.servers[side]].breaker, now_ms);
}

void sched_stop(struct sched *s)
{
	s->stopped = true;
}

void sched_hold(struct sched *s, int64_t until_ms)
{
	s->hold_until = until_ms;
}

bool sched_is_over(const struct sched *s)
{
	if (s->by_state[SCHED_RUNNING] > 0)
		return false;
	return s->stopped || (s->by_state[SCHED_PENDING] == 0 &&
				 s->by_state[SCHED_WAITING] == 0 &&
				 s->by_state[SCHED_AT_END] == 0);
}

bool sched_changed(struct sched *s, size_t *server_out)
{
	for (size_t i = 0; i < s->server_count; i++) {
		if (!s->servers[i].is_changed)
			continue;
		s->servers[i].is_changed = false;
		*server_out = i;
		return true;
	}
	return false;
}

/* -------------------------------------------------------------- servers */

/* Connections at a server for one of the account's. */
static unsigned each(const struct sched_pair *p)
{
	return p->servers[SCHED_SOURCE] == p->servers[SCHED_TARGET] ? 2 : 1;
}

/* When one account of the pair may start. */
static int64_t ready_ms(
    const struct sched *s, const struct sched_pair *p, int64_t now_ms)
{
	int64_t ready = now_ms;

	for (int side = 0; side < SCHED_SIDES; side++) {
		const struct sched_server *server =
		    &s->servers[p->servers[side]];
		int64_t room = sched_server_ready_ms(server, each(p), now_ms);
		int64_t back = breaker_ready_ms(&server->breaker, now_ms);
		ready = room > ready ? room : ready;
		ready = back > ready ? back : ready;
	}
	return ready;
}

static void take_connections(struct sched *s, size_t i, int64_t now_ms)
{
	struct sched_account *a = &s->accounts[i];
	const struct sched_pair *p = &s->pairs[a->pair];

	a->connections = a->want.connections;
	for (int side = 0; side < SCHED_SIDES; side++) {
		struct sched_server *server = &s->servers[p->servers[side]];
		a->connections =
		    sched_server_room(server, a->connections, each(p), now_ms);
		// what is to be found out is found out with one
		if (server->breaker.state == BREAKER_OPEN)
			a->connections = 1;
	}
	for (int side = 0; side < SCHED_SIDES; side++) {
		struct sched_server *server = &s->servers[p->servers[side]];
		sched_server_take(server, a->connections, now_ms);
		a->is_probe[side] = breaker_started(&server->breaker);
		server->is_changed |= a->is_probe[side];
	}
}

void sched_give_connections(struct sched *s, size_t i)
{
	struct sched_account *a = &s->accounts[i];

	for (int side = 0; side < SCHED_SIDES; side++)
		sched_server_give(
		    &s->servers[a->want.servers[side]], a->connections);
	a->connections = 0;
}

/* ----------------------------------------------------------------- next */

/* Nobody else writes to its target now. */
static bool is_target_free(const struct sched *s, const struct sched_account *a)
{
	return a->want.target == 0 || !s->busy_targets[a->want.target];
}

/* The next of the pair that nothing but its servers may keep; SIZE_MAX: all of
 * them wait for others to end. */
static size_t next_of(const struct sched *s, const struct sched_pair *p)
{
	size_t i = p->first;

	while (i != SIZE_MAX && (s->accounts[i].state != SCHED_PENDING ||
				    !is_target_free(s, &s->accounts[i])))
		i = s->accounts[i].next;
	return i;
}

static bool find_pending(struct sched *s, int64_t now_ms, size_t *out)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < s->pair_count; i++) {
		struct sched_pair *p = &s->pairs[i];
		if (p->pending == 0 || ready_ms(s, p, now_ms) > now_ms)
			continue;
		while (s->accounts[p->first].state != SCHED_PENDING)
			p->first = s->accounts[p->first].next;
		size_t next = next_of(s, p);
		if (next != SIZE_MAX &&
		    (best == SIZE_MAX ||
			s->accounts[next].rank < s->accounts[best].rank))
			best = next;
	}
	*out = best;
	return best != SIZE_MAX;
}

static bool waits(const struct sched_account *a)
{
	return a->state == SCHED_WAITING || a->state == SCHED_DEFERRED;
}

/* Longest due first. */
static bool find_due(const struct sched *s, int64_t now_ms, size_t *out)
{
	bool found = false;

	if (s->by_state[SCHED_WAITING] + s->by_state[SCHED_DEFERRED] == 0)
		return false;
	for (size_t i = 0; i < s->count; i++) {
		const struct sched_account *a = &s->accounts[i];
		if (!waits(a) || a->not_before > now_ms ||
		    !is_target_free(s, a) ||
		    (found && a->not_before >= s->accounts[*out].not_before) ||
		    ready_ms(s, &s->pairs[a->pair], now_ms) > now_ms)
			continue;
		*out = i;
		found = true;
	}
	return found;
}

/* When all others have their first result. */
static bool find_at_end(const struct sched *s, int64_t now_ms, size_t *out)
{
	size_t best = SIZE_MAX;

	if (s->by_state[SCHED_AT_END] == 0 || s->by_state[SCHED_PENDING] > 0 ||
	    s->by_state[SCHED_WAITING] > 0)
		return false;
	for (size_t i = 0; i < s->count; i++) {
		const struct sched_account *a = &s->accounts[i];
		if (a->state == SCHED_RUNNING && !a->second_pass)
			return false; // the end has not come
		if (a->state == SCHED_AT_END &&
		    (best == SIZE_MAX || a->rank < s->accounts[best].rank) &&
		    is_target_free(s, a) &&
		    ready_ms(s, &s->pairs[a->pair], now_ms) <= now_ms)
			best = i;
	}
	*out = best;
	return best != SIZE_MAX;
}

bool sched_take(struct sched *s, int64_t now_ms, size_t *account_out,
    unsigned *connections_out)
{
	size_t i = 0;

	if (s->stopped || s->by_state[SCHED_RUNNING] >= s->config.jobs ||
	    now_ms < s->next_start || now_ms < s->hold_until)
		return false;
	// an account with trouble never delays another
	if (!find_pending(s, now_ms, &i) && !find_due(s, now_ms, &i) &&
	    !find_at_end(s, now_ms, &i))
		return false;
	if (s->accounts[i].state == SCHED_AT_END)
		s->accounts[i].second_pass = true;
	sched_set_state(s, i, SCHED_RUNNING);
	take_connections(s, i, now_ms);
	s->next_start = now_ms + (int64_t)s->config.start_delay_ms;
	*account_out = i;
	if (connections_out)
		*connections_out = s->accounts[i].connections;
	return true;
}

static void end_probe(struct sched *s, size_t account)
{
	struct sched_account *a = &s->accounts[account];

	for (int side = 0; side < SCHED_SIDES; side++) {
		struct sched_server *server =
		    &s->servers[a->want.servers[side]];
		if (a->is_probe[side])
			breaker_gone(&server->breaker);
		a->is_probe[side] = false;
	}
}

void sched_put_back(
    struct sched *s, size_t account, int64_t now_ms, int64_t wait_ms)
{
	sched_give_connections(s, account);
	end_probe(s, account);
	sched_set_state(
	    s, account, sched_is_left(s, account) ? SCHED_LEFT : SCHED_PENDING);
	s->next_start = now_ms + wait_ms;
}

static int64_t wake_waiting(const struct sched *s, int64_t now_ms)
{
	int64_t wake = INT64_MAX;

	if (s->by_state[SCHED_WAITING] + s->by_state[SCHED_DEFERRED] == 0)
		return wake;
	for (size_t i = 0; i < s->count; i++) {
		const struct sched_account *a = &s->accounts[i];
		if (!waits(a) || a->not_before >= wake ||
		    !is_target_free(s, a)) // an end comes first
			continue;
		int64_t at = ready_ms(s, &s->pairs[a->pair], now_ms);
		if (a->not_before > at)
			at = a->not_before;
		wake = at < wake ? at : wake;
	}
	return wake;
}

/* Those at the end come when all others are done, which is an event; then when
 * their servers let them. */
static int64_t wake_at_end(const struct sched *s, int64_t now_ms)
{
	int64_t wake = INT64_MAX;

	if (s->by_state[SCHED_AT_END] == 0 || s->by_state[SCHED_PENDING] > 0 ||
	    s->by_state[SCHED_WAITING] > 0)
		return wake;
	for (size_t i = 0; i < s->count; i++) {
		const struct sched_account *a = &s->accounts[i];
		if (a->state == SCHED_RUNNING && !a->second_pass)
			return INT64_MAX;
		if (a->state != SCHED_AT_END || !is_target_free(s, a))
			continue;
		int64_t at = ready_ms(s, &s->pairs[a->pair], now_ms);
		wake = at < wake ? at : wake;
	}
	return wake;
}

int64_t sched_wake(const struct sched *s, int64_t now_ms)
{
	int64_t wake = INT64_MAX;

	if (s->stopped || s->by_state[SCHED_RUNNING] >= s->config.jobs)
		return INT64_MAX; // an end comes first
	for (size_t i = 0; i < s->pair_count; i++) {
		if (s->pairs[i].pending == 0 ||
		    next_of(s, &s->pairs[i]) == SIZE_MAX)
			continue;
		int64_t at = ready_ms(s, &s->pairs[i], now_ms);
		wake = at < wake ? at : wake;
	}
	int64_t due = wake_waiting(s, now_ms), end = wake_at_end(s, now_ms);
	wake = due < wake ? due : wake;
	wake = end < wake ? end : wake;
	if (wake == INT64_MAX)
		return wake;
	wake = wake < s->next_start ? s->next_start : wake;
	return wake < s->hold_until ? s->hold_until : wake;
}
