// SPDX-License-Identifier: MIT
/*
 * Modified UTF-7 of mailbox names (RFC 3501 5.1.3). Pure functions.
 */
#ifndef ENGINE_BASE_UTF7_H
#define ENGINE_BASE_UTF7_H

#include <stdbool.h>
#include <stddef.h>

/* Is `name` valid modified UTF-7: printable ASCII, every `&` run well formed
 * (canonical base64 of complete UTF-16, no ASCII hidden inside)? */
bool utf7_is_valid(const char *name, size_t len);

/* UTF-8 to modified UTF-7 as a heap string; NULL when the text is not valid
 * UTF-8 or holds NUL. */
char *utf7_encode(const char *utf8, size_t len);

/* Modified UTF-7 to UTF-8 as a heap string; NULL when it is not valid. The
 * second: or when memory is short. */
char *utf7_decode(const char *name, size_t len);
char *utf7_try_decode(const char *name, size_t len);

#endif
