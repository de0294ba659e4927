// SPDX-License-Identifier: MIT
#include "engine/sync/sync_mailbox.h"

#include <string.h>

#include "engine/base/text.h"

const char *sync_mailbox_shown(
    const struct sync_mailbox *m, char out[SYNC_MAILBOX_SHOWN])
{
	size_t len = 0;

	out[0] = '\'';
	(void)text_escape(
	    m->source, strlen(m->source), out + 1, SYNC_MAILBOX_SHOWN - 2);
	len = strlen(out);
	out[len] = '\'';
	out[len + 1] = '\0';
	return out;
}

void sync_mailbox_copy(struct sync_mailbox *to, const struct sync_mailbox *from)
{
	*to = (struct sync_mailbox){
	    .number = from->number,
	    .source = from->source,
	    .target = from->target,
	    .refusal = from->refusal,
	    .has_status = from->has_status,
	    .has_size = from->has_size,
	    .messages = from->messages,
	    .uidnext = from->uidnext,
	    .uidvalidity = from->uidvalidity,
	    .bytes = from->bytes,
	    .is_unchanged = from->is_unchanged,
	    .create = from->create,
	    .subscribe = from->subscribe,
	    .has_case_twin = from->has_case_twin,
	    .uses = from->uses,
	    .is_cold = from->is_cold,
	    .target_messages = from->target_messages,
	    .target_uidnext = from->target_uidnext,
	    .target_uidvalidity = from->target_uidvalidity,
	    .append_limit = from->append_limit,
	};
}

void sync_mailbox_merge(
    struct sync_mailbox *to, const struct sync_mailbox *from)
{
	if (from->highest_uid > to->highest_uid)
		to->highest_uid = from->highest_uid;
	to->bytes_asked += from->bytes_asked;
	to->is_listed = to->is_listed || from->is_listed;
	tally_add(&to->by_source, &from->by_source);
	tally_add(&to->by_target, &from->by_target);
}
