// SPDX-License-Identifier: MIT
/* Rows of fields (0x1f between fields, 0x1e between rows), written as a table
 * the way the reports write CSV, or plainly with tabs, are read as they were;
 * and any bytes as a table of any format give rows or a problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/accounts_file.h"
#include "config/input.h"
#include "config/plan_diag.h"
#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "orchestrator/report_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	COLUMNS = 3
};

static void put(void *arg, const struct accounts_file_row *row)
{
	struct buf *out = arg;

	for (size_t i = 0; i < row->count; i++)
		bug_if(buf_append(
			   out, row->fields[i].text, row->fields[i].len) < 0 ||
		       buf_append(out, "\x1f", 1) < 0);
	bug_if(buf_append(out, "\x1e", 1) < 0);
}

/* False when there was a problem. */
static bool read_table(const char *bytes, size_t len,
    enum accounts_file_format format, struct buf *out)
{
	struct accounts_file_spec spec = {.format = format};
	struct plan_diag *diag = plan_diag_new();
	bool secrets = false, good = false;
	struct input in;

	input_borrow(&in, "users", bytes, len);
	plan_diag_source(diag, "users", in.text, in.len);
	if (input_check(&in, diag))
		good =
		    accounts_file_parse(&in, &spec, diag, &secrets, put, out);
	good &= plan_diag_errors(diag) == 0;
	plan_diag_free(diag);
	return good;
}

/* As the reports write it, or with nothing around it. */
static void put_cell(struct buf *out, const char *text, size_t len, bool is_csv)
{
	char *cell = mem_strndup(text, len), *csv = NULL;
	size_t csv_len = 0;

	if (is_csv) {
		FILE *stream = open_memstream(&csv, &csv_len);
		bug_if(!stream);
		report_out_csv(stream, cell);
		bug_if(fclose(stream) != 0);
		bug_if(buf_append(out, csv, csv_len) < 0);
		free(csv);
	} else {
		bug_if(buf_append(out, cell, len) < 0);
	}
	free(cell);
}

/* Three columns: what is missing is empty; a row is never empty. */
static void write_table(struct buf *table, struct buf *meant, const char *text,
    size_t len, bool is_csv)
{
	const char *gap = is_csv ? "," : "\t", *end = text + len;

	bug_if(buf_printf(table, "id%suser%sx_note\n", gap, gap) < 0);
	while (text < end) {
		size_t row = strcspn(text, "\x1e");
		const char *at = text, *row_end = text + row;
		for (int i = 0; i < COLUMNS; i++) {
			size_t n = (size_t)(row_end - at);
			const char *next = memchr(at, 0x1f, n);
			n = next ? (size_t)(next - at) : n;
			const char *field = i == 0 && n == 0 ? "1" : at;
			n = field == at ? n : 1;
			put_cell(table, field, n, is_csv);
			bug_if(buf_append(
				   table, i + 1 < COLUMNS ? gap : "\n", 1) < 0);
			bug_if(buf_append(meant, field, n) < 0 ||
			       buf_append(meant, "\x1f", 1) < 0);
			at = next ? next + 1 : row_end;
		}
		bug_if(buf_append(meant, "\x1e", 1) < 0);
		text = row_end + (row_end < end);
	}
}

static void round_trip(const char *text, size_t len, bool is_csv)
{
	struct buf table, meant, got;

	buf_init(&table, SIZE_MAX / 2);
	buf_init(&meant, SIZE_MAX / 2);
	buf_init(&got, SIZE_MAX / 2);
	write_table(&table, &meant, text, len, is_csv);
	if (read_table(table.data, table.len,
		is_csv ? ACCOUNTS_FILE_CSV : ACCOUNTS_FILE_TSV, &got)) {
		bug_if(got.len != meant.len);
		bug_if(got.len && memcmp(got.data, meant.data, got.len) != 0);
	}
	buf_release(&table);
	buf_release(&meant);
	buf_release(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out;
	char *text = mem_strndup((const char *)data, size);
	size_t len = strlen(text);

	buf_init(&out, SIZE_MAX / 2);
	for (int format = ACCOUNTS_FILE_TSV; format <= ACCOUNTS_FILE_EXCHANGE;
	     format++)
		(void)read_table((const char *)data, size,
		    (enum accounts_file_format)format, &out);
	buf_release(&out);
	round_trip(text, len, true);
	// a tab or a line end cannot stand in a field of the plain one
	if (!strpbrk(text, "\t\r\n"))
		round_trip(text, len, false);
	free(text);
	return 0;
}
