// SPDX-License-Identifier: MIT
/* What a look found, as records and as lines of the log. */
#include "engine/sync/sync_probe_private.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/job.h"
#include "engine/contract/record.h"
#include "engine/sync/sync_accounting.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_reporter.h"
#include "engine/sync/sync_surplus.h"

enum {
	NAMED_MAX = 1000,          /* mailboxes named one by one, of a kind */
	GUESSED_BYTES = 64 * 1024, /* of a message nobody knows of */
	CAPABILITIES_BYTES = 640
};

/* Servers may tell any number: sums stay below what means "unknown". */
static void add(uint64_t *sum, uint64_t n)
{
	*sum = n < PROBE_UNKNOWN - 1 - *sum ? *sum + n : PROBE_UNKNOWN - 1;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return b > 0 && a > (PROBE_UNKNOWN - 1) / b ? PROBE_UNKNOWN - 1 : a * b;
}

/* Bytes of some messages of a mailbox, told or estimated. */
static uint64_t bytes_of(const struct probe_side *side, bool has_size,
    uint64_t bytes, uint64_t messages)
{
	if (has_size)
		return bytes;
	return times(messages, side->sample_count > 0
				   ? side->sample_bytes / side->sample_count
				   : GUESSED_BYTES);
}

/* ---------------------------------------------------------------- sides */

static void count_source(const struct probe_run *p, struct probe *out)
{
	uint64_t *n = out->n;

	n[PROBE_MAILBOXES] = n[PROBE_MESSAGES] = n[PROBE_BYTES] = 0;
	n[PROBE_UNSIZED] = n[PROBE_UNCOUNTED] = 0;
	for (size_t i = 0; i < p->plan->count; i++) {
		const struct sync_mailbox *m = &p->plan->mailboxes[i];
		n[PROBE_MAILBOXES]++;
		n[PROBE_UNCOUNTED] += !m->has_status;
		if (!m->has_status)
			continue;
		add(&n[PROBE_MESSAGES], m->messages);
		add(&n[PROBE_BYTES],
		    bytes_of(&p->source, m->has_size, m->bytes, m->messages));
		if (!m->has_size)
			add(&n[PROBE_UNSIZED], m->messages);
	}
}

static void count_inventory(const struct probe_side *side, struct probe *out)
{
	const struct sync_inventory *inv = &side->inventory;
	uint64_t *n = out->n;

	n[PROBE_MAILBOXES] = n[PROBE_MESSAGES] = n[PROBE_BYTES] = 0;
	n[PROBE_UNSIZED] = n[PROBE_UNCOUNTED] = 0;
	n[PROBE_APPEND_LIMIT] = inv->caps.append_limit;
	for (size_t i = 0; i < inv->count; i++) {
		const struct sync_box *box = &inv->boxes[i];
		if (!box->is_selectable ||
		    sync_inventory_is_foreign(inv, box->name))
			continue;
		n[PROBE_MAILBOXES]++;
		n[PROBE_UNCOUNTED] += !box->has_status;
		if (box->has_append_limit &&
		    box->append_limit < n[PROBE_APPEND_LIMIT])
			n[PROBE_APPEND_LIMIT] = box->append_limit;
		if (!box->has_status)
			continue;
		add(&n[PROBE_MESSAGES], box->messages);
		add(&n[PROBE_BYTES],
		    bytes_of(side, box->has_size, box->bytes, box->messages));
		if (!box->has_size)
			add(&n[PROBE_UNSIZED], box->messages);
	}
}

static void take_quota(const struct imap_quota *q, struct probe *out)
{
	if (q->storage.is_given) {
		out->n[PROBE_STORAGE_USED] = q->storage.used;
		out->n[PROBE_STORAGE_LIMIT] = q->storage.limit;
	}
	if (q->count.is_given) {
		out->n[PROBE_COUNT_USED] = q->count.used;
		out->n[PROBE_COUNT_LIMIT] = q->count.limit;
	}
}

static void name_capabilities(const struct imap_caps *caps, struct buf *out)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < IMAP_CAPS; i++)
		if (imap_caps_has(caps, (enum imap_cap)i))
			rc = buf_printf(out, "%s%s", out->len ? " " : "",
			    imap_caps_name((enum imap_cap)i));
}

