// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/contract/record.h"

_Static_assert(RECORD_LINE_MAX < PIPE_BUF, "a write must be whole");

static char *encode(const struct record *r)
{
	size_t len = 0;
	char *line = record_encode(r, &len);

	cr_assert_not_null(line);
	cr_assert_lt(len, RECORD_LINE_MAX);
	cr_assert_eq(strlen(line), len);
	cr_assert_eq(line[len - 1], '\n');
	cr_assert_null(memchr(line, '\n', len - 1));
	return line;
}

static void decode(const char *line, struct record *out)
{
	struct error err;

	cr_assert_eq(record_decode(line, strlen(line), out, &err), 0, "%s: %s",
	    line, err.text);
}

Test(record, full_record_survives)
{
	struct record back;
	struct record r = {
	    .event = RECORD_END,
	    .account = (char *)"anna",
	    .version = (char *)"1.2",
	    .mailbox = (char *)"INBOX/J\xc3\xb6rg",
	    .target = (char *)"J\xc3\xb6rg",
	    .side = (char *)"target",
	    .step = (char *)"APPEND",
	    .reason = (char *)"append.too_big",
	    .text = (char *)"the server said \"no\"",
	    .date = (char *)"02-Jan-2020 10:00:00 +0000",
	    .message_id = (char *)"<1@example.org>",
	    .uid = 4294967295U,
	    .uidvalidity = 7,
	    .size = UINT64_C(9000000000),
	    .expected = 12,
	    .expected_bytes = 13,
	    .exit = 75,
	    .duration_ms = 99,
	    .retry_after_ms = 299961,
	    .tally = {.source = 3, .copied = 1, .refused = {2, 0, 0, 0}},
	};
	char *line = encode(&r);

	decode(line, &back);
	cr_assert_eq(back.event, RECORD_END);
	cr_assert_str_eq(back.account, r.account);
	cr_assert_str_eq(back.version, r.version);
	cr_assert_str_eq(back.mailbox, r.mailbox);
	cr_assert_str_eq(back.target, r.target);
	cr_assert_str_eq(back.side, r.side);
	cr_assert_str_eq(back.step, r.step);
	cr_assert_str_eq(back.reason, r.reason);
	cr_assert_str_eq(back.text, r.text);
	cr_assert_str_eq(back.date, r.date);
	cr_assert_str_eq(back.message_id, r.message_id);
	cr_assert(back.uid == r.uid && back.uidvalidity == 7);
	cr_assert(back.size == r.size && back.duration_ms == 99);
	cr_assert(back.expected == 12 && back.expected_bytes == 13);
	cr_assert_eq(back.exit, 75);
	cr_assert_eq(back.retry_after_ms, 299961);
	cr_assert_eq(memcmp(&back.tally, &r.tally, sizeof(r.tally)), 0);
	record_release(&back);
	cr_assert_null(back.account);
	free(line);
}

Test(record, every_event_survives)
{
	for (int i = 0; i < RECORD_EVENTS; i++) {
		struct record back, r = {.event = (enum record_event)i};
		char *line = encode(&r);
		decode(line, &back);
		cr_assert_eq((int)back.event, i);
		record_release(&back);
		free(line);
	}
}

Test(record, version_comes_first)
{
	struct record r = {.event = RECORD_START, .account = (char *)"a"};
	char *line = encode(&r);

	cr_assert_str_eq(
	    line, "{\"v\":1,\"ev\":\"start\",\"account\":\"a\"}\n");
	free(line);
}

/* F205 */
Test(record, hostile_bytes_become_printable_text)
{
	struct record back;
	struct record r = {.event = RECORD_REFUSED,
	    .mailbox = (char *)"a\n\x1b]0;x\x07\xff\xe2\x80\xae\\",
	    .text = (char *)"\"},{\"v\":1"};
	char *line = encode(&r);

	decode(line, &back);
	cr_assert_str_eq(
	    back.mailbox, "a\\x0a\\x1b]0;x\\x07\\xff\\xe2\\x80\\xae\\\\");
	cr_assert_str_eq(back.text, r.text);
	record_release(&back);
	free(line);
}

/* Bytes that double in JSON, that quadruple before, and plain ones. */
static const char fillers[] = {'"', '\\', 'x', '\x01', '\xff'};

Test(record, every_line_is_short)
{
	enum {
		LONG = 70000
	};

	char *huge = malloc(LONG);

	for (size_t i = 0; i < sizeof(fillers); i++) {
		memset(huge, fillers[i], LONG - 1);
		huge[LONG - 1] = '\0';
		struct record back, r = {
					.event = RECORD_END,
					.account = huge,
					.version = huge,
					.mailbox = huge,
					.target = huge,
					.side = huge,
					.step = huge,
					.reason = huge,
					.text = huge,
					.date = huge,
					.message_id = huge,
				    };
		memset(&r.tally, 0x7f, sizeof(r.tally));
		char *line = encode(&r);
		decode(line, &back);
		record_release(&back);
		free(line);
	}
	free(huge);
}

