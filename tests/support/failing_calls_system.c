// SPDX-License-Identifier: MIT
/*
 * Calls that fail (failing_calls.c), second part: descriptors, memory that is
 * mapped, processes, threads.
 */
#include "failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ----------------------------------------------------------- descriptors */

static int fcntl_any(int fd, int command, void *argument, const void *caller)
{
	bool is_lock =
	    command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK;

	if (command == F_DUPFD_CLOEXEC && calls_fails(DESCRIPTOR, caller))
		return -1;
	if (is_lock && calls_fails(LOCK, caller))
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
	va_list args;

	va_start(args, command);
	void *argument = va_arg(args, void *);
	va_end(args);
	return fcntl_any(fd, command, argument, CALLER);
}

int fcntl64(int, int, ...) __attribute__((alias("fcntl")));

int dup2(int from, int to)
{
	return calls_fails(DESCRIPTOR, CALLER)
		   ? -1
		   : (int)syscall(SYS_dup3, from, to, 0);
}

int socket(int domain, int type, int protocol)
{
	return calls_fails(DESCRIPTOR, CALLER)
		   ? -1
		   : (int)syscall(SYS_socket, domain, type, protocol);
}

int pipe2(int fds[2], int flags)
{
	return calls_fails(DESCRIPTOR, CALLER)
		   ? -1
		   : (int)syscall(SYS_pipe2, fds, flags);
}

int eventfd(unsigned value, int flags)
{
	return calls_fails(DESCRIPTOR, CALLER)
		   ? -1
		   : (int)syscall(SYS_eventfd2, value, flags);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
	return calls_fails(DESCRIPTOR, CALLER)
		   ? -1
		   : (int)syscall(SYS_signalfd4, fd, set, NSIG / 8, flags);
}

int memfd_create(const char *name, unsigned flags)
{
	return calls_fails(DESCRIPTOR, CALLER)
		   ? -1
		   : (int)syscall(SYS_memfd_create, name, flags);
}

int accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags)
{
	return calls_fails(DESCRIPTOR, CALLER)
		   ? -1
		   : (int)syscall(SYS_accept4, fd, peer, len, flags);
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	return calls_fails(CONNECT, CALLER)
		   ? -1
		   : (int)syscall(SYS_bind, fd, address, len);
}

int listen(int fd, int backlog)
{
	return calls_fails(CONNECT, CALLER)
		   ? -1
		   : (int)syscall(SYS_listen, fd, backlog);
}

int connect(int fd, const struct sockaddr *peer, socklen_t len)
{
	return calls_fails(CONNECT, CALLER)
		   ? -1
		   : (int)syscall(SYS_connect, fd, peer, len);
}

int getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **) =
	    (int (*)(const char *, const char *, const struct addrinfo *,
		struct addrinfo **))calls_next("getaddrinfo");

	return calls_fails(RESOLVE, CALLER) ? EAI_SYSTEM
					    : real(host, service, hints, out);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	if (calls_fails(POLL, CALLER) || calls_is_interrupted())
		return -1;
	return (int)syscall(SYS_poll, fds, count, timeout_ms);
}

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room)
{
	(void)room;
	return poll(fds, count, timeout_ms);
}

/* -------------------------------------------------------- the rest of it */

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t from)
{
	if (calls_fails(MAP, CALLER))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, from);
}

void *mmap64(void *, size_t, int, int, int, off_t)
    __attribute__((alias("mmap")));

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
	return calls_fails(RANDOM, CALLER)
		   ? -1
		   : syscall(SYS_getrandom, out, len, flags);
}

int getentropy(void *out, size_t len)
{
	if (calls_fails(RANDOM, CALLER))
		return -1;
	return syscall(SYS_getrandom, out, len, 0) == (long)len ? 0 : -1;
}

pid_t fork(void)
{
	pid_t (*real)(void) = (pid_t(*)(void))calls_next("fork");

	return calls_fails(PROCESS, CALLER) ? -1 : real();
}

int posix_spawnp(pid_t *pid_out, const char *file,
    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
    char *const argv[], char *const env[])
{
	int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *,
	    const posix_spawnattr_t *, char *const[], char *const[]) =
	    (int (*)(pid_t *, const char *, const posix_spawn_file_actions_t *,
		const posix_spawnattr_t *, char *const[],
		char *const[]))calls_next("posix_spawnp");

	return calls_fails(PROCESS, CALLER)
		   ? errno
		   : real(pid_out, file, actions, attr, argv, env);
}

int pthread_create(pthread_t *out, const pthread_attr_t *attributes,
    void *(*start)(void *), void *argument)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
	    void *) = (int (*)(pthread_t *, const pthread_attr_t *,
	    void *(*)(void *), void *))calls_next("pthread_create");

	return calls_fails(THREAD, CALLER)
		   ? errno
		   : real(out, attributes, start, argument);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	if (calls_fails(WAIT, CALLER) || calls_is_interrupted())
		return -1;
	return (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

int waitid(idtype_t kind, id_t id, siginfo_t *info, int options)
{
	if (calls_fails(WAIT, CALLER) || calls_is_interrupted())
		return -1;
	return (int)syscall(SYS_waitid, kind, id, info, options, NULL);
}
