// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_classes.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

enum {
	DATA_BYTES = 160,
	LIST_BYTES = 120
};

struct row {
	char data[DATA_BYTES];
	char list[LIST_BYTES]; /* "name=class|" each, sorted; "!": refused */
};

static void expect(const char *data, const char *list)
{
	struct cgp_classes classes;
	struct error err = {0};
	struct buf out;
	char *copy = mem_strdup(data);

	buf_init(&out, 10000);
	cgp_classes_init(&classes);
	if (cgp_classes_parse(&classes, copy, strlen(data), &err) < 0) {
		cr_assert_eq(err.kind, ERROR_PROTOCOL);
		cr_assert_str_eq(err.reason, "cli.data");
		cr_assert_eq(classes.count, 0);
		cr_assert_eq(buf_puts(&out, "!"), 0);
	}
	for (size_t i = 0; i < classes.count; i++)
		cr_assert_eq(buf_printf(&out, "%s=%s|", classes.list[i].mailbox,
				 classes.list[i].name),
		    0);
	cr_assert_str_eq(out.data, list, "'%s': '%s'", data, out.data);
	buf_release(&out);
	cgp_classes_release(&classes);
	free(copy);
}

ParameterizedTestParameters(cgp_classes, reads_lists_of_mailboxes)
{
	static struct row rows[] = {
	    {"{}", ""},
	    {"()", ""},
	    {"({})", ""},
	    {"{INBOX={};}", "INBOX=|"},
	    {"{Calendar={Class=IPF.Appointment;Messages=#3;};INBOX={Class=\"\";"
	     "};}",
		"Calendar=IPF.Appointment|INBOX=|"},
	    {"{b={Class=\"IPF.Task\";};a={Size=1;};}", "a=|b=IPF.Task|"},
	    /* the array with the list in front */
	    {"({a={Class=x;};},more,{b={Class=y;};})", "a=x|"},
	    /* a mailbox that is a folder too; a folder; one that is hidden */
	    {"{a=({Class=x;},y);b=();c=(z,{Class=no;});d=word;e=({Class=f;});}",
		"a=x|b=|c=|d=|e=f|"},
	    /* the word at another place */
	    {"{a={Info={Class=no;};class=no;Class={x=no;};};}", "a=|"},
	    {"{a={Class=one;Class=two;};}", "a=two|"},
	    {"{Class={Class=x;};}", "Class=x|"},
	    {"{\"a/b c\\\\\"={Class=\"IPF.Sticky\\\"Note\";};}",
		"a/b c\\=IPF.Sticky\"Note|"},
	    {"{\"&AMk-\"={Class=x;};\"\xc3\x89\"={Class=y;};}",
		"&AMk-=x|\xc3\x89=y|"},
	    /* no list */
	    {"", "!"},
	    {"OK", "!"},
	    {"(a,{b={};})", "!"},
	    {"{a={Class=x;};", "!"},
	    {"{a={Class=x};}", "!"},
	    {"{a=({Class=x;};}", "!"},
	    {"{a={};}{", "!"},
	    {"({a={};}", "!"},
	    {"({a={};},", "!"},
	};
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, cgp_classes, reads_lists_of_mailboxes)
{
	expect(row->data, row->list);
}

Test(cgp_classes, finds_mailboxes)
{
	char data[] = "{INBOX={};inbox2={Class=b;};A={Class=a;};}";
	struct cgp_classes c;
	struct error err;

	cgp_classes_init(&c);
	cr_assert_null(cgp_classes_find(&c, "A"));
	cr_assert_eq(cgp_classes_parse(&c, data, strlen(data), &err), 0);
	cr_assert_str_eq(cgp_classes_find(&c, "A")->name, "a");
	cr_assert_str_eq(cgp_classes_find(&c, "inbox2")->name, "b");
	cr_assert_null(cgp_classes_find(&c, "a"));
	cr_assert_null(cgp_classes_find(&c, ""));
	cr_assert_str_eq(cgp_classes_find(&c, "InBox")->mailbox, "INBOX");
	cgp_classes_release(&c);
	cgp_classes_release(&c);
}

Test(cgp_classes, ends_a_list_that_does_not_end)
{
	struct cgp_classes c;
	struct error err;
	struct buf b;

	buf_init(&b, 1 << 24);
	cr_assert_eq(buf_puts(&b, "{"), 0);
	for (int i = 0; i <= CGP_CLASSES_MAX; i++)
		cr_assert_eq(buf_printf(&b, "m%d={};", i), 0);
	cr_assert_eq(buf_puts(&b, "}"), 0);
	cgp_classes_init(&c);
	cr_assert_eq(cgp_classes_parse(&c, b.data, b.len, &err), -1);
	cr_assert_eq(c.count, 0);
	buf_release(&b);
}
