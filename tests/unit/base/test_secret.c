// SPDX-License-Identifier: MIT
#include "engine/base/error.h"
#include "engine/base/secret.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* F186: no descriptor is left for the file. That is not the plan's fault and
 * passes: the account is tried again. */
Test(secret, a_shortage_of_descriptors_is_no_error_of_the_plan)
{
	char path[] = "/tmp/mcv-secret-XXXXXX";
	int fd = mkstemp(path);
	struct secret s = {0};
	struct error err = {0};
	struct rlimit few, many;

	cr_assert(fd >= 0 && write(fd, "word\n", 5) == 5);
	cr_assert(getrlimit(RLIMIT_NOFILE, &many) == 0);
	few = (struct rlimit){.rlim_cur = 0, .rlim_max = many.rlim_max};
	cr_assert(setrlimit(RLIMIT_NOFILE, &few) == 0);
	int rc = secret_from_file(&s, path, NULL, &err);
	cr_assert(setrlimit(RLIMIT_NOFILE, &many) == 0);
	unlink(path);
	cr_assert(rc == -1);
	cr_assert_eq(err.kind, ERROR_OS);
	cr_assert_eq(err.retry, ERROR_RETRY_LATER);
	cr_assert_str_eq(err.reason, "local.descriptors");
}

Test(secret, a_file_that_is_missing_is_one)
{
	struct secret s = {0};
	struct error err = {0};

	cr_assert(secret_from_file(&s, "/nonexistent/x", NULL, &err) == -1);
	cr_assert_eq(err.kind, ERROR_CONFIG);
	cr_assert_eq(err.retry, ERROR_RETRY_NEVER);
}
