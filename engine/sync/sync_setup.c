// SPDX-License-Identifier: MIT
/*
 * The target's mailboxes before anything is appended: CREATE and SUBSCRIBE, all
 * in one flight.  A refused CREATE is looked into: codes differ between
 * servers, what STATUS says afterwards does not.
 */
#include "engine/sync/sync_target_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_refusal.h"
#include "engine/sync/sync_reporter.h"

enum {
	SETUP_COMMANDS_MAX = 200, /* under way */
	USES_BYTES = 80
};

/* "\\Sent \\Archive" */
static const char *use_words(unsigned uses, char out[USES_BYTES])
{
	struct buf text;

	buf_init(&text, USES_BYTES - 1);
	for (unsigned n = 0; n < IMAP_USES; n++)
		if (uses & 1U << n)
			bug_if(buf_printf(&text, "%s%s", text.len ? " " : "",
				   imap_list_use_name(n)) < 0);
	memcpy(out, text.len ? text.data : "", text.len + 1);
	buf_release(&text);
	return out;
}

static void refuse_use(
    struct sync_target *dst, struct target_box *box, const struct imap_cmd *cmd)
{
	char shown[200], words[USES_BYTES];

	(void)text_escape(
	    box->m->target, strlen(box->m->target), shown, sizeof(shown));
	box->m->by_target.extra[TALLY_REFUSED_EXTRAS]++;
	sync_reporter_warn(dst->shared->reporter, "target",
	    "folder.special_use", "mailbox '%s': special use %s refused: '%s'",
	    shown, use_words(box->m->uses, words), imap_cmd_reply(cmd));
}

static void count_uses(struct target_box *box)
{
	for (unsigned n = 0; n < IMAP_USES; n++)
		if (box->m->uses & 1U << n)
			box->m->by_target.extra[TALLY_SPECIAL_USES]++;
}

/* In a dry run, instead of giving the use: says and counts it. */
static void rehearse_use(struct sync_target *dst, struct target_box *box)
{
	const struct imap_caps *caps = imap_conn_caps(dst->conn);
	char shown[200], words[USES_BYTES];

	if (!box->m->uses ||
	    !(imap_caps_has(caps, IMAP_CAP_CREATE_SPECIAL_USE) ||
		imap_caps_has(caps, IMAP_CAP_METADATA)))
		return;
	(void)text_escape(
	    box->m->target, strlen(box->m->target), shown, sizeof(shown));
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "would give mailbox '%s' the special use %s", shown,
	    use_words(box->m->uses, words));
	count_uses(box);
}

static void send_create(struct sync_target *dst, struct target_box *box)
{
	struct imap_cmd *cmd =
	    sync_target_command(dst, TARGET_OP_CREATE, box, "CREATE");
	char words[USES_BYTES];

	// without this capability it MUST NOT be sent (RFC 6154 3); Dovecot
	// says OK and forgets it
	box->with_use = box->m->uses && !box->no_use &&
			imap_caps_has(imap_conn_caps(dst->conn),
			    IMAP_CAP_CREATE_SPECIAL_USE);
	if (box->with_use)
		imap_cmd_text(
		    cmd, " (USE (%s))", use_words(box->m->uses, words));
	imap_conn_send(dst->conn, cmd);
}

/* The mailbox is made: gives it its use where CREATE could not. */
static void set_use(struct sync_target *dst, struct target_box *box)
{
	char words[USES_BYTES];

	if (box->with_use) {
		count_uses(box);
		return;
	}
	if (!box->m->uses || box->no_use || dst->no_special_use ||
	    !imap_caps_has(imap_conn_caps(dst->conn), IMAP_CAP_METADATA))
		return;
	struct imap_cmd *cmd =
	    sync_target_command(dst, TARGET_OP_SPECIAL_USE, box, "SETMETADATA");
	imap_cmd_text(cmd, " (/private/specialuse ");
	imap_cmd_string_z(cmd, use_words(box->m->uses, words));
	imap_cmd_text(cmd, ")");
	imap_conn_send(dst->conn, cmd);
}

void sync_setup_on_use(
    struct sync_target *dst, struct target_box *box, const struct imap_cmd *cmd)
{
	if (imap_cmd_condition(cmd) == IMAP_CONDITION_OK) {
		count_uses(box);
		return;
	}
	// the server's own settings decide there, for all mailboxes alike
	if (!dst->no_special_use)
		refuse_use(dst, box, cmd);
	if (imap_cmd_condition(cmd) == IMAP_CONDITION_BAD ||
	    imap_cmd_has_code(cmd, "CANNOT") ||
	    imap_cmd_has_code(cmd, "NOPERM") ||
	    imap_cmd_has_code(cmd, "METADATA"))
		dst->no_special_use = true;
}

static void subscribe(struct sync_target *dst, struct target_box *box)
{
	if (!box->m->subscribe || box->subscribed)
		return;
	box->subscribed = true;
	if (dst->shared->job->options.dry_run) {
		box->subscribe_answered = true;
		box->m->by_target.extra[TALLY_SUBSCRIBED]++;
		return;
	}
	imap_conn_send(dst->conn,
	    sync_target_command(dst, TARGET_OP_SUBSCRIBE, box, "SUBSCRIBE"));
}

