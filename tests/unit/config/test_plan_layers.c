// SPDX-License-Identifier: MIT
/* What wins: account, groups, pass, defaults, preset, built-in. */
#include "config/plan.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/plan_diag.h"
#include "engine/base/mem.h"
#include "tests/unit/support/plan_text.h"

/* The plan must be good. */
static struct plan *chosen(const struct plan_choice *choice, const char *text)
{
	char path[] = "/tmp/test_plan_layers.XXXXXX";
	struct plan_diag *d = plan_diag_new();
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	struct plan *plan = plan_load_choice(path, choice, d);
	(void)unlink(path);
	if (!plan) {
		char *why = plan_text_printed(d);
		cr_assert_not_null(plan, "%s", why);
		free(why);
	}
	plan_diag_free(d);
	return plan;
}

/* Loads with a pass. */
static struct plan *good(const char *pass, const char *text)
{
	const struct plan_choice choice = {.pass = pass};

	return chosen(&choice, text);
}

#define NAMED "name: layers\n"
#define LAYERS \
	SERVERS NAMED \
	    "defaults:\n" \
	    "  source: {server: old, password: sp}\n" \
	    "  target: {server: new, password: tp}\n" \
	    "  options: {errors_max: 1, timeout: 1s, acl: false, skip_mailbox: [Junk], fetch: {max_messages: 7}}\n" \
	    "passes:\n" \
	    "  seed: {}\n" \
	    "  final: {options: {errors_max: 2, timeout: 2s, mode: syncSrcNew}, verify: digest}\n" \
	    "groups:\n" \
	    "  vip: {priority: 10, options: {timeout: 3s, also_skip_mailbox: [Old], compress: true}}\n" \
	    "  slow: {options: {timeout: 4s, also_skip_mailbox: [Big]}, target: {prefix: Slow/}}\n"

Test(plan_layers, account_over_groups_over_pass_over_defaults)
{
	struct plan *p = good("final", LAYERS
	    "accounts:\n"
	    "  - {user: a, groups: [vip, slow]}\n"
	    "  - {user: b, groups: [slow, vip], priority: 3, options: {timeout: 5s, skip_mailbox: [Own], errors_max: null}}\n"
	    "  - {user: c, groups: vip, options: {also_skip_mailbox: [C], fetch: null, acl: null}}\n"
	    "  - {user: d}\n");
	const struct plan_account *a = p->accounts;

	cr_assert_str_eq(p->pass->name, "final");
	cr_assert_eq(p->pass->verify, PLAN_VERIFY_DIGEST);
	cr_assert_eq(a[0].options.timeout_ms, 4000, "the later group");
	cr_assert_eq(a[0].options.errors_max, 2, "the pass");
	cr_assert_eq(a[0].options.mode, PLAN_MODE_SRC_NEW);
	cr_assert_eq(a[0].options.compress, PLAN_SWITCH_ON);
	cr_assert_not(a[0].options.acl, "the defaults");
	cr_assert_eq(a[0].options.skip_mailboxes, 3);
	cr_assert_str_eq(a[0].options.skip_mailbox[0], "Junk");
	cr_assert_str_eq(a[0].options.skip_mailbox[2], "Big");
	cr_assert_eq(a[0].priority, 10, "of the group that has one");
	cr_assert_eq(a[0].group_count, 2);
	cr_assert_str_eq(a[0].target.prefix, "Slow/");
	cr_assert_eq(a[1].options.timeout_ms, 5000, "its own");
	cr_assert_eq(a[1].options.errors_max, 100, "built in");
	cr_assert_eq(a[1].options.skip_mailboxes, 1);
	cr_assert_eq(a[1].priority, 3);
	cr_assert_eq(a[2].options.skip_mailboxes, 3);
	cr_assert_str_eq(a[2].options.skip_mailbox[2], "C");
	cr_assert_eq(a[2].options.fetch_max, 50);
	cr_assert(a[2].options.acl);
	cr_assert_null(a[2].target.prefix);
	cr_assert_eq(a[3].options.fetch_max, 7);
	cr_assert_eq(a[3].options.skip_mailboxes, 1);
	cr_assert_eq(a[3].priority, 0);
	plan_free(p);
}

Test(plan_layers, without_a_pass_its_options_do_not_count)
{
	struct plan *p = good(NULL, LAYERS ACCOUNTS);

	cr_assert_null(p->pass);
	cr_assert_eq(p->pass_count, 2);
	cr_assert_eq(p->accounts[0].options.errors_max, 1);
	plan_free(p);
}

