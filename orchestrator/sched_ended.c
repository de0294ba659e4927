// SPDX-License-Identifier: MIT
#include "orchestrator/sched_private.h"

static double random_unit(struct sched *s)
{
	// xorshift64: spreads retries, guards nothing
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (double)(s->random >> 11) / (double)(1ULL << 53);
}

/* What the server asks for is never undercut. */
static int64_t backoff(struct sched *s, unsigned failures, int64_t asked_ms)
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
	if (wait < (double)asked_ms)
		wait = (double)asked_ms + random_unit(s) * spread;
	return wait < 0 ? 0 : (int64_t)wait;
}

static int64_t again_at(struct sched *s, size_t account, int64_t now_ms,
    int64_t wait_ms, enum sched_state state)
{
	s->accounts[account].not_before = now_ms + wait_ms;
	sched_set_state(s, account, state);
	return wait_ms;
}

/* -------------------------------------------------------------- servers */

static bool uses(const struct sched_account *a, size_t server)
{
	return a->want.servers[SCHED_SOURCE] == server ||
	       a->want.servers[SCHED_TARGET] == server;
}

/* The row of failures that opened the breaker was the server's: those whose
 * attempts it took get them back, and do not wait longer than the server. */
static void excuse(struct sched *s, uint32_t server)
{
	for (size_t i = 0; i < s->count; i++) {
		struct sched_account *a = &s->accounts[i];
		if (!a->is_blamed || a->blamed != server ||
		    a->streak != s->servers[server].breaker.streak)
			continue;
		a->is_blamed = false;
		if (a->failures > 0)
			a->failures--;
		if (a->state == SCHED_WAITING)
			a->not_before = INT64_MIN;
	}
}

static bool is_open(enum sched_state state)
{
	return state == SCHED_PENDING || state == SCHED_WAITING ||
	       state == SCHED_AT_END;
}

static void leave_server(struct sched *s, size_t server)
{
	for (size_t i = 0; i < s->count; i++)
		if (is_open(s->accounts[i].state) &&
		    uses(&s->accounts[i], server))
			sched_set_state(s, i, SCHED_LEFT);
}

static void leave_login(struct sched *s, uint32_t login)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct sched_account *a = &s->accounts[i];
		if (is_open(a->state) &&
		    (a->want.logins[0] == login || a->want.logins[1] == login))
			sched_set_state(s, i, SCHED_LEFT);
	}
}

static void judge_login(
    struct sched *s, const struct sched_account *a, int side, bool refused)
{
	uint32_t login = a->want.logins[side];

	if (login == SCHED_OWN_LOGIN)
		return;
	if (!refused)
		login_guard_worked(&s->logins[login]);
	else if (login_guard_refused(&s->logins[login]))
		leave_login(s, login);
}

/* true: the failure is the server's alone. */
static bool judge_failure(struct sched *s, size_t account, int side,
    struct sched_server *server, int64_t now_ms)
{
	struct sched_account *a = &s->accounts[account];
	struct breaker *b = &server->breaker;

	a->is_blamed = true;
	a->blamed = a->want.servers[side];
	a->streak = b->streak;
	breaker_failed(b, a->is_probe[side], now_ms);
	if (b->state == BREAKER_CLOSED)
		return false;
	a->is_blamed = false;
	if (s->config.is_look)
		breaker_give_up(b);
	else
		excuse(s, a->want.servers[side]);
	if (b->state == BREAKER_GIVEN_UP)
		leave_server(s, a->want.servers[side]);
	return !s->config.is_look;
}

static bool judge_side(struct sched *s, size_t account, int side,
    enum sched_sign sign, int64_t now_ms)
{
	struct sched_account *a = &s->accounts[account];
	struct sched_server *server = &s->servers[a->want.servers[side]];
	enum breaker_state before = server->breaker.state;
	bool excused = false;

