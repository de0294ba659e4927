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

static char dir[] = "/tmp/test_plan.XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
	static const char *const names[] = {
	    "plan.yaml", "users.tsv", "users.csv", "users.txt", "pw"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = mem_printf("%s/%s", dir, names[i]);
		(void)unlink(path);
		free(path);
	}
	(void)rmdir(dir);
}

static char *put_file(const char *name, mode_t mode, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	cr_assert_not_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
	cr_assert_eq(chmod(path, mode), 0);
	return path;
}

/* Loads the plan file of that directory. */
static struct plan *load_file(struct plan_diag *d)
{
	char *path = mem_printf("%s/plan.yaml", dir);
	struct plan *p = plan_load(path, d);

	free(path);
	return p;
}

static void expect(
    const char *code, enum plan_diag_class class, const char *part)
{
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;

	cr_assert_null(load_file(d));
	cr_assert(plan_diag_get(d, 0, &item));
	cr_assert_str_eq(item.code, code, "%s", item.message);
	cr_assert_eq(plan_diag_get_class(d), class);
	char *text = plan_text_printed(d);
	cr_assert_not_null(strstr(text, part), "%s", text);
	cr_assert_null(strstr(text, "hunter2"), "%s", text);
	free(text);
	plan_diag_free(d);
}

/* F157 */
Test(plan_files, file_with_a_password_must_be_private, .init = make_dir,
    .fini = remove_dir)
{
	free(put_file("plan.yaml", 0640,
	    HEAD "accounts: [{user: a, password: hunter2}]\n"));
	expect("E0304", PLAN_DIAG_EXPOSED, "chmod 600 /tmp/test_plan.");
	free(put_file("plan.yaml", 0600, HEAD ACCOUNTS));
	struct plan_diag *d = plan_diag_new();
	struct plan *p = load_file(d);
	cr_assert_not_null(p);
	cr_assert_str_eq(p->name, "plan");
	plan_free(p);
	plan_diag_free(d);
}

