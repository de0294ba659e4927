// SPDX-License-Identifier: MIT
#include "orchestrator/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

enum {
	DEPTH_MAX = 64 /* folders that are made; those above stay root's */
};

static const char reason[] = "config.run_as";

/* Order matters: once the user is another one, groups cannot be changed. */
static int drop(const struct passwd *to)
{
	if (initgroups(to->pw_name, to->pw_gid) < 0 ||
	    setresgid(to->pw_gid, to->pw_gid, to->pw_gid) < 0 ||
	    setresuid(to->pw_uid, to->pw_uid, to->pw_uid) < 0)
		return -1;
	if (setuid(0) == 0 || seteuid(0) == 0) {
		errno = EPERM; // a kernel that lets us back
		return -1;
	}
	return 0;
}

/* By its descriptor: nobody can put something else in its place. */
static int give_one(
    const char *folder, const struct passwd *to, struct error *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || fchown(fd, to->pw_uid, to->pw_gid) < 0)
		rc = error_set_errno(err, ERROR_OS, "local.disk",
		    "cannot give '%s' to '%s'", folder, to->pw_name);
	fd_close(&fd);
	return rc;
}

/* A folder that is there already stays whose it is; all that is made belongs to
 * the user, who could not come to the last one otherwise.  Innermost first: as
 * long as the outer ones are ours nobody else is in there. */
static int give(const char *folder, const struct passwd *to, struct error *err)
{
	size_t ends[DEPTH_MAX], depth = 0;
	char *path = mem_try_strdup(folder);
	int rc = 0;

	if (!path)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	for (char *p = path + strlen(path); depth < DEPTH_MAX && p > path;) {
		struct stat st;
		*p = '\0';
		if (lstat(path, &st) == 0)
			break;
		ends[depth++] = (size_t)(p - path);
		do
			p--;
		while (p > path && *p != '/');
	}
	if (depth > 0)
		rc = fd_make_dirs(folder, err);
	(void)memcpy(path, folder, strlen(folder));
	for (size_t i = 0; rc == 0 && i < depth; i++) {
		path[ends[i]] = '\0';
		rc = give_one(path, to, err);
	}
	free(path);
	return rc;
}

static const struct passwd *find(const char *user, struct error *err)
{
	// cppcheck-suppress getpwnamCalled ; there is one thread
	const struct passwd *found = getpwnam(user);

	if (!found)
		(void)error_set(err, ERROR_CONFIG, reason,
		    "user: there is no '%s' on this machine", user);
	return found;
}

int privileges_become(const char *user, const char *folder, struct error *err)
{
	const struct passwd *to = find(user, err);

	if (!to)
		return -1;
	if (to->pw_uid == 0)
		return error_set(err, ERROR_CONFIG, reason,
		    "user: '%s' is root: leave the key out", user);
	if (give(folder, to, err) < 0)
		return -1;
	if (drop(to) < 0)
		return error_set_errno(
		    err, ERROR_OS, reason, "user: cannot become '%s'", user);
	// what is looked for at home is this user's now
	(void)setenv("HOME", to->pw_dir, 1);
	(void)setenv("USER", to->pw_name, 1);
	(void)setenv("LOGNAME", to->pw_name, 1);
	(void)unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

int privileges_check(const char *user, struct error *err)
{
	const struct passwd *wanted = find(user, err);

	if (!wanted)
		return -1;
	if (wanted->pw_uid != geteuid())
		return error_set(err, ERROR_CONFIG, reason,
		    "user: this plan is for '%s': start it as that user or as root",
		    user);
	return 0;
}
