// SPDX-License-Identifier: MIT
/*
 * Every option of the engine's command line, once: what parsing, --help, the
 * man page and the completions are made from.
 */
#ifndef CMD_ENGINE_OPTION_TABLE_H
#define CMD_ENGINE_OPTION_TABLE_H

#include <stddef.h>

enum engine_option_id {
	OPT_HELP,
	OPT_VERSION,
	OPT_VERBOSE,
	OPT_LOGFILE,
	OPT_LIST,
	OPT_SOURCE,
	OPT_TARGET,
	OPT_SKIP_MAILBOX,
	OPT_RENAME_MAILBOX,
	OPT_MODE,
	OPT_DRY_RUN,
	OPT_PROBE,
	OPT_MAX_DELETE,
	OPT_FORCE,
	OPT_NO_SUBSCRIPTION,
	OPT_NO_ACL,
	OPT_NO_SPECIAL_USE,
	OPT_NO_METADATA,
	OPT_FORCE_INDEX,
	OPT_NO_FORCE_INDEX,
	OPT_NO_NEW_UID,
	OPT_NEW_UID_TEMPLATE,
	OPT_COPY_MAILBOX_CLASS,
	OPT_VERIFY,
	OPT_VERIFY_SAMPLE,
	OPT_VERIFY_DIFF,
	OPT_LONG_LINES,
	OPT_ERRORS_MAX,
	OPT_FETCH_MAX,
	OPT_FETCH_SIZE_MAX,
	OPT_STORE_MAX,
	OPT_STORE_SIZE_MAX,
	OPT_QUEUE_MAX,
	OPT_QUEUE_SIZE_MAX,
	OPT_CONNECTIONS,
	OPT_NOTIMEOUT,
	OPT_TIMEOUT,
	OPT_BWLIMIT,
	OPT_SETTLE,
	OPT_NO_THREADS,
	OPT_NO_LITERAL_PLUS,
	OPT_NO_CONFINE,
	OPT_STATE_FILE,
	OPT_COMPRESS,
	OPT_ACCOUNT,
	OPT_JOB_FD,
	OPT_RECORD_FD,
	/* of one side: source, then target */
	OPT_AUTH_PLAIN,
	OPT_OAUTH2,
	OPT_PROXY_AUTH,
	OPT_ADMIN,
	OPT_AUTH,
	OPT_PASSWORD_FILE,
	OPT_PASSWORD_FD,
	OPT_TLS,
	OPT_TLS_VERIFY,
	OPT_CA_FILE,
	OPT_PIN,
	OPT_CLI_PORT
};

enum engine_option_side {
	OPTION_SIDE_NONE,
	OPTION_SIDE_SOURCE,
	OPTION_SIDE_TARGET
};

enum engine_option_group {
	OPTION_GROUP_WHAT,    /* is copied, and how it is called there */
	OPTION_GROUP_MAILBOX, /* beside messages */
	OPTION_GROUP_LIMITS,
	OPTION_GROUP_LOGIN,
	OPTION_GROUP_TLS,
	OPTION_GROUP_OUTPUT,
	OPTION_GROUPS
};

struct engine_option {
	const char *name;
	enum engine_option_id id;
	int arity;
	const char *argument; /* "NAME"; "a|b" where only these words work */
	const char *help;     /* one line; NULL: the source's row has it */
	const char *detail;   /* for the man page, may be NULL */
	enum engine_option_side side;
	enum engine_option_group group;
};

const struct engine_option *engine_option_table(size_t *count_out);
const char *engine_option_group_title(enum engine_option_group group);

/* `--name` without its dashes in front; camelCase as in the guide, or the same
 * with dashes, in any case. NULL: unknown. */
const struct engine_option *engine_option_find(const char *name, size_t len);

#endif
