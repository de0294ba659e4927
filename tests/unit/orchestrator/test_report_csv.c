// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "orchestrator/report_out.h"

struct row {
	char text[24], csv[32], html[64], json[64];
};

/* F207, F208: names of strangers */
static struct row rows[] = {
    {"", "", "", "\"\""},
    {"a b", "\"a b\"", "a b", "\"a b\""},
    {"=1+1", "\"'=1+1\"", "=1+1", "\"=1+1\""},
    {"+x", "\"'+x\"", "+x", "\"+x\""},
    {"-x", "\"'-x\"", "-x", "\"-x\""},
    {"@x", "\"'@x\"", "@x", "\"@x\""},
    {"\tx", "\"'\tx\"", "\\x09x", "\"\\\\x09x\""},
    {"\r=x", "\"'\r=x\"", "\\x0D=x", "\"\\\\x0D=x\""},
    /* the wide sign, which some programs read as the other */
    {"\xef\xbc\x9dx", "\"'\xef\xbc\x9dx\"", "\xef\xbc\x9dx",
	"\"\xef\xbc\x9dx\""},
    {"a,\"b\"\n", "\"a,\"\"b\"\"\n\"", "a,&quot;b&quot;\\x0A",
	"\"a,\\\"b\\\"\\\\x0A\""},
    {"<b>&'", "\"<b>&'\"", "&lt;b&gt;&amp;&#39;",
	"\"\\u003cb\\u003e\\u0026'\""},
    {"a\\b", "\"a\\b\"", "a\\b", "\"a\\\\b\""},
    /* turns the order of what follows around */
    {"a\xe2\x80\xaez", "\"a\xe2\x80\xaez\"", "a\\xE2\\x80\\xAEz",
	"\"a\\\\xE2\\\\x80\\\\xAEz\""},
    {"\xc2\x9bz", "\"\xc2\x9bz\"", "\\xC2\\x9Bz", "\"\\\\xC2\\\\x9Bz\""},
    {"\xc3\xa4", "\"\xc3\xa4\"", "\xc3\xa4", "\"\xc3\xa4\""},
    /* one more apostrophe, so that it can be taken off again */
    {"'=1", "\"''=1\"", "&#39;=1", "\"'=1\""},
    {"'x", "\"'x\"", "&#39;x", "\"'x\""},
    {"007", "\"007\"", "007", "\"007\""},
};

ParameterizedTestParameters(report_csv, words_stay_text)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

static void check(void (*put)(FILE *out, const char *text), const char *text,
    const char *expected)
{
	char *made = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&made, &len);

	put(out, text);
	(void)fclose(out);
	cr_assert_str_eq(made, expected);
	free(made);
}

ParameterizedTest(struct row *r, report_csv, words_stay_text)
{
	check(report_out_csv, r->text, r->csv);
	check(report_out_html, r->text, r->html);
	check(report_out_json, r->text, r->json);
}
