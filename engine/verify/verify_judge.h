// SPDX-License-Identifier: MIT
/*
 * What both halves of a mailbox come to: pairs are made, doubtful ones are
 * given back to be read once more, and every message is counted. Pure, but
 * for what it tells the report.
 */
#ifndef ENGINE_VERIFY_VERIFY_JUDGE_H
#define ENGINE_VERIFY_VERIFY_JUDGE_H

#include <stdbool.h>

struct job;
struct verify_box;
struct verify_report;

/* Takes over what was read again, then chooses what is to be read (`again` of
 * the box); false: nothing more. */
bool verify_judge_next(struct verify_box *box, const struct job *job);

/* Counts everything and tells of each difference. */
void verify_judge_end(struct verify_box *box, const struct job *job,
    struct verify_report *report);

#endif
