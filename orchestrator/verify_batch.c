// SPDX-License-Identifier: MIT
#include "orchestrator/verify_batch.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/base/mailbox_name.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/verify_tally_json.h"
#include "orchestrator/journal_line.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/select.h"

enum {
	TALLY_BYTES = 640,
	NAME_BYTES = 2000 /* of a mailbox */
};

/* Forgets what an attempt said: another one follows. */
static void reset(struct verify_batch_account *a)
{
	free(a->outcome);
	free(a->reason);
	free(a->text);
	*a = (struct verify_batch_account){.account = a->account};
}

void verify_batch_release(struct verify_batch *b)
{
	for (size_t i = 0; b->accounts && i < b->count; i++)
		reset(&b->accounts[i]);
	free(b->accounts);
	free(b->journal);
	*b = (struct verify_batch){0};
}

/* ------------------------------------------------------------- reading */

static int keep(char **out, const char *s)
{
	free(*out);
	*out = mem_try_strdup(s);
	return *out ? 0 : -1;
}

static int on_start(struct verify_batch_account *a, const json_t *line)
{
	reset(a);
	a->attempt = (unsigned)journal_line_number(line, "attempt");
	return 0;
}

static int on_verify(struct verify_batch_account *a, const json_t *line)
{
	struct verify_tally t;

	if (verify_tally_json_read(json_object_get(line, "verify"), &t) == 0)
		verify_tally_add(&a->tally, &t);
	return 0;
}

static int on_end(struct verify_batch_account *a, const json_t *line)
{
	a->has_ended = true;
	a->exit = (int)json_integer_value(json_object_get(line, "exit"));
	return keep(&a->outcome, journal_line_text(line, "outcome")) < 0 ||
		       keep(&a->reason, journal_line_text(line, "reason")) < 0
		   ? -1
		   : keep(&a->text, journal_line_text(line, "text"));
}

static struct verify_batch_account *account_of(
    const struct verify_batch *b, const json_t *line)
{
	const struct plan_account *account =
	    plan_find_account(b->plan, journal_line_text(line, "id"));

	return account ? &b->accounts[account - b->plan->accounts] : NULL;
}

static int take_line(const json_t *line, void *context, struct error *err)
{
	static const struct {
		const char *ev;
		int (*take)(struct verify_batch_account *a, const json_t *line);
	} handlers[] = {
	    {"account.start", on_start},
	    {"verify", on_verify},
	    {"account.end", on_end},
	};

	const char *ev = journal_line_text(line, "ev");
	struct verify_batch_account *a = account_of(context, line);

	for (size_t i = 0; a && i < ARRAY_LEN(handlers); i++)
		if (strcmp(handlers[i].ev, ev) == 0 &&
		    handlers[i].take(a, line) < 0)
			return error_set(err, ERROR_INTERNAL, "local.memory",
			    "out of memory");
	return 0;
}

int verify_batch_read(struct verify_batch *out, const char *journal,
    const struct plan *plan, struct error *err)
{
	struct journal_extent extent;

	*out = (struct verify_batch){.plan = plan};
	out->journal = mem_try_strdup(journal);
	out->accounts =
	    mem_try_calloc(plan->account_count, sizeof(*out->accounts));
	if (!out->journal || !out->accounts) {
		verify_batch_release(out);
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	}
	out->count = plan->account_count;
	for (size_t i = 0; i < out->count; i++)
		out->accounts[i].account = &plan->accounts[i];
	int rc = journal_walk(journal, take_line, out, &extent, err);
	if (rc < 0)
		verify_batch_release(out);
	return rc;
}

/* -------------------------------------------------------------- telling */

static void print_account(const struct verify_batch_account *a, FILE *out)
{
	char text[TALLY_BYTES];

	if (!a->has_ended) {
		(void)fprintf(
		    out, "unknown  %s: not compared\n", a->account->id);
		return;
	}
	if (a->exit != EXIT_CODE_OK && a->exit != EXIT_CODE_PARTIAL) {
		(void)fprintf(out, "unknown  %s: %s: %s: %s\n", a->account->id,
		    a->outcome, a->reason, a->text);
		return;
	}
	verify_tally_format(&a->tally, text, sizeof(text));
	(void)fprintf(out, "%s  %s: %s\n",
	    a->exit == EXIT_CODE_OK ? "equal  " : "differs", a->account->id,
	    text);
}

