// SPDX-License-Identifier: MIT
#include "cmd/mailconvoy_completion.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/mailconvoy_options.h"
#include "cmd/manual_text.h"

/* Names under a key of the plan, a line each, for all shells. Only such that no
 * shell takes for anything else. */
static const char names_of_plan[] =
    "index($0, key \":\") == 1 { inside = 1; next }\n"
    "/^[^ #]/ { inside = 0 }\n"
    "inside && match($0, /^ +[A-Za-z0-9_.-]+:/) {\n"
    "\tlength_of_all = RLENGTH\n"
    "\tat = match($0, /[^ ]/)\n"
    "\tif (!depth) depth = at\n"
    "\tif (at == depth) print substr($0, at, length_of_all - at)\n"
    "}\n";

/* What an option's value or a command's argument is to a shell. */
enum kind {
	KIND_NONE,
	KIND_TEXT,
	KIND_WORDS,
	KIND_FILE,
	KIND_DIRECTORY,
	KIND_PASS,
	KIND_GROUP,
	KIND_PLAN,
	KIND_VERB
};

static enum kind option_kind(const struct mailconvoy_option *o)
{
	if (!o->shown)
		return KIND_NONE;
	if (o->words)
		return KIND_WORDS;
	if (strcmp(o->shown, "FILE") == 0)
		return KIND_FILE;
	if (strcmp(o->shown, "DIR") == 0)
		return KIND_DIRECTORY;
	if (o->id == MAILCONVOY_PASS)
		return KIND_PASS;
	return o->id == MAILCONVOY_GROUP ? KIND_GROUP : KIND_TEXT;
}

static enum kind argument_kind(
    const struct mailconvoy_verb *verb, const char *argument)
{
	if (strstr(argument, "PLAN"))
		return KIND_PLAN;
	if (!strstr(argument, "COMMAND"))
		return KIND_TEXT;
	return verb->words ? KIND_WORDS : KIND_VERB;
}

static bool may_repeat(const struct mailconvoy_option *o)
{
	return strstr(o->help, "may be repeated") != NULL;
}

static void put_verbs(void)
{
	size_t count = 0;
	const struct mailconvoy_verb *verbs = mailconvoy_options_verbs(&count);

	for (size_t i = 0; i < count; i++)
		(void)printf("%s%s", i > 0 ? " " : "", verbs[i].name);
}

/* Inside of single quotes: what would end them becomes `quote`, a backslash is
 * put before each of `escaped`, line ends are blanks. */
static void put_quoted(const char *text, const char *quote, const char *escaped)
{
	for (; *text; text++) {
		if (*text == '\'') {
			(void)fputs(quote, stdout);
			continue;
		}
		if (strchr(escaped, *text))
			(void)putchar('\\');
		(void)putchar(*text == '\n' ? ' ' : *text);
	}
}

/* ------------------------------------------------------------ bash */

/* Patterns of `case` for "VERB,OPTION", of every command that takes it. */
static void bash_option_case(const struct mailconvoy_option *o)
{
	struct manual_text_words verbs;

	manual_text_split(o->verbs ? o->verbs : "*", " ", &verbs);
	(void)putchar('\t');
	for (size_t i = 0; i < verbs.count; i++) {
		(void)printf(
		    "%s%s,--%s", i > 0 ? " | " : "", verbs.list[i], o->name);
		if (o->letter)
			(void)printf(" | %s,-%c", verbs.list[i], o->letter);
	}
	(void)fputs(")\n", stdout);
}

static void bash_complete_kind(enum kind kind, const char *words)
{
	switch (kind) {
	case KIND_NONE:
	case KIND_TEXT:
		break;
	case KIND_WORDS:
		(void)printf("\t\t_mailconvoy_words '%s' \"$3\"\n", words);
		break;
	case KIND_FILE:
		(void)fputs("\t\t_mailconvoy_files -f \"$3\"\n", stdout);
		break;
	case KIND_DIRECTORY:
		(void)fputs("\t\t_mailconvoy_files -d \"$3\"\n", stdout);
		break;
	case KIND_PASS:
		(void)fputs(
		    "\t\t_mailconvoy_words \"$(_mailconvoy_names passes)\" \"$3\"\n",
		    stdout);
		break;
	case KIND_GROUP:
		(void)fputs(
		    "\t\t_mailconvoy_words \"$(_mailconvoy_names groups)\" \"$3\"\n",
		    stdout);
		break;
	case KIND_PLAN:
		(void)fputs("\t\t_mailconvoy_plans \"$3\"\n", stdout);
		break;
	case KIND_VERB:
		(void)fputs("\t\t_mailconvoy_words '", stdout);
		put_verbs();
		(void)fputs("' \"$3\"\n", stdout);
		break;
	}
	(void)fputs("\t\t;;\n", stdout);
}

