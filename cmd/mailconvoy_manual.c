// SPDX-License-Identifier: MIT
/*
 * What the supervisor's tables look like on paper: its man pages, from options
 * and commands and from the keys of plans, and completions for shells. A tool
 * of the build, not installed.
 *
 *   mailconvoy-manual man <docs/man/mailconvoy.1.in
 *   mailconvoy-manual bash|zsh|fish
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_completion.h"
#include "cmd/mailconvoy_options.h"
#include "cmd/manual_text.h"
#include "config/plan_keys.h"
#include "config/plan_schema.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"

/* "drain: what runs is finished" begins with a word that is to be typed. */
static bool begins_with_name(const char *text)
{
	size_t n = strcspn(text, " ");

	return n > 0 && text[n - 1] == ':';
}

/* ------------------------------------------------------------ commands */

/* "[CODE|REASON]" as macros of mdoc. */
static void put_argument(const char *argument)
{
	struct manual_text_words words;
	bool is_optional = argument[0] == '[';

	manual_text_split(argument, "[]|", &words);
	(void)fputs(is_optional ? ".Op Ar" : ".Ar", stdout);
	for (size_t i = 0; i < words.count; i++)
		(void)printf("%s %s", i > 0 ? " |" : "", words.list[i]);
	(void)putchar('\n');
}

static void put_synopsis(const struct mailconvoy_verb *verb)
{
	size_t count = 0;
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);
	struct manual_text_words words;

	(void)printf(".Nm\n.Cm %s\n", verb->name);
	for (size_t i = 0; i < count; i++) {
		if (!table[i].verbs ||
		    !mailconvoy_options_takes(verb, &table[i]))
			continue;
		(void)fputs(".Op Fl \\-", stdout);
		manual_text_roff(table[i].name);
		if (table[i].shown)
			(void)printf(" Ar %s", table[i].shown);
		(void)putchar('\n');
	}
	manual_text_split(verb->arguments, " ", &words);
	for (size_t i = 0; i < words.count; i++)
		put_argument(words.list[i]);
}

static void man_synopsis(const char *argument)
{
	size_t count = 0;
	const struct mailconvoy_verb *verbs = mailconvoy_options_verbs(&count);

	(void)argument;
	for (size_t i = 0; i < count; i++)
		put_synopsis(&verbs[i]);
}

/* ------------------------------------------------------------ options */

static void put_option_item(const struct mailconvoy_option *o)
{
	(void)fputs(".It", stdout);
	if (o->letter)
		(void)printf(" Fl %c ,", o->letter);
	(void)fputs(" Fl \\-", stdout);
	manual_text_roff(o->name);
	if (o->shown)
		(void)printf(" Ar %s", o->shown);
	(void)putchar('\n');
}

static void man_options(const char *argument)
{
	size_t count = 0;
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);
	struct manual_text_words words;

	(void)argument;
	(void)fputs(".Bl -tag -width Ds\n", stdout);
	for (size_t i = 0; i < count; i++) {
		put_option_item(&table[i]);
		manual_text_sentences(
		    table[i].help, table[i].value != MAILCONVOY_VALUE_WORD &&
				       !begins_with_name(table[i].help));
		if (!table[i].verbs)
			continue;
		manual_text_split(table[i].verbs, " ", &words);
		(void)fputs(".Pq Cm", stdout);
		for (size_t w = 0; w < words.count; w++)
			(void)printf("%s %s", w > 0 ? " ," : "", words.list[w]);
		(void)putchar('\n');
	}
	(void)fputs(".El\n", stdout);
}

static const char *exit_text(const struct exit_code_info *code)
{
	return code->supervisor_text;
}

static void man_exits(const char *argument)
{
	(void)argument;
	manual_text_exits(exit_text);
}

/* ------------------------------------------------------------ plans */

/* "1 to 32; default 4" */
static void put_values(const struct plan_keys_item *item)
{
	const char *range = item->range, *value = item->value;

	if (item->key->is_required)
		(void)puts("Required.");
	if (!range[0] && !value[0])
		return;
	if (range[0] == 'a')
		(void)fputs("A", stdout);
	manual_text_roff(range + (range[0] == 'a'));
	if (value[0]) {
		(void)fputs(range[0] ? "; default " : "Default ", stdout);
		manual_text_roff(value);
	}
	(void)puts(".");
}

static void put_key(const struct plan_keys_item *item)
{
	(void)fputs(".It Cm ", stdout);
	manual_text_roff(item->path);
	(void)fputs(item->is_words ? " : Cm " : " : Ar ", stdout);
	manual_text_roff(item->kind);
	(void)putchar('\n');
	manual_text_sentences(
	    item->key->doc, !begins_with_name(item->key->doc));
	put_values(item);
}

static void man_keys(const char *section)
{
	(void)printf(".\\\" keys: %s\n.Bl -tag -width Ds\n", section);
	if (!plan_keys_walk(section, put_key)) {
		(void)fprintf(stderr, "no such section: '%s'\n", section);
		exit(EXIT_CODE_CONFIG);
	}
	(void)fputs(".El\n", stdout);
}

static void print_man(void)
{
	static const struct manual_text_mark marks[] = {
	    {"SYNOPSIS", man_synopsis}, {"OPTIONS", man_options},
	    {"EXITS", man_exits}, {"KEYS", man_keys}};

	manual_text_page(marks, ARRAY_LEN(marks));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*print)(void);
	} what[] = {{"man", print_man}, {"bash", mailconvoy_completion_bash},
	    {"zsh", mailconvoy_completion_zsh},
	    {"fish", mailconvoy_completion_fish}};

	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(what); i++) {
		if (strcmp(argv[1], what[i].word) != 0)
			continue;
		what[i].print();
		return fflush(stdout) == 0 && !ferror(stdout) && !ferror(stdin)
			   ? EXIT_CODE_OK
			   : EXIT_CODE_LOCAL;
	}
	(void)fputs("usage: mailconvoy-manual man|bash|zsh|fish\n", stderr);
	return EXIT_CODE_USAGE;
}
