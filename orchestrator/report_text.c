// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mailbox_name.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/tally_json.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report.h"
#include "orchestrator/report_zone.h"

enum {
	NAME_BYTES = 2000 /* of a mailbox */
};

/* Reasons first, as they say more; a prefix matches. */
static const struct {
	const char *word, *advice;
} advices[] = {
    {"append.too_big",
	"the target takes no messages of this size: raise its limit or leave them on the old server"},
    {"append.content",
	"the target takes no message with such bytes, header or lines: repair it on the source, or leave it there"},
    {"append.virus",
	"the target's scanner refused it: look at it on the source"},
    {"append.permission",
	"give this user the right to store into the mailbox, then run resume"},
    {"append.", "the target refused these messages: see the reason of each"},
    {"auth.", "correct user or password, then run resume"},
    {"config.", "correct the plan or the secret it names, then run resume"},
    {"crash.start", "see whether the engine can be started at all"},
    {"delete.",
	"preview the plan with -o FILE, then run resume with --approved FILE"},
    {"engine.stalled", "see the account's log, then run resume"},
    {"folder.",
	"this mailbox could not be made or read: see the account's log"},
    {"local.", "see that disk and descriptors suffice, then run resume"},
    {"net.", "see that the server can be reached, then run resume"},
    {"operator.", "run resume to go on"},
    {"proto.", "the server breaks the protocol: see the account's log"},
    {"quota.", "the target account is full: raise its quota, then run resume"},
    {"source.", "the source could not give these messages: look at them there"},
    {"state.locked", "an old engine still works: wait, then run resume"},
    {"throttle.", "the server asked to slow down: run resume later"},
    {"tls.", "check certificate, host name and tls of the server in the plan"},
    /* outcomes */
    {"ok", "nothing"},
    {"partial", "look at the refused items"},
    {"changed", "mail came in meanwhile: run once more"},
    {"deferred", "run resume later"},
    {"interrupted", "run resume to go on"},
    {"pending", "run resume to go on"},
    {"temp", "run resume"},
    {"auth", "correct user or password, then run resume"},
    {"quota", "raise the target's quota, then run resume"},
    {"proto", "check that the plan names the right server"},
    {"config", "correct the plan, then run resume"},
    {"crash", "see the account's log; please report it as a bug"},
};

static const char *find_advice(const char *word)
{
	for (size_t i = 0; word && i < ARRAY_LEN(advices); i++) {
		const char *known = advices[i].word;
		size_t len = strlen(known);
		if (known[len - 1] == '.' ? strncmp(word, known, len) == 0
					  : strcmp(word, known) == 0)
			return advices[i].advice;
	}
	return NULL;
}

const char *report_advice(const char *outcome, const char *reason)
{
	const char *advice = find_advice(reason);

	if (!advice)
		advice = find_advice(outcome);
	return advice ? advice : "see the account's log";
}

/* ------------------------------------------------------------ one user */

struct user {
	FILE *out;
	const struct journal_account *account;
	const char *ev;
	size_t lines;
	bool hides_ids;
};

static const char *get(const json_t *line, const char *key)
{
	const char *s = json_string_value(json_object_get(line, key));

	return s ? s : "";
}

static bool is_of(const struct user *u, const json_t *line)
{
	return strcmp(get(line, "ev"), u->ev) == 0 &&
	       strcmp(get(line, "id"), u->account->id) == 0 &&
	       json_integer_value(json_object_get(line, "attempt")) ==
		   (json_int_t)u->account->attempt;
}

static int print_mailbox(
    const struct json_t *line, void *context, struct error *err)
{
	struct user *u = context;
	struct tally t = {0};
	char box[NAME_BYTES];

	(void)err;
	if (!is_of(u, line) ||
	    tally_json_read(json_object_get(line, "tally"), &t) < 0)
		return 0;
	const char *from = get(line, "mailbox"), *to = get(line, "target");
	(void)fprintf(
	    u->out, "  %s", mailbox_name_show(from, box, sizeof(box)));
	if (to[0] && strcmp(from, to) != 0)
		(void)fprintf(
		    u->out, " -> %s", mailbox_name_show(to, box, sizeof(box)));
	(void)fprintf(u->out,
	    ": %" PRIu64 " messages, %" PRIu64 " copied, %" PRIu64
	    " were there already",
	    t.source, t.copied, t.present);
	if (tally_refused(&t))
		(void)fprintf(
		    u->out, ", %" PRIu64 " refused", tally_refused(&t));
	if (tally_skipped(&t))
		(void)fprintf(u->out, ", %" PRIu64 " left out by rule",
		    tally_skipped(&t));
	(void)fputc('\n', u->out);
	u->lines++;
	return 0;
}

