// SPDX-License-Identifier: MIT
#include "engine/imap/imap_metadata.h"

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
	char input[INPUT_BYTES]; /* behind "* METADATA " */
	char told[TOLD_BYTES];   /* "mailbox name=value ...", "!": unreadable */
};

static void tell(struct imap_cursor rest, struct buf *out)
{
	struct imap_metadata_entry e;
	struct imap_metadata m;
	int rc = 0;

	if (!imap_metadata_begin(rest, &m)) {
		cr_assert_eq(buf_puts(out, "!"), 0);
		return;
	}
	rc = buf_printf(out, "%.*s", (int)m.mailbox.len, m.mailbox.s);
	cr_assert_eq(rc, 0);
	while ((rc = imap_metadata_next(&m, &e)) > 0)
		cr_assert_eq(buf_printf(out, " %.*s=%.*s", (int)e.name.len,
				 e.name.s, (int)(e.value.s ? e.value.len : 3),
				 e.value.s ? e.value.s : "NIL"),
		    0);
	if (rc < 0)
		cr_assert_eq(buf_puts(out, " !"), 0);
}

static struct row answers[] = {
    /* Dovecot: bare names, literals */
    {"\"x y\" (/private/a {1}\r\nb /shared/comment {5}\r\nha\r\nl)",
	"x y /private/a=b /shared/comment=ha\r\nl"},
    /* Cyrus: quoted names, NIL for what is not there */
    {"x (\"/shared/comment\" \"du\" \"/private\" NIL)",
	"x /shared/comment=du /private=NIL"},
    {"x (/a \"\")", "x /a="},
    {"x (/a ~{2}\r\nhi)", "x /a=hi"},
    {"x ()", "x"},
    {"x (/a)", "x !"},
    {"x (/a \"b\"", "x /a=b !"},
    {"x (/a (b))", "x !"},
    /* that something changed, without a value: not asked for */
    {"x /shared/comment", "!"},
    {"x", "!"},
    {"", "!"},
};

ParameterizedTestParameters(imap_metadata, reads_answers)
{
	return cr_make_param_array(struct row, answers, ARRAY_LEN(answers));
}

ParameterizedTest(struct row *row, imap_metadata, reads_answers)
{
	struct imap_response parsed;
	char *copy = imap_answer_parse("METADATA", row->input, &parsed);
	struct buf out;

	buf_init(&out, 1000);
	tell(parsed.rest, &out);
	cr_assert_str_eq(out.data, row->told);
	buf_release(&out);
	free(copy);
}

struct name {
	char name[60];
	bool is_internal;
};

static struct name names[] = {
    {"/private/specialuse", true},
    {"/shared/SpecialUse", true},
    {"/shared/vendor/cmu/cyrus-imapd/size", true},
    {"/private/vendor/CMU/cyrus-imapd/squat", true},
    {"/private/vendor/vendor.dovecot/pvt/x", true},
    {"/private/specialuse2", false},
    {"/private/comment", false},
    {"/shared/vendor/cmu/other", false},
    {"", false},
};

ParameterizedTestParameters(imap_metadata, knows_entries_of_servers)
{
	return cr_make_param_array(struct name, names, ARRAY_LEN(names));
}

ParameterizedTest(struct name *row, imap_metadata, knows_entries_of_servers)
{
	struct imap_str name = {row->name, strlen(row->name)};

	cr_assert_eq(imap_metadata_is_internal(name), row->is_internal);
}
