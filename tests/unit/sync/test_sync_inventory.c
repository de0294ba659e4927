// SPDX-License-Identifier: MIT
#include "engine/sync/sync_inventory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_conn.h"
#include "engine/imap/imap_reader.h"

/* Feeds one untagged response, bytes as they come from a server. */
static int feed(struct sync_inventory *inv, const char *bytes, size_t len)
{
	struct imap_event event = {.kind = IMAP_EVENT_UNTAGGED};
	struct imap_reader r;
	struct error err;

	imap_reader_init(&r, &imap_reader_default_limits);
	cr_assert_eq(
	    imap_reader_next(&r, &bytes, &len, &err), IMAP_READER_RESPONSE);
	cr_assert(imap_response_parse(
	    r.response.data, r.response.len, &event.response));
	int rc = sync_inventory_on_event(inv, NULL, 0, &event, &err);
	imap_reader_release(&r);
	return rc;
}

#define FEED(inv, bytes) \
	cr_assert_eq(feed(inv, bytes "\r\n", sizeof(bytes "\r\n") - 1), 0)

Test(sync_inventory, keeps_what_cannot_be_used_apart)
{
	enum {
		LONG = 65536
	};

	struct sync_inventory inv;

	sync_inventory_init(&inv);
	FEED(&inv, "* LIST () \"//\" bad");
	FEED(&inv, "* LIST () \"/\" {4}\r\na\r\nb");
	FEED(&inv, "* LIST () \"/\" {3}\r\na\0b");
	FEED(&inv, "* LIST () \"/\" NIL");
	FEED(&inv, "* LSUB () \"//\" bad");
	FEED(&inv, "* LIST (\\Noselect) \"/\" \"\"");
	FEED(&inv, "* LIST () \"/\" \"NIL\"");
	char *line = mem_printf("* LIST () \"/\" {%d}\r\n", LONG);
	size_t head = strlen(line);
	line = mem_realloc(line, head + LONG + 2);
	memset(line + head, 'x', LONG);
	memcpy(line + head + LONG, "\r\n", 2);
	cr_assert_eq(feed(&inv, line, head + LONG + 2), 0);
	free(line);
	cr_assert_eq(inv.count, 1);
	cr_assert_str_eq(inv.boxes[0].name, "NIL");
	cr_assert_eq(inv.separator, '/');
	cr_assert_eq(inv.unusable_count, 5);
	cr_assert_str_eq(inv.unusable[0].name, "bad");
	cr_assert(strstr(inv.unusable[0].why, "parts its levels"));
	cr_assert_str_eq(inv.unusable[1].name, "a\r\nb");
	cr_assert(strstr(inv.unusable[1].why, "line end"));
	cr_assert_str_eq(inv.unusable[2].name, "a\\x00b");
	cr_assert_str_eq(inv.unusable[3].name, "() \"/\" NIL");
	cr_assert(strstr(inv.unusable[3].why, "cannot be read"));
	cr_assert(strstr(inv.unusable[4].name, "x... (65536 bytes)"));
	cr_assert_lt(strlen(inv.unusable[4].name), 200);
	sync_inventory_release(&inv);
}

Test(sync_inventory, keeps_the_separator_of_each_line)
{
	struct sync_inventory inv;

	sync_inventory_init(&inv);
	FEED(&inv, "* LIST (\\Noinferiors) NIL InBox");
	FEED(&inv, "* LIST () \".\" a.b (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	FEED(&inv, "* LIST () \"/\" c/d");
	FEED(&inv, "* LSUB () \"/\" e");
	cr_assert_eq(inv.separator, '.');
	cr_assert_eq(inv.count, 4);
	cr_assert_str_eq(inv.boxes[0].name, "INBOX");
	cr_assert_eq(inv.boxes[0].separator, '\0');
	cr_assert_eq(inv.boxes[1].separator, '.');
	cr_assert_eq(inv.boxes[2].separator, '/');
	cr_assert_not(inv.boxes[3].is_listed);
	sync_inventory_release(&inv);
}

/* F054: refused lines count too. */
Test(sync_inventory, ends_a_list_without_end)
{
	static const char line[] = "* LIST () \"//\" x\r\n";
	struct sync_inventory inv;
	int rc = 0;

	sync_inventory_init(&inv);
	for (size_t i = 0; rc == 0 && i <= SYNC_INVENTORY_BOXES_MAX; i++)
		rc = feed(&inv, line, sizeof(line) - 1);
	cr_assert_eq(rc, -1);
	cr_assert_eq(inv.unusable_count, SYNC_INVENTORY_BOXES_MAX);
	sync_inventory_release(&inv);
}
