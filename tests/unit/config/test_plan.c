// SPDX-License-Identifier: MIT
#include "config/plan.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/plan_diag.h"
#include "config/plan_server.h"
#include "config/secret_source.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "tests/unit/support/plan_text.h"

static struct plan *load_text(const char *text, struct plan_diag *d)
{
	return plan_load_bytes("p.yaml", text, strlen(text), d);
}

/* A plan that must be good. */
static struct plan *good(const char *text)
{
	struct plan_diag *d = plan_diag_new();
	struct plan *plan = load_text(text, d);

	if (!plan) {
		char *why = plan_text_printed(d);
		cr_assert_not_null(plan, "%s", why);
		free(why);
	}
	cr_assert_eq(plan_diag_errors(d), 0);
	plan_diag_free(d);
	return plan;
}

Test(plan, fills_in_everything_that_is_not_written)
{
	struct plan *p = good(HEAD ACCOUNTS);

	cr_assert_str_eq(p->path, "p.yaml");
	cr_assert_str_eq(p->name, "p");
	cr_assert_eq(p->state_dir[0], '/');
	cr_assert_not_null(strstr(p->state_dir, "/state"));
	cr_assert_eq(p->limits.jobs, 4);
	cr_assert_eq(p->limits.start_delay_ms, 0);
	cr_assert_eq(p->retry.attempts, 4);
	cr_assert_eq(p->retry.backoff_ms, 30000);
	cr_assert_float_eq(p->retry.factor, 3, 1e-9);
	cr_assert_eq(p->retry.max_wait_ms, 1800000);
	cr_assert_eq(p->retry.jitter_percent, 20);
	cr_assert_eq(p->server_count, 2);
	cr_assert_eq(p->servers[0].tls, PLAN_TLS_AUTO);
	cr_assert(p->servers[0].tls_verify);
	cr_assert_eq(plan_server_port(&p->servers[0]), 143);
	cr_assert_eq(p->account_count, 1);
	const struct plan_account *a = &p->accounts[0];
	cr_assert_str_eq(a->id, "anna");
	cr_assert_str_eq(a->source.login, "anna");
	cr_assert_str_eq(a->target.login, "anna");
	cr_assert_null(a->source.as);
	cr_assert_eq(a->source.auth, PLAN_AUTH_AUTO);
	cr_assert_eq(a->source.server, &p->servers[0]);
	cr_assert_eq(a->source.password.kind, PLAN_SECRET_TEXT);
	cr_assert_str_eq(a->target.password.value, "tp");
	cr_assert_eq(a->options.lists, 0, "what the mode implies");
	cr_assert(a->options.subscription);
	cr_assert(a->options.overlap);
	cr_assert_eq(a->options.long_lines, PLAN_LONG_LINES_KEEP);
	cr_assert_eq(a->options.fetch_max, 50);
	cr_assert_eq(a->options.queue_size_max, 30);
	cr_assert_eq(a->options.timeout_ms, 60000);
	cr_assert_eq(a->options.skip_mailboxes, 0);
	cr_assert_eq(a->place.line, 8);
	cr_assert_eq(strlen(a->digest), 16);
	cr_assert_eq(strlen(p->digest), 16);
	plan_free(p);
}

