// SPDX-License-Identifier: MIT
/*
 * How good an account's result is: one word, from its outcome and its numbers
 * alone, so that journal, status and every report agree.  Pure.
 */
#ifndef ORCHESTRATOR_GRADE_H
#define ORCHESTRATOR_GRADE_H

struct tally;

enum grade {
	GRADE_NONE, /* has no result yet */
	GRADE_COMPLETE,
	GRADE_MINOR,  /* every message is there, something beside them not */
	GRADE_REVIEW, /* some messages are missing */
	GRADE_BAD,    /* many are, or a mailbox, or nobody knows how many */
	GRADES
};

/* Of a final result. So many percent refused are bad already; 0: any. */
enum grade grade_of(
    const char *outcome, const struct tally *t, unsigned bad_percent);

/* "complete", "" of GRADE_NONE. */
const char *grade_name(enum grade g);

/* GRADE_NONE for every other word. */
enum grade grade_find(const char *name);

#endif
