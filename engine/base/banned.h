// SPDX-License-Identifier: MIT
/*
 * Force-included before every source file: library calls that have no safe use
 * here become compile errors.  System headers that mention them come first.
 */
#ifndef ENGINE_BASE_BANNED_H
#define ENGINE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__GNUC__) && !defined(__clang_analyzer__)
// macros under _FORTIFY_SOURCE with clang: poisoning would warn of them
#	undef sprintf
#	undef vsprintf
#	pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok
#	pragma GCC poison atoi atol atoll gets gmtime localtime ctime asctime
#	pragma GCC poison mktemp tmpnam system popen
#endif

#endif
