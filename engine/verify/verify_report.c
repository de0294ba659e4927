// SPDX-License-Identifier: MIT
#include "engine/verify/verify_report.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/job.h"
#include "engine/contract/record.h"
#include "engine/imap/imap_date.h"
#include "engine/verify/verify_board.h"
#include "engine/verify/verify_run.h"

enum {
	DIFFERENCES_MAX = 10000, /* told of one mailbox */
	NAME_BYTES = 200,
	WORDS_BYTES = 640,
	TALLY_BYTES = 640,
	REASON_BYTES = 48
};

struct verify_report {
	const struct job *job;
	struct log *log;
	int record_fd;
	pthread_mutex_t mutex;
};

struct verify_report *verify_report_new(
    const struct job *job, struct log *log, int record_fd)
{
	struct verify_report *r = mem_calloc(1, sizeof(*r));

	r->job = job;
	r->log = log;
	r->record_fd = record_fd;
	(void)pthread_mutex_init(&r->mutex, NULL);
	return r;
}

void verify_report_free(struct verify_report *r)
{
	if (!r)
		return;
	(void)pthread_mutex_destroy(&r->mutex);
	free(r);
}

static void send(struct verify_report *r, const struct record *record)
{
	size_t len = 0;

	if (r->record_fd < 0)
		return;
	char *line = record_encode(record, &len);
	if (!line)
		mem_out(); // nothing is left out in silence
	(void)pthread_mutex_lock(&r->mutex);
	// a parent that is gone is noticed by the job descriptor
	(void)fd_write_all(r->record_fd, line, len);
	(void)pthread_mutex_unlock(&r->mutex);
	free(line);
}

static const char *shown(const char *name, char out[NAME_BYTES])
{
	return name ? text_escape(name, strlen(name), out, NAME_BYTES) : "-";
}

void verify_report_start(struct verify_report *r)
{
	const struct job *job = r->job;
	const struct record record = {
	    .event = RECORD_START,
	    .account = job->account,
	    .version = (char *)(uintptr_t)MAILCONVOY_VERSION,
	};

	char account[NAME_BYTES];

	log_write(r->log, LOG_LEVEL_INFO, "engine",
	    "syncIMAPMail %s, account '%s': comparing %s with %s (%s)",
	    MAILCONVOY_VERSION, shown(job->account, account), job->source.host,
	    job->target.host, job_verify_name(job->options.verify));
	send(r, &record);
}

/* What mailbox a line is about: its name on the source, if it has one. */
static const char *name_of(const struct verify_box *box)
{
	const char *name = box->half[VERIFY_SOURCE].name;

	return name ? name : box->half[VERIFY_TARGET].name;
}

// a record, which is read as well as written, has strings that are not const
static void send_difference(struct verify_report *r,
    const struct verify_difference *d,
    char *date) // NOLINT(readability-non-const-parameter)
{
	char reason[REASON_BYTES];
	const struct verify_entry *e = d->source ? d->source : d->target;

	(void)snprintf(
	    reason, sizeof(reason), "verify.%s", verify_tally_name(d->what));
	const struct record record = {
	    .event = RECORD_DIFFERENCE,
	    .mailbox = d->box->half[VERIFY_SOURCE].name,
	    .target = d->box->half[VERIFY_TARGET].name,
	    .reason = reason,
	    .text = (char *)(uintptr_t)d->words,
	    .date = date && date[0] ? date : NULL,
	    .uid = d->source ? d->source->uid : 0,
	    .target_uid = d->target ? d->target->uid : 0,
	    .uidvalidity = d->box->half[VERIFY_SOURCE].uidvalidity,
	    .size = e ? e->size : 0,
	};
	send(r, &record);
}

static void uid_words(const struct verify_entry *e, char *out, size_t max)
{
	if (e)
		(void)snprintf(out, max, "uid %" PRIu32, e->uid);
	else
		(void)snprintf(out, max, "-");
}

void verify_report_difference(
    struct verify_report *r, const struct verify_difference *d)
{
	const struct verify_entry *e = d->source ? d->source : d->target;
	char name[NAME_BYTES], date[IMAP_DATE_BYTES] = "", plain[32] = "";
	char source[24], target[24], words[WORDS_BYTES];

	if (!r->job->options.verify_diff ||
	    verify_tally_differences(&d->box->tally, true) > DIFFERENCES_MAX)
		return;
	const struct imap_date when = {.seconds = e->seconds};
	if (e->seconds != VERIFY_NO_DATE && imap_date_format(&when, date))
		(void)snprintf(plain, sizeof(plain), "%.*s",
		    (int)strlen(date) - 2, date + 1);
	uid_words(d->source, source, sizeof(source));
	uid_words(d->target, target, sizeof(target));
	log_write(r->log, LOG_LEVEL_INFO, "engine",
	    "%c mailbox '%s', source %s, target %s, %" PRIu32
	    " bytes%s%s: %s (%s)",
	    d->sign, shown(name_of(d->box), name), source, target, e->size,
	    plain[0] ? ", dated " : "", plain,
	    text_escape(d->words, strlen(d->words), words, sizeof(words)),
	    verify_tally_name(d->what));
	send_difference(r, d, plain);
}

