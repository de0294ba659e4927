// SPDX-License-Identifier: MIT
/* What a plan says about the engine's work: modes, names, log-ins. */
#include "config/plan.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan_diag.h"
#include "engine/base/mem.h"
#include "tests/unit/support/plan_text.h"

static struct plan *load(const char *text, struct plan_diag *d)
{
	return plan_load_bytes("p.yaml", text, strlen(text), d);
}

/* A plan that must be good. */
static struct plan *good(const char *text)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item = {0};
	struct plan *plan = load(text, d);

	if (!plan)
		(void)plan_diag_get(d, 0, &item);
	cr_assert_not_null(plan, "%s: %s", item.code, item.message);
	cr_assert_eq(plan_diag_warnings(d), 0);
	plan_diag_free(d);
	return plan;
}

Test(plan_options, are_those_of_the_guide_when_nothing_is_written)
{
	struct plan *p = good(HEAD "accounts: [{user: a}]\n");
	const struct plan_account *a = &p->accounts[0];
	const struct plan_options *o = &a->options;

	cr_assert_eq(o->mode, PLAN_MODE_SRC_ALL);
	cr_assert_eq(o->lists, 0);
	cr_assert_eq(o->rename_mailboxes, 0);
	cr_assert(o->acl && o->special_use && o->metadata && o->subscription);
	cr_assert_not(o->mailbox_class);
	cr_assert_eq(o->force_index, PLAN_SWITCH_AUTO);
	cr_assert_eq(o->new_uid, PLAN_SWITCH_AUTO);
	cr_assert_null(o->new_uid_template);
	cr_assert_eq(o->errors_max, 100);
	cr_assert_eq(o->max_delete, PLAN_NO_LIMIT);
	cr_assert_eq(o->max_delete_percent, PLAN_NO_LIMIT);
	cr_assert(o->literal_plus);
	cr_assert_eq(p->servers[0].cli_port, 106);
	cr_assert_null(a->source.prefix);
	cr_assert_null(a->source.proxy_auth);
	cr_assert_not(a->source.is_token);
	plan_free(p);
}

Test(plan_options, say_all_that_the_engine_can_do)
{
	struct plan *p =
	    good(HEAD "deletes: {max_per_account: 100, max_percent: 5}\n"
		      "accounts:\n"
		      "  - user: a\n"
		      "    options:\n"
		      "      mode: syncDst\n"
		      "      list: [INBOX, \"Work/*\"]\n"
		      "      skip_mailbox: Junk\n"
		      "      also_skip_mailbox: [Old, \"Trash*\"]\n"
		      "      rename_mailbox:\n"
		      "        - {from: Sent Items, to: Sent}\n"
		      "        - {from: \"Lists.*\", to: \"Archive/*/old\"}\n"
		      "      acl: false\n"
		      "      special_use: false\n"
		      "      metadata: false\n"
		      "      mailbox_class: true\n"
		      "      force_index: true\n"
		      "      new_uid: auto\n"
		      "      new_uid_template: \"UID %u\"\n"
		      "      long_lines: wrap\n"
		      "      errors_max: 7\n"
		      "      literal_plus: false\n");
	const struct plan_options *o = &p->accounts[0].options;

	cr_assert_eq(o->mode, PLAN_MODE_DST);
	cr_assert_eq(o->mode_place.line, 12);
	cr_assert_eq(o->max_delete, 100);
	cr_assert_eq(o->max_delete_percent, 5);
	cr_assert_eq(o->lists, 2);
	cr_assert_str_eq(o->list[1], "Work/*");
	cr_assert_eq(o->skip_mailboxes, 3);
	cr_assert_str_eq(o->skip_mailbox[0], "Junk");
	cr_assert_str_eq(o->skip_mailbox[2], "Trash*");
	cr_assert_eq(o->rename_mailboxes, 2);
	cr_assert_str_eq(o->rename_mailbox[0].from, "Sent Items");
	cr_assert_str_eq(o->rename_mailbox[1].to, "Archive/*/old");
	cr_assert_not(o->acl || o->special_use || o->metadata);
	cr_assert(o->mailbox_class);
	cr_assert_eq(o->force_index, PLAN_SWITCH_ON);
	cr_assert_str_eq(o->new_uid_template, "UID %u");
	cr_assert_eq(o->long_lines, PLAN_LONG_LINES_WRAP);
	cr_assert_eq(o->errors_max, 7);
	cr_assert_not(o->literal_plus);
	plan_free(p);
}

