// SPDX-License-Identifier: MIT
/* Any bytes as a plan: composed, built, checked, and all problems printed.
 * Bytes after a form feed, which no plan may hold, are an accounts table. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/accounts_file.h"
#include "config/input.h"
#include "config/plan.h"
#include "config/plan_diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void skip_row(void *arg, const struct accounts_file_row *row)
{
	(void)row;
	++*(size_t *)arg;
}

static void read_table(const char *bytes, size_t len, struct plan_diag *diag)
{
	struct input in;

	input_borrow(&in, "users", bytes, len);
	plan_diag_source(diag, "users", in.text, in.len);
	for (int format = 0; format < 5; format++) {
		struct accounts_file_spec spec = {
		    .format = (enum accounts_file_format)format};
		bool secrets = false;
		size_t rows = 0;
		if (input_check(&in, diag))
			(void)accounts_file_parse(
			    &in, &spec, diag, &secrets, skip_row, &rows);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *table = size ? memchr(data, '\f', size) : NULL;
	size_t len = table ? (size_t)(table - data) : size;
	struct plan_diag *diag = plan_diag_new();
	FILE *null = fopen("/dev/null", "we");

	plan_free(plan_load_bytes("p.yaml", (const char *)data, len, diag));
	if (table)
		read_table((const char *)table + 1, size - len - 1, diag);
	if (null) {
		plan_diag_print(diag, null, true);
		(void)fclose(null);
	}
	plan_diag_free(diag);
	return 0;
}
