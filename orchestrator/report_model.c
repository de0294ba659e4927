// SPDX-License-Identifier: MIT
#include "orchestrator/report_model.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/error.h"
#include "engine/base/mailbox_name.h"
#include "engine/base/mem.h"
#include "engine/contract/tally_json.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report.h"
#include "orchestrator/report_settings.h"
#include "orchestrator/report_zone.h"

enum {
	MIB = 1024 * 1024
};

/* Where an attempt stands that has not ended. */
struct report_progress {
	size_t span; /* + 1; 0: it has none */
	int64_t last_ms;
	uint64_t bytes;
	unsigned connections;
};

/* ---------------------------------------------------------------- lines */

static const char *get(const json_t *line, const char *key)
{
	const char *s = json_string_value(json_object_get(line, key));

	return s ? s : "";
}

static uint64_t number(const json_t *line, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(line, key));

	return n > 0 ? (uint64_t)n : 0;
}

int64_t report_model_time(const char *text)
{
	struct tm t = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
	int64_t ms = 0;

	if (!rest)
		return 0;
	if (rest[0] == '.')
		for (int i = 1, unit = 100;
		     i <= 3 && rest[i] >= '0' && rest[i] <= '9';
		     i++, unit /= 10)
			ms += (long)(rest[i] - '0') * unit;
	return (int64_t)timegm(&t) * 1000 + ms;
}

/* Room for one more at array[count], all zero; NULL: out of memory. */
static void *one_more(
    void **array, size_t *cap, size_t count, size_t element_bytes)
{
	void *grown = mem_try_grow(*array, cap, count, element_bytes);

	if (!grown)
		return NULL;
	*array = grown;
	return memset((char *)grown + count * element_bytes, 0, element_bytes);
}

/* ------------------------------------------------------------- accounts */

static void release_item(struct report_item *item)
{
	free(item->mailbox);
	free(item->side);
	free(item->step);
	free(item->reason);
	free(item->text);
	free(item->date);
	free(item->message_id);
}

static void forget(struct report_account *r)
{
	for (size_t i = 0; i < r->mailbox_count; i++) {
		free(r->mailboxes[i].name);
		free(r->mailboxes[i].target);
	}
	for (size_t i = 0; i < r->item_count; i++)
		release_item(&r->items[i]);
	r->mailbox_count = r->item_count = 0;
	r->mailboxes_left = r->items_left = 0;
}

/* As many as the journal knows; the index is that of the journal. */
static int grow_accounts(struct report_model *m)
{
	while (m->count < m->run->count) {
		if (!one_more((void **)&m->accounts, &m->cap, m->count,
			sizeof(*m->accounts)) ||
		    !one_more((void **)&m->progress, &m->progress_cap, m->count,
			sizeof(*m->progress)))
			return -1;
		m->count++;
	}
	return 0;
}

static int add_mailbox(struct report_account *r, const json_t *line)
{
	struct tally t = {0};
	const char *from = get(line, "mailbox"), *to = get(line, "target");

	if (r->mailbox_count == REPORT_MODEL_MAILBOXES) {
		r->mailboxes_left++;
		return 0;
	}
	if (tally_json_read(json_object_get(line, "tally"), &t) < 0)
		return 0;
	struct report_mailbox *b = one_more((void **)&r->mailboxes,
	    &r->mailbox_cap, r->mailbox_count, sizeof(*b));
	if (!b)
		return -1;
	r->mailbox_count++;
	bool renamed = to[0] && strcmp(from, to) != 0;
	*b = (struct report_mailbox){.name = mailbox_name_try_show(from),
	    .target = renamed ? mailbox_name_try_show(to) : NULL,
	    .source = t.source,
	    .copied = t.copied,
	    .present = t.present,
	    .refused = tally_refused(&t),
	    .skipped = tally_skipped(&t),
	    .missing = t.vanished + t.unreached,
	    .bytes = t.bytes_copied};
	return b->name && (b->target || !renamed) ? 0 : -1;
}

