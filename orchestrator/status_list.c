// SPDX-License-Identifier: MIT
#include "orchestrator/status_list.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/tally.h"
#include "orchestrator/columns.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report.h"
#include "orchestrator/snapshot.h"

enum {
	CELL_BYTES = 2048,
	LINE_BYTES = 8192,
	NAME_BYTES = 32
};

/* An account as it is shown. */
struct row {
	const struct journal_account *a;
	const char *outcome; /* also "running", "retrying", "dropped" */
	const char *mailbox; /* of one that runs */
	uint64_t copied, bytes, expected;
	uint64_t seconds;
	size_t place;
};

/* --------------------------------------------------------------- columns */

struct cell {
	const char *text; /* NULL: a number */
	uint64_t number;
};

struct column {
	const char *name;
	int width;     /* of a table; negative: to the right */
	bool is_table; /* else of wide and csv only */
	bool is_bytes; /* shown with a unit in tables */
	struct cell (*get)(const struct row *r);
};

static struct cell as_text(const char *s)
{
	return (struct cell){.text = s ? s : ""};
}

static struct cell as_number(uint64_t n)
{
	return (struct cell){.number = n};
}

static struct cell get_id(const struct row *r)
{
	return as_text(r->a->id);
}

static struct cell get_outcome(const struct row *r)
{
	return as_text(r->outcome);
}

static struct cell get_grade(const struct row *r)
{
	return as_text(grade_name(r->a->grade));
}

static struct cell get_attempts(const struct row *r)
{
	return as_number(r->a->attempt);
}

static struct cell get_source(const struct row *r)
{
	return as_number(r->a->tally.source > r->expected ? r->a->tally.source
							  : r->expected);
}

static struct cell get_copied(const struct row *r)
{
	return as_number(r->copied);
}

static struct cell get_present(const struct row *r)
{
	return as_number(r->a->tally.present);
}

static struct cell get_refused(const struct row *r)
{
	return as_number(tally_refused(&r->a->tally));
}

static struct cell get_skipped(const struct row *r)
{
	return as_number(tally_skipped(&r->a->tally));
}

static struct cell get_bytes(const struct row *r)
{
	return as_number(r->bytes);
}

static struct cell get_reason(const struct row *r)
{
	return as_text(r->a->state == JOURNAL_ENDED ? r->a->reason : "");
}

static struct cell get_seconds(const struct row *r)
{
	return as_number(r->seconds);
}

static struct cell get_started(const struct row *r)
{
	return as_text(r->a->started);
}

static struct cell get_ended(const struct row *r)
{
	return as_text(r->a->ended);
}

static struct cell get_exit(const struct row *r)
{
	static const char none[] = "";

	return r->a->state == JOURNAL_ENDED ? as_number((uint64_t)r->a->exit)
					    : as_text(none);
}

static struct cell get_mailbox(const struct row *r)
{
	return as_text(r->mailbox);
}

static struct cell get_text(const struct row *r)
{
	return as_text(r->a->state == JOURNAL_ENDED ? r->a->text : "");
}

static struct cell get_log(const struct row *r)
{
	return as_text(r->a->log);
}

static const struct column columns[] = {
    {"account", -24, true, false, get_id},
    {"outcome", -12, true, false, get_outcome},
    {"tries", 5, true, false, get_attempts},
    {"source", 10, false, false, get_source},
    {"copied", 10, true, false, get_copied},
    {"present", 10, true, false, get_present},
    {"refused", 8, true, false, get_refused},
    {"skipped", 8, false, false, get_skipped},
    {"bytes", 10, true, true, get_bytes},
    {"seconds", 8, false, false, get_seconds},
    {"exit", 4, false, false, get_exit},
    {"grade", -8, false, false, get_grade},
    {"started", -24, false, false, get_started},
    {"ended", -24, false, false, get_ended},
    {"mailbox", -20, false, false, get_mailbox},
    {"reason", -20, true, false, get_reason},
    {"text", -20, false, false, get_text},
    {"log", 0, false, false, get_log},
};

/* Other words for the same. */
static const char *const other_names[][2] = {
    {"id", "account"}, {"state", "outcome"}, {"attempts", "tries"}};

static const struct column *find_column(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
		if (text_equal_fold(other_names[i][0],
			strlen(other_names[i][0]), name, len)) {
			name = other_names[i][1];
			len = strlen(name);
		}
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (text_equal_fold(
			columns[i].name, strlen(columns[i].name), name, len))
			return &columns[i];
	return NULL;
}

static int no_column(const char *what, const char *name, struct error *err)
{
	char known[400] = "";
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		int n = snprintf(
		    known + used, sizeof(known) - used, " %s", columns[i].name);
		used += n > 0 ? (size_t)n : 0;
	}
	return error_set(err, ERROR_USAGE, "status.column",
	    "%s: '%s' does not name a column: there are%s", what, name, known);
}

