// SPDX-License-Identifier: MIT
#include "engine/contract/verify_tally.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/contract/record.h"

Test(verify_tally, what_counts_as_a_difference)
{
	for (int i = 0; i < VERIFY_COUNTS; i++) {
		struct verify_tally t = {{0}};
		t.n[i] = 3;
		bool always =
		    i >= VERIFY_COUNT_MISSING && i < VERIFY_COUNT_EXTRA;
		bool mirror =
		    i == VERIFY_COUNT_EXTRA || i == VERIFY_COUNT_FOLDERS_EXTRA;
		cr_assert_eq(verify_tally_differences(&t, false),
		    always ? 3u : 0u, "%s",
		    verify_tally_name((enum verify_count)i));
		cr_assert_eq(verify_tally_differences(&t, true),
		    always || mirror ? 3u : 0u, "%s",
		    verify_tally_name((enum verify_count)i));
	}
}

Test(verify_tally, is_told_in_words)
{
	struct verify_tally t = {{0}};
	char text[640], little[20];

	verify_tally_format(&t, text, sizeof(text));
	cr_assert_str_eq(text, "source 0, target 0, equal 0");
	t.n[VERIFY_COUNT_SOURCE] = 5;
	t.n[VERIFY_COUNT_MISSING] = 2;
	t.n[VERIFY_COUNT_LINE_END_ADDED] = 1;
	t.n[VERIFY_COUNT_NAMES] = 1;
	verify_tally_format(&t, text, sizeof(text));
	cr_assert_str_eq(text,
	    "source 5, target 0, equal 0, missing 2; allowed: line end added 1, names 1");
	verify_tally_format(&t, little, sizeof(little));
	cr_assert_lt(strlen(little), sizeof(little));
}

Test(verify_tally, goes_through_a_record)
{
	char name[] = "INBOX";
	struct record r = {.event = RECORD_VERIFY, .mailbox = name}, back;
	struct error err;
	size_t len = 0;

	for (int i = 0; i < VERIFY_COUNTS; i++)
		r.verify.n[i] = (uint64_t)i * 1000000007u;
	char *line = record_encode(&r, &len);
	cr_assert_not_null(line);
	cr_assert_lt(len, (size_t)RECORD_LINE_MAX);
	cr_assert_eq(record_decode(line, len, &back, &err), 0);
	cr_assert(back.has_verify);
	cr_assert(memcmp(&back.verify, &r.verify, sizeof(r.verify)) == 0);
	record_release(&back);
	free(line);
}

Test(verify_tally, a_record_without_it_is_refused)
{
	static const char *const lines[] = {
	    "{\"v\":1,\"ev\":\"verify\"}",
	    "{\"v\":1,\"ev\":\"verify\",\"verify\":3}",
	    "{\"v\":1,\"ev\":\"verify\",\"verify\":{\"missing\":-1}}",
	    "{\"v\":1,\"ev\":\"end\",\"exit\":0,\"tally\":{},\"verify\":[]}",
	};
	struct record r;
	struct error err;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_eq(
		    record_decode(lines[i], strlen(lines[i]), &r, &err), -1,
		    "%s", lines[i]);
}
