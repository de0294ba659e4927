// SPDX-License-Identifier: MIT
#include "engine/verify/verify_flags.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/imap/imap_quote.h"

enum {
	SETS_MAX = 30000,
	SETS_BYTES_MAX = 4 * 1024 * 1024,
	SET_BYTES_MAX = 4096,
	FLAGS_MAX = 256, /* of one message */
	FLAG_BYTES_MAX = 255,
	SLOTS_FIRST = 64
};

/* Flags of one list, as they stand in it. */
struct words {
	struct imap_str word[FLAGS_MAX];
	size_t count;
	bool is_lost; /* more or longer ones than anybody needs */
};

void verify_flags_init(struct verify_flags *f)
{
	*f = (struct verify_flags){0}; // most mailboxes of many have none
}

void verify_flags_release(struct verify_flags *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->sets[i]);
	free(f->sets);
	free(f->slots);
	free(f->kept);
	*f = (struct verify_flags){0};
}

static size_t hash_of(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}

/* Where the set stands, or would. */
static size_t slot_of(const struct verify_flags *f, const char *text)
{
	size_t at = hash_of(text) % f->slot_count;

	while (f->slots[at] && strcmp(f->sets[f->slots[at] - 1], text) != 0)
		at = (at + 1) % f->slot_count;
	return at;
}

static void grow_slots(struct verify_flags *f)
{
	free(f->slots);
	f->slot_count = f->slot_count ? f->slot_count * 2 : SLOTS_FIRST;
	f->slots = mem_calloc(f->slot_count, sizeof(*f->slots));
	for (size_t i = 0; i < f->count; i++)
		f->slots[slot_of(f, f->sets[i])] = (uint16_t)(i + 1);
}

/* Takes over the text. */
static uint16_t intern(struct verify_flags *f, char *text)
{
	size_t len = strlen(text);

	if (len == 0) {
		free(text);
		return VERIFY_FLAGS_NONE;
	}
	if (f->count * 2 >= f->slot_count)
		grow_slots(f);
	size_t at = slot_of(f, text);
	if (f->slots[at]) {
		free(text);
		return f->slots[at];
	}
	if (f->count >= SETS_MAX || f->bytes + len > SETS_BYTES_MAX) {
		free(text);
		return VERIFY_FLAGS_LOST;
	}
	f->sets = mem_grow(f->sets, &f->cap, f->count, sizeof(*f->sets));
	f->sets[f->count++] = text;
	f->bytes += len;
	f->slots[at] = (uint16_t)f->count;
	return f->slots[at];
}

const char *verify_flags_text(const struct verify_flags *f, uint16_t number)
{
	if (number == VERIFY_FLAGS_NONE)
		return "";
	return number <= f->count ? f->sets[number - 1] : "(too many)";
}

static void split(struct imap_str list, struct words *out)
{
	struct imap_cursor c = {list.s, list.s + list.len};
	struct imap_str word;

	out->count = 0;
	out->is_lost = false;
	for (;;) {
		(void)imap_space(&c);
		if (imap_at_end(&c))
			return;
		if (!imap_atom(&c, &word)) {
			if (!imap_skip(&c))
				return;
			continue; // a string or a list is no flag
		}
		if (imap_str_is(word, "\\Recent"))
			continue;
		if (out->count == FLAGS_MAX || word.len > FLAG_BYTES_MAX)
			out->is_lost = true;
		else
			out->word[out->count++] = word;
	}
}

static int by_word(const void *a, const void *b)
{
	const struct imap_str *x = a, *y = b;
	size_t least = x->len < y->len ? x->len : y->len;
	int order = strncasecmp(x->s, y->s, least);

	if (order == 0 && x->len != y->len)
		order = x->len < y->len ? -1 : 1;
	return order;
}

/* The set as a heap string; NULL when it is too long. */
static char *joined(struct words *w)
{
	char text[SET_BYTES_MAX];
	size_t used = 0;

	if (w->is_lost)
		return NULL;
	if (w->count > 1)
		qsort(w->word, w->count, sizeof(*w->word), by_word);
	for (size_t i = 0; i < w->count; i++) {
		const struct imap_str *s = &w->word[i];
		if (i > 0 && by_word(s, s - 1) == 0)
			continue; // told twice
		if (used + s->len + 2 > sizeof(text))
			return NULL;
		if (used > 0)
			text[used++] = ' ';
		for (size_t k = 0; k < s->len; k++)
			text[used++] = s->s[k] >= 'A' && s->s[k] <= 'Z'
					   ? (char)(s->s[k] - 'A' + 'a')
					   : s->s[k];
	}
	return mem_strndup(text, used);
}

uint16_t verify_flags_number(
    struct verify_flags *f, struct imap_str list, bool *deleted_out)
{
	struct words w;

	split(list, &w);
	*deleted_out = false;
	for (size_t i = 0; i < w.count; i++)
		*deleted_out |= imap_str_is(w.word[i], "\\Deleted");
	char *text = joined(&w);
	return text ? intern(f, text) : VERIFY_FLAGS_LOST;
}

void verify_flags_set_kept(struct verify_flags *f, struct imap_str list)
{
	struct words w;

	if (list.len > 1 && list.s[0] == '(')
		list = (struct imap_str){list.s + 1, list.len - 2};
	split(list, &w);
	free(f->kept);
	f->kept = NULL;
	f->keeps_any = false;
	for (size_t i = 0; i < w.count; i++)
		f->keeps_any |= imap_str_is(w.word[i], "\\*");
	if (w.count > 0)
		f->kept = joined(&w);
}

static bool has_word(const char *set, struct imap_str word)
{
	while (*set) {
		size_t len = strcspn(set, " ");
		if (len == word.len && strncasecmp(set, word.s, len) == 0)
			return true;
		set += len + (set[len] == ' ');
	}
	return false;
}

static bool is_sent(struct imap_str flag)
{
	if (flag.s[0] != '\\')
		return imap_quote_is_atom(flag.s, flag.len);
	return imap_str_is(flag, "\\Seen") || imap_str_is(flag, "\\Answered") ||
	       imap_str_is(flag, "\\Flagged") || imap_str_is(flag, "\\Draft");
}

uint16_t verify_flags_copied(const struct verify_flags *source, uint16_t number,
    struct verify_flags *target, bool *dropped_out)
{
	struct words all, sent = {.count = 0};

	*dropped_out = false;
	if (number == VERIFY_FLAGS_NONE)
		return number;
	if (number > source->count)
		return VERIFY_FLAGS_LOST;
	char *set = source->sets[number - 1];
	split((struct imap_str){set, strlen(set)}, &all);
	for (size_t i = 0; i < all.count; i++) {
		struct imap_str flag = all.word[i];
		bool is_kept = !target->kept ||
			       (flag.s[0] != '\\' && target->keeps_any) ||
			       has_word(target->kept, flag);
		if (imap_str_is(flag, "\\Deleted"))
			continue;
		if (is_sent(flag) && is_kept)
			sent.word[sent.count++] = flag;
		else
			*dropped_out = true;
	}
	char *text = joined(&sent);
	return text ? intern(target, text) : VERIFY_FLAGS_LOST;
}
