// SPDX-License-Identifier: MIT
#include "orchestrator/journal.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/base/text.h"
#include "engine/contract/record.h"
#include "engine/contract/tally_json.h"
#include "engine/contract/verify_tally_json.h"
#include "orchestrator/collect.h"
#include "orchestrator/grade.h"
#include "orchestrator/journal_parts.h"

enum {
	FIELD_BYTES = 256,  /* of a user's name or a column */
	EXTRAS_BYTES = 6000 /* all columns of one account */
};

struct journal {
	int fd;
	const struct plan *plan; /* of the run that was started; may be NULL */
	char *path, *run_id;
	uint64_t seq;
	uint64_t bytes;      /* of the file */
	uint64_t max_bytes;  /* then old lines are compressed */
	uint64_t next_bytes; /* not before: it did not work the last time */
	bool failed;
	struct error problem;
	journal_tee_fn *tee;
	void *tee_context;
};

/* A new file is only safe when its directory entry is. */
static int sync_directory(const char *path)
{
	char *copy = mem_try_strdup(path);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	int rc = -1;

	if (slash) {
		*slash = '\0';
		int fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = fd < 0 ? -1 : fsync(fd);
		fd_close(&fd);
	}
	free(copy);
	return rc;
}

static uint64_t number_of_environment(const char *name)
{
	const char *text = getenv(name);
	uint64_t n = 0;

	return text && text_parse_u64(text, strlen(text), INT64_MAX, &n) ? n
									 : 0;
}

struct journal *journal_open(const char *path, const char *run_id,
    uint64_t good_bytes, uint64_t seq, struct error *err)
{
	struct journal *j = mem_try_calloc(1, sizeof(*j));

	if (j) {
		j->fd = -1;
		j->run_id = mem_try_strdup(run_id);
		j->path = mem_try_strdup(path);
		j->bytes = good_bytes;
		j->max_bytes =
		    number_of_environment("MAILCONVOY_JOURNAL_BYTES");
		if (j->max_bytes == 0)
			j->max_bytes = JOURNAL_BYTES;
	}
	if (!j || !j->run_id || !j->path) {
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
		journal_close(j);
		return NULL;
	}
	j->seq = seq;
	j->fd = fd_open_private(path, 0, err);
	if (j->fd < 0) {
		journal_close(j);
		return NULL;
	}
	step_point("journal.opened");
	if (ftruncate(j->fd, (off_t)good_bytes) < 0 ||
	    sync_directory(path) < 0) {
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot write the journal '%s'", path);
		journal_close(j);
		return NULL;
	}
	return j;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	fd_close(&j->fd);
	free(j->run_id);
	free(j->path);
	free(j);
}

void journal_tee(struct journal *j, journal_tee_fn *fn, void *context)
{
	j->tee = fn;
	j->tee_context = context;
}

bool journal_failed(const struct journal *j, struct error *err)
{
	if (j->failed)
		*err = j->problem;
	return j->failed;
}

static int fail(struct journal *j, const char *what)
{
	if (!j->failed)
		(void)error_set_errno(&j->problem, ERROR_OS, "local.disk",
		    "cannot %s the journal", what);
	j->failed = true;
	return -1;
}

static int out_of_memory(struct journal *j)
{
	if (!j->failed)
		(void)error_set(&j->problem, ERROR_INTERNAL, "local.memory",
		    "out of memory");
	j->failed = true;
	return -1;
}

/* Paths and words of the system may be no UTF-8. */
static json_t *text(const char *s)
{
	char escaped[ERROR_TEXT_BYTES * 2];
	json_t *plain = json_string(s);

	if (plain)
		return plain;
	return json_string(text_escape(s, strlen(s), escaped, sizeof(escaped)));
}

