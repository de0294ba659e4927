// SPDX-License-Identifier: MIT
#include "engine/imap/imap_acl.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_reader.h"
#include "tests/unit/support/imap_answer.h"

enum {
	INPUT_BYTES = 200,
	TOLD_BYTES = 160
};

struct row {
	char input[INPUT_BYTES]; /* behind "* ACL " */
	char told[TOLD_BYTES];   /* "mailbox id=rights ...", "!": unreadable */
};

static void tell(struct imap_cursor rest, struct buf *out)
{
	char rights[IMAP_ACL_RIGHTS_BYTES];
	struct imap_acl_entry e;
	struct imap_acl acl;
	int rc = 0;

	if (!imap_acl_begin(rest, &acl)) {
		cr_assert_eq(buf_puts(out, "!"), 0);
		return;
	}
	rc = buf_printf(out, "%.*s", (int)acl.mailbox.len, acl.mailbox.s);
	cr_assert_eq(rc, 0);
	while ((rc = imap_acl_next(&acl, &e)) > 0)
		cr_assert_eq(buf_printf(out, " %.*s=%s", (int)e.id.len, e.id.s,
				 imap_acl_format(e.rights, rights)),
		    0);
	if (rc < 0)
		cr_assert_eq(buf_puts(out, " !"), 0);
}

static struct row answers[] = {
    {"INBOX anna lrswipkxtecdan", "INBOX anna=lrswipkxtecdan"},
    /* Courier quotes all of it */
    {"\"a b\" \"owner\" \"acdilrsw\"", "a b owner=lrswicda"},
    {"x $grp lr bob ilrws -bob i", "x $grp=lr bob=lrswi -bob=i"},
    {"x \"quoted \\\"id\\\"\" \"\"", "x quoted \"id\"="},
    {"x {3}\r\na b l", "x a b=l"},
    {"x", "x"},
    {"x ", "x"},
    {"x anyone", "x !"},
    {"x bob lr carl", "x bob=lr !"},
    {"x (bob) lr", "x !"},
    {"", "!"},
    {"(x) bob lr", "!"},
    /* digits are rights of old servers; what is no letter is passed over */
    {"x bob l0r9R", "x bob=lr09"},
};

ParameterizedTestParameters(imap_acl, reads_answers)
{
	return cr_make_param_array(struct row, answers, ARRAY_LEN(answers));
}

ParameterizedTest(struct row *row, imap_acl, reads_answers)
{
	struct imap_response parsed;
	char *copy = imap_answer_parse("ACL", row->input, &parsed);
	struct buf out;

	buf_init(&out, 1000);
	tell(parsed.rest, &out);
	cr_assert_str_eq(out.data, row->told);
	buf_release(&out);
	free(copy);
}

struct translation {
	char from[20];
	char announced[20]; /* "": RFC 2086 */
	char to[20];
};

static struct translation translations[] = {
    {"lrswipkxtea", "texk", "lrswipkxtea"},
    /* c and d beside their parts are only shown for old clients */
    {"lrswipkxtecda", "texk", "lrswipkxtea"},
    {"lrkc", "texk", "lrk"},
    {"lrtd", "texk", "lrt"},
    {"lrtc", "texk", "lrt"},
    /* of an old server: what each letter stood for */
    {"lrc", "texk", "lrkx"},
    {"lrd", "texk", "lrte"},
    {"lrswipcda", "texk", "lrswipkxtea"},
    /* letters of one server only */
    {"lrn", "texk", "lr"},
    {"lrn", "kxten", "lrn"},
    {"lr0b", "texkb", "lrb"},
    {"lrcd", "texkcd", "lrkxte"},
    /* to an old server */
    {"lrk", "", "lrc"},
    {"lrx", "", "lrc"},
    {"lrt", "", "lrd"},
    {"lre", "", "lrd"},
    {"lrswipkxtecdan09", "", "lrswipcda"},
    {"lrcd", "", "lrcd"},
    {"n", "", ""},
    {"", "texk", ""},
};

ParameterizedTestParameters(imap_acl, translates_rights)
{
	return cr_make_param_array(
	    struct translation, translations, ARRAY_LEN(translations));
}

ParameterizedTest(struct translation *t, imap_acl, translates_rights)
{
	uint64_t announced =
	    imap_acl_rights(t->announced, strlen(t->announced));
	uint64_t to = imap_acl_translate(
	    imap_acl_rights(t->from, strlen(t->from)), announced);
	char shown[IMAP_ACL_RIGHTS_BYTES];

	cr_assert_str_eq(imap_acl_format(to, shown), t->to);
	cr_assert_eq(imap_acl_translate(to, announced), to, "twice is once");
}

Test(imap_acl, formats_every_letter)
{
	char shown[IMAP_ACL_RIGHTS_BYTES];

	(void)imap_acl_format(UINT64_MAX, shown);
	cr_assert_eq(strlen(shown), 36);
	cr_assert_eq(imap_acl_rights(shown, 36), (UINT64_C(1) << 36) - 1);
}