/* Lists replace what they inherit, `also_` adds, null resets. */
Test(plan_options, of_an_account_lie_over_the_defaults)
{
	struct plan *p = good(HEAD
	    "  options:\n"
	    "    mode: syncSrcNew\n"
	    "    list: INBOX\n"
	    "    skip_mailbox: [Junk]\n"
	    "    rename_mailbox: [{from: a, to: b}]\n"
	    "    new_uid_template: \"UID %u\"\n"
	    "    force_index: false\n"
	    "accounts:\n"
	    "  - {user: a, options: {also_skip_mailbox: Old}}\n"
	    "  - {user: b, options: {mode: null, list: null, skip_mailbox: [],\n"
	    "      rename_mailbox: null, new_uid_template: null, force_index: null}}\n"
	    "  - {user: c}\n");
	const struct plan_options *a = &p->accounts[0].options;
	const struct plan_options *b = &p->accounts[1].options;
	const struct plan_options *c = &p->accounts[2].options;

	cr_assert_eq(a->mode, PLAN_MODE_SRC_NEW);
	cr_assert_eq(a->skip_mailboxes, 2);
	cr_assert_str_eq(a->skip_mailbox[0], "Junk");
	cr_assert_str_eq(a->skip_mailbox[1], "Old");
	cr_assert_eq(b->mode, PLAN_MODE_SRC_ALL);
	cr_assert_eq(b->lists, 0);
	cr_assert_eq(b->skip_mailboxes, 0);
	cr_assert_eq(b->rename_mailboxes, 0);
	cr_assert_null(b->new_uid_template);
	cr_assert_eq(b->force_index, PLAN_SWITCH_AUTO);
	cr_assert_eq(c->skip_mailboxes, 1, "nobody else is touched");
	cr_assert_eq(c->force_index, PLAN_SWITCH_OFF);
	plan_free(p);
}

struct auth_row {
	char word[16];
	enum plan_auth auth;
};

static struct auth_row auth_rows[] = {
    {"auto", PLAN_AUTH_AUTO},
    {"login", PLAN_AUTH_LOGIN},
    {"plain", PLAN_AUTH_PLAIN},
    {"cram-md5", PLAN_AUTH_CRAM_MD5},
    {"scram-sha-1", PLAN_AUTH_SCRAM_SHA_1},
    {"scram-sha-256", PLAN_AUTH_SCRAM_SHA_256},
    {"xoauth2", PLAN_AUTH_XOAUTH2},
    {"oauthbearer", PLAN_AUTH_OAUTHBEARER},
    {"oauth", PLAN_AUTH_OAUTH},
    {"external", PLAN_AUTH_EXTERNAL},
};

ParameterizedTestParameters(plan_options, know_every_way_to_log_in)
{
	return cr_make_param_array(struct auth_row, auth_rows,
	    sizeof(auth_rows) / sizeof(auth_rows[0]));
}

ParameterizedTest(struct auth_row *row, plan_options, know_every_way_to_log_in)
{
	char *text = mem_printf(
	    HEAD "accounts: [{user: a, source: {auth: %s}}]\n", row->word);
	struct plan *p = good(text);

	cr_assert_eq(p->accounts[0].source.auth, row->auth);
	plan_free(p);
	free(text);
}

