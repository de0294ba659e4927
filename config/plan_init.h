// SPDX-License-Identifier: MIT
/*
 * A plan to begin with: commented, with an accounts file beside it and each
 * password in a file of its own.  Never overwrites anything.
 */
#ifndef CONFIG_PLAN_INIT_H
#define CONFIG_PLAN_INIT_H

#include <stddef.h>

struct error;
struct plan_diag;

struct plan_init_result {
	size_t accounts;
	char *plan_path; /* heap */
};

/*
 * Writes plan.yaml, accounts.csv and secrets/ into `directory`, which is made
 * when it is not there. `from` is a table of another tool (the guide's
 * users.txt, imapsync's, Exchange's CSV) or NULL for an example. 0, or -1:
 * `err` says why, or, when err->kind is ERROR_NONE, `diag` what is wrong in
 * `from`.
 */
int plan_init_write(const char *directory, const char *from,
    struct plan_diag *diag, struct plan_init_result *out, struct error *err)
    __attribute__((warn_unused_result));

#endif
