// SPDX-License-Identifier: MIT
#include "engine/verify/verify_flags.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

static struct imap_str str(const char *text)
{
	static char copy[8192];
	size_t len = strlen(text);

	cr_assert_lt(len, sizeof(copy));
	memcpy(copy, text, len + 1);
	return (struct imap_str){copy, len};
}

static uint16_t number(struct verify_flags *f, const char *text)
{
	bool deleted = false;

	return verify_flags_number(f, str(text), &deleted);
}

Test(verify_flags, a_set_has_one_number)
{
	struct verify_flags f;
	bool deleted = false;

	verify_flags_init(&f);
	cr_assert_eq(number(&f, ""), VERIFY_FLAGS_NONE);
	cr_assert_eq(number(&f, "\\Recent"), VERIFY_FLAGS_NONE);
	uint16_t n = number(&f, "\\Seen $Forwarded work");
	cr_assert_neq(n, VERIFY_FLAGS_NONE);
	cr_assert_eq(number(&f, "Work \\RECENT \\seen $forwarded \\Seen"), n);
	cr_assert_neq(number(&f, "\\Seen"), n);
	cr_assert_str_eq(verify_flags_text(&f, n), "$forwarded \\seen work");
	(void)verify_flags_number(&f, str("a \\deleted"), &deleted);
	cr_assert(deleted);
	(void)verify_flags_number(&f, str("a deleted"), &deleted);
	cr_assert(!deleted);
	verify_flags_release(&f);
}

Test(verify_flags, is_bounded)
{
	struct verify_flags f;
	char text[64];
	uint16_t last = 0;

	verify_flags_init(&f);
	for (int i = 0; i < 70000; i++) {
		(void)snprintf(text, sizeof(text), "flag%d", i);
		last = number(&f, text);
		if (i < 1000)
			cr_assert_eq(last, (uint16_t)(i + 1));
	}
	cr_assert_eq(last, VERIFY_FLAGS_LOST);
	cr_assert_eq(number(&f, "flag999"), 1000); // still known
	cr_assert_str_eq(verify_flags_text(&f, last), "(too many)");
	verify_flags_release(&f);
}

Test(verify_flags, what_a_copy_makes_of_a_set)
{
	static const struct {
		const char *set, *kept, *copied;
		bool dropped;
	} rows[] = {
	    {"\\Seen work", NULL, "\\seen work", false},
	    {"\\Seen work", "()", "\\seen work", false}, // says nothing
	    {"\\Seen work", "(\\Seen \\*)", "\\seen work", false},
	    {"\\Seen work", "(\\Seen \\Deleted)", "\\seen", true},
	    {"\\Seen \\Draft", "(\\Seen \\*)", "\\seen", true},
	    {"\\Seen \\Deleted", NULL, "\\seen", false},
	    {"\\Seen \\Important", NULL, "\\seen", true},
	    {"a]b", NULL, "", true}, // no atom
	    {"", "(\\Seen)", "", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct verify_flags from, to;
		bool dropped = !rows[i].dropped;
		verify_flags_init(&from);
		verify_flags_init(&to);
		if (rows[i].kept)
			verify_flags_set_kept(&to, str(rows[i].kept));
		uint16_t n = verify_flags_copied(
		    &from, number(&from, rows[i].set), &to, &dropped);
		cr_assert_str_eq(
		    verify_flags_text(&to, n), rows[i].copied, "row %zu", i);
		cr_assert_eq(dropped, rows[i].dropped, "row %zu", i);
		verify_flags_release(&from);
		verify_flags_release(&to);
	}
}
