// SPDX-License-Identifier: MIT
/*
 * How many messages a SEARCH found, from either form of its answer (RFC 3501,
 * RFC 4731).  Pure.
 */
#ifndef ENGINE_IMAP_IMAP_SEARCH_H
#define ENGINE_IMAP_IMAP_SEARCH_H

#include <stdint.h>

#include "engine/imap/imap_syntax.h"

/* Of a "* SEARCH" or "* ESEARCH" response: its word and what is behind it. */
uint64_t imap_search_count(struct imap_str word, struct imap_cursor rest);

#endif
