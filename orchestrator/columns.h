// SPDX-License-Identifier: MIT
/*
 * How wide a text is on a terminal: wide characters take two columns, marks
 * that stand on another take none.  Pure; does not ask the locale, since the
 * texts are UTF-8 whatever it says.
 */
#ifndef ORCHESTRATOR_COLUMNS_H
#define ORCHESTRATOR_COLUMNS_H

#include <stddef.h>

/* Columns of UTF-8 that holds no control bytes; a byte that is none of a
 * character counts as one. */
size_t columns_of(const char *text, size_t len);

/* Copies what fits into so many columns and bytes, whole characters only.
 * Returns the columns that were used. */
size_t columns_cut(
    const char *text, size_t len, size_t columns, char *out, size_t max);

#endif