enum status_format status_list_format(const char *name)
{
	static const char *const names[] = {
	    "table", "wide", "json", "jsonl", "csv", "name"};
	size_t i = 0;

	while (i < ARRAY_LEN(names) && strcmp(names[i], name) != 0)
		i++;
	return (enum status_format)i;
}

int status_list_check(const struct status_choice *choice, struct error *err)
{
	const char *sort = choice->sort_by;

	for (size_t i = 0; i < choice->filter_count; i++) {
		const char *filter = choice->filters[i];
		size_t len = strcspn(filter, "=");
		if (filter[len] != '=')
			return error_set(err, ERROR_USAGE, "status.filter",
			    "--filter wants KEY=VALUE, not '%s'", filter);
		if (!find_column(filter, len))
			return no_column("--filter", filter, err);
	}
	if (sort && sort[0] == '-')
		sort++;
	if (sort && !find_column(sort, strlen(sort)))
		return no_column("--sort-by", sort, err);
	return 0;
}

/* ------------------------------------------------------------------ rows */

static const char *shown_outcome(const struct journal_account *a, bool live)
{
	if (a->is_dropped)
		return "dropped";
	if (live && a->state == JOURNAL_RUNNING)
		return "running";
	// the batch does not wait for one that is deferred
	if (live && a->state == JOURNAL_ENDED && a->has_next &&
	    strcmp(a->outcome, "deferred") != 0)
		return "retrying";
	return journal_outcome(a);
}

static const char *shown_state(const struct journal_run *run, bool live)
{
	return live && !run->has_ended ? "running"
	       : run->is_complete      ? "finished"
				       : "unfinished";
}

/* NULL: none, or one that would move a cursor. */
static const char *get_shown(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && text_is_shown(s) ? s : NULL;
}

static uint64_t get_number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n < 0 ? 0 : (uint64_t)n;
}

/* The journal hears of an engine twice a minute, status.json each second. */
static void add_running(struct row *r, const json_t *running)
{
	const json_t *o;
	size_t i;

	json_array_foreach(running, i, o)
	{
		const char *id = json_string_value(json_object_get(o, "id"));
		if (!id || strcmp(id, r->a->id) != 0 ||
		    get_number(o, "attempt") != r->a->attempt)
			continue;
		// the journal's sum holds this attempt as far as it knows it
		uint64_t copied = get_number(o, "copied");
		uint64_t bytes = get_number(o, "bytes");
		if (copied > r->a->tally.copied)
			r->copied += copied - r->a->tally.copied;
		if (bytes > r->a->tally.bytes_copied)
			r->bytes += bytes - r->a->tally.bytes_copied;
		r->expected = get_number(o, "expected");
		r->seconds += get_number(o, "ms") / 1000;
		r->mailbox = get_shown(o, "mailbox");
	}
}

static struct row *make_rows(
    const struct journal_run *run, bool live, const json_t *now)
{
	struct row *rows = mem_try_calloc(run->count + 1, sizeof(*rows));
	const json_t *running = json_object_get(now, "running");

	for (size_t i = 0; rows && i < run->count; i++) {
		const struct journal_account *a = &run->accounts[i];
		rows[i] = (struct row){.a = a,
		    .outcome = shown_outcome(a, live),
		    .copied = a->copied_total,
		    .bytes = a->bytes_total,
		    .seconds = a->duration_ms / 1000,
		    .place = i};
		if (live && a->state == JOURNAL_RUNNING)
			add_running(&rows[i], running);
	}
	return rows;
}

static const char *cell_text(
    const struct cell *cell, char out[static NAME_BYTES])
{
	if (cell->text)
		return cell->text;
	(void)snprintf(out, NAME_BYTES, "%" PRIu64, cell->number);
	return out;
}

static bool is_chosen(const struct row *r, const struct status_choice *choice)
{
	char number[NAME_BYTES];

	for (size_t i = 0; i < choice->filter_count; i++) {
		const char *filter = choice->filters[i];
		size_t len = strcspn(filter, "=");
		const struct column *c = find_column(filter, len);
		struct cell cell = c ? c->get(r) : as_text("");
		if (!text_wildcard(filter + len + 1, cell_text(&cell, number)))
			return false;
	}
	return true;
}

struct order {
	const struct column *column;
	bool down;
};

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct row *left = a, *right = b;
	const struct order *order = context;
	struct cell l = order->column->get(left);
	struct cell r = order->column->get(right);
	int c = 0;

	if (l.text && r.text)
		c = strcmp(l.text, r.text);
	else if (l.text || r.text)
		c = l.text ? -1 : 1; // what is not known comes first
	else
		c = (l.number > r.number) - (l.number < r.number);
	if (order->down)
		c = -c;
	return c != 0 ? c : (left->place > right->place) * 2 - 1;
}

