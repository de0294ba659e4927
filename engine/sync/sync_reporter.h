// SPDX-License-Identifier: MIT
/*
 * Tells what happens: to the log in words, to the parent as records.  Safe for
 * two threads. Bytes of servers are escaped here.
 */
#ifndef ENGINE_SYNC_SYNC_REPORTER_H
#define ENGINE_SYNC_SYNC_REPORTER_H

#include <stdint.h>

struct log;
struct record;
struct sync_mailbox;
struct sync_reporter;

/* `record_fd` -1: no parent. The log is borrowed. */
struct sync_reporter *sync_reporter_new(struct log *log, int record_fd);
void sync_reporter_free(struct sync_reporter *r);

/* Tells how much of the log is lost, if something is. */
void sync_reporter_log_lost(struct sync_reporter *r);

/* Sends a record as it is. */
void sync_reporter_send(struct sync_reporter *r, const struct record *record);

struct sync_refusal {
	const char *side, *step, *reason;
	const char *words; /* escaped already, or ours */
	const struct sync_mailbox *mailbox;
	uint32_t uid; /* 0: the mailbox as a whole */
	uint64_t size;
	const char *date;       /* of the message; NULL or "": not known */
	const char *message_id; /* the same; any bytes */
};

/* One message or mailbox was refused for good. */
void sync_reporter_refused(
    struct sync_reporter *r, const struct sync_refusal *refusal);

/* The target took this message only in another form (`how`). */
void sync_reporter_repaired(struct sync_reporter *r,
    const struct sync_mailbox *mailbox, uint32_t uid, const char *how,
    const char *first_words);

/* Something to know that loses no message. */
void sync_reporter_warn(struct sync_reporter *r, const char *side,
    const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
