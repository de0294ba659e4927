// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_csv.h"
#include "orchestrator/report_model.h"

static char dir[] = "/tmp/test-model.XXXXXX";
static char journal[64];

static const char *const lines[] = {
    "\"ev\":\"run.start\",\"plan\":\"demo\",\"path\":\"p.yaml\",\"digest\":\"dd\",\"pass\":\"seed\",\"bad_at\":1,\"columns\":[\"ticket\"]",
    "\"ev\":\"server.plan\",\"server\":\"old\",\"host\":\"old.example\",\"connections\":2",
    "\"ev\":\"server.plan\",\"server\":\"new\",\"host\":\"new.example\",\"connections\":0",
    "\"ev\":\"account.plan\",\"id\":\"anna\",\"slug\":\"a\",\"digest\":\"d1\",\"src_user\":\"anna\",\"dst_user\":\"=anna\",\"source\":\"old\",\"target\":\"new\",\"groups\":\"vip it\",\"x\":{\"ticket\":\"T,1\"}",
    "\"ev\":\"account.plan\",\"id\":\"bob\",\"slug\":\"b\",\"digest\":\"d2\",\"src_user\":\"bob\",\"dst_user\":\"bob\",\"source\":\"old\",\"target\":\"new\"",
    "\"ev\":\"account.plan\",\"id\":\"carol\",\"slug\":\"c\",\"digest\":\"d3\"",
    "\"ev\":\"account.start\",\"id\":\"anna\",\"attempt\":1,\"digest\":\"d1\",\"log\":\"l1\",\"connections\":2",
    "\"ev\":\"account.start\",\"id\":\"bob\",\"attempt\":1,\"digest\":\"d2\",\"log\":\"l2\"",
    "\"ev\":\"progress\",\"id\":\"anna\",\"attempt\":1,\"tally\":{\"source\":500,\"copied\":2,\"bytes\":20}",
    "\"ev\":\"server.breaker\",\"server\":\"new\",\"state\":\"open\",\"failures\":3,\"pause_ms\":2000",
    "\"ev\":\"mailbox\",\"id\":\"anna\",\"attempt\":1,\"mailbox\":\"INBOX.a\",\"target\":\"INBOX/a\",\"tally\":{\"source\":500,\"copied\":497,\"present\":2,\"bytes\":90,\"refused\":{\"append.too_big\":1}}",
    "\"ev\":\"server.breaker\",\"server\":\"new\",\"state\":\"closed\",\"failures\":0,\"pause_ms\":0",
    "\"ev\":\"refused\",\"id\":\"anna\",\"attempt\":1,\"mailbox\":\"INBOX.a\",\"uid\":7,\"uidvalidity\":3,\"size\":3000000,\"reason\":\"append.too_big\",\"text\":\"no\"",
    "\"ev\":\"account.end\",\"id\":\"anna\",\"attempt\":1,\"outcome\":\"partial\",\"exit\":1,\"batch\":1,\"reason\":\"append.too_big\",\"text\":\"1 refused\",\"digest\":\"d1\",\"tally\":{\"source\":500,\"copied\":497,\"present\":2,\"bytes\":90,\"refused\":{\"append.too_big\":1}},\"ms\":7000,\"final\":true,\"grade\":\"review\"",
    "\"ev\":\"account.end\",\"id\":\"bob\",\"attempt\":1,\"outcome\":\"auth\",\"exit\":77,\"batch\":1,\"reason\":\"auth.rejected\",\"text\":\"no\",\"digest\":\"d2\",\"tally\":{},\"ms\":100,\"final\":true",
    "\"ev\":\"run.end\",\"exit\":1,\"complete\":true,\"why\":\"finished\"",
    "\"ev\":\"ack\",\"id\":\"anna\",\"attempt\":1,\"by\":\"eva\",\"reason\":\"told her\",\"exit\":1",
};

static void write_lines(size_t count)
{
	FILE *out = fopen(journal, "we");

	for (size_t i = 0; i < count; i++)
		(void)fprintf(out,
		    "{\"v\":1,\"t\":\"2026-03-01T20:00:%02zu.500Z\",\"seq\":%zu,\"run\":\"r1\",%s}\n",
		    i, i + 1, lines[i]);
	(void)fclose(out);
}

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(journal, sizeof(journal), "%s/journal.jsonl", dir);
	write_lines(ARRAY_LEN(lines));
}

static void clean(void)
{
	(void)unlink(journal);
	(void)rmdir(dir);
}

TestSuite(report_model, .init = set_up, .fini = clean);

static struct report_model *read_model(void)
{
	struct error err = {0};
	struct report_model *m = report_model_read(journal, &err);

	cr_assert_not_null(m, "%s", err.text);
	return m;
}

