// SPDX-License-Identifier: MIT
#include "orchestrator/account_secrets.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/secret_env.h"
#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"

static char shell[] = "/bin/sh", option[] = "-c";

static struct plan_secret command(char **argv, uint64_t timeout_ms)
{
	return (struct plan_secret){.kind = PLAN_SECRET_COMMAND,
	    .value = argv[0],
	    .argv = argv,
	    .argc = 3,
	    .timeout_ms = timeout_ms};
}

/* What a supervisor's loop does. */
static void run(struct account_secrets *a)
{
	struct pollfd fds[ACCOUNT_SECRETS_POLLS];

	while (!account_secrets_is_done(a)) {
		size_t n = account_secrets_polls(a, fds);
		int status = 0;
		cr_assert_leq(n, ACCOUNT_SECRETS_POLLS);
		(void)poll(fds, n, 10);
		for (size_t i = 0; i < n; i++)
			if (fds[i].revents)
				account_secrets_feed(a, fds[i].fd);
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid > 0) {
			cr_assert(account_secrets_has(a, pid));
			account_secrets_reaped(a, pid, status);
			cr_assert_not(account_secrets_has(a, pid));
		}
		if (account_secrets_deadline(a) <= clock_ms())
			account_secrets_cut(a, clock_ms());
	}
	cr_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

Test(account_secrets, both_sides_run_at_the_same_time)
{
	char one[] = "sleep 1; echo hunter1", two[] = "sleep 1; echo hunter2";
	char *first[] = {shell, option, one, NULL};
	char *second[] = {shell, option, two, NULL};
	struct plan_account account = {.source.password = command(first, 20000),
	    .target.password = command(second, 20000)};
	struct secret s = {0};
	struct error err;
	int64_t begin = clock_ms();

	struct account_secrets *a = account_secrets_start(&account, environ);
	cr_assert_not_null(a);
	cr_assert_leq(account_secrets_deadline(a), clock_ms() + 20000);
	run(a);
	cr_assert_lt(clock_ms() - begin, 1900);
	cr_assert_eq(account_secrets_deadline(a), CLOCK_NEVER);
	cr_assert_eq(account_secrets_take(a, 0, &s, &err), 0, "%s", err.text);
	cr_assert_str_eq(s.bytes, "hunter1");
	secret_release(&s);
	cr_assert_eq(account_secrets_take(a, 1, &s, &err), 0, "%s", err.text);
	cr_assert_str_eq(s.bytes, "hunter2");
	secret_release(&s);
	account_secrets_free(a);
}

Test(account_secrets, there_may_be_none)
{
	struct plan_account account = {
	    .source.password.kind = PLAN_SECRET_FILE};
	struct account_secrets *a = account_secrets_start(&account, environ);
	struct pollfd fds[ACCOUNT_SECRETS_POLLS];

	cr_assert(account_secrets_is_done(a));
	cr_assert_eq(account_secrets_polls(a, fds), 0);
	cr_assert_eq(account_secrets_deadline(a), CLOCK_NEVER);
	cr_assert_not(account_secrets_has(a, getpid()));
	account_secrets_free(a);
}

/* Only that of the side that is late. */
Test(account_secrets, one_is_cut_when_it_is_late)
{
	char one[] = "sleep 1; echo hunter1", two[] = "sleep 60";
	char *first[] = {shell, option, one, NULL};
	char *second[] = {shell, option, two, NULL};
	struct plan_account account = {.source.password = command(first, 20000),
	    .target.password = command(second, 200)};
	struct secret s = {0};
	struct error err;

	struct account_secrets *a = account_secrets_start(&account, environ);
	run(a);
	cr_assert_eq(account_secrets_take(a, 0, &s, &err), 0);
	secret_release(&s);
	cr_assert_eq(account_secrets_take(a, 1, &s, &err), -1);
	cr_assert_not_null(strstr(err.text, "took longer than 200 ms"));
	account_secrets_free(a);
}

Test(account_secrets, the_target_is_given_up_when_the_source_failed)
{
	char one[] = "echo gone >&2; exit 2", two[] = "sleep 60";
	char *first[] = {shell, option, one, NULL};
	char *second[] = {shell, option, two, NULL};
	struct plan_account account = {.source.password = command(first, 60000),
	    .target.password = command(second, 60000)};
	struct secret s = {0};
	struct error err;
	int64_t begin = clock_ms();

	struct account_secrets *a = account_secrets_start(&account, environ);
	run(a);
	cr_assert_lt(clock_ms() - begin, 20000);
	cr_assert_eq(account_secrets_take(a, 0, &s, &err), -1);
	cr_assert_not_null(strstr(err.text, "exited with 2: gone"));
	account_secrets_free(a);
}

Test(account_secrets, freed_early_leaves_no_process)
{
	char one[] = "sleep 60";
	char *argv[] = {shell, option, one, NULL};
	struct plan_account account = {.source.password = command(argv, 60000),
	    .target.password = command(argv, 60000)};

	account_secrets_free(account_secrets_start(&account, environ));
	cr_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

Test(secret_env, leaves_out_what_the_plan_takes_from_it)
{
	static char name[] = "TEST_SECRET_ENV";
	struct plan_account accounts[] = {
	    {.source.password.kind = PLAN_SECRET_FILE,
		.target.password = {.kind = PLAN_SECRET_ENV, .value = name}}};
	struct plan plan = {.accounts = accounts, .account_count = 1};
	bool has_other = false;

	cr_assert_eq(setenv(name, "hunter2", 1), 0);
	cr_assert_eq(setenv("TEST_SECRET_ENV_OTHER", "kept", 1), 0);
	char **env = secret_env_new(&plan);
	cr_assert_not_null(env);
	for (size_t i = 0; env[i]; i++) {
		cr_assert_null(strstr(env[i], "hunter2"));
		has_other |= strcmp(env[i], "TEST_SECRET_ENV_OTHER=kept") == 0;
	}
	cr_assert(has_other);
	free(env);
}
