// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_classes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/cgp/cgp_syntax.h"

void cgp_classes_init(struct cgp_classes *c)
{
	*c = (struct cgp_classes){0};
}

void cgp_classes_release(struct cgp_classes *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->list[i].mailbox);
		free(c->list[i].name);
	}
	free(c->list);
	cgp_classes_init(c);
}

static bool is_word(const struct cgp_syntax *r, const char *word)
{
	return r->len == strlen(word) && memcmp(r->s, word, r->len) == 0;
}

/* Behind the bracket of what is known of a mailbox, up to its close. */
static bool read_info(struct cgp_syntax *r, struct cgp_class *class)
{
	enum cgp_syntax_event e;

	while ((e = cgp_syntax_next(r)) == CGP_SYNTAX_KEY) {
		bool is_class = is_word(r, "Class");
		e = cgp_syntax_next(r);
		if (is_class && e == CGP_SYNTAX_STRING) {
			free(class->name);
			class->name = mem_strndup(r->s, r->len);
		}
		if (!cgp_syntax_skip(r, e))
			return false;
	}
	return e == CGP_SYNTAX_CLOSE;
}

/* The rest of an array whose first element has been read. */
static bool read_rest(struct cgp_syntax *r)
{
	enum cgp_syntax_event e;

	while ((e = cgp_syntax_next(r)) != CGP_SYNTAX_CLOSE)
		if (!cgp_syntax_skip(r, e))
			return false;
	return true;
}

/* Information, or an array with it in front (a mailbox that is a folder too),
 * or something that tells nothing (a mere folder: an empty array). */
static bool read_mailbox(struct cgp_syntax *r, struct cgp_class *class)
{
	enum cgp_syntax_event e = cgp_syntax_next(r);

	if (e == CGP_SYNTAX_DICTIONARY)
		return read_info(r, class);
	if (e != CGP_SYNTAX_ARRAY)
		return cgp_syntax_skip(r, e);
	e = cgp_syntax_next(r);
	if (e == CGP_SYNTAX_CLOSE)
		return true;
	if (e == CGP_SYNTAX_DICTIONARY ? !read_info(r, class)
				       : !cgp_syntax_skip(r, e))
		return false;
	return read_rest(r);
}

/* Behind the outer bracket, up to its close. */
static bool read_mailboxes(struct cgp_syntax *r, struct cgp_classes *out)
{
	enum cgp_syntax_event e;

	while ((e = cgp_syntax_next(r)) == CGP_SYNTAX_KEY) {
		if (out->count == CGP_CLASSES_MAX)
			return false;
		out->list = mem_grow(
		    out->list, &out->cap, out->count, sizeof(*out->list));
		struct cgp_class *class = &out->list[out->count++];
		class->mailbox = mem_strndup(r->s, r->len);
		class->name = mem_strdup("");
		if (!read_mailbox(r, class))
			return false;
	}
	return e == CGP_SYNTAX_CLOSE;
}

static bool read_all(struct cgp_syntax *r, struct cgp_classes *out)
{
	enum cgp_syntax_event e = cgp_syntax_next(r);
	bool in_array = e == CGP_SYNTAX_ARRAY;

	if (in_array)
		e = cgp_syntax_next(r);
	if (in_array && e == CGP_SYNTAX_CLOSE)
		return cgp_syntax_next(r) == CGP_SYNTAX_END;
	return e == CGP_SYNTAX_DICTIONARY && read_mailboxes(r, out) &&
	       (!in_array || read_rest(r)) &&
	       cgp_syntax_next(r) == CGP_SYNTAX_END;
}

static int by_mailbox(const void *a, const void *b)
{
	const struct cgp_class *x = a, *y = b;

	return strcmp(x->mailbox, y->mailbox);
}

int cgp_classes_parse(
    struct cgp_classes *out, char *data, size_t len, struct error *err)
{
	struct cgp_syntax reader;

	cgp_syntax_init(&reader, data, len);
	if (!read_all(&reader, out)) {
		cgp_classes_release(out);
		return error_set(err, ERROR_PROTOCOL, "cli.data",
		    "the list of mailboxes is broken, cut off, or longer than %d mailboxes",
		    CGP_CLASSES_MAX);
	}
	if (out->count > 0)
		qsort(out->list, out->count, sizeof(*out->list), by_mailbox);
	return 0;
}

const struct cgp_class *cgp_classes_find(
    const struct cgp_classes *c, const char *mailbox)
{
	char inbox[] = "INBOX";
	struct cgp_class wanted = {.mailbox = (char *)(uintptr_t)mailbox};

	if (text_equal_fold_z(mailbox, inbox))
		wanted.mailbox = inbox;
	if (c->count == 0)
		return NULL;
	return bsearch(
	    &wanted, c->list, c->count, sizeof(*c->list), by_mailbox);
}
