// SPDX-License-Identifier: MIT
#include "engine/verify/verify_match.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/verify/verify_list.h"

typedef int compare(const struct verify_entry *a, const struct verify_entry *b);

/* Some entries of one list, by number; sorted by a comparison. */
struct choice {
	const struct verify_list *list;
	compare *order;
	uint32_t *numbers;
	size_t count;
};

/* Which ones: those whose marks under `mask` are `marks`. */
struct which {
	unsigned mask, marks;
};

static int by_number(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_seconds(
    const struct verify_entry *a, const struct verify_entry *b)
{
	return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

static int by_strict(const struct verify_entry *a, const struct verify_entry *b)
{
	return memcmp(a->strict, b->strict, sizeof(a->strict));
}

static int by_strict_and_size(
    const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_strict(a, b);

	return order ? order : by_number(a->size, b->size);
}

static int by_all(const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_strict_and_size(a, b);

	if (order == 0)
		order = by_seconds(a, b);
	return order ? order : by_number(a->flags, b->flags);
}

static int by_content_and_date(
    const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_strict_and_size(a, b);

	return order ? order : by_seconds(a, b);
}

static int by_content_and_flags(
    const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_strict_and_size(a, b);

	return order ? order : by_number(a->flags, b->flags);
}

/* The same header, and another size: a line end, perhaps. */
static int by_strict_and_date(
    const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_strict(a, b);

	return order ? order : by_seconds(a, b);
}

static int by_strict_date_and_flags(
    const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_strict_and_date(a, b);

	return order ? order : by_number(a->flags, b->flags);
}

static int by_ident(const struct verify_entry *a, const struct verify_entry *b)
{
	return by_number(a->ident, b->ident);
}

static int by_ident_and_size(
    const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_ident(a, b);

	return order ? order : by_number(a->size, b->size);
}

static int by_date_and_size(
    const struct verify_entry *a, const struct verify_entry *b)
{
	int order = by_seconds(a, b);

	return order ? order : by_number(a->size, b->size);
}

static int by_choice(const void *a, const void *b, void *context)
{
	const struct choice *c = context;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int order = c->order(&c->list->entries[x], &c->list->entries[y]);

	return order ? order : by_number(x, y);
}

static bool is_chosen(
    const struct verify_entry *e, compare *order, struct which which)
{
	if (e->pair != VERIFY_NO_PAIR || (e->marks & which.mask) != which.marks)
		return false;
	if (order == by_ident || order == by_ident_and_size)
		return e->ident != 0;
	if (order == by_seconds || order == by_date_and_size)
		return e->seconds != VERIFY_NO_DATE;
	return true;
}

static struct choice choose(
    const struct verify_list *list, compare *order, struct which which)
{
	struct choice c = {.list = list, .order = order};
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += is_chosen(&list->entries[i], order, which);
	if (count == 0)
		return c;
	c.numbers = mem_calloc(count, sizeof(*c.numbers));
	for (size_t i = 0; i < list->count; i++)
		if (is_chosen(&list->entries[i], order, which))
			c.numbers[c.count++] = (uint32_t)i;
	qsort_r(c.numbers, c.count, sizeof(*c.numbers), by_choice, &c);
	return c;
}

static void join(struct verify_list *source, struct verify_list *target,
    compare *order, struct which from, struct which to, unsigned marks)
{
	struct choice a = choose(source, order, from);
	struct choice b = {0};
	size_t i = 0, j = 0;

	if (a.count > 0)
		b = choose(target, order, to);
	while (i < a.count && j < b.count) {
		struct verify_entry *x = &source->entries[a.numbers[i]];
		struct verify_entry *y = &target->entries[b.numbers[j]];
		int c = order(x, y);
		if (c == 0) {
			x->pair = b.numbers[j++];
			y->pair = a.numbers[i++];
			x->marks |= (uint16_t)marks;
			y->marks |= (uint16_t)marks;
		} else if (c < 0) {
			i++;
		} else {
			j++;
		}
	}
	free(a.numbers);
	free(b.numbers);
}

/* Marks what is left and has its like among those of the same side that have a
 * pair: there is more of it here than on the other side. */
static void mark_doubled(struct verify_list *list)
{
	const struct which all = {VERIFY_MARK_UNREADABLE, 0};
	struct choice left = choose(list, by_strict_and_size, all);
	struct choice paired = {.list = list, .order = by_strict_and_size};
	size_t i = 0, j = 0;

	if (left.count > 0) {
		paired.numbers =
		    mem_calloc(list->count, sizeof(*paired.numbers));
		for (size_t n = 0; n < list->count; n++)
			if (list->entries[n].pair != VERIFY_NO_PAIR)
				paired.numbers[paired.count++] = (uint32_t)n;
		qsort_r(paired.numbers, paired.count, sizeof(*paired.numbers),
		    by_choice, &paired);
	}
	while (i < left.count && j < paired.count) {
		struct verify_entry *e = &list->entries[left.numbers[i]];
		int c =
		    by_strict_and_size(e, &list->entries[paired.numbers[j]]);
		if (c == 0)
			e->marks |= VERIFY_MARK_DOUBLED;
		if (c <= 0)
			i++;
		else
			j++;
	}
	free(left.numbers);
	free(paired.numbers);
}

/* The source's sets become numbers of the target's. */
static void copy_flags(struct verify_list *source, struct verify_list *target)
{
	size_t sets = source->flags.count + 1;
	uint16_t *copied = mem_calloc(sets, sizeof(*copied));
	bool *dropped = mem_calloc(sets, sizeof(*dropped));

	for (size_t i = 0; i < sets; i++)
		copied[i] = verify_flags_copied(
		    &source->flags, (uint16_t)i, &target->flags, &dropped[i]);
	for (size_t i = 0; i < source->count; i++) {
		struct verify_entry *e = &source->entries[i];
		if (e->flags >= sets)
			continue; // lost
		if (dropped[e->flags])
			e->marks |= VERIFY_MARK_KEYWORDS;
		e->flags = copied[e->flags];
	}
	free(copied);
	free(dropped);
}

void verify_match(
    struct verify_list *source, struct verify_list *target, bool with_digests)
{
	enum {
		DELETED = VERIFY_MARK_DELETED,
		UNREADABLE = VERIFY_MARK_UNREADABLE,
		DOUBLED = VERIFY_MARK_DOUBLED
	};

	const struct which live = {DELETED | UNREADABLE, 0};
	const struct which deleted = {DELETED | UNREADABLE, DELETED};
	const struct which readable = {UNREADABLE, 0};
	const struct which lost = {DELETED | UNREADABLE, UNREADABLE};
	const struct which target_lost = {UNREADABLE, UNREADABLE};
	const struct which odd = {DELETED | UNREADABLE | DOUBLED, 0};
	const struct which target_odd = {UNREADABLE | DOUBLED, 0};
	static compare *const passes[] = {by_all, by_content_and_date,
	    by_strict_date_and_flags, by_strict_and_date, by_content_and_flags,
	    by_strict_and_size, by_strict};
	static compare *const weak[] = {
	    by_ident_and_size, by_ident, by_date_and_size};

	copy_flags(source, target);
	for (size_t i = 0; i < ARRAY_LEN(passes); i++)
		join(source, target, passes[i], live, readable, 0);
	// a copy of what was deleted later may stay
	join(source, target, by_strict, deleted, readable, 0);
	if (!with_digests)
		return;
	mark_doubled(source);
	mark_doubled(target);
	join(source, target, by_seconds, lost, target_odd, 0);
	join(source, target, by_seconds, odd, target_lost, 0);
	for (size_t i = 0; i < ARRAY_LEN(weak); i++)
		join(
		    source, target, weak[i], odd, target_odd, VERIFY_MARK_WEAK);
}
