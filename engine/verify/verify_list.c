// SPDX-License-Identifier: MIT
#include "engine/verify/verify_list.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/verify/verify_canon.h"

enum {
	MESSAGES_MAX = 20000000
};

_Static_assert(sizeof(struct verify_entry) == 48, "as the header says");

void verify_list_init(struct verify_list *l)
{
	*l = (struct verify_list){0};
	verify_flags_init(&l->flags);
}

void verify_list_release(struct verify_list *l)
{
	verify_flags_release(&l->flags);
	free(l->entries);
	*l = (struct verify_list){0};
}

int verify_list_add(
    struct verify_list *l, const struct verify_entry *entry, struct error *err)
{
	if (l->count >= MESSAGES_MAX)
		return error_set(err, ERROR_LIMIT, "proto.limit",
		    "a mailbox of more than %d messages", MESSAGES_MAX);
	l->entries =
	    mem_grow(l->entries, &l->cap, l->count, sizeof(*l->entries));
	l->entries[l->count++] = *entry;
	if (entry->uid > l->highest_uid)
		l->highest_uid = entry->uid;
	return 0;
}

void verify_list_set_digest(
    struct verify_entry *entry, const struct verify_digest *digest)
{
	memcpy(entry->strict, digest->strict, HASH_KEY_BYTES);
	entry->ident = digest->ident;
	entry->marks |= (uint16_t)digest->features;
}

static int by_uid(const void *a, const void *b)
{
	const struct verify_entry *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

void verify_list_finish(struct verify_list *l)
{
	bool ascending = true;
	size_t kept = 0;

	for (size_t i = 1; i < l->count && ascending; i++)
		ascending = l->entries[i - 1].uid < l->entries[i].uid;
	if (ascending)
		return;
	qsort(l->entries, l->count, sizeof(*l->entries), by_uid);
	for (size_t i = 0; i < l->count; i++)
		if (kept == 0 || l->entries[kept - 1].uid != l->entries[i].uid)
			l->entries[kept++] = l->entries[i];
	l->count = kept;
}
