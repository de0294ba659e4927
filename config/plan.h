// SPDX-License-Identifier: MIT
/*
 * A plan: YAML text turned into checked, constant values.  Knows what may be
 * written and where it stood; knows nothing of processes or IMAP.  After
 * plan_load has succeeded nobody changes the plan.
 *
 * Three passes: compose (plan_yaml: text to nodes with their places), build
 * (plan: nodes to structs, defaults merged), check (plan_check: what the parts
 * mean together).  All problems of a plan are reported in one run.
 */
#ifndef CONFIG_PLAN_H
#define CONFIG_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct plan_diag; /* config/plan_diag.h: the list of problems */
struct plan_yaml_node;

enum plan_tls {
	PLAN_TLS_AUTO,
	PLAN_TLS_IMPLICIT,
	PLAN_TLS_STARTTLS,
	PLAN_TLS_NONE
};

enum plan_auth {
	PLAN_AUTH_AUTO,
	PLAN_AUTH_LOGIN,
	PLAN_AUTH_PLAIN,
	PLAN_AUTH_CRAM_MD5,
	PLAN_AUTH_SCRAM_SHA_1,
	PLAN_AUTH_SCRAM_SHA_256,
	PLAN_AUTH_XOAUTH2,
	PLAN_AUTH_OAUTHBEARER,
	PLAN_AUTH_OAUTH, /* of the last two the one that is offered */
	PLAN_AUTH_EXTERNAL
};

enum plan_long_lines {
	PLAN_LONG_LINES_KEEP,
	PLAN_LONG_LINES_TRUNCATE,
	PLAN_LONG_LINES_SKIP,
	PLAN_LONG_LINES_WRAP
};

enum plan_mode {
	PLAN_MODE_SRC_ALL,
	PLAN_MODE_SRC_NEW,
	PLAN_MODE_DST
};

/* `auto`, true or false. */
enum plan_switch {
	PLAN_SWITCH_AUTO,
	PLAN_SWITCH_ON,
	PLAN_SWITCH_OFF
};

/* Of one account to one side; an engine takes no more. */
enum {
	PLAN_CONNECTIONS_MAX = 16
};

/* Of a ceiling that is not given. */
#define PLAN_NO_LIMIT UINT32_MAX

/* Where something stands in a file; line and column count from 1, a column is
 * a character. Line 0: the file as a whole. */
struct plan_place {
	const char *file;
	unsigned line, column;
};

/* Quirks and safe limits of a kind of server; config/plan_preset.h. */
enum plan_preset {
	PLAN_PRESET_GENERIC, /* nothing is known */
	PLAN_PRESET_COMMUNIGATE,
	PLAN_PRESET_GMAIL,
	PLAN_PRESET_OFFICE365, /* "exchange" is the same */
	PLAN_PRESET_DOVECOT,
	PLAN_PRESET_CYRUS,
	PLAN_PRESET_COURIER
};

/* Of all accounts together at one server; 0: no limit. */
struct plan_server_limits {
	uint32_t connections;
	uint32_t per_account; /* connections of one account */
	uint32_t logins_per_minute;
	uint64_t bandwidth;         /* bytes a second */
	uint64_t per_account_daily; /* bytes of one account in 24 hours */
};

/* A server that fails is left alone: after `after` failures in a row for
 * `pause_ms`, which doubles up to `max_pause_ms`. */
struct plan_breaker {
	uint32_t after;        /* 5; 0: never */
	uint64_t pause_ms;     /* 2 min */
	uint64_t max_pause_ms; /* 30 min */
};

struct plan_server {
	char *name;
	char *host;
	uint16_t port;     /* 0: 993 for implicit TLS, else 143 */
	uint16_t cli_port; /* CommuniGate's CLI; 106 */
	enum plan_tls tls;
	bool tls_verify;
	bool allow_plaintext;
	char *ca_file; /* absolute */
	char *pin;
	enum plan_preset preset;
	struct plan_server_limits limits;
	struct plan_breaker breaker;
	const struct plan_yaml_node *map; /* private */
};

/* A secret as the plan names it; config/secret_source.h turns it into bytes
 * when an account starts, so that a corrected file counts at once. */
enum plan_secret_kind {
	PLAN_SECRET_NONE,
	PLAN_SECRET_TEXT,
	PLAN_SECRET_FILE, /* absolute path */
	PLAN_SECRET_ENV,
	PLAN_SECRET_COMMAND,   /* argv; config/secret_command.h runs it */
	PLAN_SECRET_CREDENTIAL /* a file in $CREDENTIALS_DIRECTORY */
};