static int add_item(const struct report_model *m, struct report_account *r,
    const json_t *line, bool is_warning)
{
	if (r->item_count == REPORT_MODEL_ITEMS) {
		r->items_left++;
		return 0;
	}
	struct report_item *i = one_more(
	    (void **)&r->items, &r->item_cap, r->item_count, sizeof(*i));
	if (!i)
		return -1;
	r->item_count++;
	*i = (struct report_item){.is_warning = is_warning,
	    .mailbox = mailbox_name_try_show(get(line, "mailbox")),
	    .side = mem_try_strdup(get(line, "side")),
	    .step = mem_try_strdup(get(line, "step")),
	    .reason = mem_try_strdup(get(line, "reason")),
	    .text = mem_try_strdup(get(line, "text")),
	    .date = mem_try_strdup(get(line, "date")),
	    .message_id = mem_try_strdup(
		m->run->no_message_ids ? "" : get(line, "message_id")),
	    .uid = number(line, "uid"),
	    .uidvalidity = number(line, "uidvalidity"),
	    .size = number(line, "size")};
	return i->mailbox && i->side && i->step && i->reason && i->text &&
		       i->date && i->message_id
		   ? 0
		   : -1;
}

/* -------------------------------------------------------------- servers */

static struct report_server *find_server(
    struct report_model *m, const char *name)
{
	for (size_t i = 0; i < m->server_count; i++)
		if (strcmp(m->servers[i].name, name) == 0)
			return &m->servers[i];
	return NULL;
}

static struct report_server *server_of(struct report_model *m, const char *name)
{
	struct report_server *s = find_server(m, name);

	if (s)
		return s;
	s = one_more(
	    (void **)&m->servers, &m->server_cap, m->server_count, sizeof(*s));
	if (!s)
		return NULL;
	s->name = mem_try_strdup(name);
	s->host = mem_try_strdup("");
	m->server_count++;
	return s->name && s->host ? s : NULL;
}

static int on_server(
    struct report_model *m, size_t unused, const json_t *line, int64_t now)
{
	struct report_server *s = server_of(m, get(line, "server"));

	(void)unused;
	(void)now;
	if (!s)
		return -1;
	free(s->host);
	s->host = mem_try_strdup(get(line, "host"));
	s->limit = (unsigned)number(line, "connections");
	return s->host ? 0 : -1;
}

/* An account of one server with both sides counts twice, as in the schedule. */
static void use_servers(
    struct report_model *m, size_t account, unsigned connections, bool begins)
{
	const struct journal_account *a = &m->run->accounts[account];
	const char *const sides[] = {a->source, a->target};

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		struct report_server *s =
		    sides[i] ? find_server(m, sides[i]) : NULL;
		if (!s)
			continue;
		if (begins)
			s->now += connections;
		else
			s->now -= s->now < connections ? s->now : connections;
		if (s->now > s->peak)
			s->peak = s->now;
	}
}

static struct report_pause *open_pause(
    struct report_model *m, const char *server)
{
	for (size_t i = m->pause_count; i-- > 0;) {
		struct report_pause *p = &m->pauses[i];
		if (p->end_ms == 0 &&
		    (server ? p->server && strcmp(p->server, server) == 0
			    : !p->server))
			return p;
	}
	return NULL;
}

static int begin_pause(
    struct report_model *m, const char *server, const char *why, int64_t now)
{
	if (open_pause(m, server))
		return 0;
	struct report_pause *p = one_more(
	    (void **)&m->pauses, &m->pause_cap, m->pause_count, sizeof(*p));
	if (!p)
		return -1;
	m->pause_count++;
	*p = (struct report_pause){.begin_ms = now,
	    .server = server ? mem_try_strdup(server) : NULL,
	    .why = mem_try_strdup(why)};
	return p->why && (p->server || !server) ? 0 : -1;
}

static void end_pause(struct report_model *m, const char *server, int64_t now)
{
	struct report_pause *p = open_pause(m, server);

	if (p)
		p->end_ms = now;
}

static int on_breaker(
    struct report_model *m, size_t unused, const json_t *line, int64_t now)
{
	const char *name = get(line, "server"), *state = get(line, "state");
	struct report_server *s = server_of(m, name);

