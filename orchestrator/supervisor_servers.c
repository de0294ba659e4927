// SPDX-License-Identifier: MIT
/* The plan's servers and logins as the schedule wants them. */
#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/job.h"
#include "orchestrator/journal.h"
#include "orchestrator/supervisor_private.h"

static uint32_t server_of(
    const struct supervisor *s, const struct plan_endpoint *e)
{
	return (uint32_t)(e->server - s->plan->servers);
}

struct sched_server_config *supervisor_servers_new(const struct plan *plan)
{
	struct sched_server_config *configs =
	    mem_try_calloc(plan->server_count, sizeof(*configs));

	for (size_t i = 0; configs && i < plan->server_count; i++) {
		const struct plan_server *from = &plan->servers[i];
		configs[i] = (struct sched_server_config){
		    from->limits.connections, from->limits.logins_per_minute,
		    {from->breaker.after, (int64_t)from->breaker.pause_ms,
			(int64_t)from->breaker.max_pause_ms}};
	}
	return configs;
}

/* --------------------------------------------------------------- logins */

struct login {
	uint32_t server;
	const char *name;
	size_t account;
	int side;
};

static int compare_logins(const void *left, const void *right)
{
	const struct login *a = left, *b = right;

	if (a->server != b->server)
		return a->server < b->server ? -1 : 1;
	int by = strcmp(a->name, b->name);
	if (by != 0)
		return by;
	return a->account < b->account ? -1 : a->account > b->account;
}

static struct login *list_logins(const struct supervisor *s, size_t *count_out)
{
	size_t accounts = s->plan->account_count, n = 0;
	struct login *list = mem_try_calloc(2 * accounts, sizeof(*list));

	for (size_t i = 0; list && i < accounts; i++) {
		const struct plan_account *a = &s->plan->accounts[i];
		const struct plan_endpoint *const ends[] = {
		    &a->source, &a->target};
		for (int side = 0; side < 2; side++)
			if (ends[side]->login)
				list[n++] =
				    (struct login){server_of(s, ends[side]),
					ends[side]->login, i, side};
	}
	if (list)
		qsort(list, n, sizeof(*list), compare_logins);
	*count_out = n;
	return list;
}

static bool is_same(const struct login *a, const struct login *b)
{
	return a->server == b->server && strcmp(a->name, b->name) == 0;
}

/* A login that several accounts have gets a number. */
static int number_logins(
    struct supervisor *s, struct sched_want *wants, size_t *count_out)
{
	size_t count = 0;
	struct login *list = list_logins(s, &count);

	if (!list)
		return -1;
	*count_out = 0;
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && is_same(&list[i], &list[end]);
		     end++)
			;
		if (list[end - 1].account == list[i].account)
			continue; // both sides of one account
		for (size_t j = i; j < end; j++)
			wants[list[j].account].logins[list[j].side] =
			    (uint32_t)*count_out;
		(*count_out)++;
	}
	free(list);
	return 0;
}

/* A server may allow an account more than an engine can use. */
static uint32_t connections_of(const struct plan_account *a)
{
	return a->options.connections < JOB_CONNECTIONS_MAX
		   ? a->options.connections
		   : JOB_CONNECTIONS_MAX;
}

struct sched_want *supervisor_servers_wants(
    struct supervisor *s, size_t *login_count_out)
{
	size_t accounts = s->plan->account_count;
	struct sched_want *wants = mem_try_calloc(accounts, sizeof(*wants));

	for (size_t i = 0; wants && i < accounts; i++) {
		const struct plan_account *a = &s->plan->accounts[i];
		wants[i] = (struct sched_want){
		    {server_of(s, &a->source), server_of(s, &a->target)},
		    connections_of(a), {SCHED_OWN_LOGIN, SCHED_OWN_LOGIN},
		    a->target_group};
	}
	if (wants && number_logins(s, wants, login_count_out) == 0)
		return wants;
	free(wants);
	return NULL;
}

/* --------------------------------------------------------------- results */

static void both(enum sched_sign signs[2], enum sched_sign sign)
{
	signs[0] = signs[1] = sign;
}

/* What a result says about the two servers. That one side worked is known only
 * when the account got to its end. */
