// SPDX-License-Identifier: MIT
#include "orchestrator/report_owner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_asset.h"
#include "orchestrator/report_html.h"
#include "orchestrator/report_model.h"
#include "orchestrator/report_out.h"
#include "orchestrator/report_zone.h"

enum {
	SIZE_BYTES = 32
};

/* ---------------------------------------------------------------- words */

/* The first that the reason begins with. A warning of a folder is of what stands
 * beside its messages. */
static const char *plain_reason(const struct report_item *i)
{
	const char *reason = i->reason;

	static const struct {
		const char *head, *words;
	} table[] = {
	    {"append.too_big", "it is larger than the new server accepts"},
	    {"append.content",
		"the new server does not accept the form it has"},
	    {"append.virus", "the new server's scanner refused it"},
	    {"append.permission",
		"nothing may be stored into this folder on the new server"},
	    {"append.repaired",
		"the new server took it only in a slightly changed form"},
	    {"append.", "the new server refused it"},
	    {"source.", "the old server could not hand it out"},
	    {"folder.", "the folder could not be copied"},
	    {"quota.", "the new mailbox is full"},
	};

	if (i->is_warning && strncmp(reason, "folder.", 7) == 0 &&
	    strcmp(reason, "folder.failed") != 0)
		return "its messages were carried over, but not everything that belongs to the folder itself";
	for (size_t k = 0; k < ARRAY_LEN(table); k++)
		if (strncmp(reason, table[k].head, strlen(table[k].head)) == 0)
			return table[k].words;
	return "it could not be carried over as it was";
}

static const char *plain_result(const struct report_account *r)
{
	switch (r->a->grade) {
	case GRADE_COMPLETE:
		return "Everything was carried over.";
	case GRADE_MINOR:
		return "Every message was carried over. Some marks or settings of folders were not.";
	case GRADE_REVIEW:
		return "Some messages may be missing. See below which and why.";
	case GRADE_BAD:
		return "The mailbox was not carried over as it should be. Please ask your administrators.";
	case GRADE_NONE:
	case GRADES:
		break;
	}
	return "The mailbox is not finished yet.";
}

static const char *owner_of(const struct report_account *r)
{
	const char *user = r->a->target_user;

	return user && user[0] ? user : r->a->id;
}

/* Text without bytes that no eye sees. */
static void put_text(FILE *out, const char *text)
{
	char shown[1024];

	(void)fputs(text_escape(text, strlen(text), shown, sizeof(shown)), out);
}

static uint64_t left_out(const struct report_account *r)
{
	return r->refused + r->missing;
}

/* ------------------------------------------------------------------ text */

static void text_folder(FILE *out, const struct report_mailbox *b)
{
	char size[SIZE_BYTES];

	(void)fputs("  ", out);
	put_text(out, b->name);
	if (b->target) {
		(void)fputs(" -> ", out);
		put_text(out, b->target);
	}
	(void)fprintf(out,
	    "\n      %" PRIu64 " messages: %" PRIu64 " copied (%s), %" PRIu64
	    " were there already",
	    b->source, b->copied, text_bytes(b->bytes, size, sizeof(size)),
	    b->present);
	if (b->skipped)
		(void)fprintf(
		    out, ", %" PRIu64 " left out by rule", b->skipped);
	if (b->refused + b->missing)
		(void)fprintf(
		    out, ", %" PRIu64 " missing", b->refused + b->missing);
	(void)fputc('\n', out);
}

static void text_item(FILE *out, const struct report_item *i)
{
	char size[SIZE_BYTES];

	(void)fputs("  ", out);
	put_text(out, i->mailbox);
	if (i->uid)
		(void)fprintf(out, ", message %" PRIu64, i->uid);
	if (i->date[0]) {
		(void)fputs(" of ", out);
		put_text(out, i->date);
	}
	if (i->size)
		(void)fprintf(
		    out, ", %s", text_bytes(i->size, size, sizeof(size)));
	(void)fprintf(out, "\n      %s\n", plain_reason(i));
}

static void text_items(FILE *out, const struct report_account *r)
{
	(void)fputs("\nLeft out or changed\n\n", out);
	for (size_t i = 0; i < r->item_count; i++)
		text_item(out, &r->items[i]);
	if (r->items_left)
		(void)fprintf(out, "  and %zu more\n", r->items_left);
	if (r->item_count == 0)
		(void)fputs("  nothing\n", out);
}

