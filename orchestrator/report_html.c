// SPDX-License-Identifier: MIT
#include "orchestrator/report_html.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_asset.h"
#include "orchestrator/report_chart.h"
#include "orchestrator/report_model.h"
#include "orchestrator/report_out.h"
#include "orchestrator/report_rows.h"
#include "orchestrator/report_zone.h"

enum {
	ATTENTION_MAX = 300, /* accounts in that list; all are in the table */
	ATTENTION_ITEMS = 20,
	SIZE_BYTES = 32
};

static const struct {
	const char *sign, *word;
} grades[GRADES] = {
    [GRADE_NONE] = {"\xe2\x80\x93", "not finished"},
    [GRADE_COMPLETE] = {"\xe2\x9c\x93", "complete"},
    [GRADE_MINOR] = {"\xe2\x89\x88", "minor"},
    [GRADE_REVIEW] = {"!", "review"},
    [GRADE_BAD] = {"\xe2\x9c\x97", "bad"},
};

const char *report_html_class(enum grade g)
{
	return g ? grade_name(g) : "none";
}

const char *report_html_word(enum grade g)
{
	return grades[g].word;
}

const char *report_html_sign(enum grade g)
{
	return grades[g].sign;
}

void report_html_grade(FILE *out, enum grade g)
{
	(void)fprintf(out,
	    "<span class=\"g %s\"><b aria-hidden=\"true\">%s</b>%s</span>",
	    report_html_class(g), grades[g].sign, grades[g].word);
}

static void put(FILE *out, const char *text)
{
	(void)fputs("<bdi>", out);
	report_out_html(out, text ? text : "");
	(void)fputs("</bdi>", out);
}

/* -------------------------------------------------------------- head */

void report_html_begin(FILE *out, const char *what, const char *whose,
    const char *style, const char *script)
{
	char hash[HASH_SHA256_BASE64_BYTES];

	(void)fputs(
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
	    out);
	hash_sha256_base64(style, strlen(style), hash);
	(void)fprintf(out,
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-%s'",
	    hash);
	if (script) {
		hash_sha256_base64(script, strlen(script), hash);
		(void)fprintf(out, "; script-src 'sha256-%s'", hash);
	}
	(void)fprintf(out,
	    "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>%s: ",
	    what);
	report_out_html(out, whose);
	(void)fprintf(out, "</title>\n<style>%s</style>\n", style);
	if (script)
		(void)fprintf(out, "<script>%s</script>\n", script);
	(void)fputs("</head>\n", out);
}

static void put_time(FILE *out, const struct report_model *m, const char *t)
{
	char text[REPORT_ZONE_TEXT];

	if (!report_zone_text(m->has_zone, t, text)[0])
		return;
	(void)fprintf(out, "<time datetime=\"");
	report_out_html(out, t);
	(void)fputs("\">", out);
	report_out_html(out, text);
	(void)fputs("</time>", out);
}

/* ----------------------------------------------------------- summary */

static void put_verdict(FILE *out, const struct report_model *m)
{
	(void)fputs("<p class=\"verdict\">", out);
	if (m->run->is_dry)
		(void)fputs("A dry run: nothing was changed. ", out);
	if (m->need_look > 0)
		(void)fprintf(out, "%zu of %zu accounts need a look.",
		    m->need_look, m->in_plan);
	else
		(void)fprintf(out, "All %zu accounts are done%s.", m->in_plan,
		    m->acknowledged ? " or acknowledged" : "");
	(void)fputs("</p>\n<p class=\"soft\">", out);
	if (m->exit < 0) {
		(void)fputs("The run has not ended.", out);
	} else {
		const struct exit_code_info *info = exit_code_find(m->exit);
		(void)fprintf(out, "Exit code %d: ", m->exit);
		report_out_html(out, info && info->supervisor_text
					 ? info->supervisor_text
					 : "of the engine");
		(void)fputc('.', out);
	}
	if (m->acknowledged > 0)
		(void)fprintf(out, " %zu acknowledged.", m->acknowledged);
	(void)fputs("</p>\n", out);
}

