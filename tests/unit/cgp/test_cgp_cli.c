// SPDX-License-Identifier: MIT
#include "engine/cgp/cgp_cli.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/cgp/cgp_classes.h"
#include "tests/unit/support/cgp_mock.h"

/* The example of RFC 1939, section 7. */
#define CHALLENGE "<1896.697170952@dbc.mtview.ca.us>"
#define PASSWORD "tanstaaf"
#define DIGEST "c4c9334bac560ecc979e58001b3e22fb"
#define GREETING "200 CommuniGate Pro PWD Server 6.3.1 ready " CHALLENGE "\r\n"
#define LOGIN \
	{NULL, GREETING}, {"APOP anna " DIGEST, "200 in\r\n"}, \
	{ \
		"INLINE", "200 inline\r\n" \
	}
#define END \
	{ \
		NULL, NULL \
	}

static struct cgp_cli_settings settings(
    struct cgp_mock *mock, struct secret *password)
{
	secret_set(password, PASSWORD, strlen(PASSWORD));
	return (struct cgp_cli_settings){
	    .side = "source",
	    .host = "cgp.example.org",
	    .user = "anna",
	    .password = password,
	    .account = "*",
	    .timeout_ms = 5000,
	    .connect = cgp_mock_connect,
	    .connect_argument = mock,
	};
}

Test(cgp_cli, lists_classes_after_apop, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN,
	    {"LISTMAILBOXES *",
		"201 {INBOX={};\"My Tasks\"=({Class=IPF.Task;});}\r\n"},
	    {"QUIT", "200 bye\r\n"}, END};

	for (size_t chunk = 0; chunk < 4; chunk++) {
		struct cgp_mock mock = {.steps = steps, .chunk = chunk};
		struct secret password = {0};
		struct cgp_classes classes;
		struct error err = {0};
		struct cgp_cli_settings set = settings(&mock, &password);

		cgp_classes_init(&classes);
		cr_assert_eq(
		    cgp_cli_classes(&set, &classes, &err), 0, "%s", err.text);
		cgp_mock_check(&mock);
		cr_assert_eq(mock.released, 1, "closed in the orderly way");
		cr_assert_eq(classes.count, 2);
		cr_assert_str_eq(
		    cgp_classes_find(&classes, "My Tasks")->name, "IPF.Task");
		cgp_classes_release(&classes);
		secret_release(&password);
	}
}

static int list_with(const struct cgp_mock_step *steps, bool allow_clear_text,
    const char *account, struct error *err)
{
	struct cgp_mock mock = {.steps = steps};
	struct secret password = {0};
	struct cgp_classes classes;
	struct cgp_cli_settings set = settings(&mock, &password);

	*err = (struct error){0};
	set.allow_clear_text = allow_clear_text;
	set.account = account;
	set.timeout_ms = 200;
	cgp_classes_init(&classes);
	int rc = cgp_cli_classes(&set, &classes, err);
	cgp_mock_check(&mock);
	cr_assert(rc == 0 || classes.count == 0);
	cr_assert_null(strstr(err->text, PASSWORD), "%s", err->text);
	cr_assert_null(strstr(err->text, DIGEST), "%s", err->text);
	cgp_classes_release(&classes);
	secret_release(&password);
	return rc;
}

Test(cgp_cli, sends_the_password_only_when_allowed, .timeout = 30)
{
	static const struct cgp_mock_step clear[] = {{NULL, "200 ready\r\n"},
	    {"USER anna", "300 send it\r\n"}, {"PASS " PASSWORD, "200 in\r\n"},
	    {"INLINE", "200 yes\r\n"}, {"LISTMAILBOXES *", "201 {}\r\n"},
	    {"QUIT", "200 bye\r\n"}, END};
	static const struct cgp_mock_step silent[] = {
	    {NULL, "200 ready\r\n"}, END};
	/* allowed, but not needed */
	static const struct cgp_mock_step both[] = {LOGIN,
	    {"LISTMAILBOXES *", "201 ({})\r\n"}, {"QUIT", "200 bye\r\n"}, END};
	struct error err;

	cr_assert_eq(list_with(clear, true, "*", &err), 0, "%s", err.text);
	cr_assert_eq(list_with(silent, false, "*", &err), -1);
	cr_assert_eq(err.kind, ERROR_TLS);
	cr_assert_str_eq(err.reason, "cli.clear_text");
	cr_assert_eq(list_with(both, true, "*", &err), 0, "%s", err.text);
}