Test(plan_options, an_administrator_may_stand_for_others)
{
	struct plan *p = good(SERVERS
	    "defaults:\n"
	    "  source: {server: old, login: admin, proxy_auth: \"{user}\", password: sp, prefix: \"~{user}/\"}\n"
	    "  target: {server: new, login: admin, as: \"{user}\", auth: scram-sha-256, password: tp}\n"
	    "accounts:\n"
	    "  - {user: anna, source: {prefix: \"\"}}\n"
	    "  - {user: bob, target: {prefix: \"Mail/{id}/\"}}\n"
	    "  - {user: eve, password: own}\n"
	    "  - {user: dan, source: {proxy_auth: null}, target: {as: ~, login: null, auth: null}}\n");
	const struct plan_account *a = p->accounts;

	cr_assert_str_eq(a[0].source.login, "admin");
	cr_assert_str_eq(a[0].source.proxy_auth, "anna");
	cr_assert_null(a[0].source.prefix, "none, although one is inherited");
	cr_assert_str_eq(a[0].target.as, "anna");
	cr_assert_eq(a[0].target.auth, PLAN_AUTH_SCRAM_SHA_256);
	cr_assert_str_eq(a[1].source.prefix, "~bob/");
	cr_assert_str_eq(a[1].target.prefix, "Mail/bob/");
	cr_assert_str_eq(a[2].source.login, "eve", "as itself");
	cr_assert_null(a[2].source.proxy_auth);
	cr_assert_eq(a[2].target.auth, PLAN_AUTH_AUTO);
	cr_assert_str_eq(a[3].source.login, "admin", "null resets one");
	cr_assert_null(a[3].source.proxy_auth);
	cr_assert_null(a[3].target.as);
	cr_assert_str_eq(a[3].target.login, "dan");
	plan_free(p);
}

Test(plan_options, a_token_says_how_to_log_in)
{
	setenv("TOKEN", "t", 1);
	struct plan *p = good(SERVERS
	    "defaults:\n"
	    "  source: {server: old, auth: xoauth2, token: {env: TOKEN}}\n"
	    "  target: {server: new, token: {env: TOKEN}}\n"
	    "accounts:\n"
	    "  - {user: a}\n"
	    "  - {user: b, password: own}\n"
	    "  - {user: c, target: {auth: external}, source: {token: x}}\n");
	const struct plan_account *a = p->accounts;

	cr_assert(a[0].source.is_token && a[0].target.is_token);
	cr_assert_eq(a[0].source.auth, PLAN_AUTH_XOAUTH2);
	cr_assert_eq(a[0].target.auth, PLAN_AUTH_OAUTH);
	cr_assert_str_eq(a[0].source.password.value, "TOKEN");
	cr_assert_not(a[1].source.is_token);
	cr_assert_eq(a[1].source.auth, PLAN_AUTH_AUTO, "of the token");
	cr_assert_eq(a[2].source.auth, PLAN_AUTH_XOAUTH2);
	plan_free(p);
}

Test(plan_options, external_needs_no_password)
{
	struct plan *p = good(SERVERS
	    "accounts: [{user: a, source: {server: old, auth: external}, target: {server: new, password: x}}]\n");

	cr_assert_eq(p->accounts[0].source.password.kind, PLAN_SECRET_NONE);
	plan_free(p);
}

/* F155 */
Test(plan_options, prefixes_keep_accounts_apart)
{
	// one target, and one server for both sides
	plan_free(good(HEAD
	    "accounts:\n"
	    "  - {id: a, user: x}\n"
	    "  - {id: b, user: y, target: {user: x, prefix: Old/}}\n"
	    "  - {id: c, user: z, target: {user: x, prefix: Old/c/}}\n"
	    "  - {id: d, user: d, target: {server: old, prefix: d/}, source: {prefix: e/}}\n"));
	// PROXYAUTH says whose mailboxes they are
	plan_free(good(HEAD
	    "accounts:\n"
	    "  - {id: a, user: x, target: {login: admin, proxy_auth: x}}\n"
	    "  - {id: b, user: y, target: {login: admin, proxy_auth: y}}\n"));
	// mirrors beside each other
	plan_free(
	    good(HEAD "  options: {mode: syncDst}\n"
		      "deletes: {max_percent: 0}\n"
		      "accounts:\n"
		      "  - {id: a, user: x, target: {user: t, prefix: a/}}\n"
		      "  - {id: b, user: y, target: {user: t, prefix: b/}}\n"));
}

