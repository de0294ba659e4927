// SPDX-License-Identifier: MIT
#include "engine/imap/imap_caps.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"

#define NO_LIMIT UINT64_MAX
#define NONE IMAP_CAPS

enum {
	TEXT_BYTES = 80
};

struct row {
	char list[TEXT_BYTES];
	size_t len;
	unsigned caps[4]; /* exactly these; NONE ends them */
	uint64_t limit;
};

#define BYTES(s) s, sizeof(s) - 1

ParameterizedTestParameters(imap_caps, reads_lists)
{
	static struct row rows[] = {
	    {BYTES(""), {NONE}, NO_LIMIT},
	    {BYTES("   "), {NONE}, NO_LIMIT},
	    {BYTES("IMAP4rev1"), {IMAP_CAP_IMAP4REV1, NONE}, NO_LIMIT},
	    {BYTES("IMAP4REV1"), {IMAP_CAP_IMAP4REV1, NONE}, NO_LIMIT},
	    {BYTES("imap4rev1 imap4rev2"),
		{IMAP_CAP_IMAP4REV1, IMAP_CAP_IMAP4REV2, NONE}, NO_LIMIT},
	    {BYTES("  ID   Acl "), {IMAP_CAP_ID, IMAP_CAP_ACL, NONE}, NO_LIMIT},
	    {BYTES("ID ID ID"), {IMAP_CAP_ID, NONE}, NO_LIMIT},
	    {BYTES("LITERAL+"), {IMAP_CAP_LITERAL_PLUS, NONE}, NO_LIMIT},
	    {BYTES("LITERAL-"), {IMAP_CAP_LITERAL_MINUS, NONE}, NO_LIMIT},
	    {BYTES("auth=plain compress=deflate status=size"),
		{IMAP_CAP_AUTH_PLAIN, IMAP_CAP_COMPRESS_DEFLATE,
		    IMAP_CAP_STATUS_SIZE, NONE},
		NO_LIMIT},
	    /* words that only begin or end like ours */
	    {BYTES("LITERAL IDLE X-ID ACL2=UNION LIST ESEARC SEARCH"), {NONE},
		NO_LIMIT},
	    {BYTES("AUTH AUTH= AUTH=PLAINS AUTH=PLAI COMPRESS=LZ4"), {NONE},
		NO_LIMIT},
	    {BYTES("X-QUOTA=STORAGE QUOTA=RES-STORAGE ID=1"), {NONE}, NO_LIMIT},
	    {BYTES("UID PLUS"), {NONE}, NO_LIMIT},
	    /* control bytes that a fold by the bit 0x20 takes for others */
	    {BYTES("LITERAL\x0b LITERAL\x0d UIDPLU\x13"), {NONE}, NO_LIMIT},
	    {BYTES("\xc9\xc4"), {NONE}, NO_LIMIT}, /* "ID" with the 8th bit */
	    {BYTES("ID\0 ACL"), {IMAP_CAP_ACL, NONE}, NO_LIMIT},
	    {BYTES("ID\tACL"), {NONE}, NO_LIMIT},
	    {BYTES("RIGHTS=kxten"), {IMAP_CAP_RIGHTS, NONE}, NO_LIMIT},
	    {BYTES("rights="), {IMAP_CAP_RIGHTS, NONE}, NO_LIMIT},
	    {BYTES("RIGHTS XRIGHTS=k RIGHT=k"), {NONE}, NO_LIMIT},
	    {BYTES("="), {NONE}, NO_LIMIT},
	    {BYTES("=ID =RIGHTS="), {NONE}, NO_LIMIT},
	    /* bare: each mailbox has its own */
	    {BYTES("APPENDLIMIT"), {IMAP_CAP_APPENDLIMIT, NONE}, NO_LIMIT},
	    {BYTES("AppendLimit=35651584"), {IMAP_CAP_APPENDLIMIT, NONE},
		35651584},
	    {BYTES("APPENDLIMIT=4294967295"), {IMAP_CAP_APPENDLIMIT, NONE},
		4294967295},
	    {BYTES("APPENDLIMIT=0"), {IMAP_CAP_APPENDLIMIT, NONE}, 0},
	    {BYTES("APPENDLIMIT=18446744073709551615"),
		{IMAP_CAP_APPENDLIMIT, NONE}, NO_LIMIT},
	    /* twice: the smaller */
	    {BYTES("APPENDLIMIT=9 APPENDLIMIT=7 APPENDLIMIT=8 APPENDLIMIT"),
		{IMAP_CAP_APPENDLIMIT, NONE}, 7},
	    /* no numbers */
	    {BYTES("APPENDLIMIT= APPENDLIMIT=-1 APPENDLIMIT=1k"), {NONE},
		NO_LIMIT},
	    {BYTES("APPENDLIMIT=18446744073709551616 APPENDLIMIT==5"), {NONE},
		NO_LIMIT},
	    {BYTES("APPENDLIMITS=5"), {NONE}, NO_LIMIT},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_caps, reads_lists)
{
	struct imap_caps caps;

	imap_caps_reset(&caps);
	imap_caps_parse(&caps, row->list, row->len);
	cr_assert(caps.known);
	cr_assert_eq(caps.append_limit, row->limit, "%s", row->list);
	for (unsigned i = 0; i < IMAP_CAPS; i++) {
		bool expected = false;
		for (size_t j = 0; row->caps[j] != NONE; j++)
			expected = expected || row->caps[j] == i;
		cr_assert_eq(imap_caps_has(&caps, (enum imap_cap)i), expected,
		    "%s in '%s'", imap_caps_name((enum imap_cap)i), row->list);
	}
}

Test(imap_caps, knows_nothing_after_reset)
{
	struct imap_caps caps;

	memset(&caps, 0xff, sizeof(caps));
	imap_caps_reset(&caps);
	cr_assert_not(caps.known);
	cr_assert_eq(caps.append_limit, NO_LIMIT);
	for (unsigned i = 0; i < IMAP_CAPS; i++)
		cr_assert_not(imap_caps_has(&caps, (enum imap_cap)i));
}

Test(imap_caps, reads_every_name)
{
	struct imap_caps caps;

	imap_caps_reset(&caps);
	for (unsigned i = 0; i < IMAP_CAPS; i++) {
		enum imap_cap cap = (enum imap_cap)i;
		char token[64];
		(void)snprintf(token, sizeof(token), "%s%s",
		    imap_caps_name(cap), cap == IMAP_CAP_RIGHTS ? "=te" : "");
		imap_caps_parse(&caps, token, strlen(token));
		for (unsigned j = 0; j < IMAP_CAPS; j++)
			cr_assert_eq(
			    imap_caps_has(&caps, (enum imap_cap)j), i == j);
	}
}

Test(imap_caps, replaces_the_list_before)
{
	struct imap_caps caps;

	imap_caps_reset(&caps);
	imap_caps_parse(&caps, BYTES("STARTTLS APPENDLIMIT=5"));
	imap_caps_parse(&caps, BYTES("ID"));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_STARTTLS));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_APPENDLIMIT));
	cr_assert(imap_caps_has(&caps, IMAP_CAP_ID));
	cr_assert_eq(caps.append_limit, NO_LIMIT);
}