Test(plan, reads_everything_that_is_written)
{
	struct plan *p = good(
	    "version: 1\n"
	    "name: example-org_2026.1\n"
	    "state_dir: /var/tmp/x\n"
	    "servers:\n"
	    "  old: {host: OLD.example.org, port: 1143, tls: starttls, tls_verify: false}\n"
	    "  new: {host: \"[::1]\", tls: none}\n"
	    "  far: {host: far.example.org, tls: none, allow_plaintext: true}\n"
	    "  pin: {host: x, tls: implicit, pin: AA00000000000000000000000000000000000000000000000000000000000000}\n"
	    "defaults:\n"
	    "  source: {server: old, auth: plain, login: \"{id}-admin\", as: \"{user}\", password: {file: /dev/null}}\n"
	    "  target: {server: new, user: \"{user}@new\", password: tp}\n"
	    "  options: {skip_mailbox: [Junk, \"Trash*\"], timeout: 2m, long_lines: skip}\n"
	    "limits: {jobs: 16, start_delay: 200ms}\n"
	    "retry: {attempts: 2, backoff: 1m, factor: 1.5, max_wait: 1h, jitter: 0%}\n"
	    "accounts:\n"
	    "  - id: info\n"
	    "    user: i\n"
	    "    source: {password: x, server: far, user: ii}\n"
	    "    options:\n"
	    "      skip_mailbox: Old\n"
	    "      subscription: false\n"
	    "      long_lines: null\n"
	    "      fetch: {max_messages: 10, max_size: 1500kB}\n"
	    "      acl: false\n"
	    "      new_uid: false\n"
	    "      overlap: false\n");
	cr_assert_str_eq(p->name, "example-org_2026.1");
	cr_assert_str_eq(p->state_dir, "/var/tmp/x");
	cr_assert_str_eq(p->servers[0].host, "old.example.org");
	cr_assert_eq(p->servers[0].port, 1143);
	cr_assert_not(p->servers[0].tls_verify);
	cr_assert_str_eq(p->servers[1].host, "::1");
	cr_assert_eq(plan_server_port(&p->servers[3]), 993);
	cr_assert_eq(p->servers[3].pin[0], 'a');
	cr_assert_eq(p->limits.jobs, 16);
	cr_assert_eq(p->limits.start_delay_ms, 200);
	cr_assert_eq(p->retry.attempts, 2);
	cr_assert_float_eq(p->retry.factor, 1.5, 1e-9);
	cr_assert_eq(p->retry.jitter_percent, 0);
	const struct plan_account *a = &p->accounts[0];
	cr_assert_str_eq(a->id, "info");
	cr_assert_str_eq(a->source.server->name, "far");
	cr_assert_str_eq(a->source.login, "ii", "logs in as itself");
	cr_assert_null(a->source.as);
	cr_assert_eq(a->source.auth, PLAN_AUTH_AUTO);
	cr_assert_str_eq(a->target.login, "i@new");
	cr_assert_eq(a->options.skip_mailboxes, 1);
	cr_assert_str_eq(a->options.skip_mailbox[0], "Old");
	cr_assert_not(a->options.subscription);
	cr_assert_eq(a->options.long_lines, PLAN_LONG_LINES_KEEP);
	cr_assert_eq(a->options.fetch_max, 10);
	cr_assert_eq(a->options.fetch_size_max, 2, "rounded up");
	cr_assert_eq(a->options.timeout_ms, 120000);
	cr_assert_not(a->options.overlap);
	plan_free(p);
}

Test(plan, replaces_placeholders)
{
	setenv("PW_anna", "x", 1);
	struct plan *p = good(SERVERS
	    "defaults:\n"
	    "  source: {server: old, login: \"a{b}c-{id}\", as: \"{user}\", password: {env: \"PW_{id}\"}}\n"
	    "  target: {server: new, password: \"{user}\"}\n"
	    "accounts: [{id: anna, source: {user: s, login: \"{user}/{id}\"}, target: {user: t}}]\n");
	const struct plan_account *a = &p->accounts[0];

	cr_assert_str_eq(a->source.login, "s/anna");
	cr_assert_str_eq(a->source.as, "s");
	cr_assert_eq(a->source.auth, PLAN_AUTH_PLAIN, "as needs it");
	cr_assert_str_eq(a->source.password.value, "PW_anna");
	cr_assert_str_eq(a->target.login, "t");
	cr_assert_str_eq(a->target.password.value, "{user}", "not in secrets");
	plan_free(p);
}

struct secret_row {
	char yaml[32], expected[32];
};

