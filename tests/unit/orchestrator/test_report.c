// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/base/error.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report.h"

static char dir[] = "/tmp/test-report.XXXXXX";
static char journal[64], path[64];

/* Written by hand so that times are fixed. */
static const char *const lines[] = {
    "\"ev\":\"run.start\",\"plan\":\"demo\",\"path\":\"p.yaml\",\"digest\":\"dd\"",
    "\"ev\":\"account.plan\",\"id\":\"anna\",\"slug\":\"a\",\"digest\":\"d1\"",
    "\"ev\":\"account.plan\",\"id\":\"bob\",\"slug\":\"b\",\"digest\":\"d2\"",
    "\"ev\":\"account.start\",\"id\":\"anna\",\"attempt\":1,\"digest\":\"d1\",\"log\":\"l1\"",
    "\"ev\":\"refused\",\"id\":\"anna\",\"attempt\":1,\"mailbox\":\"INBOX\",\"uid\":7,\"reason\":\"append.too_big\",\"text\":\"first\"",
    "\"ev\":\"account.end\",\"id\":\"anna\",\"attempt\":1,\"outcome\":\"temp\",\"exit\":75,\"batch\":75,\"reason\":\"net.reset\",\"text\":\"gone\",\"digest\":\"d1\",\"tally\":{\"source\":5,\"copied\":2,\"unreached\":2,\"bytes\":20,\"refused\":{\"append.too_big\":1}},\"ms\":1000,\"final\":false",
    "\"ev\":\"account.start\",\"id\":\"anna\",\"attempt\":2,\"digest\":\"d1\",\"log\":\"l2\"",
    "\"ev\":\"mailbox\",\"id\":\"anna\",\"attempt\":2,\"mailbox\":\"INBOX.a\",\"target\":\"INBOX/a\",\"tally\":{\"source\":5,\"copied\":2,\"present\":2,\"refused\":{\"append.too_big\":1}}",
    "\"ev\":\"refused\",\"id\":\"anna\",\"attempt\":2,\"mailbox\":\"INBOX.a\",\"uid\":7,\"uidvalidity\":3,\"size\":3000000,\"reason\":\"append.too_big\",\"text\":\"<b>=1+1\",\"date\":\"02-Jan-2020 10:00:00 +0000\",\"message_id\":\"<7@x>\"",
    "\"ev\":\"account.end\",\"id\":\"anna\",\"attempt\":2,\"outcome\":\"partial\",\"exit\":1,\"batch\":1,\"reason\":\"append.too_big\",\"text\":\"1 refused\",\"digest\":\"d1\",\"tally\":{\"source\":5,\"copied\":2,\"present\":2,\"bytes\":22,\"refused\":{\"append.too_big\":1}},\"ms\":2000,\"final\":true",
    "\"ev\":\"run.end\",\"exit\":4,\"complete\":false,\"why\":\"operator\"",
};

static void write_journal(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(journal, sizeof(journal), "%s/journal.jsonl", dir);
	(void)snprintf(path, sizeof(path), "%s/report.jsonl.gz", dir);
	FILE *out = fopen(journal, "we");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		(void)fprintf(out,
		    "{\"v\":1,\"t\":\"2026-03-01T20:00:%02zu.000Z\",\"seq\":%zu,\"run\":\"r1\",%s}\n",
		    i, i + 1, lines[i]);
	(void)fclose(out);
}

static void clean(void)
{
	(void)unlink(journal);
	(void)unlink(path);
	(void)rmdir(dir);
}

TestSuite(report, .init = write_journal, .fini = clean);

static char *unpack(void)
{
	char *text = calloc(1, 65536);
	gzFile in = gzopen(path, "rbe");

	cr_assert_not_null(in);
	cr_assert_geq(gzread(in, text, 65535), 0);
	(void)gzclose(in);
	return text;
}