static void bash_values(void)
{
	size_t count = 0;
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);

	(void)fputs(
	    "# Completes the value $3 of the option $2 of the command $1;\n"
	    "# false: it takes none.\n"
	    "_mailconvoy_value()\n{\n\tcase $1,$2 in\n",
	    stdout);
	for (size_t i = 0; i < count; i++) {
		if (!table[i].shown)
			continue;
		bash_option_case(&table[i]);
		bash_complete_kind(option_kind(&table[i]), table[i].words);
	}
	(void)fputs("\t*) return 1 ;;\n\tesac\n}\n\n", stdout);
}

static void bash_arguments(void)
{
	size_t count = 0;
	const struct mailconvoy_verb *verbs = mailconvoy_options_verbs(&count);
	struct manual_text_words words;

	(void)fputs(
	    "# Completes $3, the argument of the command $1 after $2 others.\n"
	    "_mailconvoy_argument()\n{\n\tcase $1,$2 in\n",
	    stdout);
	for (size_t i = 0; i < count; i++) {
		manual_text_split(verbs[i].arguments, " ", &words);
		for (size_t a = 0; a < words.count; a++) {
			enum kind kind =
			    argument_kind(&verbs[i], words.list[a]);
			if (kind == KIND_TEXT)
				continue;
			(void)printf("\t%s,%zu)\n", verbs[i].name, a);
			bash_complete_kind(kind, verbs[i].words);
		}
	}
	(void)fputs("\tesac\n}\n\n", stdout);
}

static void bash_options(void)
{
	size_t verb_count = 0, count = 0;
	const struct mailconvoy_verb *verbs =
	    mailconvoy_options_verbs(&verb_count);
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);

	(void)fputs("# Prints the options of the command $1.\n"
		    "_mailconvoy_options()\n{\n\tcase $1 in\n",
	    stdout);
	for (size_t v = 0; v < verb_count; v++) {
		(void)printf("\t%s) echo '", verbs[v].name);
		for (size_t i = 0; i < count; i++)
			if (mailconvoy_options_takes(&verbs[v], &table[i]))
				(void)printf("--%s ", table[i].name);
		(void)fputs("' ;;\n", stdout);
	}
	(void)fputs("\t*) echo '--help --version' ;;\n\tesac\n}\n\n", stdout);
}

static const char bash_head[] =
    "# SPDX-License-Identifier: MIT\n"
    "# bash completion for mailconvoy " MAILCONVOY_VERSION "\n\n"
    "# Prints the names under the key $1 of the plan of this command line.\n"
    "_mailconvoy_names()\n{\n"
    "\tlocal word\n\n"
    "\tfor word in \"${COMP_WORDS[@]:1}\"; do\n"
    "\t\tword=${word/#\\~/$HOME}\n"
    "\t\t[[ -f $word ]] || continue\n"
    "\t\tawk -v key=\"$1\" \"$_mailconvoy_awk\" < \"$word\" 2>/dev/null\n"
    "\t\treturn\n"
    "\tdone\n}\n\n"
    "_mailconvoy_words()\n{\n"
    "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\")\n"
    "\t# what wants a value goes on\n"
    "\t[[ ${COMPREPLY-} == *[=.] ]] && compopt -o nospace 2>/dev/null\n"
    "\treturn 0\n}\n\n"
    "_mailconvoy_files()\n{\n"
    "\tcompopt -o filenames 2>/dev/null\n"
    "\tmapfile -t COMPREPLY < <(compgen \"$1\" -- \"$2\")\n}\n\n"
    "# Plans and directories; where there are none, every file.\n"
    "_mailconvoy_plans()\n{\n"
    "\tcompopt -o filenames 2>/dev/null\n"
    "\tmapfile -t COMPREPLY < <(compgen -f -X '!*.y*ml' -- \"$1\"\n"
    "\t\tcompgen -d -- \"$1\")\n"
    "\t((${#COMPREPLY[@]} > 0)) || _mailconvoy_files -f \"$1\"\n}\n\n";

