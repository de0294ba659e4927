// SPDX-License-Identifier: MIT
/*
 * Problems of a plan as a compiler shows them: stable code, severity, place,
 * message, hint; sorted by place; secrets are never echoed.
 */
#ifndef CONFIG_PLAN_DIAG_H
#define CONFIG_PLAN_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/plan.h"

/* What a problem means for the exit code. */
enum plan_diag_class {
	PLAN_DIAG_CONFIG,   /* 78 */
	PLAN_DIAG_EXPOSED,  /* 77: secrets readable by others */
	PLAN_DIAG_NOT_FOUND /* 66: plan or accounts file */
};

/* One problem as kept; the strings live as long as the list. */
struct plan_diag_item {
	const char *code;
	bool is_warning;
	struct plan_place place;
	unsigned width;      /* characters from there on */
	const char *message; /* escaped */
	const char *hint;    /* escaped but for its line ends; or NULL */
};

struct plan_diag *plan_diag_new(void);
void plan_diag_free(struct plan_diag *d);

/*
 * Lends the text of a file: source lines of problems added from now on are
 * copied from it. NULL ends the loan. Files are reported in this order.
 */
void plan_diag_source(
    struct plan_diag *d, const char *file, const char *text, size_t len);

/* `code`: "E0107" or, for a warning, "W0301". `hint` may be NULL and may have
 * several lines. `width` is how many characters the caret covers (at least 1).
 * The text is escaped; the same problem twice counts once; 200 problems are
 * kept, the rest is counted. Line 0: the file as a whole. */
void plan_diag_add(struct plan_diag *d, const char *code,
    struct plan_place place, unsigned width, const char *hint,
    const char *format, ...) __attribute__((format(printf, 6, 7)));

/* A second place, with a word about it, for the problem added last. */
void plan_diag_also(struct plan_diag *d, struct plan_place place,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Marks a secret's line so that it is printed as ********. Line 0: all lines
 * of the file. */
void plan_diag_hide_line(struct plan_diag *d, struct plan_place place);

/* The greatest class given is kept (default PLAN_DIAG_CONFIG). */
void plan_diag_set_class(struct plan_diag *d, enum plan_diag_class c);
enum plan_diag_class plan_diag_get_class(const struct plan_diag *d);

size_t plan_diag_errors(const struct plan_diag *d);
size_t plan_diag_warnings(const struct plan_diag *d);

/* The problems kept, sorted by place; false behind the last. */
bool plan_diag_get(
    struct plan_diag *d, size_t index, struct plan_diag_item *out);

/* Compiler style with source line and caret; at most 50, then a count. */
void plan_diag_print(struct plan_diag *d, FILE *out, bool colour);

#endif
