// SPDX-License-Identifier: MIT
#include "config/plan_yaml.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "config/arena.h"
#include "config/input.h"
#include "config/plan_diag.h"
#include "engine/base/mem.h"

static struct arena arena;

static const struct plan_yaml_node *compose(
    const char *text, size_t len, struct plan_diag *diag)
{
	struct input in;

	arena_init(&arena);
	input_borrow(&in, "p.yaml", text, len);
	return plan_yaml_compose(&in, &arena, diag);
}

/* The text a problem list prints. */
static char *printed(struct plan_diag *d)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	cr_assert_not_null(out);
	plan_diag_print(d, out, false);
	(void)fclose(out);
	return text;
}

Test(plan_yaml, keeps_the_place_of_every_node)
{
	static const char text[] = "a: 1\nb:\n  - x\n  - {c: \"y z\"}\n";
	struct plan_diag *d = plan_diag_new();
	const struct plan_yaml_node *root = compose(text, strlen(text), d);

	cr_assert_not_null(root);
	cr_assert_eq(plan_diag_errors(d), 0);
	cr_assert_eq(root->count, 2);
	cr_assert_str_eq(root->pairs[0].key->text, "a");
	cr_assert_eq(root->pairs[0].value->place.line, 1);
	cr_assert_eq(root->pairs[0].value->place.column, 4);
	const struct plan_yaml_node *b = root->pairs[1].value;
	cr_assert_eq(b->kind, PLAN_YAML_LIST);
	cr_assert_eq(b->items[0]->place.line, 3);
	cr_assert_eq(b->items[0]->place.column, 5);
	const struct plan_yaml_node *y = b->items[1]->pairs[0].value;
	cr_assert_eq(y->place.line, 4);
	cr_assert_eq(y->place.column, 9);
	cr_assert_eq(y->width, 5);
	cr_assert_not(y->is_plain);
	cr_assert_str_eq(y->place.file, "p.yaml");
	arena_release(&arena);
	plan_diag_free(d);
}

Test(plan_yaml, counts_columns_in_characters)
{
	static const char text[] = "{\"\xc3\xa4\xc3\xb6\": 1, x: &a v, y: *b}";
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;

	cr_assert_null(compose(text, strlen(text), d));
	cr_assert(plan_diag_get(d, 0, &item));
	cr_assert_str_eq(item.code, "E0009");
	cr_assert_eq(item.place.column, 23);
	arena_release(&arena);
	plan_diag_free(d);
}

/* F165: those work */
Test(plan_yaml, follows_aliases)
{
	static const char text[] = "a: &x {k: v}\nb: *x\nc: [*x, *x]\n";
	struct plan_diag *d = plan_diag_new();
	const struct plan_yaml_node *root = compose(text, strlen(text), d);

	cr_assert_not_null(root);
	cr_assert_eq(root->pairs[1].value, root->pairs[0].value);
	cr_assert_eq(root->pairs[2].value->count, 2);
	arena_release(&arena);
	plan_diag_free(d);
}

/* F164 */
Test(plan_yaml, takes_bom_and_crlf)
{
	static const char text[] = "\xef\xbb\xbf"
				   "a: 1\r\nb: two\r\n";
	struct plan_diag *d = plan_diag_new();
	const struct plan_yaml_node *root = compose(text, strlen(text), d);

	cr_assert_not_null(root);
	cr_assert_str_eq(root->pairs[0].key->text, "a");
	cr_assert_eq(root->pairs[0].key->place.column, 1);
	cr_assert_str_eq(root->pairs[1].value->text, "two");
	cr_assert_eq(root->pairs[1].value->place.line, 2);
	arena_release(&arena);
	plan_diag_free(d);
}

Test(plan_yaml, tells_null_from_text)
{
	struct plan_diag *d = plan_diag_new();
	const struct plan_yaml_node *root =
	    compose("[null, ~, \"null\", '', nil]", 26, d);

	cr_assert_not_null(root);
	cr_assert(plan_yaml_is_null(root->items[0]));
	cr_assert(plan_yaml_is_null(root->items[1]));
	cr_assert_not(plan_yaml_is_null(root->items[2]));
	cr_assert_not(plan_yaml_is_null(root->items[3]));
	cr_assert_not(plan_yaml_is_null(root->items[4]));
	cr_assert(plan_yaml_is_null(NULL));
	arena_release(&arena);
	plan_diag_free(d);
}

