// SPDX-License-Identifier: MIT
#include "orchestrator/journal_read.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/tally_json.h"
#include "orchestrator/journal.h"
#include "orchestrator/journal_line.h"
#include "orchestrator/journal_parts.h"

enum {
	LINE_MAX_BYTES = 64 * 1024,
	INDEX_MIN = 64
};

/* ---------------------------------------------------------------- walk */

struct walk {
	const char *path;
	journal_line_fn *fn;
	void *context;
	struct journal_extent *extent;
	uint64_t line;
	bool is_parts;  /* what is read now */
	bool is_torn;   /* the parts end inside of one */
	bool has_parts; /* so a line may come twice */
	bool has_new;   /* a line of the journal itself is not in them */
};

static int damaged(const struct walk *w, const char *what, struct error *err)
{
	return error_set(err, ERROR_OS, "local.journal",
	    "%s:%llu: %s; the file is kept as it is: move the run directory away to start anew",
	    w->path, (unsigned long long)w->line, what);
}

/* A run's directory may come from anybody: what would move a cursor is made
 * visible before it is kept. */
static int clean(json_t *line)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(line, next, key, value)
	{
		const char *s = json_string_value(value);
		if (!s || text_is_shown(s))
			continue;
		size_t max = 4 * strlen(s) + 8;
		char *shown = mem_try_calloc(max, 1);
		json_t *better =
		    shown ? json_string(text_escape(s, strlen(s), shown, max))
			  : NULL;
		free(shown);
		if (json_object_set_new(line, key, better) < 0)
			return -1;
	}
	return 0;
}

/* 1 a good line, 0 not JSON of ours, -1. */
static int take_line(
    struct walk *w, const char *bytes, size_t len, struct error *err)
{
	json_error_t problem;
	json_t *line = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &problem);
	const json_t *v = json_object_get(line, "v");
	const json_t *seq = json_object_get(line, "seq");
	int rc = 1;

	if (!json_is_object(line) || !json_is_integer(v) ||
	    !json_is_integer(seq) ||
	    !json_is_string(json_object_get(line, "ev"))) {
		rc = 0;
	} else if (json_integer_value(v) != JOURNAL_VERSION) {
		rc = damaged(w, "written by another version", err);
	} else if (w->has_parts &&
		   (uint64_t)json_integer_value(seq) <= w->extent->seq) {
		w->extent->good_bytes += w->is_parts ? 0 : len;
	} else if ((uint64_t)json_integer_value(seq) != w->extent->seq + 1) {
		rc = damaged(w, "lines are missing before this one", err);
	} else if (clean(line) < 0) {
		rc = error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	} else if (w->fn(line, w->context, err) < 0) {
		rc = -1;
	} else {
		w->extent->good_bytes += w->is_parts ? 0 : len;
		w->extent->seq++;
		w->has_new |= !w->is_parts;
	}
	json_decref(line);
	return rc;
}

static int walk_stream(FILE *in, struct walk *w, struct error *err)
{
	char *line = mem_try_calloc(LINE_MAX_BYTES, 1);
	int rc = 0;

	if (!line)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	while (rc == 0 && fgets(line, LINE_MAX_BYTES, in)) {
		size_t len = strlen(line);
		int good = 0;
		w->line++;
		if (len > 0 && line[len - 1] == '\n')
			good = take_line(w, line, len, err);
		if (good < 0) {
			rc = -1;
		} else if (good == 0 && w->is_parts) {
			w->is_torn = true;
			break; // the lines from here on are in the journal
		} else if (good == 0 && fgetc(in) != EOF) {
			rc = damaged(w, "the line is damaged", err);
		} else if (good == 0) {
			break; // torn: the last line may be
		}
	}
	free(line);
	if (rc == 0 && !w->is_parts && ferror(in))
		rc = error_set_errno(err, ERROR_OS, "local.journal",
		    "cannot read '%s'", w->path);
	return rc;
}

int journal_walk(const char *path, journal_line_fn *fn, void *context,
    struct journal_extent *extent_out, struct error *err)
{
	struct walk w = {
	    .path = path, .fn = fn, .context = context, .extent = extent_out};
	// before the parts: what leaves it meanwhile is read here all the same
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");

