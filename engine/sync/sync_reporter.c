// SPDX-License-Identifier: MIT
#include "engine/sync/sync_reporter.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
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
		return;
	(void)pthread_mutex_lock(&r->mutex);
	// a parent that is gone is noticed by the job descriptor
	(void)fd_write_all(r->record_fd, line, len);
	(void)pthread_mutex_unlock(&r->mutex);
	free(line);
}

void sync_reporter_refused(
    struct sync_reporter *r, const struct sync_refusal *refusal)
{
	const struct sync_mailbox *m = refusal->mailbox;
	char shown[256], which[64] = "";

	(void)text_escape(m->source, strlen(m->source), shown, sizeof(shown));
	if (refusal->uid)
		(void)snprintf(which, sizeof(which),
		    ", uid %" PRIu32 ", %" PRIu64 " bytes", refusal->uid,
		    refusal->size);
	log_write(r->log, LOG_LEVEL_ERROR, refusal->side,
	    "refused (%s): mailbox '%s'%s, step %s: %s", refusal->reason, shown,
	    which, refusal->step, refusal->words);
	const struct record record = {
	    .event = RECORD_REFUSED,
	    .mailbox = m->source,
	    .target = m->target,
	    .side = (char *)(uintptr_t)refusal->side,
	    .step = (char *)(uintptr_t)refusal->step,
	    .reason = (char *)(uintptr_t)refusal->reason,
	    .text = (char *)(uintptr_t)refusal->words,
	    .uid = refusal->uid,
	    .uidvalidity = m->uidvalidity,
	    .size = refusal->size,
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