static const char bash_tail[] =
    "_mailconvoy()\n{\n"
    "\tlocal current=${COMP_WORDS[COMP_CWORD]} verb= option= count=0 ended= word i\n\n"
    "\tCOMPREPLY=()\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tword=${COMP_WORDS[i]}\n"
    "\t\tif [[ $option ]]; then\n"
    "\t\t\t# of --name=value the shell makes three words\n"
    "\t\t\t[[ $word == '=' && ${COMP_WORDS[i - 1]} == --* ]] || option=\n"
    "\t\telif [[ $ended || $word != -?* ]]; then\n"
    "\t\t\tif [[ $verb ]]; then ((count += 1)); else verb=$word; fi\n"
    "\t\telif [[ $word == -- ]]; then\n"
    "\t\t\tended=1\n"
    "\t\telif _mailconvoy_value \"${verb:-run}\" \"$word\" ''; then\n"
    "\t\t\toption=$word\n"
    "\t\t\tCOMPREPLY=()\n"
    "\t\tfi\n"
    "\tdone\n"
    "\tif [[ $option ]]; then\n"
    "\t\t[[ $current == '=' ]] && current=\n"
    "\t\t_mailconvoy_value \"$verb\" \"$option\" \"$current\"\n"
    "\telif [[ ! $ended && $current == -* ]]; then\n"
    "\t\t_mailconvoy_words \"$(_mailconvoy_options \"$verb\")\" \"$current\"\n"
    "\telif [[ $verb ]]; then\n"
    "\t\t_mailconvoy_argument \"$verb\" \"$count\" \"$current\"\n"
    "\telse\n"
    "\t\t_mailconvoy_argument help 0 \"$current\"\n"
    "\tfi\n"
    "\treturn 0\n"
    "} &&\n"
    "complete -F _mailconvoy mailconvoy\n";

void mailconvoy_completion_bash(void)
{
	(void)fputs(bash_head, stdout);
	(void)printf("_mailconvoy_awk='\n%s'\n\n", names_of_plan);
	bash_options();
	bash_values();
	bash_arguments();
	(void)fputs(bash_tail, stdout);
}

/* ------------------------------------------------------------ zsh */

static void zsh_text(const char *text)
{
	put_quoted(text, "'\\''", "[]:\\");
}

/* What stands behind the description of a value or argument. */
static void zsh_action(enum kind kind, const char *words)
{
	switch (kind) {
	case KIND_NONE:
		break;
	case KIND_TEXT:
		(void)putchar(' ');
		break;
	case KIND_WORDS:
		(void)printf("(%s)", words);
		break;
	case KIND_FILE:
		(void)fputs("_files", stdout);
		break;
	case KIND_DIRECTORY:
		(void)fputs("_files -/", stdout);
		break;
	case KIND_PASS:
		(void)fputs("_mailconvoy_names passes", stdout);
		break;
	case KIND_GROUP:
		(void)fputs("_mailconvoy_names groups", stdout);
		break;
	case KIND_PLAN:
		(void)fputs("_files -g \"*.(yaml|yml)\"", stdout);
		break;
	case KIND_VERB:
		(void)fputs("_mailconvoy_verbs", stdout);
		break;
	}
}

/* Words that go on, as jobs=, get no blank behind them. */
static void zsh_argument(
    const struct mailconvoy_verb *verb, const char *argument, size_t at)
{
	enum kind kind = argument_kind(verb, argument);

	// a hint alone would keep options from being completed
	if (kind == KIND_TEXT)
		return;
	(void)printf("\t\t'%zu:%s:", at + 2, argument);
	if (kind == KIND_WORDS)
		(void)printf("_mailconvoy_orders %s", verb->words);
	else
		zsh_action(kind, NULL);
	(void)fputs("'\n", stdout);
}

