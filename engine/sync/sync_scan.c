// SPDX-License-Identifier: MIT
#include "engine/sync/sync_scan.h"

#include <inttypes.h>

#include "engine/base/buf.h"
#include "engine/imap/imap_conn.h"
#include "engine/sync/sync_index.h"

enum {
	SET_MAX_BYTES = 7000 /* of a command line */
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
