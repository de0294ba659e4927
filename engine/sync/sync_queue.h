// SPDX-License-Identifier: MIT
/*
 * The message queue, source to target: bounded in messages and bytes, counted
 * from the moment a body is announced until the target has answered for it.
 * Safe for two threads.
 */
#ifndef ENGINE_SYNC_SYNC_QUEUE_H
#define ENGINE_SYNC_SYNC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sync_message;
struct sync_queue;
struct sync_wake;

struct sync_queue *sync_queue_new(uint32_t max_messages, uint64_t max_bytes,
    struct sync_wake *source, struct sync_wake *target);
void sync_queue_free(struct sync_queue *q);

/* Bodies above this go through a file. */
uint64_t sync_queue_spool_above(const struct sync_queue *q);

/* Makes room for one message; false: full, the source is woken when to try
 * again. An empty queue takes anything. Spooled bytes have a ceiling too. */
bool sync_queue_reserve(struct sync_queue *q, uint64_t bytes);

/* The same without asking: for a short body that is here already. */
void sync_queue_reserve_over(struct sync_queue *q, uint64_t bytes);

/* A message for which `from` bytes are reserved takes `to`, which always fit. */
void sync_queue_resize(struct sync_queue *q, uint64_t from, uint64_t to);

/* Gives room back for a message that will not come. */
void sync_queue_unreserve(struct sync_queue *q, uint64_t bytes);

/* Source: hands over a message whose room is reserved (m->reserved). */
void sync_queue_push(struct sync_queue *q, struct sync_message *m);

/* Target: the next message in order, or NULL. */
struct sync_message *sync_queue_pop(struct sync_queue *q);

/* Target: done with a message; frees it and its room. */
void sync_queue_release(struct sync_queue *q, struct sync_message *m);

/* Source: nothing more will come. Target: is that so, and all taken? */
void sync_queue_finish(struct sync_queue *q);
bool sync_queue_is_finished(struct sync_queue *q);

#endif
