// SPDX-License-Identifier: MIT
#include "engine/imap/imap_refusal.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/imap/imap_cmd.h"

enum {
	WAIT_MAX_MS = 3600 * 1000
};

#define BIT(refusal) (1u << (refusal))

struct code_rule {
	const char *code;
	enum imap_refusal refusal;
	unsigned words; /* what the words may make of it instead */
};

enum {
	LOAD = BIT(IMAP_REFUSAL_THROTTLED),
	MESSAGE = BIT(IMAP_REFUSAL_TOO_BIG) | BIT(IMAP_REFUSAL_CONTENT) |
		  BIT(IMAP_REFUSAL_FLAGS) | BIT(IMAP_REFUSAL_DATE) |
		  BIT(IMAP_REFUSAL_VIRUS)
};

/*
 * A code that is not here says nothing to us. CORRUPTION is one of an object:
 * to come back for it would hold the whole account. LIMIT may be one of
 * sessions or one of a message's size, and at a login it is one of sessions.
 */
static const struct code_rule codes[] = {
    {"THROTTLED", IMAP_REFUSAL_THROTTLED, 0},
    {"UNAVAILABLE", IMAP_REFUSAL_TEMPORARY, LOAD},
    {"INUSE", IMAP_REFUSAL_TEMPORARY, LOAD},
    {"SERVERBUG", IMAP_REFUSAL_TEMPORARY, LOAD},
    {"LIMIT", IMAP_REFUSAL_OTHER, LOAD | MESSAGE},
    {"OVERQUOTA", IMAP_REFUSAL_QUOTA, BIT(IMAP_REFUSAL_DAILY_LIMIT)},
    {"AUTHENTICATIONFAILED", IMAP_REFUSAL_AUTH, 0},
    {"AUTHORIZATIONFAILED", IMAP_REFUSAL_AUTH, 0},
    {"EXPIRED", IMAP_REFUSAL_AUTH, 0},
    {"WEBALERT", IMAP_REFUSAL_AUTH, 0},
    {"CONTACTADMIN", IMAP_REFUSAL_AUTH, 0},
    {"PRIVACYREQUIRED", IMAP_REFUSAL_TLS_NEEDED, 0},
    {"TOOBIG", IMAP_REFUSAL_TOO_BIG, 0},
    {"NONEXISTENT", IMAP_REFUSAL_GONE, 0},
    {"TRYCREATE", IMAP_REFUSAL_GONE, 0},
    {"ALREADYEXISTS", IMAP_REFUSAL_EXISTS, 0},
    {"NOPERM", IMAP_REFUSAL_NO_PERMISSION, 0},
    {"READ-ONLY", IMAP_REFUSAL_NO_PERMISSION, 0},
    {"CANNOT", IMAP_REFUSAL_OTHER, MESSAGE},
    {"CORRUPTION", IMAP_REFUSAL_OTHER, 0},
    {"CLIENTBUG", IMAP_REFUSAL_OTHER, 0},
    {"EXPUNGEISSUED", IMAP_REFUSAL_OTHER, 0},
    {"HASCHILDREN", IMAP_REFUSAL_OTHER, 0},
    {"REFERRAL", IMAP_REFUSAL_OTHER, 0},
    {"BADCHARSET", IMAP_REFUSAL_OTHER, 0},
    {"METADATA", IMAP_REFUSAL_OTHER, 0},
};

struct text_rule {
	const char *words;
	enum imap_refusal refusal;
};

