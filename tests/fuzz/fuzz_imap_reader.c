// SPDX-License-Identifier: MIT
/* Events do not depend on the split; every parser takes every response. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_acl.h"
#include "engine/imap/imap_list.h"
#include "engine/imap/imap_metadata.h"
#include "engine/imap/imap_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_acl(struct imap_cursor rest)
{
	char rights[IMAP_ACL_RIGHTS_BYTES];
	struct imap_acl_entry entry;
	struct imap_acl acl;

	if (!imap_acl_begin(rest, &acl))
		return;
	while (imap_acl_next(&acl, &entry) > 0)
		(void)imap_acl_format(
		    imap_acl_translate(entry.rights, 0), rights);
}

static void parse_metadata(struct imap_cursor rest)
{
	struct imap_metadata_entry entry;
	struct imap_metadata m;

	if (!imap_metadata_begin(rest, &m))
		return;
	while (imap_metadata_next(&m, &entry) > 0)
		(void)imap_metadata_is_internal(entry.name);
}

/* Of a copy without room behind it, each time: strings are unescaped in it. */
static void parse(const struct buf *b, int parser)
{
	char *copy = memcpy(mem_alloc(b->len), b->data, b->len);
	struct imap_response r;
	struct imap_fetch fetch;
	struct imap_list list;
	struct imap_status status;
	struct imap_namespaces spaces;

	bool is_whole = imap_response_parse(copy, b->len, &r) && r.rest.p;
	if (is_whole && parser == 4)
		parse_acl(r.rest);
	else if (is_whole && parser == 5)
		parse_metadata(r.rest);
	else if (is_whole)
		(void)(parser == 0   ? imap_fetch_parse(r.rest, &fetch)
		       : parser == 1 ? imap_list_parse(r.rest, &list)
		       : parser == 2 ? imap_status_parse(r.rest, &status)
				     : imap_namespace_parse(r.rest, &spaces));
	free(copy);
}

static void run(const char *at, size_t left, size_t step, struct buf *trace)
{
	static const struct imap_reader_limits limits = {256, 16, 100, 1000};
	enum imap_reader_event event = IMAP_READER_MORE;
	struct imap_reader r;
	struct error err;
	size_t piece = 0;

	imap_reader_init(&r, &limits);
	while (event != IMAP_READER_ERROR && piece + left > 0) {
		if (event == IMAP_READER_MORE) {
			piece = left < step ? left : step;
			left -= piece;
		}
		event = imap_reader_next(&r, &at, &piece, &err);
		bool whole = event == IMAP_READER_RESPONSE;
		if (event == IMAP_READER_BODY_DATA)
			bug_if(buf_append(trace, r.data, r.data_len) < 0);
		else if (event != IMAP_READER_MORE)
			bug_if(buf_printf(trace, "%d", (int)event) < 0);
		if (whole)
			bug_if(buf_append(
				   trace, r.response.data, r.response.len) < 0);
		for (int i = 0; whole && i < 6; i++)
			parse(&r.response, i);
	}
	imap_reader_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, split;

	buf_init(&whole, SIZE_MAX / 2);
	buf_init(&split, SIZE_MAX / 2);
	run((const char *)data, size, size, &whole);
	run((const char *)data, size, size ? data[0] % 7U + 1 : 1, &split);
	bug_if(whole.len != split.len);
	bug_if(memcmp(whole.data, split.data, whole.len) != 0);
	buf_release(&whole);
	buf_release(&split);
	return 0;
}
