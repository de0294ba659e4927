// SPDX-License-Identifier: MIT
/*
 * Options of the engine in a plan: `engine_args`, which is refused, and what
 * to write instead of each.  The arguments of an engine are seen by everybody
 * on the machine, and its job says all that they could.
 *
 * Problems: E0103.
 */
#ifndef CONFIG_PLAN_ENGINE_ARGS_H
#define CONFIG_PLAN_ENGINE_ARGS_H

struct plan_build;
struct plan_yaml_node;

/* Says of each option how a plan says it. `top`: the plan's mapping. */
void plan_engine_args_tell(
    struct plan_build *b, const struct plan_yaml_node *top);

#endif
