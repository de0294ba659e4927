// SPDX-License-Identifier: MIT
/*
 * Confinement is for good, so each case lives in a child process and tells by
 * its exit code what it could still do.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/confine.h"

enum {
	CANNOT_CONFINE = 99
};

/* A folder with two more in it. */
static char top[64];
static char open_folder[96], closed_folder[96];

static void make_folders(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/mcv-confine-XXXXXX");
	cr_assert_not_null(mkdtemp(top));
	(void)snprintf(open_folder, sizeof(open_folder), "%s/open", top);
	(void)snprintf(closed_folder, sizeof(closed_folder), "%s/closed", top);
	cr_assert_eq(mkdir(open_folder, 0700), 0);
	cr_assert_eq(mkdir(closed_folder, 0700), 0);
}

static void remove_folders(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/open/file", top);
	(void)unlink(path);
	(void)rmdir(open_folder);
	(void)rmdir(closed_folder);
	(void)rmdir(top);
}

/* 0, or the errno of opening a file of that folder. */
static int try_file(const char *folder, int flags)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/file", folder);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int listen_on_any_port(uint16_t *port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
		  listen(fd, 4) == 0 &&
		  getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static int try_port(uint16_t port)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = connect(fd, (const struct sockaddr *)&to, sizeof(to));
	int why = rc == 0 ? 0 : errno;

	(void)close(fd);
	return why;
}

/* Runs it in a child that is confined; its value is the child's exit code. */
static int confined(int (*look)(uint16_t, uint16_t), uint16_t port,
    uint16_t other, bool needs_ports)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct confine c;
		confine_begin(&c);
		confine_read(&c, "/usr");
		confine_read(&c, "/no/such/folder");
		confine_read(&c, NULL);
		confine_write(&c, open_folder);
		confine_connect(&c, port);
		bool has_ports = c.has_ports;
		enum confine_verdict v = confine_seal(&c);
		if (v == CONFINE_UNKNOWN || (needs_ports && !has_ports))
			_exit(CANNOT_CONFINE);
		_exit(v == CONFINE_FAILED ? 98 : look(port, other));
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_CONFINE)
		cr_skip_test("this kernel has no Landlock for it");
	return WEXITSTATUS(status);
}

static int look_at_files(uint16_t port, uint16_t other)
{
	(void)port, (void)other;
	if (try_file(open_folder, O_RDWR | O_CREAT) != 0)
		return 1;
	if (try_file(closed_folder, O_RDWR | O_CREAT) != EACCES)
		return 2;
	if (try_file(closed_folder, O_RDONLY) != ENOENT &&
	    try_file(closed_folder, O_RDONLY) != EACCES)
		return 3;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 4;
	if (open("/usr", O_RDONLY | O_DIRECTORY) < 0)
		return 5;
	if (mkdir("/tmp/mcv-confine-made", 0700) == 0 || errno != EACCES)
		return 6;
	return 0;
}

static int look_at_programs(uint16_t port, uint16_t other)
{
	char name[] = "/usr/bin/true";
	char *argv[] = {name, NULL};

	(void)port, (void)other;
	(void)execv(name, argv);
	return errno == EACCES ? 0 : 1;
}

static int look_at_ports(uint16_t port, uint16_t other)
{
	if (try_port(port) != 0)
		return 1;
	if (try_port(other) != EACCES)
		return 2;
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_port = htons(other);
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 &&
		       errno == EACCES
		   ? 0
		   : 3;
}

Test(confine, files_that_were_not_named)
{
	make_folders();
	int found = confined(look_at_files, 1, 2, false);
	remove_folders();
	cr_assert_eq(found, 0, "%d", found);
}

Test(confine, programs)
{
	make_folders();
	int found = confined(look_at_programs, 1, 2, false);
	remove_folders();
	cr_assert_eq(found, 0, "%d", found);
}

Test(confine, ports)
{
	uint16_t port = 0, other = 0;
	int one = listen_on_any_port(&port), two = listen_on_any_port(&other);

	make_folders();
	int found = confined(look_at_ports, port, other, true);
	remove_folders();
	(void)close(one);
	(void)close(two);
	cr_assert_eq(found, 0, "%d", found);
}
