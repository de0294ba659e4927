// SPDX-License-Identifier: MIT
#include "engine/base/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, is_filled_and_returns_minus_one)
{
	struct error err;

	cr_assert_eq(error_set(&err, ERROR_PROTOCOL, "proto.syntax",
			 "no tag in '%s'", "* OK"),
	    -1);
	cr_assert_eq(err.kind, ERROR_PROTOCOL);
	cr_assert_eq(err.scope, ERROR_SCOPE_ACCOUNT);
	cr_assert_eq(err.retry, ERROR_RETRY_NEVER);
	cr_assert_str_eq(err.reason, "proto.syntax");
	cr_assert_str_eq(err.text, "no tag in '* OK'");
}

Test(error, of_the_network_is_tried_again_later)
{
	struct error err;

	(void)error_set(&err, ERROR_IO, "net.refused", "refused");
	cr_assert_eq(err.retry, ERROR_RETRY_LATER);
	(void)error_set(&err, ERROR_TIMEOUT, "net.timeout", "silence");
	cr_assert_eq(err.retry, ERROR_RETRY_LATER);
	(void)error_set(&err, ERROR_AUTH, "auth.rejected", "no");
	cr_assert_eq(err.retry, ERROR_RETRY_NEVER);
}

Test(error, adds_and_keeps_errno)
{
	struct error err;

	errno = ENOENT;
	cr_assert_eq(error_set_errno(
			 &err, ERROR_OS, "local.disk", "cannot open '%s'", "x"),
	    -1);
	cr_assert_eq(errno, ENOENT);
	cr_assert_str_eq(
	    err.text, "cannot open 'x': No such file or directory");
}

Test(error, is_prefixed_with_where)
{
	struct error err;

	(void)error_set(&err, ERROR_SERVER_NO, "append.refused", "too big");
	cr_assert_eq(error_prefix(&err, "%s, uid %u", "INBOX", 7U), -1);
	cr_assert_str_eq(err.text, "INBOX, uid 7: too big");
	cr_assert_str_eq(err.reason, "append.refused");
}

Test(error, cuts_text_that_is_too_long)
{
	struct error err;
	char big[2000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)error_set(&err, ERROR_INTERNAL, big, "%s", big);
	cr_assert_eq(strlen(err.text), ERROR_TEXT_BYTES - 1);
	cr_assert_eq(strlen(err.reason), ERROR_REASON_BYTES - 1);
	(void)error_prefix(&err, "%s", big);
	cr_assert_eq(strlen(err.text), ERROR_TEXT_BYTES - 1);
	errno = EIO;
	(void)error_set_errno(&err, ERROR_OS, "local.disk", "%s", big);
	cr_assert_eq(strlen(err.text), ERROR_TEXT_BYTES - 1);
}

Test(error, has_a_name_for_every_kind)
{
	for (int k = 0; k < ERROR_KINDS; k++) {
		const char *name = error_kind_name((enum error_kind)k);
		cr_assert_not_null(name);
		cr_assert_gt(strlen(name), 0);
	}
	struct error err;
	error_clear(&err);
	cr_assert_eq(err.kind, ERROR_NONE);
	cr_assert_str_eq(err.text, "");
}