/* Keeps what is chosen, in the order that is asked for. */
static size_t choose(
    struct row *rows, size_t count, const struct status_choice *choice)
{
	const char *sort = choice->sort_by;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (is_chosen(&rows[i], choice))
			rows[kept++] = rows[i];
	if (sort) {
		struct order order = {.down = sort[0] == '-'};
		sort += order.down;
		order.column = find_column(sort, strlen(sort));
		if (order.column)
			qsort_r(
			    rows, kept, sizeof(*rows), compare_rows, &order);
	}
	return kept;
}

/* -------------------------------------------------------------- as table */

struct printer {
	const struct journal_run *run;
	const struct status_choice *choice;
	const json_t *now;
	bool live;
	FILE *out;
};

static void put_line(const struct printer *p, const char *line)
{
	char cut[LINE_BYTES];
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == ' ')
		len--;
	if (p->choice->columns > 0)
		(void)columns_cut(
		    line, len, p->choice->columns, cut, sizeof(cut));
	else
		(void)snprintf(cut, sizeof(cut), "%.*s", (int)len, line);
	(void)fprintf(p->out, "%s\n", cut);
}

/* One cell padded to its column; what is longer pushes the rest. */
static size_t put_cell(const struct column *c, const char *text, char *line,
    size_t used, size_t max)
{
	size_t width = columns_of(text, strlen(text));
	size_t want = (size_t)(c->width < 0 ? -c->width : c->width);
	int pad = width < want ? (int)(want - width) : 0;
	int n =
	    c->width < 0
		? snprintf(line + used, max - used, "%s%*s ", text, pad, "")
		: snprintf(line + used, max - used, "%*s%s ", pad, "", text);

	return n < 0 || (size_t)n >= max - used ? max - 1 : used + (size_t)n;
}

static void print_row(const struct printer *p, const struct row *r)
{
	char line[LINE_BYTES], number[NAME_BYTES], upper[NAME_BYTES];
	size_t used = 0;

	line[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		const struct column *c = &columns[i];
		if (!c->is_table && p->choice->format != STATUS_WIDE)
			continue;
		const char *shown = upper;
		if (r) {
			struct cell cell = c->get(r);
			shown = cell_text(&cell, number);
			if (c->is_bytes)
				shown = text_bytes(
				    cell.number, number, sizeof(number));
		} else {
			for (size_t k = 0; k < sizeof(upper); k++) {
				char ch = c->name[k];
				upper[k] =
				    (char)(ch >= 'a' && ch <= 'z' ? ch - 32
								  : ch);
				if (!ch)
					break;
			}
		}
		used = put_cell(c, shown, line, used, sizeof(line));
	}
	put_line(p, line);
}

static void print_head(const struct printer *p)
{
	const json_t *eta = json_object_get(p->now, "eta_seconds");
	char line[LINE_BYTES], speed[32], left[32] = "";

	(void)snprintf(line, sizeof(line), "%s  %s %s  %s%s%s", p->run->plan,
	    p->run->is_dry ? "dry run" : "run", p->run->run_id,
	    shown_state(p->run, p->live), p->run->ended[0] ? " " : "",
	    p->run->ended);
	put_line(p, line);
	if (!p->live || !p->now)
		return;
	const char *stage = get_shown(p->now, "stage");
	const char *by = get_shown(p->now, "eta_by");
	if (eta)
		(void)snapshot_duration(
		    json_integer_value(eta), left, sizeof(left));
	(void)snprintf(line, sizeof(line),
	    "stage %s  pid %" PRIu64 "  %" PRIu64 "/%" PRIu64
	    " accounts  %s/s%s%s%s%s%s",
	    stage ? stage : "?", get_number(p->now, "pid"),
	    get_number(p->now, "done"), get_number(p->now, "total"),
	    text_bytes(get_number(p->now, "rate"), speed, sizeof(speed)),
	    eta ? "  ETA " : "", left, eta && by ? " (by " : "",
	    eta && by ? by : "", eta && by ? ")" : "");
	put_line(p, line);
}

static void print_sum(const struct printer *p)
{
	struct tally sum = {0};
	size_t ended = 0, all = 0;
	char text[512], line[LINE_BYTES];

	for (size_t i = 0; i < p->run->count; i++) {
		const struct journal_account *a = &p->run->accounts[i];
		if (a->is_dropped)
			continue;
		tally_add(&sum, &a->tally);
		all++;
		ended += a->state == JOURNAL_ENDED && a->is_final;
	}
	tally_format(&sum, text, sizeof(text));
	(void)snprintf(line, sizeof(line),
	    "%zu of %zu accounts have a result; %s", ended, all, text);
	put_line(p, line);
}

