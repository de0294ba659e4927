// SPDX-License-Identifier: MIT
#include "config/plan_diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/arena.h"
#include "config/input.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

enum {
	KEPT_MAX = 200,
	SHOWN_MAX = 50,
	TEXT_BYTES = 1024,
	/* Of a long source line this much is shown around the place. */
	WINDOW_BEFORE = 40,
	WINDOW_BYTES = 100
};

static const char hidden_text[] = "********";

struct item {
	char code[8];
	unsigned file; /* index in files */
	unsigned line, column, width;
	size_t serial;
	const char *message, *hint;
	const char *source; /* window of the line, escaped; or NULL */
	unsigned pad;       /* characters before the caret */
	unsigned carets;
	unsigned also_file, also_line, also_column;
	const char *also; /* or NULL */
};

struct file {
	const char *name;
	const char *text; /* lent, or NULL */
	size_t len;
	bool is_hidden;
};

struct hidden {
	unsigned file, line;
};

struct plan_diag {
	struct arena arena; /* all strings */
	struct item items[KEPT_MAX];
	size_t count;
	struct item *last; /* the problem added last, when it was kept */
	size_t errors, warnings;
	enum plan_diag_class class;
	struct file *files;
	size_t file_count, file_cap;
	struct hidden *hidden;
	size_t hidden_count, hidden_cap;
	bool is_sorted;
};

struct plan_diag *plan_diag_new(void)
{
	struct plan_diag *d = mem_calloc(1, sizeof(*d));

	arena_init(&d->arena);
	return d;
}

void plan_diag_free(struct plan_diag *d)
{
	if (!d)
		return;
	arena_release(&d->arena);
	free(d->files);
	free(d->hidden);
	free(d);
}

static unsigned file_index(struct plan_diag *d, const char *name)
{
	if (!name)
		name = "";
	for (size_t i = 0; i < d->file_count; i++)
		if (strcmp(d->files[i].name, name) == 0)
			return (unsigned)i;
	d->files =
	    mem_grow(d->files, &d->file_cap, d->file_count, sizeof(*d->files));
	d->files[d->file_count] =
	    (struct file){.name = arena_strdup(&d->arena, name)};
	return (unsigned)d->file_count++;
}

void plan_diag_source(
    struct plan_diag *d, const char *file, const char *text, size_t len)
{
	unsigned index = file_index(d, file); // may move the array
	struct file *f = &d->files[index];

	f->text = text;
	f->len = len;
}

static char *escaped(struct plan_diag *d, const char *bytes, size_t len)
{
	size_t room = len * 4 + 8;
	char *out = arena_alloc(&d->arena, room);

	return text_escape(bytes, len, out, room);
}

/* A hint's line ends stay, all else is escaped. */
static const char *escaped_hint(struct plan_diag *d, const char *hint)
{
	char *all = NULL;

	while (hint) {
		const char *end = strchr(hint, '\n');
		char *line =
		    escaped(d, hint, end ? (size_t)(end - hint) : strlen(hint));
		all = all ? arena_printf(&d->arena, "%s\n%s", all, line) : line;
		hint = end ? end + 1 : NULL;
	}
	return all;
}

/* Byte offset of a column that counts characters from 1. */
static size_t column_offset(const char *line, size_t len, unsigned column)
{
	size_t at = 0;

	for (unsigned c = 1; c < column && at < len; c++) {
		at++;
		while (at < len && ((unsigned char)line[at] & 0xc0) == 0x80)
			at++;
	}
	return at;
}

/* Copies the part of the source line that will be shown. */
static void keep_source(struct plan_diag *d, struct item *item)
{
	const struct file *f = &d->files[item->file];
	size_t len = 0;

	if (!f->text || item->line == 0)
		return;
	const char *line = input_line(f->text, f->len, item->line, &len);
	if (!line)
		return;
	size_t at = column_offset(line, len, item->column), from = 0, to = len;
	size_t stop = at + column_offset(line + at, len - at, item->width + 1);
	if (at > WINDOW_BYTES - 20) {
		from = at - WINDOW_BEFORE;
		while (from > 0 && ((unsigned char)line[from] & 0xc0) == 0x80)
			from--;
	}
	if (to - from > WINDOW_BYTES)
		to = from + WINDOW_BYTES;
	while (to < len && ((unsigned char)line[to] & 0xc0) == 0x80)
		to++;
	if (stop > to)
		stop = to;
	const char *before = escaped(d, line + from, at - from);
	const char *under = escaped(d, line + at, stop > at ? stop - at : 0);
	const char *behind = escaped(d, line + at, to - at);
	item->source = arena_printf(&d->arena, "%s%s%s%s", from ? "..." : "",
	    before, behind, to < len ? "..." : "");
	item->pad = input_characters(before, strlen(before)) + (from ? 3U : 0U);
	item->carets = input_characters(under, strlen(under));
}

static bool same(const struct item *a, const struct item *b)
{
	return a->line == b->line && a->column == b->column &&
	       a->file == b->file && strcmp(a->code, b->code) == 0 &&
	       strcmp(a->message, b->message) == 0;
}

void plan_diag_add(struct plan_diag *d, const char *code,
    struct plan_place place, unsigned width, const char *hint,
    const char *format, ...)
{
	char text[TEXT_BYTES];
	struct item item = {.file = file_index(d, place.file),
	    .line = place.line,
	    .column = place.column ? place.column : 1,
	    .width = width ? width : 1,
	    .serial = d->count};
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(item.code, sizeof(item.code), "%s", code);
	d->last = NULL;
	if (d->count < KEPT_MAX) {
		item.message = escaped(d, text, strlen(text));
		for (size_t i = 0; i < d->count; i++)
			if (same(&d->items[i], &item))
				return;
	}
	if (code[0] == 'W')
		d->warnings++;
	else
		d->errors++;
	if (d->count == KEPT_MAX)
		return;
	item.hint = escaped_hint(d, hint);
	keep_source(d, &item);
	d->last = &d->items[d->count++];
	*d->last = item;
	d->is_sorted = false;
}

