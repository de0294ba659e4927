// SPDX-License-Identifier: MIT
/* What was looked at, for people and as JSON (mailconvoy-formats(5)). */
#ifndef ORCHESTRATOR_PREFLIGHT_SHOW_H
#define ORCHESTRATOR_PREFLIGHT_SHOW_H

#include <stdbool.h>
#include <stdio.h>

struct preflight;
struct select_rules;

/* Both print the selected accounts, and return how many of them may not go;
 * -1: out of memory. */
long preflight_show_table(
    const struct preflight *p, const struct select_rules *select, FILE *out);
long preflight_show_json(
    const struct preflight *p, const struct select_rules *select, FILE *out);

#endif
