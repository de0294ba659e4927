// SPDX-License-Identifier: MIT
/*
 * What one side has in one mailbox: 48 bytes a message. Pure.
 */
#ifndef ENGINE_VERIFY_VERIFY_LIST_H
#define ENGINE_VERIFY_VERIFY_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/hash.h"
#include "engine/verify/verify_flags.h"

struct error;
struct verify_digest;

#define VERIFY_NO_DATE INT64_MIN
#define VERIFY_NO_PAIR UINT32_MAX

/* Marks of a message beside the features of verify_canon, in one set. */
enum verify_mark {
	VERIFY_MARK_DELETED = 0x100,
	VERIFY_MARK_UNREADABLE = 0x200,
	VERIFY_MARK_WEAK = 0x400,     /* its pair has another digest */
	VERIFY_MARK_KEYWORDS = 0x800, /* flags that cannot be copied */
	VERIFY_MARK_DOUBLED = 0x1000, /* one of those that are too many */
	VERIFY_MARK_AGAIN = 0x2000,   /* the bodies decide */
	VERIFY_MARK_CHANGED = 0x4000
};

struct verify_entry {
	uint8_t strict[HASH_KEY_BYTES]; /* zeros: not asked for */
	uint64_t ident;
	int64_t seconds; /* INTERNALDATE */
	uint32_t uid, size;
	uint32_t pair; /* index on the other side */
	uint16_t flags, marks;
};

struct verify_list {
	struct verify_entry *entries;
	size_t count, cap;
	struct verify_flags flags;
	uint32_t exists, highest_uid;
};

void verify_list_init(struct verify_list *l);
void verify_list_release(struct verify_list *l);

/* One message; -1: more than any mailbox holds. */
int verify_list_add(struct verify_list *l, const struct verify_entry *entry,
    struct error *err) __attribute__((warn_unused_result));

void verify_list_set_digest(
    struct verify_entry *entry, const struct verify_digest *digest);

/* All have come: in the order of UIDs, each once. */
void verify_list_finish(struct verify_list *l);

#endif
