// SPDX-License-Identifier: MIT
/* A command as the connection sees it. For imap_cmd.c and imap_conn*.c only. */
#ifndef ENGINE_IMAP_IMAP_CMD_PRIVATE_H
#define ENGINE_IMAP_IMAP_CMD_PRIVATE_H

#include "engine/base/buf.h"
#include "engine/imap/imap_cmd.h"

/* When "{n+}" may be used (RFC 7888). */
enum imap_literal_mode {
	IMAP_LITERAL_SYNC,  /* never */
	IMAP_LITERAL_MINUS, /* up to 4096 bytes */
	IMAP_LITERAL_PLUS
};

enum imap_part_kind {
	IMAP_PART_TEXT,
	IMAP_PART_REF,
	IMAP_PART_FILE
};

struct imap_part {
	enum imap_part_kind kind;
	bool wait_before; /* for a continuation */
	size_t text_at;   /* in `text` */
	const void *bytes;
	int fd;
	uint64_t len;
};

enum {
	IMAP_REPLY_BYTES = 480,
	IMAP_CODE_BYTES = 32,
	IMAP_TAG_BYTES = 16
};

struct imap_cmd {
	struct imap_cmd *next;
	char tag[IMAP_TAG_BYTES];
	char verb[32];
	bool opens_mailbox; /* what is said behind it is of another mailbox */
	int op;
	void *context;
	enum imap_literal_mode literal_mode;
	struct buf text, trace;
	bool is_traced; /* somebody reads `trace` */
	struct imap_part *parts;
	size_t part_count, part_cap;
	bool wait_next;        /* the next part waits */
	bool has_free_literal; /* carries a "{n+}" */
	bool has_secret;
	/* sending */
	size_t part_at;
	bool started;
	uint64_t begin_at; /* stream position of its first byte */
	uint64_t end_at;   /* stream position behind its last byte */
	/* result */
	bool done;
	enum imap_condition condition;
	char code[IMAP_CODE_BYTES];
	char *code_args;
	char reply[IMAP_REPLY_BYTES];
};

struct imap_cmd *imap_cmd_new(
    enum imap_literal_mode mode, int op, void *context, const char *verb);
/* The line end; not traced. */
void imap_cmd_end(struct imap_cmd *cmd);
void imap_cmd_free(struct imap_cmd *cmd);

/* Adds a line, never traced, that waits for a continuation. */
void imap_cmd_answer(struct imap_cmd *cmd, const char *line, size_t len);

/* Copies what the tagged response says, but for the words to be shown: `reply`
 * is left to the caller, who knows the secret that must not be in them. */
void imap_cmd_finish(struct imap_cmd *cmd, const struct imap_response *r);

#endif