static void print_table(
    const struct printer *p, const struct row *rows, size_t count)
{
	if (!p->choice->no_headers) {
		print_head(p);
		put_line(p, "");
		print_row(p, NULL);
	}
	for (size_t i = 0; i < count; i++)
		print_row(p, &rows[i]);
	if (!p->choice->no_headers) {
		put_line(p, "");
		print_sum(p);
	}
}

/* ---------------------------------------------------------------- as CSV */

/* RFC 4180; what a spreadsheet would take for a formula gets an apostrophe. */
static void put_csv(FILE *out, const char *text)
{
	bool quoted = strpbrk(text, "\",\r\n") != NULL;
	bool formula = text_is_formula(text, strlen(text));

	if (quoted)
		(void)fputc('"', out);
	if (formula)
		(void)fputc('\'', out);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', out);
		(void)fputc(*text, out);
	}
	if (quoted)
		(void)fputc('"', out);
}

static void print_csv(
    const struct printer *p, const struct row *rows, size_t count)
{
	char number[NAME_BYTES];

	for (size_t i = 0; !p->choice->no_headers && i < ARRAY_LEN(columns);
	     i++)
		(void)fprintf(p->out, "%s%s", i ? "," : "", columns[i].name);
	if (!p->choice->no_headers)
		(void)fputs("\r\n", p->out);
	for (size_t k = 0; k < count; k++) {
		for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
			struct cell cell = columns[i].get(&rows[k]);
			if (i)
				(void)fputc(',', p->out);
			put_csv(p->out, cell_text(&cell, number));
		}
		(void)fputs("\r\n", p->out);
	}
}

/* --------------------------------------------------------------- as JSON */

static json_t *row_json(const struct row *r)
{
	json_t *o = report_account_json(r->a);

	if (!o ||
	    json_object_set_new(o, "state", json_string(r->outcome)) < 0 ||
	    json_object_set_new(
		o, "copied_total", json_integer((json_int_t)r->copied)) < 0 ||
	    json_object_set_new(
		o, "bytes_total", json_integer((json_int_t)r->bytes)) < 0 ||
	    (r->mailbox && json_object_set_new(
			       o, "mailbox", json_string(r->mailbox)) < 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int print_jsonl(
    const struct printer *p, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *o = row_json(&rows[i]);
		int bad = !o || json_dumpf(o, p->out, JSON_COMPACT) < 0 ||
			  fputc('\n', p->out) == EOF;
		json_decref(o);
		if (bad)
			return -1;
	}
	return 0;
}

static int print_json(
    const struct printer *p, const struct row *rows, size_t count)
{
	json_t *o = report_batch_json(p->run);
	json_t *list = json_array();
	int bad = !o || !list;

	for (size_t i = 0; !bad && i < count; i++)
		bad = json_array_append_new(list, row_json(&rows[i])) < 0;
	if (!bad)
		bad = json_object_set_new(o, "state",
			  json_string(shown_state(p->run, p->live))) < 0 ||
		      json_object_set(o, "list", list) < 0 ||
		      (p->live && p->now &&
			  json_object_set(o, "now", (json_t *)p->now) < 0) ||
		      json_dumpf(o, p->out, JSON_INDENT(1)) < 0 ||
		      fputc('\n', p->out) == EOF;
	json_decref(list);
	json_decref(o);
	return bad ? -1 : 0;
}

/* ----------------------------------------------------------------- print */

static int print_as(
    const struct printer *p, const struct row *rows, size_t count)
{
	switch (p->choice->format) {
	case STATUS_TABLE:
	case STATUS_WIDE:
		print_table(p, rows, count);
		return 0;
	case STATUS_JSON:
		return print_json(p, rows, count);
	case STATUS_JSONL:
		return print_jsonl(p, rows, count);
	case STATUS_CSV:
		print_csv(p, rows, count);
		return 0;
	case STATUS_NAME:
		for (size_t i = 0; i < count; i++)
			(void)fprintf(p->out, "%s\n", rows[i].a->id);
		return 0;
	case STATUS_FORMATS:
		break;
	}
	return -1;
}

int status_list_print(const struct journal_run *run, bool live,
    const struct json_t *now, const struct status_choice *choice, FILE *out,
    struct error *err)
{
	const struct printer p = {run, choice, now, live, out};
	struct row *rows = make_rows(run, live, now);

	if (!rows)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	int rc = print_as(&p, rows, choose(rows, run->count, choice));
	free(rows);
	if (rc < 0 || ferror(out))
		return error_set(
		    err, ERROR_OS, "local.output", "cannot write the list");
	return 0;
}
