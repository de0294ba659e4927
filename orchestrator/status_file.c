// SPDX-License-Identifier: MIT
#include "orchestrator/status_file.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "orchestrator/replace.h"
#include "orchestrator/snapshot.h"

enum {
	PROM_MAX_BYTES = 1024 * 1024,
	LABEL_BYTES = 512
};

/* ----------------------------------------------------------------- JSON */

static json_t *integer(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *text(const char *s)
{
	json_t *o = json_string(s ? s : "");

	return o ? o : json_string("?"); // names are UTF-8 by the record's rule
}

static json_t *time_of(int64_t wall_ms)
{
	char shown[CLOCK_TEXT_BYTES] = "";

	if (wall_ms > 0)
		clock_format(wall_ms, shown);
	return json_string(shown);
}

static json_t *counts(const struct snapshot *s)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < s->class_count; i++)
		if (json_object_set_new(o, s->classes[i].name,
			integer(s->classes[i].count)) < 0) {
			json_decref(o);
			return NULL;
		}
	return o;
}

static json_t *account(const struct snapshot_account *a)
{
	return json_pack("{s:s,s:s,s:i,s:o,s:o,s:o,s:o,s:o,s:I}", "id", a->id,
	    "state", a->state, "attempt", (int)a->attempt, "mailbox",
	    text(a->mailbox), "copied", integer(a->copied), "expected",
	    integer(a->expected), "bytes", integer(a->bytes), "expected_bytes",
	    integer(a->expected_bytes), "ms", (json_int_t)a->ms);
}

static json_t *server(const struct snapshot_server *v)
{
	json_t *o = json_pack("{s:s,s:o,s:o,s:o}", "name", v->name, "source",
	    integer(v->source), "target", integer(v->target), "limit",
	    integer(v->limit));

	if (o && v->has_breaker)
		(void)json_object_set_new(
		    o, "breaker_open", json_boolean(v->is_open));
	return o;
}

static json_t *running(const struct snapshot *s)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < s->account_count; i++)
		(void)json_array_append_new(list, account(&s->accounts[i]));
	return list;
}

static json_t *servers(const struct snapshot *s)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < s->server_count; i++)
		(void)json_array_append_new(list, server(&s->servers[i]));
	return list;
}

char *status_file_json(const struct snapshot *s)
{
	json_t *o = json_pack(
	    "{s:i,s:s,s:s,s:I,s:s,s:b,s:o,s:o,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:o,"
	    "s:o}",
	    "v", STATUS_FILE_VERSION, "plan", s->plan, "run", s->run_id, "pid",
	    (json_int_t)getpid(), "stage", s->stage, "dry_run", (int)s->is_dry,
	    "started", time_of(s->started_ms), "updated",
	    time_of(s->updated_ms), "jobs", (int)s->jobs, "total",
	    integer(s->total), "done", integer(s->done), "copied",
	    integer(s->copied), "bytes", integer(s->bytes), "rate",
	    integer(s->rate), "accounts", counts(s), "running", running(s),
	    "servers", servers(s));
	char *bytes = NULL;

	if (!o)
		return NULL;
	if (s->pass)
		(void)json_object_set_new(o, "pass", text(s->pass));
	if (s->eta_by) {
		(void)json_object_set_new(
		    o, "eta_seconds", json_integer(s->eta_seconds));
		(void)json_object_set_new(o, "eta_by", json_string(s->eta_by));
	}
	if (s->has_ended)
		(void)json_object_set_new(o, "exit", json_integer(s->exit));
	bytes = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	return bytes;
}

json_t *status_file_read(const char *run_path)
{
	char *path = mem_try_printf("%s/status.json", run_path);
	size_t len = 0;
	struct error err;
	char *bytes =
	    path ? fd_read_file(path, STATUS_FILE_MAX_BYTES, &len, &err) : NULL;
	json_t *o =
	    bytes ? json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(bytes);
	free(path);
	if (json_integer_value(json_object_get(o, "v")) == STATUS_FILE_VERSION)
		return o;
	json_decref(o);
	return NULL;
}

void status_file_free(struct json_t *status)
{
	json_decref(status);
}

/* ----------------------------------------------------------- Prometheus */

/* Of a label's value: backslash, quote and line end are escaped. */
static const char *label(const char *value, char out[LABEL_BYTES])
{
	size_t n = 0;

	for (; *value && n + 3 < LABEL_BYTES; value++) {
		if (*value == '\\' || *value == '"')
			out[n++] = '\\';
		out[n++] = *value;
		if (*value == '\n') {
			out[n - 1] = '\\';
			out[n++] = 'n';
		}
	}
	out[n] = '\0';
	return out;
}

