// SPDX-License-Identifier: MIT
#include "orchestrator/report_rows.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_chart.h"
#include "orchestrator/report_html.h"
#include "orchestrator/report_model.h"
#include "orchestrator/report_out.h"
#include "orchestrator/report_settings.h"
#include "orchestrator/report_zone.h"

enum {
	EXTRAS_SHOWN = 2, /* x_ columns in the table; all are in the rows */
	FOLDERS_MIN = 5,
	SIZE_BYTES = 32
};

/* -------------------------------------------------------------- table */

static void put_number_cell(FILE *out, uint64_t n)
{
	(void)fprintf(out, "<td class=\"n\" data-v=\"%" PRIu64 "\">", n);
	report_out_number(out, n);
	(void)fputs("</td>", out);
}

static size_t extras_shown(const struct report_model *m)
{
	size_t n = m->run->extra_count;

	return n > EXTRAS_SHOWN ? EXTRAS_SHOWN : n;
}

/* What the script reads. */
static void put_row_data(FILE *out, const struct report_account *r)
{
	const struct journal_account *a = r->a;

	(void)fputs("<tr data-state=\"", out);
	report_out_html(out, r->outcome);
	(void)fprintf(out, "\" data-grade=\"%s\" data-look=\"%d\"",
	    report_html_class(a->grade), r->needs_look);
	if (a->groups && a->groups[0]) {
		(void)fputs(" data-groups=\"", out);
		report_out_html(out, a->groups);
		(void)fputc('"', out);
	}
	(void)fputs(" data-find=\"", out);
	report_out_html(out, a->source_user ? a->source_user : "");
	(void)fputc(' ', out);
	report_out_html(out, a->target_user ? a->target_user : "");
	(void)fputc(' ', out);
	report_out_html(out, a->reason ? a->reason : "");
	(void)fputs("\">", out);
}

static void put_row(
    FILE *out, const struct report_model *m, const struct report_account *r)
{
	const struct journal_account *a = r->a;
	char text[SIZE_BYTES];

	put_row_data(out, r);
	(void)fputs("<th scope=\"row\">", out);
	report_out_html(out, a->id);
	(void)fputs("</th><td>", out);
	report_out_html(out, r->outcome);
	(void)fprintf(out, "</td><td data-v=\"%d\">", (int)a->grade);
	report_html_grade(out, a->grade);
	if (a->ack_by)
		(void)fputs(" <span class=\"soft\">taken</span>", out);
	(void)fputs("</td>", out);
	put_number_cell(out, r->folders);
	put_number_cell(out, a->tally.source);
	put_number_cell(out, a->copied_total);
	put_number_cell(out, a->tally.present);
	put_number_cell(out, r->refused);
	(void)fprintf(out, "<td class=\"n\" data-v=\"%" PRIu64 "\">%s</td>",
	    a->bytes_total, text_bytes(a->bytes_total, text, sizeof(text)));
	(void)fprintf(out, "<td class=\"n\" data-v=\"%" PRIu64 "\">%s</td>",
	    r->seconds, report_chart_duration(r->seconds, text));
	put_number_cell(out, a->attempt);
	for (size_t i = 0; i < extras_shown(m); i++) {
		(void)fputs("<td>", out);
		report_out_html(out, a->extras ? a->extras[i] : "");
		(void)fputs("</td>", out);
	}
	(void)fputs("</tr>\n", out);
}

static void put_tools(FILE *out)
{
	static const enum grade order[] = {
	    GRADE_COMPLETE, GRADE_MINOR, GRADE_REVIEW, GRADE_BAD, GRADE_NONE};

	(void)fputs(
	    "<div class=\"tools\"><label class=\"grow\">Search<input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></label>\n"
	    "<label>State<select id=\"state\"><option value=\"\">all</option></select></label>\n"
	    "<label>Grade<select id=\"grade\"><option value=\"\">all</option><option value=\"look\">needs attention</option>",
	    out);
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		(void)fprintf(out, "<option value=\"%s\">%s</option>",
		    report_html_class(order[i]), report_html_word(order[i]));
	(void)fputs(
	    "</select></label>\n<label>Group<select id=\"group\"><option value=\"\">all</option></select></label>\n"
	    "<output id=\"count\" aria-live=\"polite\"></output></div>\n"
	    "<p class=\"soft plain\">The folders of each account are in the files under users/.</p>\n",
	    out);
}

static bool is_large(const struct report_model *m)
{
	return m->count > REPORT_ROWS_MAX;
}

static size_t plain_rows(const struct report_model *m)
{
	return is_large(m) ? REPORT_ROWS_PLAIN : m->count;
}

/* Where those are that are neither in the page nor on paper. */
static void put_rest(FILE *out, const struct report_model *m)
{
	if (!is_large(m))
		return;
	(void)fprintf(
	    out, "<p class=\"soft rest\">These are %d of ", REPORT_ROWS_PLAIN);
	report_out_number(out, m->count);
	(void)fputs(" accounts; all of them are in accounts.csv.</p>\n", out);
}

