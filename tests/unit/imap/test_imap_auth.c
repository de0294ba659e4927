// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/imap/imap_conn_private.h"

enum {
	CAPS_BYTES = 96,
	NAME_BYTES = 40
};

struct row {
	enum imap_auth asked;
	char caps[CAPS_BYTES];
	char password[NAME_BYTES];
	char as[NAME_BYTES]; /* "" for none */
	char host[NAME_BYTES];
	enum imap_auth chosen;
};

#define ALL "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1 AUTH=CRAM-MD5"
#define HASHED "AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256"
#define BOTH "AUTH=XOAUTH2 AUTH=OAUTHBEARER"

ParameterizedTestParameters(imap_auth, chooses)
{
	static struct row rows[] = {
	    {IMAP_AUTH_AUTO, ALL, "pw", "", "h", IMAP_AUTH_PLAIN},
	    {IMAP_AUTH_AUTO, ALL " LOGINDISABLED", "pw", "b", "h",
		IMAP_AUTH_PLAIN},
	    {IMAP_AUTH_AUTO, HASHED, "pw", "", "h", IMAP_AUTH_LOGIN},
	    {IMAP_AUTH_AUTO, HASHED, "\xc3\xa9", "", "h",
		IMAP_AUTH_SCRAM_SHA_256},
	    {IMAP_AUTH_AUTO, HASHED, "pw", "b", "h", IMAP_AUTH_SCRAM_SHA_256},
	    {IMAP_AUTH_AUTO, HASHED " LOGINDISABLED", "pw", "", "h",
		IMAP_AUTH_SCRAM_SHA_256},
	    {IMAP_AUTH_AUTO, "AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1 LOGINDISABLED",
		"pw", "", "h", IMAP_AUTH_SCRAM_SHA_1},
	    {IMAP_AUTH_AUTO, "AUTH=CRAM-MD5 LOGINDISABLED", "pw", "", "h",
		IMAP_AUTH_CRAM_MD5},
	    {IMAP_AUTH_AUTO, "AUTH=CRAM-MD5 LOGINDISABLED", "pw", "b", "h",
		IMAP_AUTH_LOGIN},
	    {IMAP_AUTH_AUTO, "", "pw", "", "h", IMAP_AUTH_LOGIN},
	    {IMAP_AUTH_LOGIN, ALL, "pw", "", "h", IMAP_AUTH_LOGIN},
	    {IMAP_AUTH_CRAM_MD5, ALL, "pw", "", "h", IMAP_AUTH_CRAM_MD5},
	    {IMAP_AUTH_OAUTH, BOTH, "t", "", "imap.example.org",
		IMAP_AUTH_OAUTHBEARER},
	    {IMAP_AUTH_OAUTH, "AUTH=XOAUTH2", "t", "", "imap.example.org",
		IMAP_AUTH_XOAUTH2},
	    {IMAP_AUTH_OAUTH, BOTH, "t", "", "imap.gmail.com",
		IMAP_AUTH_XOAUTH2},
	    {IMAP_AUTH_OAUTH, BOTH, "t", "", "Outlook.Office365.com",
		IMAP_AUTH_XOAUTH2},
	    {IMAP_AUTH_OAUTH, BOTH, "t", "", "outlook.com", IMAP_AUTH_XOAUTH2},
	    {IMAP_AUTH_OAUTH, BOTH, "t", "", "notgmail.com",
		IMAP_AUTH_OAUTHBEARER},
	    {IMAP_AUTH_OAUTH, "AUTH=OAUTHBEARER", "t", "", "imap.gmail.com",
		IMAP_AUTH_OAUTHBEARER},
	    {IMAP_AUTH_OAUTHBEARER, BOTH, "t", "", "imap.gmail.com",
		IMAP_AUTH_OAUTHBEARER},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_auth, chooses)
{
	struct secret password = {0};
	struct imap_caps caps;
	const struct imap_conn_settings set = {.auth = row->asked,
	    .host = row->host,
	    .user = "anna",
	    .as = row->as[0] ? row->as : NULL,
	    .password = &password};

	secret_set(&password, row->password, strlen(row->password));
	imap_caps_reset(&caps);
	imap_caps_parse(&caps, row->caps, strlen(row->caps));
	enum imap_auth chosen = imap_auth_choose(&set, &caps);
	cr_assert_eq(chosen, row->chosen, "%s for '%s': %s",
	    imap_auth_name(row->asked), row->caps, imap_auth_name(chosen));
	secret_release(&password);
}

Test(imap_auth, every_mechanism_has_a_name)
{
	for (unsigned i = 0; i < IMAP_AUTHS; i++)
		cr_assert_not_null(imap_auth_name((enum imap_auth)i));
}

Test(imap_auth, netease_wants_to_know_us)
{
	cr_assert(imap_session_wants_id("imap.163.com"));
	cr_assert(imap_session_wants_id("IMAP.126.COM"));
	cr_assert(imap_session_wants_id("yeah.net"));
	cr_assert_not(imap_session_wants_id("imap.163.com.example.org"));
	cr_assert_not(imap_session_wants_id(""));
}
