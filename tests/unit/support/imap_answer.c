// SPDX-License-Identifier: MIT
#include "tests/unit/support/imap_answer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_reader.h"

char *imap_answer_parse(
    const char *word, const char *input, struct imap_response *out)
{
	char *line = mem_printf("* %s %s\r\n", word, input);
	const char *at = line;
	size_t len = strlen(line);
	struct imap_reader r;
	struct error err;

	imap_reader_init(&r, &imap_reader_default_limits);
	cr_assert_eq(
	    imap_reader_next(&r, &at, &len, &err), IMAP_READER_RESPONSE);
	char *copy =
	    memcpy(mem_alloc(r.response.len), r.response.data, r.response.len);
	cr_assert(imap_response_parse(copy, r.response.len, out));
	imap_reader_release(&r);
	free(line);
	return copy;
}