struct row {
	char code[8];
	unsigned line, column;
	size_t len; /* 0: strlen */
	char text[96];
};

static struct row rows[] = {
    {"E0002", 2, 4, 0, "a: 1\nb: \xff\n"},
    {"E0002", 1, 4, 0, "a: \xc0\xaf\n"},     /* overlong */
    {"E0002", 1, 4, 0, "a: \xed\xa0\x80\n"}, /* surrogate */
    {"E0002", 1, 1, 0,
	"\xff\xfe"
	"a"},                                /* UTF-16 */
    {"E0002", 1, 4, 6, "a: \0b"},            /* NUL */
    {"E0002", 1, 4, 0, "a: \x1b[0m\n"},      /* escape */
    {"E0002", 1, 5, 0, "a: b\rc: d\n"},      /* old Mac */
    {"E0002", 1, 4, 0, "a: \xe2\x80\xa8\n"}, /* U+2028 */
    {"E0002", 1, 4, 0, "a: \"\\0\"\n"},      /* NUL by escape */
    {"E0003", 2, 1, 0, "a:\n\tb: 1\n"},
    {"E0003", 1, 3, 0, "a:\t1\n"},
    {"E0004", 2, 2, 0, "a: [1, 2\nb: 3\n"},
    {"E0004", 1, 5, 0, "a: b: c\n"},
    {"E0004", 1, 4, 0, "a: \"never closed\nb: 2\n"},
    {"E0004", 1, 4, 0, "a: @at\n"},
    {"E0004", 3, 2, 0, "a:\n  b: 1\n c: 2\n"},
    {"E0005", 2, 1, 0, "a: 1\n---\nb: 2\n"},
    {"E0006", 1, 4, 0, "a: !!python/object x\n"},
    {"E0006", 1, 4, 0, "a: !env X\n"},
    {"E0006", 1, 4, 0, "a: !!map {}\n"},
    {"E0007", 2, 5, 0, "a: &x {k: v}\nb: {<<: *x}\n"},
    {"E0009", 1, 4, 0, "a: *nowhere\n"},
    {"E0009", 1, 8, 0, "a: &x [*x]\n"},
    {"E0010", 2, 1, 0, "a: 1\na: 2\n"},
    {"E0010", 3, 3, 0, "a:\n  password: x\n  password: y\n"},
    {"E0011", 1, 3, 0, "? [a]\n: 1\n"},
    {"E0011", 1, 1, 0, "~: 1\n"},
    {"E0012", 1, 1, 0, ""},
    {"E0012", 1, 1, 0, "# nothing\n"},
    {"E0012", 1, 1, 0, "null\n"},
};

/* F160, F162, F164, F165 */
ParameterizedTestParameters(plan_yaml, refuses)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, plan_yaml, refuses)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;

	(void)compose(row->text, row->len ? row->len : strlen(row->text), d);
	cr_assert(plan_diag_get(d, 0, &item), "%s", row->text);
	cr_assert_str_eq(item.code, row->code, "%s: %s %s", row->text,
	    item.code, item.message);
	cr_assert_eq(
	    item.place.line, row->line, "%s: %u", row->text, item.place.line);
	cr_assert_eq(item.place.column, row->column, "%s: %u", row->text,
	    item.place.column);
	arena_release(&arena);
	plan_diag_free(d);
}

static void expect_limit(char *text, const char *code)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;

	cr_assert_null(compose(text, strlen(text), d));
	cr_assert(plan_diag_get(d, 0, &item));
	cr_assert_str_eq(item.code, code);
	cr_assert_eq(plan_diag_errors(d), 1);
	arena_release(&arena);
	plan_diag_free(d);
	free(text);
}

/* F161 */
Test(plan_yaml, refuses_deep_nesting, .timeout = 10)
{
	char *text = mem_calloc(100001, 1);

	for (int i = 0; i < 100000; i++)
		text[i] = '[';
	expect_limit(text, "E0008");
}

