// SPDX-License-Identifier: MIT
/*
 * What is known of kinds of servers before one has spoken to them: how much
 * they bear, and what they need. Anything that the plan says wins.
 */
#ifndef CONFIG_PLAN_PRESET_H
#define CONFIG_PLAN_PRESET_H

#include <stdint.h>

#include "config/plan.h"

/* The words of `preset:`, NULL-terminated, and what each stands for. */
extern const char *const plan_preset_words[];
enum plan_preset plan_preset_of_word(uint32_t word);
const char *plan_preset_name(enum plan_preset preset);

struct plan_server_limits plan_preset_limits(enum plan_preset preset);

/* Sets what copies between such servers need. */
void plan_preset_options(enum plan_preset source, enum plan_preset target,
    struct plan_options *options);

#endif
