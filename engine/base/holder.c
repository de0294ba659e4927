// SPDX-License-Identifier: MIT
#include "engine/base/holder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/fd.h"
#include "engine/base/text.h"

void holder_write(int fd)
{
	char host[128] = "?", now[CLOCK_TEXT_BYTES], text[256];

	(void)gethostname(host, sizeof(host) - 1);
	clock_format(clock_wall_ms(), now);
	int n = snprintf(text, sizeof(text), "host %s pid %ld since %s\n", host,
	    (long)getpid(), now);
	if (ftruncate(fd, 0) == 0 && n > 0)
		(void)fd_write_all(fd, text, (size_t)n);
}

const char *holder_read(const char *path, char out[HOLDER_TEXT_BYTES])
{
	char holder[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, holder, sizeof(holder));

	// closing this descriptor does not end a flock held by another
	fd_close(&fd);
	const char *end = n > 0 ? memchr(holder, '\n', (size_t)n) : NULL;
	if (end)
		n = end - holder;
	if (n <= 0)
		n = snprintf(holder, sizeof(holder), "somebody unknown");
	return text_escape(holder, (size_t)n, out, HOLDER_TEXT_BYTES);
}