static const char golden[] =
    "{\"v\":1,\"kind\":\"batch\",\"plan\":\"demo\",\"run\":\"r1\",\"digest\":\"dd\",\"started\":\"2026-03-01T20:00:00.000Z\",\"ended\":\"2026-03-01T20:00:10.000Z\",\"complete\":false,\"exit\":4,\"accounts\":{\"partial\":1,\"pending\":1},\"grades\":{\"bad\":1},\"tally\":{\"source\":5,\"copied\":2,\"present\":2,\"vanished\":0,\"unreached\":0,\"bytes\":22,\"skipped\":{},\"refused\":{\"append.too_big\":1}},\"copied_total\":4,\"bytes_total\":42}\n"
    "{\"v\":1,\"kind\":\"account\",\"id\":\"anna\",\"outcome\":\"partial\",\"exit\":1,\"reason\":\"append.too_big\",\"text\":\"1 refused\",\"attempts\":2,\"started\":\"2026-03-01T20:00:03.000Z\",\"ended\":\"2026-03-01T20:00:09.000Z\",\"ms\":3000,\"digest\":\"d1\",\"tally\":{\"source\":5,\"copied\":2,\"present\":2,\"vanished\":0,\"unreached\":0,\"bytes\":22,\"skipped\":{},\"refused\":{\"append.too_big\":1}},\"copied_total\":4,\"bytes_total\":42,\"log\":\"l2\",\"grade\":\"bad\"}\n"
    "{\"v\":1,\"kind\":\"account\",\"id\":\"bob\",\"outcome\":\"pending\",\"exit\":-1,\"reason\":\"\",\"text\":\"\",\"attempts\":0,\"started\":\"\",\"ended\":\"\",\"ms\":0,\"digest\":\"d2\",\"tally\":{\"source\":0,\"copied\":0,\"present\":0,\"vanished\":0,\"unreached\":0,\"bytes\":0,\"skipped\":{},\"refused\":{}},\"copied_total\":0,\"bytes_total\":0,\"log\":\"\"}\n"
    "{\"v\":1,\"kind\":\"mailbox\",\"id\":\"anna\",\"mailbox\":\"INBOX.a\",\"target\":\"INBOX/a\",\"tally\":{\"source\":5,\"copied\":2,\"present\":2,\"refused\":{\"append.too_big\":1}}}\n"
    "{\"v\":1,\"kind\":\"item\",\"id\":\"anna\",\"mailbox\":\"INBOX.a\",\"reason\":\"append.too_big\",\"text\":\"<b>=1+1\",\"date\":\"02-Jan-2020 10:00:00 +0000\",\"message_id\":\"<7@x>\",\"uid\":7,\"uidvalidity\":3,\"size\":3000000}\n";

Test(report, has_every_part_of_the_last_attempts)
{
	struct error err = {0};

	cr_assert_eq(report_write(journal, path, &err), 0, "%s", err.text);
	char *text = unpack();
	cr_assert_str_eq(text, golden);
	free(text);
}

Test(report, equal_runs_give_equal_bytes)
{
	struct error err = {0};
	unsigned char first[4096], second[4096];

	cr_assert_eq(report_write(journal, path, &err), 0);
	FILE *in = fopen(path, "re");
	size_t n = fread(first, 1, sizeof(first), in);
	(void)fclose(in);
	cr_assert_eq(report_write(journal, path, &err), 0);
	in = fopen(path, "re");
	cr_assert_eq(fread(second, 1, sizeof(second), in), n);
	(void)fclose(in);
	cr_assert_eq(memcmp(first, second, n), 0);
	/* no name (flags 0) and no time in the header */
	cr_assert_eq(memcmp(first, "\x1f\x8b\x08\0\0\0\0\0", 8), 0);
}

/* F213 */
Test(report, is_private_and_leaves_nothing_beside)
{
	struct error err = {0};
	struct stat st;

	cr_assert_eq(report_write(journal, path, &err), 0);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	(void)unlink(path);
	(void)unlink(journal);
	cr_assert_eq(rmdir(dir), 0); /* it is empty */
}

/* F200 */
Test(report, keeps_the_old_one_when_it_fails)
{
	struct error err = {0};
	struct rlimit many;

	cr_assert_eq(report_write(journal, path, &err), 0);
	cr_assert_eq(report_write("/nonexistent", path, &err), -1);
	// no room for it, found out while it is written
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &many), 0);
	const struct rlimit few = {.rlim_cur = 20, .rlim_max = many.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &few), 0);
	cr_assert_eq(report_write(journal, path, &err), -1);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &many), 0);
	cr_assert_eq(err.kind, ERROR_OS);
	char *text = unpack();
	cr_assert_str_eq(text, golden);
	free(text);
	cr_assert_eq(report_write(journal, "/nonexistent/x.gz", &err), -1);
	cr_assert_eq(err.kind, ERROR_OS);
}

static char *user_text(const char *id, int expected)
{
	char *text = NULL;
	size_t len = 0;
	struct error err = {0};
	FILE *out = open_memstream(&text, &len);

	cr_assert_eq(report_user(journal, id, out, &err), expected);
	(void)fclose(out);
	return text;
}

Test(report, user_text_names_mailboxes_and_items)
{
	char *text = user_text("anna", 0);

	cr_assert_not_null(strstr(text, "INBOX.a -> INBOX/a: 5 messages, 2"));
	cr_assert_not_null(strstr(text, "message 7 of 2.9 MiB"));
	cr_assert_not_null(
	    strstr(text, "dated 02-Jan-2020 10:00:00 +0000, Message-ID <7@x>"));
	cr_assert_not_null(strstr(text, "what to do: the target takes no"));
	cr_assert_not_null(strstr(text, "4 messages, 42 B, in 2 attempts"));
	cr_assert_null(strstr(text, "first")); /* of the first attempt */
	cr_assert_null(strstr(text, "bob"));
	free(text);
	text = user_text("bob", 0);
	cr_assert_not_null(strstr(text, "pending"));
	cr_assert_null(strstr(text, "INBOX"));
	free(text);
	free(user_text("carol", -1));
}

Test(report, advice_is_never_missing)
{
	cr_assert_not_null(report_advice("unheard", "of"));
	cr_assert_not_null(report_advice("auth", NULL));
	cr_assert_str_eq(report_advice("auth", "auth.rejected"),
	    report_advice("x", "auth.expired"));
}
