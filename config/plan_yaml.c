// SPDX-License-Identifier: MIT
#include "config/plan_yaml.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "config/arena.h"
#include "config/input.h"
#include "config/plan_diag.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

enum {
	TABS_REPORTED = 10,
	LINES_ABOVE_MAX = 1000,
	COMPLAINTS_MAX = 200,
	HIDDEN_LINES_MAX = 100
};

/* A collection that is still open. */
struct level {
	struct plan_yaml_node *node;
	const struct plan_yaml_node *key; /* waits for its value */
	bool is_key_bad;                  /* the pair is dropped */
	struct plan_yaml_pair *pairs;
	const struct plan_yaml_node **items;
	size_t count, cap;
};

struct anchor {
	const char *name;
	const struct plan_yaml_node *node;
	bool is_open;
};

struct composer {
	const struct input *in;
	struct arena *arena;
	struct plan_diag *diag;
	struct level levels[PLAN_YAML_MAX_DEPTH];
	unsigned depth;
	struct anchor anchors[PLAN_YAML_MAX_ANCHORS];
	size_t anchor_count;
	size_t nodes;
	const struct plan_yaml_node *root;
	bool is_started, is_finished;
	unsigned complaints;
	/* a cursor that only moves forward, as the events do */
	const char *at;
	size_t line, column;
};

bool plan_yaml_is_null(const struct plan_yaml_node *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (!n)
		return true;
	if (n->kind != PLAN_YAML_SCALAR || !n->is_plain)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(n->text, words[i]) == 0)
			return true;
	return false;
}

const char *plan_yaml_kind_name(const struct plan_yaml_node *n)
{
	if (plan_yaml_is_null(n))
		return "nothing";
	switch (n->kind) {
	case PLAN_YAML_SCALAR:
		return "text";
	case PLAN_YAML_LIST:
		return "a list";
	case PLAN_YAML_MAP:
		return "a mapping";
	}
	return "nothing";
}

