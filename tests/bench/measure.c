// SPDX-License-Identifier: MIT
/*
 * Runs one program and writes what it cost as a line of JSON.
 *
 *   measure FILE SECONDS PROGRAM [ARGUMENT]...
 *
 * A child's peak memory begins with what its parent had, so the parent is this
 * small program and not an interpreter. CPU time and peak include whatever the
 * program itself waited for. After SECONDS its process group is killed.
 * Exits with 0 when the line could be written, however the program ended.
 */
#ifndef _GNU_SOURCE
#	define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* The child leads a group of its own, and goes when we go. */
static void become(char **argv)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

/* Waits for the child at most so long; true: it had to be killed. */
static bool wait_for(pid_t pid, int limit, int *status, struct rusage *use)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	struct timespec left = {limit, 0};
	/* SIGCHLD is blocked since before the fork, so it cannot be missed. */
	bool late = sigtimedwait(&set, NULL, &left) < 0;
	if (late) {
		kill(-pid, SIGKILL);
	}
	wait4(pid, status, 0, use);
	kill(-pid, SIGKILL);
	return late;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr,
		    "usage: measure FILE SECONDS PROGRAM [ARGUMENT]...\n");
		return 64;
	}
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &before);
	double begun = now();
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		return 74;
	}
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		become(argv + 3);
	}
	int status = 0;
	struct rusage use;
	bool late = wait_for(pid, atoi(argv[2]), &status, &use);
	double took = now() - begun;
	FILE *out = fopen(argv[1], "w");
	if (!out) {
		perror(argv[1]);
		return 74;
	}
	int code =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	fprintf(out,
	    "{\"seconds\": %.6f, \"cpu\": %.6f, \"rss_kib\": %ld, \"code\": %d, "
	    "\"late\": %s}\n",
	    took, seconds(use.ru_utime) + seconds(use.ru_stime), use.ru_maxrss,
	    code, late ? "true" : "false");
	return fclose(out) ? 74 : 0;
}
