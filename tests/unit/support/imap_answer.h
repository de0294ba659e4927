// SPDX-License-Identifier: MIT
/* One response as it comes from the reader, for tests of what reads it. */
#ifndef TESTS_UNIT_SUPPORT_IMAP_ANSWER_H
#define TESTS_UNIT_SUPPORT_IMAP_ANSWER_H

#include "engine/imap/imap_syntax.h"

/* Parses "* WORD input"; `out` points into the heap copy that is returned. */
char *imap_answer_parse(
    const char *word, const char *input, struct imap_response *out);

#endif