Test(imap_caps, keeps_what_was_dropped_away)
{
	struct imap_caps caps;

	imap_caps_reset(&caps);
	imap_caps_parse(&caps, BYTES("IMAP4rev1 APPENDLIMIT"));
	imap_caps_drop(&caps, IMAP_CAP_IMAP4REV1);
	imap_caps_drop(&caps, IMAP_CAP_APPENDLIMIT);
	imap_caps_drop(&caps, IMAP_CAP_ID); /* before it is announced */
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_IMAP4REV1));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_APPENDLIMIT));
	/* A list in a later reply does not bring it back... */
	imap_caps_parse(&caps, BYTES("IMAP4rev1 ID ACL"));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_IMAP4REV1));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_ID));
	cr_assert(imap_caps_has(&caps, IMAP_CAP_ACL));
	/* ...a new session does. */
	imap_caps_reset(&caps);
	imap_caps_parse(&caps, BYTES("IMAP4rev1 ID"));
	cr_assert(imap_caps_has(&caps, IMAP_CAP_IMAP4REV1));
	cr_assert(imap_caps_has(&caps, IMAP_CAP_ID));
}

Test(imap_caps, passes_over_thousands_of_unknown_words)
{
	struct imap_caps caps;
	struct buf list;

	buf_init(&list, 1000000);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(buf_printf(&list, "X-WORD=%d ", i), 0);
	cr_assert_eq(buf_puts(&list, "UIDPLUS"), 0);
	imap_caps_reset(&caps);
	imap_caps_parse(&caps, list.data, list.len);
	cr_assert(imap_caps_has(&caps, IMAP_CAP_UIDPLUS));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_ID));
	buf_release(&list);
}

