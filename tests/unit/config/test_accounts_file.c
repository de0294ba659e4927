// SPDX-License-Identifier: MIT
#include "config/accounts_file.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "config/input.h"
#include "config/plan_diag.h"
#include "engine/base/mem.h"

struct seen {
	size_t rows;
	char text[1024]; /* user=password; ... */
	unsigned last_line;
};

static void note(void *arg, const struct accounts_file_row *row)
{
	struct seen *seen = arg;
	const struct accounts_file_field none = {.text = ""}, *user = &none,
					 *password = &none;
	size_t used = strlen(seen->text);

	for (size_t i = 0; i < row->count; i++) {
		if (strstr(row->columns[i].path, "user"))
			user = &row->fields[i];
		else if (strstr(row->columns[i].path, "password"))
			password = &row->fields[i];
	}

	seen->rows++;
	seen->last_line = row->place.line;
	(void)snprintf(seen->text + used, sizeof(seen->text) - used,
	    "%.*s=%.*s;", (int)user->len, user->text, (int)password->len,
	    password->text);
}

static bool parse(const char *text, struct accounts_file_spec *spec,
    struct plan_diag *d, struct seen *seen)
{
	struct input in;
	bool secrets = false;

	*seen = (struct seen){0};
	input_borrow(&in, "t", text, strlen(text));
	plan_diag_source(d, "t", in.text, in.len);
	return accounts_file_parse(&in, spec, d, &secrets, note, seen);
}

struct row {
	bool is_csv;
	char text[160];
	char expected[96];
};

static struct row good_rows[] = {
    /* what a report put before a formula goes again; never of a password */
    {true, "user,password\n'=anna,'=x\n''+b,'y\n'bob,''-z\n",
	"=anna='=x;'+b='y;'bob=''-z;"},
    {false, "user\tpassword\n'=anna\tx\n", "'=anna=x;"},
    {false, "user\tpassword\nanna\tx\nbob\ty\n", "anna=x;bob=y;"},
    {false, "user\tpassword\r\nanna\tx\r\nbob\ty", "anna=x;bob=y;"},
    {false, "\xef\xbb\xbfuser\tpassword\nanna\tx\n", "anna=x;"},
    {false, "user\tpassword\n\nanna\tx\n\n\n", "anna=x;"},
    {false, "password\tx_room\tuser\nx\t4\tanna\n", "anna=x;"},
    {false, "user\tpassword\nanna\t\n", "anna=;"},
    {false, "user\tpassword\nanna\t\"q, '#\n", "anna=\"q, '#;"},
    {false, "user\tpassword\nanna\t 0123 \n", "anna= 0123 ;"},
    {false, "user\tpassword\n", ""},
    {true, "user,password\nanna,x\n", "anna=x;"},
    {true, "user,password\nanna,\"a,b\"\n", "anna=a,b;"},
    {true, "user,password\nanna,\"a\"\"b\"\n", "anna=a\"b;"},
    {true, "user,password\nanna,\"\"\n", "anna=;"},
    {true, "user,password\r\n\"anna\",\"x\"\r\n", "anna=x;"},
    {true, "user,x_note,password\nanna,\"two\nlines\",x\nbob,,y\n",
	"anna=x;bob=y;"},
    {true, "user,password\nanna,\"\"\"\"\n", "anna=\";"},
    {true, "\"user\",\"password\"\nanna,x\n", "anna=x;"},
};

ParameterizedTestParameters(accounts_file, reads_tables)
{
	return cr_make_param_array(
	    struct row, good_rows, sizeof(good_rows) / sizeof(good_rows[0]));
}

ParameterizedTest(struct row *row, accounts_file, reads_tables)
{
	struct plan_diag *d = plan_diag_new();
	struct accounts_file_spec spec = {
	    .format = row->is_csv ? ACCOUNTS_FILE_CSV : ACCOUNTS_FILE_TSV};
	struct seen seen;

	cr_assert(parse(row->text, &spec, d, &seen), "%s", row->text);
	cr_assert_eq(plan_diag_errors(d), 0, "%s", row->text);
	cr_assert_str_eq(seen.text, row->expected);
	plan_diag_free(d);
}

struct format_row {
	enum accounts_file_format format;
	char text[160];
	char expected[96]; /* or a code and a line */
};

