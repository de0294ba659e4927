// SPDX-License-Identifier: MIT
/*
 * Access control lists and annotations of the source: asked for when nothing
 * else can be sent, a few mailboxes at a time, so that no body waits for them.
 * GETACL and GETMETADATA need no selected mailbox and change nothing.  So
 * Dovecot answers them while a FETCH sent before still goes on: an answer is
 * known by the mailbox it names, never by the oldest command under way.
 */
#include "engine/sync/sync_source_private.h"

#include <string.h>

#include "engine/base/log.h"
#include "engine/base/text.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_extras.h"
#include "engine/sync/sync_reporter.h"

enum {

	TRIES_MAX = 2 /* sessions lost while a mailbox was asked */
};

static void send_acl(struct sync_source *src, struct source_box *box)
{
	struct imap_cmd *cmd =
	    imap_conn_command(src->conn, SOURCE_OP_ACL, box, "GETACL");

	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, box->m->source);
	imap_conn_send(src->conn, cmd);
	box->extras_pending++;
}

/* One byte below the cap of a kept literal: what is cut cannot come in. */
static void send_metadata(struct sync_source *src, struct source_box *box)
{
	struct imap_cmd *cmd = imap_conn_command(
	    src->conn, SOURCE_OP_METADATA, box, "GETMETADATA");

	imap_cmd_text(
	    cmd, " (MAXSIZE %d DEPTH infinity) ", SYNC_EXTRAS_VALUE_MAX - 1);
	imap_cmd_string_z(cmd, box->m->source);
	imap_cmd_text(cmd, " (/private /shared)");
	imap_conn_send(src->conn, cmd);
	box->extras_pending++;
}

static bool asks_acl(const struct sync_source *src)
{
	return src->plan->with_acl && !src->extras.no_acl;
}

static bool asks_metadata(const struct sync_source *src)
{
	return src->plan->with_annotations && !src->extras.no_metadata;
}

static void tell_end(struct sync_source *src)
{
	struct source_extras *e = &src->extras;

	if (e->told || e->refused == 0)
		return;
	e->told = true;
	log_write(src->shared->log, LOG_LEVEL_INFO, "source",
	    "%zu questions for access rights and annotations refused: not ours to see",
	    e->refused);
}

bool sync_extras_read_is_done(const struct sync_source *src)
{
	return src->extras.next_box == src->box_count && src->extras.boxes == 0;
}

bool sync_extras_read_work(struct sync_source *src)
{
	struct source_extras *e = &src->extras;
	bool worked = false;

	while (e->next_box < src->box_count && e->boxes < SOURCE_EXTRAS_BOXES) {
		struct source_box *box = &src->boxes[e->next_box];
		bool asks = asks_acl(src) || asks_metadata(src);
		if (asks &&
		    !sync_exchange_has_extras_room(src->shared->exchange))
			break;
		e->next_box++;
		worked = true;
		if (!asks || box->extras_done || box->is_failed ||
		    box->m->refusal)
			continue;
		box->extras = sync_extras_new(box->m->number);
		e->asked[e->boxes++] = box;
		if (asks_acl(src))
			send_acl(src, box);
		if (asks_metadata(src))
			send_metadata(src, box);
	}
	if (sync_extras_read_is_done(src))
		tell_end(src);
	return worked;
}

/* Something of it was left out on our side: said, counted, never silent. */
static void warn_cut(
    struct sync_source *src, const struct source_box *box, const char *why)
{
	char shown[200];

	(void)text_escape(
	    box->m->source, strlen(box->m->source), shown, sizeof(shown));
	box->m->by_source.extra[TALLY_REFUSED_EXTRAS]++;
	sync_reporter_warn(src->shared->reporter, "source", "folder.extras",
	    "mailbox '%s': not all access rights or annotations are copied: %s",
	    shown, why);
}

static void forget(struct source_extras *e, const struct source_box *box)
{
	for (size_t i = 0; i < e->boxes; i++)
		if (e->asked[i] == box) {
			e->asked[i] = e->asked[--e->boxes];
			return;
		}
}

static void box_done(struct sync_source *src, struct source_box *box)
{
	struct sync_extras *x = box->extras;

	box->extras = NULL;
	box->extras_done = true;
	forget(&src->extras, box);
	if (x->is_cut)
		warn_cut(src, box, "too many or too long");
	sync_extras_finish(x);
	if (x->grant_count > 0 || x->annotation_count > 0)
		sync_exchange_offer_extras(src->shared->exchange, x);
	else
		sync_extras_free(x);
}