static int print_item(
    const struct json_t *line, void *context, struct error *err)
{
	struct user *u = context;
	char size[32], box[NAME_BYTES];

	(void)err;
	if (!is_of(u, line))
		return 0;
	json_int_t uid = json_integer_value(json_object_get(line, "uid"));
	json_int_t bytes = json_integer_value(json_object_get(line, "size"));
	(void)fprintf(u->out, "  %s",
	    mailbox_name_show(get(line, "mailbox"), box, sizeof(box)));
	if (uid)
		(void)fprintf(u->out, ", message %" JSON_INTEGER_FORMAT, uid);
	if (bytes > 0)
		(void)fprintf(u->out, " of %s",
		    text_bytes((uint64_t)bytes, size, sizeof(size)));
	if (json_object_get(line, "date"))
		(void)fprintf(u->out, ", dated %s", get(line, "date"));
	if (json_object_get(line, "message_id") && !u->hides_ids)
		(void)fprintf(
		    u->out, ", Message-ID %s", get(line, "message_id"));
	(void)fprintf(u->out, ": %s: %s\n    what to do: %s\n",
	    get(line, "reason"), get(line, "text"),
	    report_advice("partial", get(line, "reason")));
	u->lines++;
	return 0;
}

static int section(struct user *u, const char *journal_path, const char *ev,
    journal_line_fn *print, struct error *err)
{
	struct journal_extent extent = {0};

	u->ev = ev;
	u->lines = 0;
	if (journal_walk(journal_path, print, u, &extent, err) < 0)
		return -1;
	if (u->lines == 0)
		(void)fprintf(u->out, "  none\n");
	return 0;
}

static int print_user(struct user *u, const struct journal_run *run,
    const char *journal_path, struct error *err)
{
	const struct journal_account *a = u->account;
	char sum[512], bytes[32], time[REPORT_ZONE_TEXT];

	tally_format(&a->tally, sum, sizeof(sum));
	(void)fprintf(u->out, "Account %s   plan %s, run %s\n\n", a->id,
	    run->plan, run->run_id);
	(void)fprintf(u->out, "Result:     %s%s%s\n", journal_outcome(a),
	    a->reason && a->reason[0] ? ", " : "", a->reason ? a->reason : "");
	if (a->text && a->text[0])
		(void)fprintf(u->out, "            %s\n", a->text);
	(void)fprintf(u->out, "To do:      %s\n",
	    report_advice(journal_outcome(a), a->reason));
	(void)fprintf(u->out, "Messages:   %s\n", sum);
	(void)fprintf(u->out,
	    "Copied:     %" PRIu64 " messages, %s, in %u attempt%s\n",
	    a->copied_total, text_bytes(a->bytes_total, bytes, sizeof(bytes)),
	    a->attempt, a->attempt == 1 ? "" : "s");
	if (report_zone_text(report_zone_use(run->timezone), a->ended, time)[0])
		(void)fprintf(u->out, "Ended:      %s\n", time);
	(void)fprintf(u->out, "\nMailboxes (old -> new name):\n");
	if (section(u, journal_path, "mailbox", print_mailbox, err) < 0)
		return -1;
	(void)fprintf(u->out, "\nRefused:\n");
	return section(u, journal_path, "refused", print_item, err);
}

int report_user(
    const char *journal_path, const char *id, FILE *out, struct error *err)
{
	struct journal_run *run = journal_read(journal_path, err);
	int rc = -1;

	if (!run)
		return -1;
	struct user u = {.out = out,
	    .account = journal_find(run, id),
	    .hides_ids = run->no_message_ids};
	if (u.account)
		rc = print_user(&u, run, journal_path, err);
	else
		(void)error_set(err, ERROR_USAGE, "report.user",
		    "the run has no account '%s'", id);
	journal_run_free(run);
	return rc;
}
