// SPDX-License-Identifier: MIT
#include "orchestrator/preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/preflight.h"
#include "orchestrator/rundir.h"
#include "orchestrator/select.h"

enum {
	RATE_BYTES_MIN = 64 * 1024 /* less says nothing about speed */
};

/* ------------------------------------------------------------- numbers */

/* After one of these every mailbox was looked at. */
static bool is_whole(const char *outcome)
{
	static const char *const whole[] = {"ok", "partial", "changed"};

	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if (strcmp(outcome, whole[i]) == 0)
			return true;
	return false;
}

static void from_tally(const struct tally *t, struct preview_numbers *n)
{
	static const enum tally_extra others[] = {TALLY_SUBSCRIBED,
	    TALLY_UNSUBSCRIBED, TALLY_ACLS, TALLY_SPECIAL_USES,
	    TALLY_ANNOTATIONS, TALLY_CLASSES};

	*n = (struct preview_numbers){
	    .mailboxes = t->extra[TALLY_MAILBOXES],
	    .create = t->extra[TALLY_MAILBOXES_CREATED],
	    .copy = t->copied,
	    .present = t->present,
	    .flags = t->extra[TALLY_FLAGS_CHANGED],
	    .bytes = t->bytes_copied,
	    .deletes = t->extra[TALLY_DELETED],
	    .delete_mailboxes = t->extra[TALLY_MAILBOXES_DELETED],
	};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		n->others += t->extra[others[i]];
}

static uint64_t known(uint64_t n)
{
	return n == PROBE_UNKNOWN ? 0 : n;
}

static void from_look(
    const struct preflight_account *a, struct preview_numbers *n)
{
	const uint64_t *s = a->source.probe.n, *b = a->both.probe.n;
	uint64_t all = known(s[PROBE_MESSAGES]);
	uint64_t copy = known(b[PROBE_COPY_MESSAGES]);

	*n = (struct preview_numbers){
	    .mailboxes = known(s[PROBE_MAILBOXES]),
	    .create = known(b[PROBE_CREATE]),
	    .copy = copy,
	    .present = all > copy ? all - copy : 0,
	    .bytes = known(b[PROBE_COPY_BYTES]),
	    .deletes = known(b[PROBE_DELETE_MESSAGES]),
	    .delete_mailboxes = known(b[PROBE_DELETE_MAILBOXES]),
	};
}

static void add(struct preview_numbers *to, const struct preview_numbers *n)
{
	to->mailboxes += n->mailboxes;
	to->create += n->create;
	to->copy += n->copy;
	to->present += n->present;
	to->flags += n->flags;
	to->bytes += n->bytes;
	to->deletes += n->deletes;
	to->delete_mailboxes += n->delete_mailboxes;
	to->others += n->others;
}

static void add_row(struct preview *p, const struct preflight_account *a)
{
	struct preview_row *row = &p->rows[p->count++];

	*row = (struct preview_row){.from = a};
	row->is_known = p->is_exact ? a->has_ended && is_whole(a->outcome)
				    : a->both.is_told;
	if (!row->is_known)
		p->unknown++;
	else if (p->is_exact)
		from_tally(&a->tally, &row->n);
	else
		from_look(a, &row->n);
	add(&p->total, &row->n);
}

bool preview_has_work(const struct preview *p)
{
	const struct preview_numbers *n = &p->total;

	return n->create || n->copy || n->flags || n->deletes ||
	       n->delete_mailboxes || n->others;
}

/* ---------------------------------------------------------------- rate */

/* "2026-03-01T20:00:04.112Z" in milliseconds; -1: it is none. */
static int64_t read_time(const char *text)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ms = 0;

	if (!rest)
		return -1;
	if (*rest == '.')
		for (int i = 1; i <= 3 && rest[i] >= '0' && rest[i] <= '9'; i++)
			ms = ms * 10 + (rest[i] - '0');
	return (int64_t)timegm(&tm) * 1000 + ms;
}

static void rate_of(struct preview *p, const struct journal_run *run)
{
	int64_t ms = read_time(run->ended) - read_time(run->started);
	uint64_t bytes = 0;

	for (size_t i = 0; i < run->count; i++)
		bytes += run->accounts[i].bytes_total;
	if (!run->ended[0] || ms <= 0) {
		(void)snprintf(
		    p->basis, sizeof(p->basis), "the last run has not ended");
	} else if (bytes < RATE_BYTES_MIN) {
		(void)snprintf(p->basis, sizeof(p->basis),
		    "the last run copied too little to tell its speed");
	} else {
		p->bytes_per_s = bytes * 1000 / (uint64_t)ms;
		(void)snprintf(p->basis, sizeof(p->basis), "the mean of run %s",
		    run->run_id);
	}
}

static void find_rate(struct preview *p)
{
	struct rundir dir;
	struct error ignored;
	struct journal_run *run = NULL;

	(void)snprintf(p->basis, sizeof(p->basis),
	    "there was no run to take a speed from");
	if (rundir_init(&dir, p->plan, &ignored) < 0)
		return;
	char *path =
	    rundir_find_latest(&dir) ? rundir_journal_path(&dir) : NULL;
	if (path)
		run = journal_read(path, &ignored);
	if (run)
		rate_of(p, run);
	journal_run_free(run);
	free(path);
	rundir_release(&dir);
}

int64_t preview_eta_s(const struct preview *p)
{
	return p->bytes_per_s == 0 ? -1
				   : (int64_t)(p->total.bytes / p->bytes_per_s);
}

/* -------------------------------------------------------------- making */

int preview_make(struct preview *out, const struct preflight *found,
    const struct select_rules *select, bool is_exact, struct error *err)
{
	*out = (struct preview){.plan = found->plan, .is_exact = is_exact};
	out->rows = mem_try_calloc(found->count, sizeof(*out->rows));
	if (!out->rows)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	for (size_t i = 0; i < found->count; i++) {
		const struct preflight_account *a = &found->accounts[i];
		bool meant = select_matches(select, a->account);
		// with --limit what was not reached was not asked for
		if (meant && select && select->limit > 0)
			meant = a->has_ended;
		if (meant)
			add_row(out, a);
	}
	find_rate(out);
	return 0;
}

void preview_release(struct preview *p)
{
	free(p->rows);
	*p = (struct preview){0};
}
