// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "orchestrator/snapshot.h"
#include "orchestrator/status_file.h"

static struct snapshot_account account = {.id = "anna",
    .mailbox = "a \"quoted\" name",
    .state = "running",
    .attempt = 2,
    .copied = 7,
    .expected = 9};
static struct snapshot_server server = {
    .name = "o\"l\\d\nx", .source = 3, .target = 0, .limit = 12};
static const struct snapshot full = {.plan = "demo",
    .run_id = "20260301T200000Z-7f3a",
    .stage = "run",
    .started_ms = 1000,
    .updated_ms = 2500,
    .progress_ms = 1500,
    .passed_ms = 1500,
    .total = 3,
    .done = 1,
    .classes = {{"ok", 1}, {"running", 1}, {"waiting", 1}},
    .class_count = 3,
    .copied = 2417991,
    .bytes = 1868000000123,
    .eta_seconds = -1,
    .accounts = &account,
    .account_count = 1,
    .servers = &server,
    .server_count = 1};

Test(status_file, prometheus_text)
{
	char *text = status_file_prom(&full);

	cr_assert_not_null(text);
	cr_assert_not_null(strstr(text,
	    "# HELP mailconvoy_batch_accounts Accounts of the plan by state.\n"
	    "# TYPE mailconvoy_batch_accounts gauge\n"
	    "mailconvoy_batch_accounts{plan=\"demo\",state=\"ok\"} 1\n"));
	cr_assert_not_null(strstr(text,
	    "mailconvoy_batch_messages_copied_total{plan=\"demo\"} 2417991\n"));
	cr_assert_not_null(strstr(text,
	    "mailconvoy_batch_bytes_written_total{plan=\"demo\"} 1868000000123\n"));
	cr_assert_not_null(strstr(text,
	    "mailconvoy_server_connections{server=\"o\\\"l\\\\d\\nx\",role=\"source\"} 3\n"));
	cr_assert_not_null(strstr(
	    text, "last_progress_timestamp_seconds{plan=\"demo\"} 1.5\n"));
	/* what is not known is not there */
	cr_assert_null(strstr(text, "breaker"));
	cr_assert_null(strstr(text, "success"));
	cr_assert_null(strstr(text, "exit_code"));
	cr_assert_null(strstr(text, "anna"));
	free(text);
}

/* Byte for byte as in tests/golden/live; test_golden.py --write makes it anew. */
static void check_golden(const char *path, const char *text)
{
	char *known = NULL;
	size_t len = 0;
	const char *write = getenv("MAILCONVOY_GOLDEN_WRITE");
	// that of a text file
	const char *end = text[strlen(text) - 1] == '\n' ? "" : "\n";
	FILE *file = fopen(path, write ? "we" : "re");

	cr_assert_not_null(file, "%s", path);
	if (write) {
		cr_assert_geq(fprintf(file, "%s%s", text, end), 0);
	} else {
		known = calloc(1, 65536);
		len = fread(known, 1, 65535, file);
		cr_assert_geq(len, strlen(end));
		known[len - strlen(end)] = '\0';
		cr_assert_str_eq(text, known);
	}
	(void)fclose(file);
	free(known);
}

Test(status_file, golden_files)
{
	struct snapshot s = full;
	char pid[32];

	s.plan = "golden \"plan\"\\\n";
	s.pass = "=seed";
	s.classes[3] = (struct snapshot_class){"auth", 2};
	s.class_count = 4;
	s.has_ended = true;
	s.exit = 77;
	s.success_ms = 1250;
	s.eta_by = "bytes";
	s.eta_seconds = 90;
	account.mailbox = "=cmd <script>\xd7\xa9\xd7\x9c";
	server.has_breaker = server.is_open = true;
	char *prom = status_file_prom(&s);
	check_golden("tests/golden/live/mailconvoy.prom", prom);
	char *json = status_file_json(&s);
	(void)snprintf(pid, sizeof(pid), "\"pid\": %ld,", (long)getpid());
	char *at = strstr(json, pid);
	cr_assert_not_null(at);
	size_t digits = strlen(pid) - strlen("\"pid\": ,");
	memmove(at + 8, at + 7 + digits, strlen(at + 7 + digits) + 1);
	at[7] = '1';
	check_golden("tests/golden/live/status.json", json);
	free(prom);
	free(json);
}

Test(status_file, a_pass_is_a_label)
{
	struct snapshot s = full;

	s.pass = "seed";
	char *text = status_file_prom(&s);
	cr_assert_not_null(strstr(text,
	    "mailconvoy_batch_accounts{plan=\"demo\",pass=\"seed\",state=\"ok\"} 1\n"));
	free(text);
}

Test(status_file, what_is_written_is_read)
{
	char dir[] = "/tmp/test-status.XXXXXX", path[64];
	struct stat st;
	struct error err = {0};

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_null(status_file_read(dir));
	cr_assert_eq(status_file_write(dir, &full, &err), 0, "%s", err.text);
	cr_assert_eq(status_file_write(dir, &full, &err), 0, "%s", err.text);
	struct json_t *back = status_file_read(dir);
	cr_assert_not_null(back);
	status_file_free(back);
	(void)snprintf(path, sizeof(path), "%s/status.json", dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	(void)fputs("{\"v\":1,\"pla", f);
	(void)fclose(f);
	cr_assert_null(status_file_read(dir));
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/mailconvoy.prom", dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0644);
	(void)unlink(path);
	cr_assert_eq(rmdir(dir), 0);
}