void report_owner_text(
    FILE *out, const struct report_model *m, const struct report_account *r)
{
	const struct journal_account *a = r->a;
	char size[SIZE_BYTES], time[REPORT_ZONE_TEXT];

	(void)fputs("Your mailbox: ", out);
	put_text(out, owner_of(r));
	(void)fprintf(out, "\n\n%s\n\n", plain_result(r));
	(void)fprintf(out,
	    "Messages on the old server   %" PRIu64
	    "\nCopied                       %" PRIu64
	    " (%s)\nThere already                %" PRIu64
	    "\nLeft out by rule             %" PRIu64
	    "\nMissing                      %" PRIu64 "\n",
	    a->tally.source, a->tally.copied,
	    text_bytes(a->tally.bytes_copied, size, sizeof(size)),
	    a->tally.present, r->skipped, left_out(r));
	if (report_zone_text(m->has_zone, a->ended, time)[0])
		(void)fprintf(out, "Finished                     %s\n", time);
	(void)fputs(
	    "\nFolders (old name -> new name where it changed)\n\n", out);
	for (size_t i = 0; i < r->mailbox_count; i++)
		text_folder(out, &r->mailboxes[i]);
	if (r->mailboxes_left)
		(void)fprintf(out, "  and %zu more\n", r->mailboxes_left);
	if (r->mailbox_count == 0)
		(void)fputs("  none\n", out);
	text_items(out, r);
	(void)fprintf(out,
	    "\nSeen and accepted: ______________________________  Date: ______________\n\nAccount %s, run %s\n",
	    a->id, m->run->run_id);
}

/* ------------------------------------------------------------------ HTML */

static void html_number(FILE *out, const char *name, uint64_t n)
{
	(void)fprintf(out, "<div><dt>%s</dt><dd>", name);
	report_out_number(out, n);
	(void)fputs("</dd></div>\n", out);
}

static void html_cell(FILE *out, uint64_t n)
{
	(void)fputs("<td class=\"n\">", out);
	report_out_number(out, n);
	(void)fputs("</td>", out);
}

static void html_folder(FILE *out, const struct report_mailbox *b)
{
	char size[SIZE_BYTES];

	(void)fputs("<tr><th scope=\"row\"><bdi>", out);
	report_out_html(out, b->name);
	(void)fputs("</bdi></th><td><bdi>", out);
	report_out_html(out, b->target ? b->target : "same name");
	(void)fputs("</bdi></td>", out);
	html_cell(out, b->source);
	html_cell(out, b->copied);
	html_cell(out, b->present);
	html_cell(out, b->skipped);
	html_cell(out, b->refused + b->missing);
	(void)fprintf(out, "<td class=\"n\">%s</td></tr>\n",
	    text_bytes(b->bytes, size, sizeof(size)));
}

static void html_folders(FILE *out, const struct report_account *r)
{
	(void)fputs("<section><h2>Folders</h2>\n", out);
	if (r->mailbox_count == 0) {
		(void)fputs(
		    "<p class=\"none-at-all\">None.</p></section>\n", out);
		return;
	}
	(void)fputs(
	    "<div class=\"wide\"><table><thead><tr><th scope=\"col\">Old name</th><th scope=\"col\">New name</th><th scope=\"col\" class=\"n\">Messages</th><th scope=\"col\" class=\"n\">Copied</th><th scope=\"col\" class=\"n\">There already</th><th scope=\"col\" class=\"n\">By rule</th><th scope=\"col\" class=\"n\">Missing</th><th scope=\"col\" class=\"n\">Size</th></tr></thead><tbody>\n",
	    out);
	for (size_t i = 0; i < r->mailbox_count; i++)
		html_folder(out, &r->mailboxes[i]);
	(void)fputs("</tbody></table></div>\n", out);
	if (r->mailboxes_left)
		(void)fprintf(out, "<p class=\"soft\">And %zu more.</p>\n",
		    r->mailboxes_left);
	(void)fputs("</section>\n", out);
}