Test(plan_layers, a_pass_that_changes_nothing_keeps_the_digest)
{
	struct plan *one = good(NULL, LAYERS ACCOUNTS);
	struct plan *two = good("seed", LAYERS ACCOUNTS);
	struct plan *three = good("final", LAYERS ACCOUNTS);

	cr_assert_str_eq(one->digest, two->digest);
	cr_assert_str_neq(one->digest, three->digest);
	plan_free(one);
	plan_free(two);
	plan_free(three);
}

/* What has no say in the result has none in the digest. */
Test(plan_layers, limits_do_not_change_the_digest)
{
	struct plan *one = good(NULL, LAYERS ACCOUNTS);
	struct plan *two = good(NULL, LAYERS
	    "limits: {jobs: 9, bandwidth: 1MiB/s}\n"
	    "hooks: {after_run: [true]}\n"
	    "accounts: [{user: anna, priority: 4, options: {connections: 3, compress: true, timeout: 9s}, source: {password: other}}]\n");

	cr_assert_str_eq(one->accounts[0].digest, two->accounts[0].digest);
	cr_assert_str_eq(one->digest, two->digest);
	plan_free(one);
	plan_free(two);
}

/* The defaults' administrator belongs to the defaults' password. */
Test(plan_layers, a_group_that_brings_a_password_logs_in_as_itself)
{
	struct plan *p = good(NULL, SERVERS NAMED
	    "defaults:\n"
	    "  source: {server: old, auth: plain, login: admin, as: \"{user}\", password: x}\n"
	    "  target: {server: new, password: y}\n"
	    "groups:\n"
	    "  own: {source: {password: z}}\n"
	    "  boss: {source: {login: chief, password: w}}\n"
	    "  none: {target: {prefix: null}}\n"
	    "accounts:\n"
	    "  - {user: a, groups: [own]}\n"
	    "  - {user: b, groups: [boss]}\n"
	    "  - {user: c, groups: [own, none]}\n");
	const struct plan_account *a = p->accounts;

	cr_assert_str_eq(a[0].source.login, "a");
	cr_assert_null(a[0].source.as);
	cr_assert_str_eq(a[0].source.password.value, "z");
	cr_assert_str_eq(a[1].source.login, "chief");
	cr_assert_str_eq(a[1].source.as, "b");
	cr_assert_str_eq(a[1].source.password.value, "w");
	cr_assert_str_eq(a[2].source.login, "c");
	plan_free(p);
}

Test(plan_layers, rules_of_an_account_come_before_those_it_inherits)
{
	struct plan *p = good(NULL, SERVERS NAMED
	    "defaults:\n"
	    "  source: {server: old, password: sp}\n"
	    "  target: {server: new, password: tp}\n"
	    "  options: {rename_mailbox: [{from: A, to: B}], list: [X]}\n"
	    "accounts: [{user: a, options: {also_rename_mailbox: [{from: A, to: C}], also_list: Y}}]\n");
	const struct plan_options *o = &p->accounts[0].options;

	cr_assert_eq(o->rename_mailboxes, 2);
	cr_assert_str_eq(o->rename_mailbox[0].to, "C");
	cr_assert_str_eq(o->rename_mailbox[1].to, "B");
	cr_assert_eq(o->lists, 2);
	cr_assert_str_eq(o->list[1], "Y");
	plan_free(p);
}

struct connection_row {
	uint32_t expected;
	char old[80], new[80], options[40];
};

/* What is not written is what both servers bear. */
static struct connection_row connection_rows[] = {
    {1, "", "", ""},
    {3, "", "", "connections: 3"},
    {4, ", limits: {per_account: 4}", "", ""},
    {2, ", limits: {per_account: 4}", ", limits: {per_account: 2}", ""},
    {2, ", limits: {per_account: 4}", ", limits: {per_account: 2}",
	"connections: 9"},
    {1, ", limits: {per_account: 4}", "", "connections: 1"},
    {3, ", limits: {per_account: 4}", ", limits: {connections: 3}", ""},
    {1, ", preset: gmail", ", limits: {per_account: 8}", ""},
    {4, ", preset: dovecot", "", ""},
    {16, ", limits: {per_account: 32}", "", ""},
};

ParameterizedTestParameters(plan_layers, connections)
{
	return cr_make_param_array(struct connection_row, connection_rows,
	    sizeof(connection_rows) / sizeof(connection_rows[0]));
}

