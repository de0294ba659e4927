// SPDX-License-Identifier: MIT
#include "engine/sync/sync_queue.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>

#include "engine/base/error.h"
#include "engine/sync/sync_message.h"
#include "engine/sync/sync_wake.h"

struct fixture {
	struct sync_wake source, target;
	struct sync_queue *queue;
};

static void start(struct fixture *f, uint32_t messages, uint64_t bytes)
{
	struct error err;

	cr_assert_eq(sync_wake_init(&f->source, &err), 0);
	cr_assert_eq(sync_wake_init(&f->target, &err), 0);
	f->queue = sync_queue_new(messages, bytes, &f->source, &f->target);
}

static void end(struct fixture *f)
{
	sync_queue_free(f->queue);
	sync_wake_release(&f->source);
	sync_wake_release(&f->target);
}

static struct sync_message *message(uint32_t uid, uint64_t reserved)
{
	struct error err;
	struct sync_message *m =
	    sync_message_new(0, false, JOB_LONG_LINES_TRUNCATE, &err);

	cr_assert(m);
	m->uid = uid;
	m->reserved = reserved;
	return m;
}

static bool is_signalled(const struct sync_wake *w)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

Test(sync_queue, gives_messages_in_order)
{
	struct fixture f;

	start(&f, 10, 1000);
	cr_assert_null(sync_queue_pop(f.queue));
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t uid = 1; uid <= 3; uid++) {
			cr_assert(sync_queue_reserve(f.queue, 5));
			sync_queue_push(f.queue, message(uid, 5));
		}
		for (uint32_t uid = 1; uid <= 3; uid++) {
			struct sync_message *m = sync_queue_pop(f.queue);
			cr_assert(m);
			cr_assert_eq(m->uid, uid);
			cr_assert_null(m->next);
			sync_queue_release(f.queue, m);
		}
		cr_assert_null(sync_queue_pop(f.queue));
	}
	end(&f);
}

/* F142: A message counts until the target has answered for it, not until it is
 * taken. */
Test(sync_queue, is_full_by_messages)
{
	struct fixture f;

	start(&f, 2, 1000);
	cr_assert(sync_queue_reserve(f.queue, 1));
	cr_assert(sync_queue_reserve(f.queue, 1));
	cr_assert_not(sync_queue_reserve(f.queue, 1));
	cr_assert_not(sync_queue_reserve(f.queue, 0));
	sync_queue_push(f.queue, message(1, 1));
	struct sync_message *m = sync_queue_pop(f.queue);
	cr_assert_not(sync_queue_reserve(f.queue, 1));
	sync_queue_release(f.queue, m);
	cr_assert(sync_queue_reserve(f.queue, 1));
	cr_assert_not(sync_queue_reserve(f.queue, 1));
	end(&f);
}

/* F142 */
Test(sync_queue, is_full_by_bytes)
{
	struct fixture f;

	start(&f, 100, 1000);
	for (int i = 0; i < 4; i++)
		cr_assert(sync_queue_reserve(f.queue, 240));
	cr_assert_not(sync_queue_reserve(f.queue, 41));
	cr_assert(sync_queue_reserve(f.queue, 40));
	cr_assert_not(sync_queue_reserve(f.queue, 1));
	cr_assert(sync_queue_reserve(f.queue, 0));
	sync_queue_unreserve(f.queue, 240);
	cr_assert(sync_queue_reserve(f.queue, 240));
	cr_assert_not(sync_queue_reserve(f.queue, 1));
	end(&f);
}

/* F109: repaired, and over what a file is for. */
Test(sync_queue, of_one_that_grew_nothing_is_left)
{
	struct fixture f;

	start(&f, 2, 1000);
	cr_assert(sync_queue_reserve(f.queue, 240));
	sync_queue_resize(f.queue, 240, 260);
	sync_queue_release(f.queue, message(1, 260));
	cr_assert(sync_queue_reserve(f.queue, 250));
	cr_assert(sync_queue_reserve(f.queue, 260));
	cr_assert_not(sync_queue_reserve(f.queue, 1));
	sync_queue_unreserve(f.queue, 250);
	cr_assert(sync_queue_reserve(f.queue, 250));
	end(&f);
}

Test(sync_queue, takes_anything_when_empty)
{
	struct fixture f;

	start(&f, 1, 1000);
	cr_assert(sync_queue_reserve(f.queue, UINT64_MAX));
	cr_assert_not(sync_queue_reserve(f.queue, 0));
	sync_queue_unreserve(f.queue, UINT64_MAX);
	cr_assert(sync_queue_reserve(f.queue, 1001));
	sync_queue_unreserve(f.queue, 1001);
	end(&f);
	// also when nothing was allowed at all
	start(&f, 0, 0);
	cr_assert(sync_queue_reserve(f.queue, 5));
	cr_assert_not(sync_queue_reserve(f.queue, 0));
	end(&f);
}

