// SPDX-License-Identifier: MIT
/* A preview for people, and as the file that approves it. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/mailbox_name.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/json_file.h"
#include "orchestrator/preflight.h"
#include "orchestrator/preview.h"

enum {
	DELETES_SHOWN = 20, /* of one account */
	NAME_BYTES = 2000,  /* of a mailbox */
	VERSION = 1
};

/* ---------------------------------------------------------------- table */

static void print_numbers(
    const char *name, const struct preview_numbers *n, FILE *out)
{
	char folders[48], bytes[32];

	(void)snprintf(folders, sizeof(folders), "%" PRIu64 " (+%" PRIu64 ")",
	    n->mailboxes, n->create);
	(void)fprintf(out,
	    "%-24s %14s %10" PRIu64 " %10" PRIu64 " %8" PRIu64 " %8" PRIu64
	    " %10s",
	    name, folders, n->copy, n->present, n->flags, n->deletes,
	    text_bytes(n->bytes, bytes, sizeof(bytes)));
}

static void print_row(const struct preview_row *row, FILE *out)
{
	const struct preflight_account *a = row->from;
	const char *reason = a->reason && a->reason[0] ? a->reason
			     : a->outcome              ? a->outcome
						       : "not looked at";

	if (row->is_known) {
		print_numbers(a->account->id, &row->n, out);
		if (a->warning)
			(void)fprintf(out, "  %s", a->warning);
		else if (a->name_count > 0)
			(void)fprintf(out, "  ! %zu mailboxes cannot be copied",
			    a->name_count);
		if (a->renamed > 0)
			(void)fprintf(out,
			    "  %" PRIu64 " name%s changed: see --names",
			    a->renamed, a->renamed == 1 ? "" : "s");
	} else {
		(void)fprintf(out, "%-24s %14s %10s %10s %8s %8s %10s  ! %s",
		    a->account->id, "-", "-", "-", "-", "-", "-", reason);
	}
	(void)fputc('\n', out);
}

static void print_deletes(const struct preview_row *row, FILE *out)
{
	const struct preflight_account *a = row->from;
	char box[NAME_BYTES];

	if (!row->is_known ||
	    (row->n.deletes == 0 && row->n.delete_mailboxes == 0))
		return;
	(void)fprintf(out,
	    "  %s: %" PRIu64 " messages, %" PRIu64 " mailboxes\n",
	    a->account->id, row->n.deletes, row->n.delete_mailboxes);
	for (size_t i = 0; i < a->delete_count && i < DELETES_SHOWN; i++) {
		const struct preflight_delete *d = &a->deletes[i];
		(void)fprintf(out,
		    d->is_mailbox ? "    mailbox '%s' with %" PRIu64
				    " messages\n"
				  : "    of '%s' %" PRIu64 " messages\n",
		    mailbox_name_show(d->target, box, sizeof(box)),
		    d->messages);
	}
	if (a->delete_count > DELETES_SHOWN)
		(void)fprintf(out, "    and %zu more mailboxes\n",
		    a->delete_count - DELETES_SHOWN);
}

static void print_deletions(const struct preview *p, FILE *out)
{
	const struct preview_numbers *n = &p->total;

	if (n->deletes == 0 && n->delete_mailboxes == 0) {
		(void)fprintf(out, "Nothing will be deleted%s.\n",
		    p->unknown > 0 ? ", as far as accounts could be looked at"
				   : "");
		return;
	}
	(void)fprintf(out, "Would be deleted on the target:\n");
	for (size_t i = 0; i < p->count; i++)
		print_deletes(&p->rows[i], out);
}

static void print_time(const struct preview *p, FILE *out)
{
	int64_t s = preview_eta_s(p);
	char rate[32];

	if (p->total.bytes == 0)
		return;
	if (s < 0) {
		(void)fprintf(out, "Time: not known, %s\n", p->basis);
		return;
	}
	(void)fprintf(out,
	    "Time: about %" PRId64 " h %02" PRId64 " min %02" PRId64
	    " s, at %s/s, %s\n",
	    s / 3600, s / 60 % 60, s % 60,
	    text_bytes(p->bytes_per_s, rate, sizeof(rate)), p->basis);
}

static void print_next(const struct preview *p, const char *file, FILE *out)
{
	const char *path = p->plan->typed;
	bool mirrors = false;

	for (size_t i = 0; i < p->count; i++)
		mirrors |=
		    p->rows[i].from->account->options.mode == PLAN_MODE_DST;

	if (p->unknown > 0)
		(void)fprintf(out,
		    "%zu accounts could not be looked at: mailconvoy check %s --connect\n",
		    p->unknown, path);
	if (file && p->is_exact)
		(void)fprintf(out,
		    "To run exactly this: mailconvoy run %s --approved %s\n",
		    path, file);
	else if (mirrors)
		(void)fprintf(out,
		    "To approve what is deleted: mailconvoy preview %s -o FILE, then mailconvoy run %s --approved FILE\n",
		    path, path);
	else
		(void)fprintf(out, "Next: mailconvoy run %s\n", path);
}

