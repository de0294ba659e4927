// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <string.h>

#include "orchestrator/slot.h"

/*
 * The whole table, one letter a cell: F L P R S T K the next state (P: the
 * commands of its passwords run), then what is done: . nothing, ! bug, l lock,
 * p start the commands, x kill those that are late, s spawn, c close the job,
 * t term, k kill, f finish.
 * Columns: assign locked ready failed broken timer stop kill reaped.
 */
static const char *const expected[SLOT_STATES] = {
    [SLOT_FREE] = "Ll F! F! F! F! F! F. F. F!",
    [SLOT_LOCKING] = "L! Pp L! Ff L! Ll Ff Ff L!",
    [SLOT_SECRETS] = "P! P! Rs Ff P! Px Kk Kk Rs",
    [SLOT_RUNNING] = "R! R! R! Ff Tt Tt Sc Kk Ff",
    [SLOT_STOPPING] = "S! S! S! S! Tt Tt S. Kk Ff",
    [SLOT_TERMED] = "T! T! T! T! T. Kk T. Kk Ff",
    [SLOT_KILLED] = "K! K! K! K! K. K. K. Kk Ff",
};

Test(slot, every_cell)
{
	static const char states[] = "FLPRSTK", actions[] = ".!lpxsctkf";

	cr_assert_eq(strlen(states), SLOT_STATES);
	cr_assert_eq(strlen(actions), SLOT_ACTIONS);
	for (int s = 0; s < SLOT_STATES; s++) {
		cr_assert_eq(strlen(expected[s]), 3 * SLOT_EVENTS - 1);
		for (int e = 0; e < SLOT_EVENTS; e++) {
			struct slot_step step =
			    slot_step((enum slot_state)s, (enum slot_event)e);
			cr_assert_eq(states[step.next], expected[s][3 * e],
			    "%s, event %d", slot_state_name((enum slot_state)s),
			    e);
			cr_assert_eq(actions[step.action],
			    expected[s][3 * e + 1], "%s, event %d",
			    slot_state_name((enum slot_state)s), e);
		}
	}
}

Test(slot, only_finish_frees)
{
	for (int s = 0; s < SLOT_STATES; s++)
		for (int e = 0; e < SLOT_EVENTS; e++) {
			struct slot_step step =
			    slot_step((enum slot_state)s, (enum slot_event)e);
			if (s != SLOT_FREE)
				cr_assert_eq(step.next == SLOT_FREE,
				    step.action == SLOT_DO_FINISH);
		}
}

/* F182: Whatever the child does, timers alone end it. */
Test(slot, timers_lead_to_kill)
{
	enum slot_state state = SLOT_RUNNING;

	for (int i = 0; i < 3; i++)
		state = slot_step(state, SLOT_ON_TIMER).next;
	cr_assert_eq(state, SLOT_KILLED);
}
