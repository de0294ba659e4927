// SPDX-License-Identifier: MIT
#include "engine/imap/imap_cmd.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/imap/imap_cmd_private.h"
#include "engine/imap/imap_quote.h"

enum {
	TEXT_MAX_BYTES = 1024 * 1024,
	TRACE_MAX_BYTES = 1024,
	LITERAL_MINUS_MAX = 4096,
	CODE_ARGS_MAX_BYTES = 16 * 1024 /* APPENDUID of a large batch */
};

struct imap_cmd *imap_cmd_new(
    enum imap_literal_mode mode, int op, void *context, const char *verb)
{
	struct imap_cmd *cmd = mem_calloc(1, sizeof(*cmd));

	cmd->literal_mode = mode;
	cmd->op = op;
	cmd->context = context;
	(void)snprintf(cmd->verb, sizeof(cmd->verb), "%s", verb);
	cmd->opens_mailbox =
	    strcmp(verb, "SELECT") == 0 || strcmp(verb, "EXAMINE") == 0;
	buf_init(&cmd->text, TEXT_MAX_BYTES);
	buf_init(&cmd->trace, TRACE_MAX_BYTES);
	return cmd;
}

void imap_cmd_free(struct imap_cmd *cmd)
{
	if (!cmd)
		return;
	buf_wipe(&cmd->text);
	buf_release(&cmd->trace);
	free(cmd->parts);
	free(cmd->code_args);
	free(cmd);
}

static void add_part(struct imap_cmd *cmd, struct imap_part part)
{
	part.wait_before = cmd->wait_next;
	cmd->wait_next = false;
	cmd->parts =
	    mem_grow(cmd->parts, &cmd->part_cap, cmd->part_count, sizeof(part));
	cmd->parts[cmd->part_count++] = part;
}

static void add_text(struct imap_cmd *cmd, const char *s, size_t len)
{
	size_t at = cmd->text.len;
	struct imap_part *last =
	    cmd->part_count ? &cmd->parts[cmd->part_count - 1] : NULL;

	// what we write ourselves is bounded by design (sets, names, flags)
	bug_if(buf_append(&cmd->text, s, len) < 0);
	if (last && last->kind == IMAP_PART_TEXT && !cmd->wait_next) {
		last->len += len;
		return;
	}
	add_part(cmd, (struct imap_part){
			  .kind = IMAP_PART_TEXT, .text_at = at, .len = len});
}

static void trace_puts(struct imap_cmd *cmd, const char *s)
{
	if (!cmd->is_traced || buf_puts(&cmd->trace, s) < 0)
		return; // a full trace is cut
}

static void trace(struct imap_cmd *cmd, const char *s, size_t len)
{
	char shown[TRACE_MAX_BYTES];

	if (cmd->is_traced)
		trace_puts(cmd, text_escape(s, len, shown, sizeof(shown)));
}

void imap_cmd_text(struct imap_cmd *cmd, const char *format, ...)
{
	char brief[256]; // nearly every piece is
	struct buf text;
	va_list args;

	va_start(args, format);
	int len = vsnprintf(brief, sizeof(brief), format, args);
	va_end(args);
	bug_if(len < 0);
	if ((size_t)len < sizeof(brief)) {
		add_text(cmd, brief, (size_t)len);
		trace(cmd, brief, (size_t)len);
		return;
	}
	buf_init(&text, TEXT_MAX_BYTES);
	char *to = buf_reserve(&text, (size_t)len);
	bug_if(!to);
	va_start(args, format);
	(void)vsnprintf(to, (size_t)len + 1, format, args);
	va_end(args);
	buf_added(&text, (size_t)len);
	add_text(cmd, text.data, text.len);
	trace(cmd, text.data, text.len);
	buf_release(&text);
}

/* "{n}" or "{n+}" with its line end; what follows waits after "{n}". */
static void announce(struct imap_cmd *cmd, uint64_t len, bool synchronize)
{
	char head[32], shown[32];
	bool free_literal =
	    !synchronize && (cmd->literal_mode == IMAP_LITERAL_PLUS ||
				(cmd->literal_mode == IMAP_LITERAL_MINUS &&
				    len <= LITERAL_MINUS_MAX));

	(void)snprintf(head, sizeof(head), "{%" PRIu64 "%s}\r\n", len,
	    free_literal ? "+" : "");
	add_text(cmd, head, strlen(head));
	(void)snprintf(shown, sizeof(shown), "{%" PRIu64 "}", len);
	trace_puts(cmd, shown);
	if (free_literal)
		cmd->has_free_literal = true;
	else
		cmd->wait_next = true;
}

