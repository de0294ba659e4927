// SPDX-License-Identifier: MIT
/*
 * What tells two settings of an account apart: a hash of all that changes the
 * result of a copy.  Not of passwords, limits and how one logs in.
 */
#ifndef CONFIG_PLAN_DIGEST_H
#define CONFIG_PLAN_DIGEST_H

struct plan_account;

/* Fills in account->digest from everything else. */
void plan_digest_account(struct plan_account *account);

#endif