	*extent_out = (struct journal_extent){0};
	if (!in) {
		if (fd >= 0)
			(void)close(fd);
		return error_set_errno(
		    err, ERROR_OS, "local.journal", "cannot open '%s'", path);
	}
	FILE *parts = journal_parts_open(path);
	int rc = 0;
	if (parts) {
		w.has_parts = w.is_parts = true;
		rc = walk_stream(parts, &w, err);
		w.is_torn |= ferror(parts) != 0;
		(void)fclose(parts);
		w.is_parts = false;
		w.line = 0;
	}
	if (rc == 0)
		rc = walk_stream(in, &w, err);
	(void)fclose(in);
	// the lines of a torn one have not left the journal yet
	if (rc == 0 && w.is_torn && extent_out->good_bytes == 0)
		rc = damaged(&w, "its compressed parts are damaged", err);
	// killed before it was emptied: whoever writes next does it
	if (rc == 0 && w.has_parts && !w.has_new)
		extent_out->good_bytes = 0;
	return rc;
}

/* --------------------------------------------------------------- index */

static size_t hash_id(const char *id)
{
	uint64_t h = 1469598103934665603ULL; // FNV-1a

	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * 1099511628211ULL;
	return (size_t)h;
}

static size_t *index_slot(const struct journal_run *run, const char *id)
{
	size_t mask = run->index_size - 1;
	size_t at = hash_id(id) & mask;

	while (run->index[at] &&
	       strcmp(run->accounts[run->index[at] - 1].id, id) != 0)
		at = (at + 1) & mask;
	return &run->index[at];
}

struct journal_account *journal_find(
    const struct journal_run *run, const char *id)
{
	if (!run->index)
		return NULL;
	size_t at = *index_slot(run, id);
	return at ? &run->accounts[at - 1] : NULL;
}

static int grow_index(struct journal_run *run)
{
	size_t size = run->index_size ? run->index_size * 2 : INDEX_MIN;
	size_t *index = mem_try_calloc(size, sizeof(*index));

	if (!index)
		return -1;
	free(run->index);
	run->index = index;
	run->index_size = size;
	for (size_t i = 0; i < run->count; i++)
		*index_slot(run, run->accounts[i].id) = i + 1;
	return 0;
}

static struct journal_account *add_account(
    struct journal_run *run, const char *id)
{
	void *grown = mem_try_grow(
	    run->accounts, &run->cap, run->count, sizeof(*run->accounts));

	if (!grown)
		return NULL;
	run->accounts = grown;
	if (run->count * 2 >= run->index_size && grow_index(run) < 0)
		return NULL;
	struct journal_account *a = &run->accounts[run->count];
	*a = (struct journal_account){.id = mem_try_strdup(id)};
	if (!a->id)
		return NULL;
	*index_slot(run, id) = ++run->count;
	return a;
}

/* -------------------------------------------------------------- events */

static json_int_t get_number(const json_t *line, const char *key)
{
	return json_integer_value(json_object_get(line, key));
}

static int keep_text(char **out, const json_t *line, const char *key)
{
	free(*out);
	*out = mem_try_strdup(journal_line_text(line, key));
	return *out ? 0 : -1;
}

static void keep_time(char out[CLOCK_TEXT_BYTES], const json_t *line)
{
	(void)snprintf(
	    out, CLOCK_TEXT_BYTES, "%s", journal_line_text(line, "t"));
}

static void keep_digest(char out[17], const json_t *line)
{
	(void)snprintf(out, 17, "%s", journal_line_text(line, "digest"));
}

/* A resumed run may have more columns than the one before; an account's
 * values are found by name, so the longer list is kept. */
static int keep_columns(struct journal_run *run, const json_t *columns)
{
	size_t count = json_array_size(columns);

	if (count == 0 || run->extra_count > 0)
		return 0;
	run->extra_names = mem_try_calloc(count, sizeof(char *));
	for (size_t i = 0; run->extra_names && i < count; i++) {
		const char *name =
		    json_string_value(json_array_get(columns, i));
		run->extra_names[i] = mem_try_strdup(name ? name : "");
		if (!run->extra_names[i])
			return -1;
		run->extra_count++;
	}
	return run->extra_names ? 0 : -1;
}

