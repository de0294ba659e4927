// SPDX-License-Identifier: MIT
/*
 * Records: what an engine tells its parent on descriptor 4, one JSON object a
 * line, version 1, every line shorter than PIPE_BUF so that a write is whole.
 * Encoder and decoder of every event live here; mailconvoy-formats(5) describes
 * them.  Unknown keys are ignored, an unknown version is refused.
 */
#ifndef ENGINE_CONTRACT_RECORD_H
#define ENGINE_CONTRACT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/contract/probe.h"
#include "engine/contract/tally.h"
#include "engine/contract/verify_tally.h"

struct error;

enum record_event {
	RECORD_START,    /* account, engine version */
	RECORD_MAILBOX,  /* one mailbox is done: mailbox, target, tally */
	RECORD_PROGRESS, /* mailbox, tally and expected of the account so far */
	RECORD_REFUSED,  /* one message or mailbox refused */
	RECORD_WARNING,  /* reason, text */
	RECORD_PROBE,    /* a look at a side, or at both: side, probe */
	/* a mirror that changes nothing: target, expected (messages), step
	 * (DELETE: the mailbox too) */
	RECORD_WOULD_DELETE,
	RECORD_VERIFY, /* one mailbox is compared: mailbox, target, verify */
	RECORD_DIFFERENCE, /* one message or mailbox: reason, uids, text */
	RECORD_END,        /* exit, reason, text, tally; the last one */
	RECORD_EVENTS
};

enum {
	RECORD_VERSION = 1,
	RECORD_LINE_MAX = 4000
};

/* Strings are owned by the record when it was decoded, borrowed when it is to
 * be encoded; NULL or 0 is left out. Names and server text may be any bytes:
 * the encoder escapes what is not printable UTF-8 and cuts what is too long. */
struct record {
	enum record_event event;
	char *account;
	char *version;    /* start: of the engine */
	char *mailbox;    /* source name as it stands on the wire */
	char *target;     /* target name */
	char *side;       /* "source" or "target" */
	char *step;       /* IMAP command that failed */
	char *reason;     /* dotted: "append.too_big" */
	char *text;       /* for people, with the server's words */
	char *date;       /* refused: INTERNALDATE */
	char *message_id; /* refused */
	char *capabilities, *prefix, *separator; /* probe */
	uint64_t uid, uidvalidity, size;
	uint64_t target_uid; /* difference */
	uint64_t expected;   /* progress: messages to be copied, known so far */
	uint64_t expected_bytes;
	int exit;                /* end */
	uint64_t duration_ms;    /* end */
	uint64_t retry_after_ms; /* end: what the server asks for */
	struct tally tally;
	struct probe probe;
	bool has_verify; /* of a comparison; VERIFY always */
	struct verify_tally verify;
};

/* Encodes into a malloc'd line with its "\n"; NULL when out of memory. */
char *record_encode(const struct record *r, size_t *len_out);

/* Decodes one line (no line end needed). -1: not a record of our version. */
int record_decode(const char *line, size_t len, struct record *out,
    struct error *err) __attribute__((warn_unused_result));

/* Frees the strings of a decoded record. */
void record_release(struct record *r);

const char *record_event_name(enum record_event event);

#endif
