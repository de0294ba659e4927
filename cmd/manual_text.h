// SPDX-License-Identifier: MIT
/*
 * What the tools of the build share that make man pages from tables and from
 * sources in docs/man: text in roff, and a page on standard input whose marks are
 * filled.
 */
#ifndef CMD_MANUAL_TEXT_H
#define CMD_MANUAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct exit_code_info;

enum {
	MANUAL_TEXT_WORDS_MAX = 24
};

struct manual_text_words {
	char text[256];
	char *list[MANUAL_TEXT_WORDS_MAX];
	size_t count;
};

/* "@NAME@", or "@NAME argument@", which stands alone on its line. */
struct manual_text_mark {
	const char *name;
	void (*fill)(const char *argument); /* "" when there is none */
};

/* What stands between these characters, empty words left out. */
void manual_text_split(
    const char *text, const char *between, struct manual_text_words *out);

/* Text as it is, on the line that has begun. */
void manual_text_roff(const char *text);

/* Sentences, each on a line of its own, line ends as blanks; `capital` for the
 * first letter. */
void manual_text_sentences(const char *text, bool capital);

/* The exit codes that text_of gives a text for. */
void manual_text_exits(
    const char *(*text_of)(const struct exit_code_info *code));

/* Prints the page on standard input; also knows @VERSION@ and @DATE@. */
void manual_text_page(const struct manual_text_mark *marks, size_t count);

#endif
