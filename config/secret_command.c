// SPDX-License-Identifier: MIT
#include "config/secret_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/program.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"

enum {
	CHUNK_BYTES = 4096,
	REAP_EVERY_MS = 20,
	MASKED_MIN_BYTES = 4
};

/* ---- starting ---- */

static int make_pipes(int out[2], int errors[2])
{
	if (pipe2(out, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(errors, O_CLOEXEC) == 0 && fd_nonblock(out[0]) == 0 &&
	    fd_nonblock(errors[0]) == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		fd_close(&out[i]);
		fd_close(&errors[i]);
	}
	return -1;
}

/* Short of descriptors, processes or memory: not the command's fault. */
static bool is_shortage(int why)
{
	return why == EMFILE || why == ENFILE || why == EAGAIN || why == ENOMEM;
}

int secret_command_start(struct secret_command *c,
    const struct plan_secret *source, char *const *env, struct error *err)
{
	int out[2] = {-1, -1}, errors[2] = {-1, -1};

	bug_if(source->kind != PLAN_SECRET_COMMAND);
	*c = (struct secret_command){.source = source,
	    .out_fd = -1,
	    .err_fd = -1,
	    .deadline_ms = clock_ms() + (int64_t)source->timeout_ms};
	c->out = mem_try_calloc(SECRET_COMMAND_MAX_BYTES + 1, 1);
	if (!c->out)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	int why = make_pipes(out, errors) < 0
		      ? errno
		      : program_start(&c->pid, source->argv,
			    env ? env : environ, -1, out[1], errors[1]);
	fd_close(&out[1]);
	fd_close(&errors[1]);
	c->out_fd = out[0];
	c->err_fd = errors[0];
	if (why == 0)
		return 0;
	c->pid = 0;
	secret_command_release(c);
	errno = why;
	(void)error_set_errno(err, is_shortage(why) ? ERROR_OS : ERROR_CONFIG,
	    is_shortage(why) ? "local.processes" : "config.secret",
	    "cannot run the command '%s'", source->argv[0]);
	err->retry = is_shortage(why) ? ERROR_RETRY_LATER : ERROR_RETRY_NEVER;
	return -1;
}

/* ---- reading ---- */

static void take_out(struct secret_command *c, const char *bytes, size_t len)
{
	if (len > SECRET_COMMAND_MAX_BYTES - c->out_len) {
		c->is_too_long = true;
		secret_command_stop(c, false);
		return;
	}
	memcpy(c->out + c->out_len, bytes, len);
	c->out_len += len;
}

/* The last bytes are kept. */
static void take_error(struct secret_command *c, const char *bytes, size_t len)
{
	if (len > SECRET_COMMAND_TAIL_BYTES) {
		bytes += len - SECRET_COMMAND_TAIL_BYTES;
		len = SECRET_COMMAND_TAIL_BYTES;
	}
	size_t kept = SECRET_COMMAND_TAIL_BYTES - len;
	if (kept > c->tail_len)
		kept = c->tail_len;
	memmove(c->tail, c->tail + c->tail_len - kept, kept);
	memcpy(c->tail + kept, bytes, len);
	c->tail_len = kept + len;
}

/* Up to the capacity of a pipe, so that one that writes for ever holds nobody
 * up. */
static void drain(struct secret_command *c, int *fd,
    void take(struct secret_command *, const char *, size_t))
{
	char chunk[CHUNK_BYTES];

	for (int i = 0; *fd >= 0 && i < 32; i++) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));
		if (n > 0)
			take(c, chunk, (size_t)n);
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			fd_close(fd);
		else if (errno == EAGAIN)
			break;
	}
	explicit_bzero(chunk, sizeof(chunk));
}

void secret_command_feed(struct secret_command *c)
{
	drain(c, &c->out_fd, take_out);
	drain(c, &c->err_fd, take_error);
}

void secret_command_reaped(struct secret_command *c, int status)
{
	c->status = status;
	c->pid = 0;
	secret_command_feed(c);
	// somebody who left the group may hold the pipes for ever
	fd_close(&c->out_fd);
	fd_close(&c->err_fd);
}

void secret_command_stop(struct secret_command *c, bool is_late)
{
	if (c->pid <= 0 || c->is_stopped)
		return;
	c->is_stopped = true;
	c->is_late = is_late;
	(void)kill(-c->pid, SIGKILL);
}