static json_t *integer(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static int write_line(struct journal *j, const json_t *line, bool sync)
{
	char *bytes = json_dumps(line, JSON_COMPACT);
	size_t len = bytes ? strlen(bytes) : 0;
	int rc = 0;

	if (!bytes)
		return out_of_memory(j);
	bytes[len] = '\n'; // in place of the NUL: one write, one line
	if (fd_write_all(j->fd, bytes, len + 1) < 0)
		rc = fail(j, "write");
	step_point("journal.written");
	if (rc == 0 && sync && fdatasync(j->fd) < 0)
		rc = fail(j, "sync");
	step_point("journal.synced");
	j->bytes += len + 1;
	if (rc == 0 && j->tee)
		j->tee(bytes, len + 1, j->tee_context);
	free(bytes);
	return rc;
}

/* An empty file in place of the one that was compressed. */
static int begin_anew(struct journal *j, const char *fresh, struct error *err)
{
	(void)unlink(fresh); // of a process that was killed
	int fd = fd_open_private(fresh, 0, err);
	if (fd < 0)
		return -1;
	step_point("journal.fresh");
	if (rename(fresh, j->path) < 0) {
		(void)error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot replace '%s'", j->path);
		(void)unlink(fresh);
		fd_close(&fd);
		return -1;
	}
	step_point("journal.replaced");
	fd_close(&j->fd);
	j->fd = fd;
	j->bytes = j->next_bytes = 0;
	return sync_directory(j->path);
}

/* Old lines become a compressed part. It may fail: then the journal grows, and
 * it is tried again when it is twice as long. */
static void rotate(struct journal *j)
{
	char *fresh = mem_try_printf("%s.new", j->path);
	struct error err;

	if (fresh && j->bytes >= j->next_bytes) {
		j->next_bytes = 2 * j->bytes;
		if (fdatasync(j->fd) == 0 &&
		    journal_parts_add(j->path, &err) == 0 &&
		    sync_directory(j->path) == 0) {
			step_point("journal.compressed");
			(void)begin_anew(j, fresh, &err);
		}
	}
	free(fresh);
}

/* Takes `fields` (NULL: out of memory) and puts the envelope around it. */
static int append(struct journal *j, const char *ev, json_t *fields, bool sync)
{
	char now[CLOCK_TEXT_BYTES];
	int rc = -1;

	clock_format(clock_wall_ms(), now);
	json_t *line =
	    json_pack("{s:i,s:s,s:I,s:s,s:s}", "v", JOURNAL_VERSION, "t", now,
		"seq", (json_int_t)j->seq + 1, "ev", ev, "run", j->run_id);
	if (j->failed)
		rc = -1;
	else if (!line || !fields || json_object_update(line, fields) < 0)
		rc = out_of_memory(j);
	else
		rc = write_line(j, line, sync);
	if (rc == 0)
		j->seq++;
	json_decref(fields);
	json_decref(line);
	if (rc == 0 && j->bytes >= j->max_bytes)
		rotate(j);
	return rc;
}

/* At most so many bytes: all of an account or a run is one line. */
static json_t *short_text(const char *s, size_t max)
{
	size_t len = strlen(s);

	if (len <= max)
		return text(s);
	for (len = max; len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80;)
		len--; // not inside of a character
	char *cut = mem_try_printf("%.*s...", (int)len, s);
	json_t *value = cut ? text(cut) : NULL;
	free(cut);
	return value;
}

static json_t *columns_of_plan(const struct plan *plan)
{
	json_t *names = json_array();

	for (size_t i = 0; i < plan->extra_count; i++)
		(void)json_array_append_new(
		    names, short_text(plan->extra_names[i], FIELD_BYTES));
	return names;
}

int journal_run_start(struct journal *j, const struct plan *plan,
    const struct journal_start *start)
{
	char host[128] = "?";

	j->plan = plan;
	(void)gethostname(host, sizeof(host) - 1);
	return append(j, start->is_resumed ? "run.resume" : "run.start",
	    json_pack(
		"{s:s,s:o,s:s,s:I,s:I,s:s,s:o,s:I,s:I,s:o*,s:o*,s:s*,s:s*,s:o*}",
		"plan", plan->name, "path", text(plan->path), "digest",
		plan->digest, "accounts", (json_int_t)plan->account_count,
		"jobs", (json_int_t)start->jobs, "version", MAILCONVOY_VERSION,
		"host", text(host), "pid", (json_int_t)getpid(), "bad_at",
		(json_int_t)plan->report.bad_percent, "message_ids",
		plan->report.message_ids ? NULL : json_false(), "columns",
		plan->extra_count ? columns_of_plan(plan) : NULL, "pass",
		plan->pass ? plan->pass->name : NULL, "timezone",
		plan->timezone, "dry_run", start->is_dry ? json_true() : NULL),
	    true);
}

static json_t *extras_of(const struct plan *plan, const struct plan_account *a)
{
	size_t left = EXTRAS_BYTES;
	json_t *values = json_object();

	for (size_t i = 0; i < plan->extra_count; i++) {
		const char *value = a->extras[i];
		if (!value)
			continue;
		size_t max = left < FIELD_BYTES ? left : FIELD_BYTES;
		size_t len = strlen(value);
		left -= len < max ? len : max;
		if (json_object_set_new(values, plan->extra_names[i],
			short_text(value, max)) < 0) {
			json_decref(values);
			return NULL;
		}
	}
	return values;
}

/* The mailbox's owner on that side. */
static int set_side(json_t *o, const char *user_key, const char *server_key,
    const struct plan_endpoint *side)
{
	const char *user = side->as           ? side->as
			   : side->proxy_auth ? side->proxy_auth
					      : side->login;

	return (user ? json_object_set_new(
			   o, user_key, short_text(user, FIELD_BYTES))
		     : 0) |
	       (side->server ? json_object_set_new(
				   o, server_key, text(side->server->name))
			     : 0);
}

static int set_groups(json_t *o, const struct plan_account *account)
{
	char names[FIELD_BYTES * 4] = "";
	size_t used = 0;

	for (size_t i = 0; i < account->group_count; i++) {
		int n = snprintf(names + used, sizeof(names) - used, "%s%s",
		    used ? " " : "", account->groups[i]->name);
		if (n < 0 || (size_t)n >= sizeof(names) - used)
			break; // whole names only
		used += (size_t)n;
	}
	names[used] = '\0';
	return used ? json_object_set_new(o, "groups", text(names)) : 0;
}

int journal_planned(struct journal *j, const struct plan_account *account)
{
	json_t *o = json_pack("{s:s,s:s,s:s}", "id", account->id, "slug",
	    account->slug, "digest", account->digest);

	if (!o ||
	    set_side(o, "src_user", "source", &account->source) |
		set_side(o, "dst_user", "target", &account->target) |
		set_groups(o, account) ||
	    (j->plan && account->extras &&
		json_object_set_new(o, "x", extras_of(j->plan, account)) < 0)) {
		json_decref(o);
		return out_of_memory(j);
	}
	return append(j, "account.plan", o, false);
}

int journal_acknowledge(struct journal *j, const struct journal_ack *ack)
{
	return append(j, "ack",
	    json_pack("{s:s,s:i,s:o,s:o,s:i}", "id", ack->id, "attempt",
		(int)ack->attempt, "by", text(ack->by), "reason",
		text(ack->reason), "exit", ack->exit),
	    true);
}

int journal_dropped(struct journal *j, const char *id)
{
	return append(j, "account.drop", json_pack("{s:s}", "id", id), false);
}

int journal_account_start(struct journal *j, const struct plan_account *account,
    unsigned attempt, unsigned connections, const char *log)
{
	return append(j, "account.start",
	    json_pack("{s:s,s:i,s:s,s:o,s:i}", "id", account->id, "attempt",
		(int)attempt, "digest", account->digest, "log", text(log),
		"connections", (int)connections),
	    true);
}

static const char *event_name(enum record_event event)
{
	switch (event) {
	case RECORD_MAILBOX:
		return "mailbox";
	case RECORD_REFUSED:
		return "refused";
	case RECORD_WARNING:
		return "warning";
	case RECORD_PROGRESS:
		return "progress";
	case RECORD_PROBE:
		return "probe";
	case RECORD_WOULD_DELETE:
		return "would_delete";
	case RECORD_VERIFY:
		return "verify";
	case RECORD_DIFFERENCE:
		return "difference";
	case RECORD_START:
	case RECORD_END:
	case RECORD_EVENTS:
		break;
	}
	return NULL;
}

static int set_text(json_t *o, const char *key, const char *s)
{
	return s ? json_object_set_new(o, key, text(s)) : 0;
}

static int set_number(json_t *o, const char *key, uint64_t n)
{
	return n ? json_object_set_new(o, key, integer(n)) : 0;
}

int journal_record(
    struct journal *j, const char *id, unsigned attempt, const struct record *r)
{
	const char *ev = event_name(r->event);

	if (!ev)
		return 0;
	json_t *o = json_pack("{s:s,s:i}", "id", id, "attempt", (int)attempt);
	if (!o)
		return out_of_memory(j);
	int bad = set_text(o, "mailbox", r->mailbox) |
		  set_text(o, "target", r->target) |
		  set_text(o, "side", r->side) | set_text(o, "step", r->step) |
		  set_text(o, "reason", r->reason) |
		  set_text(o, "text", r->text) | set_text(o, "date", r->date) |
		  set_text(o, "message_id", r->message_id) |
		  set_text(o, "capabilities", r->capabilities) |
		  set_text(o, "prefix", r->prefix) |
		  set_text(o, "separator", r->separator) |
		  set_number(o, "uid", r->uid) |
		  set_number(o, "target_uid", r->target_uid) |
		  set_number(o, "uidvalidity", r->uidvalidity) |
		  set_number(o, "size", r->size) |
		  set_number(o, "expected", r->expected) |
		  set_number(o, "expected_bytes", r->expected_bytes);
	if (r->event == RECORD_MAILBOX || r->event == RECORD_PROGRESS)
		bad |=
		    json_object_set_new(o, "tally", tally_json_new(&r->tally));
	if (r->event == RECORD_PROBE)
		bad |=
		    json_object_set_new(o, "probe", probe_json_new(&r->probe));
	if (r->event == RECORD_VERIFY)
		bad |= json_object_set_new(
		    o, "verify", verify_tally_json_new(&r->verify));
	if (bad) {
		json_decref(o);
		return out_of_memory(j);
	}
	return append(j, ev, o, false);
}

int journal_account_end(struct journal *j, const struct journal_result *r)
{
	const struct verdict *v = r->verdict;
	unsigned bad_percent = j->plan ? j->plan->report.bad_percent : 1;
	enum grade grade = r->is_final
			       ? grade_of(v->outcome, r->tally, bad_percent)
			       : GRADE_NONE;
	json_t *o = json_pack(
	    "{s:s,s:i,s:s,s:i,s:i,s:o,s:o,s:s,s:o,s:o,s:b,s:s*}", "id",
	    r->account->id, "attempt", (int)r->attempt, "outcome", v->outcome,
	    "exit", v->exit, "batch", v->batch, "reason", text(v->reason),
	    "text", text(v->text), "digest", r->account->digest, "tally",
	    tally_json_new(r->tally), "ms", integer(r->duration_ms), "final",
	    (int)r->is_final, "grade", grade ? grade_name(grade) : NULL);

	if (o && r->retry_ms >= 0 &&
	    json_object_set_new(o, "retry_ms", integer((uint64_t)r->retry_ms)) <
		0)
		return out_of_memory(j);
	return append(j, "account.end", o, true);
}

int journal_server(struct journal *j, const char *server, const char *host,
    unsigned connections)
{
	return append(j, "server.plan",
	    json_pack("{s:s,s:o,s:i}", "server", server, "host", text(host),
		"connections", (int)connections),
	    false);
}

int journal_breaker(struct journal *j, const struct journal_breaker *b)
{
	return append(j, "server.breaker",
	    json_pack("{s:s,s:s,s:i,s:o}", "server", b->server, "state",
		b->state, "failures", (int)b->failures, "pause_ms",
		integer(b->pause_ms)),
	    false);
}

int journal_login(
    struct journal *j, const char *server, const char *login, unsigned refused)
{
	return append(j, "server.login",
	    json_pack("{s:s,s:o,s:i}", "server", server, "login", text(login),
		"refused", (int)refused),
	    false);
}

int journal_rule(
    struct journal *j, const char *ev, const char *why, const char *words)
{
	return append(j, ev,
	    json_pack("{s:s,s:o}", "why", why, "text", text(words)), true);
}

int journal_operator(
    struct journal *j, const char *what, const char *by, const char *id)
{
	return append(j, "operator",
	    json_pack("{s:s,s:s,s:s*}", "what", what, "by", by, "id", id),
	    false);
}

int journal_limit_change(struct journal *j, const char *limit, uint64_t from,
    uint64_t to, const char *by)
{
	return append(j, "limit.change",
	    json_pack("{s:s,s:o,s:o,s:s}", "limit", limit, "from",
		integer(from), "to", integer(to), "by", by),
	    false);
}

int journal_run_end(struct journal *j, int exit, bool complete, const char *why)
{
	int rc = append(j, "run.end",
	    json_pack("{s:i,s:b,s:s}", "exit", exit, "complete", (int)complete,
		"why", why),
	    true);

	if (rc == 0 && j->bytes >= j->max_bytes / JOURNAL_END_PART &&
	    j->bytes > 0)
		rotate(j);
	return rc;
}