static int on_run_start(struct journal_run *run, const json_t *line)
{
	const json_t *bad_at = json_object_get(line, "bad_at");

	if (run->started[0] == '\0')
		keep_time(run->started, line);
	run->has_ended = run->is_complete = false;
	run->ended[0] = '\0';
	run->is_dry = json_is_true(json_object_get(line, "dry_run"));
	run->no_message_ids =
	    json_is_false(json_object_get(line, "message_ids"));
	run->bad_percent = bad_at ? (unsigned)json_integer_value(bad_at) : 1;
	keep_digest(run->plan_digest, line);
	if (keep_text(&run->run_id, line, "run") < 0 ||
	    keep_text(&run->plan, line, "plan") < 0 ||
	    keep_text(&run->pass, line, "pass") < 0 ||
	    keep_text(&run->version, line, "version") < 0 ||
	    keep_text(&run->timezone, line, "timezone") < 0 ||
	    keep_columns(run, json_object_get(line, "columns")) < 0)
		return -1;
	return keep_text(&run->plan_path, line, "path");
}

static int on_run_end(struct journal_run *run, const json_t *line)
{
	run->has_ended = true;
	run->is_complete = json_is_true(json_object_get(line, "complete"));
	run->exit = (int)get_number(line, "exit");
	keep_time(run->ended, line);
	return 0;
}

/* A new approval counts from here. */
static int on_operator(struct journal_run *run, const json_t *line)
{
	if (strcmp(journal_line_text(line, "what"), "approve") != 0)
		return 0;
	for (size_t i = 0; i < run->count; i++)
		run->accounts[i].deleted_total =
		    run->accounts[i].mailboxes_deleted_total = 0;
	return 0;
}

/* The result of the last attempt, no other. */
static int on_ack(struct journal_run *run, const json_t *line)
{
	struct journal_account *a =
	    journal_find(run, journal_line_text(line, "id"));

	if (!a || a->state != JOURNAL_ENDED ||
	    get_number(line, "attempt") != (json_int_t)a->attempt)
		return 0;
	keep_time(a->ack_time, line);
	if (keep_text(&a->ack_by, line, "by") < 0 ||
	    keep_text(&a->ack_reason, line, "reason") < 0)
		return -1;
	if (json_object_get(line, "exit"))
		run->exit = (int)get_number(line, "exit");
	return 0;
}

static int keep_extras(const struct journal_run *run, struct journal_account *a,
    const json_t *values)
{
	if (!values || run->extra_count == 0)
		return 0;
	if (!a->extras)
		a->extras = mem_try_calloc(run->extra_count, sizeof(char *));
	for (size_t i = 0; a->extras && i < run->extra_count; i++)
		if (keep_text(&a->extras[i], values, run->extra_names[i]) < 0)
			return -1;
	return a->extras ? 0 : -1;
}

static int on_plan(struct journal_run *run, const json_t *line)
{
	const char *id = journal_line_text(line, "id");
	struct journal_account *a = journal_find(run, id);

	if (!a)
		a = add_account(run, id);
	if (!a)
		return -1;
	a->is_dropped = false;
	if (a->attempt == 0)
		keep_digest(a->digest, line);
	if (keep_text(&a->slug, line, "slug") < 0 ||
	    keep_text(&a->source_user, line, "src_user") < 0 ||
	    keep_text(&a->target_user, line, "dst_user") < 0 ||
	    keep_text(&a->source, line, "source") < 0 ||
	    keep_text(&a->target, line, "target") < 0 ||
	    keep_text(&a->groups, line, "groups") < 0)
		return -1;
	return keep_extras(run, a, json_object_get(line, "x"));
}

static void forget_ack(struct journal_account *a)
{
	free(a->ack_by);
	free(a->ack_reason);
	a->ack_by = a->ack_reason = NULL;
	a->ack_time[0] = '\0';
}