/* First match counts: what is special stands before what is general. */
static const struct text_rule texts[] = {
    {"identical emails", IMAP_REFUSAL_OTHER},
    {"nonexistent namespace", IMAP_REFUSAL_OTHER},
    /* load */
    {"account exceeded", IMAP_REFUSAL_DAILY_LIMIT},
    {"session expired", IMAP_REFUSAL_DAILY_LIMIT},
    {"suggested backoff time", IMAP_REFUSAL_THROTTLED},
    {"throttled", IMAP_REFUSAL_THROTTLED},
    {"rate limit", IMAP_REFUSAL_THROTTLED},
    {"too many simultaneous", IMAP_REFUSAL_THROTTLED},
    {"too many connections", IMAP_REFUSAL_THROTTLED},
    {"too many login", IMAP_REFUSAL_THROTTLED},
    {"maximum number of connections", IMAP_REFUSAL_THROTTLED},
    {"maximum connection", IMAP_REFUSAL_THROTTLED},
    {"connection limit", IMAP_REFUSAL_THROTTLED},
    {"bandwidth limit", IMAP_REFUSAL_THROTTLED},
    {"bandwidth exceeded", IMAP_REFUSAL_THROTTLED},
    {"server unavailable. 15", IMAP_REFUSAL_THROTTLED},
    /* the server's own trouble */
    {"temporar", IMAP_REFUSAL_TEMPORARY},
    {"try again", IMAP_REFUSAL_TEMPORARY},
    {"server unavailable", IMAP_REFUSAL_TEMPORARY},
    {"service unavailable", IMAP_REFUSAL_TEMPORARY},
    {"authenticated but not connected", IMAP_REFUSAL_TEMPORARY},
    {"received in invalid state", IMAP_REFUSAL_TEMPORARY},
    {"backend error", IMAP_REFUSAL_TEMPORARY},
    {"closing connection", IMAP_REFUSAL_TEMPORARY},
    {"connection closed", IMAP_REFUSAL_TEMPORARY},
    {"logging out", IMAP_REFUSAL_TEMPORARY},
    /* the account */
    {"authentication fail", IMAP_REFUSAL_AUTH},
    {"login failed", IMAP_REFUSAL_AUTH},
    {"invalid credentials", IMAP_REFUSAL_AUTH},
    {"unsafe login", IMAP_REFUSAL_AUTH},
    {"plaintext authentication disallowed", IMAP_REFUSAL_TLS_NEEDED},
    {"must use tls", IMAP_REFUSAL_TLS_NEEDED},
    {"starttls first", IMAP_REFUSAL_TLS_NEEDED},
    {"encryption required", IMAP_REFUSAL_TLS_NEEDED},
    {"quota exceeded", IMAP_REFUSAL_QUOTA},
    {"quota limit will be exceeded", IMAP_REFUSAL_QUOTA},
    {"over quota", IMAP_REFUSAL_QUOTA},
    {"mailbox is full", IMAP_REFUSAL_QUOTA},
    {"% full", IMAP_REFUSAL_QUOTA},
    /* the message */
    {"virus", IMAP_REFUSAL_VIRUS},
    {"malware", IMAP_REFUSAL_VIRUS},
    {"maximum size", IMAP_REFUSAL_TOO_BIG},
    {"size is larger", IMAP_REFUSAL_TOO_BIG},
    {"size exceeded", IMAP_REFUSAL_TOO_BIG},
    {"size exceeds", IMAP_REFUSAL_TOO_BIG},
    {"too large", IMAP_REFUSAL_TOO_BIG},
    {"too big", IMAP_REFUSAL_TOO_BIG},
    {"nul character", IMAP_REFUSAL_CONTENT},
    {"bare newline", IMAP_REFUSAL_CONTENT},
    {"invalid header", IMAP_REFUSAL_CONTENT},
    {"invalid character in literal", IMAP_REFUSAL_CONTENT},
    {"line too long", IMAP_REFUSAL_CONTENT},
    {"line is too long", IMAP_REFUSAL_CONTENT},
    {"rfc 2822 compliant", IMAP_REFUSAL_CONTENT},
    {"command error. 10", IMAP_REFUSAL_CONTENT},
    {"command argument error", IMAP_REFUSAL_CONTENT},
    {"system flag", IMAP_REFUSAL_FLAGS},
    {"invalid flag", IMAP_REFUSAL_FLAGS},
    {"unknown flag", IMAP_REFUSAL_FLAGS},
    {"keyword", IMAP_REFUSAL_FLAGS},
    {"parse error", IMAP_REFUSAL_FLAGS},
    {"error in imap command received", IMAP_REFUSAL_FLAGS},
    {"invalid date", IMAP_REFUSAL_DATE},
    {"invalid internal date", IMAP_REFUSAL_DATE},
    {"internaldate", IMAP_REFUSAL_DATE},
    {"date-time", IMAP_REFUSAL_DATE},
    /* the mailbox */
    {"already exist", IMAP_REFUSAL_EXISTS},
    {"permission denied", IMAP_REFUSAL_NO_PERMISSION},
    {"access denied", IMAP_REFUSAL_NO_PERMISSION},
    {"doesn't exist", IMAP_REFUSAL_GONE},
    {"does not exist", IMAP_REFUSAL_GONE},
    {"unknown mailbox", IMAP_REFUSAL_GONE},
    {"no such mailbox", IMAP_REFUSAL_GONE},
    {"not found", IMAP_REFUSAL_GONE},
};

static enum imap_refusal by_text(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcasestr(text, texts[i].words))
			return texts[i].refusal;
	return IMAP_REFUSAL_OTHER;
}

static enum imap_refusal by_code(const struct code_rule *rule, const char *text)
{
	enum imap_refusal said = by_text(text);

	return rule->words & BIT(said) ? said : rule->refusal;
}

enum imap_refusal imap_refusal_judge(
    enum imap_condition condition, const char *code, const char *text)
{
	if (condition == IMAP_CONDITION_OK)
		return text_equal_fold_z(code, "THROTTLED")
			   ? IMAP_REFUSAL_THROTTLED
			   : IMAP_REFUSAL_OTHER;
	for (size_t i = 0; code[0] && i < ARRAY_LEN(codes); i++)
		if (text_equal_fold_z(code, codes[i].code))
			return by_code(&codes[i], text);
	return by_text(text);
}

enum imap_refusal imap_refusal_of(const struct imap_cmd *cmd)
{
	const char *code = imap_cmd_code(cmd);
	const char *text = imap_cmd_reply(cmd);

	if (code[0] && text[0] == '[')
		text += strlen(code) + 2; // the reply begins with "[CODE]"
	return imap_refusal_judge(imap_cmd_condition(cmd), code, text);
}

uint32_t imap_refusal_wait_ms(const char *text)
{
	static const char words[] = "suggested backoff time:";
	const char *at = strcasestr(text, words);
	uint64_t ms = 0;

	if (!at)
		return 0;
	for (at += strlen(words); *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9' && ms < WAIT_MAX_MS; at++)
		ms = ms * 10 + (uint64_t)(*at - '0');
	return ms < WAIT_MAX_MS ? (uint32_t)ms : WAIT_MAX_MS;
}
