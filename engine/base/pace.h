// SPDX-License-Identifier: MIT
/*
 * How fast bytes may pass: buckets that several connections, threads and
 * processes share.  A bucket is two numbers that are changed atomically and
 * nothing else: nobody holds it, so nobody who dies leaves it held, and what a
 * dead one has charged passes with time.  Time comes in as an argument, on the
 * clock of clock_us.
 */
#ifndef ENGINE_BASE_PACE_H
#define ENGINE_BASE_PACE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	PACE_BURST_US = 250 * 1000, /* what may pass at once after a pause */
	PACE_AHEAD_US = 60 * 1000 * 1000 /* nobody waits for longer */
};

struct pace_bucket {
	_Atomic uint64_t rate;   /* bytes a second; 0: no limit */
	_Atomic int64_t next_us; /* all that was charged has passed then */
};

/* Takes `bytes` that have passed already out of the bucket. Returns when the
 * next ones may, 0 for at once. */
int64_t pace_charge(struct pace_bucket *b, uint64_t bytes, int64_t now_us);

/* What one connection is charged to; NULL: nothing. */
struct pace_line {
	struct pace_bucket *reads[2]; /* bytes that are read */
	struct pace_bucket *both;     /* those that are written too */
};

int64_t pace_charge_read(
    const struct pace_line *line, uint64_t bytes, int64_t now_us);
int64_t pace_charge_written(
    const struct pace_line *line, uint64_t bytes, int64_t now_us);

/* How much should be moved at once, so that no single step takes long; at most
 * `max`. */
size_t pace_step(const struct pace_line *line, size_t max);

/* Buckets in memory that is shared by a descriptor; a mapping lives until the
 * process ends. -1 with the error, or the descriptor, close-on-exec. */
int pace_share(struct pace_bucket **out, size_t count, struct error *err);

/* The same memory, of a descriptor that was handed on; *count_out buckets. */
int pace_join(
    int fd, struct pace_bucket **out, size_t *count_out, struct error *err);

#endif