/* F160 */
Test(plan_yaml, refuses_an_alias_bomb, .timeout = 10)
{
	char *text = mem_strdup("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");

	for (int i = 1; i < 12; i++) {
		char *more = mem_printf(
		    "%sa%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n",
		    text, i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
		    i - 1);
		free(text);
		text = more;
	}
	expect_limit(text, "E0008");
}

/* F160, F161 */
Test(plan_yaml, refuses_nesting_hidden_in_aliases, .timeout = 10)
{
	char *text = mem_strdup("a0: &a0 [x]\n");

	for (int i = 1; i < 60; i++) {
		char *more =
		    mem_printf("%sa%d: &a%d [*a%d]\n", text, i, i, i - 1);
		free(text);
		text = more;
	}
	expect_limit(text, "E0008");
}

/* F161 */
Test(plan_yaml, refuses_too_many_nodes, .timeout = 30)
{
	size_t len = 2200000;
	char *text = mem_calloc(len + 1, 1);

	for (size_t i = 0; i < len; i += 2) {
		text[i] = i ? 'x' : '[';
		text[i + 1] = i ? ',' : ' ';
	}
	expect_limit(text, "E0008");
}

Test(plan_yaml, reports_many_problems_at_once)
{
	static const char text[] = "a: !t 1\nb: 1\nb: 2\n<<: {}\nc: !u 3\n";
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;
	static const char *const codes[] = {"E0006", "E0010", "E0007", "E0006"};

	cr_assert_not_null(compose(text, strlen(text), d));
	cr_assert_eq(plan_diag_errors(d), 4);
	for (size_t i = 0; i < 4; i++) {
		cr_assert(plan_diag_get(d, i, &item));
		cr_assert_str_eq(item.code, codes[i]);
	}
	arena_release(&arena);
	plan_diag_free(d);
}

struct secret_row {
	char text[160];
};

/* Each is broken on or after the line of a secret, "hunter2". */
static struct secret_row secret_rows[] = {
    {"password: hunter2: x\n"},
    {"password: \"hunter2\n"},
    {"password: !hunter2\n"},
    {"password: *hunter2\n"},
    {"password: @hunter2\n"},
    {"password: %hunter2\n"},
    {"password: {text: hunter2, text: hunter2}\n"},
    {"a: {user: x, user: y, password: hunter2}\n"},
    {"a: {user: x, user: y} # password: hunter2\n"},
    {"pasword: hunter2: x\n"},
    {"passwd: !x hunter2\n"},
    {"token: hunter2: x\n"},
    {"password: |\n  first\n  hunter2\x01\n"},
    {"password: 'first\n  hunter2' x\n"},
    {"password:\n  first\n  hunter2: x\n"},
    {"password:\thunter2\n"},
    {"password: hunter2\xff\n"},
};

/* F210 */
ParameterizedTestParameters(plan_yaml, never_echoes_a_secret)
{
	return cr_make_param_array(struct secret_row, secret_rows,
	    sizeof(secret_rows) / sizeof(secret_rows[0]));
}

ParameterizedTest(struct secret_row *row, plan_yaml, never_echoes_a_secret)
{
	struct plan_diag *d = plan_diag_new();

	plan_diag_source(d, "p.yaml", row->text, strlen(row->text));
	(void)compose(row->text, strlen(row->text), d);
	cr_assert_gt(plan_diag_errors(d), 0, "%s", row->text);
	char *text = printed(d);
	cr_assert_null(strstr(text, "hunter2"), "%s", text);
	free(text);
	arena_release(&arena);
	plan_diag_free(d);
}

Test(plan_yaml, knows_secret_keys)
{
	cr_assert(plan_yaml_is_secret_key("password"));
	cr_assert(plan_yaml_is_secret_key("passwrd"));
	cr_assert(plan_yaml_is_secret_key("paswort"));
	cr_assert(plan_yaml_is_secret_key("Passphrase"));
	cr_assert(plan_yaml_is_secret_key("access_token"));
	cr_assert_not(plan_yaml_is_secret_key("host"));
	cr_assert_not(plan_yaml_is_secret_key("passes"));
}