/* F163: a password is the text as it stands. */
static struct secret_row secret_rows[] = {
    {"0123", "0123"},
    {"1e5", "1e5"},
    {"yes", "yes"},
    {"no", "no"},
    {"true", "true"},
    {"0x1F", "0x1F"},
    {"\"null\"", "null"},
    {"'~'", "~"},
    {"'#x'", "#x"},
    {"a#b", "a#b"},
    {"'a: b'", "a: b"},
    {"'*x&!%@'", "*x&!%@"},
    {"\" x \"", " x "},
    {"\"a\\tb\"", "a\tb"},
    {"\xc3\xa4", "\xc3\xa4"},
};

ParameterizedTestParameters(plan, takes_passwords_exactly)
{
	return cr_make_param_array(struct secret_row, secret_rows,
	    sizeof(secret_rows) / sizeof(secret_rows[0]));
}

ParameterizedTest(struct secret_row *row, plan, takes_passwords_exactly)
{
	char *text = mem_printf(
	    HEAD "accounts:\n  - user: x\n    password: %s\n", row->yaml);
	struct plan *p = good(text);

	cr_assert_str_eq(p->accounts[0].source.password.value, row->expected);
	cr_assert_str_eq(p->accounts[0].target.password.value, row->expected);
	plan_free(p);
	free(text);
}

struct bad_row {
	char code[8];
	unsigned line, column;
	char text[420];
};

