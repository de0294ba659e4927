// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/status_list.h"

static struct journal_account accounts[] = {
    {.id = (char *)"anna",
	.state = JOURNAL_ENDED,
	.is_final = true,
	.attempt = 1,
	.outcome = (char *)"ok",
	.reason = (char *)"",
	.text = (char *)"",
	.log = (char *)"",
	.copied_total = 20},
    {.id = (char *)"bob",
	.state = JOURNAL_ENDED,
	.is_final = true,
	.attempt = 3,
	.outcome = (char *)"auth",
	.reason = (char *)"auth.rejected",
	.text = (char *)"=no, \"sorry\"",
	.log = (char *)"",
	.exit = 77,
	.copied_total = 3},
    {.id = (char *)"carol",
	.state = JOURNAL_RUNNING,
	.attempt = 1,
	.log = (char *)"",
	.copied_total = 100},
};

static const struct journal_run run = {.run_id = (char *)"r",
    .plan = (char *)"demo",
    .accounts = accounts,
    .count = 3};

static char *print(const struct status_choice *choice, bool live)
{
	char *text = NULL;
	size_t len = 0;
	struct error err = {0};
	FILE *out = open_memstream(&text, &len);

	cr_assert_eq(status_list_check(choice, &err), 0, "%s", err.text);
	cr_assert_eq(status_list_print(&run, live, NULL, choice, out, &err), 0);
	(void)fclose(out);
	return text;
}

struct row {
	char filters[2][24];
	char sort[12];
	char expected[40];
};

static struct row rows[] = {
    {{"", ""}, "", "anna\nbob\ncarol\n"},
    {{"outcome=ok", ""}, "", "anna\n"},
    {{"state=ok", ""}, "", "anna\n"},
    {{"reason=auth.*", ""}, "", "bob\n"},
    {{"outcome=ok", "reason=auth.*"}, "", ""},
    {{"tries=1", ""}, "-id", "carol\nanna\n"},
    {{"exit=77", ""}, "", "bob\n"},
    {{"", ""}, "copied", "bob\nanna\ncarol\n"},
    {{"", ""}, "-copied", "carol\nanna\nbob\n"},
    /* equal ones stay as they stood, and none comes first */
    {{"", ""}, "-tries", "bob\nanna\ncarol\n"},
    {{"", ""}, "exit", "carol\nanna\nbob\n"},
};

ParameterizedTestParameters(status_list, chosen_and_sorted)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, status_list, chosen_and_sorted)
{
	const char *filters[] = {row->filters[0], row->filters[1]};
	const struct status_choice choice = {.format = STATUS_NAME,
	    .filters = filters,
	    .filter_count = (size_t)(!!filters[0][0] + !!filters[1][0]),
	    .sort_by = row->sort[0] ? row->sort : NULL};
	char *text = print(&choice, false);

	cr_assert_str_eq(text, row->expected);
	free(text);
}

Test(status_list, table_and_json_name_all)
{
	struct status_choice choice = {.format = STATUS_TABLE};
	char *text = print(&choice, false);

	cr_assert_not_null(strstr(text, "2 of 3 accounts have a result"));
	cr_assert_not_null(strstr(text, "ACCOUNT "));
	cr_assert_not_null(strstr(text, "interrupted"));
	free(text);
	choice.no_headers = true;
	text = print(&choice, true);
	cr_assert_eq(strncmp(text, "anna ", 5), 0);
	cr_assert_not_null(strstr(text, "running"));
	free(text);
	choice.format = STATUS_JSON;
	text = print(&choice, false);
	cr_assert_not_null(strstr(text, "\"state\": \"unfinished\""));
	free(text);
}

/* F207 */
Test(status_list, csv_is_quoted_and_holds_no_formula)
{
	const char *filters[] = {"id=bob"};
	const struct status_choice choice = {
	    .format = STATUS_CSV, .filters = filters, .filter_count = 1};
	char *text = print(&choice, false);

	cr_assert_eq(strncmp(text, "account,outcome,tries,", 22), 0);
	cr_assert_not_null(
	    strstr(text, "auth.rejected,\"'=no, \"\"sorry\"\"\",\r\n"));
	free(text);
}

/* F206 */
Test(status_list, lines_are_cut_by_columns)
{
	const struct status_choice choice = {
	    .format = STATUS_WIDE, .columns = 30};
	char *text = print(&choice, false);

	for (char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		cr_assert_leq(len, 30);
		line += len + 1;
	}
	free(text);
}

Test(status_list, what_is_no_column_is_refused)
{
	struct error err = {0};
	const char *filters[] = {"colour=red"}, *none[] = {"outcome"};

	cr_assert_eq(
	    status_list_check(
		&(struct status_choice){.filters = filters, .filter_count = 1},
		&err),
	    -1);
	cr_assert_not_null(strstr(err.text, "reason"));
	cr_assert_eq(status_list_check(&(struct status_choice){.filters = none,
					   .filter_count = 1},
			 &err),
	    -1);
	cr_assert_eq(
	    status_list_check(&(struct status_choice){.sort_by = "-x"}, &err),
	    -1);
	cr_assert_eq(status_list_format("xml"), STATUS_FORMATS);
	cr_assert_eq(status_list_format("csv"), STATUS_CSV);
}
