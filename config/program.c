// SPDX-License-Identifier: MIT
#include "config/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

/* Standard signals, an empty mask, a group of its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	return posix_spawnattr_setflags(
		   attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
				   POSIX_SPAWN_SETSIGMASK) ||
	       posix_spawnattr_setpgroup(attributes, 0) ||
	       posix_spawnattr_setsigdefault(attributes, &all) ||
	       posix_spawnattr_setsigmask(attributes, &none);
}

int program_start(pid_t *pid_out, char *const *argv, char *const *env,
    int in_fd, int out_fd, int err_fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;

	int rc = posix_spawn_file_actions_init(&files);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attributes);
	if (rc != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return rc;
	}
	rc = in_fd < 0 ? posix_spawn_file_actions_addopen(
			     &files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
		       : posix_spawn_file_actions_adddup2(
			     &files, in_fd, STDIN_FILENO);
	// what we have inherited ourselves may stay open in an exec
	rc = rc || posix_spawn_file_actions_adddup2(&files, out_fd, 1) ||
	     posix_spawn_file_actions_adddup2(&files, err_fd, STDERR_FILENO) ||
	     posix_spawn_file_actions_addclosefrom_np(
		 &files, STDERR_FILENO + 1) ||
	     set_attributes(&attributes);
	rc =
	    rc ? ENOMEM
	       : posix_spawnp(pid_out, argv[0], &files, &attributes, argv, env);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&files);
	return rc;
}
