// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "orchestrator/board.h"
#include "orchestrator/columns.h"
#include "orchestrator/snapshot.h"

static struct snapshot_account accounts[20];

static struct snapshot fill(void)
{
	for (size_t i = 0; i < 20; i++)
		accounts[i] = (struct snapshot_account){
		    .id = "a.long.name@example.org",
		    .mailbox = "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\x1b[2J/x",
		    .state = "running",
		    .copied = 1234567,
		    .expected = 98765432,
		    .bytes = 50,
		    .expected_bytes = 100,
		    .ms = 4000};
	return (struct snapshot){.plan = "example-org-2026",
	    .stage = "run",
	    .total = 412,
	    .done = 131,
	    .rate = 43826012,
	    .eta_seconds = 47100,
	    .eta_by = "bytes",
	    .classes = {{"ok", 126}, {"partial", 5}, {"running", 20},
		{"waiting", 261}},
	    .class_count = 4,
	    .running = 20,
	    .accounts = accounts,
	    .account_count = 20};
}

struct row {
	size_t columns, rows, lines;
};

/* Never more than twelve lines or half the window, never as wide as it. */
static struct row rows[] = {{80, 24, 12}, {80, 100, 12}, {40, 10, 5},
    {40, 3, 1}, {20, 4, 2}, {2, 1, 1}, {1, 1, 1}, {500, 50, 12}, {60, 6, 3},
    {100, 0, 1}};

/* F206 */
ParameterizedTestParameters(board, fits_the_window)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, board, fits_the_window)
{
	struct snapshot s = fill();
	struct board b;

	for (int i = 0; i < 8; i++) {
		const struct board_view view = {
		    row->columns, row->rows, i & 1, i & 2, i & 4};
		board_render(&s, &view, &b);
		cr_assert_eq(b.count, row->lines);
		for (size_t k = 0; k < b.count; k++) {
			cr_assert_lt(b.widths[k], row->columns + 1);
			if (row->columns > 2)
				cr_assert_lt(b.widths[k], row->columns);
			if (!view.has_colour) {
				cr_assert_null(strchr(b.lines[k], '\x1b'));
				cr_assert_eq(
				    columns_of(b.lines[k], strlen(b.lines[k])),
				    b.widths[k]);
			}
			for (const char *p = b.lines[k]; *p && !view.is_utf8;
			     p++)
				cr_assert_eq(*p & 0x80, 0);
		}
	}
}

Test(board, says_what_is_known)
{
	struct snapshot s = fill();
	const struct board_view view = {80, 24, false, true, true};
	struct board b;

	board_render(&s, &view, &b);
	cr_assert_not_null(strstr(b.lines[0], "131/412 31 %"));
	cr_assert_not_null(strstr(b.lines[0], "ETA 13h05m (by bytes)"));
	cr_assert_not_null(strstr(b.lines[1], " ok 126 "));
	cr_assert_not_null(strstr(b.lines[2], " 50 %"));
	cr_assert_not_null(strstr(b.lines[11], "... 11 more"));
	cr_assert_not_null(strstr(b.lines[11], "? keys"));
	s.stage = "paused";
	s.total = 0;
	s.account_count = 1;
	board_render(&s, &view, &b);
	cr_assert_not_null(strstr(b.lines[0], "paused"));
	cr_assert_eq(b.count, 4);
}
