// SPDX-License-Identifier: MIT
/* Completions of three shells from the tables of commands and options, on
 * standard output. */
#ifndef CMD_MAILCONVOY_COMPLETION_H
#define CMD_MAILCONVOY_COMPLETION_H

void mailconvoy_completion_bash(void);
void mailconvoy_completion_zsh(void);
void mailconvoy_completion_fish(void);

#endif
