// SPDX-License-Identifier: MIT
/* Budgets of servers, breakers and shared logins, as sched uses them. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdint.h>

#include "orchestrator/sched.h"

enum {
	OLD,
	NEW,
	OTHER,
	SERVERS
};

static struct sched_server_config servers[SERVERS];

static struct sched_config config(void)
{
	return (struct sched_config){.jobs = 100,
	    .attempts = 3,
	    .backoff_ms = 1000,
	    .factor = 3,
	    .max_wait_ms = 5000,
	    .seed = 7,
	    .servers = servers,
	    .server_count = SERVERS,
	    .login_count = 1,
	    .target_count = 2};
}

static struct sched_want want(uint32_t source, uint32_t target, uint32_t n)
{
	return (struct sched_want){
	    {source, target}, n, {SCHED_OWN_LOGIN, SCHED_OWN_LOGIN}, 0};
}

static void start(
    struct sched *s, size_t count, const struct sched_want *wants, size_t kinds)
{
	const struct sched_config c = config();

	cr_assert_eq(sched_init(s, &c, count), 0);
	for (size_t i = 0; i < count; i++)
		sched_add(s, i, &wants[i % kinds]);
}

static size_t take(struct sched *s, int64_t now)
{
	size_t i = SIZE_MAX;

	return sched_take(s, now, &i, NULL) ? i : SIZE_MAX;
}

static int64_t ended(struct sched *s, size_t account, enum exit_retry retry,
    enum sched_sign source, enum sched_sign target, int64_t now)
{
	const struct sched_result r = {
	    .retry = retry, .signs = {source, target}};

	return sched_ended(s, account, &r, now);
}

static int64_t works(struct sched *s, size_t account, int64_t now)
{
	return ended(s, account, EXIT_RETRY_NEVER, SCHED_SIGN_WORKED,
	    SCHED_SIGN_WORKED, now);
}

static int64_t target_fails(struct sched *s, size_t account, int64_t now)
{
	return ended(s, account, EXIT_RETRY_BACKOFF, SCHED_SIGN_NONE,
	    SCHED_SIGN_FAILED, now);
}

/* What one server has no room for does not keep others from theirs. */
Test(sched_server, budget_of_connections)
{
	const struct sched_want wants[] = {
	    want(OLD, NEW, 1), want(OLD, OTHER, 1)};
	struct sched s;

	servers[NEW].connections = 2;
	start(&s, 8, wants, 2);
	cr_assert_eq(take(&s, 0), 0);
	cr_assert_eq(take(&s, 0), 1);
	cr_assert_eq(take(&s, 0), 2);
	cr_assert_eq(take(&s, 0), 3);
	cr_assert_eq(take(&s, 0), 5, "4 would be the third at the new one");
	cr_assert_eq(take(&s, 0), 7);
	cr_assert_eq(take(&s, 0), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 0), INT64_MAX);
	(void)works(&s, 2, 0);
	cr_assert_eq(take(&s, 0), 4, "its place in the order is kept");
	cr_assert_eq(s.servers[NEW].peak, 2);
	sched_release(&s);
}

struct share_row {
	unsigned limit, wanted, first, second;
	uint32_t target;
};

ParameterizedTestParameters(sched_server, connections_given)
{
	static struct share_row rows[] = {
	    {0, 4, 4, 4, NEW}, {6, 4, 4, 2, NEW}, {5, 4, 4, 1, NEW},
	    {4, 4, 4, 0, NEW}, // 0: it has to wait
	    {2, 4, 2, 0, NEW}, {1, 1, 1, 0, NEW},
	    // both sides at one server: each of its connections counts twice
	    {8, 4, 4, 0, OLD}, {10, 4, 4, 1, OLD}, {7, 2, 2, 1, OLD},
	    {1, 2, 1, 0, OLD}, // else it would never run
	};

	return cr_make_param_array(
	    struct share_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct share_row *row, sched_server, connections_given)
{
	const struct sched_want w = want(OLD, row->target, row->wanted);
	unsigned first = 0, second = 0;
	struct sched s;
	size_t i = 0;

	servers[OLD].connections = row->limit;
	start(&s, 2, &w, 1);
	cr_assert(sched_take(&s, 0, &i, &first));
	if (!sched_take(&s, 0, &i, &second))
		second = 0;
	cr_assert_eq(first, row->first);
	cr_assert_eq(second, row->second);
	sched_release(&s);
}

Test(sched_server, logins_of_a_minute)
{
	const struct sched_want w = want(OLD, NEW, 2);
	unsigned given = 0;
	struct sched s;
	size_t i = 0;

	servers[OLD].logins_per_minute = 3;
	start(&s, 5, &w, 1);
	cr_assert(sched_take(&s, 1000, &i, &given));
	cr_assert_eq(given, 2);
	cr_assert(sched_take(&s, 2000, &i, &given));
	cr_assert_eq(given, 1, "one of the three is left");
	cr_assert_eq(take(&s, 3000), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 3000), 61000);
	cr_assert(sched_take(&s, 61000, &i, &given));
	cr_assert_eq(given, 2);
	cr_assert_eq(sched_wake(&s, 61000), 62000);
	sched_release(&s);
}