bool plan_yaml_is_secret_key(const char *key)
{
	static const char *const parts[] = {
	    "pass", "pwd", "secret", "token", "credential"};

	if (strcasecmp(key, "passes") == 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (strcasestr(key, parts[i]))
			return true;
	return strcasecmp(key, "pw") == 0 ||
	       text_distance(key, "password", 3) <= 3;
}

/* ---- lines that may hold a secret when there is no tree to say so ---- */

static bool names_secret(const char *line, size_t len)
{
	char word[48];
	size_t used = 0;

	for (size_t i = 0; i <= len; i++) {
		char c = ' ';
		if (i < len)
			c = line[i];
		bool letter = (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z') || c == '_';
		if (letter && used + 1 < sizeof(word)) {
			word[used++] = c;
		} else if (!letter) {
			word[used] = '\0';
			if (used && plan_yaml_is_secret_key(word))
				return true;
			used = 0;
		}
	}
	return false;
}

/* The line itself, the one before it, or one that it is indented under. */
static bool may_be_secret(const struct input *in, unsigned line)
{
	size_t len = 0, indent = SIZE_MAX;
	const char *p = input_line(in->text, in->len, line, &len);

	for (unsigned above = 0, seen = 0; p && above < LINES_ABOVE_MAX;
	     above++) {
		size_t lead = 0;
		while (lead < len && (p[lead] == ' ' || p[lead] == '\t'))
			lead++;
		if (lead < len) {
			if ((seen < 2 || lead < indent) && names_secret(p, len))
				return true;
			if (lead < indent)
				indent = lead;
			seen++;
		}
		if (p == in->text || (indent == 0 && seen >= 2))
			break;
		const char *stop = p - 1;
		p = memrchr(in->text, '\n', (size_t)(stop - in->text));
		p = p ? p + 1 : in->text;
		len = (size_t)(stop - p);
	}
	return false;
}

static struct plan_place place_of(const struct composer *c, yaml_mark_t mark)
{
	return (struct plan_place){
	    c->in->name, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static void complain(struct composer *c, const char *code,
    struct plan_place place, const char *hint, const char *what)
{
	if (may_be_secret(c->in, place.line))
		plan_diag_hide_line(c->diag, place);
	plan_diag_add(c->diag, code, place, 1, hint, "%s", what);
	c->complaints++;
}

/* ---- nodes ---- */

static const char *seek(struct composer *c, yaml_mark_t mark)
{
	const char *end = c->in->text + c->in->len;

	while (c->line < mark.line && c->at < end) {
		const char *nl = memchr(c->at, '\n', (size_t)(end - c->at));
		c->at = nl ? nl + 1 : end;
		c->line++;
		c->column = 0;
	}
	while (c->column < mark.column && c->at < end && *c->at != '\n') {
		c->at++;
		while (c->at < end && ((unsigned char)*c->at & 0xc0) == 0x80)
			c->at++;
		c->column++;
	}
	return c->at;
}

static bool is_comment_next(struct composer *c, yaml_mark_t mark)
{
	const char *p = seek(c, mark), *end = c->in->text + c->in->len;
	const char *start = p;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p > start && p < end && *p == '#';
}

static struct plan_yaml_node *new_node(
    struct composer *c, enum plan_yaml_kind kind, const yaml_event_t *e)
{
	struct plan_yaml_node *n = arena_alloc(c->arena, sizeof(*n));

	n->kind = kind;
	n->place = place_of(c, e->start_mark);
	n->end_line = (unsigned)e->end_mark.line + 1;
	n->width = 1;
	if (n->end_line == n->place.line &&
	    e->end_mark.column > e->start_mark.column)
		n->width =
		    (unsigned)(e->end_mark.column - e->start_mark.column);
	n->weight = 1;
	n->depth = 1;
	return n;
}

static struct plan_yaml_node *new_scalar(
    struct composer *c, const yaml_event_t *e)
{
	const char *value = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct plan_yaml_node *n = new_node(c, PLAN_YAML_SCALAR, e);

	n->text = arena_strndup(c->arena, value, len);
	n->len = strlen(n->text);
	n->is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (n->is_plain && len > 0)
		n->is_cut = is_comment_next(c, e->end_mark);
	if (n->len != len)
		complain(c, "E0002", n->place, NULL,
		    "a NUL character is not allowed here");
	return n;
}

/* Hides the lines of a value whose key says that it is a secret. What a
 * mapping says about where the secret is, is none. */
static void hide_secret(struct composer *c, const struct plan_yaml_node *n)
{
	static const char *const harmless[] = {
	    "file", "env", "command", "credential", "timeout"};

	switch (n->kind) {
	case PLAN_YAML_SCALAR:
		if (n->end_line - n->place.line > HIDDEN_LINES_MAX) {
			plan_diag_hide_line(
			    c->diag, (struct plan_place){n->place.file, 0, 0});
			return;
		}
		for (unsigned l = n->place.line; l <= n->end_line; l++)
			plan_diag_hide_line(
			    c->diag, (struct plan_place){n->place.file, l, 1});
		return;
	case PLAN_YAML_LIST:
		for (size_t i = 0; i < n->count; i++)
			hide_secret(c, n->items[i]);
		return;
	case PLAN_YAML_MAP:
		for (size_t i = 0; i < n->count; i++) {
			const char *key = n->pairs[i].key->text;
			bool hide = true;
			for (size_t k = 0; k < ARRAY_LEN(harmless); k++)
				hide = hide && strcmp(key, harmless[k]) != 0;
			if (hide)
				hide_secret(c, n->pairs[i].value);
		}
		return;
	}
}

static int compare_keys(const void *a, const void *b)
{
	const struct plan_yaml_pair *const *x = a, *const *y = b;
	int order = strcmp((*x)->key->text, (*y)->key->text);

	return order ? order : *x < *y ? -1 : *x > *y;
}

static void check_duplicates(struct composer *c, const struct level *l)
{
	const struct plan_yaml_pair **sorted =
	    mem_resize(NULL, l->count, sizeof(const struct plan_yaml_pair *));

	for (size_t i = 0; i < l->count; i++)
		sorted[i] = &l->pairs[i];
	qsort(sorted, l->count, sizeof(const struct plan_yaml_pair *),
	    compare_keys);
	for (size_t i = 1; i < l->count; i++) {
		const struct plan_yaml_node *first = sorted[i - 1]->key;
		const struct plan_yaml_node *second = sorted[i]->key;
		if (strcmp(first->text, second->text) != 0)
			continue;
		if (may_be_secret(c->in, second->place.line))
			plan_diag_hide_line(c->diag, second->place);
		c->complaints++;
		plan_diag_add(c->diag, "E0010", second->place, second->width,
		    "remove one of them", "the key \"%s\" is there twice",
		    second->text);
		plan_diag_also(c->diag, first->place, "the other one");
	}
	free(sorted);
}

static void take_key(
    struct composer *c, struct level *l, const struct plan_yaml_node *n)
{
	l->key = n;
	l->is_key_bad = true;
	if (n->kind != PLAN_YAML_SCALAR) {
		complain(
		    c, "E0011", n->place, NULL, "a key must be a plain word");
	} else if (plan_yaml_is_null(n)) {
		complain(c, "E0011", n->place, NULL, "there is no key here");
	} else if (n->is_plain && strcmp(n->text, "<<") == 0) {
		complain(c, "E0007", n->place,
		    "write what accounts share under defaults:",
		    "merge keys are not known here");
	} else {
		l->is_key_bad = false;
	}
}

static void take_pair(
    struct composer *c, struct level *l, const struct plan_yaml_node *value)
{
	const struct plan_yaml_node *key = l->key;

	l->key = NULL;
	if (l->is_key_bad)
		return;
	if (plan_yaml_is_secret_key(key->text))
		hide_secret(c, value);
	l->pairs = mem_grow(l->pairs, &l->cap, l->count, sizeof(*l->pairs));
	l->pairs[l->count++] = (struct plan_yaml_pair){key, value};
}

/* Puts a finished node into the collection that is open, or makes it the
 * root. */
static void attach(struct composer *c, const struct plan_yaml_node *n)
{
	if (c->depth == 0) {
		c->root = n;
		return;
	}
	struct level *l = &c->levels[c->depth - 1];
	l->node->weight += n->weight;
	if (n->depth + 1 > l->node->depth)
		l->node->depth = n->depth + 1;
	if (l->node->kind == PLAN_YAML_LIST) {
		l->items = mem_grow(l->items, &l->cap, l->count,
		    sizeof(const struct plan_yaml_node *));
		l->items[l->count++] = n;
	} else if (l->key) {
		take_pair(c, l, n);
	} else {
		take_key(c, l, n);
	}
}

/* ---- events; each returns false when composing must stop ---- */

static bool count_nodes(
    struct composer *c, size_t more, struct plan_place place)
{
	c->nodes += more;
	if (c->nodes <= PLAN_YAML_MAX_NODES)
		return true;
	complain(c, "E0008", place, "accounts_file: takes more accounts",
	    "the plan has more than 1000000 parts, aliases followed");
	return false;
}

static bool check_tag(
    struct composer *c, const yaml_char_t *tag, const yaml_event_t *e)
{
	if (tag)
		complain(c, "E0006", place_of(c, e->start_mark),
		    "secrets are mappings: password: {env: NAME}; text that begins with \"!\" needs quotes",
		    "tags are not known here");
	return true;
}

static bool set_anchor(
    struct composer *c, const yaml_char_t *name, const struct plan_yaml_node *n)
{
	if (!name)
		return true;
	if (c->anchor_count == PLAN_YAML_MAX_ANCHORS) {
		complain(c, "E0008", n->place, NULL,
		    "the plan has more than 256 anchors");
		return false;
	}
	c->anchors[c->anchor_count++] =
	    (struct anchor){.name = arena_strdup(c->arena, (const char *)name),
		.node = n,
		.is_open = n->kind != PLAN_YAML_SCALAR};
	return true;
}

static bool on_scalar(struct composer *c, const yaml_event_t *e)
{
	struct plan_yaml_node *n = new_scalar(c, e);

	(void)check_tag(c, e->data.scalar.tag, e);
	if (!count_nodes(c, 1, n->place) ||
	    !set_anchor(c, e->data.scalar.anchor, n))
		return false;
	attach(c, n);
	return true;
}

static bool on_start(struct composer *c, enum plan_yaml_kind kind,
    const yaml_char_t *anchor, const yaml_event_t *e)
{
	struct plan_yaml_node *n = new_node(c, kind, e);

	if (c->depth == PLAN_YAML_MAX_DEPTH) {
		complain(c, "E0008", n->place, NULL,
		    "the plan is nested deeper than 32 levels");
		return false;
	}
	if (!count_nodes(c, 1, n->place) || !set_anchor(c, anchor, n))
		return false;
	c->levels[c->depth++] = (struct level){.node = n};
	return true;
}

static bool on_end(struct composer *c)
{
	struct level l = c->levels[--c->depth];
	struct plan_yaml_node *n = l.node;

	bug_if(!n);
	n->count = l.count;
	if (n->kind == PLAN_YAML_MAP) {
		check_duplicates(c, &l);
		n->pairs = arena_array(c->arena, l.count, sizeof(*n->pairs));
		if (l.count)
			memcpy(n->pairs, l.pairs, l.count * sizeof(*n->pairs));
	} else {
		n->items = arena_array(
		    c->arena, l.count, sizeof(const struct plan_yaml_node *));
		if (l.count)
			memcpy(n->items, l.items,
			    l.count * sizeof(const struct plan_yaml_node *));
	}
	free(l.pairs);
	free(l.items);
	for (size_t i = 0; i < c->anchor_count; i++)
		if (c->anchors[i].node == n)
			c->anchors[i].is_open = false;
	attach(c, n);
	return true;
}

static bool on_alias(struct composer *c, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct plan_place place = place_of(c, e->start_mark);
	const struct anchor *found = NULL;

	for (size_t i = c->anchor_count; i > 0 && !found; i--)
		if (strcmp(c->anchors[i - 1].name, name) == 0)
			found = &c->anchors[i - 1];
	if (!found || found->is_open) {
		complain(c, "E0009", place,
		    "text that begins with \"*\" needs quotes",
		    found ? "this alias refers to what it stands in"
			  : "this alias has no anchor above it");
		return false;
	}
	if (c->depth + found->node->depth > PLAN_YAML_MAX_DEPTH) {
		complain(c, "E0008", place, NULL,
		    "the plan is nested deeper than 32 levels");
		return false;
	}
	if (!count_nodes(c, found->node->weight, place))
		return false;
	attach(c, found->node);
	return true;
}

static bool on_document(struct composer *c, const yaml_event_t *e)
{
	if (c->is_started) {
		complain(c, "E0005", place_of(c, e->start_mark),
		    "remove the line \"---\"",
		    "a plan is one document, here begins another");
		return false;
	}
	c->is_started = true;
	return true;
}

static bool on_event(struct composer *c, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return true;
	case YAML_STREAM_END_EVENT:
		c->is_finished = true;
		return true;
	case YAML_DOCUMENT_START_EVENT:
		return on_document(c, e);
	case YAML_ALIAS_EVENT:
		return on_alias(c, e);
	case YAML_SCALAR_EVENT:
		return on_scalar(c, e);
	case YAML_SEQUENCE_START_EVENT:
		return check_tag(c, e->data.sequence_start.tag, e) &&
		       on_start(
			   c, PLAN_YAML_LIST, e->data.sequence_start.anchor, e);
	case YAML_MAPPING_START_EVENT:
		return check_tag(c, e->data.mapping_start.tag, e) &&
		       on_start(
			   c, PLAN_YAML_MAP, e->data.mapping_start.anchor, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(c);
	}
	return true;
}

/* libyaml's own words; they never quote the text. */
static void on_syntax_error(struct composer *c, const yaml_parser_t *y)
{
	yaml_mark_t mark = y->problem_mark;
	const char *problem = y->problem ? y->problem : "broken YAML";
	const char *hint = NULL;
	bool has_context = y->context && y->error == YAML_SCANNER_ERROR;

	if (has_context && strstr(problem, "unexpected end of stream"))
		mark = y->context_mark;
	if (strstr(problem, "mapping values are not allowed") ||
	    strstr(problem, "cannot start any token"))
		hint = "text with special characters needs quotes";
	else if (strstr(problem, "could not find expected ':'"))
		hint =
		    "a key needs \": \" behind it; look at the line before, too";
	else if (strstr(problem, "block end"))
		hint = "look at the indentation of this line and those before";
	struct plan_place place = place_of(c, mark);
	if (has_context &&
	    may_be_secret(c->in, (unsigned)y->context_mark.line + 1))
		plan_diag_hide_line(c->diag, place);
	char text[256];
	(void)snprintf(text, sizeof(text), "%s%s%s", problem,
	    y->context ? " " : "", y->context ? y->context : "");
	complain(c, "E0004", place, hint, text);
}

/* A tab before any quote or comment of its line can only be white space, and
 * nobody sees how wide it is. */
static bool check_tabs(struct composer *c)
{
	const char *p = c->in->text, *end = p + c->in->len;
	unsigned line = 1, found = 0;

	if (!memchr(p, '\t', c->in->len))
		return true;
	for (; p < end && found < TABS_REPORTED; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		const char *q = p;
		while (q < stop && !strchr("\t\"'#", *q))
			q++;
		if (q < stop && *q == '\t') {
			struct plan_place place = {c->in->name, line,
			    input_characters(p, (size_t)(q - p)) + 1};
			complain(c, "E0003", place,
			    "use spaces; in text, quotes and \\t",
			    "a tab is not allowed here");
			found++;
		}
		p = stop + 1;
	}
	return found == 0;
}

static bool run(struct composer *c)
{
	yaml_parser_t y;
	yaml_event_t e;
	bool good = true;

	if (!yaml_parser_initialize(&y)) {
		complain(c, "E0004", (struct plan_place){c->in->name, 0, 0},
		    NULL, "out of memory");
		return false;
	}
	yaml_parser_set_encoding(&y, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &y, (const unsigned char *)c->in->text, c->in->len);
	while (good && !c->is_finished) {
		if (!yaml_parser_parse(&y, &e)) {
			on_syntax_error(c, &y);
			good = false;
			break;
		}
		good = on_event(c, &e) && c->complaints < COMPLAINTS_MAX;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&y);
	while (c->depth > 0) {
		c->depth--;
		free(c->levels[c->depth].pairs);
		free(c->levels[c->depth].items);
	}
	return good;
}

const struct plan_yaml_node *plan_yaml_compose(
    const struct input *in, struct arena *arena, struct plan_diag *diag)
{
	struct composer *c = arena_alloc(arena, sizeof(*c));

	*c = (struct composer){
	    .in = in, .arena = arena, .diag = diag, .at = in->text};
	if (!input_check(in, diag) || !check_tabs(c) || !run(c))
		return NULL;
	if (plan_yaml_is_null(c->root)) {
		complain(c, "E0012", (struct plan_place){in->name, 1, 1}, NULL,
		    "the plan is empty");
		return NULL;
	}
	return c->root;
}
