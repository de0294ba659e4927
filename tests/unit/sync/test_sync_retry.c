// SPDX-License-Identifier: MIT
#include "engine/sync/sync_retry.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"

struct row {
	enum error_kind kind;
	char reason[ERROR_REASON_BYTES];
	int64_t wait; /* before the second session; -1: none */
};

ParameterizedTestParameters(sync_retry, repeats_what_may_pass)
{
	static struct row rows[] = {
	    {ERROR_IO, "net.reset", 250},
	    {ERROR_IO, "net.closed", 250},
	    /* the server may still be at work on what we asked */
	    {ERROR_TIMEOUT, "net.timeout", 2000},
	    /* a stream that broke once may be an accident */
	    {ERROR_PROTOCOL, "proto.syntax", 250},
	    {ERROR_PROTOCOL, "proto.sync", 250},
	    {ERROR_PROTOCOL, "proto.bad_literal", 250},
	    /* what a peer is or says will not change by itself */
	    {ERROR_PROTOCOL, "proto.no_imap", -1},
	    {ERROR_PROTOCOL, "proto.syntaxes", -1},
	    {ERROR_LIMIT, "proto.limit", -1},
	    {ERROR_TLS, "tls.verify", -1},
	    {ERROR_AUTH, "auth.refused", -1},
	    {ERROR_SERVER_NO, "list.refused", -1},
	    {ERROR_QUOTA, "quota", -1},
	    {ERROR_OS, "local.disk", -1},
	    {ERROR_CONFIG, "config", -1},
	    {ERROR_INTERRUPTED, "interrupted", -1},
	    {ERROR_INTERNAL, "internal", -1},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, sync_retry, repeats_what_may_pass)
{
	struct sync_retry r = {.was_ready = true};
	struct sync_retry never_ready = {0};
	struct error err;

	(void)error_set(&err, row->kind, row->reason, "x");
	cr_assert_eq(
	    sync_retry_wait_ms(&r, &err, 0), row->wait, "%s", row->reason);
	// a first login that fails is not repeated here
	cr_assert_eq(sync_retry_wait_ms(&never_ready, &err, 0), -1);
}

Test(sync_retry, waits_longer_each_time_and_gives_up)
{
	static const int64_t waits[SYNC_RETRY_MAX] = {250, 500, 1000, 2000, -1};
	struct sync_retry r = {.was_ready = true};
	struct error err;

	(void)error_set(&err, ERROR_IO, "net.reset", "x");
	for (int i = 0; i < SYNC_RETRY_MAX; i++)
		cr_assert_eq(
		    sync_retry_wait_ms(&r, &err, 7), waits[i], "%d", i);
	cr_assert_eq(sync_retry_wait_ms(&r, &err, 7), -1);
}

Test(sync_retry, starts_anew_after_progress)
{
	struct sync_retry r = {.was_ready = true};
	struct error err;

	(void)error_set(&err, ERROR_IO, "net.reset", "x");
	for (uint64_t progress = 1; progress < 100; progress++) {
		cr_assert_eq(sync_retry_wait_ms(&r, &err, progress), 250);
		cr_assert_eq(sync_retry_wait_ms(&r, &err, progress), 500);
	}
}

Test(sync_retry, never_waits_less_after_a_timeout)
{
	static const int64_t waits[] = {2000, 2000, 2000, 2000, -1};
	struct sync_retry r = {.was_ready = true};
	struct error err;

	(void)error_set(&err, ERROR_TIMEOUT, "net.timeout", "x");
	for (size_t i = 0; i < ARRAY_LEN(waits); i++)
		cr_assert_eq(sync_retry_wait_ms(&r, &err, 0), waits[i]);
}

/* A refusal in between does not count as a try. */
Test(sync_retry, counts_only_what_may_pass)
{
	struct sync_retry r = {.was_ready = true};
	struct error io, no;

	(void)error_set(&io, ERROR_IO, "net.reset", "x");
	(void)error_set(&no, ERROR_AUTH, "auth.refused", "x");
	cr_assert_eq(sync_retry_wait_ms(&r, &io, 0), 250);
	cr_assert_eq(sync_retry_wait_ms(&r, &no, 0), -1);
	cr_assert_eq(sync_retry_wait_ms(&r, &io, 0), 500);
}

static int later(struct sync_retry *r, enum imap_refusal meaning,
    const char *words, struct error *err)
{
	const struct sync_retry_refusal refusal = {
	    "target", "APPEND", meaning, words, INT64_C(1577872800000)};

	return sync_retry_later(r, &refusal, err);
}

/* F118 */
Test(sync_retry, waits_as_long_as_it_is_asked)
{
	struct sync_retry r = {.was_ready = true};
	struct error err, lost;

	cr_assert_eq(
	    later(&r, IMAP_REFUSAL_THROTTLED,
		"Request is throttled. Suggested Backoff Time: 299961 milliseconds",
		&err),
	    -1);
	cr_assert_eq(err.kind, ERROR_IO);
	cr_assert_eq(err.wait_ms, 299961);
	cr_assert_eq(sync_retry_wait_ms(&r, &err, 0), 299961);
	// once: the next loss is another one
	(void)error_set(&lost, ERROR_IO, "net.reset", "x");
	cr_assert_eq(sync_retry_wait_ms(&r, &lost, 0), 500);
	cr_assert_eq(later(&r, IMAP_REFUSAL_TEMPORARY, "in use", &err), -1);
	cr_assert_eq(sync_retry_wait_ms(&r, &err, 1), 250);
}

/* F118 */
Test(sync_retry, ends_the_run_when_it_is_asked_to_wait_long)
{
	struct sync_retry r = {.was_ready = true};
	struct error err;

	(void)later(&r, IMAP_REFUSAL_THROTTLED,
	    "Suggested Backoff Time: 900000 milliseconds", &err);
	cr_assert_eq(err.kind, ERROR_IO);
	(void)later(&r, IMAP_REFUSAL_THROTTLED,
	    "Suggested Backoff Time: 900001 milliseconds", &err);
	cr_assert_eq(err.kind, ERROR_DEFERRED);
	cr_assert_str_eq(err.reason, "throttle.later");
	cr_assert(strstr(err.text, "16 minutes"), "%s", err.text);
	cr_assert(strstr(err.text, "2020-01-01T10:15:00"), "%s", err.text);
	cr_assert_eq(sync_retry_wait_ms(&r, &err, 0), -1);
	(void)later(&r, IMAP_REFUSAL_DAILY_LIMIT, "Account exceeded", &err);
	cr_assert_eq(err.kind, ERROR_DEFERRED);
}
