// SPDX-License-Identifier: MIT
#include "engine/sync/sync_pairing.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/sync/sync_diff.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_state.h"
#include "engine/sync/sync_uids.h"

enum {
	PAIRS_MAX = 512, /* of a mailbox, before they are handed over */
	ALL_PAIRS_MAX = 16 * 1024 /* of all mailboxes */
};

/* What was learnt of one mailbox and is not handed over yet. */
struct box {
	const struct sync_mailbox *m;
	uint32_t target_uidvalidity;
	bool is_known; /* the file has a record for these UIDVALIDITYs */
	bool is_void;  /* it was made anew while we ran: nothing is kept */
	struct sync_state_pair *list;
	size_t count, cap;
};

struct sync_pairing {
	pthread_mutex_t mutex;
	struct sync_state *state;
	struct box *boxes; /* by number of the mailbox */
	size_t box_count, pairs;
	bool has_failed; /* the state, which says so to others */
};

struct sync_pairing *sync_pairing_new(struct sync_state *state)
{
	if (!state)
		return NULL;
	struct sync_pairing *p = mem_calloc(1, sizeof(*p));
	(void)pthread_mutex_init(&p->mutex, NULL);
	p->state = state;
	return p;
}

void sync_pairing_free(struct sync_pairing *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->box_count; i++)
		free(p->boxes[i].list);
	free(p->boxes);
	(void)pthread_mutex_destroy(&p->mutex);
	free(p);
}

static struct box *box_of(struct sync_pairing *p, const struct sync_mailbox *m)
{
	if (m->number >= p->box_count) {
		size_t count = m->number + 1 + p->box_count / 2;
		p->boxes = mem_resize(p->boxes, count, sizeof(*p->boxes));
		for (; p->box_count < count; p->box_count++)
			p->boxes[p->box_count] = (struct box){.m = NULL};
	}
	p->boxes[m->number].m = m;
	return &p->boxes[m->number];
}

/* Pairs hold for the UIDVALIDITYs of a record: one by which nothing is skipped is
 * made where there is none. */
static int need_record(struct sync_pairing *p, struct box *b, struct error *err)
{
	const struct sync_mailbox *m = b->m;
	struct sync_state_box box;

	if (b->is_known)
		return 0;
	b->is_known = true;
	if (sync_state_find(p->state, m->source, m->target, &box) &&
	    box.source.uidvalidity == m->uidvalidity &&
	    box.target.uidvalidity == b->target_uidvalidity)
		return 0;
	box = (struct sync_state_box){
	    .source = {.uidvalidity = m->uidvalidity,
		.uidnext = m->uidnext,
		.messages = m->messages},
	    .target = {.uidvalidity = b->target_uidvalidity},
	};
	return sync_state_put(p->state, m->source, m->target, &box, err);
}

static void hand_over(struct sync_pairing *p, struct box *b)
{
	struct error ignored;

	if (b->count > 0 && !p->has_failed)
		p->has_failed =
		    need_record(p, b, &ignored) < 0 ||
		    sync_state_add_pairs(p->state, b->m->source, b->m->target,
			b->list, b->count, &ignored) < 0;
	p->pairs -= b->count;
	b->count = b->cap = 0;
	free(b->list);
	b->list = NULL;
}

static void hand_over_all(struct sync_pairing *p)
{
	for (size_t i = 0; i < p->box_count; i++)
		if (p->boxes[i].count > 0)
			hand_over(p, &p->boxes[i]);
}

static void forget(struct sync_pairing *p, struct box *b)
{
	struct error ignored;

	p->pairs -= b->count;
	b->count = 0;
	b->is_known = false;
	p->has_failed |= sync_state_forget(p->state, b->m->source, b->m->target,
			     &ignored) < 0;
}

static void add(struct sync_pairing *p, struct box *b,
    uint32_t target_uidvalidity, struct sync_state_pair pair)
{
	if (b->is_void || pair.source_uid == 0)
		return;
	if (b->target_uidvalidity &&
	    b->target_uidvalidity != target_uidvalidity) {
		forget(p, b);
		b->is_void = true;
		return;
	}
	b->target_uidvalidity = target_uidvalidity;
	b->list = mem_grow(b->list, &b->cap, b->count, sizeof(*b->list));
	b->list[b->count++] = pair;
	p->pairs++;
	if (b->count >= PAIRS_MAX)
		hand_over(p, b);
	else if (p->pairs >= ALL_PAIRS_MAX)
		hand_over_all(p);
}

void sync_pairing_add(struct sync_pairing *p, const struct sync_mailbox *m,
    uint32_t target_uidvalidity, uint32_t source_uid, uint32_t target_uid)
{
	const struct sync_pair pair = {source_uid, target_uid};

	sync_pairing_add_all(p, m, target_uidvalidity, &pair, 1);
}

void sync_pairing_add_all(struct sync_pairing *p, const struct sync_mailbox *m,
    uint32_t target_uidvalidity, const struct sync_pair *pairs, size_t count)
{
	if (!p || !m->uidvalidity || !target_uidvalidity)
		return;
	(void)pthread_mutex_lock(&p->mutex);
	for (size_t i = 0; i < count; i++)
		add(p, box_of(p, m), target_uidvalidity,
		    (struct sync_state_pair){pairs[i].source, pairs[i].target});
	(void)pthread_mutex_unlock(&p->mutex);
}

void sync_pairing_forget(struct sync_pairing *p, const struct sync_mailbox *m)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->mutex);
	forget(p, box_of(p, m));
	(void)pthread_mutex_unlock(&p->mutex);
}

void sync_pairing_keep(struct sync_pairing *p, const struct sync_mailbox *m,
    const struct sync_uids *kept)
{
	struct error ignored;

	if (!p)
		return;
	(void)pthread_mutex_lock(&p->mutex);
	p->has_failed |= sync_state_drop_missing(p->state, m->source, m->target,
			     kept->list, kept->count, &ignored) < 0;
	(void)pthread_mutex_unlock(&p->mutex);
}

void sync_pairing_flush(struct sync_pairing *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->mutex);
	hand_over_all(p);
	(void)pthread_mutex_unlock(&p->mutex);
}
