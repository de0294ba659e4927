// SPDX-License-Identifier: MIT
/*
 * What the engine's option table looks like on paper: its man page, and
 * completions for shells. A tool of the build, not installed.
 *
 *   engine-manual man <docs/man/syncIMAPMail.1.in
 *   engine-manual bash|zsh|fish
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/engine_option_table.h"
#include "cmd/manual_text.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"

enum {
	NAME_MAX_BYTES = 64
};

/* ------------------------------------------------------------ the table */

/* Words that may be given are written small, what stands for something else in
 * capitals: "yes|no", but "N|P%". */
static bool has_words(const struct engine_option *o)
{
	return o->argument && strchr(o->argument, '|') &&
	       islower((unsigned char)o->argument[0]);
}

static bool has_file(const struct engine_option *o)
{
	return o->argument && strcmp(o->argument, "FILE") == 0;
}

static bool may_repeat(const struct engine_option *o)
{
	return o->id == OPT_LIST || o->id == OPT_SKIP_MAILBOX ||
	       o->id == OPT_RENAME_MAILBOX;
}

/* The same of the other side. */
static const struct engine_option *twin_of(const struct engine_option *o)
{
	size_t count = 0;
	const struct engine_option *table = engine_option_table(&count);

	for (size_t i = 0; i < count; i++)
		if (table[i].id == o->id && table + i != o)
			return &table[i];
	return NULL;
}

/* That of dst... stands with src..., which may name its side. */
static const char *help_of(const struct engine_option *o)
{
	static const char side[] = "source: ";
	const struct engine_option *teller = o->help ? o : twin_of(o);
	const char *help = teller && teller->help ? teller->help : "";

	if (!o->help && strncmp(help, side, sizeof(side) - 1) == 0)
		return help + sizeof(side) - 1;
	return help;
}

/* noACL: no-acl; dstCAFile: dst-ca-file. One letter is no word. */
static void dashed(const char *name, char *out, size_t max)
{
	size_t used = 0, word = 0;

	for (size_t i = 0; name[i] && used < max - 2; i++) {
		bool upper = isupper((unsigned char)name[i]);
		bool after_small = i > 0 && islower((unsigned char)name[i - 1]);
		bool before_small =
		    upper && islower((unsigned char)name[i + 1]) && word > 1;
		if (upper && i > 0 && (after_small || before_small)) {
			out[used++] = '-';
			word = 0;
		}
		out[used++] = (char)tolower((unsigned char)name[i]);
		word++;
	}
	out[used] = '\0';
}

/* ------------------------------------------------------------ man page */

/* "--srcTLS, --dstTLS auto | none" */
static void man_item(const struct engine_option *o)
{
	const struct engine_option *twin = twin_of(o);
	struct manual_text_words words = {.count = 0};

	(void)fputs(".It Fl \\-", stdout);
	manual_text_roff(o->name);
	if (twin) {
		(void)fputs(" , Fl \\-", stdout);
		manual_text_roff(twin->name);
	}
	if (o->argument)
		(void)fputs(has_words(o) ? " Cm" : " Ar", stdout);
	manual_text_split(o->argument, "| ", &words);
	for (size_t i = 0; i < words.count; i++) {
		// two arguments of one option have a blank between them
		if (i > 0)
			(void)fputs(o->arity == 1 ? " |" : "", stdout);
		(void)putchar(' ');
		manual_text_roff(words.list[i]);
	}
	(void)putchar('\n');
}

static void man_options(const char *argument)
{
	size_t count = 0;
	const struct engine_option *table = engine_option_table(&count);

	(void)argument;
	for (int g = 0; g < OPTION_GROUPS; g++) {
		const char *title =
		    engine_option_group_title((enum engine_option_group)g);
		(void)printf(".Ss %c", toupper((unsigned char)title[0]));
		manual_text_roff(title + 1);
		(void)fputs("\n.Bl -tag -width Ds\n", stdout);
		for (size_t i = 0; i < count; i++) {
			const struct engine_option *o = &table[i];
			if ((int)o->group != g || !o->help)
				continue;
			man_item(o);
			manual_text_sentences(o->help, true);
			if (o->detail)
				manual_text_sentences(o->detail, false);
		}
		(void)fputs(".El\n", stdout);
	}
}

static const char *exit_text(const struct exit_code_info *code)
{
	return code->engine_text;
}

static void man_exits(const char *argument)
{
	(void)argument;
	manual_text_exits(exit_text);
}

static void print_man(void)
{
	static const struct manual_text_mark marks[] = {
	    {"OPTIONS", man_options}, {"EXITS", man_exits}};

	manual_text_page(marks, ARRAY_LEN(marks));
}

/* ------------------------------------------------------------ bash */

