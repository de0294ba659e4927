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

/* Empties the locked file, which is at its start, and writes host, process and
 * time into its first line. */
void holder_write(int fd);

/* What stands in the first line, escaped; "somebody unknown" when nothing can
 * be read. Returns `out`. */
const char *holder_read(const char *path, char out[HOLDER_TEXT_BYTES]);

#endif
