// SPDX-License-Identifier: MIT
/*
 * What the parts of a plan mean together: accounts that collide, servers that
 * may not be spoken to in clear text, secrets that are not there.
 *
 * Problems: E0201 id twice, E0203 target twice, E0204 source is target, E0207
 * clear text, E0211 slugs collide, E0215 a mirror without a ceiling, E0302 secret file, E0303 environment, E0304
 * exposed.
 */
#ifndef CONFIG_PLAN_CHECK_H
#define CONFIG_PLAN_CHECK_H

#include "config/plan.h"

struct plan_build;

/* Also sets the plan's index and digest. */
void plan_check(struct plan_build *b);

/* Reports the file at `place` as readable by others; `path` is what to type
 * behind chmod. */
void plan_check_exposed(struct plan_build *b, struct plan_place place,
    const char *path, const char *what);

/* Is it this machine, as far as the name tells? */
bool plan_check_is_loopback(const char *host);

#endif