/* Formats with columns of their own. */
static struct format_row format_rows[] = {
    {ACCOUNTS_FILE_GUIDE, "anna\tx\nbob\ty\n", "anna=x;bob=y;"},
    {ACCOUNTS_FILE_GUIDE, "anna x\r\nbob   y  \r\n", "anna=x;bob=y;"},
    {ACCOUNTS_FILE_GUIDE, "anna\ta b\n\nbob\t\"#;\n", "anna=a b;bob=\"#;;"},
    {ACCOUNTS_FILE_GUIDE, "anna\n", "E0403:1"},
    {ACCOUNTS_FILE_GUIDE, "anna x y\n", "E0403:1"},
    {ACCOUNTS_FILE_IMAPSYNC, "a;u1;p1;b;u2;p2;\n", "u2=p2;"},
    {ACCOUNTS_FILE_IMAPSYNC, "# host1;...\n\na;u1;p1;b;u2;p2\n", "u2=p2;"},
    {ACCOUNTS_FILE_IMAPSYNC, "a;u1;\"p1;b;u2;p,2;\r\n", "u2=p,2;"},
    {ACCOUNTS_FILE_IMAPSYNC, "a;u1;p1;b;u2;p2;x;\n", "E0403:1"},
    {ACCOUNTS_FILE_IMAPSYNC, "a;u1;p1;b;u2\n", "E0403:1"},
    {ACCOUNTS_FILE_EXCHANGE, "EmailAddress,UserName,Password\na@x,a,p\n",
	"a=p;"},
    {ACCOUNTS_FILE_EXCHANGE,
	"\xef\xbb\xbf\"emailaddress\";\"username\";\"password\"\r\n\"a@x\";a;\"p;q\"\r\n",
	"a=p;q;"},
    {ACCOUNTS_FILE_EXCHANGE, "EmailAddress,UserName,Password,UserRoot\n",
	"E0402:1"},
    {ACCOUNTS_FILE_EXCHANGE, "a@x,a,p\n", "E0402:1"},
    {ACCOUNTS_FILE_CSV, "user;password\nanna;\"a;b,c\"\n", "anna=a;b,c;"},
};

ParameterizedTestParameters(accounts_file, knows_formats_of_others)
{
	return cr_make_param_array(struct format_row, format_rows,
	    sizeof(format_rows) / sizeof(format_rows[0]));
}

ParameterizedTest(
    struct format_row *row, accounts_file, knows_formats_of_others)
{
	struct plan_diag *d = plan_diag_new();
	struct accounts_file_spec spec = {.format = row->format};
	struct plan_diag_item item;
	struct seen seen;

	(void)parse(row->text, &spec, d, &seen);
	if (plan_diag_get(d, 0, &item))
		(void)snprintf(seen.text, sizeof(seen.text), "%s:%u", item.code,
		    item.place.line);
	cr_assert_str_eq(
	    seen.text, row->expected, "%s: %s", row->text, seen.text);
	plan_diag_free(d);
}

struct bad_row {
	bool is_csv;
	char code[8];
	unsigned line, column;
	char text[120];
};

static struct bad_row bad_rows[] = {
    {false, "E0402", 1, 1, ""},
    {false, "E0402", 1, 1, "anna\tsecret\n"},
    {false, "E0402", 1, 6, "user\tpasswrod\nanna\tx\n"},
    {false, "E0402", 1, 1, "user\tpassword\tuser\nanna\tx\ty\n"},
    {false, "E0402", 1, 1, "password\tx_a\nx\ty\n"},
    {false, "E0402", 1, 6, "user\toptions.lits\nanna\tx\n"},
    {false, "E0402", 1, 6, "user\toptions.fetch\nanna\tx\n"},
    {false, "E0402", 1, 6, "user\toptions.rename_mailbox\nanna\tx\n"},
    {false, "E0402", 1, 6, "user\tx_\nanna\tx\n"},
    {false, "E0402", 1, 1, "user\tpassword\tpassword.file\nanna\tx\ty\n"},
    {false, "E0403", 3, 1, "user\tpassword\nanna\tx\nbob\n"},
    {false, "E0403", 2, 1, "user\tpassword\nanna\tx\ty\n"},
    {true, "E0404", 2, 7, "user,password\nanna,x\"y\n"},
    {true, "E0404", 2, 6, "user,password\nanna,\"xy\n"},
    {true, "E0404", 2, 10, "user,password\nanna,\"xy\"z\n"},
    {true, "E0404", 3, 3, "user,x_n\nanna,\"a\nb\" c\n"},
    {true, "E0403", 4, 1, "user,x_n\nanna,\"a\nb\"\nbob\n"},
};

