// SPDX-License-Identifier: MIT
#include "orchestrator/ctl.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"

static void never(
    const char *line, size_t len, char answer[CTL_ANSWER_BYTES], void *context)
{
	(void)line, (void)len, (void)answer, (void)context;
	cr_assert_fail("nobody was let in");
}

/* F185: who stands at the door then does not keep us busy. */
Test(ctl, short_of_descriptors_nobody_is_let_in)
{
	char dir[] = "/tmp/mailconvoy-ctl-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pollfd polls[CTL_POLLS];
	struct rlimit files;
	struct error err;
	struct ctl c;

	cr_assert_not_null(mkdtemp(dir));
	ctl_init(&c);
	cr_assert_eq(ctl_open(&c, dir, &err), 0);
	(void)snprintf(
	    address.sun_path, sizeof(address.sun_path), "%s/ctl.sock", dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	rlim_t before = files.rlim_cur;
	files.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	cr_assert_eq(ctl_polls(&c, polls), 1);
	polls[0].revents = POLLIN;
	ctl_turn(&c, polls, 1, never, NULL);
	cr_assert_eq(ctl_polls(&c, polls), 0);
	cr_assert_gt(ctl_deadline(&c), clock_ms());
	cr_assert_leq(ctl_deadline(&c), clock_ms() + CTL_DEAF_MS);
	files.rlim_cur = before;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	c.deaf_ms = 0;
	cr_assert_eq(ctl_polls(&c, polls), 1);
	(void)close(fd);
	ctl_close(&c);
	(void)rmdir(dir);
}
