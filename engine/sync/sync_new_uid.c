// SPDX-License-Identifier: MIT
/*
 * UIDs suggested to CommuniGate 6.1.9 or later, by a template of the user's:
 * the syntax of that extension is not public.  The first one goes alone and
 * with a synchronizing literal, so that a server that does not know it can
 * say so without harm; what APPENDUID then tells decides whether it goes on.
 */
#include "engine/sync/sync_target_private.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_refusal.h"
#include "engine/imap/imap_vendor.h"

static bool is_wanted(const struct sync_target *dst)
{
	const struct job_options *o = &dst->shared->job->options;
	const char *greeting = imap_conn_greeting(dst->conn);
	struct imap_vendor vendor;

	if (!o->new_uid || !o->new_uid_template || !o->new_uid_template[0] ||
	    dst->new_uid == TARGET_NEW_UID_OFF)
		return false;
	imap_vendor_parse(&vendor, greeting, strlen(greeting));
	return imap_vendor_at_least(&vendor, 6, 1, 9);
}

static bool is_used(const struct sync_target *dst, const struct target_box *box,
    const struct sync_message *m)
{
	return !box->no_new_uid && !m->without_new_uid && is_wanted(dst);
}

bool sync_new_uid_on_trial(const struct sync_target *dst,
    const struct target_box *box, const struct sync_message *m)
{
	return dst->new_uid == TARGET_NEW_UID_UNKNOWN && is_used(dst, box, m);
}

void sync_new_uid_put(struct sync_target *dst, struct imap_cmd *cmd,
    const struct target_box *box, struct sync_message *m)
{
	const char *template = dst->shared->job->options.new_uid_template;

	m->has_new_uid = is_used(dst, box, m);
	if (!m->has_new_uid)
		return;
	const char *mark = strchr(template, '%');
	imap_cmd_text(cmd, " %.*s%" PRIu32 "%s", (int)(mark - template),
	    template, m->uid, mark + 2);
}

void sync_new_uid_on_ok(struct sync_target *dst, struct target_box *box,
    const struct sync_message *last, uint32_t uid)
{
	char shown[200];

	if (!last->has_new_uid || box->no_new_uid)
		return;
	dst->new_uid = TARGET_NEW_UID_KNOWN;
	if (uid == last->uid)
		return;
	box->no_new_uid = true;
	(void)text_escape(
	    box->m->target, strlen(box->m->target), shown, sizeof(shown));
	log_write(dst->shared->log, LOG_LEVEL_INFO, "target",
	    "mailbox '%s': the suggested uid %" PRIu32 " became %" PRIu32
	    ": none is suggested there any more",
	    shown, last->uid, uid);
}

bool sync_new_uid_take_back(
    struct sync_target *dst, struct sync_message *m, const struct imap_cmd *cmd)
{
	enum imap_refusal refusal = imap_refusal_of(cmd);

	if (!m->has_new_uid || refusal == IMAP_REFUSAL_QUOTA ||
	    refusal == IMAP_REFUSAL_GONE || refusal == IMAP_REFUSAL_TEMPORARY ||
	    refusal == IMAP_REFUSAL_THROTTLED)
		return false;
	m->without_new_uid = true;
	if (dst->new_uid == TARGET_NEW_UID_UNKNOWN) {
		dst->new_uid = TARGET_NEW_UID_OFF;
		log_write(dst->shared->log, LOG_LEVEL_WARNING, "target",
		    "the server does not take suggested UIDs ('%s'): none is suggested any more",
		    imap_cmd_reply(cmd));
	}
	return true;
}