static void log_side(const struct probe_run *p, const struct probe_side *side,
    const struct probe *found)
{
	const uint64_t *n = found->n;
	uint64_t room =
	    probe_free(n[PROBE_STORAGE_USED], n[PROBE_STORAGE_LIMIT]);
	char bytes[32], left[32], all[32];

	log_write(p->io->log, LOG_LEVEL_INFO, side->name,
	    "%" PRIu64 " mailboxes, %" PRIu64 " messages, %s%s",
	    n[PROBE_MAILBOXES], n[PROBE_MESSAGES],
	    text_bytes(n[PROBE_BYTES], bytes, sizeof(bytes)),
	    n[PROBE_UNSIZED] > 0 ? " (estimated)" : "");
	if (room != PROBE_UNKNOWN)
		log_write(p->io->log, LOG_LEVEL_INFO, side->name,
		    "quota: %s of %s are free",
		    text_bytes(room, left, sizeof(left)),
		    text_bytes(n[PROBE_STORAGE_LIMIT], all, sizeof(all)));
	if (side->is_target && n[PROBE_APPEND_LIMIT] != PROBE_UNKNOWN)
		log_write(p->io->log, LOG_LEVEL_INFO, side->name,
		    "takes messages of at most %s",
		    text_bytes(n[PROBE_APPEND_LIMIT], bytes, sizeof(bytes)));
}

static void tell_side(const struct probe_run *p, struct probe_side *side)
{
	bool failed = side->phase == PROBE_PHASE_FAILED;
	char separator[] = {side->inventory.separator, '\0'};
	struct record record = {.event = RECORD_PROBE,
	    .side = (char *)(uintptr_t)side->name,
	    .text = failed ? side->error.text : side->greeting,
	    .reason = failed ? side->error.reason : NULL};
	struct buf capabilities;

	buf_init(&capabilities, CAPABILITIES_BYTES);
	probe_init(&record.probe);
	if (side->was_listed) {
		if (p->plan && !side->is_target)
			count_source(p, &record.probe);
		else
			count_inventory(side, &record.probe);
		if (!side->is_target)
			record.probe.n[PROBE_APPEND_LIMIT] = PROBE_UNKNOWN;
		take_quota(&side->quota, &record.probe);
		name_capabilities(&side->inventory.caps, &capabilities);
		record.capabilities = capabilities.data;
		record.prefix = side->inventory.prefix;
		record.separator = separator;
		log_side(p, side, &record.probe);
	}
	sync_reporter_send(p->io->reporter, &record);
	buf_release(&capabilities);
}

/* -------------------------------------------------------- both together */

static void tell_refused(struct probe_run *p, const struct sync_mailbox *m)
{
	char words[512];
	const struct sync_refusal refusal = {.side = "source",
	    .step = "names",
	    .reason = tally_refusal_name(TALLY_REFUSED_MAILBOX),
	    .words = text_escape(
		m->refusal, strlen(m->refusal), words, sizeof(words)),
	    .mailbox = m};

	if (p->refused++ < NAMED_MAX)
		sync_reporter_refused(p->io->reporter, &refusal);
}

/* What the target lacks of a mailbox, if what it holds are copies. */
static void count_missing(
    struct probe_run *p, const struct sync_mailbox *m, uint64_t *n)
{
	const struct sync_box *there =
	    sync_inventory_find(&p->target.inventory, m->target);
	uint64_t bytes =
	    bytes_of(&p->source, m->has_size, m->bytes, m->messages);

	if (!m->has_status || m->messages <= m->target_messages)
		return;
	uint64_t missing = m->messages - m->target_messages;
	add(&n[PROBE_COPY_MESSAGES], missing);
	if (m->has_size && there && there->has_size)
		add(&n[PROBE_COPY_BYTES],
		    bytes > there->bytes ? bytes - there->bytes : 0);
	else
		add(&n[PROBE_COPY_BYTES],
		    missing == m->messages
			? bytes
			: times(bytes / m->messages, missing));
}

static void tell_surplus(
    const struct probe_run *p, const struct sync_surplus *s)
{
	const struct record record = {.event = RECORD_WOULD_DELETE,
	    .target = s->name,
	    .step = (char *)(uintptr_t)(s->remove ? "DELETE" : "EXPUNGE"),
	    .expected = s->messages};

	sync_reporter_send(p->io->reporter, &record);
}