static void print_names(const struct preflight_account *a, FILE *out)
{
	char from[NAME_BYTES], to[NAME_BYTES];

	if (a->renamed == 0 && a->name_count == 0)
		return;
	(void)fprintf(out, "  %s:\n", a->account->id);
	for (size_t i = 0; i < a->rename_count; i++)
		(void)fprintf(out, "    '%s' -> '%s'\n",
		    mailbox_name_show(
			a->renames[i].mailbox, from, sizeof(from)),
		    mailbox_name_show(a->renames[i].target, to, sizeof(to)));
	if (a->renamed > a->rename_count)
		(void)fprintf(out, "    and %" PRIu64 " more\n",
		    a->renamed - a->rename_count);
	for (size_t i = 0; i < a->name_count && i < ARRAY_LEN(a->names); i++)
		(void)fprintf(out, "    ! '%s': %s\n",
		    mailbox_name_show(a->names[i].mailbox, from, sizeof(from)),
		    a->names[i].text);
	if (a->name_count > ARRAY_LEN(a->names))
		(void)fprintf(out, "    ! and %zu more\n",
		    a->name_count - ARRAY_LEN(a->names));
}

static void print_all_names(const struct preview *p, FILE *out)
{
	uint64_t all = 0;

	for (size_t i = 0; i < p->count; i++)
		all += p->rows[i].from->renamed + p->rows[i].from->name_count;
	(void)fprintf(out,
	    "Names that change, and those that cannot be used:%s\n",
	    all == 0 ? " none" : "");
	for (size_t i = 0; i < p->count; i++)
		print_names(p->rows[i].from, out);
	(void)fputc('\n', out);
}

void preview_print(
    const struct preview *p, const char *file, bool with_names, FILE *out)
{
	(void)fprintf(out, "PLAN %s  %zu accounts  %s\n\n", p->plan->name,
	    p->count,
	    p->is_exact ? "every message was compared"
			: "by numbers and sizes only, nothing was compared");
	(void)fprintf(out, "%-24s %14s %10s %10s %8s %8s %10s  %s\n", "ACCOUNT",
	    "FOLDERS", "+ COPY", "= PRESENT", "~ FLAGS", "- DELETE", "SIZE",
	    "NOTE");
	for (size_t i = 0; i < p->count; i++)
		print_row(&p->rows[i], out);
	print_numbers("TOTAL", &p->total, out);
	(void)fputs("\n\n", out);
	if (with_names)
		print_all_names(p, out);
	print_deletions(p, out);
	print_time(p, out);
	print_next(p, file, out);
}

/* ---------------------------------------------------------------- file */

static json_t *number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *deletes_json(const struct preflight_account *a)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->delete_count; i++) {
		const struct preflight_delete *d = &a->deletes[i];
		if (json_array_append_new(
			list, json_pack("{s:s,s:o,s:b}", "target", d->target,
				  "messages", number(d->messages), "mailbox",
				  (int)d->is_mailbox)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* Those of an account and of all of them. */
static int put_numbers(json_t *o, const struct preview_numbers *n)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {{"mailboxes", n->mailboxes}, {"create", n->create},
	    {"copy", n->copy}, {"present", n->present}, {"flags", n->flags},
	    {"bytes", n->bytes}, {"delete", n->deletes},
	    {"delete_mailboxes", n->delete_mailboxes}, {"others", n->others}};

	int rc = o ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < sizeof(numbers) / sizeof(numbers[0]);
	     i++)
		rc = json_object_set_new(
		    o, numbers[i].key, number(numbers[i].value));
	return rc;
}

static json_t *row_json(const struct preview_row *row)
{
	const struct preflight_account *a = row->from;
	json_t *o = json_pack("{s:s,s:s,s:b,s:s*,s:s*,s:s*}", "id",
	    a->account->id, "digest", a->account->digest, "known",
	    (int)row->is_known, "outcome", a->outcome, "reason",
	    a->reason && a->reason[0] ? a->reason : NULL, "warning",
	    a->warning);

	if (o && (!row->is_known || (put_numbers(o, &row->n) == 0 &&
					json_object_set_new(o, "deletions",
					    deletes_json(a)) == 0)))
		return o;
	json_decref(o);
	return NULL;
}

static json_t *preview_json(const struct preview *p)
{
	char now[CLOCK_TEXT_BYTES];
	json_t *list = json_array(), *total = json_object();
	int rc = list && total ? put_numbers(total, &p->total) : -1;

	for (size_t i = 0; rc == 0 && i < p->count; i++)
		rc = json_array_append_new(list, row_json(&p->rows[i]));
	if (rc < 0) {
		json_decref(list);
		json_decref(total);
		return NULL;
	}
	clock_format(clock_wall_ms(), now);
	json_t *o = json_pack("{s:i,s:s,s:s,s:s,s:s,s:b,s:o,s:s,s:o}", "v",
	    VERSION, "kind", "preview", "made", now, "plan", p->plan->name,
	    "plan_digest", p->plan->digest, "exact", (int)p->is_exact, "total",
	    total, "time_basis", p->basis, "accounts", list);
	if (o && preview_eta_s(p) >= 0 &&
	    json_object_set_new(o, "seconds", json_integer(preview_eta_s(p))) <
		0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int preview_write(const struct preview *p, const char *path, struct error *err)
{
	return json_file_write(path, preview_json(p), err);
}
