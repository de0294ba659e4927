// SPDX-License-Identifier: MIT
/*
 * The picture of a running batch on a terminal: bar, counts, accounts under
 * way.  Pure: a snapshot in, lines out that fit the window; knows nothing of
 * cursors.
 */
#ifndef ORCHESTRATOR_BOARD_H
#define ORCHESTRATOR_BOARD_H

#include <stdbool.h>
#include <stddef.h>

struct snapshot;

enum {
	BOARD_LINES = 12, /* or half the window, what is less */
	BOARD_COLUMNS_MAX = 240,
	BOARD_LINE_BYTES = 4 * BOARD_COLUMNS_MAX + 64
};

struct board_view {
	size_t columns, rows; /* of the window */
	bool has_colour;
	bool is_utf8; /* else what is not ASCII is shown as "?" */
	bool has_keys;
};

struct board {
	size_t count; /* at least 1 */
	size_t widths[BOARD_LINES];
	char lines[BOARD_LINES][BOARD_LINE_BYTES];
};

/* No line takes the last column: some terminals would wrap there. */
void board_render(
    const struct snapshot *s, const struct board_view *view, struct board *out);

#endif
