// SPDX-License-Identifier: MIT
/*
 * A job: everything an engine needs for one account, secrets included.  Comes
 * from the command line or as one line of JSON on a descriptor.  Encoder and
 * decoder live here; mailconvoy-formats(5) describes them.
 */
#ifndef ENGINE_CONTRACT_JOB_H
#define ENGINE_CONTRACT_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/pace.h"
#include "engine/base/secret.h"

struct error;

enum {
	JOB_VERSION = 1,
	JOB_LINE_MAX = 1024 * 1024,
	JOB_CONNECTIONS_MAX = 16
};

enum job_tls {
	JOB_TLS_AUTO, /* 993 implicit, else STARTTLS when offered */
	JOB_TLS_IMPLICIT,
	JOB_TLS_STARTTLS,
	JOB_TLS_NONE
};

/* In the order of enum imap_auth. */
enum job_auth {
	JOB_AUTH_AUTO, /* PLAIN when offered, else LOGIN */
	JOB_AUTH_LOGIN,
	JOB_AUTH_PLAIN,
	JOB_AUTH_CRAM_MD5,
	JOB_AUTH_SCRAM_SHA_1,
	JOB_AUTH_SCRAM_SHA_256,
	JOB_AUTH_XOAUTH2,
	JOB_AUTH_OAUTHBEARER,
	JOB_AUTH_OAUTH, /* of the last two the one that is offered */
	JOB_AUTH_EXTERNAL
};

enum job_long_lines {
	JOB_LONG_LINES_TRUNCATE, /* the guide's default */
	JOB_LONG_LINES_KEEP,
	JOB_LONG_LINES_SKIP,
	JOB_LONG_LINES_WRAP /* kept; broken only when the target refuses */
};

enum job_mode {
	JOB_MODE_SRC_ALL, /* what is not on the target */
	JOB_MODE_SRC_NEW, /* what is newer than the target's newest */
	JOB_MODE_DST      /* the target becomes a mirror */
};

/* Comparing instead of copying, and how closely. */
enum job_verify {
	JOB_VERIFY_OFF,
	JOB_VERIFY_COUNT,  /* messages of each mailbox */
	JOB_VERIFY_DIGEST, /* headers, sizes, flags, dates */
	JOB_VERIFY_BODY    /* every byte, flags, dates */
};

enum job_switch {
	JOB_SWITCH_AUTO, /* where it is known to be needed, or to pay */
	JOB_SWITCH_ON,
	JOB_SWITCH_OFF
};

/* Of a limit that may be left out. */
#define JOB_NO_LIMIT UINT32_MAX

/* Of settle_ms: only where a former run may still be obeyed, and then usual. */
#define JOB_SETTLE_AUTO UINT32_MAX

/* All strings are owned; NULL is "not given". */
struct job_endpoint {
	char *host;    /* no port, no brackets */
	uint16_t port; /* 0: 993 for implicit TLS, else 143 */
	enum job_tls tls;
	bool tls_verify;
	char *ca_file;
	char *pin; /* SHA-256 of the server's public key, 64 hex digits */
	enum job_auth auth;
	char *user; /* whose credentials */
	char *as;   /* whose mailbox, by the mechanism; NULL: the user's own */
	char *proxy_auth;  /* whose mailbox, by PROXYAUTH after the login */
	char *token_file;  /* OAuth: read at every login; NULL: the password */
	uint16_t cli_port; /* CommuniGate's CLI */
	uint32_t bucket;   /* of pace_fd; 0: no limit of its own */
	/* set by who joined pace_fd; not in the line */
	struct pace_line pace;
	struct secret password;
};

struct job_rename {
	char *from, *to;
};

struct job_options {
	char **list; /* LIST patterns; none: what the mode implies */
	size_t lists;
	char *source_prefix, *target_prefix;
	char **skip_mailbox;
	size_t skip_mailboxes;
	struct job_rename *rename_mailbox;
	size_t rename_mailboxes;
	enum job_mode mode;
	bool dry_run; /* everything but changes */
	bool probe;   /* only looks at both sides: sync_probe */
	bool force;   /* an empty source may empty the target */
	/* syncDst deletes nothing when it would be more messages than this, or
	 * more than this of a hundred; JOB_NO_LIMIT */
	uint32_t max_delete, max_delete_percent;
	uint32_t max_delete_mailboxes; /* the same, of mailboxes */
	bool subscription, acl, special_use, metadata;
	bool mailbox_class; /* CommuniGate to CommuniGate */
	enum job_switch force_index;
	bool new_uid;
	char *new_uid_template; /* "UID %u"; NULL: no UID is suggested */
	enum job_long_lines long_lines;
	char *state_file;    /* what earlier runs found; NULL: none */
	uint32_t errors_max; /* refused in a row: the mailbox is given up */
	/* messages and MiB */
	uint32_t fetch_max, fetch_size_max;
	uint32_t store_max, store_size_max;
	uint32_t queue_max, queue_size_max;
	uint32_t timeout_ms;
	uint32_t bandwidth; /* KiB a second read from the source; 0: no limit */
	/* descriptor of the buckets that engines share (engine/base/pace.h),
	 * the first one of the whole run; 0: none */
	uint32_t pace_fd;
	/* How long an account that a former run may have touched must stand
	 * still before the first APPEND; 0 when that run ended well;
	 * JOB_SETTLE_AUTO. */
	uint32_t settle_ms;
	uint32_t connections; /* pairs of them, source and target */
	bool threads;
	bool literal_plus; /* false: synchronizing literals only */
	bool confine;      /* the engine gives up what it does not need */
	enum job_switch compress; /* COMPRESS=DEFLATE; auto: of far servers */
	bool verbose;
	enum job_verify verify;
	uint32_t verify_sample; /* of a hundred bodies; 100: all */
	bool verify_diff;       /* tell of each difference */
};

struct job {
	char *account; /* id for log and records */
	struct job_endpoint source, target;
	struct job_options options;
};

/* Fills in every default of the guide. */
void job_init(struct job *job);
void job_release(struct job *job);

/* Checks ranges and required fields; ERROR_CONFIG with the field's name. */
int job_check(const struct job *job, struct error *err)
    __attribute__((warn_unused_result));

/* Where it is reached: the port given, else the one of its encryption. */
uint16_t job_endpoint_port(const struct job_endpoint *e);

/* One line with its "\n", in malloc'd memory that holds secrets: wipe it with
 * job_wipe_line. NULL when out of memory. */
char *job_encode(const struct job *job, size_t *len_out);
void job_wipe_line(char *line, size_t len);

/* `out` must have been given to job_init; what the line leaves out stays. */
int job_decode(const char *line, size_t len, struct job *out, struct error *err)
    __attribute__((warn_unused_result));

/* Words as they stand in job lines, options and plans; NULL/-1: unknown. */
const char *job_tls_name(enum job_tls tls);
int job_tls_parse(const char *word);
const char *job_auth_name(enum job_auth auth);
int job_auth_parse(const char *word);
const char *job_long_lines_name(enum job_long_lines l);
int job_long_lines_parse(const char *word);
const char *job_mode_name(enum job_mode mode);
int job_mode_parse(const char *word);
const char *job_verify_name(enum job_verify level);
int job_verify_parse(const char *word);
const char *job_switch_name(enum job_switch s);
int job_switch_parse(const char *word);

#endif
