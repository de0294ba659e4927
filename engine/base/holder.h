// SPDX-License-Identifier: MIT
/*
 * Who holds a lock file, as a line in it: for people only, the lock itself is
 * the truth.
 */
#ifndef ENGINE_BASE_HOLDER_H
#define ENGINE_BASE_HOLDER_H

#include <stddef.h>

/* Room for what holder_read gives. */
enum {
	HOLDER_TEXT_BYTES = 512
};

/* Writes host, process and time into the locked file. */
void holder_write(int fd);

/* What stands there, escaped; "somebody unknown" when nothing can be read.
 * Returns `out`. */
const char *holder_read(const char *path, char out[HOLDER_TEXT_BYTES]);

#endif
