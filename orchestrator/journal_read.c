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
#include "engine/contract/exit_code.h"
#include "engine/contract/tally_json.h"
#include "orchestrator/journal.h"
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
		    err, ERROR_OS, "local.memory", "out of memory");
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
		rc = error_set(err, ERROR_OS, "local.journal",
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

static const char *get_text(const json_t *line, const char *key)
{
	const char *s = json_string_value(json_object_get(line, key));

	return s ? s : "";
}

static json_int_t get_number(const json_t *line, const char *key)
{
	return json_integer_value(json_object_get(line, key));
}

static int keep_text(char **out, const json_t *line, const char *key)
{
	free(*out);
	*out = mem_try_strdup(get_text(line, key));
	return *out ? 0 : -1;
}

static void keep_time(char out[CLOCK_TEXT_BYTES], const json_t *line)
{
	(void)snprintf(out, CLOCK_TEXT_BYTES, "%s", get_text(line, "t"));
}

static void keep_digest(char out[17], const json_t *line)
{
	(void)snprintf(out, 17, "%s", get_text(line, "digest"));
}

static int on_run_start(struct journal_run *run, const json_t *line)
{
	if (run->started[0] == '\0')
		keep_time(run->started, line);
	run->has_ended = run->is_complete = false;
	run->ended[0] = '\0';
	run->is_dry = json_is_true(json_object_get(line, "dry_run"));
	keep_digest(run->plan_digest, line);
	if (keep_text(&run->run_id, line, "run") < 0 ||
	    keep_text(&run->plan, line, "plan") < 0)
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
	if (strcmp(get_text(line, "what"), "approve") != 0)
		return 0;
	for (size_t i = 0; i < run->count; i++)
		run->accounts[i].deleted_total =
		    run->accounts[i].mailboxes_deleted_total = 0;
	return 0;
}

static int on_plan(struct journal_account *a, const json_t *line)
{
	a->is_dropped = false;
	if (a->attempt == 0)
		keep_digest(a->digest, line);
	return keep_text(&a->slug, line, "slug");
}

/* What is known of an attempt that was cut off: its last progress, or the
 * mailboxes it had finished since. */
static void close_attempt(struct journal_account *a)
{
	if (a->so_far.copied > a->tally.copied)
		a->tally = a->so_far;
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
    {"account.plan", NULL, on_plan},
    {"account.drop", NULL, on_drop},
    {"account.start", NULL, on_start},
    {"account.end", NULL, on_end},
    {"mailbox", NULL, on_mailbox},
    {"progress", NULL, on_progress},
};

static int apply(const json_t *line, void *context, struct error *err)
{
	struct journal_run *run = context;
	const char *ev = get_text(line, "ev");
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		if (strcmp(handlers[i].ev, ev) != 0)
			continue;
		if (handlers[i].of_run) {
			rc = handlers[i].of_run(run, line);
			break;
		}
		const char *id = get_text(line, "id");
		struct journal_account *a = journal_find(run, id);
		if (!a)
			a = add_account(run, id);
		rc = a ? handlers[i].of_account(a, line) : -1;
		break;
	}
	if (rc < 0)
		(void)error_set(err, ERROR_OS, "local.memory", "out of memory");
	return rc;
}

/* --------------------------------------------------------------- a run */

struct journal_run *journal_read(const char *path, struct error *err)
{
	struct journal_run *run = mem_try_calloc(1, sizeof(*run));

	if (!run) {
		(void)error_set(err, ERROR_OS, "local.memory", "out of memory");
		return NULL;
	}
	if (journal_walk(path, apply, run, &run->extent, err) < 0) {
		journal_run_free(run);
		return NULL;
	}
	if (!run->run_id) {
		journal_run_free(run);
		(void)error_set(
		    err, ERROR_OS, "local.journal", "'%s' holds no run", path);
		return NULL;
	}
	for (size_t i = 0; i < run->count; i++)
		if (run->accounts[i].state == JOURNAL_RUNNING)
			close_attempt(&run->accounts[i]);
	return run;
}

void journal_run_free(struct journal_run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->count; i++) {
		struct journal_account *a = &run->accounts[i];
		free(a->id);
		free(a->slug);
		free(a->outcome);
		free(a->reason);
		free(a->text);
		free(a->log);
	}
	free(run->accounts);
	free(run->index);
	free(run->run_id);
	free(run->plan);
	free(run->plan_path);
	free(run);
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
