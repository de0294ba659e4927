// SPDX-License-Identifier: MIT
/*
 * The environment of what a plan lets us run: ours, without the variables that
 * hold secrets of the plan ({env: NAME}).
 */
#ifndef CONFIG_SECRET_ENV_H
#define CONFIG_SECRET_ENV_H

struct plan;

/* Heap, for free, or NULL when out of memory. Its strings are those of our own
 * environment: valid until that is changed. */
char **secret_env_new(const struct plan *plan);

#endif