struct plan_secret {
	enum plan_secret_kind kind;
	char *value; /* of a command: its first word */
	char **argv; /* of a command, with a NULL behind; placeholders done */
	size_t argc;
	uint64_t timeout_ms; /* of a command; 30 s */
	struct plan_place place;
};

struct plan_endpoint {
	const struct plan_server *server;
	char *login;      /* whose credentials; "{user}" already replaced */
	char *as;         /* whose mailbox, or NULL; auth is not AUTO then */
	char *proxy_auth; /* whose mailbox, by PROXYAUTH; or NULL */
	enum plan_auth auth;
	struct plan_secret password; /* NONE: auth is EXTERNAL */
	bool is_token; /* the password is an OAuth token; auth is OAuth then */
	char *prefix;  /* source.prefix, target.prefix; NULL: none */
};

struct plan_rename {
	char *from, *to;
};

/* Accounts share the strings and lists they inherit. */
struct plan_options {
	enum plan_mode mode;          /* syncSrcAll */
	struct plan_place mode_place; /* line 0: not written */
	char **list; /* LIST patterns; none: what the mode implies */
	size_t lists;
	char **skip_mailbox; /* patterns */
	size_t skip_mailboxes;
	struct plan_rename *rename_mailbox;
	size_t rename_mailboxes;
	bool subscription, acl, special_use, metadata; /* true */
	bool mailbox_class;                            /* false */
	enum plan_switch force_index, new_uid;         /* auto */
	char *new_uid_template;          /* NULL: no UID is suggested */
	enum plan_long_lines long_lines; /* default keep */
	uint32_t errors_max;             /* 100 refused in a row */
	/* the plan's `deletes`; PLAN_NO_LIMIT */
	uint32_t max_delete, max_delete_percent;
	uint32_t fetch_max,
	    fetch_size_max; /* 50 messages; 10 MiB, rounded up */
	uint32_t store_max, store_size_max; /* 50; 10 */
	uint32_t queue_max, queue_size_max; /* 150; 30 */
	uint64_t timeout_ms;                /* 60 s */
	bool overlap;              /* true: two threads in the engine */
	bool literal_plus;         /* true: where the server offers it */
	bool confine;              /* true: Landlock, where the kernel has it */
	enum plan_switch compress; /* auto */
	/* Connections a side; when it is not written, what both servers'
	 * per_account allows, and never more than that; else 1; at most
	 * PLAN_CONNECTIONS_MAX */
	uint32_t connections;
};

enum plan_verify {
	PLAN_VERIFY_NONE,
	PLAN_VERIFY_COUNT,
	PLAN_VERIFY_DIGEST,
	PLAN_VERIFY_BODY
};

/* A pass over all accounts, chosen when a run begins. */
struct plan_pass {
	char *name;
	enum plan_verify verify; /* none */
	struct plan_place place;
	const struct plan_yaml_node *map; /* private */
};

/* Accounts that share settings. */
struct plan_group {
	char *name;
	bool has_priority;
	uint32_t priority;
	struct plan_place place;
	const struct plan_yaml_node *map; /* private */
};

struct plan_account {
	char *id;   /* [A-Za-z0-9._@+-]{1,128}, unique after case folding */
	char *slug; /* safe file name, unique: [a-z0-9._-], no '.' or '-' in
		       front; at most 60 bytes + "-" + 8 hex digits */
	struct plan_endpoint source, target;
	struct plan_options options;
	const struct plan_group **groups; /* as written: the last one wins */
	size_t group_count;
	uint32_t priority;  /* 0; its own, else that of its last group that has
			      one; greater ones first */
	char **extras;      /* one for each of plan.extra_names; NULL: empty */
	bool shared_target; /* others may write to the same target */
	uint32_t target_group; /* those of one shared target: the same number,
				  from 1; 0: none */
	const struct plan_yaml_node *map; /* private */
	char digest[17]; /* of the settings that change the result: not
			    passwords, not limits */
	struct plan_place place;
};

struct plan_retry {
	unsigned attempts;       /* 4: first try included */
	uint64_t backoff_ms;     /* 30 s */
	double factor;           /* 3 */
	uint64_t max_wait_ms;    /* 30 min */
	unsigned jitter_percent; /* 20 */
};

/* What syncDst may delete of an account, at most. */
struct plan_deletes {
	bool is_given;
	uint32_t max_per_account, max_percent; /* PLAN_NO_LIMIT */
};

/* Days and hours. A window that ends at or before its begin goes on into the
 * next day; its days are those on which it begins. */
struct plan_window {
	uint8_t days;                    /* bit 0: Monday, ... bit 6: Sunday */
	uint16_t from_minute, to_minute; /* of the day; 0 and 1440: all of it */
};

/* A bandwidth and when it holds. */
struct plan_rate {
	struct plan_window window;
	uint64_t bandwidth; /* bytes a second; 0: no limit */
};

