// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_cli.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/cgp/cgp_classes.h"
#include "engine/cgp/cgp_session.h"
#include "engine/cgp/cgp_syntax.h"

static int put_string(struct cgp_session *s, const char *text)
{
	return cgp_syntax_quote(&s->command, text, strlen(text));
}

/* VERB account; the asterisk means something only when it is not quoted. */
static int put_command(struct cgp_session *s, const char *verb)
{
	const char *account = s->set->account;

	if (buf_puts(&s->command, verb) < 0 || buf_puts(&s->command, " ") < 0)
		return -1;
	if (strcmp(account, "*") == 0)
		return buf_puts(&s->command, account);
	return put_string(s, account);
}

static int list(
    struct cgp_session *s, struct cgp_classes *out, struct error *err)
{
	char words[CGP_CLI_WORDS_BYTES];

	if (put_command(s, "LISTMAILBOXES") < 0)
		return error_set(err, ERROR_CONFIG, "cli.account",
		    "the name of the account is too long for the CLI");
	if (cgp_session_command(s, "LISTMAILBOXES", err) < 0)
		return -1;
	if (s->reply.code == CGP_REPLY_DATA)
		return cgp_classes_parse(out, s->reply.text, s->reply.len, err);
	return error_set(err,
	    s->reply.code == CGP_REPLY_OK ? ERROR_PROTOCOL : ERROR_SERVER_NO,
	    s->reply.code == CGP_REPLY_OK ? "cli.inline" : "cli.refused",
	    "LISTMAILBOXES refused: '%u %s'", s->reply.code,
	    cgp_session_words(s, words, sizeof(words)));
}

/* A connection after a server's word is in step and gets its QUIT. */
static bool is_in_step(int rc, const struct error *err)
{
	return rc == 0 || err->kind == ERROR_SERVER_NO;
}

int cgp_cli_classes(const struct cgp_cli_settings *set, struct cgp_classes *out,
    struct error *err)
{
	struct cgp_session s;

	if (cgp_session_open(&s, set, err) < 0)
		return error_prefix(err, "CLI of %s", set->host);
	int rc = list(&s, out, err);
	cgp_session_close(&s, is_in_step(rc, err));
	return rc < 0 ? error_prefix(err, "CLI of %s", set->host) : 0;
}

static int put_change(struct cgp_session *s, const struct cgp_cli_change *c)
{
	if (put_command(s, c->create ? "CREATEMAILBOX" : "SETMAILBOXCLASS") < 0)
		return -1;
	if (buf_puts(&s->command, " MAILBOX ") < 0 ||
	    put_string(s, c->mailbox) < 0)
		return -1;
	return buf_puts(&s->command, " CLASS ") < 0 ||
		       put_string(s, c->class_name) < 0
		   ? -1
		   : 0;
}

/* 0 when there is an answer. */
static int change(
    struct cgp_session *s, struct cgp_cli_change *c, struct error *err)
{
	if (put_change(s, c) < 0) {
		buf_wipe(&s->command);
		c->result = CGP_CLI_REFUSED;
		(void)snprintf(c->words, sizeof(c->words),
		    "name or class too long, not sent");
		return 0;
	}
	if (cgp_session_command(
		s, c->create ? "CREATEMAILBOX" : "SETMAILBOXCLASS", err) < 0)
		return -1;
	if (s->reply.code == CGP_REPLY_OK || s->reply.code == CGP_REPLY_DATA) {
		c->result = CGP_CLI_DONE;
		return 0;
	}
	c->result = CGP_CLI_REFUSED;
	(void)snprintf(c->words, sizeof(c->words), "%u ", s->reply.code);
	size_t len = strlen(c->words);
	(void)cgp_session_words(s, c->words + len, sizeof(c->words) - len);
	return 0;
}

int cgp_cli_set_class(const struct cgp_cli_settings *set,
    struct cgp_cli_change *changes, size_t count, struct error *err)
{
	struct cgp_session s;
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		changes[i].result = CGP_CLI_NOT_TRIED;
	if (count == 0)
		return 0;
	if (cgp_session_open(&s, set, err) < 0)
		return error_prefix(err, "CLI of %s", set->host);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = change(&s, &changes[i], err);
	cgp_session_close(&s, rc == 0);
	return rc < 0 ? error_prefix(err, "CLI of %s", set->host) : 0;
}
