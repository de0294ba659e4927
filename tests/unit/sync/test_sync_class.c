// SPDX-License-Identifier: MIT
#include "engine/sync/sync_class.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"
#include "engine/sync/sync_reporter.h"
#include "tests/unit/support/cgp_mock.h"

#define GREETING "200 ready\r\n"
#define LOGIN(user) \
	{NULL, GREETING}, {"USER " user, "300 send it\r\n"}, \
	    {"PASS secret", "200 in\r\n"}, \
	{ \
		"INLINE", "200 inline\r\n" \
	}
#define QUIT \
	{ \
		"QUIT", "200 bye\r\n" \
	}
#define END \
	{ \
		NULL, NULL \
	}

/* A run of both steps, and what it said. */
struct run {
	struct cgp_mock mock;
	struct secret password;
	char log_path[32], record_path[32];
	int log_fd, record_fd;
	struct sync_class_settings set;
	struct sync_class_counts counts;
	struct error err;
	char *records, *log;
};

static void begin(struct run *r, const struct cgp_mock_step *steps)
{
	*r = (struct run){.mock = {.steps = steps}};
	(void)snprintf(
	    r->log_path, sizeof(r->log_path), "/tmp/mcv-unit-XXXXXX");
	(void)snprintf(
	    r->record_path, sizeof(r->record_path), "/tmp/mcv-unit-XXXXXX");
	r->log_fd = mkstemp(r->log_path);
	r->record_fd = mkstemp(r->record_path);
	cr_assert(r->log_fd >= 0 && r->record_fd >= 0);
	secret_set(&r->password, "secret", 6);
	r->set = (struct sync_class_settings){
	    .source = {.host = "old",
		.user = "anna",
		.password = &r->password,
		.allow_clear_text = true},
	    .target = {.host = "new",
		.user = "berta",
		.password = &r->password,
		.allow_clear_text = true},
	    .timeout_ms = 5000,
	    .connect = cgp_mock_connect,
	    .connect_argument = &r->mock,
	    .log = log_open(r->log_path, LOG_LEVEL_TRACE, &r->err),
	};
	r->set.reporter = sync_reporter_new(r->set.log, r->record_fd);
}

/* 0: both steps went through. */
static int run(struct run *r, const struct sync_class_copied *copied)
{
	struct sync_class *c = sync_class_new(&r->set);
	int rc = sync_class_read(c, &r->err);

	if (rc == 0)
		rc = sync_class_apply(c, copied, &r->counts, &r->err);
	sync_class_free(c);
	r->records = fd_read_file(r->record_path, 1 << 20, NULL, &r->err);
	r->log = fd_read_file(r->log_path, 1 << 20, NULL, &r->err);
	cr_assert(r->records && r->log);
	cr_assert_null(strstr(r->log, "secret "), "%s", r->log);
	return rc;
}

static void end(struct run *r)
{
	cgp_mock_check(&r->mock);
	sync_reporter_free(r->set.reporter);
	log_close(r->set.log);
	(void)unlink(r->log_path);
	(void)unlink(r->record_path);
	fd_close(&r->log_fd);
	fd_close(&r->record_fd);
	secret_release(&r->password);
	free(r->records);
	free(r->log);
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}

static void expect_counts(const struct run *r, size_t set, size_t same,
    size_t refused, size_t missing, size_t hidden)
{
	cr_assert_eq(r->counts.set, set);
	cr_assert_eq(r->counts.same, same);
	cr_assert_eq(r->counts.refused, refused);
	cr_assert_eq(r->counts.missing, missing);
	cr_assert_eq(r->counts.hidden, hidden);
	// each with a warning of its own
	cr_assert_eq(count(r->records, "\"folder.class\""),
	    refused + missing + hidden, "%s", r->records);
}

#define SOURCE_LIST \
	"201 {INBOX={};Cal={Class=IPF.Appointment;};Notes={Class=IPF.Note;};" \
	"Tasks=({Class=IPF.Task;});}\r\n"

