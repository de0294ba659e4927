// SPDX-License-Identifier: MIT
/*
 * What a run would do, from what a dry run found (exact) or a look (by the
 * numbers of mailboxes), and how long that may take.
 */
#ifndef ORCHESTRATOR_PREVIEW_H
#define ORCHESTRATOR_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct error;
struct plan;
struct preflight;
struct preflight_account;
struct select_rules;

enum {
	PREVIEW_BASIS_BYTES = 96
};

struct preview_numbers {
	uint64_t mailboxes, create; /* of the source; to be made */
	uint64_t copy, present, flags, bytes;
	uint64_t deletes, delete_mailboxes;
	uint64_t others; /* subscriptions, rights, annotations, classes */
};

struct preview_row {
	const struct preflight_account *from;
	bool is_known; /* else nobody knows what a run would do with it */
	struct preview_numbers n;
};

struct preview {
	const struct plan *plan;
	bool is_exact;
	struct preview_row *rows; /* the selected accounts */
	size_t count, unknown;
	struct preview_numbers total;
	/* how fast the last run was; 0: not known, and `basis` says why */
	uint64_t bytes_per_s;
	char basis[PREVIEW_BASIS_BYTES];
};

/* `found` and the plan must stay as long as the preview. */
int preview_make(struct preview *out, const struct preflight *found,
    const struct select_rules *select, bool is_exact, struct error *err)
    __attribute__((warn_unused_result));
void preview_release(struct preview *p);

bool preview_has_work(const struct preview *p);

/* Seconds; -1: withheld. */
int64_t preview_eta_s(const struct preview *p);

/* `file`: where it was written to, or NULL. `with_names`: also the mailboxes
 * that have another name on the target, or none. */
void preview_print(
    const struct preview *p, const char *file, bool with_names, FILE *out);

/* For run --approved and for programs (mailconvoy-formats(5)). */
int preview_write(const struct preview *p, const char *path, struct error *err)
    __attribute__((warn_unused_result));

#endif
