// SPDX-License-Identifier: MIT
#include "orchestrator/report_csv.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/mem.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_model.h"
#include "orchestrator/report_out.h"

enum {
	NAME_BYTES = 300 /* the journal keeps 256 of it */
};

struct sheet {
	FILE *out;
	size_t column;
};

static void next(struct sheet *s)
{
	if (s->column++ > 0)
		(void)fputc(',', s->out);
}

static void put(struct sheet *s, const char *text)
{
	next(s);
	report_out_csv(s->out, text ? text : "");
}

static void put_number(struct sheet *s, uint64_t n)
{
	next(s);
	(void)fprintf(s->out, "%" PRIu64, n);
}

static void end_row(struct sheet *s)
{
	(void)fputs("\r\n", s->out);
	s->column = 0;
}

static void put_head(struct sheet *s, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		next(s);
		(void)fputs(names[i], s->out); // ours: plain words
	}
}

static void put_extra_name(struct sheet *s, const char *name)
{
	char column[NAME_BYTES];

	(void)snprintf(column, sizeof(column), "x_%s", name);
	put(s, column);
}

static void put_extras(struct sheet *s, const struct journal_run *run,
    const struct journal_account *a)
{
	for (size_t i = 0; i < run->extra_count; i++)
		put(s, a->extras ? a->extras[i] : "");
}

/* ------------------------------------------------------------- accounts */

static void put_numbers(struct sheet *s, const struct report_account *r)
{
	const struct journal_account *a = r->a;

	put_number(s, r->seconds);
	put_number(s, r->folders);
	put_number(s, r->folders_failed);
	put_number(s, a->tally.source);
	put_number(s, a->tally.copied);
	put_number(s, a->tally.present);
	put_number(s, r->refused);
	put_number(s, r->skipped);
	put_number(s, a->tally.extra[TALLY_DELETED]);
	put_number(s, a->tally.extra[TALLY_FLAGS_CHANGED]);
	put_number(s, a->bytes_total);
	next(s);
	(void)fprintf(s->out, "%.3f", r->mib_per_s);
}

static void put_account(struct sheet *s, const struct report_model *m,
    const struct report_account *r)
{
	const struct journal_account *a = r->a;
	bool has_ended = a->state == JOURNAL_ENDED;
	char pair[600] = "";

	if (a->source && a->source[0] && a->target)
		(void)snprintf(
		    pair, sizeof(pair), "%s>%s", a->source, a->target);
	put(s, a->id);
	put(s, a->source_user);
	put(s, a->target_user);
	put(s, pair);
	put(s, m->run->pass);
	put(s, r->outcome);
	put(s, grade_name(a->grade));
	if (has_ended)
		put_number(s, (uint64_t)a->exit);
	else
		put(s, "");
	put(s, has_ended ? a->reason : "");
	put(s, has_ended ? a->text : "");
	put_number(s, a->attempt);
	put(s, a->started);
	put(s, a->ended);
	put_numbers(s, r);
	put(s, a->ack_by);
	put(s, a->ack_by ? a->ack_reason : "");
	put_number(s, a->tally.vanished);
	put_number(s, a->tally.unreached);
	put_number(s, a->copied_total);
	put_extras(s, m->run, a);
	end_row(s);
}

void report_csv_accounts(FILE *out, const struct report_model *m)
{
	static const char *const names[] = {"id", "src_user", "dst_user",
	    "server_pair", "pass", "outcome", "grade", "exit", "reason",
	    "detail", "attempts", "started", "ended", "seconds", "folders",
	    "folders_failed", "source", "copied", "present", "refused",
	    "skipped", "deleted", "flags", "bytes", "mib_per_s", "acked_by",
	    "acked_reason", "vanished", "unreached", "copied_total"};
	struct sheet s = {.out = out};

	put_head(&s, names, ARRAY_LEN(names));
	for (size_t i = 0; i < m->run->extra_count; i++)
		put_extra_name(&s, m->run->extra_names[i]);
	end_row(&s);
	for (size_t i = 0; i < m->count; i++)
		put_account(&s, m, &m->accounts[i]);
}

/* ----------------------------------------------------------------- to do */

/* Two columns of one name would make it no accounts file any more. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = {
	    "outcome", "grade", "reason", "what_to_do"};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(ours[i], name) == 0)
			return true;
	return false;
}

void report_csv_todo(FILE *out, const struct report_model *m)
{
	static const char *const names[] = {"id", "src_user", "dst_user",
	    "source.server", "target.server", "groups", "x_outcome", "x_grade",
	    "x_reason", "x_what_to_do"};
	struct sheet s = {.out = out};
	const struct journal_run *run = m->run;

	put_head(&s, names, ARRAY_LEN(names));
	for (size_t k = 0; k < run->extra_count; k++)
		if (!is_ours(run->extra_names[k]))
			put_extra_name(&s, run->extra_names[k]);
	end_row(&s);
	for (size_t i = 0; i < m->count; i++) {
		const struct report_account *r = &m->accounts[i];
		const struct journal_account *a = r->a;
		if (!r->needs_look)
			continue;
		const char *const cells[] = {a->id, a->source_user,
		    a->target_user, a->source, a->target, a->groups, r->outcome,
		    grade_name(a->grade),
		    a->state == JOURNAL_ENDED ? a->reason : "", r->advice};
		for (size_t k = 0; k < ARRAY_LEN(cells); k++)
			put(&s, cells[k]);
		for (size_t k = 0; k < run->extra_count; k++)
			if (!is_ours(run->extra_names[k]))
				put(&s, a->extras ? a->extras[k] : "");
		end_row(&s);
	}
}
