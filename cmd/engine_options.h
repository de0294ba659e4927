// SPDX-License-Identifier: MIT
/*
 * The engine's command line: one table of options, from which parsing and
 * --help are made, turned into a job.
 */
#ifndef CMD_ENGINE_OPTIONS_H
#define CMD_ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/contract/job.h"

struct error;

struct engine_options {
	struct job job;
	char *log_path; /* NULL: standard error */
	/* whose password it is, when not the positional user's */
	char *source_admin, *target_admin;
	int job_fd, record_fd; /* -1: not given */
	bool wants_help, wants_version;
};

/* Passwords in argv are overwritten. ERROR_USAGE or ERROR_CONFIG on failure;
 * `out` is to be released in any case. */
int engine_options_parse(
    struct engine_options *out, int argc, char **argv, struct error *err);
void engine_options_release(struct engine_options *o);

void engine_options_help(FILE *out);

#endif
