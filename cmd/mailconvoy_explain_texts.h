// SPDX-License-Identifier: MIT
/* What codes of plan errors and reasons of results mean, and what to do. */
#ifndef CMD_MAILCONVOY_EXPLAIN_TEXTS_H
#define CMD_MAILCONVOY_EXPLAIN_TEXTS_H

#include <stddef.h>

struct mailconvoy_explain_text {
	const char *name;  /* "E0107", "auth.rejected" */
	const char *title; /* no capital, no full stop */
	const char *text;  /* sentences */
};

/* Codes first, then reasons; both sorted. */
const struct mailconvoy_explain_text *mailconvoy_explain_texts(
    size_t *count_out);

#endif
