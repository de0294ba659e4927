// SPDX-License-Identifier: MIT
#include "orchestrator/preflight_show.h"

#include <inttypes.h>
#include <jansson.h>

#include "config/plan.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/preflight.h"
#include "orchestrator/select.h"

enum {
	CELL_BYTES = 32
};

/* With --limit what was not reached was not asked for. */
static bool is_meant(
    const struct preflight_account *a, const struct select_rules *select)
{
	if (!select_matches(select, a->account))
		return false;
	return a->has_ended || !select || select->limit == 0;
}

static const char *show_number(uint64_t n, char out[CELL_BYTES])
{
	if (n == PROBE_UNKNOWN)
		return "-";
	(void)snprintf(out, CELL_BYTES, "%" PRIu64, n);
	return out;
}

static const char *show_bytes(uint64_t n, char out[CELL_BYTES])
{
	return n == PROBE_UNKNOWN ? "-" : text_bytes(n, out, CELL_BYTES);
}

static const char *word_of(const struct preflight_verdict *v)
{
	return v->is_go ? "go" : v->is_looked_at ? "NO-GO" : "not done";
}

static void show_findings(const struct preflight_verdict *v, FILE *out)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct preflight_finding *f = &v->findings[i];
		(void)fprintf(out, "  %s %s: %s\n",
		    f->is_problem ? "!" : "note", f->reason, f->text);
		if (f->to_do)
			(void)fprintf(out, "      to do: %s\n", f->to_do);
	}
}

static void show_row(const struct preflight_account *a,
    const struct preflight_verdict *v, FILE *out)
{
	static const struct probe nothing = {{0}};
	const uint64_t *s = a->source.is_told ? a->source.probe.n : nothing.n;
	const uint64_t *t = a->target.is_told ? a->target.probe.n : nothing.n;
	const uint64_t *b = a->both.is_told ? a->both.probe.n : nothing.n;
	uint64_t room = a->target.is_told ? probe_free(t[PROBE_STORAGE_USED],
						t[PROBE_STORAGE_LIMIT])
					  : PROBE_UNKNOWN;
	bool both = a->both.is_told, source = a->source.is_told;
	char cells[5][CELL_BYTES];

	(void)fprintf(out, "%-24s %-8s %9s %9s %10s %10s %10s\n",
	    a->account->id, word_of(v),
	    show_number(source ? s[PROBE_MAILBOXES] : PROBE_UNKNOWN, cells[0]),
	    show_number(source ? s[PROBE_MESSAGES] : PROBE_UNKNOWN, cells[1]),
	    show_bytes(source ? s[PROBE_BYTES] : PROBE_UNKNOWN, cells[2]),
	    show_bytes(both ? b[PROBE_COPY_BYTES] : PROBE_UNKNOWN, cells[3]),
	    show_bytes(room, cells[4]));
	show_findings(v, out);
}

long preflight_show_table(
    const struct preflight *p, const struct select_rules *select, FILE *out)
{
	struct preflight_verdict v;
	long go = 0, no_go = 0;

	(void)fprintf(out, "%-24s %-8s %9s %9s %10s %10s %10s\n", "ACCOUNT",
	    "VERDICT", "MAILBOXES", "MESSAGES", "SIZE", "TO COPY", "FREE");
	for (size_t i = 0; i < p->count; i++) {
		if (!is_meant(&p->accounts[i], select))
			continue;
		preflight_judge(&p->accounts[i], &v);
		show_row(&p->accounts[i], &v, out);
		go += v.is_go;
		no_go += !v.is_go;
	}
	(void)fprintf(out, "\n%ld go, %ld no-go.  next: ", go, no_go);
	if (no_go > 0)
		(void)fprintf(out,
		    "do what is to be done, then mailconvoy check %s --connect\n",
		    p->plan->typed);
	else
		(void)fprintf(out, "mailconvoy preview %s\n", p->plan->typed);
	return no_go;
}

/* ---------------------------------------------------------------- JSON */

static json_t *look_json(const struct preflight_look *look)
{
	const struct {
		const char *key, *text;
	} texts[] = {{"reason", look->reason},
	    {look->reason ? "text" : "greeting", look->text},
	    {"capabilities", look->capabilities}, {"prefix", look->prefix},
	    {"separator", look->separator}};

	json_t *o = json_object();
	int rc = o ? 0 : -1;

	if (rc == 0 && look->is_told)
		rc = json_object_set_new(
		    o, "probe", probe_json_new(&look->probe));
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(texts); i++)
		if (texts[i].text && texts[i].text[0])
			rc = json_object_set_new(
			    o, texts[i].key, json_string(texts[i].text));
	if (rc == 0)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *findings_json(const struct preflight_verdict *v, bool problems)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->count; i++) {
		const struct preflight_finding *f = &v->findings[i];
		if (f->is_problem != problems)
			continue;
		json_t *one = json_pack("{s:s,s:s,s:s*}", "reason", f->reason,
		    "text", f->text, "to_do", f->to_do);
		if (json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *account_json(
    const struct preflight_account *a, const struct preflight_verdict *v)
{
	return json_pack("{s:s,s:b,s:b,s:o,s:o,s:o,s:o,s:o}", "id",
	    a->account->id, "go", (int)v->is_go, "looked_at",
	    (int)v->is_looked_at, "source", look_json(&a->source), "target",
	    look_json(&a->target), "both", look_json(&a->both), "problems",
	    findings_json(v, true), "notes", findings_json(v, false));
}

long preflight_show_json(
    const struct preflight *p, const struct select_rules *select, FILE *out)
{
	struct preflight_verdict v;
	json_t *list = json_array();
	long go = 0, no_go = 0;

	for (size_t i = 0; list && i < p->count; i++) {
		if (!is_meant(&p->accounts[i], select))
			continue;
		preflight_judge(&p->accounts[i], &v);
		go += v.is_go;
		no_go += !v.is_go;
		if (json_array_append_new(
			list, account_json(&p->accounts[i], &v)) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	json_t *o = json_pack("{s:i,s:s,s:s,s:I,s:I,s:o}", "v", 1, "plan",
	    p->plan->name, "digest", p->plan->digest, "go", (json_int_t)go,
	    "no_go", (json_int_t)no_go, "accounts", list);
	int rc = o ? json_dumpf(o, out, JSON_INDENT(2)) : -1;
	json_decref(o);
	(void)fputc('\n', out);
	return rc < 0 ? -1 : no_go;
}