static void read_signs(const struct verdict *v, enum sched_sign signs[2])
{
	both(signs, SCHED_SIGN_NONE);
	if (strcmp(v->outcome, "crash") == 0)
		return;
	switch (v->exit) {
	case EXIT_CODE_OK:
	case EXIT_CODE_PARTIAL:
	case EXIT_CODE_CHANGED:
	case EXIT_CODE_CANNOT_CREATE:
		both(signs, SCHED_SIGN_WORKED);
		return;
	case EXIT_CODE_TEMPORARY:
		if (v->side != COLLECT_SIDE_NONE)
			signs[v->side] = SCHED_SIGN_FAILED;
		return;
	case EXIT_CODE_AUTH:
		// PROXYAUTH is refused to a login that works
		if (v->side != COLLECT_SIDE_NONE)
			signs[v->side] = strcmp(v->reason, "auth.proxy") == 0
					     ? SCHED_SIGN_WORKED
					     : SCHED_SIGN_REFUSED;
		return;
	default:
		return;
	}
}

void supervisor_servers_result(
    const struct verdict *v, bool is_put_off, struct sched_result *out)
{
	*out = (struct sched_result){.retry = v->retry,
	    .asked_ms = (int64_t)v->retry_after_ms,
	    .is_put_off = is_put_off};
	read_signs(v, out->signs);
}

/* ----------------------------------------------------------------- words */

static void tell_breaker(struct supervisor *s, size_t i)
{
	const struct breaker *b = &s->sched.servers[i].breaker;
	const char *name = s->plan->servers[i].name;
	const struct journal_breaker line = {name, breaker_state_name(b->state),
	    b->failures, b->state == BREAKER_OPEN ? (uint64_t)b->pause_ms : 0};

	(void)journal_breaker(s->journal, &line);
	switch (b->state) {
	case BREAKER_CLOSED:
		progress_note(
		    &s->progress, "INFO", "server=%s works again", name);
		break;
	case BREAKER_OPEN:
		progress_note(&s->progress, "WARNING",
		    "server=%s failed %u times in a row: left alone for %llu s",
		    name, b->failures,
		    (unsigned long long)(b->pause_ms / 1000));
		break;
	case BREAKER_HALF_OPEN:
		progress_note(
		    &s->progress, "INFO", "server=%s: one account tries", name);
		break;
	case BREAKER_GIVEN_UP:
		progress_note(&s->progress, "ERROR",
		    "server=%s did not come back: its accounts are left for another run",
		    name);
		break;
	case BREAKER_STATES:
		break;
	}
}

/* One message for a login; its accounts have been taken out already. */
static void tell_login(struct supervisor *s, size_t account)
{
	const struct sched_account *a = &s->sched.accounts[account];
	const struct plan_account *of = &s->plan->accounts[account];
	const struct plan_endpoint *const ends[] = {&of->source, &of->target};
	char shown[256];

	for (int side = 0; side < 2; side++) {
		uint32_t login = a->want.logins[side];
		if (login == SCHED_OWN_LOGIN ||
		    !s->sched.logins[login].is_stopped ||
		    s->sched.logins[login].is_told)
			continue;
		s->sched.logins[login].is_told = true;
		const char *server = ends[side]->server->name;
		const char *name = ends[side]->login;
		(void)journal_login(
		    s->journal, server, name, s->sched.logins[login].refused);
		progress_note(&s->progress, "ERROR",
		    "server=%s refused the login '%s' %u times in a row: the other accounts that use it are left for another run",
		    server,
		    text_escape(name, strlen(name), shown, sizeof(shown)),
		    s->sched.logins[login].refused);
	}
}

void supervisor_servers_tell(struct supervisor *s, size_t account)
{
	size_t server = 0;

	while (sched_changed(&s->sched, &server))
		tell_breaker(s, server);
	if (account != SIZE_MAX)
		tell_login(s, account);
}

unsigned supervisor_servers_set_connections(
    struct supervisor *s, size_t server, unsigned count)
{
	struct sched_server *of = &s->sched.servers[server];
	unsigned before = of->config.connections;

	of->config.connections = count;
	return before;
}
