// SPDX-License-Identifier: MIT
#include "engine/sync/sync_flags.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

static void add(struct sync_flags *flags, uint32_t uid, const char *list)
{
	char *copy = mem_strdup(list);

	sync_flags_add(flags, uid, (struct imap_str){copy, strlen(copy)});
	free(copy);
}

struct set_row {
	char list[120], set[120];
};

/* F092: one order, each once, nothing that a client may not send. */
ParameterizedTestParameters(sync_flags, makes_one_set_of_equal_lists)
{
	static struct set_row rows[] = {
	    {"", ""},
	    {"\\Seen", "\\Seen"},
	    {"\\Seen \\Answered", "\\Answered \\Seen"},
	    {"b a \\Seen", "\\Seen a b"},
	    {"  a   b ", "a b"},
	    {"a A a", "a"},
	    {"\\Seen \\Recent", "\\Seen"},
	    {"\\Deleted x", "\\Deleted x"},
	    {"\\* x", "x"},
	    {"a%b a*b a\\b ok", "ok"},
	    {"\"quoted\" (list of) x", "x"},
	    {"\xc3\xa4 x", "x"},
	    {"\\", ""},
	    {"x \\", "x"},
	    {"$Forwarded $forwarded", "$Forwarded"},
	};

	return cr_make_param_array(struct set_row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct set_row *row, sync_flags, makes_one_set_of_equal_lists)
{
	struct sync_flags *flags = sync_flags_new();

	add(flags, 5, row->list);
	sync_flags_finish(flags);
	cr_assert_str_eq(sync_flags_of(flags, 5), row->set);
	cr_assert_null(sync_flags_of(flags, 4));
	sync_flags_free(flags);
}

/* F092: part of the flags would be another set, and a change at every run. */
Test(sync_flags, too_many_are_not_told)
{
	struct sync_flags *flags = sync_flags_new();
	char many[8000] = "";
	size_t used = 0;

	for (int i = 0; i < 257; i++)
		used += (size_t)snprintf(
		    many + used, sizeof(many) - used, "k%d ", i);
	add(flags, 5, many);
	add(flags, 6, "k1");
	sync_flags_finish(flags);
	cr_assert_null(sync_flags_of(flags, 5));
	cr_assert_str_eq(sync_flags_of(flags, 6), "k1");
	sync_flags_free(flags);
}

struct wanted_row {
	char kept[60]; /* "-": never told */
	bool any_keyword;
	char set[60], wanted[60];
};

/* F078: what the mailbox does not keep is not asked for. */
ParameterizedTestParameters(sync_flags, wants_what_is_kept)
{
	static struct wanted_row rows[] = {
	    {"-", false, "\\Seen a", "\\Seen a"},
	    {" \\Seen ", false, "\\Flagged \\Seen a", "\\Seen"},
	    {" \\Seen a ", false, "\\Seen A b", "\\Seen A"},
	    {" \\Seen ", true, "\\Flagged a b", "a b"},
	    {" ", false, "\\Seen a", ""},
	    {"-", true, "\\Deleted \\Seen", "\\Seen"},
	    {" \\Deleted \\Seen ", true, "\\Deleted", ""},
	    {" \\Seenx ", false, "\\Seen", ""},
	};

	return cr_make_param_array(struct wanted_row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct wanted_row *row, sync_flags, wants_what_is_kept)
{
	struct sync_flags *target = sync_flags_new();

	if (strcmp(row->kept, "-") != 0)
		sync_flags_set_kept(target, row->kept, row->any_keyword);
	char *wanted = sync_flags_wanted(target, row->set);
	cr_assert_str_eq(wanted, row->wanted);
	free(wanted);
	sync_flags_free(target);
}

Test(sync_flags, the_last_word_of_a_uid_in_any_order)
{
	struct sync_flags *flags = sync_flags_new();

	add(flags, 9, "a");
	add(flags, 3, "b");
	add(flags, 7, "");
	sync_flags_finish(flags);
	cr_assert_str_eq(sync_flags_of(flags, 3), "b");
	cr_assert_str_eq(sync_flags_of(flags, 7), "");
	cr_assert_str_eq(sync_flags_of(flags, 9), "a");
	sync_flags_free(flags);
}

/* Many sets: the table grows; too many: nothing can be relied on. */
Test(sync_flags, many_sets_are_found_again_and_too_many_are_told)
{
	struct sync_flags *flags = sync_flags_new();
	char text[40];

	for (uint32_t i = 1; i <= 5000; i++) {
		(void)snprintf(text, sizeof(text), "k%u \\Seen", i);
		add(flags, i, text);
	}
	sync_flags_finish(flags);
	cr_assert_not(sync_flags_is_lost(flags));
	for (uint32_t i = 1; i <= 5000; i += 7) {
		(void)snprintf(text, sizeof(text), "\\Seen k%u", i);
		cr_assert_str_eq(sync_flags_of(flags, i), text);
	}
	for (uint32_t i = 1; i <= 120000; i++) {
		(void)snprintf(text, sizeof(text), "m%u", i);
		add(flags, i, text);
	}
	cr_assert(sync_flags_is_lost(flags));
	sync_flags_free(flags);
}
