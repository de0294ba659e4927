// SPDX-License-Identifier: MIT
#include "orchestrator/collect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/base/mailbox_name.h"
#include "engine/base/mem.h"
#include "engine/contract/record.h"

enum {
	/* a week: no server's word puts an account off for ever */
	RETRY_AFTER_MAX_MS = 7 * 24 * 3600 * 1000
};

void collect_init(struct collect *c)
{
	*c = (struct collect){.side = COLLECT_SIDE_NONE};
	buf_try_init(&c->pending, RECORD_LINE_MAX);
}

void collect_release(struct collect *c)
{
	buf_release(&c->pending);
}

static void set_text(char *out, size_t max, const char *s)
{
	(void)snprintf(out, max, "%s", s ? s : "");
	size_t len = strlen(out);
	if (len + 1 < max)
		return;
	// cut: not inside of a character
	while (len > 0 && ((unsigned char)out[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0 && (unsigned char)out[len - 1] >= 0xc0)
		len--;
	out[len] = '\0';
}

static int broken(struct collect *c)
{
	c->broken = true;
	buf_release(&c->pending);
	return -1;
}

static enum collect_side side_of(const char *name)
{
	if (name && strcmp(name, "source") == 0)
		return COLLECT_SIDE_SOURCE;
	if (name && strcmp(name, "target") == 0)
		return COLLECT_SIDE_TARGET;
	return COLLECT_SIDE_NONE;
}

static void keep_first_refusal(struct collect *c, const struct record *r)
{
	const char *name = r->mailbox ? r->mailbox : r->target;
	char box[COLLECT_MAILBOX_BYTES], uid[32] = "";
	char text[COLLECT_TEXT_BYTES + RECORD_LINE_MAX];

	if (c->first_refusal[0])
		return;
	if (r->uid > 0)
		(void)snprintf(uid, sizeof(uid), ", uid %" PRIu64, r->uid);
	(void)snprintf(text, sizeof(text),
	    "first refusal: mailbox '%s'%s: %s%s%s%s",
	    mailbox_name_show(name ? name : "", box, sizeof(box)), uid,
	    r->text ? r->text : "", r->reason ? " (" : "",
	    r->reason ? r->reason : "", r->reason ? ")" : "");
	set_text(c->first_refusal, sizeof(c->first_refusal), text);
}

static int take_line(struct collect *c, const char *line, size_t len,
    collect_fn *fn, void *context)
{
	struct record r;

	if (c->ended)
		return error_set(&c->problem, ERROR_PROTOCOL, "crash.record",
		    "a record came after the end record");
	if (record_decode(line, len, &r, &c->problem) < 0)
		return -1;
	c->any = true;
	if (r.event == RECORD_END) {
		c->ended = true;
		c->exit = r.exit;
		c->side = side_of(r.side);
		c->retry_after_ms = r.retry_after_ms > RETRY_AFTER_MAX_MS
					? RETRY_AFTER_MAX_MS
					: r.retry_after_ms;
		set_text(c->reason, sizeof(c->reason), r.reason);
		set_text(c->text, sizeof(c->text), r.text);
	}
	if (r.event == RECORD_END || r.event == RECORD_PROGRESS)
		c->tally = r.tally;
	if (r.event == RECORD_PROGRESS) {
		c->expected = r.expected;
		c->expected_bytes = r.expected_bytes;
		(void)mailbox_name_show(
		    r.mailbox ? r.mailbox : "", c->mailbox, sizeof(c->mailbox));
	}
	if (r.event == RECORD_REFUSED)
		keep_first_refusal(c, &r);
	if (r.event == RECORD_MAILBOX)
		tally_add(&c->finished, &r.tally);
	fn(&r, context);
	record_release(&r);
	return 0;
}

int collect_feed(struct collect *c, const char *bytes, size_t len,
    collect_fn *fn, void *context)
{
	while (len > 0 && !c->broken) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;
		if (buf_append(&c->pending, bytes, n) < 0) {
			(void)error_set(&c->problem, ERROR_PROTOCOL,
			    "crash.record", "a record of more than %d bytes",
			    RECORD_LINE_MAX);
			return broken(c);
		}
		if (!end)
			break;
		if (take_line(c, c->pending.data, c->pending.len, fn, context) <
		    0)
			return broken(c);
		buf_reset(&c->pending);
		bytes += n + 1;
		len -= n + 1;
	}
	return c->broken ? -1 : 0;
}

void collect_finish(struct collect *c)
{
	if (!c->ended && c->finished.copied > c->tally.copied)
		c->tally = c->finished;
	if (c->broken || c->pending.len == 0)
		return;
	(void)error_set(&c->problem, ERROR_PROTOCOL, "crash.record",
	    "the last record is torn");
	(void)broken(c);
}

void collect_verdict(struct verdict *out, enum exit_code code,
    const char *reason, const char *text)
{
	const struct exit_code_info *info = exit_code_find((int)code);

	*out = (struct verdict){.outcome = info->outcome,
	    .exit = (int)code,
	    .batch = (int)code,
	    .retry = info->retry,
	    .side = COLLECT_SIDE_NONE};
	set_text(out->reason, sizeof(out->reason), reason);
	set_text(out->text, sizeof(out->text), text);
}

static void crash(
    struct verdict *out, int status, const char *reason, const char *text)
{
	*out = (struct verdict){.outcome = "crash",
	    .exit = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					: WEXITSTATUS(status),
	    .batch = EXIT_CODE_PARTIAL,
	    .retry = EXIT_RETRY_ONCE,
	    .side = COLLECT_SIDE_NONE};
	set_text(out->reason, sizeof(out->reason), reason);
	set_text(out->text, sizeof(out->text), text);
}

static void crash_by_signal(struct verdict *out, int status)
{
	char text[96];
	const char *name = sigabbrev_np(WTERMSIG(status));

	(void)snprintf(text, sizeof(text), "the engine was killed by SIG%s%s",
	    name ? name : "?", WCOREDUMP(status) ? " (core dumped)" : "");
	crash(out, status, "crash.signal", text);
}

/* Does an engine end with it? 66 is the supervisor's own. */
static bool is_engine_code(int code)
{
	const struct exit_code_info *info = exit_code_find(code);

	return info && info->engine_text;
}

static void judge_exit(const struct collect *c, int status, struct verdict *out)
{
	int code = WEXITSTATUS(status);
	char text[160];

	if (!c->ended && code == MEM_EXIT_OOM) {
		// whoever has no memory can say no more than that
		crash(out, status, "crash.silent",
		    "the engine ran out of memory (70) and said no result");
	} else if (!c->ended) {
		(void)snprintf(text, sizeof(text),
		    "the engine ended with %d and said no result", code);
		crash(out, status, "crash.silent", text);
	} else if (c->exit != code) {
		(void)snprintf(text, sizeof(text),
		    "the engine ended with %d but said %d", code, c->exit);
		crash(out, status, "crash.disagree", text);
	} else if (!is_engine_code(code)) {
		(void)snprintf(text, sizeof(text),
		    "the engine ended with the unknown code %d", code);
		crash(out, status, "crash.code", text);
	} else if (code == EXIT_CODE_OK && !tally_balances(&c->tally)) {
		crash(out, status, "crash.tally",
		    "the engine said ok but its numbers do not add up");
	} else {
		collect_verdict(out, (enum exit_code)code, c->reason, c->text);
		// refused items end an account without words of its own
		if (code == EXIT_CODE_PARTIAL && !c->text[0])
			set_text(
			    out->text, sizeof(out->text), c->first_refusal);
		out->side = c->side;
		out->retry_after_ms = c->retry_after_ms;
	}
}

void collect_judge(const struct collect *c, int wait_status,
    enum collect_cause cause, struct verdict *out)
{
	char text[COLLECT_TEXT_BYTES];
	bool agreed = WIFEXITED(wait_status) && c->ended && !c->broken &&
		      c->exit == WEXITSTATUS(wait_status) &&
		      is_engine_code(c->exit);

	if (!agreed &&
	    (cause == COLLECT_CAUSE_OPERATOR || cause == COLLECT_CAUSE_RULE)) {
		collect_verdict(out, EXIT_CODE_INTERRUPTED, "operator.stop",
		    "stopped by the operator");
	} else if (cause == COLLECT_CAUSE_STALLED &&
		   !(agreed && c->exit == EXIT_CODE_OK)) {
		collect_verdict(out, EXIT_CODE_TEMPORARY, "engine.stalled",
		    "the engine gave no sign of life and was ended");
	} else if (c->broken) {
		(void)snprintf(text, sizeof(text), "broken record stream: %s",
		    c->problem.text);
		crash(out, wait_status, "crash.record", text);
	} else if (WIFSIGNALED(wait_status)) {
		crash_by_signal(out, wait_status);
	} else {
		judge_exit(c, wait_status, out);
	}
	if (!c->any && !c->broken && cause == COLLECT_CAUSE_OWN) {
		(void)snprintf(
		    text, sizeof(text), "could not start: %.900s", out->text);
		set_text(out->text, sizeof(out->text), text);
		set_text(out->reason, sizeof(out->reason), "crash.start");
		out->start_failure = true;
	}
}
