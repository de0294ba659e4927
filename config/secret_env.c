// SPDX-License-Identifier: MIT
#include "config/secret_env.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "config/plan.h"
#include "engine/base/mem.h"

/* All of that name: who writes an environment by hand may write one twice. */
static void leave_out(char **env, const char *name)
{
	size_t len = strlen(name), kept = 0;

	for (size_t i = 0; env[i]; i++)
		if (strncmp(env[i], name, len) != 0 || env[i][len] != '=')
			env[kept++] = env[i];
	env[kept] = NULL;
}

char **secret_env_new(const struct plan *plan)
{
	const char *last[2] = {NULL, NULL};
	size_t count = 0;

	while (environ && environ[count])
		count++;
	char **env = mem_try_calloc(count + 1, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < count; i++)
		env[i] = environ[i];
	for (size_t i = 0; i < plan->account_count; i++) {
		const struct plan_account *a = &plan->accounts[i];
		const struct plan_secret *secrets[2] = {
		    &a->source.password, &a->target.password};
		for (size_t k = 0; k < 2; k++) {
			// accounts that inherit a secret share its value
			if (secrets[k]->kind == PLAN_SECRET_ENV &&
			    secrets[k]->value != last[k])
				leave_out(env, secrets[k]->value);
			last[k] = secrets[k]->value;
		}
	}
	return env;
}
