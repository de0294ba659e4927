// SPDX-License-Identifier: MIT
#include "engine/sync/sync_scan.h"

#include <inttypes.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_conn.h"
#include "engine/imap/imap_seqset.h"
#include "engine/sync/sync_index.h"
#include "engine/sync/sync_uids.h"

enum {
	SET_MAX_BYTES = 7000, /* of a command line */
	/* A list of so many UIDs is one response, whatever they are; of more
	 * messages, so many UIDs are asked for at once. */
	LIST_MESSAGES = 60 * 1000,
	LIST_UIDS = 80 * 1000,
	LISTS_MAX = 64
};

void sync_scan_list(struct imap_conn *conn, int op, void *context,
    uint32_t first_uid, bool with_keys)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, op, context, "UID FETCH");

	imap_cmd_text(
	    cmd, " %" PRIu32 ":* %s", first_uid, sync_index_items(with_keys));
	imap_conn_send(conn, cmd);
}

void sync_scan_without(struct imap_conn *conn, int op, void *context,
    uint32_t first_uid, uint32_t end_uid, uint32_t next_uid)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, op, context, "UID FETCH");

	imap_cmd_text(cmd, " %" PRIu32 ":%" PRIu32 ",%" PRIu32 ":* %s",
	    first_uid, end_uid - 1, next_uid, sync_index_items(true));
	imap_conn_send(conn, cmd);
}

void sync_scan_new(struct imap_conn *conn, int op, void *context,
    const struct sync_uids *also, uint32_t first_uid)
{
	struct buf set;

	buf_init(&set, SET_MAX_BYTES + 64);
	bug_if(imap_seqset_format(&set, also->list, also->count,
		   SET_MAX_BYTES) != also->count);
	struct imap_cmd *cmd =
	    imap_conn_command(conn, op, context, "UID FETCH");
	imap_cmd_text(cmd, " %s%s%" PRIu32 ":* %s",
	    also->count > 0 ? set.data : "", also->count > 0 ? "," : "",
	    first_uid, sync_index_items(true));
	imap_conn_send(conn, cmd);
	buf_release(&set);
}

static void send_search(struct imap_conn *conn, int op, void *context,
    uint32_t low, uint32_t high, bool deleted)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, op, context, "UID SEARCH");

	imap_cmd_text(cmd, " RETURN (ALL%s) UID %" PRIu32 ":%" PRIu32 "%s",
	    deleted ? " COUNT" : "", low, high, deleted ? " DELETED" : "");
	imap_conn_send(conn, cmd);
}

size_t sync_scan_uids(struct imap_conn *conn, int op, void *context,
    uint32_t below, uint32_t messages, bool with_deleted)
{
	uint32_t span = messages <= LIST_MESSAGES ? UINT32_MAX : LIST_UIDS;
	size_t sent = 0;

	if (!imap_caps_has(imap_conn_caps(conn), IMAP_CAP_ESEARCH) ||
	    (span < UINT32_MAX && below / span >= LISTS_MAX)) {
		struct imap_cmd *cmd =
		    imap_conn_command(conn, op, context, "UID FETCH");
		imap_cmd_text(cmd, " 1:%" PRIu32 " (UID%s)", below - 1,
		    with_deleted ? " FLAGS" : "");
		imap_conn_send(conn, cmd);
		return 1;
	}
	for (uint32_t low = 1; low < below;) {
		uint32_t high = below - low > span ? low + span - 1 : below - 1;
		send_search(conn, op, context, low, high, false);
		if (with_deleted)
			send_search(conn, op, context, low, high, true);
		sent += with_deleted ? 2 : 1;
		low = high + 1;
	}
	return sent;
}

size_t sync_scan_some(
    struct imap_conn *conn, int op, void *context, const struct sync_uids *uids)
{
	struct buf set;
	size_t at = 0, sent = 0;

	buf_init(&set, SET_MAX_BYTES + 64);
	for (; at < uids->count; sent++) {
		at += imap_seqset_format(
		    &set, uids->list + at, uids->count - at, SET_MAX_BYTES);
		struct imap_cmd *cmd =
		    imap_conn_command(conn, op, context, "UID FETCH");
		imap_cmd_text(cmd, " %s %s", set.data, sync_index_items(true));
		imap_conn_send(conn, cmd);
		buf_reset(&set);
	}
	buf_release(&set);
	return sent;
}

size_t sync_scan_prefixes(struct imap_conn *conn, int op, void *context,
    const struct sync_index *index)
{
	struct buf set;
	size_t at = 0, sent = 0;

	buf_init(&set, SET_MAX_BYTES + 64);
	while (sync_index_keyless_set(index, &at, &set, SET_MAX_BYTES)) {
		struct imap_cmd *cmd =
		    imap_conn_command(conn, op, context, "UID FETCH");
		imap_cmd_text(
		    cmd, " %s %s", set.data, sync_index_prefix_items());
		imap_conn_send(conn, cmd);
		buf_reset(&set);
		sent++;
	}
	buf_release(&set);
	return sent;
}
