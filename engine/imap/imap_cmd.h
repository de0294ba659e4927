// SPDX-License-Identifier: MIT
/*
 * One command being written: text, strings in the form the server can take,
 * secrets that no trace shows, message bodies by reference.  The connection
 * (imap_conn) gives it a tag, sends it and tells how it ended.
 */
#ifndef ENGINE_IMAP_IMAP_CMD_H
#define ENGINE_IMAP_IMAP_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/imap/imap_syntax.h"

struct imap_cmd;
struct secret;

/* Bare text, no line end: the caller's own formats, never a server's bytes. */
void imap_cmd_text(struct imap_cmd *cmd, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A string: quoted, or as literal when it must be; no NUL inside. */
void imap_cmd_string(struct imap_cmd *cmd, const char *s, size_t len);
void imap_cmd_string_z(struct imap_cmd *cmd, const char *s);

/* As imap_cmd_string and as bare text; the trace shows <secret>. */
void imap_cmd_secret(struct imap_cmd *cmd, const struct secret *secret);
void imap_cmd_secret_text(struct imap_cmd *cmd, const char *s, size_t len);

/*
 * A message as literal, with its "{n}": bytes stay with the caller and must
 * stay until the command is done. `synchronize` waits for the server's go
 * even where LITERAL+ is offered.
 */
void imap_cmd_body(
    struct imap_cmd *cmd, const void *bytes, size_t len, bool synchronize);
void imap_cmd_body_file(
    struct imap_cmd *cmd, int fd, uint64_t len, bool synchronize);

/* Waits for a continuation before the next text, as AUTHENTICATE does. */
void imap_cmd_wait(struct imap_cmd *cmd);

/* What the caller gave to imap_conn_command. */
int imap_cmd_op(const struct imap_cmd *cmd);
void *imap_cmd_context(const struct imap_cmd *cmd);

/* First word or words, for messages: "UID FETCH". */
const char *imap_cmd_verb(const struct imap_cmd *cmd);

/* How it ended; valid in the IMAP_EVENT_DONE of the command. Strings are the
 * server's words, escaped and bounded. */
enum imap_condition imap_cmd_condition(const struct imap_cmd *cmd);
const char *imap_cmd_code(const struct imap_cmd *cmd); /* "" or "TRYCREATE" */
const char *imap_cmd_code_args(const struct imap_cmd *cmd);
const char *imap_cmd_reply(const struct imap_cmd *cmd); /* "[CODE args] text" */
bool imap_cmd_has_code(const struct imap_cmd *cmd, const char *code);

#endif
