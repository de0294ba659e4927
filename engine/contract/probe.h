// SPDX-License-Identifier: MIT
/*
 * What a look at an account found, in numbers: of one side, or of both
 * together.  Plain values; each has a name for JSON.
 */
#ifndef ENGINE_CONTRACT_PROBE_H
#define ENGINE_CONTRACT_PROBE_H

#include <stddef.h>
#include <stdint.h>

struct json_t;

/* A number nobody told; it is left out of the JSON. */
#define PROBE_UNKNOWN UINT64_MAX

enum probe_number {
	/* of one side */
	PROBE_MAILBOXES,
	PROBE_MESSAGES,
	PROBE_BYTES,
	PROBE_UNSIZED,   /* messages whose bytes are only estimated */
	PROBE_UNCOUNTED, /* mailboxes whose messages were not told */
	/* of the tightest quota, in bytes and messages */
	PROBE_STORAGE_USED,
	PROBE_STORAGE_LIMIT,
	PROBE_COUNT_USED,
	PROBE_COUNT_LIMIT,
	PROBE_APPEND_LIMIT, /* bytes of one message; the smallest there is */
	/* of both together; but for names these are estimates from numbers of
	 * messages, no message is compared */
	PROBE_COPY_MESSAGES,
	PROBE_COPY_BYTES,
	PROBE_CREATE, /* mailboxes */
	PROBE_REFUSED,
	PROBE_LEFT_OUT,
	PROBE_TOO_BIG, /* messages above the target's limit */
	PROBE_DELETE_MESSAGES,
	PROBE_DELETE_MAILBOXES,
	PROBE_NUMBERS
};

struct probe {
	uint64_t n[PROBE_NUMBERS];
};

/* Nothing is known. */
void probe_init(struct probe *p);

const char *probe_name(enum probe_number n); /* "storage_limit" */

/* What is left of a quota; PROBE_UNKNOWN without one. */
uint64_t probe_free(uint64_t used, uint64_t limit);

/* A new reference, or NULL when out of memory. */
struct json_t *probe_json_new(const struct probe *p);

/* -1: not an object, or one of the numbers is no whole number from 0 up. */
int probe_json_read(const struct json_t *object, struct probe *out)
    __attribute__((warn_unused_result));

#endif