/* "name|name) " of those the filter takes, in the form options are compared. */
static bool bash_case(bool (*filter)(const struct engine_option *o))
{
	size_t count = 0, found = 0;
	const struct engine_option *table = engine_option_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (!filter(&table[i]))
			continue;
		(void)fputs(found++ > 0 ? " |\\\n\t" : "\t", stdout);
		for (const char *p = table[i].name; *p; p++)
			(void)putchar(tolower((unsigned char)*p));
	}
	if (found > 0)
		(void)putchar(')');
	return found > 0;
}

static bool takes_one(const struct engine_option *o)
{
	return o->arity == 1;
}

static bool takes_two(const struct engine_option *o)
{
	return o->arity == 2;
}

static void bash_words(void)
{
	size_t count = 0;
	const struct engine_option *table = engine_option_table(&count);

	for (size_t i = 0; i < count; i++) {
		struct manual_text_words words = {.count = 0};
		if (!has_words(&table[i]))
			continue;
		(void)putchar('\t');
		for (const char *p = table[i].name; *p; p++)
			(void)putchar(tolower((unsigned char)*p));
		manual_text_split(table[i].argument, "|", &words);
		(void)fputs(") words='", stdout);
		for (size_t w = 0; w < words.count; w++)
			(void)printf("%s%s", w > 0 ? " " : "", words.list[w]);
		(void)fputs("' ;;\n", stdout);
	}
}

static void bash_names(bool with_dashes)
{
	size_t count = 0;
	const struct engine_option *table = engine_option_table(&count);
	char name[NAME_MAX_BYTES];

	for (size_t i = 0; i < count; i++) {
		dashed(table[i].name, name, sizeof(name));
		(void)printf("\t\t--%s\n", with_dashes ? name : table[i].name);
	}
}

static void print_bash(void)
{
	(void)fputs(
	    "# SPDX-License-Identifier: MIT\n"
	    "# bash completion for syncIMAPMail " MAILCONVOY_VERSION "\n\n"
	    "# Sets `left` to the number of values the option $1 takes.\n"
	    "_syncIMAPMail_arity()\n{\n\tcase $1 in\n",
	    stdout);
	if (bash_case(takes_one))
		(void)fputs(" left=1 ;;\n", stdout);
	if (bash_case(takes_two))
		(void)fputs(" left=2 ;;\n", stdout);
	(void)fputs(
	    "\t*) left=0 ;;\n\tesac\n}\n\n"
	    "# Completes the value $2 of the option $1.\n"
	    "_syncIMAPMail_value()\n{\n\tlocal words=\n\n\tcase $1 in\n",
	    stdout);
	if (bash_case(has_file))
		(void)fputs(
		    "\n\t\tcompopt -o filenames 2>/dev/null\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$2\")\n"
		    "\t\treturn ;;\n",
		    stdout);
	bash_words();
	(void)fputs(
	    "\tesac\n"
	    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$2\")\n}\n\n"
	    "_syncIMAPMail()\n{\n"
	    "\tlocal current=${COMP_WORDS[COMP_CWORD]} option= left=0 word i\n\n"
	    "\tCOMPREPLY=()\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tword=${COMP_WORDS[i]}\n"
	    "\t\tif ((left > 0)); then\n"
	    "\t\t\t# of --name=value the shell makes three words\n"
	    "\t\t\t[[ $word == '=' && ${COMP_WORDS[i - 1]} == --* ]] && continue\n"
	    "\t\t\t((left -= 1))\n"
	    "\t\telif [[ $word == --?* ]]; then\n"
	    "\t\t\toption=${word//-/}\n"
	    "\t\t\toption=${option,,}\n"
	    "\t\t\t_syncIMAPMail_arity \"$option\"\n"
	    "\t\telse\n"
	    "\t\t\treturn # options end where the servers begin\n"
	    "\t\tfi\n"
	    "\tdone\n"
	    "\tif ((left > 0)); then\n"
	    "\t\t[[ $current == '=' ]] && current=\n"
	    "\t\t_syncIMAPMail_value \"$option\" \"$current\"\n"
	    "\telif [[ $current == --*-* ]]; then\n"
	    "\t\tmapfile -t COMPREPLY < <(compgen -W '\n",
	    stdout);
	bash_names(true);
	(void)fputs("\t\t' -- \"$current\")\n"
		    "\telif [[ $current == -* ]]; then\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -W '\n",
	    stdout);
	bash_names(false);
	(void)fputs("\t\t' -- \"$current\")\n\tfi\n} &&\n"
		    "complete -F _syncIMAPMail syncIMAPMail\n",
	    stdout);
}

/* ------------------------------------------------------------ zsh */

/* Inside quotes: what would end them, or the part of a specification. */
static void zsh_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			(void)fputs("'\\''", stdout);
			continue;
		}
		if (strchr("[]:\\", *text))
			(void)putchar('\\');
		(void)putchar(*text);
	}
}