/* Of the whole run; 0: no limit. */
struct plan_limits {
	unsigned jobs;           /* 4 */
	uint64_t start_delay_ms; /* 0 */
	/* bytes; below it nothing is started */
	uint64_t min_free_memory, min_free_disk;
	uint64_t account_timeout_ms;
	uint64_t stall_timeout_ms; /* an account without progress */
	uint64_t max_duration_ms;
	uint64_t bandwidth; /* bytes a second, when no rate holds */
	/* the first whose window it is counts */
	struct plan_rate *rates;
	size_t rate_count;
};

enum plan_order {
	PLAN_ORDER_PLAN,
	PLAN_ORDER_LARGEST,
	PLAN_ORDER_SHUFFLE,
	PLAN_ORDER_FAILED_FIRST
};

/* What happens to accounts that run when no more shall be started. */
enum plan_stop {
	PLAN_STOP_DRAIN, /* they are finished */
	PLAN_STOP_STOP   /* they stop at once, to go on later */
};

struct plan_schedule {
	enum plan_order order;       /* plan; priority comes before it */
	struct plan_window *windows; /* none: at any time */
	size_t window_count;
	enum plan_stop at_window_end; /* drain */
};

/* When a run gives up; reached is enough. */
struct plan_halt {
	uint32_t failures;     /* 0: never */
	uint32_t percent;      /* of the accounts finished; 0: never */
	uint32_t min_finished; /* 20: before that the percentage is chance */
	enum plan_stop action; /* drain */
};

/* A command; argc 0: none. */
struct plan_hook {
	char **argv; /* with a NULL behind; a path in front is absolute */
	size_t argc;
	uint64_t timeout_ms; /* 60 s */
};

struct plan_hooks {
	struct plan_hook before_run, after_run, after_account;
};

struct plan_notify {
	char *sendmail;           /* address; NULL: nobody */
	uint64_t report_every_ms; /* 0: at the end only */
};

struct plan_report {
	bool message_ids;     /* true */
	uint32_t bad_percent; /* 1: as much refused is grade `bad` */
};

enum plan_log_level {
	PLAN_LOG_INFO,
	PLAN_LOG_DEBUG /* every command and answer, secrets left out */
};

/* Of the logs of accounts. */
struct plan_log {
	enum plan_log_level level; /* info */
};

/* What the command line says about a plan. */
struct plan_choice {
	const char *pass;      /* NULL: none */
	const char *state_dir; /* counts from the working directory; NULL: as
				  the plan says */
};

struct plan {
	char *path;      /* as given */
	char *typed;     /* what a hint lets type: path, and --state-dir PATH
			    when that was given */
	char *name;      /* [A-Za-z0-9._-]{1,64} */
	char *state_dir; /* absolute; default <dir of plan>/state */
	char *user;      /* who root becomes; NULL: nobody else */
	struct plan_server *servers;
	size_t server_count;
	struct plan_account *accounts; /* in plan order, accounts file last */
	size_t account_count;
	uint32_t target_groups; /* shared targets */
	char
	    *timezone; /* "Europe/Berlin", of all windows; NULL: the system's */
	struct plan_group *groups;
	size_t group_count;
	struct plan_pass *passes;
	size_t pass_count;
	const struct plan_pass *pass; /* the one chosen; NULL: none */
	struct plan_limits limits;
	struct plan_schedule schedule;
	struct plan_retry retry;
	struct plan_halt halt;
	struct plan_deletes deletes;
	struct plan_hooks hooks;
	struct plan_notify notify;
	struct plan_report report;
	struct plan_log log;
	char **extra_names; /* x_ columns of the accounts file, without x_ */
	size_t extra_count;
	char digest[17]; /* of all accounts' ids and digests, in any order */
	/* private */
	struct arena *arena;               /* all strings */
	const struct plan_account **by_id; /* sorted, case folded */
	const struct plan_yaml_node *defaults;
};

/*
 * Loads and checks.  Problems go to `diag`; NULL when one of them is an error
 * (or the file cannot be read, or memory is out: then too `diag` says it).
 */
struct plan *plan_load(const char *path, struct plan_diag *diag);

/* As plan_load, with what the command line says. */
struct plan *plan_load_choice(
    const char *path, const struct plan_choice *choice, struct plan_diag *diag);

/* As plan_load for bytes in memory; `path` names them in messages and gives
 * the directory that relative paths count from. */
struct plan *plan_load_bytes(
    const char *path, const char *bytes, size_t len, struct plan_diag *diag);

void plan_free(struct plan *plan);

/* By the exact id; NULL: there is none. */
const struct plan_account *plan_find_account(
    const struct plan *plan, const char *id);

#endif
