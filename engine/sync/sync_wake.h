// SPDX-License-Identifier: MIT
/*
 * Wakes a side out of its poll: an eventfd that is written only when the side
 * said that it is about to sleep, so that a busy side costs no system call.
 */
#ifndef ENGINE_SYNC_SYNC_WAKE_H
#define ENGINE_SYNC_SYNC_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>

struct error;

struct sync_wake {
	int fd;
	atomic_bool sleeping;
};

int sync_wake_init(struct sync_wake *w, struct error *err);
void sync_wake_release(struct sync_wake *w);

/* Something changed for this side. */
void sync_wake_signal(struct sync_wake *w);

/* The side is going to poll; it looks for work once more after this call. */
void sync_wake_arm(struct sync_wake *w);

/* The side is awake. */
void sync_wake_disarm(struct sync_wake *w);

#endif