static void put_figure(
    FILE *out, const char *class, const char *name, uint64_t n)
{
	(void)fprintf(out, "<div><dt class=\"%s\">%s</dt><dd>", class, name);
	report_out_number(out, n);
	(void)fputs("</dd></div>\n", out);
}

static void put_figures(FILE *out, const struct report_model *m)
{
	static const enum grade order[] = {
	    GRADE_COMPLETE, GRADE_MINOR, GRADE_REVIEW, GRADE_BAD, GRADE_NONE};

	char size[SIZE_BYTES], duration[32];

	(void)fputs("<dl class=\"figures\">\n", out);
	put_figure(out, "", "Accounts", m->in_plan);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "%s %s",
		    grades[order[i]].sign, grades[order[i]].word);
		put_figure(out, report_html_class(order[i]), name,
		    m->by_grade[order[i]]);
	}
	put_figure(out, "", "Messages copied", m->copied_total);
	(void)fprintf(out,
	    "<div><dt>Copied</dt><dd>%s</dd></div>\n<div><dt>Time</dt><dd>%s</dd></div>\n</dl>\n",
	    text_bytes(m->bytes_total, size, sizeof(size)),
	    report_chart_duration(m->seconds, duration));
	report_chart_share(out, m);
}

static void put_summary(FILE *out, const struct report_model *m)
{
	(void)fputs(
	    "<body>\n<header>\n<p class=\"kicker\">Migration report", out);
	if (m->run->pass && m->run->pass[0]) {
		(void)fputs(", pass ", out);
		put(out, m->run->pass);
	}
	(void)fputs("</p>\n<h1>", out);
	put(out, m->run->plan);
	(void)fputs("</h1>\n<p class=\"soft\">", out);
	(void)fputs(m->run->has_ended ? "Finished " : "Begun ", out);
	put_time(out, m, m->run->has_ended ? m->run->ended : m->run->started);
	(void)fputs(", run ", out);
	put(out, m->run->run_id);
	(void)fputs("</p>\n", out);
	put_verdict(out, m);
	put_figures(out, m);
	(void)fputs("</header>\n<main>\n", out);
}

/* --------------------------------------------------------- attention */

static void put_item(FILE *out, const struct report_item *i)
{
	char size[SIZE_BYTES];

	(void)fputs("<li>", out);
	put(out, i->mailbox);
	if (i->uid)
		(void)fprintf(out, ", message %" PRIu64, i->uid);
	if (i->size)
		(void)fprintf(
		    out, ", %s", text_bytes(i->size, size, sizeof(size)));
	if (i->date[0]) {
		(void)fputs(", ", out);
		put(out, i->date);
	}
	(void)fputs(": ", out);
	put(out, i->text[0] ? i->text : i->reason);
	(void)fputs("</li>\n", out);
}

static void put_refused(FILE *out, const struct report_account *r)
{
	size_t shown = 0, all = r->items_left;

	for (size_t i = 0; i < r->item_count; i++)
		all += !r->items[i].is_warning;
	if (all == 0)
		return;
	(void)fprintf(
	    out, "<details><summary>%zu refused</summary>\n<ul>\n", all);
	for (size_t i = 0; i < r->item_count && shown < ATTENTION_ITEMS; i++)
		if (!r->items[i].is_warning) {
			put_item(out, &r->items[i]);
			shown++;
		}
	if (all > shown)
		(void)fprintf(out, "<li>and %zu more</li>\n", all - shown);
	(void)fputs("</ul></details>\n", out);
}

static void put_needy(FILE *out, const struct report_account *r)
{
	const struct journal_account *a = r->a;
	bool has_ended = a->state == JOURNAL_ENDED;

	(void)fputs("<li><div class=\"who\">", out);
	put(out, a->id);
	report_html_grade(out, a->grade);
	(void)fputs("</div><div><p>", out);
	if (has_ended && a->text[0]) {
		put(out, a->text);
		(void)fputs(" ", out);
	}
	(void)fputs("<code class=\"soft\">", out);
	report_out_html(
	    out, has_ended && a->reason[0] ? a->reason : r->outcome);
	(void)fputs("</code></p><p class=\"do\">", out);
	report_out_html(out, r->advice);
	(void)fputs("</p>", out);
	put_refused(out, r);
	(void)fputs("</div></li>\n", out);
}

