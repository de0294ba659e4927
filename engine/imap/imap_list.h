// SPDX-License-Identifier: MIT
/*
 * Answers about mailboxes: LIST, LSUB, STATUS, NAMESPACE. Pure; results point
 * into the response.
 */
#ifndef ENGINE_IMAP_IMAP_LIST_H
#define ENGINE_IMAP_IMAP_LIST_H

#include "engine/imap/imap_syntax.h"

enum imap_list_flag {
	IMAP_LIST_NOSELECT = 1, /* \Noselect, \NonExistent */
	IMAP_LIST_SUBSCRIBED = 2,
	IMAP_LIST_NONEXISTENT = 4
};

/* Special uses (RFC 6154, RFC 8457), a set. */
enum imap_use {
	IMAP_USE_ALL = 1,
	IMAP_USE_ARCHIVE = 2,
	IMAP_USE_DRAFTS = 4,
	IMAP_USE_FLAGGED = 8,
	IMAP_USE_JUNK = 16,
	IMAP_USE_SENT = 32,
	IMAP_USE_TRASH = 64,
	IMAP_USE_IMPORTANT = 128
};

enum {
	IMAP_USES = 8
};

/* "\Sent" of the n-th of them. */
const char *imap_list_use_name(unsigned n);

struct imap_list {
	unsigned flags;
	char separator;        /* NUL: flat */
	bool is_bad_separator; /* no single printable byte; then NUL */
	unsigned uses;         /* enum imap_use */
	struct imap_str name;
};

/* `rest` of a "* LIST" or "* LSUB" response. False: malformed, or a name that
 * is NIL. */
bool imap_list_parse(struct imap_cursor rest, struct imap_list *out);

struct imap_status {
	struct imap_str name;
	bool has_messages, has_uidnext, has_uidvalidity, has_size;
	bool has_append_limit;
	uint32_t messages, uidnext, uidvalidity;
	uint64_t size;
	uint64_t append_limit;  /* RFC 7889; NIL is none */
	uint64_t highestmodseq; /* RFC 7162; 0: not told, or none is kept */
};

/* `rest` of a "* STATUS" response. */
bool imap_status_parse(struct imap_cursor rest, struct imap_status *out);

/* First personal namespace of a "* NAMESPACE" response, and an iteration over
 * the others. */
struct imap_namespace {
	struct imap_str prefix;
	char separator;
};

enum {
	IMAP_NAMESPACE_FOREIGN_MAX = 8
};

struct imap_namespaces {
	bool has_personal;
	struct imap_namespace personal;
	struct imap_namespace foreign[IMAP_NAMESPACE_FOREIGN_MAX];
	size_t foreign_count; /* other users' and shared ones */
};

bool imap_namespace_parse(struct imap_cursor rest, struct imap_namespaces *out);

#endif
