// SPDX-License-Identifier: MIT
#include "engine/verify/verify_list.h"

#include <criterion/criterion.h>

#include "engine/base/error.h"

Test(verify_list, comes_in_the_order_of_uids_each_once)
{
	static const uint32_t uids[] = {7, 3, 9, 3, 1, 9};
	static const uint32_t expected[] = {1, 3, 7, 9};
	struct verify_list l;
	struct error err;

	verify_list_init(&l);
	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
		const struct verify_entry e = {.uid = uids[i]};
		cr_assert_eq(verify_list_add(&l, &e, &err), 0);
	}
	verify_list_finish(&l);
	cr_assert_eq(l.count, 4);
	cr_assert_eq(l.highest_uid, 9);
	for (size_t i = 0; i < l.count; i++)
		cr_assert_eq(l.entries[i].uid, expected[i]);
	verify_list_release(&l);
}