Test(cgp_cli, quotes_the_account, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN,
	    {"LISTMAILBOXES \"berta\\\"\\010@example.org\"", "201 {}\r\n"},
	    {"QUIT", "200 bye\r\n"}, END};
	struct error err;

	cr_assert_eq(list_with(steps, false, "berta\"\n@example.org", &err), 0,
	    "%s", err.text);
}

/* A goodbye without an answer costs nothing but a moment. */
Test(cgp_cli, does_not_need_a_goodbye, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {
	    LOGIN, {"LISTMAILBOXES *", "201 {}\r\n"}, {"QUIT", ""}, END};
	struct error err;

	cr_assert_eq(list_with(steps, false, "*", &err), 0, "%s", err.text);
}

struct failure {
	struct cgp_mock_step steps[8];
	enum error_kind kind;
	char reason[24];
	char words[40]; /* in the text */
};

static const struct failure failures[] = {
    {{{NULL, "500 too many\r\n"}, END}, ERROR_IO, "cli.greeting", "too many"},
    {{{NULL, "* OK IMAP4rev1 ready\r\n"}, END}, ERROR_PROTOCOL, "cli.syntax",
	""},
    {{{NULL, ""}, END}, ERROR_IO, "net.closed", ""},
    /* neither a second try nor the password in clear */
    {{{NULL, GREETING}, {"APOP anna " DIGEST, "500 unknown \x1b[user\r\n"},
	 END},
	ERROR_AUTH, "auth.rejected", "500 unknown \\x1b[user"},
    /* what was said is repeated: not to be told */
    {{{NULL, GREETING},
	 {"APOP anna " DIGEST, "500 bad: APOP " DIGEST " " PASSWORD "\r\n"},
	 END},
	ERROR_AUTH, "auth.rejected", "500 bad: APOP ****"},
    {{{NULL, GREETING}, {"APOP anna " DIGEST, PASSWORD "\r\n"}, END},
	ERROR_PROTOCOL, "cli.syntax", ""},
    {{{NULL, GREETING}, {"APOP anna " DIGEST, "201 " PASSWORD "\r\n"}, END},
	ERROR_AUTH, "auth.rejected", "201 ****"},
    {{{NULL, GREETING}, {"APOP anna " DIGEST, "200 in\r\n"},
	 {"INLINE", "500 unknown command\r\n"}, END},
	ERROR_SERVER_NO, "cli.inline", "unknown command"},
    {{LOGIN, {"LISTMAILBOXES *", "513 not allowed\r\n"},
	 {"QUIT", "200 bye\r\n"}, END},
	ERROR_SERVER_NO, "cli.refused", "513 not allowed"},
    {{LOGIN, {"LISTMAILBOXES *", "200 data follow\r\n"}, END}, ERROR_PROTOCOL,
	"cli.inline", "data follow"},
    {{LOGIN, {"LISTMAILBOXES *", "201 {a=\r\n"}, END}, ERROR_PROTOCOL,
	"cli.data", ""},
    {{LOGIN, {"LISTMAILBOXES *", ""}, END}, ERROR_IO, "net.closed", ""},
    {{LOGIN, {"LISTMAILBOXES *", NULL}, END}, ERROR_TIMEOUT, "net.timeout", ""},
    {{LOGIN, {"LISTMAILBOXES *", "201 {a={"}, END}, ERROR_TIMEOUT,
	"net.timeout", ""},
};

Test(cgp_cli, tells_what_went_wrong, .timeout = 60)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		const struct failure *row = &failures[i];
		struct error err;
		cr_assert_eq(list_with(row->steps, false, "*", &err), -1);
		cr_assert_eq(err.kind, row->kind, "%zu: %s: %s", i, err.reason,
		    err.text);
		cr_assert_str_eq(err.reason, row->reason, "%s", err.text);
		cr_assert(strstr(err.text, row->words), "%s", err.text);
		cr_assert(strstr(err.text, "cgp.example.org"), "%s", err.text);
	}
}

