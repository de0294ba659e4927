// SPDX-License-Identifier: MIT
#include "orchestrator/account_secrets.h"

#include <poll.h>
#include <stdlib.h>

#include "config/plan.h"
#include "config/secret_source.h"
#include "engine/base/clock.h"
#include "engine/base/mem.h"

static bool is_alive(const struct account_secrets_side *side)
{
	return side->source && side->command.pid > 0;
}

static void start_side(struct account_secrets_side *side,
    const struct plan_secret *source, char *const *env)
{
	if (source->kind != PLAN_SECRET_COMMAND)
		return;
	side->source = source;
	side->has_failed =
	    secret_source_start(source, &side->command, env, &side->err) < 0;
}

struct account_secrets *account_secrets_start(
    const struct plan_account *account, char *const *env)
{
	struct account_secrets *a = mem_try_calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	start_side(&a->sides[0], &account->source.password, env);
	// one that cannot be used any more is not run
	if (!a->sides[0].has_failed)
		start_side(&a->sides[1], &account->target.password, env);
	return a;
}

bool account_secrets_is_done(const struct account_secrets *a)
{
	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++)
		if (is_alive(&a->sides[i]))
			return false;
	return true;
}

size_t account_secrets_polls(
    const struct account_secrets *a, struct pollfd *out)
{
	size_t n = 0;

	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++) {
		const struct secret_command *c = &a->sides[i].command;
		if (!is_alive(&a->sides[i]))
			continue;
		if (c->out_fd >= 0)
			out[n++] = (struct pollfd){c->out_fd, POLLIN, 0};
		if (c->err_fd >= 0)
			out[n++] = (struct pollfd){c->err_fd, POLLIN, 0};
	}
	return n;
}

void account_secrets_feed(struct account_secrets *a, int fd)
{
	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++) {
		struct secret_command *c = &a->sides[i].command;
		if (is_alive(&a->sides[i]) &&
		    (fd == c->out_fd || fd == c->err_fd))
			secret_command_feed(c);
	}
}

int64_t account_secrets_deadline(const struct account_secrets *a)
{
	int64_t next = CLOCK_NEVER;

	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++) {
		const struct secret_command *c = &a->sides[i].command;
		if (is_alive(&a->sides[i]) && !c->is_stopped &&
		    c->deadline_ms < next)
			next = c->deadline_ms;
	}
	return next;
}

void account_secrets_cut(struct account_secrets *a, int64_t now_ms)
{
	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++)
		if (is_alive(&a->sides[i]) &&
		    a->sides[i].command.deadline_ms <= now_ms)
			secret_command_stop(&a->sides[i].command, true);
}

void account_secrets_stop(struct account_secrets *a)
{
	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++)
		if (is_alive(&a->sides[i]))
			secret_command_stop(&a->sides[i].command, false);
}

bool account_secrets_has(const struct account_secrets *a, pid_t pid)
{
	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++)
		if (is_alive(&a->sides[i]) && a->sides[i].command.pid == pid)
			return true;
	return false;
}

void account_secrets_reaped(struct account_secrets *a, pid_t pid, int status)
{
	bool is_source =
	    is_alive(&a->sides[0]) && a->sides[0].command.pid == pid;

	for (size_t i = 0; i < ACCOUNT_SECRETS_SIDES; i++)
		if (is_alive(&a->sides[i]) && a->sides[i].command.pid == pid)
			secret_command_reaped(&a->sides[i].command, status);
	// nobody will ask for the other one
	if (is_source && status != 0)
		account_secrets_stop(a);
}

int account_secrets_take(struct account_secrets *a, size_t side,
    struct secret *out, struct error *err)
{
	struct account_secrets_side *s = &a->sides[side];
	const struct plan_secret *source = s->source;

	bug_if(!source);
	s->source = NULL; // taken: there is nothing to release
	if (!s->has_failed)
		return secret_source_finish(source, &s->command, out, err);
	*err = s->err;
	return -1;
}

void account_secrets_free(struct account_secrets *a)
{
	for (size_t i = 0; a && i < ACCOUNT_SECRETS_SIDES; i++)
		if (a->sides[i].source && !a->sides[i].has_failed)
			secret_command_release(&a->sides[i].command);
	free(a);
}
