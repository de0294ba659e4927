// SPDX-License-Identifier: MIT
/* Answers without a reader: the first byte says which one. What is found lies
 * inside of the answer, lists end, and doing it twice changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_acl.h"
#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_list.h"
#include "engine/imap/imap_metadata.h"
#include "engine/imap/imap_quota.h"
#include "engine/imap/imap_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_inside(struct imap_str s, const char *from, const char *to)
{
	bug_if(s.s && (s.s < from || s.s > to || s.len > (size_t)(to - s.s)));
}

static void acl(struct imap_cursor rest)
{
	const char *from = rest.p, *to = rest.end;
	struct imap_acl_entry entry;
	struct imap_acl list;
	size_t count = 0;

	if (!imap_acl_begin(rest, &list))
		return;
	is_inside(list.mailbox, from, to);
	while (imap_acl_next(&list, &entry) > 0) {
		char letters[IMAP_ACL_RIGHTS_BYTES];
		bug_if(++count > (size_t)(to - from));
		is_inside(entry.id, from, to);
		(void)imap_acl_format(entry.rights, letters);
		bug_if(
		    imap_acl_rights(letters, strlen(letters)) != entry.rights);
		uint64_t once = imap_acl_translate(entry.rights, 0);
		bug_if(imap_acl_translate(once, 0) != once);
		once = imap_acl_translate(entry.rights, entry.rights | 1);
		bug_if(imap_acl_translate(once, entry.rights | 1) != once);
	}
}

static void metadata(struct imap_cursor rest)
{
	const char *from = rest.p, *to = rest.end;
	struct imap_metadata_entry entry;
	struct imap_metadata m;
	size_t count = 0;

	if (!imap_metadata_begin(rest, &m))
		return;
	is_inside(m.mailbox, from, to);
	while (imap_metadata_next(&m, &entry) > 0) {
		bug_if(++count > (size_t)(to - from));
		is_inside(entry.name, from, to);
		is_inside(entry.value, from, to);
		(void)imap_metadata_is_internal(entry.name);
	}
}

static void lists(struct imap_cursor rest, bool is_status)
{
	struct imap_list list;
	struct imap_status status;

	if (is_status) {
		if (imap_status_parse(rest, &status))
			is_inside(status.name, rest.p, rest.end);
		return;
	}
	if (!imap_list_parse(rest, &list))
		return;
	is_inside(list.name, rest.p, rest.end);
	bug_if(!list.name.s);
	bug_if(list.is_bad_separator && list.separator);
	bug_if(list.uses >= 1U << IMAP_USES);
	bug_if((unsigned char)list.separator >= 0x7f);
}

static void namespaces(struct imap_cursor rest)
{
	struct imap_namespaces spaces;

	if (!imap_namespace_parse(rest, &spaces))
		return;
	bug_if(spaces.foreign_count > IMAP_NAMESPACE_FOREIGN_MAX);
	if (spaces.has_personal)
		is_inside(spaces.personal.prefix, rest.p, rest.end);
	for (size_t i = 0; i < spaces.foreign_count; i++)
		is_inside(spaces.foreign[i].prefix, rest.p, rest.end);
}

/* Of several roots the tightest stays: a second time nothing changes. */
static void quota(const char *bytes, size_t len)
{
	struct imap_quota once = {0}, twice;

	for (int i = 0; i < 2; i++) {
		char *copy = memcpy(mem_alloc(len + 1), bytes, len);
		twice = once;
		bool good = imap_quota_add(
		    &twice, (struct imap_cursor){copy, copy + len});
		bug_if(!good && memcmp(&twice, &once, sizeof(once)) != 0);
		if (i > 0)
			bug_if(twice.storage.limit != once.storage.limit ||
			       twice.storage.used != once.storage.used ||
			       twice.count.limit != once.count.limit ||
			       twice.count.used != once.count.used);
		once = twice;
		free(copy);
	}
}

/* Tokens stand in any order; one that was dropped comes back with a new list
 * only. */
static void caps(const char *list, size_t len)
{
	struct imap_caps caps, again;

	imap_caps_reset(&caps);
	imap_caps_parse(&caps, list, len);
	again = caps;
	imap_caps_parse(&again, list, len);
	bug_if(caps.bits != again.bits || caps.rights != again.rights ||
	       caps.append_limit != again.append_limit);
	for (int i = 0; i < IMAP_CAPS; i++) {
		imap_caps_drop(&again, (enum imap_cap)i);
		bug_if(imap_caps_has(&again, (enum imap_cap)i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t len = size - 1;
	char *copy = memcpy(mem_alloc(len ? len : 1), data + 1, len);
	struct imap_cursor rest = {copy, copy + len};
	char search[] = "SEARCH", esearch[] = "ESEARCH";

	if (data[0] == 'A')
		acl(rest);
	else if (data[0] == 'M')
		metadata(rest);
	else if (data[0] == 'L' || data[0] == 'T')
		lists(rest, data[0] == 'T');
	else if (data[0] == 'N')
		namespaces(rest);
	else if (data[0] == 'Q')
		quota(copy, len);
	else if (data[0] == 'C')
		caps(copy, len);
	else if (data[0] == 'S')
		(void)imap_search_count((struct imap_str){search, 6}, rest);
	else if (data[0] == 'E')
		(void)imap_search_count((struct imap_str){esearch, 7}, rest);
	free(copy);
	return 0;
}