static void zsh_values(const struct engine_option *o)
{
	struct manual_text_words words = {.count = 0};

	if (has_words(o)) {
		manual_text_split(o->argument, "|", &words);
		(void)fputs(":word:(", stdout);
		for (size_t i = 0; i < words.count; i++)
			(void)printf("%s%s", i > 0 ? " " : "", words.list[i]);
		(void)putchar(')');
		return;
	}
	manual_text_split(o->argument, o->arity == 2 ? " " : "", &words);
	for (size_t i = 0; i < words.count; i++) {
		(void)putchar(':');
		zsh_text(words.list[i]);
		(void)fputs(has_file(o) ? ":_files" : ": ", stdout);
	}
}

/* `hidden` is a variable of the script: known, but not offered. */
static void zsh_option(
    const struct engine_option *o, const char *name, const char *hidden)
{
	(void)printf("\t%s'%s--%s%s[", hidden, may_repeat(o) ? "*" : "", name,
	    o->arity == 1 ? "=" : "");
	if (o->side == OPTION_SIDE_TARGET)
		(void)fputs("target\\: ", stdout);
	zsh_text(help_of(o));
	(void)putchar(']');
	zsh_values(o);
	(void)fputs("'\n", stdout);
}

static void zsh_options(void)
{
	size_t count = 0;
	const struct engine_option *table = engine_option_table(&count);
	char name[NAME_MAX_BYTES];

	for (size_t i = 0; i < count; i++) {
		dashed(table[i].name, name, sizeof(name));
		if (strcmp(name, table[i].name) == 0) {
			zsh_option(&table[i], name, "");
			continue;
		}
		zsh_option(&table[i], table[i].name, "$camel");
		zsh_option(&table[i], name, "$dashed");
	}
}

static void print_zsh(void)
{
	(void)fputs("#compdef syncIMAPMail\n"
		    "# SPDX-License-Identifier: MIT\n"
		    "# zsh completion for syncIMAPMail " MAILCONVOY_VERSION
		    "\n\n"
		    "local -a specs\n"
		    "# names with dashes are offered where one is begun\n"
		    "local camel= dashed='!'\n"
		    "[[ $PREFIX == --*-* ]] && camel='!' dashed=\n"
		    "specs=(\n",
	    stdout);
	zsh_options();
	(void)fputs(
	    ")\n\n"
	    "# options end where the servers begin; a hint for these would keep\n"
	    "# options from being completed\n"
	    "_arguments -A '-*' : $specs\n",
	    stdout);
}

/* ------------------------------------------------------------ fish */

static void fish_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			(void)putchar('\\');
		(void)putchar(*text);
	}
}

static void fish_option(
    const struct engine_option *o, const char *name, const char *condition)
{
	struct manual_text_words words = {.count = 0};

	(void)printf("complete -c syncIMAPMail%s -l %s", condition, name);
	if (has_file(o))
		(void)fputs(" -r -F", stdout);
	else if (o->arity > 0)
		(void)fputs(" -x", stdout);
	if (has_words(o)) {
		manual_text_split(o->argument, "|", &words);
		(void)fputs(" -a '", stdout);
		for (size_t i = 0; i < words.count; i++)
			(void)printf("%s%s", i > 0 ? " " : "", words.list[i]);
		(void)putchar('\'');
	}
	(void)fputs(" -d '", stdout);
	if (o->side == OPTION_SIDE_TARGET)
		(void)fputs("target: ", stdout);
	fish_text(help_of(o));
	(void)fputs("'\n", stdout);
}

static void print_fish(void)
{
	size_t count = 0;
	const struct engine_option *table = engine_option_table(&count);
	char name[NAME_MAX_BYTES];

	(void)fputs(
	    "# SPDX-License-Identifier: MIT\n"
	    "# fish completion for syncIMAPMail " MAILCONVOY_VERSION "\n\n"
	    "# names with dashes are offered where one is begun or used\n"
	    "function __syncIMAPMail_dashed\n"
	    "    string match -q -- '--*-*' (commandline -opc) "
	    "(commandline -ct)\n"
	    "end\n\n"
	    "complete -c syncIMAPMail -f\n",
	    stdout);
	for (size_t i = 0; i < count; i++) {
		fish_option(&table[i], table[i].name, "");
		dashed(table[i].name, name, sizeof(name));
		if (strcmp(name, table[i].name) != 0)
			fish_option(
			    &table[i], name, " -n __syncIMAPMail_dashed");
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*print)(void);
	} what[] = {{"man", print_man}, {"bash", print_bash},
	    {"zsh", print_zsh}, {"fish", print_fish}};

	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(what); i++) {
		if (strcmp(argv[1], what[i].word) != 0)
			continue;
		what[i].print();
		return fflush(stdout) == 0 && !ferror(stdout) && !ferror(stdin)
			   ? EXIT_CODE_OK
			   : EXIT_CODE_LOCAL;
	}
	(void)fputs("usage: engine-manual man|bash|zsh|fish\n", stderr);
	return EXIT_CODE_USAGE;
}
