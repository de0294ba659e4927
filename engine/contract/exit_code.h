// SPDX-License-Identifier: MIT
/*
 * The exit codes of both programs: one table of number, name, text and retry
 * class.  Man pages and --help are generated from it.
 */
#ifndef ENGINE_CONTRACT_EXIT_CODE_H
#define ENGINE_CONTRACT_EXIT_CODE_H

#include <stddef.h>

struct error;

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_PARTIAL = 1,
	EXIT_CODE_CHANGED = 2,
	EXIT_CODE_DEFERRED = 3,
	EXIT_CODE_INTERRUPTED = 4,
	EXIT_CODE_USAGE = 64,
	EXIT_CODE_NO_INPUT = 66,
	EXIT_CODE_INTERNAL = 70,
	EXIT_CODE_CANNOT_CREATE = 73, /* engine: the target is over quota */
	EXIT_CODE_LOCAL = 74,
	EXIT_CODE_TEMPORARY = 75,
	EXIT_CODE_PROTOCOL = 76,
	EXIT_CODE_AUTH = 77,
	EXIT_CODE_CONFIG = 78
};

enum exit_retry {
	EXIT_RETRY_NEVER,
	EXIT_RETRY_ONCE,    /* at once */
	EXIT_RETRY_AT_END,  /* once, at the end of the batch */
	EXIT_RETRY_AT_TIME, /* at the given time */
	EXIT_RETRY_RESUME,  /* by resume */
	EXIT_RETRY_BACKOFF
};

struct exit_code_info {
	enum exit_code code;
	const char *outcome; /* "ok", "partial", "temp": stable, for records */
	const char *engine_text;     /* NULL: the engine never ends with it */
	const char *supervisor_text; /* NULL: the supervisor never does */
	enum exit_retry retry;
};

/* The whole table, ascending by code. */
const struct exit_code_info *exit_code_table(size_t *count_out);

/* NULL for a number that is not in the table (to be read as failure). */
const struct exit_code_info *exit_code_find(int code);

/* The code an engine ends with for this error. */
enum exit_code exit_code_of_error(const struct error *err);

/*
 * Worst of two engine results as a batch sees them.  An account's code other
 * than 0, 2, 3, 4, 70 and 74 counts as 1: the batch finished, something needs a
 * look.  Order: 70 74 4 3 1 2 0.
 */
int exit_code_worse(int batch, int account);

#endif