static void add_string(struct imap_cmd *cmd, const char *s, size_t len)
{
	struct buf quoted;

	if (imap_quote_form(s, len) == IMAP_QUOTE_QUOTED) {
		buf_init(&quoted, TEXT_MAX_BYTES);
		bug_if(imap_quote_append(&quoted, s, len) < 0);
		add_text(cmd, quoted.data, quoted.len);
		buf_wipe(&quoted);
		return;
	}
	announce(cmd, len, false);
	add_text(cmd, s, len);
}

void imap_cmd_string(struct imap_cmd *cmd, const char *s, size_t len)
{
	add_string(cmd, s, len);
	trace_puts(cmd, "\"");
	trace(cmd, s, len);
	trace_puts(cmd, "\"");
}

void imap_cmd_string_z(struct imap_cmd *cmd, const char *s)
{
	imap_cmd_string(cmd, s, strlen(s));
}

void imap_cmd_secret(struct imap_cmd *cmd, const struct secret *secret)
{
	cmd->has_secret = true;
	add_string(cmd, secret->bytes ? secret->bytes : "", secret->len);
	trace_puts(cmd, "<secret>");
}

void imap_cmd_secret_text(struct imap_cmd *cmd, const char *s, size_t len)
{
	cmd->has_secret = true;
	add_text(cmd, s, len);
	trace_puts(cmd, "<secret>");
}

void imap_cmd_body(
    struct imap_cmd *cmd, const void *bytes, size_t len, bool synchronize)
{
	announce(cmd, len, synchronize);
	add_part(cmd, (struct imap_part){
			  .kind = IMAP_PART_REF, .bytes = bytes, .len = len});
}

void imap_cmd_body_file(
    struct imap_cmd *cmd, int fd, uint64_t len, bool synchronize)
{
	announce(cmd, len, synchronize);
	add_part(cmd,
	    (struct imap_part){.kind = IMAP_PART_FILE, .fd = fd, .len = len});
}

void imap_cmd_wait(struct imap_cmd *cmd)
{
	add_text(cmd, "\r\n", 2);
	cmd->wait_next = true;
}

void imap_cmd_end(struct imap_cmd *cmd)
{
	add_text(cmd, "\r\n", 2);
}

void imap_cmd_answer(struct imap_cmd *cmd, const char *line, size_t len)
{
	cmd->wait_next = true;
	add_text(cmd, line, len);
	add_text(cmd, "\r\n", 2);
}

int imap_cmd_op(const struct imap_cmd *cmd)
{
	return cmd->op;
}

void *imap_cmd_context(const struct imap_cmd *cmd)
{
	return cmd->context;
}

const char *imap_cmd_verb(const struct imap_cmd *cmd)
{
	return cmd->verb;
}

enum imap_condition imap_cmd_condition(const struct imap_cmd *cmd)
{
	return cmd->condition;
}

const char *imap_cmd_code(const struct imap_cmd *cmd)
{
	return cmd->code;
}

const char *imap_cmd_code_args(const struct imap_cmd *cmd)
{
	return cmd->code_args ? cmd->code_args : "";
}

const char *imap_cmd_reply(const struct imap_cmd *cmd)
{
	return cmd->reply;
}

bool imap_cmd_has_code(const struct imap_cmd *cmd, const char *code)
{
	return text_equal_fold_z(cmd->code, code);
}

void imap_cmd_finish(struct imap_cmd *cmd, const struct imap_response *r)
{
	cmd->done = true;
	cmd->condition = r->condition;
	if (r->code.s)
		(void)text_escape(
		    r->code.s, r->code.len, cmd->code, sizeof(cmd->code));
	if (r->code_args.s && r->code_args.len <= CODE_ARGS_MAX_BYTES)
		cmd->code_args = mem_strndup(r->code_args.s, r->code_args.len);
}
