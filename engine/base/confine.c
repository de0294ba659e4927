// SPDX-License-Identifier: MIT
#include "engine/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/fd.h"

/* Newer than the headers of the systems we build on. */
enum {
	VERSION_TRUNCATE = 3,
	VERSION_PORTS = 4,
	VERSION_SCOPES = 6,
	RULE_PORT = 2
};

#define ACCESS_TRUNCATE (1ULL << 14)
#define PORT_BIND (1ULL << 0)
#define PORT_CONNECT (1ULL << 1)
#define SCOPE_SOCKETS (1ULL << 0)
#define SCOPE_SIGNALS (1ULL << 1)

struct ruleset_attr {
	uint64_t files, ports, scopes;
};

struct port_attr {
	uint64_t allowed, port;
};

static const uint64_t read_rights =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t write_rights =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_REG | ACCESS_TRUNCATE;
/* What is given up unless a rule gives it back. */
static const uint64_t all_rights =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM | ACCESS_TRUNCATE;

/* Rights of this kernel. */
static uint64_t known(const struct confine *c, uint64_t rights)
{
	return c->version < VERSION_TRUNCATE ? rights & ~ACCESS_TRUNCATE
					     : rights;
}

void confine_begin(struct confine *c)
{
	struct ruleset_attr attr = {0};
	size_t size = sizeof(attr.files);

	*c = (struct confine){.fd = -1};
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (version <= 0)
		return;
	c->version = (int)version;
	attr.files = known(c, all_rights);
	if (version >= VERSION_PORTS) {
		c->has_ports = true;
		attr.ports = PORT_BIND | PORT_CONNECT;
		size = sizeof(attr.files) + sizeof(attr.ports);
	}
	if (version >= VERSION_SCOPES) {
		attr.scopes = SCOPE_SOCKETS | SCOPE_SIGNALS;
		size = sizeof(attr);
	}
	c->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (c->fd < 0)
		c->failed = errno;
}

/* A rule that is missing would refuse later what we need: none at all then. */
static void give_up(struct confine *c)
{
	c->failed = errno;
	fd_close(&c->fd);
}

static void allow(struct confine *c, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {0};
	struct stat st;

	if (c->fd < 0 || !path)
		return;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			give_up(c);
		return;
	}
	bool done = fstat(fd, &st) == 0;
	if (done) {
		// rights of folders cannot be given to a file
		rule.allowed_access = known(c, rights);
		if (!S_ISDIR(st.st_mode))
			rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE |
					       LANDLOCK_ACCESS_FS_WRITE_FILE |
					       known(c, ACCESS_TRUNCATE);
		rule.parent_fd = fd;
		done = syscall(SYS_landlock_add_rule, c->fd,
			   LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	}
	if (!done)
		give_up(c);
	fd_close(&fd);
}

void confine_read(struct confine *c, const char *path)
{
	allow(c, path, read_rights);
}

void confine_write(struct confine *c, const char *folder)
{
	allow(c, folder, read_rights | write_rights);
}

void confine_connect(struct confine *c, uint16_t port)
{
	const struct port_attr rule = {PORT_CONNECT, port};

	if (c->fd >= 0 && c->has_ports &&
	    syscall(SYS_landlock_add_rule, c->fd, RULE_PORT, &rule, 0) < 0)
		give_up(c);
}

enum confine_verdict confine_seal(struct confine *c)
{
	if (c->version == 0)
		return CONFINE_UNKNOWN;
	errno = c->failed;
	if (c->fd < 0)
		return CONFINE_FAILED;
	bool done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		    syscall(SYS_landlock_restrict_self, c->fd, 0) == 0;
	int why = errno;
	fd_close(&c->fd);
	errno = why;
	if (!done)
		return CONFINE_FAILED;
	return c->has_ports ? CONFINE_DONE : CONFINE_DONE_WITHOUT_PORTS;
}