static struct bad_row bad_rows[] = {
    /* the top */
    {"E0101", 1, 1, "- a\n"},
    {"E0102", 1, 1, "servers: {a: {host: x}}\naccounts: []\n"},
    {"E0128", 1, 10, "version: 2\nservers: {a: {host: x}}\naccounts: []\n"},
    {"E0102", 1, 1, "version: 1\naccounts: []\n"},
    {"E0102", 1, 1, HEAD},
    {"E0107", 8, 1, HEAD "acounts: []\naccounts: []\n"},
    {"E0103", 8, 1, HEAD "include: x\n" ACCOUNTS},
    {"E0103", 8, 1, HEAD "engine_args: x\n" ACCOUNTS},
    {"E0103", 8, 10, HEAD "limits: {connections: 9}\n" ACCOUNTS},
    {"E0101", 8, 8, HEAD "hooks: x\n" ACCOUNTS},
    {"E0101", 8, 15, HEAD "groups: {vip: x}\n" ACCOUNTS},
    {"E0210", 8, 7, HEAD "name: a/b\n" ACCOUNTS},
    {"E0210", 8, 7, HEAD "name: .a\n" ACCOUNTS},
    {"E0127", 8, 7, HEAD "name: no\n" ACCOUNTS},
    {"E0127", 8, 7, HEAD "name: \"\"\n" ACCOUNTS},
    {"E0101", 8, 7, HEAD "name: [a]\n" ACCOUNTS},
    /* limits and retry */
    {"E0122", 8, 16, HEAD "limits: {jobs: 04}\n" ACCOUNTS},
    {"E0122", 8, 16, HEAD "limits: {jobs: 0}\n" ACCOUNTS},
    {"E0122", 8, 16, HEAD "limits: {jobs: many}\n" ACCOUNTS},
    {"E0101", 8, 16, HEAD "limits: {jobs: [1]}\n" ACCOUNTS},
    {"E0101", 8, 9, HEAD "limits: 4\n" ACCOUNTS},
    {"E0123", 8, 18, HEAD "retry: {backoff: 30}\n" ACCOUNTS},
    {"E0123", 8, 18, HEAD "retry: {backoff: 3 weeks}\n" ACCOUNTS},
    {"E0123", 8, 18, HEAD "retry: {backoff: 30d}\n" ACCOUNTS},
    {"E0125", 8, 17, HEAD "retry: {jitter: 20}\n" ACCOUNTS},
    {"E0125", 8, 17, HEAD "retry: {jitter: 120%}\n" ACCOUNTS},
    {"E0122", 8, 17, HEAD "retry: {factor: 0}\n" ACCOUNTS},
    /* servers */
    {"E0102", 3, 3, "version: 1\nservers:\n  a: {}\naccounts: []\n"},
    {"E0101", 2, 10, "version: 1\nservers: [a]\naccounts: []\n"},
    {"E0107", 2, 24,
	"version: 1\nservers: {a: {host: x, tls_verfy: no}}\naccounts: []\n"},
    {"E0121", 2, 36,
	"version: 1\nservers: {a: {host: x, tls_verify: no}}\naccounts: []\n"},
    {"E0121", 2, 36,
	"version: 1\nservers: {a: {host: x, tls_verify: True}}\naccounts: []\n"},
    {"E0121", 2, 36,
	"version: 1\nservers: {a: {host: x, tls_verify: \"true\"}}\naccounts: []\n"},
    {"E0126", 2, 29,
	"version: 1\nservers: {a: {host: x, tls: ssl}}\naccounts: []\n"},
    {"E0122", 2, 30,
	"version: 1\nservers: {a: {host: x, port: 65536}}\naccounts: []\n"},
    {"E0122", 2, 30,
	"version: 1\nservers: {a: {host: x, port: 0143}}\naccounts: []\n"},
    {"E0122", 2, 30,
	"version: 1\nservers: {a: {host: x, port: 0}}\naccounts: []\n"},
    {"E0129", 2, 21,
	"version: 1\nservers: {a: {host: \"imap://x\"}}\naccounts: []\n"},
    {"E0129", 2, 21,
	"version: 1\nservers: {a: {host: \"x:143\"}}\naccounts: []\n"},
    {"E0129", 2, 21,
	"version: 1\nservers: {a: {host: \"a b\"}}\naccounts: []\n"},
    {"E0131", 2, 29,
	"version: 1\nservers: {a: {host: x, pin: abc}}\naccounts: []\n"},
    {"E0130", 2, 33,
	"version: 1\nservers: {a: {host: x, ca_file: /nowhere/ca}}\naccounts: []\n"},
    {"E0126", 2, 32,
	"version: 1\nservers: {a: {host: x, preset: gmial}}\naccounts: []\n"},
    {"E0138", 2, 14,
	"version: 1\nservers: {a: {host: x, breaker: {pause: 1h}}}\naccounts: []\n"},
    {"E0124", 2, 44,
	"version: 1\nservers: {a: {host: x, limits: {bandwidth: 40MiB}}}\naccounts: []\n"},
    {"E0122", 2, 46,
	"version: 1\nservers: {a: {host: x, limits: {per_account: 0}}}\naccounts: []\n"},
    {"E0207", 2, 21,
	"version: 1\nservers: {a: {host: x, tls: none}}\naccounts: []\n"},
    /* options */
    {"E0126", 8, 38, HEAD "accounts: [{user: a, options: {mode: sync}}]\n"},
    {"E0101", 8, 48,
	HEAD "accounts: [{user: a, options: {rename_mailbox: {a: b}}}]\n"},
    {"E0124", 8, 50,
	HEAD "accounts: [{user: a, options: {fetch: {max_size: 10}}}]\n"},
    {"E0213", 8, 31,
	HEAD "accounts: [{user: a, options: {fetch: {max_messages: 200}}}]\n"},
    {"E0127", 8, 47,
	HEAD "accounts: [{user: a, options: {skip_mailbox: [yes]}}]\n"},
    {"E0126", 8, 44,
	HEAD "accounts: [{user: a, options: {long_lines: cut}}]\n"},
    {"E0123", 8, 41, HEAD "accounts: [{user: a, options: {timeout: 5ms}}]\n"},
    /* accounts */
    {"E0101", 8, 12, HEAD "accounts: [anna]\n"},
    {"E0101", 8, 11, HEAD "accounts: {user: anna}\n"},
    {"E0107", 8, 13, HEAD "accounts: [{usr: anna}]\n"},
    {"E0221", 8, 31, HEAD "accounts: [{user: a, groups: [x]}]\n"},
    {"E0201", 10, 5,
	HEAD "accounts:\n  - {id: a, user: x}\n  - {id: A, user: y}\n"},
    {"E0202", 8, 17, HEAD "accounts: [{id: \"../x\", user: a}]\n"},
    {"E0202", 8, 19, HEAD "accounts: [{user: a/b}]\n"},
    {"E0203", 10, 5,
	HEAD "accounts:\n  - {id: a, user: x}\n  - {id: b, user: X}\n"},
    {"E0204", 8, 12, HEAD "accounts: [{user: a, target: {server: old}}]\n"},
    {"E0205", 8, 39, HEAD "accounts: [{user: a, target: {server: nwe}}]\n"},
    {"E0206", 8, 12, HEAD "accounts: [{id: a}]\n"},
    {"E0206", 5, 12, SERVERS "accounts: [{user: a, password: x}]\n"},
    {"E0206", 6, 12,
	SERVERS
	"defaults: {source: {server: old}, target: {server: new}}\naccounts: [{user: a}]\n"},
    {"E0208", 8, 48,
	HEAD "accounts: [{user: a, source: {auth: login, as: b}}]\n"},
    {"E0212", 8, 38,
	HEAD "accounts: [{user: a, source: {login: \"{usr}\"}}]\n"},
    /* secrets */
    {"E0302", 8, 48,
	HEAD
	"accounts: [{user: a, source: {password: {file: /nowhere/pw}}}]\n"},
    {"E0302", 8, 48,
	HEAD "accounts: [{user: a, source: {password: {file: /dev/null}}}]\n"},
    {"E0303", 8, 47,
	HEAD
	"accounts: [{user: a, source: {password: {env: NOT_THERE_AT_ALL}}}]\n"},
    {"E0305", 8, 41, HEAD "accounts: [{user: a, source: {password: {}}}]\n"},
    {"E0305", 8, 47,
	HEAD "accounts: [{user: a, source: {password: {env: $X}}}]\n"},
    {"E0305", 8, 41, HEAD "accounts: [{user: a, source: {password: [x]}}]\n"},
    {"E0134", 8, 51,
	HEAD "accounts: [{user: a, source: {password: {command: x}}}]\n"},
    {"E0134", 8, 52,
	HEAD
	"accounts: [{user: a, source: {password: {command: [./nowhere]}}}]\n"},
    {"E0305", 8, 54,
	HEAD "accounts: [{user: a, source: {password: {credential: a/b}}}]\n"},
    {"E0302", 8, 54,
	HEAD "accounts: [{user: a, source: {password: {credential: ab}}}]\n"},
    {"E0305", 8, 41,
	HEAD "accounts: [{user: a, source: {password: {env: X, file: y}}}]\n"},
    {"E0107", 8, 42,
	HEAD "accounts: [{user: a, source: {password: {text: x}}}]\n"},
    {"E0306", 8, 41, HEAD "accounts: [{user: a, source: {password: ~}}]\n"},
    {"E0306", 8, 41, HEAD "accounts: [{user: a, source: {password: null}}]\n"},
    {"E0306", 8, 41, HEAD "accounts: [{user: a, source: {password: \"\"}}]\n"},
    {"W0301", 9, 16,
	HEAD "accounts:\n  - {password: abc #def\n    , user: a, id: \"!\"}\n"},
    /* accounts files */
    {"E0401", 8, 23, HEAD "accounts_file: {path: /nowhere/users.tsv}\n"},
    {"E0102", 8, 16, HEAD "accounts_file: {format: tsv}\n"},
    {"E0101", 8, 16, HEAD "accounts_file: users.tsv\n"},
    {"E0126", 8, 34, HEAD "accounts_file: {path: x, format: xls}\n"},
    {"E0402", 8, 53,
	HEAD "accounts_file: {path: x, format: imapsync, columns: [user]}\n"},
    {"E0402", 8, 42,
	HEAD "accounts_file: {path: x, columns: [user, passwd]}\n"},
    {"E0402", 8, 35, HEAD "accounts_file: {path: x, columns: [user, user]}\n"},
};