/* F218 */
Test(record, counters_beyond_json_are_clamped)
{
	struct record back, r = {.event = RECORD_REFUSED, .size = UINT64_MAX};
	char *line = encode(&r);

	decode(line, &back);
	cr_assert_eq(back.size, (uint64_t)INT64_MAX);
	record_release(&back);
	free(line);
}

Test(record, unknown_keys_are_ignored)
{
	struct record r;

	decode("{\"v\":1,\"ev\":\"start\",\"new\":[1,{\"a\":null}]}", &r);
	cr_assert_eq(r.event, RECORD_START);
	record_release(&r);
}

struct bad_row {
	char line[120];
	char reason[32];
};

/* F183 */
ParameterizedTestParameters(record, refused)
{
	static struct bad_row rows[] = {
	    {"", "record.syntax"},
	    {"null", "record.syntax"},
	    {"[]", "record.syntax"},
	    {"{", "record.syntax"},
	    {"{\"v\":1,\"ev\":\"start\"", "record.syntax"}, /* torn */
	    {"{\"v\":1,\"ev\":\"start\"} {}", "record.syntax"},
	    {"{\"v\":1,\"v\":1,\"ev\":\"start\"}", "record.syntax"},
	    {"\x01\x02\xff\xfe", "record.syntax"},
	    {"{\"v\":1,\"ev\":\"st\xff\"}", "record.syntax"},
	    {"{\"ev\":\"start\"}", "record.version"},
	    {"{\"v\":2,\"ev\":\"start\"}", "record.version"},
	    {"{\"v\":\"1\",\"ev\":\"start\"}", "record.version"},
	    {"{\"v\":1}", "record.event"},
	    {"{\"v\":1,\"ev\":\"begin\"}", "record.event"},
	    {"{\"v\":1,\"ev\":7}", "record.event"},
	    {"{\"v\":1,\"ev\":\"start\",\"account\":7}", "record.field"},
	    {"{\"v\":1,\"ev\":\"start\",\"account\":\"\\u001b[2J\"}",
		"record.field"}, /* would act on a terminal */
	    {"{\"v\":1,\"ev\":\"start\",\"account\":\"\\u202e\"}",
		"record.field"},
	    {"{\"v\":1,\"ev\":\"refused\",\"uid\":-1}", "record.field"},
	    {"{\"v\":1,\"ev\":\"refused\",\"uid\":1e3}", "record.field"},
	    {"{\"v\":1,\"ev\":\"refused\",\"uid\":99999999999999999999}",
		"record.syntax"},
	    {"{\"v\":1,\"ev\":\"end\",\"tally\":{}}", "record.field"},
	    {"{\"v\":1,\"ev\":\"end\",\"exit\":256,\"tally\":{}}",
		"record.field"},
	    {"{\"v\":1,\"ev\":\"end\",\"exit\":0}", "record.field"},
	    {"{\"v\":1,\"ev\":\"progress\",\"tally\":[]}", "record.field"},
	};

	return cr_make_param_array(
	    struct bad_row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct bad_row *row, record, refused)
{
	struct record r;
	struct error err;

	cr_assert_eq(record_decode(row->line, strlen(row->line), &r, &err), -1,
	    "%s", row->line);
	cr_assert_str_eq(
	    err.reason, row->reason, "%s: %s", row->line, err.text);
	cr_assert_null(r.account);
}

/* F183 */
Test(record, every_prefix_is_refused)
{
	struct record r = {.event = RECORD_REFUSED,
	    .mailbox = (char *)"INBOX",
	    .uid = 17,
	    .text = (char *)"too big"};
	size_t len = 0;
	char *line = record_encode(&r, &len);

	for (size_t i = 0; i + 1 < len; i++) {
		struct record back;
		struct error err;
		cr_assert_eq(record_decode(line, i, &back, &err), -1);
	}
	free(line);
}

/* F183 */
Test(record, a_giant_is_refused)
{
	char giant[RECORD_LINE_MAX + 1];
	struct record r;
	struct error err;

	memset(giant, ' ', sizeof(giant));
	memcpy(giant, "{\"v\":1,\"ev\":\"start\"}", 20);
	cr_assert_eq(record_decode(giant, sizeof(giant), &r, &err), -1);
	cr_assert_str_eq(err.reason, "record.too_long");
}
