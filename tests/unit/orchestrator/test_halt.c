// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "orchestrator/halt.h"

struct row {
	struct halt_config config;
	size_t finished, failed;
	bool reached;
};

ParameterizedTestParameters(halt, table)
{
	static struct row rows[] = {
	    {{0, 0, 20}, 1000, 1000, false}, // nothing is asked for
	    {{50, 0, 20}, 49, 49, false},
	    {{50, 0, 20}, 50, 50, true}, // reached, not exceeded
	    {{1, 0, 20}, 1, 1, true},    // the number does not wait
	    {{0, 10, 20}, 19, 19, false},
	    {{0, 10, 20}, 20, 2, true}, // exactly ten of a hundred
	    {{0, 10, 20}, 21, 2, false}, {{0, 10, 20}, 1000, 99, false},
	    {{0, 10, 20}, 1000, 100, true}, {{0, 100, 0}, 1, 1, true},
	    {{0, 1, 0}, 0, 0, false},
	    {{50, 10, 20}, 100, 10, true}, // either is enough
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, halt, table)
{
	cr_assert_eq(halt_is_reached(&row->config, row->finished, row->failed),
	    row->reached, "%zu of %zu", row->failed, row->finished);
}
