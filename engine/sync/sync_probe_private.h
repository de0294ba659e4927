// SPDX-License-Identifier: MIT
/* The look from inside: for sync_probe.c and sync_probe_report.c only. */
#ifndef ENGINE_SYNC_SYNC_PROBE_PRIVATE_H
#define ENGINE_SYNC_SYNC_PROBE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_quota.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_probe.h"

struct imap_conn;
struct sync_mailbox;
struct sync_plan;
struct sync_result;

enum {
	PROBE_GREETING_BYTES = 400
};

enum probe_phase {
	PROBE_PHASE_OPENING,
	PROBE_PHASE_LISTING,
	PROBE_PHASE_INBOX,  /* opening it, sizes of some messages */
	PROBE_PHASE_LISTED, /* waits for the other side */
	PROBE_PHASE_SEARCHING,
	PROBE_PHASE_ENDED,
	PROBE_PHASE_FAILED
};

struct probe_side {
	const char *name; /* "source" */
	bool is_target;
	struct imap_conn *conn;
	struct sync_inventory inventory;
	enum probe_phase phase;
	struct error error; /* FAILED */
	bool was_listed;
	size_t pending; /* commands beside those of the inventory */
	struct imap_quota quota;
	uint32_t exists;                     /* of INBOX */
	uint64_t sample_count, sample_bytes; /* messages of INBOX */
	char greeting[PROBE_GREETING_BYTES]; /* escaped */
};

/* One mailbox that may hold messages above the target's limit. */
struct probe_look {
	const struct sync_mailbox *m;
	bool is_failed;
	uint64_t found;
};

struct probe_run {
	const struct job_options *options;
	const struct sync_probe_io *io;
	struct probe_side source, target;
	struct sync_plan *plan; /* NULL until both sides have listed */
	struct probe_look *looks;
	size_t look_count, next_look;
	bool is_too_big_unknown;
	bool interrupted;
	size_t refused; /* mailboxes */
};

/* All the records but `start` and `end`, and their lines in the log. */
void sync_probe_report(struct probe_run *p);

/* The last line and the `end` record. */
void sync_probe_report_end(
    const struct probe_run *p, const struct sync_result *result);

#endif
