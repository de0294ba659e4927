// SPDX-License-Identifier: MIT
#include "orchestrator/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

/* What an engine may need to know of its surroundings; no more. */
static const char *const kept[] = {"PATH", "HOME", "TZ", "LANG", "TMPDIR",
    "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
#ifdef MAILCONVOY_DEBUG
    // where sanitizers and tests write what they found
    "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
    "MAILCONVOY_CONFINE_ALSO"
#endif
};

enum {
	KEPT = ARRAY_LEN(kept),
	PARK_FROM = 10 /* above every number a child is given */
};

/* Pipes to and from the child; [0] is read, [1] written. */
struct pipes {
	int job[2], record[2], status[2];
	int null;
};

static void free_environment(char *env[KEPT + 1])
{
	for (size_t i = 0; i < KEPT; i++) {
		free(env[i]);
		env[i] = NULL;
	}
}

static int make_environment(char *env[KEPT + 1], struct error *err)
{
	size_t used = 0;

	for (size_t i = 0; i < KEPT; i++) {
		const char *value = getenv(kept[i]);
		if (!value)
			continue;
		env[used] = mem_try_printf("%s=%s", kept[i], value);
		if (!env[used++]) {
			free_environment(env);
			return error_set(err, ERROR_INTERNAL, "local.memory",
			    "out of memory");
		}
	}
	return 0;
}

static void close_pipes(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		fd_close(&p->job[i]);
		fd_close(&p->record[i]);
		fd_close(&p->status[i]);
	}
	fd_close(&p->null);
}

static int open_pipes(struct pipes *p, struct error *err)
{
	*p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, -1};
	p->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (p->null >= 0 && pipe2(p->job, O_CLOEXEC) == 0 &&
	    pipe2(p->record, O_CLOEXEC) == 0 &&
	    pipe2(p->status, O_CLOEXEC) == 0 && fd_nonblock(p->job[1]) == 0 &&
	    fd_nonblock(p->record[0]) == 0)
		return 0;
	(void)error_set_errno(
	    err, ERROR_OS, "local.descriptors", "cannot make pipes");
	err->retry = ERROR_RETRY_LATER;
	close_pipes(p);
	return -1;
}

/* From here to exec only async-signal-safe calls. */
static _Noreturn void child_fail(int status_fd, int error)
{
	(void)!write(status_fd, &error, sizeof(error));
	_exit(127);
}

/* Moves everything above the fixed numbers first: a pipe that happens to have
 * one of them must not be closed by another's dup2. */
static void child_descriptors(
    const struct pipes *p, const struct spawn_request *request, int *status_fd)
{
	const int from[] = {p->null, request->log_fd, request->log_fd,
	    p->job[0], p->record[1], request->lock_fd, request->pace_fd};
	int parked[ARRAY_LEN(from)];

	*status_fd = fcntl(p->status[1], F_DUPFD_CLOEXEC, PARK_FROM);
	if (*status_fd < 0)
		child_fail(p->status[1], errno);
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		parked[i] = fcntl(from[i], F_DUPFD_CLOEXEC, PARK_FROM);
		if (parked[i] < 0)
			child_fail(*status_fd, errno);
	}
	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		if (dup2(parked[i], (int)i) < 0)
			child_fail(*status_fd, errno);
	(void)close_range(SPAWN_PACE_FD + 1, (unsigned)*status_fd - 1, 0);
	(void)close_range((unsigned)*status_fd + 1, ~0U, 0);
}

static void child_signals(void)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &standard, NULL); // KILL, STOP refuse
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child(const struct pipes *p,
    const struct spawn_request *request, char *const *argv, char *const *env,
    pid_t parent)
{
	int status_fd = p->status[1];

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127); // it died before we asked to be told
	child_descriptors(p, request, &status_fd);
	child_signals();
	(void)umask(077);
	(void)execve(request->engine, argv, env);
	child_fail(status_fd, errno);
}

/* 0 when the exec took place, else the child's errno. */
static int exec_error(int status_fd)
{
	int error = 0;
	ssize_t n;

	do
		n = read(status_fd, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(error) ? error : 0;
}

static int run_child(struct pipes *p, const struct spawn_request *request,
    char *const *env, struct error *err)
{
	char account[] = "--account", job[] = "--jobFd", job_number[] = "3";
	char record[] = "--recordFd", record_number[] = "4";
	char logfile[] = "--logfile", name[] = "syncIMAPMail";
	char *argv[] = {name, account, (char *)request->account, job,
	    job_number, record, record_number, logfile,
	    (char *)request->log_path, NULL};
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		child(p, request, argv, env, parent);
	if (pid < 0) {
		(void)error_set_errno(
		    err, ERROR_OS, "local.processes", "cannot fork");
		err->retry = ERROR_RETRY_LATER;
		return -1;
	}
	(void)setpgid(pid, pid); // whoever of the two comes first
	fd_close(&p->status[1]);
	int why = exec_error(p->status[0]);
	if (why == 0)
		return (int)pid;
	errno = why;
	(void)error_set_errno(err, ERROR_OS, "crash.start",
	    "cannot start the engine '%s'", request->engine);
	// short of descriptors, processes or memory: not the engine's fault
	if (why == EMFILE || why == ENFILE || why == EAGAIN || why == ENOMEM)
		err->retry = ERROR_RETRY_LATER;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	return -1;
}

int spawn_engine(
    const struct spawn_request *request, struct spawned *out, struct error *err)
{
	char *env[KEPT + 1] = {NULL};
	struct pipes p;

	if (make_environment(env, err) < 0)
		return -1;
	if (open_pipes(&p, err) < 0) {
		free_environment(env);
		return -1;
	}
	int pid = run_child(&p, request, env, err);
	free_environment(env);
	if (pid >= 0) {
		*out = (struct spawned){(pid_t)pid, p.job[1], p.record[0]};
		p.job[1] = p.record[0] = -1; // the caller's now
	}
	close_pipes(&p);
	return pid < 0 ? -1 : 0;
}

char *spawn_engine_path(struct error *err)
{
	const char *given = getenv("MAILCONVOY_ENGINE");
	char *path = NULL;

	if (given && given[0]) {
		path = realpath(given, NULL);
		if (!path)
			(void)error_set_errno(err, ERROR_CONFIG, "crash.start",
			    "MAILCONVOY_ENGINE names '%s'", given);
		return path;
	}
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		path = mem_try_printf("%s/syncIMAPMail", self);
	}
	if (!path)
		(void)error_set(err, ERROR_OS, "crash.start",
		    "cannot tell where the engine is");
	return path;
}