	(void)unused;
	if (!s)
		return -1;
	if (strcmp(state, "open") != 0) {
		if (strcmp(state, "given-up") != 0)
			end_pause(m, name, now);
		return 0;
	}
	s->breaks++;
	return begin_pause(m, name, "server.breaker", now);
}

static int on_hold(
    struct report_model *m, size_t unused, const json_t *line, int64_t now)
{
	(void)unused;
	return begin_pause(m, NULL, get(line, "why"), now);
}

static int on_go(
    struct report_model *m, size_t unused, const json_t *line, int64_t now)
{
	(void)unused;
	(void)line;
	end_pause(m, NULL, now);
	return 0;
}

static int on_change(
    struct report_model *m, size_t unused, const json_t *line, int64_t now)
{
	struct report_change *c = one_more(
	    (void **)&m->changes, &m->change_cap, m->change_count, sizeof(*c));

	(void)unused;
	(void)now;
	if (!c)
		return -1;
	m->change_count++;
	*c = (struct report_change){.time = mem_try_strdup(get(line, "t")),
	    .limit = mem_try_strdup(get(line, "limit")),
	    .by = mem_try_strdup(get(line, "by")),
	    .from = number(line, "from"),
	    .to = number(line, "to")};
	return c->time && c->limit && c->by ? 0 : -1;
}

/* ----------------------------------------------------------------- time */

static int add_flow(struct report_model *m, struct report_progress *p,
    const json_t *line, int64_t now)
{
	struct tally t = {0};

	if (tally_json_read(json_object_get(line, "tally"), &t) < 0 ||
	    t.bytes_copied <= p->bytes)
		return 0;
	struct report_flow *f = one_more(
	    (void **)&m->flows, &m->flow_cap, m->flow_count, sizeof(*f));
	if (!f)
		return -1;
	m->flow_count++;
	*f = (struct report_flow){p->last_ms, now, t.bytes_copied - p->bytes};
	p->bytes = t.bytes_copied;
	p->last_ms = now;
	return 0;
}

static int on_account_start(
    struct report_model *m, size_t i, const json_t *line, int64_t now)
{
	struct report_progress *p = &m->progress[i];
	unsigned connections = (unsigned)number(line, "connections");

	if (p->span)
		use_servers(m, i, p->connections, false);
	forget(&m->accounts[i]);
	m->accounts[i].attempt = (unsigned)number(line, "attempt");
	struct report_span *s = one_more(
	    (void **)&m->spans, &m->span_cap, m->span_count, sizeof(*s));
	if (!s)
		return -1;
	*s = (struct report_span){.account = i, .begin_ms = now};
	*p = (struct report_progress){.span = ++m->span_count,
	    .last_ms = now,
	    .connections = connections ? connections : 1};
	use_servers(m, i, p->connections, true);
	return 0;
}

static int on_account_end(
    struct report_model *m, size_t i, const json_t *line, int64_t now)
{
	struct report_progress *p = &m->progress[i];

	if (!p->span)
		return 0;
	int rc = add_flow(m, p, line, now);
	m->spans[p->span - 1].end_ms = now;
	use_servers(m, i, p->connections, false);
	*p = (struct report_progress){0};
	return rc;
}

static int on_progress(
    struct report_model *m, size_t i, const json_t *line, int64_t now)
{
	return m->progress[i].span ? add_flow(m, &m->progress[i], line, now)
				   : 0;
}

/* Engines of a supervisor that died are gone. */
static int on_run(
    struct report_model *m, size_t unused, const json_t *line, int64_t now)
{
	(void)unused;
	(void)line;
	for (size_t i = 0; i < m->server_count; i++)
		m->servers[i].now = 0;
	for (size_t i = 0; i < m->pause_count; i++)
		if (m->pauses[i].end_ms == 0)
			m->pauses[i].end_ms = now;
	for (size_t i = 0; i < m->count; i++) {
		if (m->progress[i].span)
			m->spans[m->progress[i].span - 1].end_ms =
			    m->progress[i].last_ms;
		m->progress[i] = (struct report_progress){0};
	}
	return 0;
}

static int on_mailbox(
    struct report_model *m, size_t i, const json_t *line, int64_t now)
{
	(void)now;
	return add_mailbox(&m->accounts[i], line);
}

