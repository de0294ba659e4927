// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "engine/contract/tally.h"
#include "engine/contract/tally_json.h"

static const struct tally full = {
    .source = 28,
    .copied = 1,
    .present = 2,
    .skipped = {3, 1, 3},
    .refused = {1, 2, 3, 4},
    .vanished = 5,
    .unreached = 3,
    .bytes_copied = UINT64_C(5000000000),
    .extra = {6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22},
};

Test(tally, balances_when_every_message_has_a_fate)
{
	struct tally t = full;

	cr_assert(tally_balances(&t));
	t.copied++;
	cr_assert_not(tally_balances(&t));
}

Test(tally, adds_every_counter)
{
	struct tally sum = full, twice = full;

	tally_add(&sum, &full);
	for (size_t i = 0; i < sizeof(sum) / sizeof(uint64_t); i++)
		((uint64_t *)&twice)[i] *= 2;
	cr_assert_eq(memcmp(&sum, &twice, sizeof(sum)), 0);
	cr_assert(tally_balances(&sum));
}

/* F218: more messages and bytes than 32 bits can count. */
Test(tally, counts_beyond_32_bits)
{
	const struct tally one = {.source = UINT64_C(3000000000),
	    .copied = UINT64_C(3000000000),
	    .bytes_copied = UINT64_C(9000000000000000)};
	struct tally sum = {0}, back;
	char text[512];

	for (int i = 0; i < 100; i++)
		tally_add(&sum, &one);
	cr_assert(tally_balances(&sum));
	tally_format(&sum, text, sizeof(text));
	cr_assert_not_null(
	    strstr(text, "source 300000000000 = copied 300000000000 +"));
	json_t *o = tally_json_new(&sum);
	cr_assert_eq(tally_json_read(o, &back), 0);
	cr_assert_eq(memcmp(&back, &sum, sizeof(sum)), 0);
	cr_assert_eq(back.bytes_copied, UINT64_C(900000000000000000));
	json_decref(o);
}

Test(tally, formats_the_identity)
{
	char text[512];
	struct tally t = {.source = 3, .copied = 2, .skipped = {1, 0}};

	tally_format(&t, text, sizeof(text));
	cr_assert_str_eq(text,
	    "source 3 = copied 2 + present 0 + skipped 1 (deleted 1) + refused 0 + vanished 0 + unreached 0");
}

Test(tally, format_is_cut_to_its_room)
{
	char text[20];

	tally_format(&full, text, sizeof(text));
	cr_assert_eq(strlen(text), sizeof(text) - 1);
}

Test(tally, survives_json)
{
	struct tally back;
	json_t *o = tally_json_new(&full);

	cr_assert_eq(tally_json_read(o, &back), 0);
	cr_assert_eq(memcmp(&back, &full, sizeof(full)), 0);
	json_decref(o);
}

Test(tally, json_of_nothing_still_has_the_identity)
{
	const struct tally none = {0};
	json_t *o = tally_json_new(&none);
	char *text = json_dumps(o, JSON_COMPACT);

	cr_assert_str_eq(text,
	    "{\"source\":0,\"copied\":0,\"present\":0,\"vanished\":0,\"unreached\":0,\"bytes\":0,\"skipped\":{},\"refused\":{}}");
	free(text);
	json_decref(o);
}

Test(tally, refuses_json_that_is_no_tally)
{
	static const char *const bad[] = {"[]", "{\"source\":-1}",
	    "{\"copied\":\"1\"}", "{\"copied\":1.5}", "{\"refused\":[]}",
	    "{\"skipped\":{\"deleted\":-3}}", "{\"bytes\":true}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tally t;
		json_t *o = json_loads(bad[i], 0, NULL);
		cr_assert_eq(tally_json_read(o, &t), -1, "%s", bad[i]);
		json_decref(o);
	}
}
