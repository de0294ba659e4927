// SPDX-License-Identifier: MIT
/*
 * Every command and every option of the supervisor, once: what parsing and
 * --help are made from.  A command lives in its own file, mailconvoy_VERB.c.
 */
#ifndef CMD_MAILCONVOY_OPTIONS_H
#define CMD_MAILCONVOY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mailconvoy_option_id {
	MAILCONVOY_HELP,
	MAILCONVOY_VERSION_TEXT,
	MAILCONVOY_JOBS,
	MAILCONVOY_NEW_RUN,
	MAILCONVOY_DRY_RUN,
	MAILCONVOY_ONLY,
	MAILCONVOY_WINDOW,
	MAILCONVOY_MAX_DURATION,
	MAILCONVOY_BWLIMIT,
	MAILCONVOY_OUTPUT,
	MAILCONVOY_FORMAT, /* the same letter, of status */
	MAILCONVOY_LEVEL,
	MAILCONVOY_SAMPLE,
	MAILCONVOY_DIFF,
	MAILCONVOY_JSONL,
	MAILCONVOY_CSV,
	MAILCONVOY_HTML,
	MAILCONVOY_TODO,
	MAILCONVOY_USERS_DIR,
	MAILCONVOY_REASON,
	MAILCONVOY_LIKE, /* the same word, of resume */
	MAILCONVOY_ORDER,
	MAILCONVOY_DIRECTORY,
	MAILCONVOY_FROM,
	MAILCONVOY_ORIGIN,
	MAILCONVOY_PASS,
	MAILCONVOY_STATE_DIR,
	MAILCONVOY_USER,
	MAILCONVOY_ACCOUNT,
	MAILCONVOY_GROUP,
	MAILCONVOY_ACCOUNTS_FROM,
	MAILCONVOY_LIMIT,
	MAILCONVOY_CONNECT,
	MAILCONVOY_STRICT,
	MAILCONVOY_FILE,
	MAILCONVOY_SIZES,
	MAILCONVOY_NAMES,
	MAILCONVOY_EXIT_CODE,
	MAILCONVOY_APPROVED,
	MAILCONVOY_NO_INPUT,
	MAILCONVOY_WATCH,
	MAILCONVOY_FILTER,
	MAILCONVOY_NO_HEADERS,
	MAILCONVOY_SORT_BY,
	MAILCONVOY_PROGRESS,
	MAILCONVOY_COLOR,
	MAILCONVOY_INTERVAL,
	MAILCONVOY_QUIET,
	MAILCONVOY_VERBOSE,
	MAILCONVOY_OPTIONS
};

enum {
	MAILCONVOY_ARGUMENTS_MAX = 2,
	MAILCONVOY_GIVEN_MAX = 1024, /* options on one command line */
	MAILCONVOY_VARIABLE_BYTES = 64
};

struct mailconvoy_verb;

struct mailconvoy_given {
	enum mailconvoy_option_id id;
	const char *value; /* "" of a switch */
};

/* What was typed, checked by itself; behind it what the environment says of
 * options that were not typed. Points into argv and the environment. */
struct mailconvoy_options {
	const struct mailconvoy_verb *verb;
	const char *arguments[MAILCONVOY_ARGUMENTS_MAX]; /* NULL: not given */
	struct mailconvoy_given given[MAILCONVOY_GIVEN_MAX];
	size_t given_count;
};

struct mailconvoy_verb {
	const char *name;
	const char *arguments; /* as --help shows them: "PLAN", "[CODE]" */
	size_t arguments_min, arguments_max;
	int (*run)(const struct mailconvoy_options *o); /* the exit code */
	const char *help; /* lines, without the final line end */
	/* of its last argument, by blanks, that shells complete; NULL: none, or
	 * those of a COMMAND are the verbs */
	const char *words;
};

enum mailconvoy_value {
	MAILCONVOY_VALUE_NONE, /* a switch */
	MAILCONVOY_VALUE_TEXT,
	MAILCONVOY_VALUE_NUMBER, /* 1 to max */
	MAILCONVOY_VALUE_WORD,   /* one of `words` */
	MAILCONVOY_VALUE_DURATION,
	MAILCONVOY_VALUE_RATE,
	MAILCONVOY_VALUE_OUTCOMES /* a list of outcomes */
};

/* An option that means different things to different verbs has a row for each,
 * with the same name and letter. */
struct mailconvoy_option {
	const char *name; /* without "--" */
	enum mailconvoy_option_id id;
	char letter; /* '\0': none */
	enum mailconvoy_value value;
	const char
	    *shown; /* "N", as --help shows the value; NULL of a switch */
	const char *verbs; /* that take it, by blanks; NULL: all */
	const char *words; /* by blanks; of _OUTCOMES for shells only */
	uint64_t max;      /* of _NUMBER */
	const char *help;  /* lines, without the final line end */
};

/* The tables, in the order of --help. */
const struct mailconvoy_verb *mailconvoy_options_verbs(size_t *count_out);
const struct mailconvoy_option *mailconvoy_options_table(size_t *count_out);

/* By its name; NULL: there is none. */
const struct mailconvoy_verb *mailconvoy_options_verb(const char *name);

bool mailconvoy_options_takes(
    const struct mailconvoy_verb *verb, const struct mailconvoy_option *option);

/* The variable of the environment that stands for the option when it is not
 * given; false: there is none. */
bool mailconvoy_options_variable(const struct mailconvoy_option *option,
    char out[MAILCONVOY_VARIABLE_BYTES]);

/* -1: go on with o->verb->run; else the exit code, after help, version or a
 * message. */
int mailconvoy_options_parse(
    struct mailconvoy_options *o, int argc, char **argv);

/* The value given last; NULL: not given. */
const char *mailconvoy_options_value(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id);

/* Of an option that may be given several times: the next value from *at on
 * (begins at 0), NULL when there is none left. */
const char *mailconvoy_options_next(const struct mailconvoy_options *o,
    enum mailconvoy_option_id id, size_t *at);

bool mailconvoy_options_has(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id);

/* Of a number that was checked; 0: not given. */
uint64_t mailconvoy_options_number(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id);

/* Bytes a second of a rate that was checked; 0: not given. */
uint64_t mailconvoy_options_rate(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id);

/* Milliseconds of a duration that was checked; 0: not given. */
uint64_t mailconvoy_options_duration(
    const struct mailconvoy_options *o, enum mailconvoy_option_id id);

/* Prints a message and where help is; returns the exit code. */
int mailconvoy_options_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
