// SPDX-License-Identifier: MIT
/* What stands in one line of a journal; what is missing or of another kind is
 * "" or 0. */
#ifndef ORCHESTRATOR_JOURNAL_LINE_H
#define ORCHESTRATOR_JOURNAL_LINE_H

#include <stdint.h>

struct json_t;

/* Lives as long as the line. */
const char *journal_line_text(const struct json_t *line, const char *key);

uint64_t journal_line_number(const struct json_t *line, const char *key);

#endif