/* F155 */
Test(plan_options, a_target_may_be_shared_expressly)
{
	struct plan *p = good(HEAD
	    "accounts:\n"
	    "  - {id: a, user: x, shared_target: true}\n"
	    "  - {id: b, user: y}\n"
	    "  - {id: c, user: z, target: {user: X}, shared_target: true}\n"
	    "  - {id: d, user: d, shared_target: true}\n");

	cr_assert_eq(p->target_groups, 2);
	cr_assert_neq(p->accounts[0].target_group, 0);
	cr_assert_eq(p->accounts[1].target_group, 0);
	cr_assert_eq(p->accounts[2].target_group, p->accounts[0].target_group);
	cr_assert_neq(p->accounts[3].target_group, p->accounts[0].target_group);
	plan_free(p);
}

struct bad_row {
	char code[8];
	unsigned line, column;
	char text[480];
};

#define ACCOUNT(rest) HEAD "accounts: [{user: a, " rest "}]\n"
#define OPTIONS(rest) ACCOUNT("options: {" rest "}")

static struct bad_row bad_rows[] = {
    /* words */
    {"E0126", 8, 38, OPTIONS("mode: sync")},
    {"E0126", 8, 44, OPTIONS("long_lines: cut")},
    {"E0121", 8, 37, OPTIONS("acl: yes")},
    {"E0121", 8, 45, OPTIONS("force_index: on")},
    {"E0121", 8, 45, OPTIONS("force_index: \"auto\"")},
    {"E0101", 8, 41, OPTIONS("new_uid: [auto]")},
    {"E0122", 8, 44, OPTIONS("errors_max: 0")},
    {"E0126", 8, 37, ACCOUNT("source: {auth: digest-md5}")},
    {"E0126", 8, 37, ACCOUNT("source: {auth: proxyauth}")},
    {"E0122", 2, 34,
	"version: 1\nservers: {a: {host: x, cli_port: 0}}\naccounts: []\n"},
    /* names */
    {"E0127", 8, 38, OPTIONS("list: \"\"")},
    {"E0127", 8, 39, OPTIONS("list: [\"\"]")},
    {"E0127", 8, 39, OPTIONS("list: [\"a\\nb\"]")},
    {"E0101", 8, 38, OPTIONS("list: {a: b}")},
    {"E0127", 8, 47, OPTIONS("skip_mailbox: [\"\"]")},
    {"E0127", 8, 51, OPTIONS("also_skip_mailbox: \"\"")},
    {"E0102", 8, 49, OPTIONS("rename_mailbox: [{from: a}]")},
    {"E0127", 8, 56, OPTIONS("rename_mailbox: [{from: \"\", to: b}]")},
    {"E0127", 8, 63, OPTIONS("rename_mailbox: [{from: a, to: \"\"}]")},
    {"E0107", 8, 50, OPTIONS("rename_mailbox: [{form: a, to: b}]")},
    {"E0217", 8, 74,
	OPTIONS("rename_mailbox: [{from: a, to: b}, {from: a, to: c}]")},
    {"E0217", 8, 63, OPTIONS("rename_mailbox: [{from: a, to: \"b*\"}]")},
    {"E0217", 8, 66, OPTIONS("rename_mailbox: [{from: \"a*\", to: \"*b*\"}]")},
    {"E0218", 8, 39, ACCOUNT("source: {prefix: \"a*/\"}")},
    {"E0218", 8, 39, ACCOUNT("target: {prefix: \"a%/\"}")},
    {"E0101", 8, 39, ACCOUNT("source: {prefix: [a]}")},
    {"E0127", 8, 39, ACCOUNT("source: {prefix: \"a\\n\"}")},
    {"E0212", 8, 39, ACCOUNT("source: {prefix: \"{usr}/\"}")},
    {"W0219", 8, 38, OPTIONS("list: \"\xc3\x89l\", mode: x")},
    {"W0219", 8, 46, OPTIONS("skip_mailbox: \"\xc3\x89l\", mode: x")},
    /* the UID template */
    {"E0216", 8, 50, OPTIONS("new_uid_template: UID")},
    {"E0216", 8, 50, OPTIONS("new_uid_template: \"%u %u\"")},
    {"E0216", 8, 50, OPTIONS("new_uid_template: \"UID %d\"")},
    {"E0216", 8, 50, OPTIONS("new_uid_template: \"{%u}\"")},
    {"E0216", 8, 50, OPTIONS("new_uid_template: \"\\\"%u\"")},
    /* deletions */
    {"E0215", 8, 38, OPTIONS("mode: syncDst")},
    {"E0215", 8, 19,
	HEAD "  options: {mode: syncDst}\naccounts: [{user: a}, {user: b}]\n"},
    {"E0102", 8, 10, HEAD "deletes: {}\naccounts: []\n"},
    {"E0122", 8, 24, HEAD "deletes: {max_percent: 101}\naccounts: []\n"},
    {"E0122", 8, 28, HEAD "deletes: {max_per_account: -1}\naccounts: []\n"},
    {"E0107", 8, 11, HEAD "deletes: {max: 1}\naccounts: []\n"},
    /* log-ins */
    {"E0208", 8, 48, ACCOUNT("source: {auth: login, as: b}")},
    {"E0208", 8, 51, ACCOUNT("source: {auth: cram-md5, as: b}")},
    {"E0214", 8, 51, ACCOUNT("source: {auth: plain, token: x}")},
    {"E0214", 8, 51, ACCOUNT("source: {password: x, token: y}")},
    {"E0306", 8, 38, ACCOUNT("source: {token: null}")},
    {"E0134", 8, 48, ACCOUNT("source: {token: {command: x}}")},
    {"E0302", 8, 45, ACCOUNT("source: {token: {file: /nowhere/token}}")},
    {"E0212", 8, 43, ACCOUNT("source: {proxy_auth: \"{me}\"}")},
    /* one target */
    {"E0203", 10, 5,
	HEAD
	"accounts:\n  - {id: a, user: x}\n  - {id: b, user: y, target: {user: x}}\n"},
    {"E0203", 10, 5,
	HEAD
	"accounts:\n  - {id: a, user: x, target: {user: t, prefix: p/}}\n  - {id: b, user: y, target: {user: t, prefix: p/}}\n"},
    {"E0203", 10, 5, // both must say so
	HEAD
	"accounts:\n  - {id: a, user: x}\n  - {id: b, user: y, target: {user: x}, shared_target: true}\n"},
    {"E0203", 11, 5, // a mirror shares nothing
	HEAD
	"deletes: {max_percent: 1}\naccounts:\n  - {id: a, user: x, shared_target: true, options: {mode: syncDst}}\n  - {id: b, user: y, target: {user: x}, shared_target: true}\n"},
    {"E0121", 8, 37, ACCOUNT("shared_target: yes")},
    {"E0203", 11, 5,
	HEAD
	"deletes: {max_percent: 1}\naccounts:\n  - {id: a, user: x, options: {mode: syncDst}}\n  - {id: b, user: y, target: {user: x, prefix: p/}}\n"},
    {"E0203", 11, 5,
	HEAD
	"deletes: {max_percent: 1}\naccounts:\n  - {id: a, user: x}\n  - {id: b, user: y, options: {mode: syncDst}, target: {user: x, prefix: p/}}\n"},
    {"E0204", 8, 12,
	ACCOUNT("target: {server: old, prefix: a/b/}, source: {prefix: a/}")},
    {"E0204", 8, 12,
	ACCOUNT(
	    "target: {server: old, login: x, proxy_auth: a}, source: {prefix: a/}")},
};