/* F031, F154-F156, F166, F167 */
ParameterizedTestParameters(plan, refuses)
{
	return cr_make_param_array(
	    struct bad_row, bad_rows, sizeof(bad_rows) / sizeof(bad_rows[0]));
}

ParameterizedTest(struct bad_row *row, plan, refuses)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;

	cr_assert_null(load_text(row->text, d), "%s", row->text);
	cr_assert(plan_diag_get(d, 0, &item));
	cr_assert_str_eq(item.code, row->code, "%s: %s %s", row->text,
	    item.code, item.message);
	cr_assert(
	    item.place.line == row->line && item.place.column == row->column,
	    "%s: %u:%u", row->text, item.place.line, item.place.column);
	plan_diag_free(d);
}

/* F154 */
Test(plan, reports_everything_in_one_run_sorted)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;
	static const char *const codes[] = {
	    "E0107", "E0126", "E0122", "E0121", "E0127", "E0202"};

	cr_assert_null(load_text("version: 1\n"
				 "servers:\n"
				 "  old: {hots: x, host: a, tls: ssl}\n"
				 "  new: {host: b, port: 010, tls_verify: on}\n"
				 "defaults:\n"
				 "  source: {server: old, password: p}\n"
				 "  target: {server: new, password: p}\n"
				 "accounts:\n"
				 "  - {user: yes}\n"
				 "  - {user: \"a b\"}\n",
	    d));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		cr_assert(plan_diag_get(d, i, &item));
		cr_assert_str_eq(item.code, codes[i], "%zu", i);
	}
	cr_assert_not(plan_diag_get(d, ARRAY_LEN(codes), &item));
	cr_assert_eq(plan_diag_errors(d), ARRAY_LEN(codes));
	plan_diag_free(d);
}