Test(cgp_cli, sends_nothing_that_ends_a_line_early)
{
	static const struct cgp_mock_step none[] = {END};
	static const char *const users[] = {
	    "anna b", "anna\r\nSHUTDOWN", "", "anna\t", "an\x7fna"};
	static const char passwords[][6] = {"a\nb", "a\rb", ""};
	struct cgp_mock mock = {.steps = none};
	struct secret password = {0};
	struct cgp_classes classes;
	struct error err;
	struct cgp_cli_settings set = settings(&mock, &password);

	cgp_classes_init(&classes);
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		set.user = users[i];
		cr_assert_eq(cgp_cli_classes(&set, &classes, &err), -1);
		cr_assert_eq(err.kind, ERROR_CONFIG);
	}
	set.user = "anna";
	for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
		secret_set(&password, passwords[i], strlen(passwords[i]));
		cr_assert_eq(cgp_cli_classes(&set, &classes, &err), -1);
		cr_assert_eq(err.kind, ERROR_CONFIG);
	}
	secret_set(&password, "a\0b", 3);
	cr_assert_eq(cgp_cli_classes(&set, &classes, &err), -1);
	cr_assert_eq(err.kind, ERROR_CONFIG);
	cr_assert_eq(mock.connections, 0);
	secret_release(&password);
}

Test(cgp_cli, sets_classes_one_by_one, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN,
	    {"SETMAILBOXCLASS * MAILBOX \"Cal\" CLASS \"IPF.Appointment\"",
		"200 OK\r\n"},
	    {"SETMAILBOXCLASS * MAILBOX \"a \\\"b\" CLASS \"x\"",
		"512 no \x1b such\r\n"},
	    {"CREATEMAILBOX * MAILBOX \"new\" CLASS \"IPF.Task\"",
		"200 OK\r\n"},
	    {"QUIT", "200 bye\r\n"}, END};
	static char huge[70000];
	struct cgp_cli_change changes[] = {
	    {.mailbox = "Cal", .class_name = "IPF.Appointment"},
	    {.mailbox = "a \"b", .class_name = "x"},
	    {.mailbox = huge, .class_name = "x"},
	    {.mailbox = "new", .class_name = "IPF.Task", .create = true}};
	struct cgp_mock mock = {.steps = steps};
	struct secret password = {0};
	struct error err = {0};
	struct cgp_cli_settings set = settings(&mock, &password);

	memset(huge, 'h', sizeof(huge) - 1);
	cr_assert_eq(cgp_cli_set_class(&set, changes, ARRAY_LEN(changes), &err),
	    0, "%s", err.text);
	cgp_mock_check(&mock);
	cr_assert_eq(changes[0].result, CGP_CLI_DONE);
	cr_assert_eq(changes[1].result, CGP_CLI_REFUSED);
	cr_assert_str_eq(changes[1].words, "512 no \\x1b such");
	cr_assert_eq(changes[2].result, CGP_CLI_REFUSED);
	cr_assert_eq(changes[3].result, CGP_CLI_DONE);
	secret_release(&password);
}

Test(cgp_cli, tells_what_was_not_tried, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN,
	    {"SETMAILBOXCLASS * MAILBOX \"a\" CLASS \"x\"", "200 OK\r\n"},
	    {"SETMAILBOXCLASS * MAILBOX \"b\" CLASS \"x\"", ""}, END};
	struct cgp_cli_change changes[] = {{.mailbox = "a", .class_name = "x"},
	    {.mailbox = "b", .class_name = "x"},
	    {.mailbox = "c", .class_name = "x"}};
	struct cgp_mock mock = {.steps = steps};
	struct secret password = {0};
	struct error err = {0};
	struct cgp_cli_settings set = settings(&mock, &password);

	cr_assert_eq(
	    cgp_cli_set_class(&set, changes, ARRAY_LEN(changes), &err), -1);
	cgp_mock_check(&mock);
	cr_assert_eq(err.kind, ERROR_IO);
	cr_assert_eq(changes[0].result, CGP_CLI_DONE);
	cr_assert_eq(changes[1].result, CGP_CLI_NOT_TRIED);
	cr_assert_eq(changes[2].result, CGP_CLI_NOT_TRIED);
	// nothing to do: nobody is called
	cr_assert_eq(cgp_cli_set_class(&set, NULL, 0, &err), 0);
	cr_assert_eq(mock.connections, 1);
	secret_release(&password);
}

