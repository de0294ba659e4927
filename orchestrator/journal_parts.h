// SPDX-License-Identifier: MIT
/*
 * Old lines of a journal, compressed: <journal>.gz-parts holds them as gzip
 * members one behind the other, so that `gzip -dc` prints them; the newer ones
 * stand in the journal itself, as plain text.
 *
 * A member is synced before its lines leave the journal.  Killed in between,
 * the lines stand in both; a member that is torn is one whose lines are still
 * in the journal.  Whoever reads takes each number of a line once.
 */
#ifndef ORCHESTRATOR_JOURNAL_PARTS_H
#define ORCHESTRATOR_JOURNAL_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct error;

/* Heap, or NULL when out of memory. */
char *journal_parts_path(const char *journal_path);

/* Are there any? */
bool journal_parts_exist(const char *journal_path);

/* All lines of all whole members, and of a torn one what can be had: then
 * ferror is true at the end. NULL: none, or they cannot be opened. For
 * fclose. */
FILE *journal_parts_open(const char *journal_path);

/* Adds the content of the journal as a member; what a killed process left
 * behind the last whole one is cut off. Blocks as long as that takes. */
int journal_parts_add(const char *journal_path, struct error *err)
    __attribute__((warn_unused_result));

#endif
