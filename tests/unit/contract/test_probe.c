// SPDX-License-Identifier: MIT
#include "engine/contract/probe.h"

#include <criterion/criterion.h>
#include <jansson.h>

Test(probe, what_is_written_is_read)
{
	struct probe p, got;

	probe_init(&p);
	p.n[PROBE_MESSAGES] = 0; // known, and not the same as unknown
	p.n[PROBE_BYTES] = UINT64_C(5000000000000);
	p.n[PROBE_DELETE_MAILBOXES] = 7;
	json_t *o = probe_json_new(&p);
	cr_assert_eq(json_object_size(o), 3);
	cr_assert_eq(probe_json_read(o, &got), 0);
	for (size_t i = 0; i < PROBE_NUMBERS; i++)
		cr_assert_eq(
		    got.n[i], p.n[i], "%s", probe_name((enum probe_number)i));
	json_decref(o);
}

Test(probe, a_number_that_is_none_is_refused)
{
	static const char *const bad[] = {"[]", "null", "{\"messages\":-1}",
	    "{\"messages\":\"1\"}", "{\"too_big\":1.5}"};
	struct probe p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *o = json_loads(bad[i], JSON_DECODE_ANY, NULL);
		cr_assert_eq(probe_json_read(o, &p), -1, "%s", bad[i]);
		json_decref(o);
	}
	json_t *o = json_pack("{s:i,s:s}", "create", 3, "later", "x");
	cr_assert_eq(probe_json_read(o, &p), 0);
	cr_assert_eq(p.n[PROBE_CREATE], 3);
	cr_assert_eq(p.n[PROBE_MESSAGES], PROBE_UNKNOWN);
	json_decref(o);
}

Test(probe, room_is_never_negative)
{
	cr_assert_eq(probe_free(10, 30), 20);
	cr_assert_eq(probe_free(30, 30), 0);
	cr_assert_eq(probe_free(31, 30), 0);
	cr_assert_eq(probe_free(0, 0), 0);
	cr_assert_eq(probe_free(PROBE_UNKNOWN, 30), PROBE_UNKNOWN);
	cr_assert_eq(probe_free(30, PROBE_UNKNOWN), PROBE_UNKNOWN);
}