	switch (sign) {
	case SCHED_SIGN_NONE:
		if (a->is_probe[side])
			breaker_gone(&server->breaker);
		break;
	case SCHED_SIGN_WORKED:
	case SCHED_SIGN_REFUSED:
		breaker_worked(&server->breaker);
		judge_login(s, a, side, sign == SCHED_SIGN_REFUSED);
		break;
	case SCHED_SIGN_FAILED:
		excused = judge_failure(s, account, side, server, now_ms);
		break;
	}
	a->is_probe[side] = false;
	server->is_changed |= before != server->breaker.state;
	return excused;
}

/* ------------------------------------------------------------- accounts */

/* The server says when. A short time the batch stays for, a few times. */
static int64_t defer(
    struct sched *s, size_t account, int64_t asked_ms, int64_t now_ms)
{
	struct sched_account *a = &s->accounts[account];

	if (asked_ms <= 0)
		asked_ms = SCHED_DEFER_MS;
	if (!s->config.is_look && asked_ms <= (int64_t)s->config.max_wait_ms &&
	    a->deferrals < s->config.attempts) {
		a->deferrals++;
		return again_at(s, account, now_ms, asked_ms, SCHED_WAITING);
	}
	return again_at(s, account, now_ms, asked_ms, SCHED_DEFERRED);
}

/* -1: the result stands. */
static int64_t again(struct sched *s, size_t account,
    const struct sched_result *r, bool excused, int64_t now_ms)
{
	struct sched_account *a = &s->accounts[account];

	if (a->is_skipped)
		return -1;
	switch (r->retry) {
	case EXIT_RETRY_BACKOFF:
		if (excused)
			return again_at(
			    s, account, now_ms, r->asked_ms, SCHED_WAITING);
		if (++a->failures < s->config.attempts)
			return again_at(s, account, now_ms,
			    backoff(s, a->failures, r->asked_ms),
			    SCHED_WAITING);
		break;
	case EXIT_RETRY_ONCE:
		if (!a->retried_once) {
			a->retried_once = true;
			return again_at(s, account, now_ms, 0, SCHED_WAITING);
		}
		break;
	case EXIT_RETRY_AT_END:
		if (!a->second_pass) {
			sched_set_state(s, account, SCHED_AT_END);
			return 0;
		}
		break;
	case EXIT_RETRY_AT_TIME:
		return defer(s, account, r->asked_ms, now_ms);
	case EXIT_RETRY_NEVER:
	case EXIT_RETRY_RESUME:
		break;
	}
	return -1;
}

bool sched_is_left(const struct sched *s, size_t account)
{
	const struct sched_account *a = &s->accounts[account];

	for (int side = 0; side < SCHED_SIDES; side++) {
		const struct sched_server *server =
		    &s->servers[a->want.servers[side]];
		uint32_t login = a->want.logins[side];
		if (server->breaker.state == BREAKER_GIVEN_UP ||
		    (login != SCHED_OWN_LOGIN && s->logins[login].is_stopped))
			return true;
	}
	return false;
}

void sched_alive(struct sched *s, size_t account)
{
	struct sched_account *a = &s->accounts[account];

	for (int side = 0; side < SCHED_SIDES; side++) {
		if (!a->is_probe[side])
			continue;
		a->is_probe[side] = false;
		s->servers[a->want.servers[side]].is_changed = true;
		breaker_worked(&s->servers[a->want.servers[side]].breaker);
	}
}

int64_t sched_ended(struct sched *s, size_t account,
    const struct sched_result *result, int64_t now_ms)
{
	struct sched_account *a = &s->accounts[account];
	bool excused = false;

	a->tries++;
	a->is_blamed = false;
	sched_give_connections(s, account);
	for (int side = 0; side < SCHED_SIDES; side++)
		excused |=
		    judge_side(s, account, side, result->signs[side], now_ms);
	int64_t wait = 0;
	if (result->is_put_off && !a->is_skipped)
		sched_set_state(s, account, SCHED_PENDING);
	else
		wait = again(s, account, result, excused, now_ms);
	if (wait < 0) {
		sched_set_state(s, account, SCHED_DONE);
		return SCHED_WAIT_DONE;
	}
	if (!sched_is_left(s, account))
		return wait;
	sched_set_state(s, account, SCHED_LEFT);
	return SCHED_WAIT_LEFT;
}