static int on_refused(
    struct report_model *m, size_t i, const json_t *line, int64_t now)
{
	(void)now;
	return add_item(m, &m->accounts[i], line, false);
}

static int on_warning(
    struct report_model *m, size_t i, const json_t *line, int64_t now)
{
	(void)now;
	return add_item(m, &m->accounts[i], line, true);
}

typedef int line_fn(
    struct report_model *m, size_t account, const json_t *line, int64_t now);

static const struct {
	const char *ev;
	line_fn *take;
	bool of_account;
} handlers[] = {
    {"mailbox", on_mailbox, true},
    {"progress", on_progress, true},
    {"refused", on_refused, true},
    {"warning", on_warning, true},
    {"account.start", on_account_start, true},
    {"account.end", on_account_end, true},
    {"server.plan", on_server, false},
    {"server.breaker", on_breaker, false},
    {"run.hold", on_hold, false},
    {"run.go", on_go, false},
    {"run.start", on_run, false},
    {"run.resume", on_run, false},
    {"run.end", on_run, false},
    {"limit.change", on_change, false},
};

static int take_line(
    const struct json_t *line, void *context, struct error *err)
{
	struct report_model *m = context;
	const char *ev = get(line, "ev");
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		if (strcmp(handlers[i].ev, ev) != 0)
			continue;
		const struct journal_account *a = NULL;
		int64_t now = report_model_time(get(line, "t"));
		m->begin_ms = m->begin_ms ? m->begin_ms : now;
		m->end_ms = now > m->end_ms ? now : m->end_ms;
		if (handlers[i].of_account) {
			a = journal_find(m->run, get(line, "id"));
			rc = grow_accounts(m);
		}
		if (rc == 0 && (a || !handlers[i].of_account))
			rc = handlers[i].take(m,
			    a ? (size_t)(a - m->run->accounts) : 0, line, now);
		break;
	}
	if (rc < 0)
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	return rc;
}

/* ------------------------------------------------------------ when read */

static void finish_account(struct report_model *m, struct report_account *r)
{
	const struct journal_account *a = r->a;
	uint64_t listed = r->mailbox_count + r->mailboxes_left;

	r->outcome = a->is_dropped ? "dropped" : journal_outcome(a);
	r->advice = report_advice(journal_outcome(a), a->reason);
	r->needs_look = !a->is_dropped && !a->ack_by &&
			a->grade != GRADE_COMPLETE && a->grade != GRADE_MINOR;
	r->seconds = a->duration_ms / 1000;
	r->folders = a->tally.extra[TALLY_MAILBOXES] > listed
			 ? a->tally.extra[TALLY_MAILBOXES]
			 : listed;
	r->folders_failed = a->tally.extra[TALLY_MAILBOXES_FAILED];
	r->refused = tally_refused(&a->tally);
	r->skipped = tally_skipped(&a->tally);
	r->missing = a->tally.vanished + a->tally.unreached;
	if (a->duration_ms > 0)
		r->mib_per_s = (double)a->bytes_total / MIB /
			       ((double)a->duration_ms / 1000);
	if (a->is_dropped)
		return;
	m->in_plan++;
	m->by_grade[a->grade]++;
	m->need_look += r->needs_look;
	m->acknowledged += a->ack_by != NULL;
	m->copied_total += a->copied_total;
	m->bytes_total += a->bytes_total;
	tally_add(&m->sum, &a->tally);
}

static int count_reason(struct report_model *m, const struct report_account *r)
{
	const char *reason =
	    r->a->reason && r->a->reason[0] && r->a->state == JOURNAL_ENDED
		? r->a->reason
		: r->outcome;

	if (r->a->is_dropped || r->a->grade == GRADE_COMPLETE)
		return 0;
	if (r->a->grade == GRADE_MINOR)
		reason = grade_name(GRADE_MINOR);
	struct report_reason *found = NULL;
	for (size_t i = 0; i < m->reason_count && !found; i++)
		if (strcmp(m->reasons[i].reason, reason) == 0)
			found = &m->reasons[i];
	if (!found) {
		found = one_more((void **)&m->reasons, &m->reason_cap,
		    m->reason_count, sizeof(*found));
		if (!found)
			return -1;
		m->reason_count++;
		found->reason = reason;
		found->advice = r->advice;
	}
	found->accounts++;
	found->messages += r->refused + r->missing;
	return 0;
}

