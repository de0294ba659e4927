// SPDX-License-Identifier: MIT
/*
 * A short mail by the local sendmail: how the run stands and what needs a
 * hand.  No word of a server is in it, so nothing in it can be a head line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/plan.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "orchestrator/journal.h"
#include "orchestrator/report.h"
#include "orchestrator/supervisor_private.h"

enum {
	FAILURES_SHOWN = 50,
	TIMEOUT_MS = 60000
};

/* Printable, and nothing that a mailer reads as more than one address. */
static bool is_address(const char *s)
{
	if (s[0] == '-' || s[0] == '\0')
		return false;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f ||
		    strchr(",;<>()\"\\:", *p))
			return false;
	return true;
}

/* In PATH, else where it usually is, which is seldom in a service's PATH. */
static const char *find_sendmail(void)
{
	static const char *const places[] = {
	    "/usr/sbin/sendmail", "/usr/lib/sendmail"};
	const char *path = getenv("PATH");
	char file[4096];

	for (const char *p = path; p && *p;) {
		int len = (int)strcspn(p, ":");
		int n = snprintf(file, sizeof(file), "%.*s/sendmail", len, p);
		if (*p == '/' && n > 0 && (size_t)n < sizeof(file) &&
		    access(file, X_OK) == 0)
			return "sendmail";
		p += len;
		p += *p == ':';
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static void write_counts(struct supervisor *s, FILE *out)
{
	const struct snapshot *now = supervisor_show_take(s);

	for (size_t i = 0; i < now->class_count; i++)
		if (now->classes[i].count > 0)
			(void)fprintf(out, "  %-12s %zu\n",
			    now->classes[i].name, now->classes[i].count);
}

static void write_failures(const struct supervisor *s, FILE *out)
{
	size_t failed = 0;

	for (size_t i = 0; i < s->plan->account_count; i++) {
		const struct standing *st = &s->standings[i];
		if (st->is_left_out || !st->outcome ||
		    !supervisor_is_failed(st->outcome))
			continue;
		if (failed++ == 0)
			(void)fprintf(out, "\nThese need a hand:\n\n");
		if (failed > FAILURES_SHOWN)
			continue;
		const char *reason = st->reason ? st->reason : "";
		(void)fprintf(out, "  %s: %s%s%s\n    %s\n",
		    s->plan->accounts[i].id, st->outcome, reason[0] ? ", " : "",
		    reason, report_advice(st->outcome, st->reason));
	}
	if (failed > FAILURES_SHOWN)
		(void)fprintf(out, "  and %zu more\n", failed - FAILURES_SHOWN);
}

static void write_mail(struct supervisor *s, FILE *out)
{
	char *report = rundir_report_path(&s->dir, "report.html");

	(void)fprintf(out,
	    "To: %s\n"
	    "Subject: mailconvoy: %s ",
	    s->plan->notify.sendmail, s->plan->name);
	if (s->hooks.is_over)
		(void)fprintf(out, "has ended, exit %d\n", s->hooks.code);
	else
		(void)fprintf(out, "runs\n");
	(void)fprintf(out,
	    "Auto-Submitted: auto-generated\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=utf-8\n"
	    "\n"
	    "Plan %s, run %s, accounts:\n\n",
	    s->plan->name, s->dir.id);
	write_counts(s, out);
	write_failures(s, out);
	if (s->hooks.is_over)
		(void)fprintf(out, "\nReport: %s\n", report ? report : "");
	free(report);
}

/* All of it stands in memory: sendmail reads as fast as it likes. */
static int make_mail(struct supervisor *s, struct error *err)
{
	int fd = memfd_create("mail", MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	bool is_good = out != NULL;

	if (out) {
		write_mail(s, out);
		is_good = !ferror(out);
		is_good = fclose(out) == 0 && is_good;
	} else {
		fd_close(&copy);
	}
	if (is_good && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	fd_close(&fd);
	return error_set_errno(
	    err, ERROR_INTERNAL, "local.memory", "cannot make a mail");
}

void supervisor_mail_send(struct supervisor *s)
{
	char option_t[] = "-t", option_oi[] = "-oi";
	const char *program = find_sendmail();
	char *argv[] = {(char *)program, option_t, option_oi, NULL};
	struct error err = {0};
	int fd = -1;

	if (!is_address(s->plan->notify.sendmail))
		(void)error_set(&err, ERROR_CONFIG, "notify.sendmail",
		    "its address cannot stand in a mail");
	else if (!program)
		(void)error_set(&err, ERROR_CONFIG, "notify.sendmail",
		    "there is no sendmail in PATH, /usr/sbin and /usr/lib");
	else
		fd = make_mail(s, &err);
	int rc = fd < 0 ? -1
			: hook_start(&s->hooks.mail, argv, s->command_env, fd,
			      TIMEOUT_MS, &err);
	fd_close(&fd);
	if (rc == 0)
		return;
	(void)journal_rule(s->journal, "hook", "notify.sendmail", err.text);
	progress_note(&s->progress, "WARNING", "notify.sendmail: %s", err.text);
}
