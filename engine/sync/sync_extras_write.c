// SPDX-License-Identifier: MIT
/*
 * Access control lists and annotations on the target: what a mailbox has is
 * asked for first, then only what differs is set, so that a second run sets
 * nothing.  A refusal is told and counted, and everything else goes on.
 */
#include "engine/sync/sync_target_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_quote.h"
#include "engine/sync/sync_exchange.h"
#include "engine/sync/sync_extras.h"
#include "engine/sync/sync_reporter.h"

enum {
	ITEMS_MAX = 16,    /* mailboxes at once */
	COMMANDS_MAX = 64, /* of ours under way */
	/* asked for in one GETMETADATA; Cyrus tells private and shared for each,
	 * and all of it must stay below the ceiling of a response */
	ENTRIES_MAX = 6,
	TRIES_MAX = 3,    /* sessions lost meanwhile */
	WARNINGS_MAX = 20 /* of one mailbox; the others are only counted */
};

static struct target_box *box_of(
    struct sync_target *dst, const struct sync_extras *x)
{
	return &dst->boxes[x->mailbox];
}

static void count(
    struct sync_target *dst, const struct sync_extras *x, enum tally_extra what)
{
	box_of(dst, x)->m->by_target.extra[what]++;
}

static void refuse(struct sync_target *dst, struct sync_extras *x,
    const char *reason, const char *name, const char *words)
{
	const struct sync_mailbox *m = box_of(dst, x)->m;
	char box[200], shown[200];

	count(dst, x, TALLY_REFUSED_EXTRAS);
	if (++x->warnings > WARNINGS_MAX)
		return;
	(void)text_escape(m->target, strlen(m->target), box, sizeof(box));
	(void)text_escape(name, strlen(name), shown, sizeof(shown));
	sync_reporter_warn(dst->shared->reporter, "target", reason,
	    "mailbox '%s': '%s' not set: '%s'", box, shown, words);
}

static void refuse_grant(
    struct sync_target *dst, struct sync_grant *g, const char *words)
{
	g->is_settled = true;
	refuse(dst, g->of, "folder.acl", g->id, words);
}

static void refuse_annotation(
    struct sync_target *dst, struct sync_annotation *a, const char *words)
{
	a->is_settled = true;
	refuse(dst, a->of, "folder.annotation", a->entry, words);
}

static void refuse_grants(
    struct sync_target *dst, struct sync_extras *x, const char *words)
{
	for (size_t i = 0; i < x->grant_count; i++)
		if (!x->grants[i].is_settled)
			refuse_grant(dst, &x->grants[i], words);
}

static void refuse_annotations(
    struct sync_target *dst, struct sync_extras *x, const char *words)
{
	for (size_t i = 0; i < x->annotation_count; i++)
		if (!x->annotations[i].is_settled)
			refuse_annotation(dst, &x->annotations[i], words);
}

static void free_item(struct sync_target *dst, struct sync_extras *x)
{
	char shown[SYNC_MAILBOX_SHOWN];

	if (x->warnings > WARNINGS_MAX)
		sync_reporter_warn(dst->shared->reporter, "target",
		    "folder.extras",
		    "mailbox %s: %zu more access rights or annotations not set",
		    sync_mailbox_shown(box_of(dst, x)->m, shown),
		    x->warnings - WARNINGS_MAX);
	sync_extras_free(x);
	dst->extras.count--;
}

/* ------------------------------------------------------------ sending */

/* The mailbox's name in a command that is counted from now on. */
static void put_name(
    struct sync_target *dst, struct imap_cmd *cmd, struct sync_extras *x)
{
	imap_cmd_string_z(cmd, box_of(dst, x)->m->target);
	x->pending++;
	dst->extras.commands++;
}

static struct imap_cmd *command(struct sync_target *dst, int op,
    struct sync_extras *x, void *context, const char *verb)
{
	struct imap_cmd *cmd = imap_conn_command(dst->conn, op, context, verb);

	imap_cmd_text(cmd, " ");
	put_name(dst, cmd, x);
	imap_cmd_text(cmd, " ");
	return cmd;
}

/* A literal waits for the server's go: a BAD must not cost the session. */
static void put_string(struct imap_cmd *cmd, const char *s, size_t len)
{
	if (imap_quote_form(s, len) == IMAP_QUOTE_QUOTED)
		imap_cmd_string(cmd, s, len);
	else
		imap_cmd_body(cmd, s, len, true);
}

/* A dry run has not made it: there is nobody to ask. */
static bool is_only_planned(
    struct sync_target *dst, const struct sync_extras *x)
{
	return dst->shared->job->options.dry_run && box_of(dst, x)->m->create;
}

