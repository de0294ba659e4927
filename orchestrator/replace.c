// SPDX-License-Identifier: MIT
#include "orchestrator/replace.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"

int replace_file(const char *path, const void *bytes, size_t len, mode_t mode,
    struct error *err)
{
	char *temp = mem_try_printf("%s.new", path);
	int rc = 0;

	if (!temp)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	(void)unlink(temp); // of a process that was killed
	int fd = open(
	    temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	step_point("replace.begin");
	if (fd < 0 || fd_write_all(fd, bytes, len) < 0 ||
	    fchmod(fd, mode) < 0 || rename(temp, path) < 0)
		rc = error_set_errno(
		    err, ERROR_OS, "local.disk", "cannot write '%s'", path);
	if (rc < 0 && fd >= 0)
		(void)unlink(temp);
	step_point("replace.end");
	fd_close(&fd);
	free(temp);
	return rc;
}
