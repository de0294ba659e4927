// SPDX-License-Identifier: MIT
#include "config/secret_command.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/secret_source.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"

static char shell[] = "sh", option[] = "-c";

struct row {
	char script[120];
	char expected[80]; /* the secret, or a part of the error */
	bool is_good;
};

static struct row rows[] = {
    {"echo hunter2", "hunter2", true},
    {"printf hunter2", "hunter2", true},
    {"printf 'hunter2\\r\\n'", "hunter2", true},
    // one line end is cut, no more
    {"printf ' a b \\n'", " a b ", true},
    {"printf 'a\\n\\n'", "NUL or a line end", false},
    {"printf 'a\\0b'", "NUL or a line end", false},
    {"true", "printed nothing", false},
    {"echo", "printed nothing", false},
    {"exit 3", "'sh' exited with 3", false},
    {"echo no such user >&2; exit 1", "exited with 1: no such user", false},
    {"kill -9 $$", "died of signal 9", false},
    {"sleep 60", "took longer than 700 ms", false},
    // a grandchild that keeps the pipe holds nobody up
    {"sleep 60 & echo hunter2", "hunter2", true},
    {"trap '' TERM INT HUP; echo hunter2; exec sleep 60", "took longer", false},
    {"head -c 70000 /dev/zero", "printed more than 65536 bytes", false},
    {"yes", "printed more than 65536 bytes", false},
    {"cat; echo hunter2", "hunter2", true},
};

ParameterizedTestParameters(secret_command, runs)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, secret_command, runs)
{
	char *argv[] = {shell, option, row->script, NULL};
	const struct plan_secret source = {.kind = PLAN_SECRET_COMMAND,
	    .value = argv[0],
	    .argv = argv,
	    .argc = 3,
	    .timeout_ms = 700};
	struct secret s = {0};
	struct error err;
	int64_t begin = clock_ms();

	int rc = secret_source_read(&source, &s, &err);
	cr_assert_eq(rc, row->is_good ? 0 : -1, "%s", row->script);
	cr_assert_lt(clock_ms() - begin, 20000);
	if (row->is_good) {
		cr_assert_str_eq(s.bytes, row->expected);
	} else {
		cr_assert_not_null(strstr(err.text, row->expected), "%s: %s",
		    row->script, err.text);
		cr_assert_null(strstr(err.text, "hunter2"), "%s", err.text);
	}
	cr_assert(waitpid(-1, NULL, WNOHANG) < 0, "nobody is left");
	secret_release(&s);
}

/* What it printed is not told, not even by its own complaint. */
Test(secret_command, masks_what_it_printed_in_its_complaint)
{
	char script[] = "echo hunter2; echo bad token hunter2 here >&2; exit 1";
	char *argv[] = {shell, option, script, NULL};
	const struct plan_secret source = {.kind = PLAN_SECRET_COMMAND,
	    .argv = argv,
	    .argc = 3,
	    .timeout_ms = 5000};
	struct secret s = {0};
	struct error err;

	cr_assert_eq(secret_command_run(&source, &s, &err), -1);
	cr_assert_not_null(
	    strstr(err.text, "bad token ******* here"), "%s", err.text);
}

Test(secret_command, says_which_program_is_not_there)
{
	char name[] = "/nowhere/at/all";
	char *argv[] = {name, NULL};
	const struct plan_secret source = {.kind = PLAN_SECRET_COMMAND,
	    .argv = argv,
	    .argc = 1,
	    .timeout_ms = 5000};
	struct secret s = {0};
	struct error err;

	cr_assert_eq(secret_command_run(&source, &s, &err), -1);
	cr_assert_not_null(
	    strstr(err.text, "cannot run the command '/nowhere/at/all'"));
}

/* A caller with a loop of its own, and signals blocked as a supervisor has
 * them: the command must not inherit that. */
Test(secret_command, never_blocks_a_caller_that_polls)
{
	char script[] = "read x; sleep 0.2; echo hun; kill -TERM $$";
	char *argv[] = {shell, option, script, NULL};
	const struct plan_secret source = {.kind = PLAN_SECRET_COMMAND,
	    .argv = argv,
	    .argc = 3,
	    .timeout_ms = 10000};
	struct secret_command c;
	struct secret s = {0};
	struct error err;
	sigset_t all;
	int status = 0;

	(void)sigfillset(&all);
	cr_assert_eq(sigprocmask(SIG_BLOCK, &all, NULL), 0);
	cr_assert_eq(secret_command_start(&c, &source, NULL, &err), 0);
	cr_assert_not(secret_command_is_done(&c));
	cr_assert_eq(getpgid(c.pid), c.pid);
	while (!secret_command_is_done(&c)) {
		struct pollfd fds[] = {
		    {c.out_fd, POLLIN, 0}, {c.err_fd, POLLIN, 0}};
		cr_assert_lt(clock_ms(), c.deadline_ms);
		(void)poll(fds, 2, 10);
		secret_command_feed(&c);
		if (waitpid(c.pid, &status, WNOHANG) == c.pid)
			secret_command_reaped(&c, status);
	}
	cr_assert_eq(secret_command_finish(&c, &s, &err), -1);
	cr_assert_not_null(strstr(err.text, "signal 15"), "%s", err.text);
}

Test(secret_command, given_up_leaves_no_process)
{
	char script[] = "sleep 60";
	char *argv[] = {shell, option, script, NULL};
	const struct plan_secret source = {.kind = PLAN_SECRET_COMMAND,
	    .argv = argv,
	    .argc = 3,
	    .timeout_ms = 60000};
	struct secret_command c;
	struct error err;

	cr_assert_eq(secret_command_start(&c, &source, NULL, &err), 0);
	pid_t pid = c.pid;
	secret_command_release(&c);
	cr_assert_eq(kill(pid, 0), -1);
	cr_assert_eq(errno, ESRCH);
}

Test(secret_command, a_credential_is_a_file_of_the_service)
{
	char dir[] = "/tmp/test_credential.XXXXXX", name[] = "old-admin";
	const struct plan_secret source = {
	    .kind = PLAN_SECRET_CREDENTIAL, .value = name};
	struct secret s = {0};
	struct error err;

	cr_assert_not_null(mkdtemp(dir));
	char *path = mem_printf("%s/old-admin", dir);
	FILE *f = fopen(path, "we");
	cr_assert_not_null(f);
	(void)fputs("hunter2\n", f);
	(void)fclose(f);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	cr_assert_eq(secret_source_read(&source, &s, &err), -1);
	cr_assert_not_null(strstr(err.text, "CREDENTIALS_DIRECTORY"));
	cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	cr_assert_eq(secret_source_read(&source, &s, &err), 0);
	cr_assert_str_eq(s.bytes, "hunter2");
	secret_release(&s);
	(void)unlink(path);
	(void)rmdir(dir);
	free(path);
}
