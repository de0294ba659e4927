// SPDX-License-Identifier: MIT
#include "orchestrator/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/program.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"

enum {
	FEED_READS = 16 /* of 4 KiB: one that writes for ever holds nobody up */
};

int hook_start(struct hook *h, char *const *argv, char *const *env, int in_fd,
    uint64_t timeout_ms, struct error *err)
{
	int out[2] = {-1, -1};
	int why = 0;

	*h = (struct hook){
	    .out_fd = -1, .deadline_ms = clock_ms() + (int64_t)timeout_ms};
	if (pipe2(out, O_CLOEXEC) < 0 || fd_nonblock(out[0]) < 0)
		why = errno;
	else
		why = program_start(&h->pid, argv, env, in_fd, out[1], out[1]);
	fd_close(&out[1]);
	if (why == 0) {
		h->out_fd = out[0];
		return 0;
	}
	fd_close(&out[0]);
	h->pid = 0;
	errno = why;
	return error_set_errno(
	    err, ERROR_OS, "hook.start", "cannot run '%s'", argv[0]);
}

static void take(struct hook_log *log, const char *bytes, size_t len)
{
	static const char cut[] = "\n[the log is full]\n";

	if (log->fd < 0 || log->left == 0)
		return;
	if (len >= log->left) {
		(void)fd_write_all(log->fd, bytes, log->left);
		(void)fd_write_all(log->fd, cut, sizeof(cut) - 1);
		log->left = 0;
		return;
	}
	// a full disk is told by the journal
	(void)fd_write_all(log->fd, bytes, len);
	log->left -= len;
}

void hook_feed(struct hook *h, struct hook_log *log)
{
	char bytes[4096];

	for (int i = 0; h->out_fd >= 0 && i < FEED_READS; i++) {
		ssize_t n = read(h->out_fd, bytes, sizeof(bytes));
		if (n > 0)
			take(log, bytes, (size_t)n);
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			fd_close(&h->out_fd);
		else if (errno == EAGAIN)
			break;
	}
}

void hook_stop(struct hook *h, bool is_late)
{
	if (h->pid <= 0 || h->is_stopped)
		return;
	h->is_stopped = true;
	h->is_late = is_late;
	(void)kill(-h->pid, SIGKILL);
}

void hook_reaped(struct hook *h, struct hook_log *log, int status)
{
	h->status = status;
	h->pid = 0;
	hook_feed(h, log);
	// somebody who left the group may hold the pipe for ever
	fd_close(&h->out_fd);
}

bool hook_is_good(const struct hook *h, char out[HOOK_TEXT_BYTES])
{
	if (h->is_late)
		(void)snprintf(out, HOOK_TEXT_BYTES, "took too long");
	else if (h->is_stopped)
		(void)snprintf(out, HOOK_TEXT_BYTES, "was stopped");
	else if (WIFSIGNALED(h->status))
		(void)snprintf(out, HOOK_TEXT_BYTES, "died of signal %d",
		    WTERMSIG(h->status));
	else
		(void)snprintf(out, HOOK_TEXT_BYTES, "exited with %d",
		    WEXITSTATUS(h->status));
	return !h->is_late && !h->is_stopped && WIFEXITED(h->status) &&
	       WEXITSTATUS(h->status) == 0;
}