/* The worst first, each as in the plan. */
static void put_attention(FILE *out, const struct report_model *m)
{
	static const enum grade order[] = {
	    GRADE_BAD, GRADE_REVIEW, GRADE_MINOR, GRADE_NONE};

	size_t shown = 0;

	(void)fprintf(out,
	    "<section aria-labelledby=\"h-attention\"><h2 id=\"h-attention\">Needs attention (%zu)</h2>\n",
	    m->need_look);
	if (m->need_look == 0) {
		(void)fputs(
		    "<p class=\"none-at-all\">Nothing does.</p></section>\n",
		    out);
		return;
	}
	(void)fputs("<ul class=\"attention\">\n", out);
	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		for (size_t i = 0; i < m->count && shown < ATTENTION_MAX; i++)
			if (m->accounts[i].needs_look &&
			    m->accounts[i].a->grade == order[k]) {
				put_needy(out, &m->accounts[i]);
				shown++;
			}
	(void)fputs("</ul>\n", out);
	if (m->need_look > shown)
		(void)fprintf(out,
		    "<p class=\"soft\">And %zu more: they are in the table below and in todo.csv.</p>\n",
		    m->need_look - shown);
	(void)fputs("</section>\n", out);
}

/* ---------------------------------------------------------- pictures */

static void put_legend(FILE *out)
{
	static const enum grade order[] = {
	    GRADE_COMPLETE, GRADE_MINOR, GRADE_REVIEW, GRADE_BAD, GRADE_NONE};

	(void)fputs("<ul class=\"legend\">", out);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		(void)fputs("<li>", out);
		report_html_grade(out, order[i]);
		(void)fputs("</li>", out);
	}
	(void)fputs("</ul>\n", out);
}

static void put_reasons(FILE *out, const struct report_model *m)
{
	(void)fputs(
	    "<section aria-labelledby=\"h-reasons\"><h2 id=\"h-reasons\">Reasons</h2>\n",
	    out);
	if (m->reason_count == 0) {
		(void)fputs(
		    "<p class=\"none-at-all\">Nothing went wrong.</p></section>\n",
		    out);
		return;
	}
	(void)fputs(
	    "<table><thead><tr><th scope=\"col\">Reason</th><th scope=\"col\" class=\"n\">Accounts</th><th scope=\"col\" class=\"n\">Messages</th></tr></thead><tbody>\n",
	    out);
	for (size_t i = 0; i < m->reason_count; i++) {
		(void)fputs("<tr><th scope=\"row\"><code>", out);
		report_out_html(out, m->reasons[i].reason);
		(void)fputs("</code></th><td class=\"n\">", out);
		report_out_number(out, m->reasons[i].accounts);
		(void)fputs("</td><td class=\"n\">", out);
		report_out_number(out, m->reasons[i].messages);
		(void)fputs("</td></tr>\n", out);
	}
	(void)fputs("</tbody></table></section>\n", out);
}

static void put_pictures(FILE *out, const struct report_model *m)
{
	(void)fputs(
	    "<section aria-labelledby=\"h-time\"><h2 id=\"h-time\">Time line</h2>\n<figure><figcaption>One bar an attempt; what is above each other ran at the same time. ",
	    out);
	if (m->has_zone) {
		(void)fputs("Times are of ", out);
		put(out, m->run->timezone);
		(void)fputs(", below them UTC.", out);
	} else {
		(void)fputs("Times are UTC.", out);
	}
	(void)fputs("</figcaption>\n", out);
	report_chart_time_line(out, m);
	put_legend(out);
	(void)fputs(
	    "</figure></section>\n<div class=\"pair\">\n<section aria-labelledby=\"h-speed\"><h2 id=\"h-speed\">Throughput</h2>\n",
	    out);
	report_chart_throughput(out, m);
	(void)fputs("</section>\n", out);
	put_reasons(out, m);
	(void)fputs("</div>\n", out);
}