Test(plan, shows_source_caret_and_hint)
{
	struct plan_diag *d = plan_diag_new();

	cr_assert_null(load_text(
	    "version: 1\nservers:\n  old: {host: x, tls_verfy: true}\naccounts: []\n",
	    d));
	char *text = plan_text_printed(d);
	cr_assert_str_eq(text,
	    "error[E0107]: unknown key \"tls_verfy\" in servers.old\n"
	    "  --> p.yaml:3:18\n"
	    "      |\n"
	    "    3 |   old: {host: x, tls_verfy: true}\n"
	    "      |                  ^^^^^^^^^\n"
	    "      = did you mean \"tls_verify\"?\n"
	    "      = known keys here: host, port, cli_port, tls, tls_verify, ca_file, pin, allow_plaintext, preset, limits, breaker\n"
	    "\n");
	free(text);
	plan_diag_free(d);
}

/* F210 */
Test(plan, shows_stars_instead_of_a_secret)
{
	struct plan_diag *d = plan_diag_new();

	cr_assert_null(load_text(HEAD
	    "accounts:\n"
	    "  - {usr: anna, password: hunter2}\n"
	    "  - {user: bob, password: hunter2, source: {sever: old}}\n"
	    "  - {user: eve, passwort: hunter2}\n"
	    "  - {user: dan, password: {fil: hunter2}}\n",
	    d));
	cr_assert_geq(plan_diag_errors(d), 4);
	char *text = plan_text_printed(d);
	cr_assert_null(strstr(text, "hunter2"), "%s", text);
	cr_assert_not_null(strstr(text, "********"));
	free(text);
	plan_diag_free(d);
}