/* Messages whose fate is known; that only grows while an attempt runs. */
static uint64_t told_of(const struct tally *t)
{
	return t->copied + t->present + t->vanished + tally_refused(t) +
	       tally_skipped(t);
}

/* What is known of an attempt that was cut off: its last progress, or the
 * mailboxes it had finished since. */
static void close_attempt(struct journal_account *a)
{
	static const enum tally_extra deletions[] = {
	    TALLY_DELETED, TALLY_MAILBOXES_DELETED};
	struct tally t = a->tally;

	if (told_of(&a->so_far) > told_of(&t))
		t = a->so_far;
	// what was deleted counts against an approval: never too little of it
	for (size_t i = 0; i < ARRAY_LEN(deletions); i++) {
		enum tally_extra k = deletions[i];
		uint64_t most = a->so_far.extra[k] > a->tally.extra[k]
				    ? a->so_far.extra[k]
				    : a->tally.extra[k];
		t.extra[k] = most;
	}
	a->tally = t;
	a->copied_total += a->tally.copied;
	a->bytes_total += a->tally.bytes_copied;
	a->deleted_total += a->tally.extra[TALLY_DELETED];
	a->mailboxes_deleted_total += a->tally.extra[TALLY_MAILBOXES_DELETED];
}

static int on_start(struct journal_account *a, const json_t *line)
{
	if (a->state == JOURNAL_RUNNING)
		close_attempt(a);
	a->state = JOURNAL_RUNNING;
	a->is_final = false;
	a->grade = GRADE_NONE;
	forget_ack(a);
	a->attempt = (unsigned)get_number(line, "attempt");
	a->tally = a->so_far = (struct tally){0};
	a->ended[0] = '\0';
	keep_digest(a->digest, line);
	if (a->started[0] == '\0')
		keep_time(a->started, line);
	return keep_text(&a->log, line, "log");
}

static int on_end(struct journal_account *a, const json_t *line)
{
	struct tally t;

	if (tally_json_read(json_object_get(line, "tally"), &t) == 0)
		a->tally = t;
	a->so_far = (struct tally){0};
	close_attempt(a);
	a->state = JOURNAL_ENDED;
	a->is_final = json_is_true(json_object_get(line, "final"));
	a->grade = grade_find(journal_line_text(line, "grade"));
	a->has_next = json_object_get(line, "retry_ms") != NULL;
	a->attempt = (unsigned)get_number(line, "attempt");
	a->exit = (int)get_number(line, "exit");
	a->batch = (int)get_number(line, "batch");
	a->duration_ms += (uint64_t)get_number(line, "ms");
	keep_digest(a->digest, line);
	keep_time(a->ended, line);
	if (keep_text(&a->outcome, line, "outcome") < 0 ||
	    keep_text(&a->reason, line, "reason") < 0)
		return -1;
	return keep_text(&a->text, line, "text");
}

static int on_mailbox(struct journal_account *a, const json_t *line)
{
	struct tally t;

	if (tally_json_read(json_object_get(line, "tally"), &t) == 0)
		tally_add(&a->so_far, &t);
	return 0;
}

static int on_progress(struct journal_account *a, const json_t *line)
{
	struct tally t;

	if (tally_json_read(json_object_get(line, "tally"), &t) == 0)
		a->tally = t;
	return 0;
}

static int on_drop(struct journal_account *a, const json_t *line)
{
	(void)line;
	a->is_dropped = true;
	return 0;
}

static const struct {
	const char *ev;
	int (*of_run)(struct journal_run *run, const json_t *line);
	int (*of_account)(struct journal_account *a, const json_t *line);
} handlers[] = {
    {"run.start", on_run_start, NULL},
    {"run.resume", on_run_start, NULL},
    {"run.end", on_run_end, NULL},
    {"operator", on_operator, NULL},
    {"ack", on_ack, NULL},
    {"account.plan", on_plan, NULL},
    {"account.drop", NULL, on_drop},
    {"account.start", NULL, on_start},
    {"account.end", NULL, on_end},
    {"mailbox", NULL, on_mailbox},
    {"progress", NULL, on_progress},
};

