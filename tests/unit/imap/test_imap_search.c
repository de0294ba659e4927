// SPDX-License-Identifier: MIT
#include "engine/imap/imap_search.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/base/mem.h"
#include "tests/unit/support/imap_answer.h"

struct row {
	const char *word, *input;
	uint64_t count;
};

static const struct row rows[] = {
    {"SEARCH", "", 0},
    {"SEARCH", "2 84 882", 3},
    {"SEARCH", "2  84 ", 2},
    {"SEARCH", "1 2 (MODSEQ 917)", 2},
    {"SEARCH", "x", 0},
    {"ESEARCH", "(TAG \"A1\") COUNT 17", 17},
    {"ESEARCH", "(TAG \"A1\") UID MIN 1 COUNT 4294967295", 4294967295},
    {"ESEARCH", "COUNT 0", 0},
    {"ESEARCH", "(TAG \"A1\")", 0},
    {"ESEARCH", "(TAG \"A1\") COUNT", 0},
    {"ESEARCH", "(TAG \"A1\") COUNT x", 0},
    {"ESEARCH", "(TAG \"A1\"", 0},
    {"ESEARCH", ") COUNT 1", 0},
    {"ESEARCH", "", 0},
};

Test(imap_search, counts_what_was_found)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct imap_response r;
		char *copy = imap_answer_parse(rows[i].word, rows[i].input, &r);
		cr_assert_eq(imap_search_count(r.word, r.rest), rows[i].count,
		    "%s", rows[i].input);
		free(copy);
	}
}