static void on_refused(
    struct sync_source *src, struct source_box *box, const struct imap_cmd *cmd)
{
	struct source_extras *e = &src->extras;
	bool is_acl = imap_cmd_op(cmd) == SOURCE_OP_ACL;
	bool *off = is_acl ? &e->no_acl : &e->no_metadata;

	if (imap_cmd_condition(cmd) != IMAP_CONDITION_BAD) {
		e->refused++; // no right to look is no fault
		return;
	}
	// announced, but not working
	imap_caps_drop(imap_conn_caps(src->conn),
	    is_acl ? IMAP_CAP_ACL : IMAP_CAP_METADATA);
	if (*off)
		return;
	*off = true;
	box->m->by_source.extra[TALLY_REFUSED_EXTRAS]++;
	sync_reporter_warn(src->shared->reporter, "source",
	    is_acl ? "folder.acl" : "folder.annotation",
	    "%s does not work though announced: '%s'; not asked again",
	    imap_cmd_verb(cmd), imap_cmd_reply(cmd));
}

static void on_done(
    struct sync_source *src, struct source_box *box, const struct imap_cmd *cmd)
{
	if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK)
		on_refused(src, box, cmd);
	else if (imap_cmd_has_code(cmd, "METADATA") &&
		 strncasecmp(imap_cmd_code_args(cmd), "LONGENTRIES", 11) == 0)
		box->extras->is_cut = true;
	if (--box->extras_pending == 0)
		box_done(src, box);
}

/* The mailbox an answer names, if it was asked for. */
static struct source_box *asked_box(
    const struct sync_source *src, struct imap_str name)
{
	const struct source_extras *e = &src->extras;

	for (size_t i = 0; i < e->boxes; i++)
		if (sync_extras_is_mailbox(name, e->asked[i]->m->source))
			return e->asked[i];
	return NULL;
}

bool sync_extras_read_on_data(
    struct sync_source *src, const struct imap_response *r)
{
	struct source_box *box = NULL;
	struct imap_acl acl;
	struct imap_metadata m;

	if (imap_str_is(r->word, "ACL")) {
		if (imap_acl_begin(r->rest, &acl))
			box = asked_box(src, acl.mailbox);
		if (box && !sync_extras_add_acl(box->extras, &acl,
			       &src->extras.owners, src->plan->target_rights))
			box->extras->is_cut = true;
		return true;
	}
	if (!imap_str_is(r->word, "METADATA"))
		return false;
	if (imap_metadata_begin(r->rest, &m))
		box = asked_box(src, m.mailbox);
	if (box && !sync_extras_add_annotations(box->extras, &m))
		box->extras->is_cut = true;
	return true;
}

void sync_extras_read_on_done(
    struct sync_source *src, const struct imap_cmd *cmd)
{
	on_done(src, imap_cmd_context(cmd), cmd);
}

/* Those not asked yet, of which nothing is asked any more. */
static void give_up_others(struct sync_source *src)
{
	size_t count = 0;

	for (size_t i = src->extras.next_box; i < src->box_count; i++) {
		struct source_box *box = &src->boxes[i];
		if (box->extras_done || box->is_failed || box->m->refusal)
			continue;
		box->extras_done = true;
		box->m->by_source.extra[TALLY_REFUSED_EXTRAS]++;
		count++;
	}
	if (count > 0)
		sync_reporter_warn(src->shared->reporter, "source",
		    "folder.extras",
		    "access rights and annotations of %zu more mailboxes are not copied: %s",
		    count, src->error.text);
}

void sync_extras_read_reset(struct sync_source *src)
{
	struct source_extras *e = &src->extras;

	if (e->boxes == 0)
		return;
	// an answer above our ceiling must not end the whole run
	if (src->error.kind == ERROR_LIMIT) {
		src->error.kind = ERROR_IO;
		e->no_acl = e->no_metadata = true;
		give_up_others(src);
	}
	for (size_t i = 0; i < src->box_count; i++) {
		struct source_box *box = &src->boxes[i];
		if (!box->extras)
			continue;
		sync_extras_free(box->extras);
		box->extras = NULL;
		box->extras_pending = 0;
		if (!e->no_acl && ++box->extras_tries < TRIES_MAX)
			continue;
		box->extras_done = true;
		warn_cut(src, box, src->error.text);
	}
	e->boxes = e->next_box = 0;
}