void verify_batch_print(
    const struct verify_batch *b, const struct select_rules *select, FILE *out)
{
	struct verify_tally sum = {{0}};
	size_t equal = 0, differs = 0, all = 0;
	char text[TALLY_BYTES];

	for (size_t i = 0; i < b->count; i++) {
		const struct verify_batch_account *a = &b->accounts[i];
		if (!select_matches(select, a->account) ||
		    (select && select->limit > 0 && a->attempt == 0))
			continue;
		print_account(a, out);
		verify_tally_add(&sum, &a->tally);
		equal += a->has_ended && a->exit == EXIT_CODE_OK;
		differs += a->has_ended && a->exit == EXIT_CODE_PARTIAL;
		all++;
	}
	verify_tally_format(&sum, text, sizeof(text));
	(void)fprintf(out, "%zu of %zu accounts equal", equal, all);
	if (differs > 0)
		(void)fprintf(out, ", %zu differ", differs);
	if (all > equal + differs)
		(void)fprintf(out, ", %zu not compared", all - equal - differs);
	(void)fprintf(out, ".  %s\n", text);
}

/* The sign of a reason, "verify.missing". */
static char sign_of(const char *reason)
{
	static const struct {
		enum verify_count what;
		char sign;
	} signs[] = {
	    {VERIFY_COUNT_MISSING, '-'},
	    {VERIFY_COUNT_FOLDERS_MISSING, '-'},
	    {VERIFY_COUNT_EXTRA, '+'},
	    {VERIFY_COUNT_DOUBLED, '+'},
	    {VERIFY_COUNT_FOLDERS_EXTRA, '+'},
	    {VERIFY_COUNT_UNREADABLE, '!'},
	    {VERIFY_COUNT_FOLDERS_UNREADABLE, '!'},
	};

	const char *dot = strchr(reason, '.');

	for (size_t i = 0; dot && i < ARRAY_LEN(signs); i++)
		if (strcmp(dot + 1, verify_tally_name(signs[i].what)) == 0)
			return signs[i].sign;
	return '*';
}

struct printing {
	const struct verify_batch *batch;
	FILE *out;
};

static void print_uid(FILE *out, const char *side, uint64_t uid)
{
	if (uid > 0)
		(void)fprintf(out, ", %s uid %" PRIu64, side, uid);
}

/* Text of a journal is printable: records were escaped when they were made. */
static int print_line(const json_t *line, void *context, struct error *err)
{
	const struct printing *p = context;
	const struct verify_batch_account *a = account_of(p->batch, line);
	const char *ev = journal_line_text(line, "ev");
	const char *box = journal_line_text(line, "mailbox");
	struct verify_tally t;
	char shown[NAME_BYTES];

	(void)err;
	if (!a || journal_line_number(line, "attempt") != a->attempt)
		return 0;
	if (!box[0])
		box = journal_line_text(line, "target");
	box = mailbox_name_show(box, shown, sizeof(shown));
	if (strcmp(ev, "verify") == 0 &&
	    verify_tally_json_read(json_object_get(line, "verify"), &t) == 0 &&
	    verify_tally_differences(&t, true) == 0)
		(void)fprintf(p->out, "= %s '%s': %" PRIu64 " messages\n",
		    a->account->id, box, t.n[VERIFY_COUNT_SOURCE]);
	if (strcmp(ev, "difference") != 0)
		return 0;
	(void)fprintf(p->out, "%c %s '%s'",
	    sign_of(journal_line_text(line, "reason")), a->account->id, box);
	print_uid(p->out, "source", journal_line_number(line, "uid"));
	print_uid(p->out, "target", journal_line_number(line, "target_uid"));
	if (journal_line_text(line, "date")[0])
		(void)fprintf(
		    p->out, ", dated %s", journal_line_text(line, "date"));
	(void)fprintf(p->out, ": %s (%s)\n", journal_line_text(line, "text"),
	    journal_line_text(line, "reason"));
	return 0;
}

int verify_batch_print_diff(
    const struct verify_batch *b, FILE *out, struct error *err)
{
	struct printing p = {b, out};
	struct journal_extent extent;

	return journal_walk(b->journal, print_line, &p, &extent, err);
}
