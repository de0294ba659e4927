// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "orchestrator/columns.h"

struct row {
	char text[40];
	size_t width;   /* of all of it */
	size_t columns; /* to be cut to */
	char cut[40];
	size_t used;
};

static struct row rows[] = {
    {"plain", 5, 3, "pla", 3},
    {"", 0, 3, "", 0},
    {"gr\xc3\xbc\xc3\x9f"
     "e",
	5, 4, "gr\xc3\xbc\xc3\x9f", 4},
    /* two columns each: the half of one is none */
    {"\xe6\x97\xa5\xe6\x9c\xac", 4, 3, "\xe6\x97\xa5", 2},
    /* a mark goes with its letter */
    {"e\xcc\x81x", 2, 1, "e\xcc\x81", 1},
    {"\xf0\x9f\x98\x80!", 3, 2, "\xf0\x9f\x98\x80", 2},
    /* no UTF-8: a byte, a column */
    {"\xff\xe6\x97", 3, 2, "\xff\xe6", 2},
};

/* F206 */
ParameterizedTestParameters(columns, cut)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, columns, cut)
{
	char out[40];
	size_t len = strlen(row->text);

	cr_assert_eq(columns_of(row->text, len), row->width);
	cr_assert_eq(
	    columns_cut(row->text, len, row->columns, out, sizeof(out)),
	    row->used);
	cr_assert_str_eq(out, row->cut);
}

Test(columns, cut_keeps_to_its_room)
{
	char out[4];

	cr_assert_eq(
	    columns_cut("\xc3\xbc\xc3\xbc", 4, 9, out, sizeof(out)), 1);
	cr_assert_str_eq(out, "\xc3\xbc");
}
