// SPDX-License-Identifier: MIT
#include "orchestrator/slot.h"

#include "engine/base/mem.h"

static const char *const state_names[] = {
    "free", "locking", "running", "stopping", "termed", "killed"};
_Static_assert(ARRAY_LEN(state_names) == SLOT_STATES, "a name for each");

#define STAY(state) \
	{ \
		state, SLOT_DO_NOTHING \
	}
#define NEVER(state) \
	{ \
		state, SLOT_DO_BUG \
	}

/* Every cell is filled; the columns are in the order of enum slot_event. */
static const struct slot_step table[SLOT_STATES][SLOT_EVENTS] =
    {
	[SLOT_FREE] =
	    {
		[SLOT_ON_ASSIGN] = {SLOT_LOCKING, SLOT_DO_LOCK},
		[SLOT_ON_LOCKED] = NEVER(SLOT_FREE),
		[SLOT_ON_FAILED] = NEVER(SLOT_FREE),
		[SLOT_ON_BROKEN] = NEVER(SLOT_FREE),
		[SLOT_ON_TIMER] = NEVER(SLOT_FREE),
		[SLOT_ON_STOP] = STAY(SLOT_FREE),
		[SLOT_ON_KILL] = STAY(SLOT_FREE),
		[SLOT_ON_REAPED] = NEVER(SLOT_FREE),
	    },
	[SLOT_LOCKING] =
	    {
		[SLOT_ON_ASSIGN] = NEVER(SLOT_LOCKING),
		[SLOT_ON_LOCKED] = {SLOT_RUNNING, SLOT_DO_SPAWN},
		[SLOT_ON_FAILED] = {SLOT_FREE, SLOT_DO_FINISH},
		[SLOT_ON_BROKEN] = NEVER(SLOT_LOCKING),
		[SLOT_ON_TIMER] = {SLOT_LOCKING, SLOT_DO_LOCK},
		[SLOT_ON_STOP] = {SLOT_FREE, SLOT_DO_FINISH},
		[SLOT_ON_KILL] = {SLOT_FREE, SLOT_DO_FINISH},
		[SLOT_ON_REAPED] = NEVER(SLOT_LOCKING),
	    },
	[SLOT_RUNNING] =
	    {
		[SLOT_ON_ASSIGN] = NEVER(SLOT_RUNNING),
		[SLOT_ON_LOCKED] = NEVER(SLOT_RUNNING),
		[SLOT_ON_FAILED] = {SLOT_FREE, SLOT_DO_FINISH},
		[SLOT_ON_BROKEN] = {SLOT_TERMED, SLOT_DO_TERM},
		[SLOT_ON_TIMER] = {SLOT_TERMED, SLOT_DO_TERM}, /* stalled */
		[SLOT_ON_STOP] = {SLOT_STOPPING, SLOT_DO_CLOSE_JOB},
		[SLOT_ON_KILL] = {SLOT_KILLED, SLOT_DO_KILL},
		[SLOT_ON_REAPED] = {SLOT_FREE, SLOT_DO_FINISH},
	    },
	[SLOT_STOPPING] =
	    {
		[SLOT_ON_ASSIGN] = NEVER(SLOT_STOPPING),
		[SLOT_ON_LOCKED] = NEVER(SLOT_STOPPING),
		[SLOT_ON_FAILED] = NEVER(SLOT_STOPPING),
		[SLOT_ON_BROKEN] = {SLOT_TERMED, SLOT_DO_TERM},
		[SLOT_ON_TIMER] = {SLOT_TERMED, SLOT_DO_TERM},
		[SLOT_ON_STOP] = STAY(SLOT_STOPPING),
		[SLOT_ON_KILL] = {SLOT_KILLED, SLOT_DO_KILL},
		[SLOT_ON_REAPED] = {SLOT_FREE, SLOT_DO_FINISH},
	    },
	[SLOT_TERMED] =
	    {
		[SLOT_ON_ASSIGN] = NEVER(SLOT_TERMED),
		[SLOT_ON_LOCKED] = NEVER(SLOT_TERMED),
		[SLOT_ON_FAILED] = NEVER(SLOT_TERMED),
		[SLOT_ON_BROKEN] = STAY(SLOT_TERMED),
		[SLOT_ON_TIMER] = {SLOT_KILLED, SLOT_DO_KILL},
		[SLOT_ON_STOP] = STAY(SLOT_TERMED),
		[SLOT_ON_KILL] = {SLOT_KILLED, SLOT_DO_KILL},
		[SLOT_ON_REAPED] = {SLOT_FREE, SLOT_DO_FINISH},
	    },
	[SLOT_KILLED] =
	    {
		[SLOT_ON_ASSIGN] = NEVER(SLOT_KILLED),
		[SLOT_ON_LOCKED] = NEVER(SLOT_KILLED),
		[SLOT_ON_FAILED] = NEVER(SLOT_KILLED),
		[SLOT_ON_BROKEN] = STAY(SLOT_KILLED),
		/* a process in an uninterruptible wait: nothing more to do */
		[SLOT_ON_TIMER] = STAY(SLOT_KILLED),
		[SLOT_ON_STOP] = STAY(SLOT_KILLED),
		[SLOT_ON_KILL] = {SLOT_KILLED, SLOT_DO_KILL},
		[SLOT_ON_REAPED] = {SLOT_FREE, SLOT_DO_FINISH},
	    },
};

struct slot_step slot_step(enum slot_state state, enum slot_event event)
{
	return table[state][event];
}

const char *slot_state_name(enum slot_state state)
{
	return state_names[state];
}