static int family(
    struct buf *b, const char *name, const char *type, const char *help)
{
	return buf_printf(
	    b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int accounts_family(
    struct buf *b, const struct snapshot *s, const char *batch)
{
	int bad = family(b, "mailconvoy_batch_accounts", "gauge",
	    "Accounts of the plan by state.");

	for (size_t i = 0; i < s->class_count; i++)
		bad |= buf_printf(b,
		    "mailconvoy_batch_accounts{%s,state=\"%s\"} %zu\n", batch,
		    s->classes[i].name, s->classes[i].count);
	return bad;
}

static int servers_families(struct buf *b, const struct snapshot *s)
{
	char name[LABEL_BYTES];
	int bad = 0;
	bool has_breaker = false;

	if (s->server_count > 0)
		bad = family(b, "mailconvoy_server_connections", "gauge",
		    "Connections in use.");
	for (size_t i = 0; i < s->server_count; i++) {
		const struct snapshot_server *v = &s->servers[i];
		has_breaker |= v->has_breaker;
		bad |= buf_printf(b,
		    "mailconvoy_server_connections{server=\"%s\",role=\"source\"} %u\n"
		    "mailconvoy_server_connections{server=\"%s\",role=\"target\"} %u\n",
		    label(v->name, name), v->source, name, v->target);
	}
	if (has_breaker)
		bad |= family(b, "mailconvoy_server_breaker_open", "gauge",
		    "1 while nothing is sent to the server.");
	for (size_t i = 0; i < s->server_count; i++)
		if (s->servers[i].has_breaker)
			bad |= buf_printf(b,
			    "mailconvoy_server_breaker_open{server=\"%s\"} %d\n",
			    label(s->servers[i].name, name),
			    (int)s->servers[i].is_open);
	return bad;
}

/* A family of one sample that says nothing of accounts. */
static int single(struct buf *b, const char *batch, const char *name,
    const char *type, const char *help, double value)
{
	// in this order: `|` promises none
	int bad = family(b, name, type, help);

	bad |= buf_printf(b, "%s{%s} %.15g\n", name, batch, value);
	return bad;
}

static int singles(struct buf *b, const struct snapshot *s, const char *batch)
{
	int bad = single(b, batch, "mailconvoy_batch_messages_copied_total",
	    "counter", "Messages copied by this run.", (double)s->copied);

	bad |= single(b, batch, "mailconvoy_batch_bytes_written_total",
	    "counter", "Bytes of messages written to targets by this run.",
	    (double)s->bytes);
	bad |= single(b, batch, "mailconvoy_batch_run_seconds", "gauge",
	    "Seconds since this supervisor began.",
	    (double)s->passed_ms / 1000);
	bad |= single(b, batch, "mailconvoy_batch_up", "gauge",
	    "1 while a supervisor works on the run.", s->has_ended ? 0 : 1);
	if (s->progress_ms > 0)
		bad |= single(b, batch,
		    "mailconvoy_batch_last_progress_timestamp_seconds", "gauge",
		    "When a message was copied last.",
		    (double)s->progress_ms / 1000);
	if (s->success_ms > 0)
		bad |= single(b, batch,
		    "mailconvoy_batch_last_success_timestamp_seconds", "gauge",
		    "When an account ended well last.",
		    (double)s->success_ms / 1000);
	if (s->has_ended)
		bad |= single(b, batch, "mailconvoy_batch_exit_code", "gauge",
		    "Exit code of the supervisor.", s->exit);
	return bad;
}

char *status_file_prom(const struct snapshot *s)
{
	char plan[LABEL_BYTES], pass[LABEL_BYTES], batch[2 * LABEL_BYTES + 32];
	struct buf b;
	char *text = NULL;

	buf_try_init(&b, PROM_MAX_BYTES);
	(void)label(s->plan, plan);
	(void)label(s->pass ? s->pass : "", pass);
	(void)snprintf(batch, sizeof(batch), "plan=\"%s\"%s%s%s", plan,
	    s->pass ? ",pass=\"" : "", pass, s->pass ? "\"" : "");
	int bad = accounts_family(&b, s, batch);
	bad |= singles(&b, s, batch);
	bad |= servers_families(&b, s);
	if (!bad)
		text = mem_try_strndup(b.data, b.len);
	buf_release(&b);
	return text;
}

/* ---------------------------------------------------------------- files */

/* Takes the text. */
static int write_one(const char *run_path, const char *name, char *bytes,
    mode_t mode, struct error *err)
{
	char *path = mem_try_printf("%s/%s", run_path, name);
	int rc = path && bytes
		     ? replace_file(path, bytes, strlen(bytes), mode, err)
		     : error_set(err, ERROR_INTERNAL, "local.memory",
			   "out of memory");

	free(path);
	free(bytes);
	return rc;
}

int status_file_write(
    const char *run_path, const struct snapshot *s, struct error *err)
{
	int rc =
	    write_one(run_path, "status.json", status_file_json(s), 0600, err);

	// read by a collector that is somebody else
	if (rc == 0)
		rc = write_one(run_path, "mailconvoy.prom", status_file_prom(s),
		    0644, err);
	return rc;
}
