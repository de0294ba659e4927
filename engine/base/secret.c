// SPDX-License-Identifier: MIT
#include "engine/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

void secret_set(struct secret *s, const char *bytes, size_t len)
{
	secret_release(s);
	s->bytes = mem_strndup(bytes, len);
	s->len = len;
}

void secret_copy(struct secret *to, const struct secret *from)
{
	if (from->bytes)
		secret_set(to, from->bytes, from->len);
	else
		secret_release(to);
}

void secret_release(struct secret *s)
{
	if (s->bytes) {
		explicit_bzero(s->bytes, s->len);
		free(s->bytes);
	}
	*s = (struct secret){0};
}

void secret_from_argv(struct secret *s, char *arg)
{
	secret_set(s, arg, strlen(arg));
	explicit_bzero(arg, s->len);
}

int secret_from_fd(
    struct secret *s, int fd, const char *name, struct error *err)
{
	char *room = mem_calloc(SECRET_MAX_BYTES + 1, 1);
	size_t len = 0;
	int rc = 0;

	while (len < SECRET_MAX_BYTES && !memchr(room, '\n', len)) {
		ssize_t n = read(fd, room + len, SECRET_MAX_BYTES - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = error_set_errno(err, error_kind_of_file(errno),
			    "config.secret", "cannot read the secret from %s",
			    name);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	const char *end = memchr(room, '\n', len);
	if (rc == 0 && !end && len == SECRET_MAX_BYTES)
		rc = error_set(err, ERROR_CONFIG, "config.secret",
		    "the secret from %s is too long", name);
	if (end)
		len = (size_t)(end - room);
	if (len > 0 && room[len - 1] == '\r')
		len--;
	if (rc == 0 && len == 0)
		rc = error_set(err, ERROR_CONFIG, "config.secret",
		    "the secret from %s is empty", name);
	if (rc == 0)
		secret_set(s, room, len);
	explicit_bzero(room, SECRET_MAX_BYTES);
	free(room);
	return rc;
}

/* No descriptor left or no memory: that passes, and is no fault of the plan. */
static int cannot_open(const char *path, struct error *err)
{
	bool is_short = errno == EMFILE || errno == ENFILE || errno == ENOMEM;

	(void)error_set_errno(err, error_kind_of_file(errno),
	    is_short ? "local.descriptors" : "config.secret",
	    "cannot open the secret file '%s'", path);
	if (is_short)
		err->retry = ERROR_RETRY_LATER;
	return -1;
}

int secret_from_file(
    struct secret *s, const char *path, bool *exposed_out, struct error *err)
{
	struct stat st;
	// non-blocking: a FIFO somebody put there must not hang us
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return cannot_open(path, err);
	int rc = -1;
	if (fstat(fd, &st) < 0)
		(void)error_set_errno(err, error_kind_of_file(errno),
		    "config.secret", "cannot look at the secret file '%s'",
		    path);
	else if (!S_ISREG(st.st_mode))
		(void)error_set(err, ERROR_CONFIG, "config.secret",
		    "the secret file '%s' is not a plain file", path);
	else
		rc = secret_from_fd(s, fd, path, err);
	if (exposed_out)
		*exposed_out = rc == 0 && (st.st_mode & 077) != 0;
	fd_close(&fd);
	return rc;
}

int secret_from_prompt(
    struct secret *s, const char *question, struct error *err)
{
	struct termios old, quiet;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0 || tcgetattr(tty, &old) < 0) {
		fd_close(&tty);
		return error_set(err, ERROR_USAGE, "config.secret",
		    "no terminal to ask for %s: use a password file", question);
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(tty, TCSAFLUSH, &quiet);
	(void)fd_write_all(tty, question, strlen(question));
	(void)fd_write_all(tty, ": ", 2);
	int rc = secret_from_fd(s, tty, "the terminal", err);
	(void)tcsetattr(tty, TCSAFLUSH, &old);
	(void)fd_write_all(tty, "\n", 1);
	fd_close(&tty);
	return rc;
}

void secret_harden_process(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
