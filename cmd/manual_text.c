// SPDX-License-Identifier: MIT
#include "cmd/manual_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"

/* Of the last change to what the pages say; fixed, so that the same sources
 * give the same pages. */
static const char page_date[] = "November 23, 2026";

enum {
	LINE_MAX_BYTES = 4096
};

void manual_text_split(
    const char *text, const char *between, struct manual_text_words *out)
{
	char *rest, *word;

	out->count = 0;
	(void)snprintf(out->text, sizeof(out->text), "%s", text ? text : "");
	rest = out->text;
	while (out->count < MANUAL_TEXT_WORDS_MAX &&
	       (word = strsep(&rest, between)))
		if (*word)
			out->list[out->count++] = word;
}

static void roff_char(char c)
{
	static const struct {
		char c;
		const char *roff;
	} special[] = {{'\\', "\\e"}, {'-', "\\-"}, {'~', "\\(ti"},
	    {'^', "\\(ha"}, {'`', "\\(ga"}, {'\n', " "}};

	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (special[i].c == c) {
			(void)fputs(special[i].roff, stdout);
			return;
		}
	(void)putchar(c);
}

void manual_text_roff(const char *text)
{
	for (; *text; text++)
		roff_char(*text);
}

/* The first letter of a sentence, but not of syncDst. */
static bool begins_with_word(const char *text)
{
	size_t n = 0;

	while (islower((unsigned char)text[n]))
		n++;
	return n > 0 && !isupper((unsigned char)text[n]);
}

static bool ends_sentence(const char *at)
{
	return at[0] == '.' && (at[1] == ' ' || at[1] == '\n') &&
	       (isupper((unsigned char)at[2]) ||
		   strncmp(at + 2, "sync", 4) == 0);
}

void manual_text_sentences(const char *text, bool capital)
{
	bool at_start = true;
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (at_start && (text[i] == '.' || text[i] == '\''))
			(void)fputs("\\&", stdout);
		if (i == 0 && capital && begins_with_word(text))
			(void)putchar(toupper((unsigned char)text[i]));
		else
			roff_char(text[i]);
		at_start = ends_sentence(text + i);
		if (at_start) {
			(void)putchar('\n');
			i++;
		}
	}
	if (len > 0 && text[len - 1] != '.')
		(void)putchar('.');
	(void)putchar('\n');
}

void manual_text_exits(
    const char *(*text_of)(const struct exit_code_info *code))
{
	size_t count = 0;
	const struct exit_code_info *codes = exit_code_table(&count);

	(void)fputs(".Bl -tag -width 78 -offset indent -compact\n", stdout);
	for (size_t i = 0; i < count; i++) {
		if (!text_of(&codes[i]))
			continue;
		(void)printf(".It %d\n", (int)codes[i].code);
		manual_text_sentences(text_of(&codes[i]), true);
	}
	(void)fputs(".El\n", stdout);
}

/* The mark at the beginning of `line` filled: its length, or 0. A line that is
 * no mark but looks like one stays, for the tests to find. */
static size_t fill(
    const char *line, const struct manual_text_mark *marks, size_t count)
{
	char argument[LINE_MAX_BYTES];

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(marks[i].name);
		if (line[0] != '@' ||
		    strncmp(line + 1, marks[i].name, len) != 0)
			continue;
		const char *rest = line + 1 + len;
		size_t n = strcspn(rest, "@\n");
		if (rest[n] != '@' || (n > 0 && rest[0] != ' '))
			continue;
		(void)snprintf(argument, sizeof(argument), "%.*s",
		    n > 0 ? (int)n - 1 : 0, rest + (n > 0));
		marks[i].fill(argument);
		return 1 + len + n + 1;
	}
	return 0;
}

static void fill_version(const char *argument)
{
	(void)argument;
	manual_text_roff(MAILCONVOY_VERSION);
}

static void fill_date(const char *argument)
{
	(void)argument;
	manual_text_roff(page_date);
}

static void print_line(
    const char *line, const struct manual_text_mark *marks, size_t count)
{
	static const struct manual_text_mark inside[] = {
	    {"VERSION", fill_version}, {"DATE", fill_date}};
	size_t len = fill(line, marks, count);

	// what fills a line of its own has ended the line
	if (len > 0 && line[len] == '\n')
		return;
	for (line += len; *line; line += len) {
		len = fill(line, inside, ARRAY_LEN(inside));
		if (len == 0) {
			(void)putchar(*line);
			len = 1;
		}
	}
}

void manual_text_page(const struct manual_text_mark *marks, size_t count)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), stdin))
		print_line(line, marks, count);
}
