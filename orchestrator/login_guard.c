// SPDX-License-Identifier: MIT
#include "orchestrator/login_guard.h"

bool login_guard_refused(struct login_guard *g)
{
	if (++g->refused < LOGIN_GUARD_REFUSED_MAX || g->is_stopped)
		return false;
	g->is_stopped = true;
	return true;
}

void login_guard_worked(struct login_guard *g)
{
	g->refused = 0;
}
