// SPDX-License-Identifier: MIT
#include "orchestrator/report.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/contract/tally_json.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_out.h"

enum {
	REPORT_VERSION = 1,
	CHUNK = 32 * 1024,
	GZIP_WINDOW = 15 + 16, /* zlib's way to say gzip */
	OS_UNKNOWN = 255,
	LATER_BYTES = 32 * 1024 * 1024
};

/* ---------------------------------------------------------------- gzip */

struct gz {
	z_stream z;
	gz_header header;
	int fd;
	unsigned char out[CHUNK];
};

static int gz_open(struct gz *g, int fd)
{
	*g = (struct gz){.fd = fd, .header = {.os = OS_UNKNOWN}};
	if (deflateInit2(&g->z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return -1;
	return deflateSetHeader(&g->z, &g->header) == Z_OK ? 0 : -1;
}

static int gz_write(struct gz *g, const void *bytes, size_t len, int flush)
{
	g->z.next_in = (unsigned char *)bytes; // zlib does not write there
	g->z.avail_in = (unsigned)len;
	do {
		g->z.next_out = g->out;
		g->z.avail_out = CHUNK;
		if (deflate(&g->z, flush) == Z_STREAM_ERROR)
			return -1;
		size_t n = CHUNK - g->z.avail_out;
		if (n > 0 && fd_write_all(g->fd, g->out, n) < 0)
			return -1;
	} while (g->z.avail_out == 0);
	return 0;
}

/* ---------------------------------------------------------------- lines */

static json_t *text(const char *s)
{
	return json_string(s ? s : "");
}

static json_t *integer(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static const char *grade_of_account(const struct journal_account *a)
{
	return a->grade ? grade_name(a->grade) : NULL;
}

/* {"ok":3,"auth":1}: without the accounts that left the plan. */
static json_t *count_words(const struct journal_run *run,
    const char *(*word_of)(const struct journal_account *a))
{
	json_t *counts = json_object();

	for (size_t i = 0; counts && i < run->count; i++) {
		const struct journal_account *a = &run->accounts[i];
		const char *word = word_of(a);
		if (a->is_dropped || !word)
			continue;
		json_int_t n =
		    json_integer_value(json_object_get(counts, word));
		if (json_object_set_new(counts, word, json_integer(n + 1)) <
		    0) {
			json_decref(counts);
			return NULL;
		}
	}
	return counts;
}

struct json_t *report_batch_json(const struct journal_run *run)
{
	struct tally sum = {0};
	uint64_t copied = 0, bytes = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct journal_account *a = &run->accounts[i];
		if (a->is_dropped)
			continue;
		tally_add(&sum, &a->tally);
		copied += a->copied_total;
		bytes += a->bytes_total;
	}
	return json_pack(
	    "{s:i,s:s,s:o,s:o,s:s,s:s,s:s,s:b,s:i,s:o,s:o,s:o,s:o,s:o,s:o*}",
	    "v", REPORT_VERSION, "kind", "batch", "plan", text(run->plan),
	    "run", text(run->run_id), "digest", run->plan_digest, "started",
	    run->started, "ended", run->ended, "complete",
	    (int)run->is_complete, "exit", run->has_ended ? run->exit : -1,
	    "accounts", count_words(run, journal_outcome), "grades",
	    count_words(run, grade_of_account), "tally", tally_json_new(&sum),
	    "copied_total", integer(copied), "bytes_total", integer(bytes),
	    "dry_run", run->is_dry ? json_true() : NULL);
}

struct json_t *report_account_json(const struct journal_account *a)
{
	json_t *o = json_pack(
	    "{s:i,s:s,s:s,s:s,s:i,s:o,s:o,s:i,s:s,s:s,s:o,s:s,s:o,s:o,s:o,s:o}",
	    "v", REPORT_VERSION, "kind", "account", "id", a->id, "outcome",
	    journal_outcome(a), "exit",
	    a->state == JOURNAL_ENDED ? a->exit : -1, "reason", text(a->reason),
	    "text", text(a->text), "attempts", (int)a->attempt, "started",
	    a->started, "ended", a->ended, "ms", integer(a->duration_ms),
	    "digest", a->digest, "tally", tally_json_new(&a->tally),
	    "copied_total", integer(a->copied_total), "bytes_total",
	    integer(a->bytes_total), "log", text(a->log));

	int bad = !o;
	if (o && a->is_dropped)
		bad |= json_object_set_new(o, "dropped", json_true());
	if (o && a->grade)
		bad |= json_object_set_new(
		    o, "grade", json_string(grade_name(a->grade)));
	if (o && a->ack_by)
		bad |= json_object_set_new(o, "ack",
		    json_pack("{s:s,s:s,s:o}", "by", a->ack_by, "time",
			a->ack_time, "reason", text(a->ack_reason)));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static int fail(struct error *err, const char *path)
{
	return error_set_errno(
	    err, ERROR_OS, "local.disk", "cannot write '%s'", path);
}

/* Lines that stand behind others, while they are few. */
struct later {
	struct buf lines;
	bool is_full; /* then the journal is walked once more */
};

enum {
	MAILBOXES,
	ITEMS,
	WARNINGS,
	VERIFIES,
	DIFFERENCES,
	KINDS
};

static const struct {
	const char *ev, *kind;
} kinds[KINDS] = {
    [MAILBOXES] = {"mailbox", "mailbox"},
    [ITEMS] = {"refused", "item"},
    [WARNINGS] = {"warning", "warning"},
    [VERIFIES] = {"verify", "verify"},
    [DIFFERENCES] = {"difference", "difference"},
};

struct writer {
	struct gz *gz;
	const char *path;
	const struct journal_run *run;
	int now; /* the kind that is written; the others are kept for later */
	struct later later[KINDS];
};

static int out_of_memory(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "local.memory", "out of memory");
}

static int write_bytes(
    struct writer *w, const char *bytes, size_t len, struct error *err)
{
	return gz_write(w->gz, bytes, len, Z_NO_FLUSH) < 0 ? fail(err, w->path)
							   : 0;
}

/* Takes the reference. `later` NULL: now. */
static int put(
    struct writer *w, json_t *line, struct later *later, struct error *err)
{
	char *bytes = line ? json_dumps(line, JSON_COMPACT) : NULL;
	int rc = 0;

	json_decref(line);
	if (!bytes)
		return out_of_memory(err);
	size_t len = strlen(bytes);
	bytes[len] = '\n'; // instead of the NUL
	if (!later)
		rc = write_bytes(w, bytes, len + 1, err);
	else if (buf_append(&later->lines, bytes, len + 1) < 0)
		later->is_full = true;
	free(bytes);
	return rc;
}

/* Lines of the last attempt of an account that is still in the plan: what an
 * earlier attempt said is said again or is done. */
static bool is_wanted(const struct writer *w, const json_t *line)
{
	const char *id = json_string_value(json_object_get(line, "id"));
	const struct journal_account *a = id ? journal_find(w->run, id) : NULL;

	return a && !a->is_dropped &&
	       json_integer_value(json_object_get(line, "attempt")) ==
		   (json_int_t)a->attempt;
}

static json_t *copy_keys(
    const struct writer *w, const json_t *line, const char *kind)
{
	static const char *const keys[] = {"id", "mailbox", "target", "side",
	    "step", "reason", "text", "date", "message_id", "uid", "target_uid",
	    "uidvalidity", "size", "tally", "verify"};
	json_t *o = json_pack("{s:i,s:s}", "v", REPORT_VERSION, "kind", kind);

	for (size_t i = 0; o && i < ARRAY_LEN(keys); i++) {
		json_t *value = json_object_get(line, keys[i]);
		if (w->run->no_message_ids &&
		    strcmp(keys[i], "message_id") == 0)
			continue;
		if (value && json_object_set(o, keys[i], value) < 0) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

static int copy_line(
    const struct json_t *line, void *context, struct error *err)
{
	struct writer *w = context;
	const char *ev = json_string_value(json_object_get(line, "ev"));
	int kind = w->now;

	while (kind < KINDS && strcmp(ev, kinds[kind].ev) != 0)
		kind++;
	if (kind == KINDS || !is_wanted(w, line))
		return 0;
	struct later *later = kind == w->now ? NULL : &w->later[kind];
	if (later && later->is_full)
		return 0;
	return put(w, copy_keys(w, line, kinds[kind].kind), later, err);
}

static int write_kind(
    struct writer *w, const char *journal_path, int kind, struct error *err)
{
	struct journal_extent extent = {0};
	const struct later *later = &w->later[kind];

	if (kind > 0 && !later->is_full)
		return write_bytes(w, later->lines.data, later->lines.len, err);
	w->now = kind;
	return journal_walk(journal_path, copy_line, w, &extent, err);
}

static int write_lines(
    struct writer *w, const char *journal_path, struct error *err)
{
	int rc = put(w, report_batch_json(w->run), NULL, err);

	for (size_t i = 0; rc == 0 && i < w->run->count; i++)
		rc = put(
		    w, report_account_json(&w->run->accounts[i]), NULL, err);
	for (int kind = 0; kind < KINDS; kind++)
		buf_try_init(&w->later[kind].lines, LATER_BYTES);
	for (int kind = 0; rc == 0 && kind < KINDS; kind++)
		rc = write_kind(w, journal_path, kind, err);
	for (int kind = 0; kind < KINDS; kind++)
		buf_release(&w->later[kind].lines);
	if (rc == 0 && gz_write(w->gz, "", 0, Z_FINISH) < 0)
		rc = fail(err, w->path);
	return rc;
}

/* ----------------------------------------------------------------- file */

static int write_file(const struct journal_run *run, const char *journal_path,
    const char *path, int fd, struct error *err)
{
	struct gz *gz = mem_try_calloc(1, sizeof(*gz));
	struct writer w = {.gz = gz, .path = path, .run = run};
	int rc;

	if (!gz || gz_open(gz, fd) < 0) {
		free(gz);
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	}
	rc = write_lines(&w, journal_path, err);
	(void)deflateEnd(&gz->z); // says only that input was left
	free(gz);
	if (rc == 0 && fsync(fd) < 0)
		rc = fail(err, path);
	return rc;
}

static void sync_directory_of(const char *path)
{
	char *copy = mem_try_strdup(path);
	char *slash = copy ? strrchr(copy, '/') : NULL;

	if (slash)
		*slash = '\0';
	int fd = !copy ? -1
		       : open(slash ? (slash == copy ? "/" : copy) : ".",
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)fsync(fd); // the report can be made again
	fd_close(&fd);
	free(copy);
}

static int replace(const struct journal_run *run, const char *journal_path,
    const char *path, struct error *err)
{
	if (report_out_check(path, err) < 0)
		return -1;
	char *temp = mem_try_printf("%s.tmp.%ld", path, (long)getpid());

	if (!temp)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	(void)unlink(temp); // of a process that was killed
	int fd = open(
	    temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = fd < 0 ? fail(err, path)
			: write_file(run, journal_path, path, fd, err);
	step_point("report.lines");
	if (rc == 0 && rename(temp, path) < 0)
		rc = fail(err, path);
	if (rc < 0 && fd >= 0)
		(void)unlink(temp);
	fd_close(&fd);
	free(temp);
	step_point("report.replaced");
	if (rc == 0)
		sync_directory_of(path);
	return rc;
}

int report_write_run(const struct journal_run *run, const char *journal_path,
    const char *path, struct error *err)
{
	return replace(run, journal_path, path, err);
}

int report_write(const char *journal_path, const char *path, struct error *err)
{
	struct journal_run *run = journal_read(journal_path, err);

	if (!run)
		return -1;
	int rc = replace(run, journal_path, path, err);
	journal_run_free(run);
	return rc;
}