Test(plan, shows_fifty_and_counts_the_rest)
{
	struct plan_diag *d = plan_diag_new();
	char *text = mem_strdup("version: 1\n");

	for (int i = 0; i < 300; i++) {
		char *more = mem_printf("%sx%d: 1\n", text, i);
		free(text);
		text = more;
	}
	cr_assert_null(load_text(text, d));
	free(text);
	cr_assert_geq(plan_diag_errors(d), 300);
	text = plan_text_printed(d);
	cr_assert_not_null(strstr(text, "more problems not shown"));
	size_t shown = 0;
	for (const char *p = text; (p = strstr(p, "error[")); p++)
		shown++;
	cr_assert_eq(shown, 50);
	free(text);
	plan_diag_free(d);
}

/* F205 */
Test(plan, escapes_what_it_repeats)
{
	struct plan_diag *d = plan_diag_new();

	cr_assert_null(load_text("version: 1\n\"\\e[31m\\nx\": 1\n", d));
	char *text = plan_text_printed(d);
	cr_assert_null(strchr(text, 27));
	cr_assert_not_null(strstr(text, "\\x1b[31m\\x0ax"));
	free(text);
	plan_diag_free(d);
}

Test(plan, finds_accounts_by_exact_id)
{
	struct plan *p = good(HEAD
	    "accounts: [{user: zoe}, {user: Anna}, {user: bob@x}, {user: b_b}]\n");

	cr_assert_eq(plan_find_account(p, "zoe"), &p->accounts[0]);
	cr_assert_eq(plan_find_account(p, "Anna"), &p->accounts[1]);
	cr_assert_eq(plan_find_account(p, "bob@x"), &p->accounts[2]);
	cr_assert_eq(plan_find_account(p, "b_b"), &p->accounts[3]);
	cr_assert_null(plan_find_account(p, "anna"));
	cr_assert_null(plan_find_account(p, ""));
	plan_free(p);
}

/* F167, F168 */
Test(plan, gives_safe_and_different_file_names)
{
	static const char *const ids[] = {"..", "-rf", "con", "a@b", "a+b",
	    "A.B",
	    "x123456789012345678901234567890123456789012345678901234567890-1",
	    "x123456789012345678901234567890123456789012345678901234567890-2"};
	char *text = mem_strdup(HEAD "accounts:\n");

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		char *more = mem_printf(
		    "%s  - {id: \"%s\", user: u%zu}\n", text, ids[i], i);
		free(text);
		text = more;
	}
	struct plan *p = good(text);
	for (size_t i = 0; i < p->account_count; i++) {
		const char *slug = p->accounts[i].slug;
		cr_assert_eq(
		    strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789._-"),
		    strlen(slug));
		cr_assert(slug[0] != '.' && slug[0] != '-', "%s", slug);
		cr_assert_leq(strlen(slug), 69);
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(slug, p->accounts[k].slug);
	}
	plan_free(p);
	free(text);
}

static char *digest_of(const char *text)
{
	struct plan *p = good(text);
	char *digest = mem_strdup(p->accounts[0].digest);

	plan_free(p);
	return digest;
}

