// SPDX-License-Identifier: MIT
#include "orchestrator/preflight.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/tally_json.h"
#include "orchestrator/journal_line.h"
#include "orchestrator/journal_read.h"

static void release_look(struct preflight_look *look)
{
	free(look->reason);
	free(look->text);
	free(look->capabilities);
	free(look->prefix);
	free(look->separator);
	*look = (struct preflight_look){0};
}

/* Forgets what an attempt said: another one follows. */
static void reset(struct preflight_account *a)
{
	release_look(&a->source);
	release_look(&a->target);
	release_look(&a->both);
	for (size_t i = 0; i < PREFLIGHT_NAMES_MAX; i++) {
		free(a->names[i].mailbox);
		free(a->names[i].text);
	}
	for (size_t i = 0; i < a->delete_count; i++)
		free(a->deletes[i].target);
	free(a->deletes);
	for (size_t i = 0; i < a->rename_count; i++) {
		free(a->renames[i].mailbox);
		free(a->renames[i].target);
	}
	free(a->renames);
	free(a->warning);
	free(a->outcome);
	free(a->reason);
	free(a->text);
	*a = (struct preflight_account){.account = a->account};
}

void preflight_release(struct preflight *p)
{
	for (size_t i = 0; i < p->count; i++)
		reset(&p->accounts[i]);
	free(p->accounts);
	*p = (struct preflight){0};
}

/* ------------------------------------------------------------- reading */

static int keep(char **out, const char *s)
{
	free(*out);
	*out = mem_try_strdup(s);
	return *out ? 0 : -1;
}

static int on_start(struct preflight_account *a, const json_t *line)
{
	(void)line;
	reset(a);
	return 0;
}

static int on_probe(struct preflight_account *a, const json_t *line)
{
	const char *side = journal_line_text(line, "side");
	const char *reason = journal_line_text(line, "reason");
	struct preflight_look *look = strcmp(side, "source") == 0   ? &a->source
				      : strcmp(side, "target") == 0 ? &a->target
								    : &a->both;

	release_look(look);
	look->is_told = true;
	if (probe_json_read(json_object_get(line, "probe"), &look->probe) < 0)
		probe_init(&look->probe);
	if (reason[0] && keep(&look->reason, reason) < 0)
		return -1;
	if (keep(&look->text, journal_line_text(line, "text")) < 0 ||
	    keep(&look->capabilities, journal_line_text(line, "capabilities")) <
		0 ||
	    keep(&look->prefix, journal_line_text(line, "prefix")) < 0)
		return -1;
	return keep(&look->separator, journal_line_text(line, "separator"));
}

/* Of a mailbox; single messages belong to the counts. */
static int on_refused(struct preflight_account *a, const json_t *line)
{
	if (journal_line_number(line, "uid") > 0 ||
	    a->name_count++ >= PREFLIGHT_NAMES_MAX)
		return 0;
	struct preflight_name *name = &a->names[a->name_count - 1];
	return keep(&name->mailbox, journal_line_text(line, "mailbox")) < 0
		   ? -1
		   : keep(&name->text, journal_line_text(line, "text"));
}

/* Of a dry run; a look does not go through mailboxes. */
static int on_mailbox(struct preflight_account *a, const json_t *line)
{
	const char *from = journal_line_text(line, "mailbox");
	const char *to = journal_line_text(line, "target");

	if (!to[0] || strcmp(from, to) == 0 ||
	    a->renamed++ >= PREFLIGHT_RENAMES_MAX)
		return 0;
	void *grown = mem_try_grow(
	    a->renames, &a->rename_cap, a->rename_count, sizeof(*a->renames));
	if (!grown)
		return -1;
	a->renames = grown;
	struct preflight_rename *r = &a->renames[a->rename_count++];
	*r = (struct preflight_rename){0};
	return keep(&r->mailbox, from) < 0 ? -1 : keep(&r->target, to);
}

static int on_would_delete(struct preflight_account *a, const json_t *line)
{
	if (a->delete_count == PREFLIGHT_DELETES_MAX)
		return 0;
	void *grown = mem_try_grow(
	    a->deletes, &a->delete_cap, a->delete_count, sizeof(*a->deletes));
	if (!grown)
		return -1;
	a->deletes = grown;
	struct preflight_delete *d = &a->deletes[a->delete_count];
	*d = (struct preflight_delete){
	    .messages = journal_line_number(line, "expected"),
	    .is_mailbox =
		strcmp(journal_line_text(line, "step"), "DELETE") == 0};
	if (keep(&d->target, journal_line_text(line, "target")) < 0)
		return -1;
	a->delete_count++;
	return 0;
}

static int on_warning(struct preflight_account *a, const json_t *line)
{
	static const char about[] = "mirror.";

	if (strncmp(journal_line_text(line, "reason"), about,
		sizeof(about) - 1) != 0)
		return 0;
	return keep(&a->warning, journal_line_text(line, "text"));
}

static int on_end(struct preflight_account *a, const json_t *line)
{
	a->has_ended = true;
	if (tally_json_read(json_object_get(line, "tally"), &a->tally) < 0)
		a->tally = (struct tally){0};
	return keep(&a->outcome, journal_line_text(line, "outcome")) < 0 ||
		       keep(&a->reason, journal_line_text(line, "reason")) < 0
		   ? -1
		   : keep(&a->text, journal_line_text(line, "text"));
}

static const struct {
	const char *ev;
	int (*take)(struct preflight_account *a, const json_t *line);
} handlers[] = {
    {"account.start", on_start},
    {"probe", on_probe},
    {"mailbox", on_mailbox},
    {"refused", on_refused},
    {"would_delete", on_would_delete},
    {"warning", on_warning},
    {"account.end", on_end},
};

static int take_line(const json_t *line, void *context, struct error *err)
{
	struct preflight *p = context;
	const char *ev = journal_line_text(line, "ev");
	const struct plan_account *account =
	    plan_find_account(p->plan, journal_line_text(line, "id"));

	for (size_t i = 0; account && i < ARRAY_LEN(handlers); i++) {
		size_t at = (size_t)(account - p->plan->accounts);
		if (strcmp(handlers[i].ev, ev) == 0 &&
		    handlers[i].take(&p->accounts[at], line) < 0)
			return error_set(err, ERROR_INTERNAL, "local.memory",
			    "out of memory");
	}
	return 0;
}

int preflight_read(struct preflight *p, const char *journal,
    const struct plan *plan, struct error *err)
{
	struct journal_extent extent;

	*p = (struct preflight){.plan = plan, .count = plan->account_count};
	p->accounts = mem_try_calloc(p->count, sizeof(*p->accounts));
	if (!p->accounts) {
		*p = (struct preflight){0};
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	}
	for (size_t i = 0; i < p->count; i++)
		p->accounts[i].account = &plan->accounts[i];
	int rc = journal_walk(journal, take_line, p, &extent, err);
	if (rc < 0)
		preflight_release(p);
	return rc;
}