/* Large ones go through a file and have a ceiling of their own. */
Test(sync_queue, counts_spooled_bytes_apart)
{
	struct fixture f;

	start(&f, 100, 1000);
	cr_assert_eq(sync_queue_spool_above(f.queue), 250);
	for (int i = 0; i < 4; i++)
		cr_assert(sync_queue_reserve(f.queue, 250));
	cr_assert_not(sync_queue_reserve(f.queue, 250), "memory is full");
	cr_assert(sync_queue_reserve(f.queue, 251), "the disk is not");
	cr_assert(sync_queue_reserve(f.queue, 7749));
	cr_assert_not(sync_queue_reserve(f.queue, 251));
	sync_queue_unreserve(f.queue, 251);
	cr_assert(sync_queue_reserve(f.queue, 251));
	cr_assert_not(sync_queue_reserve(f.queue, 1));
	end(&f);
}

/* The first spooled one may be of any size while others wait in memory; no
 * sum of sizes wraps around. */
Test(sync_queue, takes_one_huge_message_beside_small_ones)
{
	struct fixture f;

	start(&f, 100, 1000);
	cr_assert(sync_queue_reserve(f.queue, 10));
	cr_assert(sync_queue_reserve(f.queue, UINT64_MAX - 5));
	cr_assert_not(sync_queue_reserve(f.queue, 300));
	cr_assert_not(sync_queue_reserve(f.queue, UINT64_MAX));
	cr_assert(sync_queue_reserve(f.queue, 10));
	sync_queue_unreserve(f.queue, UINT64_MAX - 5);
	cr_assert(sync_queue_reserve(f.queue, 300));
	end(&f);
}

Test(sync_queue, is_finished_when_all_is_taken)
{
	struct fixture f;

	start(&f, 10, 1000);
	cr_assert_not(sync_queue_is_finished(f.queue));
	cr_assert(sync_queue_reserve(f.queue, 1));
	sync_queue_push(f.queue, message(1, 1));
	sync_queue_finish(f.queue);
	cr_assert_not(sync_queue_is_finished(f.queue));
	sync_queue_release(f.queue, sync_queue_pop(f.queue));
	cr_assert(sync_queue_is_finished(f.queue));
	end(&f);
}

Test(sync_queue, frees_what_was_not_taken)
{
	struct fixture f;

	start(&f, 10, 1000);
	for (uint32_t uid = 1; uid <= 3; uid++) {
		cr_assert(sync_queue_reserve(f.queue, 1));
		sync_queue_push(f.queue, message(uid, 1));
	}
	end(&f);
	sync_queue_free(NULL);
}

Test(sync_queue, wakes_only_a_side_that_sleeps)
{
	struct fixture f;

	start(&f, 10, 1000);
	cr_assert(sync_queue_reserve(f.queue, 1));
	sync_queue_push(f.queue, message(1, 1));
	cr_assert_not(is_signalled(&f.target));
	cr_assert(sync_queue_reserve(f.queue, 1));
	sync_wake_arm(&f.target);
	sync_wake_arm(&f.source);
	sync_queue_push(f.queue, message(2, 1));
	cr_assert(is_signalled(&f.target));
	cr_assert_not(is_signalled(&f.source));
	sync_wake_disarm(&f.target);
	cr_assert_not(is_signalled(&f.target));
	sync_queue_release(f.queue, sync_queue_pop(f.queue));
	cr_assert(is_signalled(&f.source));
	sync_wake_arm(&f.target);
	sync_queue_finish(f.queue);
	cr_assert(is_signalled(&f.target));
	end(&f);
}

enum {
	THREAD_MESSAGES = 20000
};

static void *produce(void *arg)
{
	struct fixture *f = arg;

	for (uint32_t uid = 1; uid <= THREAD_MESSAGES; uid++) {
		while (!sync_queue_reserve(f->queue, 100)) {
			struct pollfd p = {
			    .fd = f->source.fd, .events = POLLIN};
			sync_wake_arm(&f->source);
			if (sync_queue_reserve(f->queue, 100)) {
				sync_wake_disarm(&f->source);
				break;
			}
			(void)poll(&p, 1, 10000);
			sync_wake_disarm(&f->source);
		}
		sync_queue_push(f->queue, message(uid, 100));
	}
	sync_queue_finish(f->queue);
	return NULL;
}

/* F144: Nothing is lost, nobody sleeps for good. */
Test(sync_queue, passes_messages_between_threads, .timeout = 60)
{
	struct fixture f;
	pthread_t thread;
	uint32_t seen = 0;

	start(&f, 8, 500);
	cr_assert_eq(pthread_create(&thread, NULL, produce, &f), 0);
	while (!sync_queue_is_finished(f.queue)) {
		struct sync_message *m = sync_queue_pop(f.queue);
		if (m) {
			cr_assert_eq(m->uid, ++seen);
			sync_queue_release(f.queue, m);
			continue;
		}
		struct pollfd p = {.fd = f.target.fd, .events = POLLIN};
		sync_wake_arm(&f.target);
		m = sync_queue_pop(f.queue);
		if (!m && !sync_queue_is_finished(f.queue))
			cr_assert_eq(poll(&p, 1, 10000), 1);
		sync_wake_disarm(&f.target);
		if (m) {
			cr_assert_eq(m->uid, ++seen);
			sync_queue_release(f.queue, m);
		}
	}
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(seen, THREAD_MESSAGES);
	end(&f);
}
