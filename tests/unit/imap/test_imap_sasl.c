// SPDX-License-Identifier: MIT
#include "engine/imap/imap_sasl.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/imap/imap_conn_private.h"

#define BYTES(s) s, sizeof(s) - 1

static struct secret secret_z(const char *s)
{
	struct secret secret = {0};

	secret_set(&secret, s, strlen(s));
	return secret;
}

static void assert_bytes(const struct secret *got, const char *want, size_t len)
{
	cr_assert_eq(got->len, len, "%zu bytes, not %zu", got->len, len);
	cr_assert_arr_eq(got->bytes, want, len);
}

Test(imap_sasl, plain)
{
	struct secret password = secret_z("tanstaaf\"\\ \xc3\xa4"), out = {0};
	struct imap_sasl_settings set = {.user = "tim", .secret = &password};

	imap_sasl_plain(&set, &out);
	assert_bytes(&out, BYTES("\0tim\0tanstaaf\"\\ \xc3\xa4"));
	set.as = "Ursel";
	imap_sasl_plain(&set, &out);
	assert_bytes(&out, BYTES("Ursel\0tim\0tanstaaf\"\\ \xc3\xa4"));
	secret_release(&password);
	imap_sasl_plain(&set, &out);
	assert_bytes(&out, BYTES("Ursel\0tim\0"));
	secret_release(&out);
}

