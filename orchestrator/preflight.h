// SPDX-License-Identifier: MIT
/*
 * What looks and dry runs found, account by account, read back from the
 * journal of their run, and what it means: go or no-go, and what is to be
 * done first.  Texts of records are escaped already.
 */
#ifndef ORCHESTRATOR_PREFLIGHT_H
#define ORCHESTRATOR_PREFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/contract/probe.h"
#include "engine/contract/tally.h"

struct error;
struct plan;
struct plan_account;

enum {
	PREFLIGHT_NAMES_MAX = 20, /* kept of one account, of each kind */
	PREFLIGHT_DELETES_MAX = 1000,
	PREFLIGHT_RENAMES_MAX = 5000
};

/* A `probe` record. */
struct preflight_look {
	bool is_told;
	char *reason; /* NULL: the side is fine */
	char *text;   /* its error, or its greeting; never NULL when told */
	char *capabilities;
	char *prefix, *separator; /* of the personal namespace */
	struct probe probe;
};

/* A mailbox that cannot be copied. */
struct preflight_name {
	char *mailbox, *text;
};

/* What a mirror would delete. */
struct preflight_delete {
	char *target;
	uint64_t messages;
	bool is_mailbox; /* the mailbox itself, too */
};

/* A mailbox that has another name on the target. */
struct preflight_rename {
	char *mailbox, *target;
};

struct preflight_account {
	const struct plan_account *account;
	struct preflight_look source, target, both;
	struct preflight_name names[PREFLIGHT_NAMES_MAX];
	size_t name_count; /* all of them */
	struct preflight_delete *deletes;
	size_t delete_count, delete_cap; /* those kept */
	struct preflight_rename *renames;
	size_t rename_count, rename_cap; /* those kept */
	uint64_t renamed;                /* all of them */
	char *warning;                   /* why a mirror would delete nothing */
	/* of its last attempt */
	bool has_ended;
	char *outcome, *reason, *text;
	struct tally tally;
};

struct preflight {
	const struct plan *plan;
	struct preflight_account
	    *accounts; /* those of the plan, in its order */
	size_t count;
};

/* On success release it; on failure nothing is held. */
int preflight_read(struct preflight *p, const char *journal,
    const struct plan *plan, struct error *err)
    __attribute__((warn_unused_result));
void preflight_release(struct preflight *p);

/* ------------------------------------------------------------ judgement */

enum {
	PREFLIGHT_FINDINGS_MAX = 16,
	PREFLIGHT_TEXT_BYTES = 2000 /* more than texts of records together */
};

struct preflight_finding {
	bool is_problem; /* else a note: the account may go all the same */
	char reason[72];
	char text[PREFLIGHT_TEXT_BYTES];
	const char *to_do; /* NULL: nothing */
};

struct preflight_verdict {
	bool is_looked_at; /* else nobody knows */
	bool is_go;
	struct preflight_finding findings[PREFLIGHT_FINDINGS_MAX];
	size_t count;
};

/* Of a look. Pure. */
void preflight_judge(
    const struct preflight_account *a, struct preflight_verdict *out);

#endif
