// SPDX-License-Identifier: MIT
#include "engine/imap/imap_search.h"

static uint64_t count_numbers(struct imap_cursor rest)
{
	uint64_t n = 0, count = 0;

	for (;;) {
		(void)imap_space(&rest);
		if (!imap_number(&rest, &n))
			return count;
		count++;
	}
}

uint64_t imap_search_count(struct imap_str word, struct imap_cursor rest)
{
	struct imap_str name;
	uint64_t n = 0;

	if (imap_str_is(word, "SEARCH"))
		return count_numbers(rest);
	for (;;) {
		(void)imap_space(&rest);
		if (!imap_atom(&rest, &name)) {
			// (TAG "a1")
			if (!imap_skip(&rest))
				return 0;
			continue;
		}
		if (!imap_str_is(name, "COUNT"))
			continue;
		return imap_space(&rest) && imap_number(&rest, &n) ? n : 0;
	}
}