static void ask(struct sync_target *dst, struct sync_extras *x)
{
	if (is_only_planned(dst, x))
		return;
	if (x->grant_count > 0) {
		struct imap_cmd *cmd =
		    imap_conn_command(dst->conn, TARGET_OP_GETACL, x, "GETACL");
		imap_cmd_text(cmd, " ");
		put_name(dst, cmd, x);
		imap_conn_send(dst->conn, cmd);
	}
	for (size_t i = 0; i < x->annotation_count;) {
		struct imap_cmd *cmd = imap_conn_command(
		    dst->conn, TARGET_OP_GETMETADATA, x, "GETMETADATA");
		imap_cmd_text(cmd, " (MAXSIZE %d) ", SYNC_EXTRAS_VALUE_MAX - 1);
		put_name(dst, cmd, x);
		for (size_t n = 0; n < ENTRIES_MAX && i < x->annotation_count;
		     n++, i++) {
			imap_cmd_text(cmd, n ? " " : " (");
			imap_cmd_string_z(cmd, x->annotations[i].entry);
		}
		imap_cmd_text(cmd, ")");
		imap_conn_send(dst->conn, cmd);
	}
}

static void tell_would(struct sync_target *dst, struct sync_extras *x,
    const char *verb, const char *name)
{
	const struct sync_mailbox *m = box_of(dst, x)->m;
	char box[200], shown[200];

	(void)text_escape(m->target, strlen(m->target), box, sizeof(box));
	(void)text_escape(name, strlen(name), shown, sizeof(shown));
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "would %s of mailbox '%s': '%s'", verb, box, shown);
}

/* The only place that sends SETACL. An owner's entry may lock him out: it was
 * taken out on the source side already, here it cannot go in any case. */
static void set_grant(struct sync_target *dst, struct sync_grant *g)
{
	char rights[IMAP_ACL_RIGHTS_BYTES];

	if (sync_owners_has(&dst->extras.owners, g->id)) {
		g->is_settled = true;
		return;
	}
	if (dst->shared->job->options.dry_run) {
		g->is_settled = true;
		tell_would(dst, g->of, "SETACL", g->id);
		count(dst, g->of, TALLY_ACLS);
		return;
	}
	struct imap_cmd *cmd =
	    command(dst, TARGET_OP_SETACL, g->of, g, "SETACL");
	put_string(cmd, g->id, strlen(g->id));
	imap_cmd_text(cmd, " %s", imap_acl_format(g->rights, rights));
	imap_conn_send(dst->conn, cmd);
}

static void set_annotation(struct sync_target *dst, struct sync_annotation *a)
{
	if (dst->shared->job->options.dry_run) {
		a->is_settled = true;
		tell_would(dst, a->of, "SETMETADATA", a->entry);
		count(dst, a->of, TALLY_ANNOTATIONS);
		return;
	}
	struct imap_cmd *cmd =
	    command(dst, TARGET_OP_SETMETADATA, a->of, a, "SETMETADATA");
	imap_cmd_text(cmd, "(");
	imap_cmd_string_z(cmd, a->entry);
	imap_cmd_text(cmd, " ");
	put_string(cmd, a->value, a->len);
	imap_cmd_text(cmd, ")");
	imap_conn_send(dst->conn, cmd);
}

static bool has_room(const struct sync_target *dst)
{
	return dst->extras.commands < COMMANDS_MAX;
}

/* Sends what differs. True: all of it is sent and answered. */
static bool set(struct sync_target *dst, struct sync_extras *x)
{
	for (; x->next_grant < x->grant_count && has_room(dst); x->next_grant++)
		if (!x->grants[x->next_grant].is_settled)
			set_grant(dst, &x->grants[x->next_grant]);
	for (; x->next_annotation < x->annotation_count && has_room(dst);
	     x->next_annotation++)
		if (!x->annotations[x->next_annotation].is_settled)
			set_annotation(
			    dst, &x->annotations[x->next_annotation]);
	return x->next_grant == x->grant_count &&
	       x->next_annotation == x->annotation_count && x->pending == 0;
}

/* True: the item is done with. */
static bool advance(struct sync_target *dst, struct sync_extras *x)
{
	const struct target_box *box = box_of(dst, x);

	if (box->state == TARGET_BOX_REFUSED) // said and counted as a whole
		return x->pending == 0;
	if (box->state != TARGET_BOX_READY && !is_only_planned(dst, x))
		return false;
	if (x->stage == SYNC_EXTRAS_NEW && has_room(dst)) {
		x->stage = SYNC_EXTRAS_ASKED;
		ask(dst, x);
	}
	if (x->stage == SYNC_EXTRAS_ASKED && x->pending == 0) {
		x->stage = SYNC_EXTRAS_SETTING;
		if (dst->extras.no_acl)
			refuse_grants(dst, x, "GETACL does not work");
		if (dst->extras.no_metadata)
			refuse_annotations(dst, x, "GETMETADATA does not work");
	}
	return x->stage == SYNC_EXTRAS_SETTING && set(dst, x);
}

bool sync_extras_write_work(struct sync_target *dst)
{
	struct target_extras *e = &dst->extras;
	bool worked = false;

	while (e->count < ITEMS_MAX) {
		struct sync_extras *x =
		    sync_exchange_take_extras(dst->shared->exchange);
		if (!x)
			break;
		x->next = e->items;
		e->items = x;
		e->count++;
	}
	for (struct sync_extras **link = &e->items; *link;) {
		struct sync_extras *x = *link;
		size_t commands = e->commands;
		bool ended = advance(dst, x);
		worked |= ended || e->commands != commands;
		if (ended) {
			*link = x->next;
			free_item(dst, x);
		} else {
			link = &x->next;
		}
	}
	return worked;
}