ParameterizedTestParameters(accounts_file, refuses)
{
	return cr_make_param_array(
	    struct bad_row, bad_rows, sizeof(bad_rows) / sizeof(bad_rows[0]));
}

ParameterizedTest(struct bad_row *row, accounts_file, refuses)
{
	struct plan_diag *d = plan_diag_new();
	struct accounts_file_spec spec = {
	    .format = row->is_csv ? ACCOUNTS_FILE_CSV : ACCOUNTS_FILE_TSV};
	struct plan_diag_item item;
	struct seen seen;

	(void)parse(row->text, &spec, d, &seen);
	cr_assert(plan_diag_get(d, 0, &item), "%s", row->text);
	cr_assert_str_eq(
	    item.code, row->code, "%s: %s", row->text, item.message);
	cr_assert_eq(
	    item.place.line, row->line, "%s: %u", row->text, item.place.line);
	cr_assert_eq(item.place.column, row->column, "%s: %u", row->text,
	    item.place.column);
	plan_diag_free(d);
}

Test(accounts_file, goes_on_after_a_bad_row)
{
	struct plan_diag *d = plan_diag_new();
	struct accounts_file_spec spec = {.format = ACCOUNTS_FILE_CSV};
	struct seen seen;

	cr_assert(parse(
	    "user,password\na,x\"\nb,y\nc\nd,\"z\"!\ne,v\n", &spec, d, &seen));
	cr_assert_eq(plan_diag_errors(d), 3);
	cr_assert_str_eq(seen.text, "b=y;e=v;");
	cr_assert_eq(seen.last_line, 6);
	plan_diag_free(d);
}

Test(accounts_file, takes_columns_from_the_plan)
{
	struct plan_diag *d = plan_diag_new();
	struct accounts_file_spec spec = {.format = ACCOUNTS_FILE_TSV,
	    .columns = {{"user", "user", ACCOUNTS_FILE_TEXT},
		{"password", "password", ACCOUNTS_FILE_SECRET}},
	    .column_count = 2};
	struct seen seen;

	cr_assert(parse("anna\tx\nbob\ty\n", &spec, d, &seen));
	cr_assert_str_eq(seen.text, "anna=x;bob=y;");
	// a header that says the same is no account
	cr_assert(parse("user\tpassword\nbob\ty\n", &spec, d, &seen));
	cr_assert_str_eq(seen.text, "bob=y;");
	cr_assert_eq(plan_diag_errors(d), 0);
	plan_diag_free(d);
}

Test(accounts_file, never_echoes_a_row_with_a_password)
{
	static const char *const texts[] = {
	    "user\tpassword\nanna\thunter2\textra\n", "anna\thunter2\n",
	    "user\tpassword\nanna hunter2\n"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct plan_diag *d = plan_diag_new();
		struct accounts_file_spec spec = {.format = ACCOUNTS_FILE_TSV};
		struct seen seen;
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		(void)parse(texts[i], &spec, d, &seen);
		plan_diag_print(d, out, false);
		(void)fclose(out);
		cr_assert_null(strstr(text, "hunter2"), "%s", text);
		cr_assert_not_null(strstr(text, "********"), "%s", text);
		free(text);
		plan_diag_free(d);
	}
}

Test(accounts_file, refuses_too_many_columns)
{
	struct plan_diag *d = plan_diag_new();
	struct accounts_file_spec spec = {.format = ACCOUNTS_FILE_TSV};
	struct seen seen;
	char text[1024] = "user";

	for (int i = 0; i < 70; i++) {
		size_t used = strlen(text);
		(void)snprintf(text + used, sizeof(text) - used, "\tx_%d", i);
	}
	cr_assert_not(parse(text, &spec, d, &seen));
	cr_assert_eq(plan_diag_errors(d), 1);
	plan_diag_free(d);
}
