// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "engine/base/error.h"
#include "engine/contract/exit_code.h"

Test(exit_code, table_is_ascending_and_complete)
{
	size_t count = 0;
	const struct exit_code_info *table = exit_code_table(&count);

	cr_assert_geq(count, 14);
	for (size_t i = 0; i < count; i++) {
		cr_assert(i == 0 || table[i - 1].code < table[i].code);
		cr_assert_not_null(table[i].outcome);
		cr_assert(table[i].engine_text || table[i].supervisor_text);
		cr_assert_eq(exit_code_find((int)table[i].code), &table[i]);
	}
}

Test(exit_code, unknown_codes_are_not_found)
{
	static const int codes[] = {-1, 5, 63, 65, 67, 79, 127, 139, 255};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		cr_assert_null(exit_code_find(codes[i]));
}

struct worse_row {
	int batch, account, result;
};

ParameterizedTestParameters(exit_code, worse)
{
	static struct worse_row rows[] = {
	    {0, 0, 0},
	    {0, 2, 2},
	    {2, 1, 1},
	    {1, 3, 3},
	    {3, 4, 4},
	    {4, 74, 74},
	    {74, 70, 70},
	    {70, 0, 70},
	    {0, 77, 1}, /* an account's trouble, not the batch's */
	    {0, 75, 1},
	    {2, 139, 1}, /* killed by a signal */
	    {4, 77, 4},
	    {1, 2, 1},
	};

	return cr_make_param_array(
	    struct worse_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct worse_row *row, exit_code, worse)
{
	cr_assert_eq(exit_code_worse(row->batch, row->account), row->result,
	    "worse(%d, %d)", row->batch, row->account);
}

struct kind_row {
	enum error_kind kind;
	enum error_retry retry;
	int code;
};

ParameterizedTestParameters(exit_code, of_error)
{
	static struct kind_row rows[] = {
	    {ERROR_NONE, ERROR_RETRY_NEVER, 0},
	    {ERROR_IO, ERROR_RETRY_LATER, 75},
	    {ERROR_TIMEOUT, ERROR_RETRY_LATER, 75},
	    {ERROR_TLS, ERROR_RETRY_NEVER, 76},
	    {ERROR_AUTH, ERROR_RETRY_NEVER, 77},
	    {ERROR_PROTOCOL, ERROR_RETRY_NEVER, 76},
	    {ERROR_SERVER_NO, ERROR_RETRY_NEVER, 1},
	    {ERROR_SERVER_NO, ERROR_RETRY_LATER, 75},
	    {ERROR_QUOTA, ERROR_RETRY_NEVER, 73},
	    {ERROR_CONFIG, ERROR_RETRY_NEVER, 78},
	    {ERROR_USAGE, ERROR_RETRY_NEVER, 64},
	    {ERROR_OS, ERROR_RETRY_NEVER, 74},
	    {ERROR_INTERRUPTED, ERROR_RETRY_NEVER, 4},
	    {ERROR_INTERNAL, ERROR_RETRY_NEVER, 70},
	};

	return cr_make_param_array(
	    struct kind_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct kind_row *row, exit_code, of_error)
{
	struct error err = {.kind = row->kind, .retry = row->retry};

	cr_assert_eq((int)exit_code_of_error(&err), row->code, "kind %d",
	    (int)row->kind);
}
