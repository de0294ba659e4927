// SPDX-License-Identifier: MIT
#include "engine/base/step.h"

#ifdef MAILCONVOY_DEBUG

#	include <errno.h>
#	include <fcntl.h>
#	include <pthread.h>
#	include <signal.h>
#	include <stdint.h>
#	include <stdio.h>
#	include <stdlib.h>
#	include <string.h>
#	include <unistd.h>

#	include "engine/base/fd.h"
#	include "engine/base/text.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t passed;

static void note(const char *name)
{
	const char *path = getenv("MAILCONVOY_COUNT_STEPS");
	char line[64];

	if (!path)
		return;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof(line), "%s\n", name);
	if (fd >= 0 && n > 0)
		(void)fd_write_all(fd, line, (size_t)n);
	fd_close(&fd);
}

void step_point(const char *name)
{
	const char *at = getenv("MAILCONVOY_KILL_AT");
	const char *prefix = getenv("MAILCONVOY_STEPS_OF");
	uint64_t kill_at = 0;
	int kept = errno; // of what the step stands behind

	if (prefix && strncmp(name, prefix, strlen(prefix)) != 0)
		return;
	// what follows a step must not happen in another thread before the end
	(void)pthread_mutex_lock(&lock);
	note(name);
	if (at && text_parse_u64(at, strlen(at), INT64_MAX, &kill_at) &&
	    ++passed == kill_at)
		(void)raise(SIGKILL);
	(void)pthread_mutex_unlock(&lock);
	errno = kept;
}

#else

/* A file with nothing in it is no C. */
typedef int step_is_off;

#endif