ParameterizedTestParameters(plan_options, refuse)
{
	return cr_make_param_array(
	    struct bad_row, bad_rows, sizeof(bad_rows) / sizeof(bad_rows[0]));
}

ParameterizedTest(struct bad_row *row, plan_options, refuse)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;

	cr_assert_null(load(row->text, d), "%s", row->text);
	cr_assert(plan_diag_get(d, 0, &item));
	cr_assert_str_eq(item.code, row->code, "%s: %s %s", row->text,
	    item.code, item.message);
	cr_assert(
	    item.place.line == row->line && item.place.column == row->column,
	    "%s: %u:%u %s", row->text, item.place.line, item.place.column,
	    item.message);
	plan_diag_free(d);
}

Test(plan_options, a_mirror_without_a_ceiling_is_told_once)
{
	struct plan_diag *d = plan_diag_new();

	cr_assert_null(
	    load(HEAD "  options: {mode: syncDst}\n"
		      "accounts: [{user: a}, {user: b}, {user: c}]\n",
		d));
	cr_assert_eq(plan_diag_errors(d), 1);
	plan_diag_free(d);
	// a default that no account has harms nobody
	plan_free(good(HEAD "  options: {mode: syncDst}\n"
			    "accounts: [{user: a, options: {mode: null}}]\n"));
}

