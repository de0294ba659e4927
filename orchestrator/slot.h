// SPDX-License-Identifier: MIT
/*
 * The life of one engine process as a table: state and event give the next
 * state and what is to be done.  Pure; the supervisor does it.
 */
#ifndef ORCHESTRATOR_SLOT_H
#define ORCHESTRATOR_SLOT_H

enum slot_state {
	SLOT_FREE,
	SLOT_LOCKING,  /* waits until no other engine holds the account */
	SLOT_SECRETS,  /* waits for the commands that print its passwords */
	SLOT_RUNNING,  /* a child lives */
	SLOT_STOPPING, /* its job pipe is closed: it shall end by itself */
	SLOT_TERMED,   /* got SIGTERM */
	SLOT_KILLED,   /* got SIGKILL, the child or the commands */
	SLOT_STATES
};

enum slot_event {
	SLOT_ON_ASSIGN, /* an account is given to the slot */
	SLOT_ON_LOCKED, /* the account is ours */
	SLOT_ON_READY,  /* no command has to be waited for */
	SLOT_ON_FAILED, /* no lock in time, or no child could be started */
	SLOT_ON_BROKEN, /* the child sends what is no record */
	SLOT_ON_TIMER,  /* the deadline of the state has passed */
	SLOT_ON_STOP,   /* the operator wants a clean end */
	SLOT_ON_KILL,   /* the operator wants an end */
	SLOT_ON_REAPED, /* the child is dead, or all commands are */
	SLOT_EVENTS
};

enum slot_action {
	SLOT_DO_NOTHING,
	SLOT_DO_BUG, /* cannot happen */
	SLOT_DO_LOCK,
	SLOT_DO_SECRETS, /* start the commands */
	SLOT_DO_CUT,     /* kill the commands whose time is over */
	SLOT_DO_SPAWN,
	SLOT_DO_CLOSE_JOB,
	SLOT_DO_TERM, /* closes the job pipe too */
	SLOT_DO_KILL,
	SLOT_DO_FINISH, /* drain, judge, journal, free */
	SLOT_ACTIONS
};

struct slot_step {
	enum slot_state next;
	enum slot_action action;
};

struct slot_step slot_step(enum slot_state state, enum slot_event event);

const char *slot_state_name(enum slot_state state);

#endif
