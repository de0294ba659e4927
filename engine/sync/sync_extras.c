// SPDX-License-Identifier: MIT
#include "engine/sync/sync_extras.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_quote.h"
#include "engine/sync/sync_names.h"
#include "engine/sync/sync_owners.h"

struct sync_extras *sync_extras_new(size_t mailbox)
{
	struct sync_extras *x = mem_calloc(1, sizeof(*x));

	x->mailbox = mailbox;
	return x;
}

void sync_extras_free(struct sync_extras *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->grant_count; i++)
		free(x->grants[i].id);
	for (size_t i = 0; i < x->annotation_count; i++) {
		free(x->annotations[i].entry);
		free(x->annotations[i].value);
	}
	free(x->grants);
	free(x->annotations);
	free(x);
}

bool sync_extras_is_mailbox(struct imap_str told, const char *name)
{
	return (told.len == strlen(name) &&
		   memcmp(told.s, name, told.len) == 0) ||
	       (sync_names_is_inbox(name) && imap_str_is(told, "INBOX"));
}

/* Room for one more of that size? */
static bool fits(
    struct sync_extras *x, size_t count, size_t max, size_t name, size_t value)
{
	if (count < max && name <= SYNC_EXTRAS_NAME_MAX &&
	    value < SYNC_EXTRAS_VALUE_MAX &&
	    x->bytes + name + value <= SYNC_EXTRAS_BYTES_MAX) {
		x->bytes += name + value;
		return true;
	}
	x->is_cut = true;
	return false;
}

static void add_grant(struct sync_extras *x, const struct imap_acl_entry *entry,
    const struct sync_owners *owners, uint64_t announced)
{
	uint64_t rights = imap_acl_translate(entry->rights, announced);
	bool is_empty =
	    entry->id.len == 0 || (entry->id.len == 1 && entry->id.s[0] == '-');

	if (rights == 0 || is_empty)
		return;
	if (memchr(entry->id.s, '\0', entry->id.len) ||
	    entry->id.len > SYNC_EXTRAS_NAME_MAX) {
		x->is_cut = true;
		return;
	}
	char *id = mem_strndup(entry->id.s, entry->id.len);
	if (sync_owners_has(owners, id) ||
	    !fits(
		x, x->grant_count, SYNC_EXTRAS_GRANTS_MAX, entry->id.len, 0)) {
		free(id);
		return;
	}
	x->grants = mem_grow(
	    x->grants, &x->grant_cap, x->grant_count, sizeof(*x->grants));
	x->grants[x->grant_count++] =
	    (struct sync_grant){.of = x, .id = id, .rights = rights};
}

bool sync_extras_add_acl(struct sync_extras *x, struct imap_acl *acl,
    const struct sync_owners *owners, uint64_t announced)
{
	struct imap_acl_entry entry;
	int rc = 0;

	while ((rc = imap_acl_next(acl, &entry)) > 0)
		add_grant(x, &entry, owners, announced);
	return rc == 0;
}

static void add_annotation(
    struct sync_extras *x, const struct imap_metadata_entry *entry)
{
	const struct imap_str name = entry->name, value = entry->value;

	if (!value.s || imap_metadata_is_internal(name))
		return;
	if (imap_quote_form(name.s, name.len) != IMAP_QUOTE_QUOTED ||
	    memchr(value.s, '\0', value.len)) {
		x->is_cut = true; // no name by the RFC; a value we cannot send
		return;
	}
	if (!fits(x, x->annotation_count, SYNC_EXTRAS_ANNOTATIONS_MAX, name.len,
		value.len))
		return;
	x->annotations = mem_grow(x->annotations, &x->annotation_cap,
	    x->annotation_count, sizeof(*x->annotations));
	x->annotations[x->annotation_count++] = (struct sync_annotation){
	    .of = x,
	    .entry = mem_strndup(name.s, name.len),
	    .value = mem_strndup(value.s, value.len),
	    .len = value.len,
	};
}

bool sync_extras_add_annotations(struct sync_extras *x, struct imap_metadata *m)
{
	struct imap_metadata_entry entry;
	int rc = 0;

	while ((rc = imap_metadata_next(m, &entry)) > 0)
		add_annotation(x, &entry);
	return rc == 0;
}

static int by_id(const void *a, const void *b)
{
	const struct sync_grant *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static int by_entry(const void *a, const void *b)
{
	const struct sync_annotation *x = a, *y = b;

	return strcmp(x->entry, y->entry);
}

void sync_extras_finish(struct sync_extras *x)
{
	size_t kept = 0;

	if (x->grant_count > 1)
		qsort(x->grants, x->grant_count, sizeof(*x->grants), by_id);
	for (size_t i = 0; i < x->grant_count; i++) {
		if (kept > 0 && by_id(&x->grants[kept - 1], &x->grants[i]) == 0)
			free(x->grants[i].id);
		else
			x->grants[kept++] = x->grants[i];
	}
	x->grant_count = kept;
	kept = 0;
	if (x->annotation_count > 1)
		qsort(x->annotations, x->annotation_count,
		    sizeof(*x->annotations), by_entry);
	for (size_t i = 0; i < x->annotation_count; i++) {
		struct sync_annotation *a = &x->annotations[i];
		if (kept > 0 && by_entry(&x->annotations[kept - 1], a) == 0) {
			free(a->entry);
			free(a->value);
		} else {
			x->annotations[kept++] = *a;
		}
	}
	x->annotation_count = kept;
}

void sync_extras_compare_acl(
    struct sync_extras *x, struct imap_acl *acl, uint64_t announced)
{
	struct imap_acl_entry entry;

	while (x->grant_count > 0 && imap_acl_next(acl, &entry) > 0) {
		if (entry.id.len > SYNC_EXTRAS_NAME_MAX)
			continue;
		struct sync_grant wanted = {
		    .id = mem_strndup(entry.id.s, entry.id.len)};
		struct sync_grant *g = bsearch(&wanted, x->grants,
		    x->grant_count, sizeof(*x->grants), by_id);
		free(wanted.id);
		if (g &&
		    g->rights == imap_acl_translate(entry.rights, announced))
			g->is_settled = true;
	}
}

void sync_extras_compare_annotations(
    struct sync_extras *x, struct imap_metadata *m)
{
	struct imap_metadata_entry entry;

	while (x->annotation_count > 0 && imap_metadata_next(m, &entry) > 0) {
		if (entry.name.len > SYNC_EXTRAS_NAME_MAX || !entry.value.s)
			continue;
		struct sync_annotation wanted = {
		    .entry = mem_strndup(entry.name.s, entry.name.len)};
		struct sync_annotation *a = bsearch(&wanted, x->annotations,
		    x->annotation_count, sizeof(*x->annotations), by_entry);
		free(wanted.entry);
		if (a && a->len == entry.value.len &&
		    memcmp(a->value, entry.value.s, a->len) == 0)
			a->is_settled = true;
	}
}
