// SPDX-License-Identifier: MIT
/*
 * The mailboxes of a CommuniGate account and the class of each, out of the data
 * of LISTMAILBOXES. Pure.
 *
 * Whether the names are UTF-8 or modified UTF-7 there is not documented: they
 * are kept as on the wire.
 */
#ifndef ENGINE_CGP_CGP_CLASSES_H
#define ENGINE_CGP_CGP_CLASSES_H

#include <stddef.h>

struct error;

enum {
	CGP_CLASSES_MAX = 200000
};

struct cgp_class {
	char *mailbox;
	char *name; /* "IPF.Contact"; "": mail */
};

struct cgp_classes {
	struct cgp_class *list; /* sorted by mailbox */
	size_t count, cap;
};

void cgp_classes_init(struct cgp_classes *c);
void cgp_classes_release(struct cgp_classes *c);

/* Reads {name={Class=...;...};...}; an array with the information in front
 * stands for it, at both places; a mailbox that tells nothing is mail. The
 * bytes are changed. `out` must be empty. 0, or -1: ERROR_PROTOCOL. */
int cgp_classes_parse(struct cgp_classes *out, char *data, size_t len,
    struct error *err) __attribute__((warn_unused_result));

/* NULL: no such mailbox; INBOX in any spelling. */
const struct cgp_class *cgp_classes_find(
    const struct cgp_classes *c, const char *mailbox);

#endif
