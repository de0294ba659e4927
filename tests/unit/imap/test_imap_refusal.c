// SPDX-License-Identifier: MIT
#include "engine/imap/imap_refusal.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "engine/base/mem.h"

enum {
	CODE_BYTES = 24,
	TEXT_BYTES = 96
};

struct row {
	enum imap_condition condition;
	char code[CODE_BYTES];
	char text[TEXT_BYTES];
	enum imap_refusal refusal;
};

#define OK IMAP_CONDITION_OK
#define NO IMAP_CONDITION_NO
#define BAD IMAP_CONDITION_BAD
#define BYE IMAP_CONDITION_BYE

static void check(const struct row *row)
{
	enum imap_refusal got =
	    imap_refusal_judge(row->condition, row->code, row->text);

	cr_assert_eq(got, row->refusal, "[%s] %s: %d, not %d", row->code,
	    row->text, (int)got, (int)row->refusal);
}

ParameterizedTestParameters(imap_refusal, of_load_and_login)
{
	static struct row rows[] = {
	    /* too much at a time (F118, F020) */
	    {BAD, "",
		"Request is throttled. Suggested Backoff Time: 299609 milliseconds",
		IMAP_REFUSAL_THROTTLED},
	    {NO, "", "Server Unavailable. 15", IMAP_REFUSAL_THROTTLED},
	    {NO, "ALERT", "Too many simultaneous connections. (Failure)",
		IMAP_REFUSAL_THROTTLED},
	    {NO, "THROTTLED", "slow down", IMAP_REFUSAL_THROTTLED},
	    {OK, "THROTTLED", "FETCH completed", IMAP_REFUSAL_THROTTLED},
	    {NO, "LIMIT", "UID FETCH Rate limit hit.", IMAP_REFUSAL_THROTTLED},
	    {NO, "UNAVAILABLE",
		"Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
		IMAP_REFUSAL_THROTTLED},
	    {NO, "", "Maximum connection limit reached",
		IMAP_REFUSAL_THROTTLED},
	    {NO, "", "command or bandwidth limits", IMAP_REFUSAL_THROTTLED},
	    /* not today */
	    {NO, "OVERQUOTA",
		"Account exceeded command or bandwidth limits. (Failure)",
		IMAP_REFUSAL_DAILY_LIMIT},
	    {BYE, "", "Session expired, please login again.",
		IMAP_REFUSAL_DAILY_LIMIT},
	    /* the server's own trouble (F038, F050, F119) */
	    {NO, "UNAVAILABLE",
		"UID FETCH Server error while fetching messages",
		IMAP_REFUSAL_TEMPORARY},
	    {NO, "unavailable", "UID SEARCH Backend error",
		IMAP_REFUSAL_TEMPORARY},
	    {NO, "INUSE", "locked", IMAP_REFUSAL_TEMPORARY},
	    {NO, "SERVERBUG", "quota exceeded, or so", IMAP_REFUSAL_TEMPORARY},
	    {NO, "", "Temporary unavailable", IMAP_REFUSAL_TEMPORARY},
	    {NO, "", "Temporary authentication failure",
		IMAP_REFUSAL_TEMPORARY},
	    {NO, "", "Server unavailable", IMAP_REFUSAL_TEMPORARY},
	    {BAD, "", "User is authenticated but not connected.",
		IMAP_REFUSAL_TEMPORARY},
	    {BAD, "", "Command received in Invalid state",
		IMAP_REFUSAL_TEMPORARY},
	    {BYE, "", "Connection closed. 14", IMAP_REFUSAL_TEMPORARY},
	    {BYE, "", "IMAP4rev1 Server logging out", IMAP_REFUSAL_TEMPORARY},
	    {BYE, "", "Zimbra IMAP4rev1 server closing connection",
		IMAP_REFUSAL_TEMPORARY},
	    /* login (F037, F039) */
	    {NO, "AUTHENTICATIONFAILED", "try again with another password",
		IMAP_REFUSAL_AUTH},
	    {NO, "AUTHORIZATIONFAILED", "", IMAP_REFUSAL_AUTH},
	    {NO, "EXPIRED", "", IMAP_REFUSAL_AUTH},
	    {NO, "WEBALERT", "Web login required.", IMAP_REFUSAL_AUTH},
	    {NO, "CONTACTADMIN", "", IMAP_REFUSAL_AUTH},
	    {NO, "", "Login failed: authentication failure", IMAP_REFUSAL_AUTH},
	    {NO, "ALERT", "Invalid credentials (Failure)", IMAP_REFUSAL_AUTH},
	    {NO, "", "SELECT Unsafe Login", IMAP_REFUSAL_AUTH},
	    {NO, "PRIVACYREQUIRED", "", IMAP_REFUSAL_TLS_NEEDED},
	    {NO, "",
		"Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
		IMAP_REFUSAL_TLS_NEEDED},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_refusal, of_load_and_login)
{
	check(row);
}

ParameterizedTestParameters(imap_refusal, of_messages_and_mailboxes)
{
	static struct row rows[] = {
	    /* full (F107) */
	    {NO, "OVERQUOTA", "Quota exceeded (mailbox for user is full)",
		IMAP_REFUSAL_QUOTA},
	    {NO, "", "Quota limit will be exceeded", IMAP_REFUSAL_QUOTA},
	    {NO, "", "mailbox is full", IMAP_REFUSAL_QUOTA},
	    {NO, "", "Mailbox is >90% full", IMAP_REFUSAL_QUOTA},
	    {OK, "OVERQUOTA", "soft", IMAP_REFUSAL_OTHER},
	    /* too big (F108) */
	    {BAD, "TOOBIG", "Message too large", IMAP_REFUSAL_TOO_BIG},
	    {NO, "LIMIT", "Mail size is larger than the maximum size allowed",
		IMAP_REFUSAL_TOO_BIG},
	    {NO, "", "Maximum size of appendable message has been exceeded",
		IMAP_REFUSAL_TOO_BIG},
	    {NO, "", "message size exceeded", IMAP_REFUSAL_TOO_BIG},
	    /* what is in it (F109) */
	    {NO, "", "Message contains NUL characters", IMAP_REFUSAL_CONTENT},
	    {NO, "", "Message contains bare newlines", IMAP_REFUSAL_CONTENT},
	    {NO, "", "Message contains invalid header", IMAP_REFUSAL_CONTENT},
	    {BYE, "", "Invalid character in literal", IMAP_REFUSAL_CONTENT},
	    {NO, "", "line too long", IMAP_REFUSAL_CONTENT},
	    {BAD, "", "Command Error. 10", IMAP_REFUSAL_CONTENT},
	    {BAD, "", "Command Argument Error. 11", IMAP_REFUSAL_CONTENT},
	    {BAD, "", "Command Argument Error 12", IMAP_REFUSAL_CONTENT},
	    {NO, "CANNOT", "Message contains bare newlines",
		IMAP_REFUSAL_CONTENT},
	    {NO, "", "Message refused because it contains a virus",
		IMAP_REFUSAL_VIRUS},
	    {NO, "LIMIT", "Too many identical emails", IMAP_REFUSAL_OTHER},
	    /* flags and dates (F110) */
	    {BAD, "", "Invalid system flag \\\\X", IMAP_REFUSAL_FLAGS},
	    {BAD, "", "Parse Error", IMAP_REFUSAL_FLAGS},
	    {NO, "LIMIT", "Maximum number of keywords reached",
		IMAP_REFUSAL_FLAGS},
	    {NO, "", "Error in IMAP command received by server.",
		IMAP_REFUSAL_FLAGS},
	    {BAD, "", "Invalid internal date.", IMAP_REFUSAL_DATE},
	    /* mailboxes */
	    {NO, "NONEXISTENT", "Unknown Mailbox: [Gmail]", IMAP_REFUSAL_GONE},
	    {NO, "TRYCREATE", "APPEND error finding folder", IMAP_REFUSAL_GONE},
	    {NO, "", "Mailbox doesn't exist: x", IMAP_REFUSAL_GONE},
	    {NO, "", "Mailbox does not exist", IMAP_REFUSAL_GONE},
	    {NO, "", "Client tried to access nonexistent namespace",
		IMAP_REFUSAL_OTHER},
	    {NO, "ALREADYEXISTS", "", IMAP_REFUSAL_EXISTS},
	    {NO, "", "Mailbox already exists", IMAP_REFUSAL_EXISTS},
	    {NO, "", "CREATE already exists", IMAP_REFUSAL_EXISTS},
	    {BAD, "", "CREATE Already exist", IMAP_REFUSAL_EXISTS},
	    {NO, "NOPERM", "Permission denied", IMAP_REFUSAL_NO_PERMISSION},
	    {NO, "", "Permission denied", IMAP_REFUSAL_NO_PERMISSION},
	    /* nothing to act upon */
	    {NO, "CANNOT", "Folder contains excess whitespace (Failure)",
		IMAP_REFUSAL_OTHER},
	    {NO, "CANNOT", "Mailbox can't be created", IMAP_REFUSAL_OTHER},
	    {NO, "", "Cannot create this folder.", IMAP_REFUSAL_OTHER},
	    {NO, "", "Folder name is reserved", IMAP_REFUSAL_OTHER},
	    {NO, "", "LIST failed", IMAP_REFUSAL_OTHER},
	    {NO, "", "APPEND failed", IMAP_REFUSAL_OTHER},
	    {NO, "", "header limit reached", IMAP_REFUSAL_OTHER},
	    {BAD, "", "command line limit exceeded", IMAP_REFUSAL_OTHER},
	    {BAD, "", "APPEND Command requires at least 2 parameter",
		IMAP_REFUSAL_OTHER},
	    {BAD, "", "AUTHENTICATE Unknown authentication method",
		IMAP_REFUSAL_OTHER},
	    {BAD, "CLIENTBUG",
		"Additional arguments found after last expected argument",
		IMAP_REFUSAL_OTHER},
	    {NO, "CORRUPTION", "try again", IMAP_REFUSAL_OTHER},
	    {NO, "CANNOT", "message not found", IMAP_REFUSAL_OTHER},
	    {NO, "LIMIT", "too many parts", IMAP_REFUSAL_OTHER},
	    {NO, "X-NEW", "Mailbox already exists", IMAP_REFUSAL_EXISTS},
	    {NO, "", "", IMAP_REFUSAL_OTHER},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_refusal, of_messages_and_mailboxes)
{
	check(row);
}

Test(imap_refusal, reads_the_time_to_wait)
{
	cr_assert_eq(imap_refusal_wait_ms("Request is throttled. Suggested "
					  "Backoff Time: 299961 milliseconds"),
	    299961);
	cr_assert_eq(imap_refusal_wait_ms("suggested backoff time:5 ms"), 5);
	cr_assert_eq(
	    imap_refusal_wait_ms("Suggested Backoff Time: 3600001"), 3600000);
	cr_assert_eq(imap_refusal_wait_ms(
			 "Suggested Backoff Time: 99999999999999999999999999"),
	    3600000);
	cr_assert_eq(imap_refusal_wait_ms("Suggested Backoff Time: -1"), 0);
	cr_assert_eq(imap_refusal_wait_ms("Suggested Backoff Time: "), 0);
	cr_assert_eq(imap_refusal_wait_ms("Server Unavailable. 15"), 0);
	cr_assert_eq(imap_refusal_wait_ms(""), 0);
}
