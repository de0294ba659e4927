// SPDX-License-Identifier: MIT
/*
 * --copyMailboxClass: what a mailbox of a CommuniGate server holds (contacts,
 * a calendar, ...) from one account to the other, over the servers' CLI.  Two
 * steps of a run, before its sides start and after they have ended; both block.
 * Nothing is ever changed on the source.
 */
#ifndef ENGINE_SYNC_SYNC_CLASS_H
#define ENGINE_SYNC_SYNC_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgp_cli_settings;
struct error;
struct log;
struct secret;
struct sync_class;
struct sync_reporter;
struct transport;

/* One server; all borrowed until sync_class_free. */
struct sync_class_endpoint {
	const char *host;
	uint16_t port; /* of the CLI; 0: 106 */
	const char *user;
	const struct secret *password;
	/* Whose mailboxes; NULL: the user's own. Of "~berta/" in front of all
	 * names (--source, --target) it is "berta", and the prefix is given
	 * below, because the CLI names mailboxes without it. */
	const char *account;
	const char *prefix;    /* NULL: none */
	bool allow_clear_text; /* the password went in clear over IMAP too */
};

struct sync_class_settings {
	struct sync_class_endpoint source, target;
	uint32_t timeout_ms;
	const int *stop_fds; /* as in sync_run_io */
	size_t stops;
	struct log *log;
	struct sync_reporter *reporter;
	/* For tests, see cgp_cli.h; NULL: TCP. */
	struct transport *(*connect)(
	    const struct cgp_cli_settings *set, struct error *err);
	void *connect_argument;
};

/* Names as on the wire of IMAP. */
struct sync_class_pair {
	const char *source, *target;
};

struct sync_class_copied {
	const struct sync_class_pair *pairs; /* mailboxes that were copied */
	size_t count;
	/* All names that the source's LIST showed, those left out by rule too.
	 * NULL when it was not asked for all ("--list"): then nothing is said
	 * of mailboxes that it does not show. */
	const char *const *listed;
	size_t listed_count;
};

struct sync_class_counts {
	size_t set;     /* class set on the target */
	size_t same;    /* had it already */
	size_t refused; /* by the target, each with a warning */
	size_t missing; /* the CLI does not know the mailbox, each with one */
	size_t hidden;  /* of the source, not shown by LIST: not copied */
};

struct sync_class *sync_class_new(const struct sync_class_settings *settings);
void sync_class_free(struct sync_class *c);

/* Before the copy: reads the classes of the source. 0 or -1: there is nothing
 * to copy then, sync_class_apply must not be called. */
int sync_class_read(struct sync_class *c, struct error *err)
    __attribute__((warn_unused_result));

/* After the copy: reads the classes of the target and sets what differs; what
 * has a class there and is mail on the source keeps it. A second call sends
 * nothing. Counts are right as far as it came, also on -1. */
int sync_class_apply(struct sync_class *c,
    const struct sync_class_copied *copied, struct sync_class_counts *counts,
    struct error *err) __attribute__((warn_unused_result));

#endif
