// SPDX-License-Identifier: MIT
/* mailconvoy explain: what a code or a reason means, and what to do. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_explain_texts.h"
#include "cmd/mailconvoy_options.h"
#include "config/value.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"

enum {
	COLUMNS = 78,
	TEXTS_MAX = 400
};

/* Breaks lines at blanks. */
static void print_paragraph(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");
		if (column > 0 && column + 1 + len > COLUMNS) {
			(void)putchar('\n');
			column = 0;
		}
		column += (size_t)printf(
		    "%s%.*s", column ? " " : "  ", (int)len, text);
		text += len + (text[len] == ' ');
	}
	(void)putchar('\n');
}

static void print_one(const struct mailconvoy_explain_text *t)
{
	(void)printf("%s: %s\n", t->name, t->title);
	print_paragraph(t->text);
}

/* "auth" and "auth.*" are all reasons that begin so. */
static bool is_family(const char *name, const char *family)
{
	size_t len = strcspn(family, ".");

	return (!family[len] || strcmp(family + len, ".*") == 0) &&
	       strncmp(name, family, len) == 0 && name[len] == '.';
}

static int unknown(
    const char *name, const struct mailconvoy_explain_text *texts, size_t count)
{
	const char *names[TEXTS_MAX];
	size_t used = 0;

	for (; used < count && used < TEXTS_MAX; used++)
		names[used] = texts[used].name;
	const char *near = value_nearest(name, names, used);
	return mailconvoy_options_usage(
	    "'%s' is neither a code nor a reason%s%s%s", name,
	    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int mailconvoy_explain(const struct mailconvoy_options *o)
{
	const char *wanted = o->arguments[0];
	size_t count = 0, shown = 0;
	const struct mailconvoy_explain_text *texts =
	    mailconvoy_explain_texts(&count);

	for (size_t i = 0; i < count; i++) {
		const struct mailconvoy_explain_text *t = &texts[i];
		if (!wanted) {
			(void)printf("%-22s %s\n", t->name, t->title);
			shown++;
		} else if (strcasecmp(t->name, wanted) == 0 ||
			   is_family(t->name, wanted)) {
			if (shown++)
				(void)putchar('\n');
			print_one(t);
		}
	}
	return shown ? EXIT_CODE_OK : unknown(wanted, texts, count);
}
