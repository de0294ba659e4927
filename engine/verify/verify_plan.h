// SPDX-License-Identifier: MIT
/*
 * Which mailboxes are compared with which: as the copy names them.
 */
#ifndef ENGINE_VERIFY_VERIFY_PLAN_H
#define ENGINE_VERIFY_VERIFY_PLAN_H

struct verify_board;

/* Fills in the boxes from both inventories; says what is left out by rule. */
void verify_plan_make(struct verify_board *b);

#endif
