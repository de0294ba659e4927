// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_reply.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"

enum {
	INPUT_BYTES = 80,
	LINE_MAX_BYTES = 40
};

struct row {
	char input[INPUT_BYTES];
	size_t len;
	char trace[INPUT_BYTES]; /* "code:text|" each, "!reason" of an error */
};

#define BYTES(s) s, sizeof(s) - 1

/* One piece; false after an error. */
static bool feed(
    struct cgp_reply *r, const char *bytes, size_t len, struct buf *out)
{
	char *copy = mem_alloc(len ? len : 1);
	const char *at = copy;
	struct error err = {0};
	int rc = 1;

	memcpy(copy, bytes, len);
	while (rc > 0) {
		rc = cgp_reply_feed(r, &at, &len, &err);
		if (rc > 0)
			cr_assert_eq(
			    buf_printf(out, "%u:%s|", r->code, r->text), 0);
		if (rc > 0)
			cr_assert_eq(strlen(r->text), r->len);
		if (rc < 0)
			cr_assert_eq(buf_printf(out, "!%s", err.reason), 0);
	}
	if (rc == 0)
		cr_assert_eq(len, 0);
	free(copy);
	return rc == 0;
}

static void expect(const struct row *row, size_t first, size_t step)
{
	struct cgp_reply r;
	struct buf out;

	cgp_reply_init(&r, LINE_MAX_BYTES);
	buf_init(&out, 1000);
	for (size_t at = 0; at < row->len;) {
		size_t n = at == 0 ? first : step;
		if (n > row->len - at)
			n = row->len - at;
		if (!feed(&r, row->input + at, n, &out))
			break;
		at += n;
		if (n == 0)
			first = step;
	}
	cr_assert_str_eq(
	    out.data, row->trace, "'%s' by %zu", row->input, first);
	buf_release(&out);
	cgp_reply_release(&r);
}

ParameterizedTestParameters(cgp_reply, reads_lines_however_they_are_split)
{
	static struct row rows[] = {
	    {BYTES("200 OK\r\n"), "200:OK|"},
	    {BYTES("200 OK\n"), "200:OK|"},
	    {BYTES("200\r\n"), "200:|"},
	    {BYTES("200 \r\n"), "200:|"},
	    {BYTES("200  two\r\n"), "200: two|"},
	    {BYTES("200 a\r\n300 b\r\n501 c\r\n"), "200:a|300:b|501:c|"},
	    {BYTES("201 {a={Class=\"x\";};}\r\n"), "201:{a={Class=\"x\";};}|"},
	    {BYTES("200 a\rb\r\n"), "200:a\rb|"},
	    {BYTES("200 caf\xc3\xa9\xff\r\n"), "200:caf\xc3\xa9\xff|"},
	    {BYTES("200 not the end"), ""},
	    {BYTES("200 a\r\n20"), "200:a|"},
	    /* of another protocol, or of none */
	    {BYTES("\r\n"), "!cli.syntax"},
	    {BYTES("\n"), "!cli.syntax"},
	    {BYTES("20\r\n"), "!cli.syntax"},
	    {BYTES("2000 x\r\n"), "!cli.syntax"},
	    {BYTES("200-x\r\n"), "!cli.syntax"},
	    {BYTES("x00 y\r\n"), "!cli.syntax"},
	    {BYTES(" 200 y\r\n"), "!cli.syntax"},
	    {BYTES("* OK IMAP4rev1\r\n"), "!cli.syntax"},
	    {BYTES("200 a\0b\r\n"), "!cli.syntax"},
	    {BYTES("200 a\r\nx\r\n"), "200:a|!cli.syntax"},
	    /* the limit: 40 bytes without the LF */
	    {BYTES("200 5678901234567890123456789012345678\r\n"),
		"200:5678901234567890123456789012345678|"},
	    {BYTES("200 56789012345678901234567890123456789\r\n"),
		"200:56789012345678901234567890123456789|"},
	    {BYTES("200 567890123456789012345678901234567890\r\n"),
		"!cli.limit"},
	    {BYTES("200 56789012345678901234567890123456789012"), "!cli.limit"},
	};
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(
    struct row *row, cgp_reply, reads_lines_however_they_are_split)
{
	for (size_t at = 0; at <= row->len; at++)
		expect(row, at, INPUT_BYTES);
	for (size_t step = 1; step < 5; step++)
		expect(row, step, step);
}

Test(cgp_reply, has_a_limit_that_can_grow)
{
	struct cgp_reply r;
	struct error err;
	const char *at = "201 0123456789\r\n";
	size_t len = strlen(at);

	cgp_reply_init(&r, 8);
	cgp_reply_limit(&r, 100);
	cr_assert_eq(cgp_reply_feed(&r, &at, &len, &err), 1);
	cr_assert_str_eq(r.text, "0123456789");
	cgp_reply_release(&r);
}
