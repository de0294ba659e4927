// SPDX-License-Identifier: MIT
#include "engine/sync/sync_queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/mem.h"
#include "engine/sync/sync_message.h"
#include "engine/sync/sync_wake.h"

/* Disk that large messages may take at once, in queue sizes. */
enum {
	SPOOL_FACTOR = 8,
	SPOOL_DIVISOR = 4
};

struct sync_queue {
	pthread_mutex_t mutex;
	struct sync_wake *source, *target;
	uint32_t max_messages, messages;
	uint64_t max_bytes, bytes; /* in memory */
	uint64_t spooled;
	struct sync_message *head, **tail;
	bool finished;
};

struct sync_queue *sync_queue_new(uint32_t max_messages, uint64_t max_bytes,
    struct sync_wake *source, struct sync_wake *target)
{
	struct sync_queue *q = mem_calloc(1, sizeof(*q));

	(void)pthread_mutex_init(&q->mutex, NULL);
	q->max_messages = max_messages;
	q->max_bytes = max_bytes;
	q->source = source;
	q->target = target;
	q->tail = &q->head;
	return q;
}

void sync_queue_free(struct sync_queue *q)
{
	if (!q)
		return;
	while (q->head) {
		struct sync_message *m = q->head;
		q->head = m->next;
		sync_message_free(m);
	}
	(void)pthread_mutex_destroy(&q->mutex);
	free(q);
}

uint64_t sync_queue_spool_above(const struct sync_queue *q)
{
	return q->max_bytes / SPOOL_DIVISOR;
}

bool sync_queue_reserve(struct sync_queue *q, uint64_t bytes)
{
	(void)pthread_mutex_lock(&q->mutex);
	bool spool = bytes > sync_queue_spool_above(q);
	uint64_t used = spool ? q->spooled : q->bytes;
	uint64_t max = spool ? q->max_bytes * SPOOL_FACTOR : q->max_bytes;
	bool fits = q->messages == 0 ||
		    (q->messages < q->max_messages &&
			(used == 0 || (bytes <= max && used <= max - bytes)));
	if (fits) {
		q->messages++;
		*(spool ? &q->spooled : &q->bytes) += bytes;
	}
	(void)pthread_mutex_unlock(&q->mutex);
	return fits;
}

void sync_queue_reserve_over(struct sync_queue *q, uint64_t bytes)
{
	(void)pthread_mutex_lock(&q->mutex);
	q->messages++;
	*(bytes > sync_queue_spool_above(q) ? &q->spooled : &q->bytes) += bytes;
	(void)pthread_mutex_unlock(&q->mutex);
}

void sync_queue_resize(struct sync_queue *q, uint64_t from, uint64_t to)
{
	uint64_t above = sync_queue_spool_above(q);

	(void)pthread_mutex_lock(&q->mutex);
	*(from > above ? &q->spooled : &q->bytes) -= from;
	*(to > above ? &q->spooled : &q->bytes) += to;
	(void)pthread_mutex_unlock(&q->mutex);
}

void sync_queue_unreserve(struct sync_queue *q, uint64_t bytes)
{
	(void)pthread_mutex_lock(&q->mutex);
	q->messages--;
	*(bytes > sync_queue_spool_above(q) ? &q->spooled : &q->bytes) -= bytes;
	(void)pthread_mutex_unlock(&q->mutex);
	sync_wake_signal(q->source);
}

void sync_queue_push(struct sync_queue *q, struct sync_message *m)
{
	(void)pthread_mutex_lock(&q->mutex);
	m->next = NULL;
	*q->tail = m;
	q->tail = &m->next;
	(void)pthread_mutex_unlock(&q->mutex);
	sync_wake_signal(q->target);
}

struct sync_message *sync_queue_pop(struct sync_queue *q)
{
	(void)pthread_mutex_lock(&q->mutex);
	struct sync_message *m = q->head;
	if (m) {
		q->head = m->next;
		if (!q->head)
			q->tail = &q->head;
		m->next = NULL;
	}
	(void)pthread_mutex_unlock(&q->mutex);
	return m;
}

void sync_queue_release(struct sync_queue *q, struct sync_message *m)
{
	uint64_t reserved = m->reserved;

	sync_message_free(m);
	sync_queue_unreserve(q, reserved);
}

void sync_queue_finish(struct sync_queue *q)
{
	(void)pthread_mutex_lock(&q->mutex);
	q->finished = true;
	(void)pthread_mutex_unlock(&q->mutex);
	sync_wake_signal(q->target);
}

bool sync_queue_is_finished(struct sync_queue *q)
{
	(void)pthread_mutex_lock(&q->mutex);
	bool finished = q->finished && !q->head;
	(void)pthread_mutex_unlock(&q->mutex);
	return finished;
}