Test(imap_sasl, xoauth2)
{
	struct secret token =
	    secret_z("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
	struct secret out = {0}, text = {0};
	const struct imap_sasl_settings set = {
	    .user = "someuser@example.com", .secret = &token};

	imap_sasl_xoauth2(&set, &out);
	imap_sasl_encode(out.bytes, out.len, &text);
	cr_assert_str_eq(text.bytes,
	    "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRx"
	    "bVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
	secret_release(&token);
	secret_release(&out);
	secret_release(&text);
}

Test(imap_sasl, oauthbearer)
{
	struct secret token = secret_z("vF9dft4qmTc2Nvb3=="), out = {0};
	struct imap_sasl_settings set = {.user = "user@example.com",
	    .host = "server.example.com",
	    .port = 143,
	    .secret = &token};

	imap_sasl_oauthbearer(&set, &out);
	assert_bytes(
	    &out, BYTES("n,a=user@example.com,\1host=server.example.com"
			"\1port=143\1auth=Bearer vF9dft4qmTc2Nvb3=="
			"\1\1"));
	set.as = "a,b=c";
	imap_sasl_oauthbearer(&set, &out);
	assert_bytes(&out, BYTES("n,a=a=2Cb=3Dc,\1host=server.example.com"
				 "\1port=143\1auth=Bearer vF9dft4qmTc2Nvb3=="
				 "\1\1"));
	secret_release(&token);
	secret_release(&out);
}

struct base64_row {
	char bytes[12];
	size_t len;
	char text[20];
};

ParameterizedTestParameters(imap_sasl, base64)
{
	static struct base64_row rows[] = {
	    {BYTES(""), ""},
	    {BYTES("\1"), "AQ=="},
	    {BYTES("f"), "Zg=="},
	    {BYTES("fo"), "Zm8="},
	    {BYTES("foo"), "Zm9v"},
	    {BYTES("foobar"), "Zm9vYmFy"},
	    {BYTES("\0\xff\xfe"), "AP/+"},
	};

	return cr_make_param_array(struct base64_row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct base64_row *row, imap_sasl, base64)
{
	struct secret text = {0}, back = {0};

	imap_sasl_encode(row->bytes, row->len, &text);
	cr_assert_str_eq(text.bytes, row->text);
	cr_assert_eq(imap_sasl_decode(text.bytes, text.len, &back), 0);
	assert_bytes(&back, row->bytes, row->len);
	secret_release(&text);
	secret_release(&back);
}

Test(imap_sasl, no_base64)
{
	static const char *const bad[] = {"a", "abc", "ab*d", "====", "Zg=a"};
	struct secret out = {0};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_assert_eq(imap_sasl_decode(bad[i], strlen(bad[i]), &out), -1,
		    "%s", bad[i]);
}

Test(imap_sasl, cram_md5)
{
	static const char challenge[] =
	    "<1896.697170952@postoffice.reston.mci.net>";
	struct secret password = secret_z("tanstaaftanstaaf"), out = {0};
	struct imap_sasl_settings set = {.mechanism = "CRAM-MD5",
	    .user = "tim",
	    .host = "h",
	    .secret = &password};
	struct error err = {.kind = ERROR_NONE};
	struct imap_sasl *sasl = imap_sasl_new(&set, &err);

	cr_assert_not_null(sasl, "%s", err.text);
	cr_assert_not(imap_sasl_is_client_first(sasl));
	cr_assert_eq(imap_sasl_step(sasl, BYTES(challenge), &out, &err), 0);
	cr_assert_str_eq(out.bytes, "tim b913a602c7eda7a495b4e6e7334d3890");
	cr_assert(imap_sasl_is_done(sasl));
	cr_assert_eq(imap_sasl_step(sasl, BYTES(challenge), &out, &err), -1);
	cr_assert_eq(err.kind, ERROR_PROTOCOL);
	imap_sasl_free(sasl);
	set.as = "other";
	cr_assert_null(imap_sasl_new(&set, &err));
	cr_assert_eq(err.kind, ERROR_CONFIG);
	secret_release(&password);
	secret_release(&out);
}

/* A server may not make us hash for hours (F043). */
static int scram_step(const char *rounds, struct error *err)
{
	struct secret password = secret_z("pencil"), out = {0};
	const struct imap_sasl_settings set = {.mechanism = "SCRAM-SHA-256",
	    .user = "user",
	    .host = "h",
	    .secret = &password};
	struct imap_sasl *sasl = imap_sasl_new(&set, err);
	char first[200];

	cr_assert_not_null(sasl);
	cr_assert_eq(imap_sasl_step(sasl, "", 0, &out, err), 0);
	cr_assert(strncmp(out.bytes, "n,,n=user,r=", 12) == 0);
	(void)snprintf(first, sizeof(first),
	    "r=%sserver,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=%s", out.bytes + 12,
	    rounds);
	int rc = imap_sasl_step(sasl, first, strlen(first), &out, err);
	cr_assert_not(imap_sasl_is_done(sasl));
	if (rc == 0) { // a wrong signature of the server
		cr_assert_eq(
		    imap_sasl_step(sasl,
			BYTES("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			      "AAAAA="),
			&out, err),
		    -1);
		cr_assert_not(imap_sasl_is_done(sasl));
	}
	imap_sasl_free(sasl);
	secret_release(&password);
	secret_release(&out);
	return rc;
}

Test(imap_sasl, scram_is_bounded)
{
	struct error err = {.kind = ERROR_NONE};

	cr_assert_eq(scram_step("4096", &err), 0);
	cr_assert_eq(err.kind, ERROR_AUTH, "%s", err.text);
	cr_assert_eq(scram_step("1000001", &err), -1);
	cr_assert_eq(err.kind, ERROR_PROTOCOL);
	cr_assert_eq(scram_step("99999999999999999999999", &err), -1);
}

/* "e=": the tagged answer says the rest; an OK after it would not count. */
Test(imap_sasl, scram_errors_are_refusals)
{
	struct secret password = secret_z("pencil"), out = {0};
	const struct imap_sasl_settings set = {.mechanism = "SCRAM-SHA-1",
	    .user = "user",
	    .as = "other",
	    .host = "h",
	    .secret = &password};
	struct error err = {.kind = ERROR_NONE};
	struct imap_sasl *sasl = imap_sasl_new(&set, &err);

	cr_assert_eq(imap_sasl_step(sasl, "", 0, &out, &err), 0);
	cr_assert(strncmp(out.bytes, "n,a=other,n=user,r=", 19) == 0);
	cr_assert_eq(
	    imap_sasl_step(sasl, BYTES("e=unknown-user"), &out, &err), 0);
	assert_bytes(&out, BYTES(""));
	cr_assert_not(imap_sasl_is_done(sasl));
	cr_assert_eq(
	    imap_sasl_step(sasl, BYTES("e=unknown-user"), &out, &err), -1);
	imap_sasl_free(sasl);
	secret_release(&password);
	secret_release(&out);
}

Test(imap_sasl, oauth_refusals_get_a_dummy)
{
	struct secret token = secret_z("token"), out = {0};
	struct imap_sasl_settings set = {
	    .mechanism = "XOAUTH2", .user = "u", .host = "h", .secret = &token};
	struct error err;
	struct imap_sasl *sasl = imap_sasl_new(&set, &err);

	cr_assert_eq(imap_sasl_step(sasl, "", 0, &out, &err), 0);
	cr_assert(imap_sasl_is_done(sasl));
	cr_assert_eq(imap_sasl_step(sasl, BYTES("{}"), &out, &err), 0);
	assert_bytes(&out, BYTES(""));
	cr_assert_not(imap_sasl_is_done(sasl));
	imap_sasl_free(sasl);
	set.mechanism = "OAUTHBEARER";
	sasl = imap_sasl_new(&set, &err);
	cr_assert_eq(imap_sasl_step(sasl, "", 0, &out, &err), 0);
	cr_assert_eq(imap_sasl_step(sasl, BYTES("{}"), &out, &err), 0);
	assert_bytes(&out, BYTES("\1"));
	imap_sasl_free(sasl);
	set.mechanism = "PLAIN";
	sasl = imap_sasl_new(&set, &err);
	cr_assert_eq(imap_sasl_step(sasl, "", 0, &out, &err), 0);
	cr_assert_eq(imap_sasl_step(sasl, "", 0, &out, &err), -1);
	imap_sasl_free(sasl);
	secret_release(&token);
	secret_release(&out);
}

Test(imap_sasl, what_went_out_is_covered)
{
	struct secret password = secret_z("pa\"ss"), out = {0}, text = {0};
	const struct imap_conn_settings settings = {.side = "source",
	    .host = "h",
	    .user = "tim",
	    .password = &password};
	const struct imap_sasl_settings set = {
	    .user = "tim", .secret = &password};
	struct imap_conn *conn = imap_conn_new(&settings);
	char line[200];

	imap_sasl_plain(&set, &out);
	imap_sasl_encode(out.bytes, out.len, &text);
	secret_copy(&conn->login.forms[0], &text);
	secret_set(&conn->login.forms[1], BYTES("pa\\\"ss"));
	conn->login.form_count = 2;
	secret_set(&conn->login.token, BYTES("T0ken"));
	int len = snprintf(line, sizeof(line),
	    "NO %s and pa\"ss and \"pa\\\"ss\" and T0ken pa", text.bytes);
	imap_auth_redact(conn, line, (size_t)len);
	cr_assert_str_eq(
	    line, "NO **************** and ***** and \"******\" and ***** pa");
	secret_release(&conn->login.token);
	imap_conn_free(conn);
	secret_release(&password);
	secret_release(&out);
	secret_release(&text);
}

Test(imap_sasl, what_is_shown_is_covered_first)
{
	static const struct {
		const char *said, *shown;
	} table[] = {
	    {"NO [X pa\\ss] pa\\ss \\", "NO [X *****] ***** \\\\"},
	    {"NO pa\x1bss pa\\ss\x1b", "NO pa\\x1bss *****\\x1b"},
	    // as much as fits: a part of it is no secret to be found
	    {"NO a long answer with pa\\ss in it",
		"NO a long answer with **..."},
	};
	struct secret password = secret_z("pa\\ss");
	const struct imap_conn_settings settings = {.side = "source",
	    .host = "h",
	    .user = "tim",
	    .password = &password};
	struct imap_conn *conn = imap_conn_new(&settings);
	char shown[28];

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		cr_expect_str_eq(
		    imap_auth_show(conn, table[i].said, strlen(table[i].said),
			shown, sizeof(shown)),
		    table[i].shown);
	imap_conn_free(conn);
	secret_release(&password);
}
