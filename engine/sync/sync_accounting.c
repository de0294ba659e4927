// SPDX-License-Identifier: MIT
#include "engine/sync/sync_accounting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/text.h"
#include "engine/contract/record.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_reporter.h"

/* What a run that ended early did not come to. */
static void count_unreached(const struct sync_mailbox *m, struct tally *t)
{
	if (m->has_status && t->source < m->messages && !m->refusal)
		t->source = m->messages;
	uint64_t settled = t->copied + t->present + tally_skipped(t) +
			   tally_refused(t) + t->vanished;
	if (t->source > settled)
		t->unreached = t->source - settled;
}

static void tell_mailbox(const struct sync_mailbox *m, const struct tally *t,
    struct log *log, struct sync_reporter *reporter)
{
	char source[200], target[200], text[512];
	const struct record record = {
	    .event = RECORD_MAILBOX,
	    .mailbox = m->source,
	    .target = m->target,
	    .uidvalidity = m->uidvalidity,
	    .tally = *t,
	};

	(void)text_escape(m->source, strlen(m->source), source, sizeof(source));
	(void)text_escape(m->target ? m->target : "-",
	    m->target ? strlen(m->target) : 1, target, sizeof(target));
	tally_format(t, text, sizeof(text));
	log_write(log, LOG_LEVEL_INFO, "engine", "mailbox '%s'%s%s%s: %s",
	    source, strcmp(source, target) ? " -> '" : "",
	    strcmp(source, target) ? target : "",
	    strcmp(source, target) ? "'" : "", text);
	sync_reporter_send(reporter, &record);
}

/* Bytes of what a mailbox still lacks, as far as the server told them. */
static uint64_t missing_bytes(
    const struct sync_mailbox *m, const struct tally *t)
{
	uint64_t all = m->is_listed  ? m->bytes_asked
		       : m->has_size ? m->bytes
				     : 0;

	if (t->unreached == 0 || all < t->bytes_copied)
		return 0;
	return all - t->bytes_copied;
}

/* How much more room the target needs (F107). */
static void say_missing(struct error *err, uint64_t messages, uint64_t bytes)
{
	size_t used = strlen(err->text);
	char size[32];

	(void)snprintf(err->text + used, sizeof(err->text) - used,
	    "; %" PRIu64 " messages, %s (%" PRIu64 " bytes), are still missing",
	    messages, text_bytes(bytes, size, sizeof(size)), bytes);
}

static enum exit_code judge(
    const struct sync_ending *ending, struct sync_result *result)
{
	const struct tally *t = &result->tally;

	if (ending->interrupted && !ending->error)
		return EXIT_CODE_INTERRUPTED;
	if (ending->error &&
	    strcmp(ending->error->reason, "target.changed") == 0)
		return EXIT_CODE_CHANGED;
	if (ending->error)
		return exit_code_of_error(ending->error);
	if (!tally_balances(t)) {
		(void)error_set(&result->error, ERROR_INTERNAL,
		    "internal.accounting",
		    "the accounting does not add up: please report this log");
		return EXIT_CODE_INTERNAL;
	}
	if (ending->needs_look || tally_refused(t) > 0 ||
	    t->extra[TALLY_MAILBOXES_FAILED] > 0)
		return EXIT_CODE_PARTIAL;
	if (ending->changed || t->vanished > 0)
		return EXIT_CODE_CHANGED;
	return EXIT_CODE_OK;
}

void sync_accounting_close(struct sync_plan *plan,
    const struct sync_ending *ending, struct log *log,
    struct sync_reporter *reporter, struct sync_result *result)
{
	bool early = ending->error || ending->interrupted;
	uint64_t missing = 0;

	*result = (struct sync_result){0};
	for (size_t i = 0; plan && i < plan->count; i++) {
		const struct sync_mailbox *m = &plan->mailboxes[i];
		struct tally t = m->by_source;
		tally_add(&t, &m->by_target);
		if (early)
			count_unreached(m, &t);
		missing += missing_bytes(m, &t);
		tell_mailbox(m, &t, log, reporter);
		tally_add(&result->tally, &t);
	}
	if (plan)
		tally_add(&result->tally, &plan->beside);
	result->side = ending->error ? ending->side : NULL;
	if (ending->error)
		result->error = *ending->error;
	else if (ending->interrupted)
		(void)error_set(&result->error, ERROR_INTERRUPTED,
		    "operator.stop",
		    "stopped before the end; run again to go on");
	if (result->error.kind == ERROR_QUOTA)
		say_missing(&result->error, result->tally.unreached, missing);
	result->exit = judge(ending, result);
}

void sync_accounting_report(const struct sync_result *result, struct log *log,
    struct sync_reporter *reporter)
{
	const struct exit_code_info *info = exit_code_find((int)result->exit);
	const struct tally *t = &result->tally;
	char text[512], bytes[32];
	bool failed = result->error.kind != ERROR_NONE;

	if (failed)
		log_write(
		    log, LOG_LEVEL_ERROR, "engine", "%s", result->error.text);
	tally_format_extras(t, text, sizeof(text));
	log_write(log, LOG_LEVEL_INFO, "engine", "%s copied; %s",
	    text_bytes(t->bytes_copied, bytes, sizeof(bytes)), text);
	log_write(log, LOG_LEVEL_INFO, "engine",
	    "ended after %" PRIu64 ".%03" PRIu64 " s: %s (%d), %s",
	    result->duration_ms / 1000, result->duration_ms % 1000,
	    info->outcome, (int)result->exit, info->engine_text);
	tally_format(t, text, sizeof(text));
	log_write(log, LOG_LEVEL_INFO, "engine", "%s", text);
	sync_reporter_log_lost(reporter);
	const struct record record = {
	    .event = RECORD_END,
	    .exit = (int)result->exit,
	    .side = (char *)(uintptr_t)result->side,
	    .retry_after_ms = failed ? result->error.wait_ms : 0,
	    .reason = failed ? (char *)(uintptr_t)result->error.reason : NULL,
	    .text = failed ? (char *)(uintptr_t)result->error.text : NULL,
	    .duration_ms = result->duration_ms,
	    .tally = *t,
	};
	sync_reporter_send(reporter, &record);
}