bool sync_extras_write_is_idle(const struct sync_target *dst)
{
	return dst->extras.count == 0 &&
	       !sync_exchange_has_extras(dst->shared->exchange);
}

/* ------------------------------------------------------------ answers */

static struct sync_extras *item_of(
    struct sync_target *dst, struct imap_str name)
{
	for (struct sync_extras *x = dst->extras.items; x; x = x->next)
		if (x->stage == SYNC_EXTRAS_ASKED &&
		    sync_extras_is_mailbox(name, box_of(dst, x)->m->target))
			return x;
	return NULL;
}

bool sync_extras_write_on_data(
    struct sync_target *dst, const struct imap_response *r)
{
	struct sync_extras *x = NULL;
	struct imap_acl acl;
	struct imap_metadata m;

	// by name: servers answer these while longer commands go on
	if (imap_str_is(r->word, "ACL")) {
		if (imap_acl_begin(r->rest, &acl))
			x = item_of(dst, acl.mailbox);
		if (x)
			sync_extras_compare_acl(
			    x, &acl, dst->plan->target_rights);
		return true;
	}
	if (!imap_str_is(r->word, "METADATA"))
		return false;
	if (imap_metadata_begin(r->rest, &m))
		x = item_of(dst, m.mailbox);
	if (x)
		sync_extras_compare_annotations(x, &m);
	return true;
}

static void on_asked(
    struct sync_target *dst, struct sync_extras *x, const struct imap_cmd *cmd)
{
	bool is_bad = imap_cmd_condition(cmd) == IMAP_CONDITION_BAD;

	if (imap_cmd_condition(cmd) == IMAP_CONDITION_OK)
		return;
	if (imap_cmd_op(cmd) == TARGET_OP_GETACL) {
		// who may not look may not set either
		if (is_bad) {
			dst->extras.no_acl = true;
			imap_caps_drop(imap_conn_caps(dst->conn), IMAP_CAP_ACL);
		}
		refuse_grants(dst, x, imap_cmd_reply(cmd));
		return;
	}
	if (is_bad) {
		dst->extras.no_metadata = true;
		imap_caps_drop(imap_conn_caps(dst->conn), IMAP_CAP_METADATA);
	}
	refuse_annotations(dst, x, imap_cmd_reply(cmd));
}

void sync_extras_write_on_done(
    struct sync_target *dst, const struct imap_cmd *cmd)
{
	struct sync_grant *g = imap_cmd_context(cmd);
	struct sync_annotation *a = imap_cmd_context(cmd);
	bool is_ok = imap_cmd_condition(cmd) == IMAP_CONDITION_OK;
	struct sync_extras *x = NULL;

	dst->extras.commands--;
	if (imap_cmd_op(cmd) == TARGET_OP_SETACL) {
		x = g->of;
		if (is_ok)
			count(dst, x, TALLY_ACLS);
		else
			refuse_grant(dst, g, imap_cmd_reply(cmd));
		g->is_settled = true;
	} else if (imap_cmd_op(cmd) == TARGET_OP_SETMETADATA) {
		x = a->of;
		if (is_ok)
			count(dst, x, TALLY_ANNOTATIONS);
		else
			refuse_annotation(dst, a, imap_cmd_reply(cmd));
		a->is_settled = true;
	} else {
		x = imap_cmd_context(cmd);
		on_asked(dst, x, cmd);
	}
	x->pending--;
	dst->progress++;
}

void sync_extras_write_on_limit(struct sync_target *dst)
{
	if (dst->error.kind != ERROR_LIMIT || dst->extras.commands == 0)
		return;
	dst->error.kind = ERROR_IO;
	for (struct sync_extras *x = dst->extras.items; x; x = x->next)
		if (x->pending > 0)
			x->tries = TRIES_MAX;
}

void sync_extras_write_reset(struct sync_target *dst)
{
	struct target_extras *e = &dst->extras;

	e->commands = 0;
	for (struct sync_extras **link = &e->items; *link;) {
		struct sync_extras *x = *link;
		bool was_under_way = x->pending > 0;
		x->pending = 0;
		x->stage = SYNC_EXTRAS_NEW; // asked again what is there
		x->next_grant = x->next_annotation = 0;
		if (!was_under_way || ++x->tries < TRIES_MAX) {
			link = &x->next;
			continue;
		}
		refuse_grants(dst, x, dst->error.text);
		refuse_annotations(dst, x, dst->error.text);
		*link = x->next;
		free_item(dst, x);
	}
}

void sync_extras_write_release(struct sync_target *dst)
{
	while (dst->extras.items) {
		struct sync_extras *x = dst->extras.items;
		dst->extras.items = x->next;
		sync_extras_free(x);
	}
}
