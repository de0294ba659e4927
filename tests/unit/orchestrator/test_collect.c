// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <string.h>

#include "engine/contract/record.h"
#include "orchestrator/collect.h"

#define START "{\"v\":1,\"ev\":\"start\"}\n"
#define END(code) "{\"v\":1,\"ev\":\"end\",\"exit\":" #code ",\"tally\":{}}\n"

enum {
	EXITED = 256 /* wait status of exit 1 */
};

struct row {
	char stream[200];
	int status; /* of wait */
	enum collect_cause cause;
	char outcome[16];
	int exit, batch;
	char reason[24];
	bool start_failure;
};

/* F183 */
ParameterizedTestParameters(collect, judges)
{
	static struct row rows[] = {
	    {START END(0), 0, COLLECT_CAUSE_OWN, "ok", 0, 0, "", false},
	    {END(78), 78 * EXITED, COLLECT_CAUSE_OWN, "config", 78, 78, "",
		false},
	    {START END(75), 75 * EXITED, COLLECT_CAUSE_OWN, "temp", 75, 75, "",
		false},
	    /* exit 0 is not enough */
	    {START, 0, COLLECT_CAUSE_OWN, "crash", 0, 1, "crash.silent", false},
	    {START END(0), 1 * EXITED, COLLECT_CAUSE_OWN, "crash", 1, 1,
		"crash.disagree", false},
	    {START END(1), 0, COLLECT_CAUSE_OWN, "crash", 0, 1,
		"crash.disagree", false},
	    /* 66 is the supervisor's */
	    {START END(66), 66 * EXITED, COLLECT_CAUSE_OWN, "crash", 66, 1,
		"crash.code", false},
	    {START END(5), 5 * EXITED, COLLECT_CAUSE_OWN, "crash", 5, 1,
		"crash.code", false},
	    /* even a result does not help when it was killed */
	    {START END(0), SIGSEGV, COLLECT_CAUSE_OWN, "crash", 139, 1,
		"crash.signal", false},
	    {"", 127 * EXITED, COLLECT_CAUSE_OWN, "crash", 127, 1,
		"crash.start", true},
	    {"", 0, COLLECT_CAUSE_OWN, "crash", 0, 1, "crash.start", true},
	    {"", SIGKILL, COLLECT_CAUSE_OWN, "crash", 137, 1, "crash.start",
		true},
	    {START "{\"v\":1,\"ev\":\"en", 0, COLLECT_CAUSE_OWN, "crash", 0, 1,
		"crash.record", false},
	    {START END(0) "x", 0, COLLECT_CAUSE_OWN, "crash", 0, 1,
		"crash.record", false},
	    {START END(0) START, 0, COLLECT_CAUSE_OWN, "crash", 0, 1,
		"crash.record", false},
	    {"{\"v\":9,\"ev\":\"start\"}\n" END(0), 0, COLLECT_CAUSE_OWN,
		"crash", 0, 1, "crash.record", false},
	    {"\x01\x02\xff\n", 0, COLLECT_CAUSE_OWN, "crash", 0, 1,
		"crash.record", false},
	    {START
		"{\"v\":1,\"ev\":\"end\",\"exit\":0,\"tally\":{\"source\":1}}\n",
		0, COLLECT_CAUSE_OWN, "crash", 0, 1, "crash.tally", false},
	    /* ended by us */
	    {START, SIGKILL, COLLECT_CAUSE_OPERATOR, "interrupted", 4, 4,
		"operator.stop", false},
	    {START "{\"v\"", SIGTERM, COLLECT_CAUSE_OPERATOR, "interrupted", 4,
		4, "operator.stop", false},
	    {"", SIGTERM, COLLECT_CAUSE_OPERATOR, "interrupted", 4, 4,
		"operator.stop", false},
	    {START END(4), 4 * EXITED, COLLECT_CAUSE_OPERATOR, "interrupted", 4,
		4, "", false},
	    {START END(0), 0, COLLECT_CAUSE_OPERATOR, "ok", 0, 0, "", false},
	    {START END(1), EXITED, COLLECT_CAUSE_RULE, "partial", 1, 1, "",
		false},
	    {START, SIGKILL, COLLECT_CAUSE_RULE, "interrupted", 4, 4,
		"operator.stop", false},
	    {START, SIGKILL, COLLECT_CAUSE_STALLED, "temp", 75, 75,
		"engine.stalled", false},
	    {START END(4), 4 * EXITED, COLLECT_CAUSE_STALLED, "temp", 75, 75,
		"engine.stalled", false},
	};

	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

static void count(const struct record *r, void *context)
{
	(void)r;
	(*(int *)context)++;
}

/* The same for every way to cut the stream. */
ParameterizedTest(struct row *row, collect, judges)
{
	for (size_t piece = 1; piece <= sizeof(row->stream); piece *= 3) {
		struct collect c;
		struct verdict v;
		size_t len = strlen(row->stream);
		int records = 0;

		collect_init(&c);
		for (size_t at = 0; at < len; at += piece)
			(void)collect_feed(&c, row->stream + at,
			    len - at < piece ? len - at : piece, count,
			    &records);
		collect_finish(&c);
		collect_judge(&c, row->status, row->cause, &v);
		cr_assert_str_eq(v.outcome, row->outcome, "%s", row->stream);
		cr_assert_str_eq(v.reason, row->reason, "%s", row->stream);
		cr_assert_eq(v.exit, row->exit, "%s", row->stream);
		cr_assert_eq(v.batch, row->batch, "%s", row->stream);
		cr_assert_eq(v.start_failure, row->start_failure);
		collect_release(&c);
	}
}

/* F183 */
Test(collect, a_giant_is_refused_without_its_end)
{
	struct collect c;
	char much[RECORD_LINE_MAX + 1];
	int records = 0;

	memset(much, 'x', sizeof(much));
	collect_init(&c);
	cr_assert_eq(collect_feed(&c, much, 2000, count, &records), 0);
	cr_assert_eq(collect_feed(&c, much, 2001, count, &records), -1);
	cr_assert(c.broken);
	cr_assert_eq(collect_feed(&c, START, 2, count, &records), -1);
	cr_assert_eq(records, 0);
	collect_release(&c);
}

Test(collect, keeps_the_last_progress)
{
	static const char stream[] =
	    START "{\"v\":1,\"ev\":\"progress\",\"tally\":{\"copied\":7}}\n";
	struct collect c;
	int records = 0;

	collect_init(&c);
	cr_assert_eq(
	    collect_feed(&c, stream, strlen(stream), count, &records), 0);
	cr_assert_eq(records, 2);
	cr_assert_eq(c.tally.copied, 7);
	collect_release(&c);
}

/* F206: an account that ended partially says what was refused first. */
Test(collect, the_first_refusal_are_the_words_of_an_account_without_any)
{
	static const char refusal[] =
	    "{\"v\":1,\"ev\":\"refused\",\"mailbox\":\"Entw&APw-rfe\",\"uid\":7,\"reason\":\"append.virus\",\"text\":\"worm\"}\n"
	    "{\"v\":1,\"ev\":\"refused\",\"mailbox\":\"INBOX\",\"uid\":9,\"reason\":\"append.other\",\"text\":\"no\"}\n";

	static const struct {
		const char *end, *text;
	} rows[] = {
	    {END(1),
		"first refusal: mailbox 'Entw\u00fcrfe', uid 7: worm (append.virus)"},
	    {"{\"v\":1,\"ev\":\"end\",\"exit\":1,\"text\":\"own\",\"tally\":{}}\n",
		"own"},
	};

	for (size_t i = 0; i < 2; i++) {
		struct collect c;
		struct verdict v;
		int records = 0;
		collect_init(&c);
		(void)collect_feed(
		    &c, refusal, strlen(refusal), count, &records);
		(void)collect_feed(
		    &c, rows[i].end, strlen(rows[i].end), count, &records);
		collect_judge(&c, EXITED, COLLECT_CAUSE_OWN, &v);
		cr_assert_str_eq(v.text, rows[i].text);
		collect_release(&c);
	}
}

struct side_row {
	char fields[64];
	enum collect_side side;
	uint64_t retry_after_ms;
};

ParameterizedTestParameters(collect, which_server_and_when)
{
	static struct side_row rows[] = {
	    {"", COLLECT_SIDE_NONE, 0},
	    {"\"side\":\"source\",", COLLECT_SIDE_SOURCE, 0},
	    {"\"side\":\"target\",\"retry_after_ms\":9,", COLLECT_SIDE_TARGET,
		9},
	    {"\"side\":\"both\",", COLLECT_SIDE_NONE, 0},
	    // no server puts an account off for ever
	    {"\"retry_after_ms\":9000000000000000000,", COLLECT_SIDE_NONE,
		604800000},
	};

	return cr_make_param_array(
	    struct side_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct side_row *row, collect, which_server_and_when)
{
	struct collect c;
	struct verdict v;
	char stream[256];
	int records = 0;

	(void)snprintf(stream, sizeof(stream),
	    "{\"v\":1,\"ev\":\"end\",%s\"exit\":75,\"tally\":{}}\n",
	    row->fields);
	collect_init(&c);
	cr_assert_eq(
	    collect_feed(&c, stream, strlen(stream), count, &records), 0);
	collect_judge(&c, 75 * EXITED, COLLECT_CAUSE_OWN, &v);
	cr_assert_eq(v.side, row->side);
	cr_assert_eq(v.retry_after_ms, row->retry_after_ms);
	collect_release(&c);
}
