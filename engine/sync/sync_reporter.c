// SPDX-License-Identifier: MIT
#include "engine/sync/sync_reporter.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/base/text.h"
#include "engine/contract/record.h"
#include "engine/sync/sync_mailbox.h"

struct sync_reporter {
	struct log *log;
	int record_fd;
	pthread_mutex_t mutex;
};

struct sync_reporter *sync_reporter_new(struct log *log, int record_fd)
{
	struct sync_reporter *r = mem_calloc(1, sizeof(*r));

	r->log = log;
	r->record_fd = record_fd;
	(void)pthread_mutex_init(&r->mutex, NULL);
	return r;
}

void sync_reporter_free(struct sync_reporter *r)
{
	if (!r)
		return;
	(void)pthread_mutex_destroy(&r->mutex);
	free(r);
}

void sync_reporter_send(struct sync_reporter *r, const struct record *record)
{
	size_t len = 0;

	if (r->record_fd < 0)
		return;
	char *line = record_encode(record, &len);
	if (!line)
		mem_out(); // nothing is left out in silence
	(void)pthread_mutex_lock(&r->mutex);
	// a parent that is gone is noticed by the job descriptor
	step_point("record.send");
	(void)fd_write_all(r->record_fd, line, len);
	step_point("record.sent");
	(void)pthread_mutex_unlock(&r->mutex);
	free(line);
}

enum {
	ID_SHOWN_BYTES = 201
};

static bool is_given(const char *s)
{
	return s && s[0];
}

void sync_reporter_refused(
    struct sync_reporter *r, const struct sync_refusal *refusal)
{
	const struct sync_mailbox *m = refusal->mailbox;
	const char *date = is_given(refusal->date) ? refusal->date : NULL;
	const char *id =
	    is_given(refusal->message_id) ? refusal->message_id : NULL;
	char shown[256], shown_id[ID_SHOWN_BYTES] = "", which[64] = "";

	(void)text_escape(m->source, strlen(m->source), shown, sizeof(shown));
	if (id)
		(void)text_escape(id, strlen(id), shown_id, sizeof(shown_id));
	if (refusal->uid)
		(void)snprintf(which, sizeof(which),
		    ", uid %" PRIu32 ", %" PRIu64 " bytes", refusal->uid,
		    refusal->size);
	log_write(r->log, LOG_LEVEL_ERROR, refusal->side,
	    "refused (%s): mailbox '%s'%s%s%s%s%s, step %s: %s",
	    refusal->reason, shown, which, date ? ", dated " : "",
	    date ? date : "", id ? ", Message-ID " : "", shown_id,
	    refusal->step, refusal->words);
	const struct record record = {
	    .event = RECORD_REFUSED,
	    .mailbox = m->source,
	    .target = m->target,
	    .side = (char *)(uintptr_t)refusal->side,
	    .step = (char *)(uintptr_t)refusal->step,
	    .reason = (char *)(uintptr_t)refusal->reason,
	    .text = (char *)(uintptr_t)refusal->words,
	    .date = (char *)(uintptr_t)date,
	    .message_id = (char *)(uintptr_t)id,
	    .uid = refusal->uid,
	    .uidvalidity = m->uidvalidity,
	    .size = refusal->size,
	};
	sync_reporter_send(r, &record);
}

void sync_reporter_repaired(struct sync_reporter *r,
    const struct sync_mailbox *mailbox, uint32_t uid, const char *how,
    const char *first_words)
{
	static const char reason[] = "append.repaired";
	char shown[256], text[1024];

	(void)text_escape(
	    mailbox->source, strlen(mailbox->source), shown, sizeof(shown));
	(void)snprintf(text, sizeof(text),
	    "mailbox '%s', uid %" PRIu32
	    ": taken only %s; the server had said: %s",
	    shown, uid, how, first_words);
	log_write(r->log, LOG_LEVEL_WARNING, "target", "%s", text);
	const struct record record = {
	    .event = RECORD_WARNING,
	    .mailbox = mailbox->source,
	    .target = mailbox->target,
	    .side = (char *)(uintptr_t) "target",
	    .step = (char *)(uintptr_t) "APPEND",
	    .reason = (char *)(uintptr_t)reason,
	    .text = text,
	    .uid = uid,
	    .uidvalidity = mailbox->uidvalidity,
	};
	sync_reporter_send(r, &record);
}

void sync_reporter_warn(struct sync_reporter *r, const char *side,
    const char *reason, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(r->log, LOG_LEVEL_WARNING, side, "%s", text);
	const struct record record = {
	    .event = RECORD_WARNING,
	    .side = (char *)(uintptr_t)side,
	    .reason = (char *)(uintptr_t)reason,
	    .text = text,
	};
	sync_reporter_send(r, &record);
}

void sync_reporter_log_lost(struct sync_reporter *r)
{
	char words[96];
	int why = 0;
	uint64_t lost = log_lost(r->log, &why);

	if (lost > 0)
		sync_reporter_warn(r, "engine", "local.log",
		    "the log is not whole: %" PRIu64
		    " lines could not be written: %s",
		    lost, text_errno(why, words, sizeof(words)));
}