ParameterizedTest(struct connection_row *row, plan_layers, connections)
{
	char *text = mem_printf(
	    "version: 1\n" NAMED
	    "servers:\n  old: {host: a%s}\n  new: {host: b%s}\n" DEFAULTS
	    "accounts: [{user: a, options: {%s}}]\n",
	    row->old, row->new, row->options);
	struct plan *p = good(NULL, text);

	cr_assert_eq(p->accounts[0].options.connections, row->expected,
	    "%u, not %u", p->accounts[0].options.connections, row->expected);
	plan_free(p);
	free(text);
}

Test(plan_layers, a_preset_gives_way_to_what_is_written)
{
	static const char text[] =
	    "version: 1\n" NAMED "servers:\n"
	    "  old: {host: a}\n"
	    "  new: {host: b, preset: office365}\n" DEFAULTS
	    "accounts: [{user: a}, {user: b, options: {long_lines: truncate}}, {user: c, options: {long_lines: null}}]\n";
	struct plan *p = good(NULL, text);

	cr_assert_eq(p->accounts[0].options.long_lines, PLAN_LONG_LINES_WRAP);
	cr_assert_eq(
	    p->accounts[1].options.long_lines, PLAN_LONG_LINES_TRUNCATE);
	cr_assert_eq(p->accounts[2].options.long_lines, PLAN_LONG_LINES_KEEP);
	plan_free(p);
}

struct bad_row {
	char code[8], pass[8];
	unsigned line, column;
	char text[160];
};

static struct bad_row bad_rows[] = {
    {"E0222", "delta", 0, 1, "passes: {seed: {}}"},
    {"E0222", "seed", 0, 1, ""},
    {"E0220", "", 8, 10, "passes: {\"a b\": {}}"},
    {"E0107", "", 8, 17, "passes: {seed: {option: {}}}"},
    {"E0126", "", 8, 25, "passes: {seed: {verify: maybe}}"},
    {"E0107", "", 8, 27, "passes: {seed: {options: {moed: syncDst}}}"},
    {"E0220", "", 8, 10, "groups: {-x: {}}"},
    {"E0122", "", 8, 26, "groups: {vip: {priority: high}}"},
    {"E0205", "", 8, 33, "groups: {vip: {source: {server: nwe}}}"},
    {"E0107", "", 8, 26, "groups: {vip: {options: {moed: syncDst}}}"},
    {"E0107", "", 8, 25, "groups: {vip: {target: {sever: new}}}"},
};

ParameterizedTestParameters(plan_layers, refuses)
{
	return cr_make_param_array(
	    struct bad_row, bad_rows, sizeof(bad_rows) / sizeof(bad_rows[0]));
}

ParameterizedTest(struct bad_row *row, plan_layers, refuses)
{
	char path[] = "/tmp/test_plan_layers.XXXXXX";
	char *text = mem_printf(HEAD "%s\n" NAMED ACCOUNTS, row->text);
	const struct plan_choice choice = {
	    .pass = row->pass[0] ? row->pass : NULL};
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	cr_assert_null(plan_load_choice(path, &choice, d), "%s", row->text);
	(void)unlink(path);
	cr_assert(plan_diag_get(d, 0, &item));
	cr_assert_str_eq(item.code, row->code, "%s: %s %s", row->text,
	    item.code, item.message);
	cr_assert(
	    item.place.line == row->line && item.place.column == row->column,
	    "%s: %u:%u %s", row->text, item.place.line, item.place.column,
	    item.message);
	plan_diag_free(d);
	free(text);
}

Test(plan_layers, the_state_directory_is_that_of_the_command_line)
{
	static const char text[] = SERVERS NAMED
	    "state_dir: plans\ndefaults: {source: {server: old, password: p}, target: {server: new, password: p}}\naccounts: [{user: a}]\n";
	static const struct plan_choice given = {.state_dir = "/x/y"},
					near_here = {.state_dir = "y"},
					none = {.state_dir = NULL};
	struct plan *p = chosen(&given, text);

	cr_assert_str_eq(p->state_dir, "/x/y");
	plan_free(p);
	p = chosen(&none, text);
	cr_assert_str_eq(p->state_dir, "/tmp/plans");
	plan_free(p);
	cr_assert_eq(chdir("/"), 0);
	p = chosen(&near_here, text);
	cr_assert_str_eq(p->state_dir, "/y");
	plan_free(p);
}