Test(sync_class, sets_what_differs, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN("anna"),
	    {"LISTMAILBOXES *", SOURCE_LIST}, QUIT, LOGIN("berta"),
	    {"LISTMAILBOXES *",
		"201 {INBOX={};Cal={};\"Old/Tasks\"={Class=\"\";};}\r\n"},
	    QUIT, LOGIN("berta"),
	    {"SETMAILBOXCLASS * MAILBOX \"Cal\" CLASS \"IPF.Appointment\"",
		"200 OK\r\n"},
	    {"SETMAILBOXCLASS * MAILBOX \"Old/Tasks\" CLASS \"IPF.Task\"",
		"200 OK\r\n"},
	    QUIT, END};
	static const struct sync_class_pair pairs[] = {{"INBOX", "INBOX"},
	    {"Cal", "Cal"}, {"Notes", "Notes"}, {"Tasks", "Old/Tasks"}};
	const struct sync_class_copied copied = {
	    .pairs = pairs, .count = ARRAY_LEN(pairs)};
	struct run r;

	begin(&r, steps);
	cr_assert_eq(run(&r, &copied), 0, "%s", r.err.text);
	expect_counts(&r, 2, 0, 0, 0, 0);
	end(&r);
}

/* A second run; mail does not take a class away. */
Test(sync_class, sends_nothing_when_all_is_as_it_should, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN("anna"),
	    {"LISTMAILBOXES *", SOURCE_LIST}, QUIT, LOGIN("berta"),
	    {"LISTMAILBOXES *",
		"201 {INBOX={Class=IPF.Task;};Cal={Class=IPF.Appointment;};"
		"Notes={};Tasks={Class=IPF.Task;};}\r\n"},
	    QUIT, END};
	static const struct sync_class_pair pairs[] = {{"INBOX", "INBOX"},
	    {"Cal", "Cal"}, {"Notes", "Notes"}, {"Tasks", "Tasks"}};
	const struct sync_class_copied copied = {
	    .pairs = pairs, .count = ARRAY_LEN(pairs)};
	struct run r;

	begin(&r, steps);
	cr_assert_eq(run(&r, &copied), 0, "%s", r.err.text);
	expect_counts(&r, 0, 2, 0, 0, 0);
	end(&r);
}

Test(sync_class, tells_refusals_and_goes_on, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN("anna"),
	    {"LISTMAILBOXES *", SOURCE_LIST}, QUIT, LOGIN("berta"),
	    {"LISTMAILBOXES *", "201 {Cal={};Tasks={};}\r\n"}, QUIT,
	    LOGIN("berta"),
	    {"SETMAILBOXCLASS * MAILBOX \"Cal\" CLASS \"IPF.Appointment\"",
		"513 not yours\r\n"},
	    {"SETMAILBOXCLASS * MAILBOX \"Tasks\" CLASS \"IPF.Task\"",
		"200 OK\r\n"},
	    QUIT, END};
	/* one that the source's CLI and one that the target's does not know */
	static const struct sync_class_pair pairs[] = {{"Gone", "Cal"},
	    {"Cal", "Cal"}, {"Tasks", "Tasks"}, {"Tasks", "NotThere"}};
	const struct sync_class_copied copied = {
	    .pairs = pairs, .count = ARRAY_LEN(pairs)};
	struct run r;

	begin(&r, steps);
	cr_assert_eq(run(&r, &copied), 0, "%s", r.err.text);
	expect_counts(&r, 1, 0, 1, 2, 0);
	cr_assert(strstr(r.records, "513 not yours"), "%s", r.records);
	cr_assert(strstr(r.log, "'NotThere'"), "%s", r.log);
	cr_assert(strstr(r.log, "'Gone'"), "%s", r.log);
	end(&r);
}

Test(sync_class, names_what_imap_does_not_show, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN("anna"),
	    {"LISTMAILBOXES *",
		"201 {INBOX={};Cal={Class=IPF.Appointment;};Old={};"
		"\"Se\xc3\xa9\"={Class=IPF.StickyNote;};Tasks={Class=IPF.Task;};"
		"}\r\n"},
	    QUIT, LOGIN("berta"), {"LISTMAILBOXES *", "201 {INBOX={};}\r\n"},
	    QUIT, END};
	static const struct sync_class_pair pairs[] = {{"INBOX", "INBOX"}};
	/* Tasks was left out by rule; Se.. is listed in the other encoding; Cal
	 * is not there; nor is Old, which is mail */
	static const char *const listed[] = {"inbox", "Tasks", "Se&AOk-"};
	const struct sync_class_copied copied = {.pairs = pairs,
	    .count = ARRAY_LEN(pairs),
	    .listed = listed,
	    .listed_count = ARRAY_LEN(listed)};
	struct run r;

	begin(&r, steps);
	cr_assert_eq(run(&r, &copied), 0, "%s", r.err.text);
	expect_counts(&r, 0, 0, 0, 0, 1);
	cr_assert(strstr(r.records, "'Cal'"), "%s", r.records);
	end(&r);
}