Test(report_model, works_out_grades_and_sums)
{
	struct report_model *m = read_model();

	cr_assert_eq(m->count, 3);
	cr_assert_eq(m->accounts[0].a->grade, GRADE_REVIEW);
	cr_assert_eq(m->accounts[1].a->grade, GRADE_BAD); /* not in the line */
	cr_assert_eq(m->accounts[2].a->grade, GRADE_NONE);
	cr_assert_eq(m->by_grade[GRADE_BAD], 1);
	cr_assert_eq(m->need_look, 2); /* bob, carol: anna has an ack */
	cr_assert_eq(m->acknowledged, 1);
	cr_assert_str_eq(m->accounts[0].a->ack_by, "eva");
	cr_assert_eq(m->sum.copied, 497);
	cr_assert_eq(m->bytes_total, 90);
	cr_assert_eq(m->exit, 1);
	cr_assert_eq(journal_exit(m->run), 1); /* for bob */
	cr_assert_str_eq(m->run->pass, "seed");
	report_model_free(m);
}

Test(report_model, knows_mailboxes_items_and_servers)
{
	struct report_model *m = read_model();
	const struct report_account *anna = report_model_find(m, "anna");

	cr_assert_eq(anna->mailbox_count, 1);
	cr_assert_str_eq(anna->mailboxes[0].target, "INBOX/a");
	cr_assert_eq(anna->item_count, 1);
	cr_assert_eq(anna->items[0].uid, 7);
	cr_assert_null(report_model_find(m, "dora"));
	cr_assert_eq(m->server_count, 2);
	cr_assert_eq(m->servers[0].peak, 3); /* 2 of anna, 1 of bob */
	cr_assert_eq(m->servers[1].breaks, 1);
	cr_assert_eq(m->servers[1].left_alone_ms, 2000);
	cr_assert_eq(m->flow_count, 2);
	cr_assert_eq(m->flows[0].bytes + m->flows[1].bytes, 90);
	cr_assert_eq(m->span_count, 2);
	cr_assert_eq(m->spans[0].end_ms - m->spans[0].begin_ms, 7000);
	cr_assert_eq(m->reason_count, 3);
	report_model_free(m);
}

/* Killed at any time, it can be reported on. */
Test(report_model, reads_every_beginning_of_a_journal)
{
	for (size_t n = 1; n <= ARRAY_LEN(lines); n++) {
		write_lines(n);
		struct report_model *m = read_model();
		cr_assert_eq(m->in_plan, m->count);
		report_model_free(m);
	}
}

static void check_csv(
    void (*print)(FILE *out, const struct report_model *m), const char *golden)
{
	struct report_model *m = read_model();
	char *made = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&made, &len);

	print(out, m);
	(void)fclose(out);
	cr_assert_str_eq(made, golden);
	free(made);
	report_model_free(m);
}

Test(report_model, golden_accounts_csv)
{
	check_csv(report_csv_accounts,
	    "id,src_user,dst_user,server_pair,pass,outcome,grade,exit,reason,detail,attempts,started,ended,seconds,folders,folders_failed,source,copied,present,refused,skipped,deleted,flags,bytes,mib_per_s,acked_by,acked_reason,vanished,unreached,copied_total,\"x_ticket\"\r\n"
	    "\"anna\",\"anna\",\"'=anna\",\"old>new\",\"seed\",\"partial\",\"review\",1,\"append.too_big\",\"1 refused\",1,\"2026-03-01T20:00:06.500Z\",\"2026-03-01T20:00:13.500Z\",7,1,0,500,497,2,1,0,0,0,90,0.000,\"eva\",\"told her\",0,0,497,\"T,1\"\r\n"
	    "\"bob\",\"bob\",\"bob\",\"old>new\",\"seed\",\"auth\",\"bad\",77,\"auth.rejected\",\"no\",1,\"2026-03-01T20:00:07.500Z\",\"2026-03-01T20:00:14.500Z\",0,0,0,0,0,0,0,0,0,0,0,0.000,,,0,0,0,\r\n"
	    "\"carol\",,,,\"seed\",\"pending\",,,,,0,,,0,0,0,0,0,0,0,0,0,0,0,0.000,,,0,0,0,\r\n");
}

Test(report_model, golden_todo_csv)
{
	check_csv(report_csv_todo,
	    "id,src_user,dst_user,source.server,target.server,groups,x_outcome,x_grade,x_reason,x_what_to_do,\"x_ticket\"\r\n"
	    "\"bob\",\"bob\",\"bob\",\"old\",\"new\",,\"auth\",\"bad\",\"auth.rejected\",\"correct user or password, then run resume\",\r\n"
	    "\"carol\",,,,,,\"pending\",,,\"run resume to go on\",\r\n");
}