bool secret_command_is_done(const struct secret_command *c)
{
	return c->pid == 0;
}

/* ---- the end ---- */

/* What it printed may be a secret even when it failed. */
static void mask_output(struct secret_command *c)
{
	char *line = c->out, *next;

	c->tail[c->tail_len] = '\0';
	for (; line; line = next) {
		next = strpbrk(line, "\r\n");
		if (next)
			*next++ = '\0';
		size_t len = strlen(line);
		char *found = len >= MASKED_MIN_BYTES ? c->tail : NULL;
		while (found && (found = strstr(found, line)) != NULL)
			memset(found, '*', len);
	}
	for (size_t i = 0; i < c->tail_len; i++)
		if (c->tail[i] == '\n' || c->tail[i] == '\r')
			c->tail[i] = i + 1 < c->tail_len ? ' ' : '\0';
}

static int fail(struct secret_command *c, struct error *err)
{
	const char *name = c->source->argv[0];
	const char *separator;

	if (c->is_too_long)
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "the command '%s' printed more than %d bytes", name,
		    SECRET_COMMAND_MAX_BYTES);
	mask_output(c);
	separator = c->tail[0] ? ": " : "";
	if (c->is_late)
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "the command '%s' took longer than %llu ms%s%s", name,
		    (unsigned long long)c->source->timeout_ms, separator,
		    c->tail);
	if (WIFSIGNALED(c->status))
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "the command '%s' died of signal %d%s%s", name,
		    WTERMSIG(c->status), separator, c->tail);
	return error_set(err, ERROR_CONFIG, "config.secret",
	    "the command '%s' exited with %d%s%s", name, WEXITSTATUS(c->status),
	    separator, c->tail);
}

static int take_secret(
    struct secret_command *c, struct secret *out, struct error *err)
{
	size_t len = c->out_len;

	if (c->is_too_long || c->is_late || !WIFEXITED(c->status) ||
	    WEXITSTATUS(c->status) != 0)
		return fail(c, err);
	if (len > 0 && c->out[len - 1] == '\n')
		len -= len > 1 && c->out[len - 2] == '\r' ? 2 : 1;
	if (len == 0)
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "the command '%s' printed nothing", c->source->argv[0]);
	secret_set(out, c->out, len);
	return 0;
}

int secret_command_finish(
    struct secret_command *c, struct secret *out, struct error *err)
{
	bug_if(!secret_command_is_done(c));
	int rc = take_secret(c, out, err);
	secret_command_release(c);
	return rc;
}

void secret_command_release(struct secret_command *c)
{
	if (c->pid > 0) {
		secret_command_stop(c, false);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	c->pid = 0;
	fd_close(&c->out_fd);
	fd_close(&c->err_fd);
	if (c->out)
		explicit_bzero(c->out, SECRET_COMMAND_MAX_BYTES + 1);
	free(c->out);
	c->out = NULL;
	c->out_len = 0;
	explicit_bzero(c->tail, sizeof(c->tail));
}

/* Looks first: the group is killed while its number is surely its own. */
static void reap(struct secret_command *c)
{
	siginfo_t info = {0};
	int status = 0;

	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) <
		0 &&
	    errno != EINTR)
		secret_command_reaped(c, 0); // somebody else has reaped it
	if (info.si_pid != c->pid || c->pid == 0)
		return;
	(void)kill(-c->pid, SIGKILL);
	(void)waitpid(c->pid, &status, 0);
	secret_command_reaped(c, status);
}

int secret_command_run(
    const struct plan_secret *source, struct secret *out, struct error *err)
{
	struct secret_command c;

	if (secret_command_start(&c, source, NULL, err) < 0)
		return -1;
	while (!secret_command_is_done(&c)) {
		struct pollfd fds[] = {
		    {c.out_fd, POLLIN, 0}, {c.err_fd, POLLIN, 0}};
		// the pipes may close long before the end, and long after it
		(void)poll(fds, ARRAY_LEN(fds), REAP_EVERY_MS);
		secret_command_feed(&c);
		reap(&c);
		if (clock_ms() >= c.deadline_ms)
			secret_command_stop(&c, true);
	}
	return secret_command_finish(&c, out, err);
}