void report_rows_table(FILE *out, const struct report_model *m)
{
	static const struct {
		const char *name;
		bool is_number;
	} columns[] = {{"Account", false}, {"State", false}, {"Grade", false},
	    {"Folders", true}, {"Source", true}, {"Copied", true},
	    {"Present", true}, {"Refused", true}, {"Size", true},
	    {"Time", true}, {"Tries", true}};

	(void)fputs(
	    "<section aria-labelledby=\"h-accounts\"><h2 id=\"h-accounts\">Accounts</h2>\n",
	    out);
	put_tools(out);
	put_rest(out, m);
	(void)fputs(
	    "<div class=\"wide\"><table id=\"accounts\"><thead><tr>", out);
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		(void)fprintf(out, "<th scope=\"col\"%s>%s</th>",
		    columns[i].is_number ? " class=\"n\"" : "",
		    columns[i].name);
	for (size_t i = 0; i < extras_shown(m); i++) {
		(void)fputs("<th scope=\"col\">", out);
		report_out_html(out, m->run->extra_names[i]);
		(void)fputs("</th>", out);
	}
	(void)fputs("</tr></thead>\n<tbody class=\"raw\">\n", out);
	for (size_t i = 0; i < m->count && i < plain_rows(m); i++)
		put_row(out, m, &m->accounts[i]);
	(void)fputs(
	    "</tbody></table></div>\n<button type=\"button\" class=\"more\" id=\"more\" hidden>Show more</button></section>\n",
	    out);
}

/* -------------------------------------------------- data of open rows */

static void put_fact(FILE *out, bool *any, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	(void)fputs(*any ? ",[" : "[", out);
	report_out_json(out, name);
	(void)fputc(',', out);
	report_out_json(out, value);
	(void)fputc(']', out);
	*any = true;
}

static void put_owner(FILE *out, bool *any, const char *name, const char *user,
    const char *server)
{
	char value[600];

	if (!user || !server)
		return;
	(void)snprintf(value, sizeof(value), "%s at %s", user, server);
	put_fact(out, any, name, value);
}

static void put_facts(
    FILE *out, const struct report_model *m, const struct report_account *r)
{
	const struct journal_account *a = r->a;
	char value[700], sum[512], time[REPORT_ZONE_TEXT];
	bool any = false;

	tally_format(&a->tally, sum, sizeof(sum));
	put_owner(out, &any, "Source", a->source_user, a->source);
	put_owner(out, &any, "Target", a->target_user, a->target);
	if (a->state == JOURNAL_ENDED) {
		put_fact(out, &any, "Reason", a->reason);
		put_fact(out, &any, "In words", a->text);
	}
	if (a->grade != GRADE_COMPLETE)
		put_fact(out, &any, "What to do", r->advice);
	put_fact(out, &any, "Messages", sum);
	tally_format_extras(&a->tally, sum, sizeof(sum));
	put_fact(out, &any, "Also", sum);
	put_fact(out, &any, "Begun",
	    report_zone_text(m->has_zone, a->started, time));
	put_fact(
	    out, &any, "Ended", report_zone_text(m->has_zone, a->ended, time));
	if (a->ack_by) {
		(void)snprintf(value, sizeof(value), "%s, %s: %s", a->ack_by,
		    report_zone_text(m->has_zone, a->ack_time, time),
		    a->ack_reason);
		put_fact(out, &any, "Acknowledged", value);
	}
	put_fact(out, &any, "Groups", a->groups);
	for (size_t i = 0; a->extras && i < m->run->extra_count; i++)
		put_fact(out, &any, m->run->extra_names[i], a->extras[i]);
	put_fact(out, &any, "Digest of settings", a->digest);
	put_fact(out, &any, "Log", a->log);
}

static void put_mailbox_data(FILE *out, const struct report_mailbox *b)
{
	(void)fputc('[', out);
	report_out_json(out, b->name);
	(void)fputc(',', out);
	if (b->target)
		report_out_json(out, b->target);
	else
		(void)fputc('0', out);
	(void)fprintf(out,
	    ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
	    ",%" PRIu64 ",%" PRIu64 "]",
	    b->source, b->copied, b->present, b->refused, b->skipped,
	    b->missing, b->bytes);
}

static void put_item_data(FILE *out, const struct report_item *i)
{
	const char *const words[] = {
	    i->date, i->message_id, i->reason, i->text};

	(void)fprintf(out, "[%d,", i->is_warning);
	report_out_json(out, i->mailbox);
	(void)fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, i->uid,
	    i->uidvalidity, i->size);
	for (size_t k = 0; k < ARRAY_LEN(words); k++) {
		(void)fputc(',', out);
		report_out_json(out, words[k]);
	}
	(void)fputc(']', out);
}

