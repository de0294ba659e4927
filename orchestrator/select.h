// SPDX-License-Identifier: MIT
/*
 * Which accounts of a plan a command is about: --account, --group,
 * --accounts-from, --limit.  Pure but for select_read_ids.  Any of the first
 * three is enough to be selected; without them all are.
 */
#ifndef ORCHESTRATOR_SELECT_H
#define ORCHESTRATOR_SELECT_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct plan;
struct plan_account;

struct select_rules {
	const char **patterns; /* for ids, as the shell's; borrowed texts */
	size_t pattern_count;
	const char **groups; /* names; borrowed texts */
	size_t group_count;
	char **ids; /* sorted, each once */
	size_t id_count;
	size_t limit; /* so many of what is to be run; 0: all */
};

void select_release(struct select_rules *r);

/* Reads ids, one a line; blank lines and those that begin with '#' do not
 * count. */
int select_read_ids(struct select_rules *r, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* Takes such text in memory; `name` stands in messages. */
int select_take_ids(struct select_rules *r, const char *name, const char *text,
    struct error *err) __attribute__((warn_unused_result));

/* Ids that were put there one by one: sorts them and takes out what is there
 * twice. */
void select_sort_ids(struct select_rules *r);

/* Is anything left out at all? */
bool select_narrows(const struct select_rules *r);

/* But for the limit. `r` may be NULL: all. */
bool select_matches(
    const struct select_rules *r, const struct plan_account *account);

/* A pattern, group or id that no account has is a mistake (ERROR_USAGE). */
int select_check(const struct select_rules *r, const struct plan *plan,
    struct error *err) __attribute__((warn_unused_result));

#endif
