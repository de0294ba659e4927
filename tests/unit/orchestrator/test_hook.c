// SPDX-License-Identifier: MIT
#include "orchestrator/hook.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"

struct row {
	char script[80];
	char how[HOOK_TEXT_BYTES];
	char log[32]; /* how it begins */
	size_t left;  /* of the log, before */
};

static struct row rows[] = {
    {"exit 0", "", "", 100},
    {"echo said; echo also >&2", "", "said\nalso\n", 100},
    {"cat", "", "", 100}, // its input is empty
    {"exit 3", "exited with 3", "", 100},
    {"kill -15 $$", "died of signal 15", "", 100},
    {"trap '' TERM; sleep 60", "took too long", "", 100},
    // whoever holds the pipe holds nobody up
    {"sleep 60 & echo said", "", "said\n", 100},
    {"echo 0123456789", "", "01234\n[the log is full]\n", 5},
    {"yes", "took too long", "y\n", 4096},
};

ParameterizedTestParameters(hook, runs)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, hook, runs)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char *argv[] = {shell, option, row->script, NULL};
	struct hook_log log = {memfd_create("log", MFD_CLOEXEC), row->left};
	char how[HOOK_TEXT_BYTES], text[8192] = "";
	struct error err;
	struct hook h;

	cr_assert_eq(hook_start(&h, argv, environ, -1, 700, &err), 0);
	cr_assert_eq(getpgid(h.pid), h.pid);
	while (h.pid > 0) {
		struct pollfd fd = {h.out_fd, POLLIN, 0};
		siginfo_t info = {0};
		int status = 0;
		(void)poll(&fd, 1, 10);
		hook_feed(&h, &log);
		if (clock_ms() >= h.deadline_ms)
			hook_stop(&h, true);
		(void)waitid(
		    P_PID, (id_t)h.pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid != h.pid)
			continue;
		(void)kill(-h.pid, SIGKILL);
		cr_assert_eq(waitpid(h.pid, &status, 0), h.pid);
		hook_reaped(&h, &log, status);
	}
	cr_assert_eq(hook_is_good(&h, how), row->how[0] == '\0');
	if (row->how[0])
		cr_assert_str_eq(how, row->how);
	ssize_t n = pread(log.fd, text, sizeof(text) - 1, 0);
	cr_assert_geq(n, 0);
	cr_assert_eq(strncmp(text, row->log, strlen(row->log)), 0, "%s", text);
	cr_assert_leq((size_t)n, row->left + 32);
	(void)close(log.fd);
}

Test(hook, says_what_cannot_be_run)
{
	char name[] = "/nowhere/at/all";
	char *argv[] = {name, NULL};
	struct error err;
	struct hook h;

	cr_assert_eq(hook_start(&h, argv, environ, -1, 700, &err), -1);
	cr_assert_eq(h.pid, 0);
	cr_assert_not_null(strstr(err.text, "cannot run '/nowhere/at/all'"));
}