/* Of one account, so that the page of a large run still opens. */
static size_t folders_shown(const struct report_model *m)
{
	size_t all = 0;

	for (size_t i = 0; i < m->count; i++)
		all += m->accounts[i].mailbox_count;
	if (all <= REPORT_ROWS_FOLDERS)
		return SIZE_MAX;
	size_t each = REPORT_ROWS_FOLDERS / m->count;
	return each > FOLDERS_MIN ? each : FOLDERS_MIN;
}

static void put_settings(
    FILE *out, const struct report_model *m, const struct report_account *r)
{
	const struct report_settings *s = &m->settings;
	const char *line = s->accounts ? s->accounts[r - m->accounts] : NULL;

	if (!line)
		return;
	(void)fprintf(out, ",\"t\":[%d,", report_settings_shared(s, line));
	report_settings_put(out, line);
	(void)fputc(']', out);
}

static void put_account_data(FILE *out, const struct report_model *m,
    const struct report_account *r, size_t folders)
{
	size_t shown = r->mailbox_count < folders ? r->mailbox_count : folders;

	(void)fputs("{\"s\":[", out);
	put_facts(out, m, r);
	(void)fputs("],\"f\":[", out);
	for (size_t k = 0; k < shown; k++) {
		if (k > 0)
			(void)fputc(',', out);
		put_mailbox_data(out, &r->mailboxes[k]);
	}
	(void)fprintf(out, "],\"fl\":%zu,\"i\":[",
	    r->mailboxes_left + r->mailbox_count - shown);
	for (size_t k = 0; k < r->item_count; k++) {
		if (k > 0)
			(void)fputc(',', out);
		put_item_data(out, &r->items[k]);
	}
	(void)fprintf(out, "],\"il\":%zu", r->items_left);
	put_settings(out, m, r);
	(void)fputc('}', out);
}

/* What a row shows and is chosen by, when the script makes it. */
static void put_row_line(
    FILE *out, const struct report_model *m, const struct report_account *r)
{
	const struct journal_account *a = r->a;
	const char *const words[] = {a->source_user, a->target_user, a->reason};

	(void)fputc('[', out);
	report_out_json(out, a->id);
	(void)fputc(',', out);
	report_out_json(out, r->outcome);
	(void)fprintf(out,
	    ",%d,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
	    ",%" PRIu64 ",%" PRIu64 ",%u",
	    (int)a->grade, r->folders, a->tally.source, a->copied_total,
	    a->tally.present, r->refused, a->bytes_total, r->seconds,
	    a->attempt);
	for (size_t i = 0; i < extras_shown(m); i++) {
		(void)fputc(',', out);
		report_out_json(
		    out, a->extras && a->extras[i] ? a->extras[i] : "");
	}
	(void)fprintf(out, ",%d,%d,", r->needs_look, a->ack_by != NULL);
	report_out_json(out, a->groups ? a->groups : "");
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		(void)fputc(',', out);
		report_out_json(out, words[i] ? words[i] : "");
	}
	(void)fputc(']', out);
}

/* First the grades as they are shown: class, sign, word. */
static void put_rows(FILE *out, const struct report_model *m)
{
	(void)fputs("<script type=\"application/json\" id=\"rows\">[[", out);
	for (int g = 0; g < GRADES; g++) {
		(void)fprintf(out, "%s[\"%s\",", g ? "," : "",
		    report_html_class((enum grade)g));
		report_out_json(out, report_html_sign((enum grade)g));
		(void)fprintf(out, ",\"%s\"]", report_html_word((enum grade)g));
	}
	(void)fputc(']', out);
	for (size_t i = 0; i < m->count; i++) {
		(void)fputs(",\n", out);
		put_row_line(out, m, &m->accounts[i]);
	}
	(void)fputs("]</script>\n", out);
}

/* A line an account, so that the script reads one when its row is opened. */
void report_rows_data(FILE *out, const struct report_model *m)
{
	size_t folders = folders_shown(m);

	(void)fputs("<script type=\"application/json\" id=\"data\">[\n", out);
	for (size_t i = 0; i < m->count; i++) {
		put_account_data(out, m, &m->accounts[i], folders);
		(void)fputs(i + 1 < m->count ? ",\n" : "\n", out);
	}
	(void)fputs("]</script>\n", out);
	if (m->settings.shared_count > 0) {
		(void)fputs(
		    "<script type=\"application/json\" id=\"shared\">[\n", out);
		for (size_t i = 0; i < m->settings.shared_count; i++) {
			report_settings_put(out, m->settings.shared[i]);
			(void)fputs(
			    i + 1 < m->settings.shared_count ? ",\n" : "\n",
			    out);
		}
		(void)fputs("]</script>\n", out);
	}
	if (is_large(m))
		put_rows(out, m);
}