void plan_diag_also(
    struct plan_diag *d, struct plan_place place, const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list args;

	if (!d->last)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	d->last->also_file = file_index(d, place.file);
	d->last->also_line = place.line;
	d->last->also_column = place.column;
	d->last->also = escaped(d, text, strlen(text));
}

void plan_diag_hide_line(struct plan_diag *d, struct plan_place place)
{
	unsigned file = file_index(d, place.file);

	if (place.line == 0)
		d->files[file].is_hidden = true;
	if (d->files[file].is_hidden)
		return;
	d->hidden = mem_grow(
	    d->hidden, &d->hidden_cap, d->hidden_count, sizeof(*d->hidden));
	d->hidden[d->hidden_count++] =
	    (struct hidden){.file = file, .line = place.line};
}

void plan_diag_set_class(struct plan_diag *d, enum plan_diag_class c)
{
	if (c > d->class)
		d->class = c;
}

enum plan_diag_class plan_diag_get_class(const struct plan_diag *d)
{
	return d->class;
}

size_t plan_diag_errors(const struct plan_diag *d)
{
	return d->errors;
}

size_t plan_diag_warnings(const struct plan_diag *d)
{
	return d->warnings;
}

static int compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void sort(struct plan_diag *d)
{
	if (!d->is_sorted)
		qsort(d->items, d->count, sizeof(d->items[0]), compare);
	d->is_sorted = true;
	d->last = NULL; // it may stand elsewhere now
}

bool plan_diag_get(
    struct plan_diag *d, size_t index, struct plan_diag_item *out)
{
	sort(d);
	if (index >= d->count)
		return false;
	const struct item *item = &d->items[index];
	*out = (struct plan_diag_item){.code = item->code,
	    .is_warning = item->code[0] == 'W',
	    .place = {d->files[item->file].name, item->line, item->column},
	    .width = item->width,
	    .message = item->message,
	    .hint = item->hint};
	return true;
}

static bool is_hidden(const struct plan_diag *d, const struct item *item)
{
	if (d->files[item->file].is_hidden)
		return true;
	for (size_t i = 0; i < d->hidden_count; i++)
		if (d->hidden[i].line == item->line &&
		    d->hidden[i].file == item->file)
			return true;
	return false;
}

struct paint {
	const char *error, *warning, *rail, *off;
};

static void print_place(const struct plan_diag *d, FILE *out, unsigned file,
    unsigned line, unsigned column)
{
	char name[TEXT_BYTES];
	const char *raw = d->files[file].name;

	text_escape(raw, strlen(raw), name, sizeof(name));
	if (line)
		(void)fprintf(out, "%s:%u:%u", name, line, column);
	else
		(void)fprintf(out, "%s", name);
}

static void print_source(const struct plan_diag *d, const struct item *item,
    FILE *out, const struct paint *p)
{
	bool hide = is_hidden(d, item);

	if (!item->source)
		return;
	(void)fprintf(out, "%s      |%s\n", p->rail, p->off);
	(void)fprintf(out, "%s%5u |%s %s\n", p->rail, item->line, p->off,
	    hide ? hidden_text : item->source);
	if (hide)
		return;
	(void)fprintf(out, "%s      |%s %*s%s", p->rail, p->off, (int)item->pad,
	    "", p->error);
	for (unsigned i = 0; i < item->carets || i == 0; i++)
		(void)fputc('^', out);
	(void)fprintf(out, "%s\n", p->off);
}

static void print_hint(const char *hint, FILE *out, const struct paint *p)
{
	while (hint) {
		size_t len = strcspn(hint, "\n");
		(void)fprintf(
		    out, "%s      =%s %.*s\n", p->rail, p->off, (int)len, hint);
		hint = hint[len] ? hint + len + 1 : NULL;
	}
}

static void print_item(const struct plan_diag *d, const struct item *item,
    FILE *out, const struct paint *p)
{
	bool warning = item->code[0] == 'W';

	(void)fprintf(out, "%s%s[%s]%s: %s\n", warning ? p->warning : p->error,
	    warning ? "warning" : "error", item->code, p->off, item->message);
	(void)fprintf(out, "%s  -->%s ", p->rail, p->off);
	print_place(d, out, item->file, item->line, item->column);
	(void)fputc('\n', out);
	print_source(d, item, out, p);
	if (item->also) {
		(void)fprintf(out, "%s  -->%s ", p->rail, p->off);
		print_place(d, out, item->also_file, item->also_line,
		    item->also_column);
		(void)fprintf(out, "  %s\n", item->also);
	}
	print_hint(item->hint, out, p);
	(void)fputc('\n', out);
}

void plan_diag_print(struct plan_diag *d, FILE *out, bool colour)
{
	static const struct paint plain = {"", "", "", ""};
	static const struct paint painted = {
	    "\033[1;31m", "\033[1;33m", "\033[34m", "\033[0m"};
	const struct paint *p = colour ? &painted : &plain;
	size_t shown = d->count < SHOWN_MAX ? d->count : SHOWN_MAX;

	sort(d);
	for (size_t i = 0; i < shown; i++)
		print_item(d, &d->items[i], out, p);
	size_t left = d->errors + d->warnings - shown;
	if (left)
		(void)fprintf(out, "%zu more problem%s not shown\n\n", left,
		    left == 1 ? "" : "s");
}