/* What is sent is spelled as the list spells it. */
Test(sync_class, finds_names_in_either_encoding, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN("anna"),
	    {"LISTMAILBOXES *", "201 {\"T&AOk-\"={Class=a;};"
				"\"U\xc3\xa9\"={Class=b;};}\r\n"},
	    QUIT, LOGIN("berta"),
	    {"LISTMAILBOXES *", "201 {\"T\xc3\xa9\"={};\"U&AOk-\"={};}\r\n"},
	    QUIT, LOGIN("berta"),
	    {"SETMAILBOXCLASS * MAILBOX \"T\xc3\xa9\" CLASS \"a\"",
		"200 OK\r\n"},
	    {"SETMAILBOXCLASS * MAILBOX \"U&AOk-\" CLASS \"b\"", "200 OK\r\n"},
	    QUIT, END};
	static const struct sync_class_pair pairs[] = {
	    {"T&AOk-", "T&AOk-"}, {"U&AOk-", "U&AOk-"}};
	const struct sync_class_copied copied = {
	    .pairs = pairs, .count = ARRAY_LEN(pairs)};
	struct run r;

	begin(&r, steps);
	cr_assert_eq(run(&r, &copied), 0, "%s", r.err.text);
	expect_counts(&r, 2, 0, 0, 0, 0);
	end(&r);
}

/* --source ~anna/ --target ~berta@new/ as postmaster */
Test(sync_class, knows_the_accounts_of_others, .timeout = 30)
{
	static const struct cgp_mock_step steps[] = {LOGIN("postmaster"),
	    {"LISTMAILBOXES \"anna\"",
		"201 {Cal={Class=x;};Own={Class=x;};}\r\n"},
	    QUIT, LOGIN("postmaster"),
	    {"LISTMAILBOXES \"berta@new\"", "201 {Cal={};Own={};}\r\n"}, QUIT,
	    LOGIN("postmaster"),
	    {"SETMAILBOXCLASS \"berta@new\" MAILBOX \"Cal\" CLASS \"x\"",
		"200 OK\r\n"},
	    QUIT, END};
	/* one without the prefix is nobody's of that account */
	static const struct sync_class_pair pairs[] = {
	    {"~anna/Cal", "~berta@new/Cal"}, {"~anna/Own", "Own"}};
	const struct sync_class_copied copied = {
	    .pairs = pairs, .count = ARRAY_LEN(pairs)};
	struct run r;

	begin(&r, steps);
	r.set.source.user = r.set.target.user = "postmaster";
	r.set.source.account = "anna";
	r.set.source.prefix = "~anna/";
	r.set.target.account = "berta@new";
	r.set.target.prefix = "~berta@new/";
	cr_assert_eq(run(&r, &copied), 0, "%s", r.err.text);
	expect_counts(&r, 1, 0, 0, 1, 0);
	end(&r);
}

Test(sync_class, says_which_server_failed, .timeout = 30)
{
	static const struct cgp_mock_step no_source[] = {
	    {NULL, "500 go away\r\n"}, END};
	static const struct cgp_mock_step no_target[] = {LOGIN("anna"),
	    {"LISTMAILBOXES *", SOURCE_LIST}, QUIT, LOGIN("berta"),
	    {"LISTMAILBOXES *", "201 {Cal={};}\r\n"}, QUIT, LOGIN("berta"),
	    {"SETMAILBOXCLASS * MAILBOX \"Cal\" CLASS \"IPF.Appointment\"", ""},
	    END};
	static const struct sync_class_pair pairs[] = {{"Cal", "Cal"}};
	const struct sync_class_copied copied = {
	    .pairs = pairs, .count = ARRAY_LEN(pairs)};
	struct run r;

	begin(&r, no_source);
	cr_assert_eq(run(&r, &copied), -1);
	cr_assert(strstr(r.err.text, "reading"), "%s", r.err.text);
	cr_assert(strstr(r.err.text, "CLI of old"), "%s", r.err.text);
	end(&r);
	begin(&r, no_target);
	cr_assert_eq(run(&r, &copied), -1);
	cr_assert(strstr(r.err.text, "setting"), "%s", r.err.text);
	cr_assert(strstr(r.err.text, "CLI of new"), "%s", r.err.text);
	expect_counts(&r, 0, 0, 0, 0, 0);
	end(&r);
}