Test(imap_caps, reads_no_further_than_told)
{
	struct imap_caps caps;

	imap_caps_reset(&caps);
	imap_caps_parse(&caps, "ACL IDLE", 6);
	cr_assert(imap_caps_has(&caps, IMAP_CAP_ID));
	imap_caps_parse(&caps, "APPENDLIMIT=123", 13);
	cr_assert_eq(caps.append_limit, 1);
	imap_caps_parse(&caps, NULL, 0);
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_ACL));
	cr_assert(caps.known);
}

Test(imap_caps, has_no_name_beyond_the_last, .signal = SIGABRT)
{
	(void)imap_caps_name(IMAP_CAPS);
}

/* What servers announce after login, as they wrote it. */
Test(imap_caps, reads_real_servers)
{
	static const char dovecot[] =
	    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT "
	    "SORT=DISPLAY THREAD=REFERENCES MULTIAPPEND URL-PARTIAL CATENATE "
	    "UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 "
	    "CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH "
	    "LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW "
	    "STATUS=SIZE SAVEDATE LITERAL+ NOTIFY METADATA SPECIAL-USE "
	    "COMPRESS=DEFLATE QUOTA ACL RIGHTS=texk";
	static const char courier[] =
	    "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT "
	    "THREAD=REFERENCES SORT QUOTA IDLE AUTH=PLAIN ACL ACL2=UNION "
	    "STARTTLS ENABLE UTF8=ACCEPT";

	static const enum imap_cap lacks[] = {IMAP_CAP_AUTH_CRAM_MD5,
	    IMAP_CAP_AUTH_SCRAM_SHA_1, IMAP_CAP_AUTH_SCRAM_SHA_256,
	    IMAP_CAP_AUTH_XOAUTH2, IMAP_CAP_AUTH_OAUTHBEARER,
	    IMAP_CAP_AUTH_EXTERNAL, IMAP_CAP_IMAP4REV2, IMAP_CAP_STARTTLS,
	    IMAP_CAP_LOGINDISABLED, IMAP_CAP_AUTH_PLAIN, IMAP_CAP_LITERAL_MINUS,
	    IMAP_CAP_CREATE_SPECIAL_USE, IMAP_CAP_APPENDLIMIT};
	struct imap_caps caps;

	imap_caps_reset(&caps);
	imap_caps_parse(&caps, BYTES(dovecot));
	unsigned count = 0;
	for (unsigned i = 0; i < IMAP_CAPS; i++)
		count += imap_caps_has(&caps, (enum imap_cap)i);
	cr_assert_eq(count, IMAP_CAPS - ARRAY_LEN(lacks));
	for (size_t i = 0; i < ARRAY_LEN(lacks); i++)
		cr_assert_not(imap_caps_has(&caps, lacks[i]));
	imap_caps_parse(&caps, BYTES(courier));
	cr_assert(imap_caps_has(&caps, IMAP_CAP_STARTTLS));
	cr_assert(imap_caps_has(&caps, IMAP_CAP_UIDPLUS));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_LITERAL_PLUS));
	cr_assert_not(imap_caps_has(&caps, IMAP_CAP_RIGHTS));
}
