// SPDX-License-Identifier: MIT
/*
 * One login that many accounts share, an administrator's: when a server refuses
 * it again and again it is wrong for all of them, and each further try brings
 * it nearer to being locked out.  Pure.
 */
#ifndef ORCHESTRATOR_LOGIN_GUARD_H
#define ORCHESTRATOR_LOGIN_GUARD_H

#include <stdbool.h>

enum {
	LOGIN_GUARD_REFUSED_MAX = 5 /* in a row */
};

struct login_guard {
	unsigned refused; /* in a row */
	bool is_stopped;
	bool is_told; /* private to who tells it */
};

/* true: with this refusal it is not to be tried any more. */
bool login_guard_refused(struct login_guard *g);
void login_guard_worked(struct login_guard *g);

#endif