/* A mailbox as a whole is a difference. */
static void tell_folder(struct verify_report *r, const struct verify_box *box,
    char sign, enum verify_count what, const char *words)
{
	const struct verify_difference d = {
	    .sign = sign, .what = what, .box = box, .words = words};
	char name[NAME_BYTES], escaped[WORDS_BYTES];

	log_write(r->log, LOG_LEVEL_INFO, "engine", "%c mailbox '%s': %s (%s)",
	    sign, shown(name_of(box), name),
	    text_escape(words, strlen(words), escaped, sizeof(escaped)),
	    verify_tally_name(what));
	send_difference(r, &d, NULL);
}

static void tell_folders(struct verify_report *r, const struct verify_box *box)
{
	const struct verify_tally *t = &box->tally;

	if (t->n[VERIFY_COUNT_FOLDERS_MISSING])
		tell_folder(r, box, '-', VERIFY_COUNT_FOLDERS_MISSING,
		    box->refusal ? box->refusal : "it is not on the target");
	if (t->n[VERIFY_COUNT_FOLDERS_EXTRA])
		tell_folder(r, box, '+', VERIFY_COUNT_FOLDERS_EXTRA,
		    "it is only on the target");
	for (int s = 0; s < VERIFY_SIDES; s++)
		if (box->half[s].failure)
			tell_folder(r, box, '!',
			    VERIFY_COUNT_FOLDERS_UNREADABLE,
			    box->half[s].failure);
}

void verify_report_box(struct verify_report *r, const struct verify_box *box)
{
	const char *from = box->half[VERIFY_SOURCE].name;
	const char *to = box->half[VERIFY_TARGET].name;
	char source[NAME_BYTES], target[NAME_BYTES], text[TALLY_BYTES];
	bool equal = verify_tally_differences(&box->tally, true) == 0;
	const struct record record = {
	    .event = RECORD_VERIFY,
	    .mailbox = box->half[VERIFY_SOURCE].name,
	    .target = box->half[VERIFY_TARGET].name,
	    .uidvalidity = box->half[VERIFY_SOURCE].uidvalidity,
	    .verify = box->tally,
	};

	tell_folders(r, box);
	verify_tally_format(&box->tally, text, sizeof(text));
	log_write(r->log, LOG_LEVEL_INFO, "engine",
	    "%smailbox '%s' and '%s': %s",
	    equal && r->job->options.verify_diff ? "= " : "",
	    shown(from, source), shown(to, target), text);
	send(r, &record);
}

void verify_report_progress(
    struct verify_report *r, uint64_t messages, uint64_t bytes)
{
	const struct record record = {.event = RECORD_PROGRESS,
	    .tally = {.source = messages, .bytes_copied = bytes}};

	send(r, &record);
}

/* The same as the terms of a copy: there, left out by rule, not there. */
static struct tally tally_of(const struct verify_tally *v)
{
	struct tally t = {.source = v->n[VERIFY_COUNT_SOURCE]};

	t.skipped[TALLY_SKIP_DELETED] = v->n[VERIFY_COUNT_DELETED];
	t.skipped[TALLY_SKIP_OLDER] = v->n[VERIFY_COUNT_OLDER];
	t.unreached = v->n[VERIFY_COUNT_MISSING];
	uint64_t known = tally_skipped(&t) + t.unreached;
	t.present = t.source > known ? t.source - known : 0;
	return t;
}

void verify_report_end(
    struct verify_report *r, const struct verify_result *result)
{
	const struct exit_code_info *info = exit_code_find((int)result->exit);
	bool failed = result->error.kind != ERROR_NONE;
	char text[TALLY_BYTES], bytes[32];

	if (failed)
		log_write(r->log, LOG_LEVEL_ERROR, "engine", "%s",
		    result->error.text);
	verify_tally_format(&result->tally, text, sizeof(text));
	log_write(r->log, LOG_LEVEL_INFO, "engine", "compared: %s", text);
	log_write(r->log, LOG_LEVEL_INFO, "engine",
	    "%s read; ended after %" PRIu64 ".%03" PRIu64 " s: %s (%d)",
	    text_bytes(result->bytes, bytes, sizeof(bytes)),
	    result->duration_ms / 1000, result->duration_ms % 1000,
	    result->exit == EXIT_CODE_OK        ? "equal"
	    : result->exit == EXIT_CODE_PARTIAL ? "not equal"
						: info->engine_text,
	    (int)result->exit);
	const struct record record = {
	    .event = RECORD_END,
	    .exit = (int)result->exit,
	    .side = (char *)(uintptr_t)result->side,
	    .reason = failed ? (char *)(uintptr_t)result->error.reason : NULL,
	    .text = failed ? (char *)(uintptr_t)result->error.text : NULL,
	    .duration_ms = result->duration_ms,
	    .tally = tally_of(&result->tally),
	    .has_verify = true,
	    .verify = result->tally,
	};
	send(r, &record);
}
