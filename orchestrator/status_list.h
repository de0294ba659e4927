// SPDX-License-Identifier: MIT
/*
 * The accounts of a run as a list for people and their programs: chosen,
 * sorted, and printed in one of six formats.  From the journal, and while the
 * supervisor works from its status.json.
 */
#ifndef ORCHESTRATOR_STATUS_LIST_H
#define ORCHESTRATOR_STATUS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct error;
struct journal_run;
struct json_t;

enum status_format {
	STATUS_TABLE,
	STATUS_WIDE,
	STATUS_JSON,
	STATUS_JSONL,
	STATUS_CSV,
	STATUS_NAME,
	STATUS_FORMATS
};

struct status_choice {
	enum status_format format;
	const char *const *filters; /* "KEY=VALUE": all must hold; `*` and `?`
				       in the value match */
	size_t filter_count;
	const char *sort_by; /* column, "-column" downwards; NULL: plan order */
	bool no_headers;     /* rows only */
	size_t columns;      /* lines are cut there; 0: never */
};

/* STATUS_FORMATS: no format has this name. */
enum status_format status_list_format(const char *name);

/* Do filters and sort_by name columns? The error lists those there are. */
int status_list_check(const struct status_choice *choice, struct error *err)
    __attribute__((warn_unused_result));

/* `live`: its supervisor is at work; `now` is its status.json, or NULL. */
int status_list_print(const struct journal_run *run, bool live,
    const struct json_t *now, const struct status_choice *choice, FILE *out,
    struct error *err) __attribute__((warn_unused_result));

#endif
