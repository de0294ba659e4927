// SPDX-License-Identifier: MIT
/*
 * Which message of one side is which of the other: as multisets, by digest
 * first, so that the fewest differences are left; what remains by Message-ID
 * and Date, or by date and size, which only tells a changed message from one
 * that is missing and another that is too many. Pure.
 */
#ifndef ENGINE_VERIFY_VERIFY_MATCH_H
#define ENGINE_VERIFY_VERIFY_MATCH_H

#include <stdbool.h>
#include <stdint.h>

struct verify_list;

/*
 * Sets pairs and marks of both lists. Flags of the source become those a copy
 * has on the target. `with_digests` false: messages are only counted.
 */
void verify_match(
    struct verify_list *source, struct verify_list *target, bool with_digests);

#endif