struct reader {
	struct journal_run *run;
	journal_line_fn *also; /* may be NULL */
	void *context;
};

static int apply(const json_t *line, void *context, struct error *err)
{
	const struct reader *reader = context;
	struct journal_run *run = reader->run;
	const char *ev = journal_line_text(line, "ev");
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		if (strcmp(handlers[i].ev, ev) != 0)
			continue;
		if (handlers[i].of_run) {
			rc = handlers[i].of_run(run, line);
			break;
		}
		const char *id = journal_line_text(line, "id");
		struct journal_account *a = journal_find(run, id);
		if (!a)
			a = add_account(run, id);
		rc = a ? handlers[i].of_account(a, line) : -1;
		break;
	}
	if (rc < 0)
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	if (rc == 0 && reader->also)
		rc = reader->also(line, reader->context, err);
	return rc;
}

/* --------------------------------------------------------------- a run */

struct journal_run *journal_read(const char *path, struct error *err)
{
	struct journal_run *run = NULL;

	return journal_read_with(path, NULL, NULL, &run, err);
}

/* Of journals that do not say it themselves. */
static void grade_account(
    const struct journal_run *run, struct journal_account *a)
{
	if (a->state == JOURNAL_ENDED && a->is_final && a->grade == GRADE_NONE)
		a->grade = grade_of(a->outcome, &a->tally, run->bad_percent);
}

struct journal_run *journal_read_with(const char *path, journal_line_fn *fn,
    void *context, struct journal_run **run_out, struct error *err)
{
	struct journal_run *run = mem_try_calloc(1, sizeof(*run));
	struct reader reader = {run, fn, context};

	*run_out = run;

	if (!run) {
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
		return NULL;
	}
	if (journal_walk(path, apply, &reader, &run->extent, err) < 0) {
		journal_run_free(run);
		return NULL;
	}
	if (!run->run_id) {
		journal_run_free(run);
		(void)error_set(
		    err, ERROR_OS, "local.journal", "'%s' holds no run", path);
		return NULL;
	}
	for (size_t i = 0; i < run->count; i++) {
		if (run->accounts[i].state == JOURNAL_RUNNING)
			close_attempt(&run->accounts[i]);
		grade_account(run, &run->accounts[i]);
	}
	return run;
}

static void release_account(
    const struct journal_run *run, struct journal_account *a)
{
	for (size_t i = 0; a->extras && i < run->extra_count; i++)
		free(a->extras[i]);
	free(a->extras);
	free(a->source_user);
	free(a->target_user);
	free(a->source);
	free(a->target);
	free(a->groups);
	free(a->id);
	free(a->slug);
	free(a->outcome);
	free(a->reason);
	free(a->text);
	free(a->log);
	forget_ack(a);
}

void journal_run_free(struct journal_run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->count; i++)
		release_account(run, &run->accounts[i]);
	for (size_t i = 0; i < run->extra_count; i++)
		free(run->extra_names[i]);
	free(run->extra_names);
	free(run->pass);
	free(run->version);
	free(run->timezone);
	free(run->accounts);
	free(run->index);
	free(run->run_id);
	free(run->plan);
	free(run->plan_path);
	free(run);
}

bool journal_is_of_pass(const struct journal_run *run, const char *pass)
{
	return strcmp(run->pass, pass ? pass : "") == 0;
}

const char *journal_outcome(const struct journal_account *account)
{
	switch (account->state) {
	case JOURNAL_PLANNED:
		return "pending";
	case JOURNAL_RUNNING:
		return "interrupted";
	case JOURNAL_ENDED:
		break;
	}
	return account->outcome;
}

int journal_exit(const struct journal_run *run)
{
	int code = EXIT_CODE_OK;

	if (!run->is_complete)
		return run->exit;
	for (size_t i = 0; i < run->count; i++) {
		const struct journal_account *a = &run->accounts[i];
		if (!a->is_dropped && a->is_final && !a->ack_by)
			code = exit_code_worse(code, a->batch);
	}
	return code;
}