/* One SELECT tells which flags the server keeps where mailboxes are new. */
static void ask_flags(struct sync_target *dst, struct target_box *box)
{
	if (dst->flags_asked)
		return;
	dst->flags_asked = true;
	imap_conn_send(dst->conn,
	    sync_target_command(dst, TARGET_OP_SELECT, box, "SELECT"));
}

/* Without changes: what would be made counts as made. */
static void pretend(struct sync_target *dst, struct target_box *box)
{
	struct tally *t = &box->m->by_target;
	char shown[200];

	(void)text_escape(
	    box->m->target, strlen(box->m->target), shown, sizeof(shown));
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "mailbox '%s' would be created", shown);
	sync_target_set_ready(dst, box);
	t->extra[TALLY_MAILBOXES_CREATED]++;
	t->extra[TALLY_SUBSCRIBED] += box->m->subscribe;
	rehearse_use(dst, box);
}

bool sync_setup_work(struct sync_target *dst)
{
	bool worked = false;

	for (; dst->next_setup < dst->box_count &&
	       imap_conn_commands(dst->conn) < SETUP_COMMANDS_MAX;
	     dst->next_setup++) {
		struct target_box *box = &dst->boxes[dst->next_setup];
		if (box->state != TARGET_BOX_NEW)
			continue;
		worked = true;
		if (!box->m->target || box->m->refusal) {
			box->state = TARGET_BOX_REFUSED; // known to the source
			(void)sync_ledger_set_state(dst->shared->ledger,
			    box->m->number, SYNC_LEDGER_REFUSED);
			continue;
		}
		if (box->create && dst->shared->job->options.dry_run) {
			pretend(dst, box);
			continue;
		}
		if (box->create) {
			box->state = TARGET_BOX_CREATING;
			dst->create_sent = true;
			send_create(dst, box);
			ask_flags(dst, box);
			continue;
		}
		sync_target_set_ready(dst, box);
		if (box->m->is_cold && box->m->messages > 0)
			ask_flags(dst, box);
		subscribe(dst, box);
	}
	return worked;
}

/* Nothing was made, and perhaps only because of the use? */
static bool is_use_refused(
    const struct target_box *box, const struct imap_cmd *cmd)
{
	return box->with_use && !imap_cmd_has_code(cmd, "ALREADYEXISTS") &&
	       !strcasestr(imap_cmd_reply(cmd), "already exists");
}

int sync_setup_on_created(
    struct sync_target *dst, struct target_box *box, const struct imap_cmd *cmd)
{
	char shown[SYNC_MAILBOX_SHOWN];

	dst->create_answered = true;
	if (imap_cmd_condition(cmd) == IMAP_CONDITION_OK) {
		sync_target_set_ready(dst, box);
		box->create = false;
		box->m->by_target.extra[TALLY_MAILBOXES_CREATED]++;
		dst->progress++;
		set_use(dst, box);
		subscribe(dst, box);
		return 0;
	}
	if (imap_cmd_has_code(cmd, "OVERQUOTA"))
		return error_set(&dst->error, ERROR_QUOTA, "quota.target",
		    "target: no room for mailbox %s: '%s'; give the account more, then run again",
		    sync_mailbox_shown(box->m, shown), imap_cmd_reply(cmd));
	if (sync_target_is_transient(cmd))
		return error_set(&dst->error, ERROR_IO, "throttle",
		    "target: CREATE refused for now: '%s'",
		    imap_cmd_reply(cmd));
	if (is_use_refused(box, cmd)) {
		if (imap_cmd_condition(cmd) == IMAP_CONDITION_BAD)
			imap_caps_drop(imap_conn_caps(dst->conn),
			    IMAP_CAP_CREATE_SPECIAL_USE);
		refuse_use(dst, box, cmd);
		box->no_use = true; // once more, without
		send_create(dst, box);
		dst->flags_asked = false; // its SELECT came too early
		ask_flags(dst, box);
		return 0;
	}
	// does it exist all the same? codes differ, STATUS does not
	free(box->create_words);
	box->create_words = mem_strdup(imap_cmd_reply(cmd));
	box->probe_found = false;
	box->is_probing = true;
	box->is_alias |= imap_refusal_of(cmd) == IMAP_REFUSAL_EXISTS;
	struct imap_cmd *probe =
	    sync_target_command(dst, TARGET_OP_PROBE, box, "STATUS");
	imap_cmd_text(probe, " (MESSAGES)");
	imap_conn_send(dst->conn, probe);
	return 0;
}

void sync_setup_on_probed(struct sync_target *dst, struct target_box *box)
{
	box->is_probing = false;
	if (box->probe_found && box->m->has_case_twin) {
		sync_target_refuse_box(dst, box, "CREATE",
		    "the target takes its name for that of another mailbox, which differs in upper and lower case only: rename one of them");
	} else if (box->probe_found && box->probe_messages == 0) {
		sync_target_set_ready(dst, box); // there, and empty: as planned
		box->create = false;
		box->was_found = true;
		if (dst->sent_count == 0 && !dst->has_let_go)
			dst->quiet = TARGET_QUIET_UNKNOWN; // but by whom?
		subscribe(dst, box);
	} else if (box->probe_found) {
		sync_target_refuse_box(dst, box, "CREATE",
		    "a mailbox that was not listed has this name and holds messages: run again, or rename one of them");
	} else {
		sync_target_refuse_box(dst, box, "CREATE",
		    box->create_words ? box->create_words : "refused");
	}
}
