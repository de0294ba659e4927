// SPDX-License-Identifier: MIT
/*
 * The flags of the messages of one mailbox: each different set once, a message
 * holds its number. Pure; bounded.
 *
 * A set is text in one order without case, "$forwarded \seen". \Recent is left
 * out, for it is the server's own.
 */
#ifndef ENGINE_VERIFY_VERIFY_FLAGS_H
#define ENGINE_VERIFY_VERIFY_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/imap/imap_syntax.h"

/* The empty set, and one of more sets than are kept: equal to none. */
enum {
	VERIFY_FLAGS_NONE = 0,
	VERIFY_FLAGS_LOST = 0xffff
};

struct verify_flags {
	char **sets; /* from number 1 on */
	size_t count, cap, bytes;
	uint16_t *slots; /* open hash of numbers */
	size_t slot_count;
	/* what the mailbox keeps (PERMANENTFLAGS), as a set */
	char *kept; /* NULL: not told */
	bool keeps_any;
};

void verify_flags_init(struct verify_flags *f);
void verify_flags_release(struct verify_flags *f);

/* The number of a set as the server told it. */
uint16_t verify_flags_number(
    struct verify_flags *f, struct imap_str list, bool *deleted_out);

const char *verify_flags_text(const struct verify_flags *f, uint16_t number);

/* PERMANENTFLAGS. An empty list says nothing: the mailbox is only looked at. */
void verify_flags_set_kept(struct verify_flags *f, struct imap_str list);

/* The number on `target` of what a copy makes of a set of `source`: without
 * \Deleted, and without what cannot be sent or is not kept there. */
uint16_t verify_flags_copied(const struct verify_flags *source, uint16_t number,
    struct verify_flags *target, bool *dropped_out);

#endif
