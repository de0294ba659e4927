// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "orchestrator/memory.h"

struct row {
	char text[100];
	uint64_t bytes;
};

ParameterizedTestParameters(memory, parse)
{
	static struct row rows[] = {
	    {"MemTotal:  100 kB\nMemFree: 3 kB\nMemAvailable:   52 kB\nx: 1\n",
		52 * 1024},
	    {"MemAvailable: 7 kB\n", 7 * 1024},
	    {"MemTotal: 100 kB\n", UINT64_MAX},
	    {"MemAvailable:\n", UINT64_MAX},
	    {"MemAvailable: 99999999999999999999999 kB\n", UINT64_MAX},
	    {"", UINT64_MAX},
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, memory, parse)
{
	cr_assert_eq(memory_parse(row->text), row->bytes);
}

Test(memory, this_machine_has_some)
{
	cr_assert_gt(memory_available(), 1024 * 1024);
}