Test(sched_server, what_opened_the_breaker_is_given_back)
{
	const struct sched_want wants[] = {
	    want(OLD, NEW, 1), want(OLD, OTHER, 1)};
	struct sched s;
	size_t changed = SERVERS;

	servers[NEW].breaker = (struct breaker_config){2, 60000, 120000};
	start(&s, 8, wants, 2);
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(take(&s, 0), i);
	cr_assert_eq(target_fails(&s, 0, 0), 1000);
	cr_assert_eq(s.accounts[0].failures, 1);
	cr_assert_eq(target_fails(&s, 2, 10), 0, "when the server is back");
	cr_assert(sched_changed(&s, &changed));
	cr_assert_eq(changed, NEW);
	cr_assert_not(sched_changed(&s, &changed));
	cr_assert_eq(target_fails(&s, 4, 20), 0, "it began before");
	for (size_t i = 0; i < 6; i += 2)
		cr_assert_eq(s.accounts[i].failures, 0, "account %zu", i);
	// the other server's go on
	cr_assert_eq(take(&s, 20), 7);
	cr_assert_eq(take(&s, 50000), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 50000), 60010);
	cr_assert_eq(take(&s, 60010), 6, "one tries");
	cr_assert_eq(take(&s, 60010), SIZE_MAX);
	cr_assert_eq(target_fails(&s, 6, 61000), 0);
	cr_assert_eq(s.accounts[6].failures, 0);
	cr_assert_eq(sched_wake(&s, 61000), 181000, "twice as long");
	cr_assert_neq(take(&s, 181000), SIZE_MAX);
	sched_release(&s);
}

Test(sched_server, back_again)
{
	const struct sched_want w = want(OLD, NEW, 1);
	struct sched s;

	servers[NEW].breaker = (struct breaker_config){1, 1000, 8000};
	start(&s, 3, &w, 1);
	(void)take(&s, 0);
	(void)target_fails(&s, 0, 0);
	cr_assert_eq(take(&s, 1000), 1);
	(void)works(&s, 1, 1500);
	cr_assert_eq(take(&s, 1500), 2);
	cr_assert_eq(take(&s, 1500), 0);
	(void)works(&s, 0, 1600);
	(void)works(&s, 2, 1600);
	cr_assert(sched_is_over(&s));
	sched_release(&s);
}

/* F226: a host that never comes back. */
Test(sched_server, a_dead_server_ends_its_accounts_only)
{
	const struct sched_want wants[] = {
	    want(OLD, NEW, 1), want(OLD, OTHER, 1)};
	struct sched s;
	int64_t now = 0;
	size_t i, starts = 0;

	servers[NEW].breaker = (struct breaker_config){3, 1000, 4000};
	start(&s, 5000, wants, 2);
	while (!sched_is_over(&s)) {
		while ((i = take(&s, now)) != SIZE_MAX) {
			if (i % 2 == 1) {
				(void)works(&s, i, now);
				continue;
			}
			starts++;
			(void)target_fails(&s, i, now);
		}
		if (sched_is_over(&s))
			break;
		now = sched_wake(&s, now);
		cr_assert_neq(now, INT64_MAX);
	}
	cr_assert_leq(starts, 3 + BREAKER_PROBES_MAX);
	cr_assert_eq(s.by_state[SCHED_LEFT], 2500);
	cr_assert_eq(s.by_state[SCHED_DONE], 2500);
	sched_release(&s);
}

/* F051: the administrator's password is wrong for all. */
Test(sched_server, a_shared_login_is_not_tried_for_ever)
{
	const struct sched_want wants[] = {
	    {{OLD, NEW}, 1, {0, SCHED_OWN_LOGIN}, 0}, want(OLD, NEW, 1)};
	struct sched s;
	size_t i, refused = 0;

	start(&s, 1000, wants, 2);
	while ((i = take(&s, 0)) != SIZE_MAX) {
		if (i % 2 == 1) {
			(void)works(&s, i, 0);
			continue;
		}
		refused++;
		(void)ended(&s, i, EXIT_RETRY_NEVER, SCHED_SIGN_REFUSED,
		    SCHED_SIGN_NONE, 0);
	}
	cr_assert_eq(refused, LOGIN_GUARD_REFUSED_MAX);
	cr_assert_eq(s.by_state[SCHED_LEFT], 500 - refused);
	cr_assert(sched_is_over(&s));
	sched_release(&s);
}