static void zsh_spec(const struct mailconvoy_option *o, const char *name)
{
	bool is_long = name[1] == '-';

	(void)fputs("\t\t'", stdout);
	if (may_repeat(o))
		(void)putchar('*');
	else if (o->letter)
		(void)printf("(-%c --%s)", o->letter, o->name);
	(void)printf("%s%s[", name, !o->shown ? "" : is_long ? "=" : "+");
	zsh_text(o->help);
	(void)putchar(']');
	if (o->shown) {
		(void)printf(":%s:", o->shown);
		zsh_action(option_kind(o), o->words);
	}
	(void)fputs("'\n", stdout);
}

static void zsh_options(const struct mailconvoy_verb *verb)
{
	size_t count = 0;
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);
	char name[64];

	for (size_t i = 0; i < count; i++) {
		if (verb ? !mailconvoy_options_takes(verb, &table[i])
			 : table[i].verbs != NULL)
			continue;
		(void)snprintf(name, sizeof(name), "-%c", table[i].letter);
		if (table[i].letter)
			zsh_spec(&table[i], name);
		(void)snprintf(name, sizeof(name), "--%s", table[i].name);
		zsh_spec(&table[i], name);
	}
}

static void zsh_verb(const struct mailconvoy_verb *verb)
{
	struct manual_text_words words;

	(void)printf("%s)\n\tspecs=(\n", verb->name);
	zsh_options(verb);
	manual_text_split(verb->arguments, " ", &words);
	for (size_t a = 0; a < words.count; a++) {
		char *name = words.list[a] + (words.list[a][0] == '[');
		name[strcspn(name, "]")] = '\0';
		zsh_argument(verb, name, a);
	}
	(void)fputs("\t) ;;\n", stdout);
}

static const char zsh_head[] =
    "#compdef mailconvoy\n"
    "# SPDX-License-Identifier: MIT\n"
    "# zsh completion for mailconvoy " MAILCONVOY_VERSION "\n\n"
    "local word verb= plan=\n"
    "local -a specs verbs\n\n"
    "# names under a key of the plan of this command line\n"
    "_mailconvoy_names()\n{\n"
    "\tlocal key=$argv[-1]\n"
    "\tlocal -a names\n\n"
    "\t[[ -n $plan ]] && names=(${(f)\"$(awk -v key=$key $program <$plan 2>/dev/null)\"})\n"
    "\tcompadd -a names\n}\n"
    "# what wants a value gets no blank\n"
    "_mailconvoy_orders()\n{\n"
    "\tlocal -a orders=(${argv[(r)pause,-1]})\n\n"
    "\tcompadd -S '' -- ${(M)orders:#*[=.]}\n"
    "\tcompadd -- ${orders:#*[=.]}\n}\n"
    "_mailconvoy_verbs()\n{\n\t_describe command verbs\n}\n\n";

void mailconvoy_completion_zsh(void)
{
	size_t count = 0;
	const struct mailconvoy_verb *verbs = mailconvoy_options_verbs(&count);

	(void)fputs(zsh_head, stdout);
	(void)printf("local program='\n%s'\nverbs=(\n", names_of_plan);
	for (size_t i = 0; i < count; i++) {
		(void)printf("\t'%s:", verbs[i].name);
		zsh_text(verbs[i].help);
		(void)fputs("'\n", stdout);
	}
	(void)fputs(")\n"
		    "for word in ${words[2,CURRENT-1]}; do\n"
		    "\tif [[ -z $verb && -n ${(M)verbs:#$word:*} ]]; then\n"
		    "\t\tverb=$word\n"
		    "\telif [[ -z $plan && -f ${(Q)~word} ]]; then\n"
		    "\t\tplan=${(Q)~word}\n"
		    "\tfi\n"
		    "done\n"
		    "case $verb in\n",
	    stdout);
	for (size_t i = 0; i < count; i++)
		zsh_verb(&verbs[i]);
	(void)fputs("*)\n\tspecs=(\n", stdout);
	zsh_options(NULL);
	(void)fputs("\t) ;;\n"
		    "esac\n"
		    "_arguments -s : '1:command:_mailconvoy_verbs' $specs\n",
	    stdout);
}

/* ------------------------------------------------------------ fish */

static void fish_text(const char *text)
{
	put_quoted(text, "\\'", "\\");
}

