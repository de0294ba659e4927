// SPDX-License-Identifier: MIT
/*
 * What belongs to one mailbox beside its messages and is copied to the target:
 * entries of its access control list and annotations.  Made by the source,
 * handed over whole (sync_exchange), written by the target.
 */
#ifndef ENGINE_SYNC_SYNC_EXTRAS_H
#define ENGINE_SYNC_SYNC_EXTRAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/imap/imap_acl.h"
#include "engine/imap/imap_metadata.h"

struct sync_extras;
struct sync_owners;

struct sync_grant {
	struct sync_extras *of;
	char *id;        /* never an owner's */
	uint64_t rights; /* as they shall be on the target */
	bool is_settled; /* nothing more to be done */
};

struct sync_annotation {
	struct sync_extras *of;
	char *entry;
	char *value;
	size_t len;
	bool is_settled;
};

/* Of one mailbox; what is above is cut and `is_cut` says so. */
enum {
	SYNC_EXTRAS_GRANTS_MAX = 10000,
	SYNC_EXTRAS_ANNOTATIONS_MAX = 1000,
	SYNC_EXTRAS_NAME_MAX = 500,        /* of an identifier or entry */
	SYNC_EXTRAS_VALUE_MAX = 64 * 1024, /* the next byte is not kept */
	SYNC_EXTRAS_BYTES_MAX = 1024 * 1024
};

enum sync_extras_stage {
	SYNC_EXTRAS_NEW,
	SYNC_EXTRAS_ASKED, /* what is on the target already? */
	SYNC_EXTRAS_SETTING
};

struct sync_extras {
	struct sync_extras *next;
	size_t mailbox; /* its number in the plan */
	struct sync_grant *grants;
	size_t grant_count, grant_cap;
	struct sync_annotation *annotations;
	size_t annotation_count, annotation_cap;
	size_t bytes;
	bool is_cut;
	/* of the target */
	enum sync_extras_stage stage;
	size_t pending; /* commands under way */
	size_t next_grant, next_annotation;
	unsigned tries;
	size_t warnings;
	bool acl_unknown, annotations_unknown; /* it would not tell */
};

struct sync_extras *sync_extras_new(size_t mailbox);
void sync_extras_free(struct sync_extras *x);

/* Does an answer mean this mailbox? INBOX in any spelling. */
bool sync_extras_is_mailbox(struct imap_str told, const char *name);

/* Takes the entries worth setting on a target that announced the rights
 * `announced`, in its terms. False: the answer cannot be read to its end. */
bool sync_extras_add_acl(struct sync_extras *x, struct imap_acl *acl,
    const struct sync_owners *owners, uint64_t announced);
bool sync_extras_add_annotations(
    struct sync_extras *x, struct imap_metadata *m);

/* Sorts, drops what stands there twice: before it is handed over. */
void sync_extras_finish(struct sync_extras *x);

/* What the target says it has already is settled. */
void sync_extras_compare_acl(
    struct sync_extras *x, struct imap_acl *acl, uint64_t announced);
void sync_extras_compare_annotations(
    struct sync_extras *x, struct imap_metadata *m);

#endif
