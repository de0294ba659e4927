// SPDX-License-Identifier: MIT
/*
 * Makes the target index the mailboxes that got new messages: a flag of the
 * first message is set and taken away again.  A flag that the message does not
 * have and the mailbox keeps; when there is none, or its flags are not known,
 * nothing is sent (F122).  Both STOREs leave together, and a session that ends
 * between them is made good in the next one.
 */
#include "engine/sync/sync_target_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_vendor.h"

static const char *const candidates[] = {
    "\\Flagged", "\\Answered", "\\Draft", "\\Seen"};

static bool is_wanted(const struct sync_target *dst)
{
	const char *greeting = imap_conn_greeting(dst->conn);
	struct imap_vendor vendor;

	switch (dst->shared->job->options.force_index) {
	case JOB_SWITCH_ON:
		return true;
	case JOB_SWITCH_OFF:
		return false;
	case JOB_SWITCH_AUTO:
		break;
	}
	imap_vendor_parse(&vendor, greeting, strlen(greeting));
	return vendor.is_communigate;
}

static void note(
    struct sync_target *dst, const struct target_box *box, const char *why)
{
	char shown[200];

	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "mailbox '%s' is not made to index itself: %s",
	    text_escape(
		box->m->target, strlen(box->m->target), shown, sizeof(shown)),
	    why);
}

/* Does the first message have it, or would the mailbox not keep it? */
static bool is_free(
    const struct target_box *box, struct imap_str flags, const char *candidate)
{
	struct imap_cursor c = {flags.s, flags.s + flags.len};
	struct imap_str flag;
	char wanted[32];

	for (;;) {
		(void)imap_space(&c);
		if (imap_at_end(&c))
			break;
		if (!imap_atom(&c, &flag) && !imap_skip(&c))
			return false;
		if (imap_str_is(flag, candidate))
			return false;
	}
	(void)snprintf(wanted, sizeof(wanted), " %s ", candidate);
	return !box->flags.is_known ||
	       strcasestr(box->flags.list, wanted) != NULL;
}

static void choose(
    struct sync_target *dst, struct target_box *box, struct imap_str flags)
{
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
		if (is_free(box, flags, candidates[i])) {
			dst->force.flag = candidates[i];
			return;
		}
}

static void send_stores(struct sync_target *dst, struct target_box *box)
{
	static const char signs[] = "+-";

	for (size_t i = 0; i < 2; i++) {
		struct imap_cmd *cmd = imap_conn_command(
		    dst->conn, TARGET_OP_FORCE_STORE, box, "STORE");
		imap_cmd_text(
		    cmd, " 1 %cFLAGS.SILENT (%s)", signs[i], dst->force.flag);
		imap_conn_send(dst->conn, cmd);
		dst->force.pending++;
	}
	box->force_flag = dst->force.flag;
	box->force_uid = dst->force.uid;
}

static void send_look(struct sync_target *dst, struct target_box *box)
{
	dst->force.is_unfit = false;
	dst->force.flag = NULL;
	dst->force.uid = 0;
	imap_conn_send(dst->conn,
	    sync_target_command(dst, TARGET_OP_FORCE_SELECT, box, "SELECT"));
	struct imap_cmd *cmd =
	    imap_conn_command(dst->conn, TARGET_OP_FORCE_FETCH, box, "FETCH");
	imap_cmd_text(cmd, " 1 (UID FLAGS)");
	imap_conn_send(dst->conn, cmd);
	dst->force.pending += 2;
}

bool sync_force_index_is_done(const struct sync_target *dst)
{
	return dst->force.is_done;
}

bool sync_force_index_work(struct sync_target *dst)
{
	struct target_force *f = &dst->force;

	if (f->is_done || f->pending > 0 || !sync_target_is_copied(dst) ||
	    !sync_mirror_is_done(dst))
		return false;
	if (f->at == 0 &&
	    (!is_wanted(dst) || dst->shared->job->options.dry_run))
		f->at = dst->box_count;
	for (; f->at < dst->box_count; f->at++) {
		struct target_box *box = &dst->boxes[f->at];
		if (box->state != TARGET_BOX_READY || box->is_forced ||
		    !sync_ledger_has_copied(
			dst->shared->ledger, box->m->number))
			continue;
		send_look(dst, box);
		return true;
	}
	f->is_done = true;
	return true;
}

static void on_untagged(struct sync_target *dst, struct target_box *box, int op,
    const struct imap_response *r)
{
	struct imap_fetch f;

	if (op == TARGET_OP_FORCE_SELECT)
		sync_target_on_select_data(dst, box, r);
	if (op == TARGET_OP_FORCE_FETCH && r->kind == IMAP_RESPONSE_NUMBER &&
	    r->number == 1 && imap_str_is(r->word, "FETCH") &&
	    imap_fetch_parse(r->rest, &f) && f.has_flags && f.has_uid) {
		dst->force.uid = f.uid;
		choose(dst, box, f.flags);
	}
}

/* Its flags are known, or it is left alone. A flag that was set when a session
 * ended is the one that goes again. */
static void on_looked(
    struct sync_target *dst, struct target_box *box, const struct imap_cmd *cmd)
{
	// another one may come first now, and the flag be its own
	if (box->force_flag && box->force_uid != dst->force.uid)
		return;
	if (box->force_flag)
		dst->force.flag = box->force_flag;
	if (dst->force.is_unfit)
		return;
	if (imap_cmd_condition(cmd) != IMAP_CONDITION_OK)
		note(dst, box, imap_cmd_reply(cmd));
	else if (!dst->force.flag)
		note(dst, box, "its first message has every flag");
	else
		send_stores(dst, box);
}

int sync_force_index_on_event(struct sync_target *dst,
    const struct imap_event *event, const struct imap_cmd *cmd)
{
	struct target_box *box = imap_cmd_context(cmd);
	bool is_ok;

	if (event->kind == IMAP_EVENT_UNTAGGED)
		on_untagged(dst, box, imap_cmd_op(cmd), &event->response);
	if (event->kind != IMAP_EVENT_DONE)
		return 0;
	is_ok = imap_cmd_condition(cmd) == IMAP_CONDITION_OK;
	dst->force.pending--;
	switch (imap_cmd_op(cmd)) {
	case TARGET_OP_FORCE_SELECT:
		dst->force.is_unfit =
		    !is_ok || imap_cmd_has_code(cmd, "READ-ONLY");
		if (dst->force.is_unfit)
			note(dst, box, imap_cmd_reply(cmd));
		break;
	case TARGET_OP_FORCE_FETCH:
		on_looked(dst, box, cmd);
		break;
	default:
		if (!is_ok)
			note(dst, box, imap_cmd_reply(cmd));
		break;
	}
	if (dst->force.pending == 0)
		box->is_forced = true;
	return 0;
}

void sync_force_index_reset(struct sync_target *dst)
{
	dst->force.pending = 0;
	if (!dst->force.is_done)
		dst->force.at = 0;
}
