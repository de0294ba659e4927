// SPDX-License-Identifier: MIT
#include "tests/unit/support/plan_text.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>

#include "config/plan_diag.h"

char *plan_text_printed(struct plan_diag *d)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	cr_assert_not_null(out);
	plan_diag_print(d, out, false);
	(void)fclose(out);
	return text;
}
