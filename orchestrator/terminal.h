// SPDX-License-Identifier: MIT
/*
 * The terminal we are on: its size, whether it wants colour, and keys read
 * one by one.  Whatever happens to this process but SIGKILL, the terminal is
 * as it was before; the cursor is never hidden.
 */
#ifndef ORCHESTRATOR_TERMINAL_H
#define ORCHESTRATOR_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

enum terminal_colour {
	TERMINAL_COLOUR_AUTO,
	TERMINAL_COLOUR_ALWAYS,
	TERMINAL_COLOUR_NEVER
};

/* The option, then NO_COLOR, CLICOLOR_FORCE, then whether it is a terminal. */
bool terminal_wants_colour(enum terminal_colour option, int fd);

/* A terminal on which a cursor can be moved. */
bool terminal_is_capable(int fd);

/* Does the environment name a UTF-8 locale? */
bool terminal_is_utf8(void);

/* Does this terminal wrap lines anew when its window becomes narrower? */
bool terminal_reflows(void);

void terminal_size(int fd, size_t *columns_out, size_t *rows_out);

/* The same terminal by a description of our own, so that it can be written
 * without blocking; -1: it cannot. */
int terminal_reopen(int fd);

/* Is our process group the one that may use it? Also when there is none: it
 * is not the terminal that controls us. */
bool terminal_is_foreground(int fd);

/* Keys come without waiting for a line end, and are not shown. */
int terminal_keys_on(int fd);
void terminal_keys_off(void);

/* As keys_off, but leaves the terminal to those who have it now. */
void terminal_keys_forget(void);

/* The next key; '\0': none now. Only while keys are on and something came. */
char terminal_key(int fd);

#endif