/* F152, F161 */
Test(plan_files, that_is_missing_or_no_file_is_named, .init = make_dir,
    .fini = remove_dir)
{
	expect("E0001", PLAN_DIAG_NOT_FOUND, "No such file");
	char *path = mem_printf("%s/plan.yaml", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	expect("E0001", PLAN_DIAG_CONFIG, "not a plain file");
	cr_assert_eq(rmdir(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	expect("E0001", PLAN_DIAG_CONFIG, "not a plain file");
	cr_assert_eq(unlink(path), 0);
	free(put_file("plan.yaml", 0600, ""));
	cr_assert_eq(truncate(path, 65L * 1024 * 1024), 0);
	expect("E0001", PLAN_DIAG_CONFIG, "larger than");
	free(path);
}

/* F157, F166 */
Test(plan_files, secret_file_must_be_there_and_private, .init = make_dir,
    .fini = remove_dir)
{
	free(put_file("plan.yaml", 0644,
	    SERVERS
	    "defaults:\n"
	    "  source: {server: old, password: {file: pw}}\n"
	    "  target: {server: new, password: {file: ./pw}}\n" ACCOUNTS));
	expect("E0302", PLAN_DIAG_CONFIG, "/pw");
	free(put_file("pw", 0600, "\n"));
	expect("E0302", PLAN_DIAG_CONFIG, "empty");
	free(put_file("pw", 0604, "hunter2\n"));
	expect("E0304", PLAN_DIAG_EXPOSED, "chmod 600 /tmp/test_plan.");
	free(put_file("pw", 0600, "hunter2\r\n"));
	struct plan_diag *d = plan_diag_new();
	struct plan *p = load_file(d);
	struct secret s = {0};
	struct error err;
	cr_assert_not_null(p);
	cr_assert_eq(
	    secret_source_read(&p->accounts[0].source.password, &s, &err), 0);
	cr_assert_str_eq(s.bytes, "hunter2");
	secret_release(&s);
	// a file that goes later is told with the place that names it
	char *path = mem_printf("%s/pw", dir);
	cr_assert_eq(unlink(path), 0);
	free(path);
	cr_assert_eq(
	    secret_source_read(&p->accounts[0].source.password, &s, &err), -1);
	cr_assert_not_null(strstr(err.text, "plan.yaml:6:"), "%s", err.text);
	plan_free(p);
	plan_diag_free(d);
}

Test(
    plan_files, takes_accounts_from_files, .init = make_dir, .fini = remove_dir)
{
	free(put_file("users.tsv", 0600,
	    "id\tuser\tpassword\tsrc_user\tsrc_password\tdst_user\tdst_password\n"
	    "anna\tanna@x\thunter2\t\t\t\t\n"
	    "\tbob\t\tb1\tp1\tb2\tp2\n"
	    "eve\tyes\tno\t\t\t\t\n"));
	free(put_file("plan.yaml", 0644,
	    SERVERS "defaults:\n"
		    "  source: {server: old, login: \"{user}!\"}\n"
		    "  target: {server: new}\n"
		    "accounts: [{user: first, password: {env: HOME}}]\n"
		    "accounts_file: {path: users.tsv}\n"));
	struct plan_diag *d = plan_diag_new();
	struct plan *p = load_file(d);
	char *text = plan_text_printed(d);
	cr_assert_not_null(p, "%s", text);
	free(text);
	cr_assert_eq(p->account_count, 4);
	const struct plan_account *a = p->accounts;
	cr_assert_str_eq(a[0].id, "first");
	cr_assert_str_eq(a[1].id, "anna");
	cr_assert_str_eq(a[1].source.login, "anna@x!");
	cr_assert_str_eq(a[1].target.password.value, "hunter2");
	cr_assert_str_eq(a[2].id, "b2");
	cr_assert_str_eq(a[2].source.login, "b1!");
	cr_assert_str_eq(a[2].source.password.value, "p1");
	cr_assert_str_eq(a[2].target.password.value, "p2");
	cr_assert_eq(a[2].place.line, 3);
	cr_assert_not_null(strstr(a[2].place.file, "users.tsv"));
	cr_assert_str_eq(a[3].source.login, "yes!");
	cr_assert_str_eq(a[3].source.password.value, "no");
	plan_free(p);
	plan_diag_free(d);
}

Test(plan_files, reports_rows_of_accounts_files, .init = make_dir,
    .fini = remove_dir)
{
	free(put_file("plan.yaml", 0600,
	    HEAD ACCOUNTS "accounts_file: {path: users.csv}\n"));
	expect("E0401", PLAN_DIAG_NOT_FOUND, "users.csv");
	free(put_file("users.csv", 0644, "user,password\nbob,hunter2\n"));
	expect("E0304", PLAN_DIAG_EXPOSED, "chmod 600 /tmp/test_plan.");
	free(put_file("users.csv", 0644, "user\nbob\nanna\n"));
	expect("E0201", PLAN_DIAG_CONFIG, "users.csv:3:1");
	free(put_file("users.csv", 0644, "user\nb b\n"));
	expect("E0202", PLAN_DIAG_CONFIG, "    2 | b b");
	free(put_file("users.csv", 0600, "user,password\n,hunter2\n"));
	expect("E0206", PLAN_DIAG_CONFIG, "users.csv:2:1");
	free(put_file("users.csv", 0600, "user,password\nb,hunter2\xff\n"));
	expect("E0002", PLAN_DIAG_CONFIG, "users.csv:2:10");
	free(put_file("users.csv", 0600, ""));
	expect("E0402", PLAN_DIAG_CONFIG, "no header line");
}

/* F153 */
Test(plan_files, checks_a_hundred_thousand_quickly, .init = make_dir,
    .fini = remove_dir, .timeout = 30)
{
	enum {
		ROWS = 100000
	};

	char *path = put_file("users.tsv", 0600, "user\tpassword\n");
	FILE *f = fopen(path, "ae");
	for (int i = 0; i < ROWS; i++)
		(void)fprintf(f, "user%d@example.org\tp%d\n", i, i);
	(void)fclose(f);
	free(path);
	free(put_file("plan.yaml", 0600,
	    SERVERS "defaults: {source: {server: old}, target: {server: new}}\n"
		    "accounts_file: {path: users.tsv}\n"));
	struct plan_diag *d = plan_diag_new();
	int64_t start = clock_ms();
	struct plan *p = load_file(d);
	int64_t took = clock_ms() - start;
	cr_assert_not_null(p);
	cr_assert_eq(p->account_count, ROWS);
	cr_assert_not_null(plan_find_account(p, "user99999@example.org"));
	// far above what it takes, far below what comparing all pairs would
	cr_assert_lt(took, 10000);
	plan_free(p);
	plan_diag_free(d);
}

Test(plan_files, a_row_means_what_an_account_would, .init = make_dir,
    .fini = remove_dir)
{
	struct plan_diag *d = plan_diag_new();

	free(put_file("plan.yaml", 0600,
	    HEAD
	    "groups: {vip: {priority: 7}, slow: {options: {timeout: 4s}}}\n"
	    "accounts_file: {path: users.csv}\n"));
	free(put_file("users.csv", 0600,
	    "user,groups,options.timeout,options.fetch.max_messages,options.skip_mailbox,options.acl,target.prefix,x_ticket,target.server,priority\n"
	    "anna,\"vip, slow\",90s,7,Junk|Trash,false,A/,T-1,NEW.example.org,\n"
	    "bob,slow,,,,,,,,3\n"
	    "eve,vip,null,,,,,T-3,new,\n"));
	struct plan *p = load_file(d);
	if (!p) {
		char *why = plan_text_printed(d);
		cr_assert_not_null(p, "%s", why);
		free(why);
	}
	const struct plan_account *a = p->accounts;
	cr_assert_eq(p->account_count, 3);
	cr_assert_eq(a[0].group_count, 2);
	cr_assert_eq(a[0].priority, 7);
	cr_assert_eq(a[0].options.timeout_ms, 90000);
	cr_assert_eq(a[0].options.fetch_max, 7);
	cr_assert_eq(a[0].options.skip_mailboxes, 2);
	cr_assert_str_eq(a[0].options.skip_mailbox[1], "Trash");
	cr_assert_not(a[0].options.acl);
	cr_assert_str_eq(a[0].target.prefix, "A/");
	cr_assert_str_eq(a[0].target.server->name, "new");
	cr_assert_eq(p->extra_count, 1);
	cr_assert_str_eq(p->extra_names[0], "ticket");
	cr_assert_str_eq(a[0].extras[0], "T-1");
	cr_assert_eq(a[1].options.timeout_ms, 4000);
	cr_assert_eq(a[1].priority, 3);
	cr_assert_null(a[1].extras[0]);
	cr_assert_null(a[1].target.prefix);
	cr_assert_eq(a[2].options.timeout_ms, 60000, "reset");
	plan_free(p);
	plan_diag_free(d);

	// what is wrong is wrong at its field
	free(put_file("users.csv", 0600, "user,options.timeout\nanna,fast\n"));
	expect("E0123", PLAN_DIAG_CONFIG, "users.csv:2:6");
	free(put_file("users.csv", 0600, "user,groups\nanna,vpi\n"));
	expect("E0221", PLAN_DIAG_CONFIG, "did you mean \"vip\"");
	free(put_file("users.csv", 0600, "user,options.tiemout\nanna,1s\n"));
	expect("E0402", PLAN_DIAG_CONFIG, "did you mean \"options.timeout\"");
}

Test(plan_files, takes_imapsync_rows_by_host, .init = make_dir,
    .fini = remove_dir)
{
	struct plan_diag *d = plan_diag_new();

	free(put_file("plan.yaml", 0600,
	    SERVERS "accounts_file: {path: users.txt, format: imapsync}\n"));
	free(put_file("users.txt", 0600,
	    "# host1;user1;...\nold.example.org;u1;p1;NEW.example.org;u2;p2;\n"));
	struct plan *p = load_file(d);
	cr_assert_not_null(p);
	cr_assert_str_eq(p->accounts[0].id, "u2");
	cr_assert_str_eq(p->accounts[0].source.server->name, "old");
	cr_assert_str_eq(p->accounts[0].source.login, "u1");
	cr_assert_str_eq(p->accounts[0].target.password.value, "p2");
	plan_free(p);
	plan_diag_free(d);
	free(put_file("users.txt", 0600,
	    "old.example.org;u1;hunter2;far.example.org;u2;hunter2;\n"));
	expect("E0205", PLAN_DIAG_CONFIG, "far.example.org");
	free(put_file("users.txt", 0644, "old;u1;hunter2;new;u2;hunter2;\n"));
	expect("E0304", PLAN_DIAG_EXPOSED, "chmod 600");
}
