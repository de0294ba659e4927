// SPDX-License-Identifier: MIT
#include "engine/verify/verify_canon.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	TEXT_MAX = 40 * 1024
};

static struct verify_digest digest_in_pieces(
    enum job_long_lines rule, const char *bytes, size_t len, size_t piece)
{
	struct verify_canon *c = verify_canon_new(rule);
	struct verify_digest out;

	verify_canon_begin(c, true);
	for (size_t at = 0; at < len; at += piece)
		verify_canon_add(
		    c, bytes + at, len - at < piece ? len - at : piece);
	verify_canon_end(c, &out);
	verify_canon_free(c);
	return out;
}

/* "<L>" is 9100 letters, "<9>" 9000, "<H>" 100; "<0>" is a NUL. */
static size_t expand(const char *text, char *out)
{
	size_t len = 0;

	while (*text) {
		if (strncmp(text, "<L>", 3) == 0 ||
		    strncmp(text, "<9>", 3) == 0 ||
		    strncmp(text, "<H>", 3) == 0) {
			size_t n = text[1] == 'L'   ? 9100
				   : text[1] == '9' ? 9000
						    : 100;
			memset(out + len, 'x', n);
			len += n;
			text += 3;
		} else if (strncmp(text, "<0>", 3) == 0) {
			out[len++] = '\0';
			text += 3;
		} else {
			out[len++] = *text++;
		}
	}
	return len;
}

static struct verify_digest digest(enum job_long_lines rule, const char *text)
{
	char *bytes = mem_alloc(TEXT_MAX);
	size_t len = expand(text, bytes);
	struct verify_digest d = digest_in_pieces(rule, bytes, len, len + 1);

	free(bytes);
	return d;
}

static const char *const messages[] = {
    "",
    "\r\n",
    "a: b\r\n\r\ntext\r\n",
    "a: b\r\n\r\ntext",
    "a: b\n\ntext\n",
    "Date: x\r\nMessage-ID: <1@x>\r\n\r\na\rb\r\r\nc\n",
    "message-id:\r\n <2@x>\r\nMESSAGE-ID: <3@x>\r\n\r\n",
    "From a b\r\nSubject: \xc3\xa4\r\n\r\n\xc3\xa4<0>\r\n",
    "Subject: <0>\r\n\r\n<0><0>\r\n",
    "From",
    "a: b\r\n\r\n<L>\r\n<9>\r\n<L>",
    "a: b\r\n\r\n<9>\r",
    "\r\r\n\r\nbody",
    "\n\n\n",
};

/* The same digest, features and identity for any split of the bytes. */
Test(verify_canon, does_not_depend_on_the_split)
{
	static const size_t pieces[] = {1, 2, 3, 5, 7, 4096, 8999, 9001};

	static const enum job_long_lines rules[] = {
	    JOB_LONG_LINES_TRUNCATE, JOB_LONG_LINES_KEEP, JOB_LONG_LINES_WRAP};

	char *bytes = mem_alloc(TEXT_MAX);

	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		for (size_t r = 0; r < ARRAY_LEN(rules); r++) {
			size_t len = expand(messages[i], bytes);
			struct verify_digest whole =
			    digest_in_pieces(rules[r], bytes, len, TEXT_MAX);
			for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
				struct verify_digest d = digest_in_pieces(
				    rules[r], bytes, len, pieces[p]);
				cr_assert(memcmp(&d, &whole, sizeof(d)) == 0,
				    "message %zu, pieces of %zu", i, pieces[p]);
			}
		}
	free(bytes);
}