static void fish_action(enum kind kind, const char *words)
{
	switch (kind) {
	case KIND_NONE:
		break;
	case KIND_TEXT:
		(void)fputs(" -x", stdout);
		break;
	case KIND_WORDS:
		(void)printf(" -x -a '%s'", words);
		break;
	case KIND_FILE:
	case KIND_PLAN:
		(void)fputs(" -r -F", stdout);
		break;
	case KIND_DIRECTORY:
		(void)fputs(" -x -a '(__fish_complete_directories)'", stdout);
		break;
	case KIND_PASS:
		(void)fputs(" -x -a '(__mailconvoy_names passes)'", stdout);
		break;
	case KIND_GROUP:
		(void)fputs(" -x -a '(__mailconvoy_names groups)'", stdout);
		break;
	case KIND_VERB:
		(void)fputs(" -x -a '", stdout);
		put_verbs();
		(void)putchar('\'');
		break;
	}
}

static void fish_option(const struct mailconvoy_option *o)
{
	(void)fputs("complete -c mailconvoy", stdout);
	if (o->verbs)
		(void)printf(" -n '__mailconvoy_is %s'", o->verbs);
	(void)printf(" -l %s", o->name);
	if (o->letter)
		(void)printf(" -s %c", o->letter);
	fish_action(option_kind(o), o->words);
	(void)fputs(" -d '", stdout);
	fish_text(o->help);
	(void)fputs("'\n", stdout);
}

static void fish_verb(const struct mailconvoy_verb *verb)
{
	struct manual_text_words words;

	(void)printf("complete -c mailconvoy -n __mailconvoy_none -a %s -d '",
	    verb->name);
	fish_text(verb->help);
	(void)fputs("'\n", stdout);
	manual_text_split(verb->arguments, " ", &words);
	for (size_t a = 0; a < words.count; a++) {
		enum kind kind = argument_kind(verb, words.list[a]);
		if (kind == KIND_TEXT)
			continue;
		// values of options look like arguments: counted is only
		// where it must be
		if (words.count == 1)
			(void)printf(
			    "complete -c mailconvoy -n '__mailconvoy_is %s'",
			    verb->name);
		else
			(void)printf(
			    "complete -c mailconvoy -n '__mailconvoy_at %s %zu'",
			    verb->name, a + 1);
		fish_action(kind, verb->words);
		(void)putchar('\n');
	}
}

void mailconvoy_completion_fish(void)
{
	size_t verb_count = 0, count = 0;
	const struct mailconvoy_verb *verbs =
	    mailconvoy_options_verbs(&verb_count);
	const struct mailconvoy_option *table =
	    mailconvoy_options_table(&count);

	(void)fputs("# SPDX-License-Identifier: MIT\n"
		    "# fish completion for mailconvoy " MAILCONVOY_VERSION
		    "\n\n"
		    "# the command and what is behind it, options left out\n"
		    "function __mailconvoy_given\n"
		    "    set -l words (commandline -opc)[2..-1]\n"
		    "    while set -q words[1]; and not contains -- $words[1] ",
	    stdout);
	put_verbs();
	(void)fputs(
	    "\n"
	    "        set -e words[1]\n"
	    "    end\n"
	    "    string match -v -- '-*' $words\n"
	    "end\n"
	    "function __mailconvoy_none\n"
	    "    set -l given (__mailconvoy_given)\n"
	    "    not set -q given[1]\n"
	    "end\n"
	    "function __mailconvoy_is\n"
	    "    set -l given (__mailconvoy_given)\n"
	    "    set -q given[1]; and contains -- $given[1] $argv\n"
	    "end\n"
	    "function __mailconvoy_at\n"
	    "    set -l given (__mailconvoy_given)\n"
	    "    __mailconvoy_is $argv[1]; and test (count $given) -eq $argv[2]\n"
	    "end\n"
	    "# names under a key of the plan of this command line\n"
	    "function __mailconvoy_names\n"
	    "    for word in (commandline -opc)[2..-1]\n"
	    "        test -f $word; or continue\n",
	    stdout);
	(void)printf("        awk -v key=$argv[1] '\n%s' <$word 2>/dev/null\n",
	    names_of_plan);
	(void)fputs("        return\n"
		    "    end\n"
		    "end\n\n"
		    "complete -c mailconvoy -f\n",
	    stdout);
	for (size_t i = 0; i < verb_count; i++)
		fish_verb(&verbs[i]);
	for (size_t i = 0; i < count; i++)
		fish_option(&table[i]);
}