/* The row is broken by each account it works for. */
Test(sched_server, single_users_may_be_refused)
{
	const struct sched_want w = {{OLD, NEW}, 1, {0, SCHED_OWN_LOGIN}, 0};
	struct sched s;
	size_t i;

	start(&s, 100, &w, 1);
	while ((i = take(&s, 0)) != SIZE_MAX)
		(void)ended(&s, i, EXIT_RETRY_NEVER,
		    i % 4 == 3 ? SCHED_SIGN_WORKED : SCHED_SIGN_REFUSED,
		    SCHED_SIGN_NONE, 0);
	cr_assert_eq(s.by_state[SCHED_DONE], 100);
	sched_release(&s);
}

struct defer_row {
	int64_t asked, wait;
	enum sched_state state;
};

ParameterizedTestParameters(sched_server, deferred)
{
	static struct defer_row rows[] = {
	    {4000, 4000, SCHED_WAITING},
	    {5001, 5001, SCHED_DEFERRED},
	    {0, SCHED_DEFER_MS, SCHED_DEFERRED},
	};

	return cr_make_param_array(
	    struct defer_row, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Neither a failure nor a lost attempt; the batch waits for none that is far
 * away, but takes it when its time has come meanwhile. */
ParameterizedTest(struct defer_row *row, sched_server, deferred)
{
	const struct sched_want w = want(OLD, NEW, 1);
	const struct sched_result r = {
	    .retry = EXIT_RETRY_AT_TIME, .asked_ms = row->asked};
	struct sched s;

	start(&s, 2, &w, 1);
	(void)take(&s, 0);
	(void)take(&s, 0);
	cr_assert_eq(sched_ended(&s, 0, &r, 0), row->wait);
	cr_assert_eq(s.accounts[0].state, row->state);
	cr_assert_eq(s.accounts[0].failures, 0);
	cr_assert_eq(sched_wake(&s, 0), row->wait);
	cr_assert_not(sched_is_over(&s));
	cr_assert_eq(take(&s, row->wait), 0);
	(void)sched_ended(&s, 0, &r, row->wait);
	(void)works(&s, 1, row->wait);
	cr_assert_eq(sched_is_over(&s), row->state == SCHED_DEFERRED);
	sched_release(&s);
}

Test(sched_server, the_servers_own_wait_is_honoured)
{
	const struct sched_want w = want(OLD, NEW, 1);
	const struct sched_result r = {
	    .retry = EXIT_RETRY_BACKOFF, .asked_ms = 90000};
	struct sched s;

	start(&s, 1, &w, 1);
	(void)take(&s, 0);
	cr_assert_eq(sched_ended(&s, 0, &r, 0), 90000);
	sched_release(&s);
}

Test(sched_server, held_by_a_rule)
{
	const struct sched_want w = want(OLD, NEW, 1);
	const struct sched_result stopped = {
	    .retry = EXIT_RETRY_RESUME, .is_put_off = true};
	struct sched s;

	start(&s, 2, &w, 1);
	cr_assert_eq(take(&s, 0), 0);
	sched_hold(&s, 5000);
	cr_assert_eq(take(&s, 0), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 0), 5000);
	cr_assert_eq(sched_ended(&s, 0, &stopped, 100), 0);
	cr_assert_eq(sched_wake(&s, 100), 5000);
	cr_assert_eq(take(&s, 5000), 0, "where it was");
	cr_assert_eq(take(&s, 5000), 1);
	sched_release(&s);
}

Test(sched_server, put_back_gives_its_connections_back)
{
	const struct sched_want w = want(OLD, NEW, 2);
	struct sched s;

	servers[OLD].connections = 2;
	servers[OLD].breaker = (struct breaker_config){1, 1000, 1000};
	start(&s, 2, &w, 1);
	(void)take(&s, 0);
	(void)ended(
	    &s, 0, EXIT_RETRY_BACKOFF, SCHED_SIGN_FAILED, SCHED_SIGN_NONE, 0);
	cr_assert_eq(take(&s, 1000), 1);
	sched_put_back(&s, 1, 1000, 10);
	cr_assert_eq(s.servers[OLD].in_use, 0);
	cr_assert_eq(take(&s, 1010), 1, "it tries again");
	sched_release(&s);
}

/* A large account may try: others follow as soon as it got through. */
Test(sched_server, who_tries_need_not_end_first)
{
	const struct sched_want w = want(OLD, NEW, 1);
	struct sched s;

	servers[NEW].breaker = (struct breaker_config){1, 1000, 8000};
	start(&s, 4, &w, 1);
	(void)take(&s, 0);
	(void)target_fails(&s, 0, 0);
	cr_assert_eq(take(&s, 1000), 1);
	cr_assert_eq(take(&s, 1000), SIZE_MAX);
	sched_alive(&s, 1);
	cr_assert_eq(s.servers[NEW].breaker.state, BREAKER_CLOSED);
	cr_assert_eq(take(&s, 1001), 2);
	// it is one of many now
	(void)target_fails(&s, 1, 2000);
	cr_assert_eq(s.servers[NEW].breaker.state, BREAKER_OPEN);
	cr_assert_eq(s.servers[NEW].breaker.pause_ms, 1000);
	sched_release(&s);
}

/* What runs while its server or login is given up does not come back, however
 * it ends: else the batch would wait for it for ever. */
Test(sched_server, given_up_while_it_runs)
{
	const struct sched_want w = {{OLD, NEW}, 1, {0, SCHED_OWN_LOGIN}, 0};
	const struct sched_result stopped = {
	    .retry = EXIT_RETRY_RESUME, .is_put_off = true};
	struct sched s;

	start(&s, LOGIN_GUARD_REFUSED_MAX + 4, &w, 1);
	for (size_t i = 0; i < LOGIN_GUARD_REFUSED_MAX + 3; i++)
		cr_assert_eq(take(&s, 0), i);
	for (size_t i = 3; i < LOGIN_GUARD_REFUSED_MAX + 3; i++)
		(void)ended(&s, i, EXIT_RETRY_NEVER, SCHED_SIGN_REFUSED,
		    SCHED_SIGN_NONE, 0);
	cr_assert_not(sched_is_over(&s));
	cr_assert_eq(sched_ended(&s, 0, &stopped, 0), SCHED_WAIT_LEFT);
	sched_put_back(&s, 1, 0, 0);
	cr_assert_eq(target_fails(&s, 2, 0), SCHED_WAIT_LEFT);
	cr_assert(sched_is_over(&s));
	cr_assert_eq(s.by_state[SCHED_LEFT], 4);
	sched_release(&s);
}

/* F155: never two engines on one target at once, whatever they wait for. */
Test(sched_server, accounts_of_a_shared_target_follow_each_other)
{
	struct sched_want wants[] = {want(OLD, NEW, 1), want(OLD, NEW, 1),
	    want(OTHER, NEW, 1), want(OLD, NEW, 1)};
	struct sched s;

	wants[0].target = wants[1].target = wants[2].target = 2;
	start(&s, 4, wants, 4);
	cr_assert_eq(take(&s, 0), 0);
	cr_assert_eq(take(&s, 0), 3, "who has a target of its own goes first");
	cr_assert_eq(take(&s, 0), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 0), INT64_MAX, "an end comes first");
	// 0 waits to be tried again; that is no claim to its target
	cr_assert_eq(target_fails(&s, 0, 0), 1000);
	cr_assert_eq(take(&s, 0), 1);
	cr_assert_eq(take(&s, 1000), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 1000), INT64_MAX);
	(void)ended(&s, 1, EXIT_RETRY_AT_END, SCHED_SIGN_WORKED,
	    SCHED_SIGN_WORKED, 1000);
	cr_assert_eq(take(&s, 1000), 2);
	sched_put_back(&s, 2, 1000, 0);
	cr_assert_eq(take(&s, 1000), 2);
	(void)ended(&s, 2, EXIT_RETRY_AT_END, SCHED_SIGN_WORKED,
	    SCHED_SIGN_WORKED, 1000);
	cr_assert_eq(take(&s, 1000), 0);
	(void)works(&s, 0, 1000);
	(void)works(&s, 3, 1000);
	cr_assert_eq(take(&s, 1000), 1, "the second passes too");
	cr_assert_eq(take(&s, 1000), SIZE_MAX);
	cr_assert_eq(sched_wake(&s, 1000), INT64_MAX);
	(void)works(&s, 1, 1000);
	cr_assert_eq(take(&s, 1000), 2);
	(void)works(&s, 2, 1000);
	cr_assert(sched_is_over(&s));
	sched_release(&s);
}