Test(verify_canon, tells_features)
{
	static const struct {
		const char *text;
		unsigned features;
	} rows[] = {
	    {"a: b\r\n\r\ntext\r\n", 0},
	    {"", VERIFY_FEATURE_NO_LINE_END},
	    {"a: b\r\n\r\ntext", VERIFY_FEATURE_NO_LINE_END},
	    {"a: b\r\n\r\ntext\r",
		VERIFY_FEATURE_NO_LINE_END | VERIFY_FEATURE_LINE_ENDS},
	    {"a: b\n\r\ntext\r\n", VERIFY_FEATURE_LINE_ENDS},
	    {"a: b\r\n\r\nte\rxt\r\n", VERIFY_FEATURE_LINE_ENDS},
	    {"a: b\r\n\r\ntext\r\r\n", VERIFY_FEATURE_LINE_ENDS},
	    {"a: b\r\n\r\n<9>\r\n", 0}, // exactly what is allowed
	    {"a: b\r\n\r\n<9>x\r\n", VERIFY_FEATURE_LONG_LINE},
	    {"a: <L>\r\n\r\n", VERIFY_FEATURE_LONG_LINE},
	    {"a: b\r\n\r\n<L>",
		VERIFY_FEATURE_LONG_LINE | VERIFY_FEATURE_NO_LINE_END},
	    {"a: \xe4\r\n\r\n", VERIFY_FEATURE_EIGHT_BIT},
	    {"a: b\r\n\r\n\xe4\r\n", 0}, // of a body it is nothing special
	    {"a: <0>\r\n\r\n", VERIFY_FEATURE_NUL},
	    {"a: b\r\n\r\n<0>\r\n", VERIFY_FEATURE_NUL},
	    {"From x\r\na: b\r\n\r\n", VERIFY_FEATURE_FROM_LINE},
	    {"From: x\r\n\r\n", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct verify_digest d =
		    digest(JOB_LONG_LINES_TRUNCATE, rows[i].text);
		cr_assert_eq(d.features, rows[i].features, "'%s': %x, not %x",
		    rows[i].text, d.features, rows[i].features);
	}
}

struct change_row {
	const char *source, *target;
	int rule; /* enum job_long_lines */
	bool is_allowed;
	unsigned kinds;
};

static void check_change(const struct change_row *row)
{
	struct verify_digest a =
	    digest((enum job_long_lines)row->rule, row->source);
	struct verify_digest b =
	    digest((enum job_long_lines)row->rule, row->target);
	unsigned kinds = 0;
	bool is_allowed = verify_canon_explain(
	    &a, &b, (enum job_long_lines)row->rule, &kinds);

	cr_assert_eq(is_allowed, row->is_allowed, "'%.20s' and '%.20s'",
	    row->source, row->target);
	if (is_allowed)
		cr_assert_eq(kinds, row->kinds, "'%s': %x", row->source, kinds);
}

Test(verify_canon, explains_changes)
{
	enum {
		CUT = JOB_LONG_LINES_TRUNCATE,
		KEEP = JOB_LONG_LINES_KEEP,
		WRAP = JOB_LONG_LINES_WRAP
	};

	static const struct change_row rows[] = {
	    {"a: b\r\n\r\nx\r\n", "a: b\r\n\r\nx\r\n", CUT, true, 0},
	    {"a: b\r\n\r\nx", "a: b\r\n\r\nx\r\n", CUT, true,
		VERIFY_FEATURE_NO_LINE_END},
	    {"a: b\r\n\r\nx\r\n", "a: b\r\n\r\ny\r\n", CUT, false, 0},
	    {"a: b\r\n\r\nx", "a: b\r\n\r\ny\r\n", CUT, false, 0},
	    {"a: b\r\n\r\nx", "a: b\r\n\r\nx\r\n\r\n", CUT, false, 0},
	    // a line break that went away is no allowed change
	    {"a: b\r\n\r\nx\r\n\r\ny\r\n", "a: b\r\n\r\nx\r\ny\r\n", CUT, false,
		0},
	    {"a: b\r\n\r\n<L>\r\nz\r\n", "a: b\r\n\r\n<9>\r\nz\r\n", CUT, true,
		VERIFY_FEATURE_LONG_LINE},
	    {"a: b\r\n\r\n<L>\r\nz\r\n", "a: b\r\n\r\n<9>\r\ny\r\n", CUT, false,
		0},
	    {"a: b\r\n\r\n<L>\r\nz\r\n", "a: b\r\n\r\n<9>\r\nz\r\n", KEEP,
		false, 0},
	    // cut, but the wrong one
	    {"a: b\r\n\r\n<L>\r\n", "a: b\r\n\r\nxxx\r\n", CUT, false, 0},
	    {"a: b\r\n\r\nx\xe4 <L>\r\n", "a: b\r\n\r\nx\xe4\r\n <L>\r\n", WRAP,
		false, 0}, // still long: nobody wrapped it
	    {"a: b\r\n\r\nx <L>\r\n", "a: b\r\n\r\nx \r\n<9>\r\n<H>\r\n", WRAP,
		true, VERIFY_FEATURE_LONG_LINE},
	    {"a: b\n\nx\n", "a: b\r\n\r\nx\r\n", CUT, true,
		VERIFY_FEATURE_LINE_ENDS},
	    {"a: b\r\n\r\nx\ry\r\n", "a: b\r\n\r\nxy\r\n", CUT, true,
		VERIFY_FEATURE_LINE_ENDS}, // Courier
	    {"a: b\r\n\r\nx\ry\r\n", "a: b\r\n\r\nx\r\ny\r\n", CUT, true,
		VERIFY_FEATURE_LINE_ENDS}, // a repaired one
	    {"a: b\r\n\r\nx\ry\r\n", "a: b\r\n\r\nxz\r\n", CUT, false, 0},
	    {"a: b\r\n\r\nx<0>y\r\n", "a: b\r\n\r\nx\x80y\r\n", CUT, true,
		VERIFY_FEATURE_NUL},
	    {"a: \xc3\xa4\r\n\r\nx\r\n", "a: XX\r\n\r\nx\r\n", CUT, true,
		VERIFY_FEATURE_EIGHT_BIT}, // Cyrus
	    {"a: b\r\n\r\n\xc3\xa4\r\n", "a: b\r\n\r\nXX\r\n", CUT, false, 0},
	    {"From x\r\na: b\r\n\r\nx\r\n", "a: b\r\n\r\nx\r\n", CUT, true,
		VERIFY_FEATURE_FROM_LINE},
	    {"a: b\r\n\r\nx\r\n", "From x\r\na: b\r\n\r\nx\r\n", CUT, false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_change(&rows[i]);
}

Test(verify_canon, identity_is_message_id_and_date)
{
	static const char *const same[] = {
	    "Message-ID: <1@x>\r\nDate: now\r\n\r\nx\r\n",
	    "DATE: now\r\nmessage-id:<1@x>\r\n\r\ny\r\n",
	    "Date:\tn o\r\n w\r\nX: y\r\nMessage-Id:\r\n\t<1@x>\r\n\r\n",
	    "Message-ID: <1@x>\nMessage-ID: <2@x>\nDate: now\n\n",
	};
	static const char *const others[] = {
	    "Message-ID: <2@x>\r\nDate: now\r\n\r\n",
	    "Message-ID: <1@x>\r\nDate: then\r\n\r\n",
	    "Message-ID: <1@x>\r\n\r\nDate: now\r\n",
	    "Date: now\r\n\r\n",
	};
	uint64_t ident = digest(JOB_LONG_LINES_KEEP, same[0]).ident;

	cr_assert_neq(ident, 0);
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		cr_assert_eq(digest(JOB_LONG_LINES_KEEP, same[i]).ident, ident,
		    "%zu", i);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		cr_assert_neq(digest(JOB_LONG_LINES_KEEP, others[i]).ident,
		    ident, "%zu", i);
	cr_assert_eq(digest(JOB_LONG_LINES_KEEP, "\r\n\r\n").ident, 0);
}

/* What has neither is known by its first characters, however it is cut. */
Test(verify_canon, identity_without_message_id_and_date)
{
	static const char *const same[] = {
	    "From x\r\nSubject: x\r\n\r\n<L>\r\n",
	    "Subject: x\r\n\r\n<9>\r\n",
	    "Subject:  x\n\n<L>",
	};

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		cr_assert_eq(digest(JOB_LONG_LINES_KEEP, same[i]).ident,
		    digest(JOB_LONG_LINES_KEEP, same[0]).ident, "%zu", i);
	cr_assert_neq(digest(JOB_LONG_LINES_KEEP, same[0]).ident,
	    digest(JOB_LONG_LINES_KEEP, "Subject: y\r\n\r\n<L>\r\n").ident);
}

Test(verify_canon, a_header_is_the_same_with_and_without_its_end)
{
	struct verify_canon *c = verify_canon_new(JOB_LONG_LINES_KEEP);
	struct verify_digest a, b;

	verify_canon_header(c, "a: b\r\nDate: x\r\n\r\n", 17, &a);
	verify_canon_header(c, "a: b\r\nDate: x", 13, &b);
	cr_assert(memcmp(a.strict, b.strict, sizeof(a.strict)) == 0);
	cr_assert_eq(a.ident, b.ident);
	cr_assert_eq(a.features | b.features, 0);
	verify_canon_free(c);
}