/* F158 */
Test(plan, digest_tells_what_changes_the_result)
{
#define RENAMED \
	"version: 1\nservers:\n  o2: {host: OLD.example.org, port: 143}\n" \
	"  n2: {host: new.example.org, tls_verify: false}\n" \
	"defaults: {source: {server: o2, password: p}, target: {server: n2, password: p}}\n"
	static const char *const equal[] = {
	    HEAD "accounts: [{id: a, user: x, password: other}]\n",
	    HEAD "limits: {jobs: 9}\naccounts: [{user: x, id: a}]\n",
	    HEAD
	    "accounts: [{id: a, user: x, options: {fetch: {max_messages: 5}, timeout: 5m, overlap: false}}]\n",
	    RENAMED "accounts: [{id: a, user: x}]\n",
	};
	static const char *const different[] = {
	    HEAD "accounts: [{id: a, user: y}]\n",
	    HEAD "accounts: [{id: a, user: x, target: {user: y}}]\n",
	    HEAD "accounts: [{id: a, user: x, source: {login: y}}]\n",
	    HEAD "accounts: [{id: a, user: x, source: {as: y}}]\n",
	    HEAD "accounts: [{id: a, user: x, options: {list: \"a*\"}}]\n",
	    HEAD "accounts: [{id: a, user: x, options: {skip_mailbox: b}}]\n",
	    HEAD
	    "accounts: [{id: a, user: x, options: {skip_mailbox: [b, c]}}]\n",
	    HEAD
	    "accounts: [{id: a, user: x, options: {subscription: false}}]\n",
	    HEAD "accounts: [{id: a, user: x, options: {long_lines: skip}}]\n",
	    "version: 1\nservers:\n  old: {host: old.example.org, port: 144}\n  new: {host: new.example.org}\n" DEFAULTS
	    "accounts: [{id: a, user: x}]\n",
	};
	char *base = digest_of(HEAD "accounts: [{id: a, user: x}]\n");
	char *seen[ARRAY_LEN(different)];

	for (size_t i = 0; i < ARRAY_LEN(equal); i++) {
		char *digest = digest_of(equal[i]);
		cr_assert_str_eq(digest, base, "%s", equal[i]);
		free(digest);
	}
	for (size_t i = 0; i < ARRAY_LEN(different); i++) {
		seen[i] = digest_of(different[i]);
		cr_assert_str_neq(seen[i], base, "%s", different[i]);
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(seen[i], seen[k]);
	}
	for (size_t i = 0; i < ARRAY_LEN(different); i++)
		free(seen[i]);
	free(base);
}

Test(plan, digest_of_all_does_not_know_the_order)
{
	struct plan *one = good(HEAD "accounts: [{user: a}, {user: b}]\n");
	struct plan *two = good(HEAD "accounts: [{user: b}, {user: a}]\n");
	struct plan *three = good(HEAD "accounts: [{user: b}]\n");

	cr_assert_str_eq(one->digest, two->digest);
	cr_assert_str_neq(one->digest, three->digest);
	plan_free(one);
	plan_free(two);
	plan_free(three);
}

/* F156 */
Test(plan, knows_one_server_under_two_names)
{
	static const char *const bad[] = {
	    "version: 1\nservers: {a: {host: x}, b: {host: X, tls: implicit}}\n"
	    "accounts: [{user: u, password: p, source: {server: a}, target: {server: b}}]\n",
	    "version: 1\nservers: {a: {host: localhost}, b: {host: 127.0.0.1}}\n"
	    "accounts: [{user: u, password: p, source: {server: a}, target: {server: b}}]\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct plan_diag *d = plan_diag_new();
		struct plan_diag_item item;
		cr_assert_null(load_text(bad[i], d));
		cr_assert(plan_diag_get(d, 0, &item));
		cr_assert_str_eq(item.code, "E0204");
		plan_diag_free(d);
	}
	// test servers on one machine are told apart by their ports
	plan_free(good(
	    "version: 1\nservers: {a: {host: localhost, port: 10143, tls: none}, b: {host: 127.0.0.1, port: 10144, tls: none}}\n"
	    "accounts: [{user: u, password: p, source: {server: a}, target: {server: b}}]\n"));
}

/* F153 */
Test(plan, without_accounts_is_a_warning)
{
	struct plan_diag *d = plan_diag_new();
	struct plan *p = load_text(HEAD "accounts: []\n", d);

	cr_assert_not_null(p);
	cr_assert_eq(p->account_count, 0);
	cr_assert_eq(plan_diag_warnings(d), 1);
	cr_assert_null(plan_find_account(p, "x"));
	plan_free(p);
	plan_diag_free(d);
}