static int most_first(const void *a, const void *b)
{
	const struct report_reason *x = a, *y = b;

	if (x->accounts != y->accounts)
		return x->accounts > y->accounts ? -1 : 1;
	return strcmp(x->reason, y->reason);
}

static void finish_servers(struct report_model *m)
{
	for (size_t i = 0; i < m->pause_count; i++) {
		const struct report_pause *p = &m->pauses[i];
		struct report_server *s =
		    p->server ? find_server(m, p->server) : NULL;
		int64_t end = p->end_ms ? p->end_ms : m->end_ms;
		if (s && end > p->begin_ms)
			s->left_alone_ms += (uint64_t)(end - p->begin_ms);
	}
	for (size_t i = 0; i < m->count; i++) {
		const struct journal_account *a = m->accounts[i].a;
		struct report_server *from =
		    a->source ? find_server(m, a->source) : NULL;
		struct report_server *to =
		    a->target ? find_server(m, a->target) : NULL;
		if (from && !a->is_dropped)
			from->sources++;
		if (to && !a->is_dropped)
			to->targets++;
	}
}

static int finish(struct report_model *m)
{
	if (grow_accounts(m) < 0)
		return -1;
	for (size_t i = 0; i < m->count; i++) {
		m->accounts[i].a = &m->run->accounts[i];
		finish_account(m, &m->accounts[i]);
		if (count_reason(m, &m->accounts[i]) < 0)
			return -1;
	}
	if (m->reason_count > 0)
		qsort(m->reasons, m->reason_count, sizeof(*m->reasons),
		    most_first);
	finish_servers(m);
	m->seconds = (uint64_t)(m->end_ms - m->begin_ms) / 1000;
	m->exit = m->run->has_ended ? m->run->exit : -1;
	return 0;
}

/* A run that has recorded none has all else. */
static int add_settings(struct report_model *m, const char *journal_path)
{
	struct error why = {0};

	if (report_settings_read(&m->settings, journal_path, m->run, &why) == 0)
		return 0;
	m->no_settings = mem_try_strdup(why.text);
	return m->no_settings ? 0 : -1;
}

struct report_model *report_model_read(
    const char *journal_path, struct error *err)
{
	struct report_model *m = mem_try_calloc(1, sizeof(*m));

	if (!m) {
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
		return NULL;
	}
	if (!journal_read_with(journal_path, take_line, m, &m->run, err)) {
		m->run = NULL; // gone already
	} else if (finish(m) == 0 && add_settings(m, journal_path) == 0) {
		m->has_zone = report_zone_use(m->run->timezone);
		return m;
	} else {
		(void)error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	}
	report_model_free(m);
	return NULL;
}

void report_model_free(struct report_model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->count; i++) {
		forget(&m->accounts[i]);
		free(m->accounts[i].mailboxes);
		free(m->accounts[i].items);
	}
	for (size_t i = 0; i < m->server_count; i++) {
		free(m->servers[i].name);
		free(m->servers[i].host);
	}
	for (size_t i = 0; i < m->pause_count; i++) {
		free(m->pauses[i].server);
		free(m->pauses[i].why);
	}
	for (size_t i = 0; i < m->change_count; i++) {
		free(m->changes[i].time);
		free(m->changes[i].limit);
		free(m->changes[i].by);
	}
	free(m->accounts);
	free(m->spans);
	free(m->flows);
	free(m->pauses);
	free(m->servers);
	free(m->changes);
	free(m->reasons);
	free(m->progress);
	free(m->no_settings);
	report_settings_release(&m->settings);
	journal_run_free(m->run);
	free(m);
}

const struct report_account *report_model_find(
    const struct report_model *m, const char *id)
{
	const struct journal_account *a = journal_find(m->run, id);

	return a ? &m->accounts[a - m->run->accounts] : NULL;
}