/* ----------------------------------------------- servers, small print */

static void put_server(FILE *out, const struct report_server *s)
{
	char alone[32];

	(void)fputs("<tr><th scope=\"row\">", out);
	put(out, s->name);
	(void)fputs("</th><td>", out);
	put(out, s->host);
	(void)fprintf(out,
	    "</td><td class=\"n\">%zu</td><td class=\"n\">%zu</td>", s->sources,
	    s->targets);
	if (s->limit)
		(void)fprintf(out, "<td class=\"n\">%u</td>", s->limit);
	else
		(void)fputs("<td class=\"n\">none</td>", out);
	(void)fprintf(out,
	    "<td class=\"n\">%u</td><td class=\"n\">%u</td><td class=\"n\">%s</td></tr>\n",
	    s->peak, s->breaks,
	    s->left_alone_ms
		? report_chart_duration(s->left_alone_ms / 1000, alone)
		: "never");
}

static void put_servers(FILE *out, const struct report_model *m)
{
	if (m->server_count == 0)
		return;
	(void)fputs(
	    "<section aria-labelledby=\"h-servers\"><h2 id=\"h-servers\">Servers</h2>\n<div class=\"wide\"><table><thead><tr><th scope=\"col\">Server</th><th scope=\"col\">Host</th><th scope=\"col\" class=\"n\">Sources</th><th scope=\"col\" class=\"n\">Targets</th><th scope=\"col\" class=\"n\">Limit</th><th scope=\"col\" class=\"n\">Peak connections</th><th scope=\"col\" class=\"n\">Breaker opened</th><th scope=\"col\" class=\"n\">Left alone</th></tr></thead><tbody>\n",
	    out);
	for (size_t i = 0; i < m->server_count; i++)
		put_server(out, &m->servers[i]);
	(void)fputs("</tbody></table></div>\n", out);
	if (m->change_count > 0) {
		(void)fputs("<h3>Limits changed meanwhile</h3>\n<ul>\n", out);
		for (size_t i = 0; i < m->change_count; i++) {
			const struct report_change *c = &m->changes[i];
			(void)fputs("<li>", out);
			put_time(out, m, c->time);
			(void)fputs(": ", out);
			put(out, c->limit);
			(void)fprintf(out,
			    " from %" PRIu64 " to %" PRIu64 ", by ", c->from,
			    c->to);
			put(out, c->by);
			(void)fputs("</li>\n", out);
		}
		(void)fputs("</ul>\n", out);
	}
	(void)fputs("</section>\n", out);
}

static void put_footer(FILE *out, const struct report_model *m)
{
	char sum[512];

	tally_format(&m->sum, sum, sizeof(sum));
	(void)fputs("</main>\n<footer><p>Messages: ", out);
	report_out_html(out, sum);
	(void)fputs(".</p>\n<p>Plan digest ", out);
	put(out, m->run->plan_digest);
	if (m->run->version && m->run->version[0]) {
		(void)fputs(", mailconvoy ", out);
		put(out, m->run->version);
	}
	if (m->has_zone) {
		(void)fputs(", time zone ", out);
		put(out, m->run->timezone);
	}
	if (m->no_settings) {
		(void)fputs(", settings of accounts not recorded: ", out);
		put(out, m->no_settings);
	}
	(void)fputs(
	    ", made from the journal of the run. No subjects, senders or bodies are in it.</p></footer>\n</body>\n</html>\n",
	    out);
}

void report_html(FILE *out, const struct report_model *m)
{
	report_html_begin(out, "Migration report", m->run->plan,
	    report_asset_style, report_asset_script);
	put_summary(out, m);
	put_attention(out, m);
	put_pictures(out, m);
	report_rows_table(out, m);
	put_servers(out, m);
	report_rows_data(out, m);
	put_footer(out, m);
}