static void count_deletions(const struct probe_run *p, uint64_t *n)
{
	size_t named = 0;

	n[PROBE_DELETE_MESSAGES] = n[PROBE_DELETE_MAILBOXES] = 0;
	for (size_t i = 0; i < p->plan->surplus_count; i++) {
		const struct sync_surplus *s = &p->plan->surplus[i];
		if (!s->remove && !s->empty)
			continue;
		add(&n[PROBE_DELETE_MESSAGES], s->messages);
		n[PROBE_DELETE_MAILBOXES] += s->remove;
		if (named++ < NAMED_MAX)
			tell_surplus(p, s);
	}
	for (size_t i = 0; i < p->plan->count; i++) {
		const struct sync_mailbox *m = &p->plan->mailboxes[i];
		if (!m->refusal && m->has_status &&
		    m->target_messages > m->messages)
			add(&n[PROBE_DELETE_MESSAGES],
			    m->target_messages - m->messages);
	}
}

static uint64_t count_too_big(const struct probe_run *p)
{
	uint64_t sum = 0;

	if (p->is_too_big_unknown || p->next_look < p->look_count)
		return PROBE_UNKNOWN;
	for (size_t i = 0; i < p->look_count; i++)
		add(&sum, p->looks[i].found);
	return sum;
}

static void tell_both(struct probe_run *p)
{
	struct record record = {.event = RECORD_PROBE};
	uint64_t *n = record.probe.n;
	char bytes[32];

	probe_init(&record.probe);
	n[PROBE_COPY_MESSAGES] = n[PROBE_COPY_BYTES] = n[PROBE_CREATE] = 0;
	for (size_t i = 0; i < p->plan->count; i++) {
		const struct sync_mailbox *m = &p->plan->mailboxes[i];
		if (m->refusal) {
			tell_refused(p, m);
			continue;
		}
		n[PROBE_CREATE] += m->create;
		count_missing(p, m, n);
	}
	n[PROBE_REFUSED] = p->refused;
	n[PROBE_LEFT_OUT] = p->plan->skipped;
	n[PROBE_TOO_BIG] = count_too_big(p);
	if (p->options->mode == JOB_MODE_DST)
		count_deletions(p, n);
	log_write(p->io->log, LOG_LEVEL_INFO, "engine",
	    "about %" PRIu64 " messages, %s, are to be copied; %" PRIu64
	    " mailboxes to be made, %zu cannot be copied",
	    n[PROBE_COPY_MESSAGES],
	    text_bytes(n[PROBE_COPY_BYTES], bytes, sizeof(bytes)),
	    n[PROBE_CREATE], p->refused);
	if (n[PROBE_TOO_BIG] != PROBE_UNKNOWN && n[PROBE_TOO_BIG] > 0)
		log_write(p->io->log, LOG_LEVEL_WARNING, "target",
		    "%" PRIu64 " messages are larger than it takes",
		    n[PROBE_TOO_BIG]);
	sync_reporter_send(p->io->reporter, &record);
}

void sync_probe_report(struct probe_run *p)
{
	tell_side(p, &p->source);
	tell_side(p, &p->target);
	// when both failed only the source's error ends the run
	if (p->source.phase == PROBE_PHASE_FAILED &&
	    p->target.phase == PROBE_PHASE_FAILED)
		log_write(p->io->log, LOG_LEVEL_ERROR, "target", "%s",
		    p->target.error.text);
	if (p->plan)
		tell_both(p);
}

void sync_probe_report_end(
    const struct probe_run *p, const struct sync_result *result)
{
	const struct exit_code_info *info = exit_code_find((int)result->exit);
	bool failed = result->error.kind != ERROR_NONE;
	const struct record record = {.event = RECORD_END,
	    .exit = (int)result->exit,
	    .reason = failed ? (char *)(uintptr_t)result->error.reason : NULL,
	    .text = failed ? (char *)(uintptr_t)result->error.text : NULL,
	    .duration_ms = result->duration_ms};

	if (failed)
		log_write(p->io->log, LOG_LEVEL_ERROR, "engine", "%s",
		    result->error.text);
	log_write(p->io->log, LOG_LEVEL_INFO, "engine",
	    "only looked, nothing was changed; ended after %" PRIu64
	    ".%03" PRIu64 " s: %s (%d)",
	    result->duration_ms / 1000, result->duration_ms % 1000,
	    info->outcome, (int)result->exit);
	sync_reporter_send(p->io->reporter, &record);
}