static char *digest_of(const char *text)
{
	struct plan *p = good(text);
	char *digest = mem_strdup(p->accounts[0].digest);

	plan_free(p);
	return digest;
}

/* F158 */
Test(plan_options, digest_knows_all_that_changes_the_result)
{
#define WITH(rest) HEAD "accounts: [{id: a, user: x, " rest "}]\n"
#define SET(rest) WITH("options: {" rest "}")
	static const char *const equal[] = {
	    HEAD "deletes: {max_percent: 5}\naccounts: [{id: a, user: x}]\n",
	    WITH("source: {auth: scram-sha-1}"),
	    WITH("source: {token: t}"),
	    SET("literal_plus: false"),
	    SET("mode: syncSrcAll"),
	    SET("list: []"),
	    "version: 1\nservers: {old: {host: old.example.org, cli_port: 107}, new: {host: new.example.org}}\n"
	    "accounts: [{id: a, user: x, password: p, source: {server: old}, target: {server: new}}]\n",
	};
	static const char *const different[] = {
	    SET("mode: syncSrcNew"),
	    HEAD
	    "deletes: {max_percent: 5}\naccounts: [{id: a, user: x, options: {mode: syncDst}}]\n",
	    HEAD
	    "deletes: {max_percent: 6}\naccounts: [{id: a, user: x, options: {mode: syncDst}}]\n",
	    HEAD
	    "deletes: {max_per_account: 6}\naccounts: [{id: a, user: x, options: {mode: syncDst}}]\n",
	    SET("list: a"),
	    SET("list: [a, b]"),
	    SET("skip_mailbox: a"),
	    SET("skip_mailbox: [a, b]"),
	    SET("rename_mailbox: [{from: a, to: b}]"),
	    SET("rename_mailbox: [{from: b, to: a}]"),
	    SET("acl: false"),
	    SET("special_use: false"),
	    SET("metadata: false"),
	    SET("mailbox_class: true"),
	    SET("force_index: true"),
	    SET("force_index: false"),
	    SET("new_uid: false"),
	    SET("new_uid_template: \"UID %u\""),
	    SET("long_lines: wrap"),
	    SET("errors_max: 5"),
	    WITH("source: {prefix: a}"),
	    WITH("target: {prefix: a}"),
	    WITH("source: {proxy_auth: a}"),
	    WITH("source: {as: a}"),
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
			cr_assert_str_neq(seen[i], seen[k], "%s", different[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(different); i++)
		free(seen[i]);
	free(base);
}