static void html_item(FILE *out, const struct report_item *i)
{
	char size[SIZE_BYTES];

	(void)fputs("<li><div class=\"who\"><bdi>", out);
	report_out_html(out, i->mailbox);
	(void)fputs("</bdi></div><div><p>", out);
	if (i->uid)
		(void)fprintf(out, "Message %" PRIu64, i->uid);
	else
		(void)fputs("The folder", out);
	if (i->date[0]) {
		(void)fputs(" of ", out);
		report_out_html(out, i->date);
	}
	if (i->size)
		(void)fprintf(
		    out, ", %s", text_bytes(i->size, size, sizeof(size)));
	(void)fprintf(
	    out, "</p><p class=\"soft\">%s</p></div></li>\n", plain_reason(i));
}

static void html_items(FILE *out, const struct report_account *r)
{
	(void)fputs("<section><h2>Left out or changed</h2>\n", out);
	if (r->item_count == 0) {
		(void)fputs(
		    "<p class=\"none-at-all\">Nothing.</p></section>\n", out);
		return;
	}
	(void)fputs("<ul class=\"attention\">\n", out);
	for (size_t i = 0; i < r->item_count; i++)
		html_item(out, &r->items[i]);
	(void)fputs("</ul>\n", out);
	if (r->items_left)
		(void)fprintf(out, "<p class=\"soft\">And %zu more.</p>\n",
		    r->items_left);
	(void)fputs("</section>\n", out);
}

void report_owner_html(
    FILE *out, const struct report_model *m, const struct report_account *r)
{
	const struct journal_account *a = r->a;
	char size[SIZE_BYTES], time[REPORT_ZONE_TEXT];

	report_html_begin(
	    out, "Your mailbox", owner_of(r), report_asset_style, NULL);
	(void)fputs(
	    "<body>\n<header><p class=\"kicker\">Your mailbox</p>\n<h1><bdi>",
	    out);
	report_out_html(out, owner_of(r));
	(void)fprintf(
	    out, "</bdi></h1>\n<p class=\"verdict\">%s</p>\n", plain_result(r));
	if (report_zone_text(m->has_zone, a->ended, time)[0]) {
		(void)fputs("<p class=\"soft\">Finished ", out);
		report_out_html(out, time);
		(void)fputs("</p>\n", out);
	}
	(void)fputs("<dl class=\"figures\">\n", out);
	html_number(out, "On the old server", a->tally.source);
	html_number(out, "Copied", a->tally.copied);
	html_number(out, "There already", a->tally.present);
	html_number(out, "Left out by rule", r->skipped);
	html_number(out, "Missing", left_out(r));
	(void)fprintf(out,
	    "<div><dt>Size copied</dt><dd>%s</dd></div>\n</dl></header>\n<main>\n",
	    text_bytes(a->tally.bytes_copied, size, sizeof(size)));
	html_folders(out, r);
	html_items(out, r);
	(void)fputs(
	    "</main>\n<p class=\"sign\"><span>Seen and accepted</span><span>Date</span></p>\n<footer><p>Account ",
	    out);
	report_out_html(out, a->id);
	(void)fputs(", run ", out);
	report_out_html(out, m->run->run_id);
	(void)fputs("</p></footer>\n</body>\n</html>\n", out);
}

/* ----------------------------------------------------------------- files */

typedef void page_fn(
    FILE *out, const struct report_model *m, const struct report_account *r);

static int write_page(const struct report_model *m,
    const struct report_account *r, page_fn *print, const char *directory,
    const char *end, struct error *err)
{
	struct report_out out;
	char *path = mem_try_printf("%s/%s.%s", directory, r->a->slug, end);

	if (!path)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	int rc = report_out_begin(&out, path, err);
	free(path);
	if (rc < 0)
		return -1;
	print(out.file, m, r);
	return report_out_end(&out, true, false, err);
}

/* A slug comes from the journal: no way out of the directory. */
static bool is_file_name(const char *slug)
{
	return slug && slug[0] && slug[0] != '.' && !strchr(slug, '/');
}

int report_owner_write(
    const struct report_model *m, const char *directory, struct error *err)
{
	int rc = fd_make_dirs(directory, err);

	for (size_t i = 0; rc == 0 && i < m->count; i++) {
		const struct report_account *r = &m->accounts[i];
		if (r->a->is_dropped || !is_file_name(r->a->slug))
			continue;
		rc = write_page(m, r, report_owner_text, directory, "txt", err);
		if (rc == 0)
			rc = write_page(
			    m, r, report_owner_html, directory, "html", err);
	}
	return rc;
}