Test(cgp_cli, stops_when_told, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {
	    LOGIN, {"LISTMAILBOXES *", NULL}, END};
	struct cgp_mock mock = {.steps = steps};
	struct secret password = {0};
	struct cgp_classes classes;
	struct error err = {0};
	struct cgp_cli_settings set = settings(&mock, &password);
	int stops[] = {-1, fd_event()};
	int64_t start = clock_ms();

	fd_event_signal(stops[1]);
	set.stop_fds = stops;
	set.stops = ARRAY_LEN(stops);
	set.timeout_ms = 25000;
	cgp_classes_init(&classes);
	cr_assert_eq(cgp_cli_classes(&set, &classes, &err), -1);
	cr_assert_eq(err.kind, ERROR_INTERRUPTED);
	cr_assert_lt(clock_ms() - start, 10000);
	cr_assert_eq(mock.open, 0);
	fd_close(&stops[1]);
	secret_release(&password);
}

/* Nothing secret stands in the log, not even in its finest grain. */
Test(cgp_cli, keeps_secrets_out_of_the_trace, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {{NULL, "200 ready\r\n"},
	    {"USER anna", "300 send it\r\n"},
	    {"PASS " PASSWORD, "200 welcome " PASSWORD "\r\n"},
	    {"INLINE", "200 yes " PASSWORD "\r\n"},
	    {"LISTMAILBOXES *", "513 no " PASSWORD "\r\n"},
	    {"QUIT", "200 " PASSWORD "\r\n"}, END};
	char path[] = "/tmp/mcv-unit-XXXXXX";
	struct cgp_mock mock = {.steps = steps};
	struct secret password = {0};
	struct cgp_classes classes;
	struct error err = {0};
	struct cgp_cli_settings set = settings(&mock, &password);
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	set.log = log_open(path, LOG_LEVEL_TRACE, &err);
	cr_assert_not_null(set.log, "%s", err.text);
	set.allow_clear_text = true;
	cgp_classes_init(&classes);
	cr_assert_eq(cgp_cli_classes(&set, &classes, &err), -1);
	log_close(set.log);
	char *text = fd_read_file(path, 1 << 20, NULL, &err);
	cr_assert_not_null(text);
	cr_assert(strstr(text, "PASS <secret>"), "%s", text);
	cr_assert(strstr(text, "LISTMAILBOXES"), "%s", text);
	cr_assert_null(strstr(text, PASSWORD), "%s", text);
	free(text);
	(void)unlink(path);
	fd_close(&fd);
	secret_release(&password);
}

/* A port of 127.0.0.1 that listens, or, when `closed`, one that does not. */
static uint16_t listen_on(int *fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(*fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(*fd, 5), 0);
	cr_assert_eq(getsockname(*fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

/* Over TCP: who listens but says nothing, and who does not listen. */
Test(cgp_cli, does_not_wait_for_ever, .timeout = 30)
{
	struct secret password = {0};
	struct cgp_classes classes;
	struct error err = {0};
	struct cgp_cli_settings set = settings(NULL, &password);
	int fd = -1;

	set.connect = NULL;
	set.host = "127.0.0.1";
	set.port = listen_on(&fd);
	set.timeout_ms = 100;
	cgp_classes_init(&classes);
	cr_assert_eq(cgp_cli_classes(&set, &classes, &err), -1);
	cr_assert_eq(err.kind, ERROR_TIMEOUT, "%s", err.text);
	fd_close(&fd);
	cr_assert_eq(cgp_cli_classes(&set, &classes, &err), -1);
	cr_assert_eq(err.kind, ERROR_IO, "%s", err.text);
	cr_assert_str_eq(err.reason, "net.refused");
	secret_release(&password);
}
